use super::*;
use proptest::prelude::*;

/// What a text is, written by somebody else's writer.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(text) => serde_json::from_str(text).expect("a number"),
        Value::Text(text) => text.as_str().into(),
        Value::List(nodes) => nodes.iter().map(plain).collect(),
        Value::Object(members) => members
            .iter()
            .map(|member| (member.key.clone(), plain(&member.node)))
            .collect(),
    }
}

fn mistake(text: &str) -> String {
    let Mistake { line, column, why } = read(text).expect_err(text);
    format!("{line}:{column}: {why}")
}

#[test]
fn every_value_knows_its_line() {
    let text = "\n{\"a\": 1,\r\n \"b\"\n:\n[ true,\n null, \"\\n\"]}\n";
    let node = |line, value| Node { line, value };
    let list = vec![
        node(5, Value::Bool(true)),
        node(6, Value::Null),
        node(6, Value::Text("\n".into())),
    ];
    let member = |key: &str, line, node| Member {
        key: key.into(),
        line,
        node,
    };
    let object = vec![
        member("a", 2, node(2, Value::Number("1".into()))),
        member("b", 3, node(5, Value::List(list))),
    ];
    assert_eq!(read(text), Ok(node(2, Value::Object(object))));
}

#[test]
fn texts_are_read_with_all_that_stands_for_letters() {
    for (written, text) in [
        (r#""""#, ""),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u00e4\u20AC\ud83d\ude00 \u0000""#, "ä€😀 \0"),
        ("\"ä\u{7f}\u{2028}\"", "ä\u{7f}\u{2028}"),
    ] {
        let read = read(written).map(|node| node.value);
        assert_eq!(read, Ok(Value::Text(text.into())), "{written}");
    }
}

#[test]
fn numbers_are_as_they_were_written() {
    for written in ["0", "-0", "10", "-1.50", "1e3", "0.1E-07", "1e+400"] {
        let read = read(written).map(|node| node.value);
        assert_eq!(read, Ok(Value::Number(written.into())));
    }
}

#[test]
fn a_mistake_is_told_with_line_and_column() {
    for (text, told) in [
        ("", "1:1: expected a value, got the end of the file"),
        (" \n", "2:1: expected a value, got the end of the file"),
        ("nul", "1:1: expected a value, got 'n'"),
        ("True", "1:1: expected a value, got 'T'"),
        ("NaN", "1:1: expected a value, got 'N'"),
        ("nullx", "1:1: expected a value, got 'n'"),
        ("{}\n{}", "2:1: expected the end of the file, got '{'"),
        (
            "{\n  a: 1}",
            "2:3: expected a key in double quotes, got 'a'",
        ),
        ("{'a': 1}", "1:2: expected a key in double quotes, got '''"),
        ("{\"ä\" 1}", "1:6: expected ':' behind a key, got '1'"),
        (
            "{\"a\": 1 \"b\"",
            "1:9: expected ',' or '}' behind a value, got '\"'",
        ),
        ("[1 2]", "1:4: expected ',' or ']' behind a value, got '2'"),
        ("[1,", "1:4: expected a value, got the end of the file"),
        (
            "[1,]",
            "1:4: expected a value, got ']': the comma before it is one too many",
        ),
        (
            "{\"a\": 1,\n}",
            "2:1: expected a key in double quotes, got '}': the comma before it is one too many",
        ),
        ("01", "1:2: a number does not begin with 0"),
        ("-", "1:2: expected a digit, got the end of the file"),
        ("1.", "1:3: expected a digit, got the end of the file"),
        ("1.e", "1:3: expected a digit, got 'e'"),
        ("1e+ ", "1:4: expected a digit, got ' '"),
        ("[+1]", "1:2: expected a value, got '+'"),
        (".5", "1:1: expected a value, got '.'"),
        ("[\"a\n\"]", "1:2: this text does not end"),
        ("\"a", "1:1: this text does not end"),
        ("\"a\\", "1:3: no letter is written like this"),
        ("\"\\x41\"", "1:2: no letter is written like this"),
        ("\"\\u12g4\"", "1:2: no letter is written like this"),
        ("\"\\u+123\"", "1:2: no letter is written like this"),
        ("\"\\ud83d\"", "1:2: no letter is written like this"),
        ("\"\\ud83d\\u0041\"", "1:2: no letter is written like this"),
        ("\"\\ude00\"", "1:2: no letter is written like this"),
        ("\"a\tb\"", "1:3: this letter is written \\u0009 in a text"),
        ("\u{a0}1", "1:1: expected a value, got '\u{a0}'"),
    ] {
        assert_eq!(mistake(text), told, "{text}");
    }
}

#[test]
fn what_is_often_meant_is_said() {
    for text in [
        "{{ include \"tls.tmpl\" }}",
        "{\n \"port\": {{ env \"PORT\" }}\n}",
        "{ {{ if .tls }} }",
    ] {
        assert!(mistake(text).contains("flexible configuration"), "{text}");
    }
    for text in ["{\n// x\n}", "/* x */ {}", "{ # x\n}", "{\"a\": 1 // x\n}"] {
        assert!(mistake(text).contains("no comments in JSON"), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(DEEPEST)).is_ok());
    assert!(mistake(&nested(DEEPEST + 1)).contains("more than 128 deep"));
    assert!(mistake(&"[{\"a\":".repeat(100_000)).contains("more than 128 deep"));
}

#[test]
fn a_long_line_takes_no_long_time() {
    let text = format!("[{}1]", "\"a\",".repeat(300_000));
    assert!(read(&text).is_ok());
}

proptest! {
    #[test]
    fn the_same_texts_are_json_as_to_serde_json(
        any in ".{0,40}",
        text in "([{}\\[\\],: \n]|\"[a\\\\u0d8ü\t]{0,7}\"|-?[01]{1,2}(\\.[0-9]?)?(e[+-]?[0-9]?)?|true|null|x){0,24}",
    ) {
        for text in [any, text] {
            match (read(&text), serde_json::from_str::<serde_json::Value>(&text)) {
                (Ok(node), Ok(value)) => prop_assert_eq!(plain(&node), value),
                (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text),
            }
        }
    }

    #[test]
    fn what_serde_json_writes_is_read(
        texts in prop::collection::vec(any::<String>(), 0..9),
        numbers in prop::collection::vec(any::<i64>(), 0..9),
        pretty: bool,
    ) {
        let value = serde_json::json!({"texts": texts, "numbers": numbers, "deep": [[{"a": null}], {}]});
        let text = match pretty {
            true => serde_json::to_string_pretty(&value),
            false => serde_json::to_string(&value),
        }.expect("written");
        prop_assert_eq!(read(&text).map(|node| plain(&node)), Ok(value));
    }

    #[test]
    fn a_mistake_lies_within_the_text(text in "([{}\\[\\],:\"\\\\ä \n]|true|1){0,30}") {
        if let Err(Mistake { line, column, .. }) = read(&text) {
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert!((1..=lines.len()).contains(&line));
            prop_assert!((1..=lines[line - 1].chars().count() + 1).contains(&column));
        }
    }
}
