//! The grammar of `manticore.conf`: sections in braces, `key = value` with the value up to the end of its line, and
//! comments behind `#`, anywhere.
//!
//! In a value a backslash at the end of the line goes on with the next, and `\#` is no comment. As the original's does,
//! this reader goes letter by letter, so that braces, names, `=` and values stand on lines as they please. It knows
//! nothing of what sections and keys mean. Read next: `reading`.

use crate::settings::quoted;

/// A part of a file, or what is wrong with it, and the line where it begins.
pub(super) struct Found {
    pub(super) line: usize,
    pub(super) part: Result<Part, String>,
}

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A section begins: its kind, in lower case, and its name, if it has one.
    Section(String, Option<String>),
    /// A key of that section, in lower case, and its value.
    Key(String, String),
}

/// Reads a file, part by part, to its end, whatever is wrong.
pub(super) struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// The section that is open, and the line where it was opened.
    open: Option<(String, usize)>,
}

/// What is said of a section whose end was not found, or is in a value.
const UNCLOSED: &str = "is not closed by a '}' on a line of its own";

/// Whether a line begins a section of that kind.
pub(super) fn opens(line: &str, kind: &str) -> bool {
    let (word, behind) = line.trim().split_at(word(line.trim()));
    let behind = behind.trim_start();
    word.eq_ignore_ascii_case(kind) && (behind.is_empty() || behind.starts_with(['{', '#']))
}

/// How many bytes at the beginning are a word. A point is in none of the original's, but in options of ours.
fn word(text: &str) -> usize {
    text.find(|c: char| !is_in_word(c)).unwrap_or(text.len())
}

fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader {
            rest: text,
            line: 1,
            open: None,
        }
    }

    /// Takes so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// Takes what is left of a line, with its end.
    fn skip_line(&mut self) {
        let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        self.take(end);
    }

    /// The next letter that is neither blank nor in a comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            let text = self
                .rest
                .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
            self.take(self.rest.len() - text.len());
            if !text.starts_with('#') {
                return text.chars().next();
            }
            self.skip_line();
        }
    }

    fn take_word(&mut self) -> String {
        self.take(word(self.rest)).to_ascii_lowercase()
    }

    /// Takes a sign, before which there may be blanks and comments.
    fn expect(&mut self, sign: char) -> Result<(), String> {
        match self.peek() {
            Some(letter) if letter == sign => {
                self.take(sign.len_utf8());
                Ok(())
            }
            Some(letter) => Err(format!("expected '{sign}', got {}", shown(letter))),
            None => Err(format!("expected '{sign}', got the end of the file")),
        }
    }

    /// `kind {`, `kind name {` or `kind name : parent {`
    fn section(&mut self) -> Result<Part, String> {
        let line = self.line;
        let kind = self.take_word();
        self.open = Some((kind.clone(), line));
        let named = self.peek().is_some_and(is_in_word);
        let name = named.then(|| self.take_word());
        if named && self.peek() == Some(':') {
            self.take(1);
            self.peek();
            self.take_word();
        }
        match self.expect('{') {
            Ok(()) => Ok(Part::Section(kind, name)),
            Err(why) => {
                self.find_brace();
                Err(format!("section {}: {why}", quoted(&kind)))
            }
        }
    }

    /// Goes on behind the brace that was expected, if it is on this line; else nothing is open.
    fn find_brace(&mut self) {
        let line = self.rest.lines().next().unwrap_or("");
        match line.split('#').next().and_then(|line| line.find('{')) {
            Some(place) => {
                self.take(place + 1);
            }
            None => {
                self.open = None;
                self.skip_line();
            }
        }
    }

    fn key(&mut self) -> Result<Part, String> {
        let key = self.take_word();
        match self.expect('=') {
            Ok(()) => Ok(Part::Key(key, self.value())),
            Err(why) => {
                let hint = match (&self.open, self.rest.starts_with('{')) {
                    (Some((kind, line)), true) => {
                        format!(": section {} (line {line}) {UNCLOSED}", quoted(kind))
                    }
                    _ => String::new(),
                };
                self.skip_line();
                Err(format!("key {}: {why}{hint}", quoted(&key)))
            }
        }
    }

    fn value(&mut self) -> String {
        let mut value = String::new();
        loop {
            let end = self.rest.find(['\n', '#', '\\']);
            value.push_str(self.take(end.unwrap_or(self.rest.len())));
            let mut letters = self.rest.chars();
            match (letters.next(), letters.next()) {
                (Some('\\'), Some('\n' | '\r')) => self.skip_line(),
                (Some('\\'), Some('#')) => {
                    self.take(2);
                    value.push('#');
                }
                (Some('\\'), _) => value.push_str(self.take(1)),
                _ => {
                    self.skip_line();
                    return value.trim().to_owned();
                }
            }
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let letter = self.peek();
            let line = self.line;
            let part = match (letter, &self.open) {
                (None, None) => return None,
                (None, Some((kind, line))) => {
                    let (kind, line) = (quoted(kind), *line);
                    self.open = None;
                    let part = Err(format!("section {kind} {UNCLOSED}"));
                    return Some(Found { line, part });
                }
                (Some('}'), Some(_)) => {
                    self.open = None;
                    self.take(1);
                    continue;
                }
                (Some(letter), None) if is_in_word(letter) => self.section(),
                (Some(letter), Some(_)) if is_in_word(letter) => self.key(),
                (Some(letter), open) => {
                    let expected = match open {
                        Some((kind, _)) => format!("section {}: expected a key", quoted(kind)),
                        None => "expected a section".into(),
                    };
                    self.skip_line();
                    Err(format!("{expected}, got {}", shown(letter)))
                }
            };
            return Some(Found { line, part });
        }
    }
}

