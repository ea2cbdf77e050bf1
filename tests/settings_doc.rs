//! The options in docs/SETTINGS.md are those of the table. `UPDATE_DOCS=1` writes them anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use tlsport::settings::{Form, Group, Record, Settings, TABLE};

const BEGIN: &str = "<!-- From here on made from src/settings/table by: UPDATE_DOCS=1 cargo test --test settings_doc -->\n";
const END: &str = "<!-- Up to here. -->\n";

/// Every option under its heading.
fn options() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        write!(text, "\n## {}\n", group.title()).expect("a string grows");
        for record in TABLE.iter().filter(|record| record.group == group) {
            text.push_str(&option(record));
        }
    }
    text.push('\n');
    text
}

fn option(record: &Record) -> String {
    let mut facts = Vec::new();
    match record.form {
        Form::Switch => facts.push("May stand without a value, for `true`.".to_owned()),
        Form::Repeated => facts.push("May be given several times.".to_owned()),
        Form::Value => {}
    }
    let defaults = (record.get)(&Settings::default());
    for (value, _) in defaults {
        facts.push(match value.as_str() {
            "" => "Default: empty.".to_owned(),
            value => format!("Default: `{value}`."),
        });
    }
    if record.per_name {
        facts.push("May follow a server name's keyfile.".to_owned());
    }
    if !record.aliases.is_empty() {
        let aliases: Vec<String> = record.aliases.iter().map(|a| format!("`{a}`")).collect();
        facts.push(format!("Also known as {}.", aliases.join(", ")));
    }
    let mut text = format!(
        "\n### {}\n`{}`\n\n{}\n",
        record.name, record.value, record.help
    );
    if !facts.is_empty() {
        writeln!(text, "\n{}", facts.join(" ")).expect("a string grows");
    }
    text
}

#[test]
fn the_reference_lists_the_options_of_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SETTINGS.md");
    let written = fs::read_to_string(&file).expect("docs/SETTINGS.md");
    let (head, rest) = written
        .split_once(BEGIN)
        .expect("the mark where the options begin");
    let (_, tail) = rest
        .split_once(END)
        .expect("the mark where the options end");
    let expected = format!("{head}{BEGIN}{}{END}{tail}", options());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &expected).expect("docs/SETTINGS.md can be written");
    } else {
        assert!(
            written == expected,
            "docs/SETTINGS.md differs from the table: UPDATE_DOCS=1 cargo test --test settings_doc"
        );
    }
}

#[test]
fn the_reference_speaks_of_no_option_that_does_not_exist() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SETTINGS.md");
    let written = fs::read_to_string(file).expect("docs/SETTINGS.md");
    let sections = ["ssl.", "tcp.", "timeout.", "limit.", "backend."];
    for word in written.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))) {
        let word = word.trim_end_matches('.');
        if sections.iter().any(|section| word.starts_with(section)) {
            assert!(tlsport::settings::find(word).is_some(), "'{word}'");
        }
    }
}
