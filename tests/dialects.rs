//! Sample in, settings out: every file under `tests/data/dialect/` is read as its folder's dialect, and what comes
//! of it is compared with the `.expected` file beside it. `UPDATE_EXPECTED=1` writes those files anew.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tlsport::dialect::{self, Source, System};
use tlsport::settings::{Builder, Level, Origin, Settings, TABLE};

/// A folder of samples, with an environment that does not change.
struct Folder(PathBuf);

impl Source for Folder {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        System.read(&self.0.join(path))
    }

    fn env(&self, name: &str) -> Option<String> {
        let known = [("PKI", "/etc/pki"), ("HOST", "db.example.org")];
        let known = known.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    }
}

/// What a file comes to: settings that somebody chose, then what is wrong or worth saying.
fn outcome(dialect: &str, folder: &Path, file: &str) -> String {
    let source = Folder(folder.to_owned());
    let mut builder = Builder::new(Settings::default());
    dialect::read(Some(dialect), &source, Path::new(file), &mut builder);
    builder.begin_layer();
    let flag = Origin::Flag("--backend".into());
    builder.set("backend", "service://echo", flag);
    let mut text = String::new();
    for record in TABLE {
        for (value, origin) in (record.get)(builder.settings()) {
            if origin != Origin::BuiltIn {
                writeln!(text, "{} = {value} ({origin})", record.name).expect("a string grows");
            }
        }
    }
    let said: Vec<String> = match builder.finish() {
        Ok((_, notes)) => notes
            .iter()
            .map(|note| match note.level {
                Level::Warn => format!("warning: {note}"),
                Level::Info => format!("note: {note}"),
            })
            .collect(),
        Err(problems) => problems.0.iter().map(|e| format!("error: {e}")).collect(),
    };
    for line in said {
        writeln!(text, "{line}").expect("a string grows");
    }
    text
}

fn samples() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialect");
    let mut samples = Vec::new();
    for dialect in dialect::names() {
        let folder = root.join(dialect);
        let files = fs::read_dir(&folder).expect("every dialect has samples");
        for file in files {
            let name = file.expect("a readable folder").file_name();
            let name = name.to_string_lossy().into_owned();
            if name.ends_with(".conf") {
                samples.push((dialect.to_owned(), folder.clone(), name));
            }
        }
    }
    samples.sort();
    samples
}

#[test]
fn every_sample_comes_to_what_is_expected_of_it() {
    let samples = samples();
    assert!(samples.len() >= 10, "only {} samples", samples.len());
    let mut wrong = Vec::new();
    for (dialect, folder, file) in samples {
        let expected_file = folder.join(&file).with_extension("expected");
        let outcome = outcome(&dialect, &folder, &file);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected_file, &outcome).expect("samples can be written");
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if outcome != expected {
            wrong.push(format!(
                "{dialect}/{file}: expected\n{expected}but it came to\n{outcome}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn samples_are_recognised_without_being_named() {
    for (_, folder, file) in samples() {
        let mut builder = Builder::new(Settings::default());
        dialect::read(None, &Folder(folder), Path::new(&file), &mut builder);
        let said = builder
            .finish()
            .map_or_else(|e| e.to_string(), |_| String::new());
        assert!(!said.contains("not recognised"), "{file}: {said}");
    }
}

#[test]
fn a_file_with_five_errors_reports_five_each_with_file_and_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialect/arangodb");
    let outcome = outcome("arangodb", &folder, "five-errors.conf");
    let errors: Vec<&str> = outcome
        .lines()
        .filter_map(|line| line.strip_prefix("error: five-errors.conf:"))
        .collect();
    assert_eq!(errors.len(), 5, "{outcome}");
    assert!(
        errors
            .iter()
            .all(|error| error.starts_with(|c: char| c.is_ascii_digit()))
    );
    assert!(
        !outcome.contains("error: no"),
        "nothing else is wrong: {outcome}"
    );
}
