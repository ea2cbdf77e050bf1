//! Sample in, settings out: every file under `tests/data/dialect/` is read as its folder's dialect, and what comes
//! of it is compared with the `.expected` file beside it. `UPDATE_EXPECTED=1` writes those files anew. Where a dialect has
//! no file, a sample has variables of the environment, `NAME=value`, and flags.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tlsport::dialect::{self, Source, System, kdb};
use tlsport::settings::hba::{AddressPattern, NamePattern, Rule, SystemName};
use tlsport::settings::{Builder, Level, Origin, Settings, TABLE};

/// A folder of samples, which is its own root, with an environment that does not change.
struct Folder {
    root: PathBuf,
    environment: Vec<(String, String)>,
}

impl Folder {
    fn new(root: &Path) -> Folder {
        let known = [("PKI", "/etc/pki"), ("HOST", "db.example.org")];
        let environment = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Folder {
            root: root.to_owned(),
            environment: environment.into(),
        }
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Source for Folder {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        System::default().read(&self.place(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Option<Vec<OsString>>> {
        System::default().list(&self.place(directory))
    }

    fn env(&self, name: &str) -> Option<String> {
        let mut known = self.environment.iter();
        let known = known.find(|(known, _)| *known == name);
        known.map(|(_, value)| value.clone())
    }

    fn openssl_dir(&self) -> Option<PathBuf> {
        Some("/ssl".into())
    }
}

/// A system without a word of its own.
struct Silence;

impl Source for Silence {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok((path == Path::new("silence")).then(Vec::new))
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

/// What holds in a dialect where its file says nothing.
fn defaults(dialect: &str) -> Settings {
    let mut builder = Builder::new(Settings::default());
    match dialect {
        "kdb" => dialect::read_environment(dialect, &Silence, &mut builder),
        _ => dialect::read(Some(dialect), &Silence, Path::new("silence"), &mut builder),
    }
    builder.settings().clone()
}

/// Reads a sample, of a dialect that is recognised unless it is named.
fn read(dialect: Option<&str>, source: &mut Folder, file: &str, builder: &mut Builder) {
    if !file.ends_with(".env") {
        dialect::read(dialect, source, Path::new(file), builder);
        return builder.begin_layer();
    }
    let text = fs::read_to_string(source.root.join(file)).expect("a readable sample");
    let variables = text.lines().filter(|line| !line.starts_with(['#', '-']));
    let variables = variables.filter_map(|line| line.split_once('='));
    source.environment = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    dialect::read_environment(dialect.unwrap_or(file), source, builder);
    builder.begin_layer();
    let flag = |name| text.lines().find_map(|line| line.strip_prefix(name));
    kdb::listen(flag("-E "), flag("-p "), source, builder);
}

/// What a file comes to: settings that are not its dialect's defaults, in a sample about these not tlsport's, then what
/// is wrong or worth saying.
fn outcome(dialect: Option<&str>, usual: &Settings, folder: &Path, file: &str) -> String {
    let mut source = Folder::new(folder);
    let mut builder = Builder::new(Settings::default());
    read(dialect, &mut source, file, &mut builder);
    let flag = Origin::Flag("--backend".into());
    // No service speaks MySQL's protocol.
    let backend = match folder.ends_with("manticore") {
        true => "tcp://127.0.0.1:1",
        false => "service://echo",
    };
    builder.set("backend", backend, flag);
    dialect::complete(&source, &mut builder);
    let mut text = String::new();
    for record in TABLE {
        let usual = (record.get)(usual);
        for (value, origin) in (record.get)(builder.settings()) {
            if !usual.contains(&(value.clone(), origin.clone())) {
                writeln!(text, "{} = {value} ({origin})", record.name).expect("a string grows");
            }
        }
    }
    if let Some(hba) = &builder.settings().postgresql.hba {
        let rules = hba.records.iter().map(rule);
        let maps = hba.maps.iter().map(|line| {
            let name = match &line.system {
                SystemName::Exactly(name) => name.clone(),
                SystemName::Matches(regex) => format!("/{regex}/"),
            };
            let user = names(std::slice::from_ref(&line.user));
            format!("map {}: {name} is {user} ({})", line.map, line.origin)
        });
        for line in rules.chain(maps) {
            writeln!(text, "{line}").expect("a string grows");
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

/// A record of `pg_hba.conf` as it was understood.
fn rule(rule: &Rule) -> String {
    let address = match &rule.address {
        AddressPattern::All => "anywhere".to_owned(),
        AddressPattern::Networks(networks) => {
            let one = |(address, bits): &(_, u8)| format!("{address}/{bits}");
            let networks: Vec<String> = networks.iter().map(one).collect();
            networks.join(",")
        }
    };
    let map = rule.map.as_ref().map(|map| format!(" map {map}"));
    format!(
        "rule {:?}: databases {}; users {}; {address}; {:?}, {:?} by {:?}{} ({})",
        rule.kind,
        names(&rule.databases),
        names(&rule.users),
        rule.method,
        rule.asks(),
        rule.client_name,
        map.unwrap_or_default(),
        rule.origin
    )
}

fn names(names: &[NamePattern]) -> String {
    let one = |name: &NamePattern| match name {
        NamePattern::Name(name) => format!("'{name}'"),
        NamePattern::Matches(regex) => format!("/{regex}/"),
        word => format!("{word:?}"),
    };
    let names: Vec<String> = names.iter().map(one).collect();
    names.join(",")
}

/// What is not worth showing of a sample.
fn usual(dialect: &str, file: &str) -> Settings {
    match file.contains("defaults") {
        true => Settings::default(),
        false => defaults(dialect),
    }
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
            if [".conf", ".json", ".env"]
                .iter()
                .any(|ending| name.ends_with(ending))
            {
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
        let usual = usual(&dialect, &file);
        let outcome = outcome(Some(&dialect), &usual, &folder, &file);
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
    for (dialect, folder, file) in samples() {
        if file.ends_with(".env") {
            continue;
        }
        let usual = usual(&dialect, &file);
        let named = outcome(Some(&dialect), &usual, &folder, &file);
        assert_eq!(
            outcome(None, &usual, &folder, &file),
            named,
            "{file} was not taken for a file of {dialect}"
        );
    }
}

#[test]
fn a_file_with_five_errors_reports_five_each_with_file_and_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialect/arangodb");
    let usual = defaults("arangodb");
    let outcome = outcome(Some("arangodb"), &usual, &folder, "five-errors.conf");
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