fn shown(letter: char) -> String {
    quoted(letter.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a text holds: `LINE kind {` and `LINE key=value`, and what is wrong after `!`.
    fn read(text: &str) -> Vec<String> {
        Reader::new(text)
            .map(|Found { line, part }| match part {
                Ok(Part::Section(kind, None)) => format!("{line} {kind} {{"),
                Ok(Part::Section(kind, Some(name))) => format!("{line} {kind} {name} {{"),
                Ok(Part::Key(key, value)) => format!("{line} {key}={value}"),
                Err(why) => format!("{line} ! {why}"),
            })
            .collect()
    }

    #[test]
    fn parts_stand_on_lines_as_they_please() {
        for text in [
            "searchd {\nlisten = 9312\n}\n",
            "searchd\n{\nlisten=9312\n}",
            "\n\nsearchd { listen = 9312\n}",
            "# x\nsearchd # x {\n# }\n{ # x\n listen # x\n = 9312 # x\n } # x",
            "SearchD{Listen=9312\r\n}\r\n",
        ] {
            let mut found = read(text).join(" ");
            found.retain(|c| !c.is_ascii_digit() && c != ' ');
            assert_eq!(found, "searchd{listen=", "{text}");
        }
    }

    #[test]
    fn a_part_is_on_the_line_where_it_begins() {
        let text = "source a : b\n{\n\tsql_query = \\\n SELECT \\\n 1\n}\n\nsearchd {\n\nlisten = 1\n\n  log\n = x\n}\n";
        assert_eq!(
            read(text),
            [
                "1 source a {",
                "3 sql_query=SELECT  1",
                "8 searchd {",
                "10 listen=1",
                "12 log=x"
            ]
        );
    }

    /// Each was tried with a server, which reads the same.
    #[test]
    fn a_value_goes_to_the_end_of_its_line() {
        for (line, value) in [
            ("k = 9306:mysql41", "9306:mysql41"),
            ("k =", ""),
            ("k = # nothing", ""),
            ("k = a b  # a comment", "a b"),
            ("k = a#b", "a"),
            ("k = a\\#b", "a#b"),
            ("k = a\\b\\\\#c", "a\\b\\#c"),
            ("k = a = b", "a = b"),
            ("k = a }", "a }"),
            ("k = { a", "{ a"),
            ("k = 193\\\n06 # x", "19306"),
            ("k = 193\\\r\n06", "19306"),
            ("k = a \\\n # x", "a"),
            ("k = a \\ # not at the end", "a \\"),
            ("k = 'a'", "'a'"),
        ] {
            let found = read(&format!("searchd {{\n{line}\n}}\n"));
            let lines = line.lines().count();
            assert_eq!(
                found,
                ["1 searchd {".to_owned(), format!("2 k={value}")],
                "{line} ({lines} lines)"
            );
        }
    }

    #[test]
    fn sections_have_names_and_parents() {
        let text =
            "source a{type=x\n}index b:c { path = y\n}\ntable t : u\n{\n}\ncommon{}indexer\n{}\n";
        assert_eq!(
            read(text),
            [
                "1 source a {",
                "1 type=x",
                "2 index b {",
                "2 path=y",
                "4 table t {",
                "7 common {",
                "7 indexer {"
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_the_rest_is_read() {
        for (text, expected) in [
            (
                "searchd { listen = 9312 }\n",
                vec![
                    "1 searchd {",
                    "1 listen=9312 }",
                    "1 ! section 'searchd' is not closed by a '}' on a line of its own",
                ],
            ),
            (
                "\nsearchd foo\n: bar baz {\nk = 1\n}\ncommon { }\n",
                vec![
                    "2 ! section 'searchd': expected '{', got 'b'",
                    "4 k=1",
                    "6 common {",
                ],
            ),
            (
                "searchd\nlisten = 1\ncommon {}",
                vec!["1 ! section 'searchd': expected '{', got '='", "3 common {"],
            ),
            (
                "index a { path = b }\nsearchd {\nk = 1\n}\n",
                vec![
                    "1 index a {",
                    "1 path=b }",
                    "2 ! key 'searchd': expected '=', got '{': section 'index' (line 1) is not closed by a '}' on a line of its own",
                    "3 k=1",
                ],
            ),
            (
                "searchd {\nlisten 9312\n[x]\nlog = y\n}\n}",
                vec![
                    "1 searchd {",
                    "2 ! key 'listen': expected '=', got '9'",
                    "3 ! section 'searchd': expected a key, got '['",
                    "4 log=y",
                    "6 ! expected a section, got '}'",
                ],
            ),
            (
                "searchd",
                vec!["1 ! section 'searchd': expected '{', got the end of the file"],
            ),
            (
                "searchd {\nlisten",
                vec![
                    "1 searchd {",
                    "2 ! key 'listen': expected '=', got the end of the file",
                    "1 ! section 'searchd' is not closed by a '}' on a line of its own",
                ],
            ),
            ("\u{1b}[", vec!["1 ! expected a section, got '\\u{1b}'"]),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_opens_a_section_is_told_from_others() {
        for line in [
            "searchd",
            " searchd {",
            "SEARCHD{",
            "searchd # x",
            "searchd { listen = 1",
        ] {
            assert!(opens(line, "searchd"), "{line}");
        }
        for line in [
            "",
            "searchds",
            "#searchd",
            "searchd = 1",
            "a searchd {",
            "searchd.x {",
        ] {
            assert!(!opens(line, "searchd"), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(.|\n){0,60}|(searchd|a|=|:|[{}#\\\\\r\n ]){0,30}") {
            let lines = text.split('\n').count();
            let found = Reader::new(&text);
            for Found { line, .. } in found {
                prop_assert!((1..=lines).contains(&line));
            }
        }

        #[test]
        fn a_value_comes_back(value in "[^\n\r\u{0}]*", name in "[a-z_]{1,9}") {
            // A last backslash would go on with the next line.
            let value = value.trim().trim_end_matches('\\');
            let written = value.replace('#', "\\#");
            let text = format!("searchd {{\n{name} = {written}\n}}\n");
            let part = Reader::new(&text).nth(1).map(|found| found.part);
            prop_assert_eq!(part, Some(Ok(Part::Key(name, value.trim().to_owned()))));
        }
    }
}
