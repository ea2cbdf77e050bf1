//! Who may come in: reads `pg_hba.conf` and `pg_ident.conf`, which `postgresql.hba-file` and `postgresql.ident-file` name,
//! whoever named them.

use super::words::{self, Line, MOST_ERRORS, Outcome};
use super::{hba, ident};
use crate::dialect::Source;
use crate::error::Error;
use crate::settings::hba::{ClientCert, Hba, IdentLine, Rule, RuleKind};
use crate::settings::{
    Accept, Address, Backend, Builder, Note, Setting, Settings, VerifyClient, complaint, quoted,
};
use std::path::{Path, PathBuf};

const HBA: &str = "postgresql.hba-file";
const IDENT: &str = "postgresql.ident-file";

/// Hands the builder the rules, if there are any, and nothing wrong with them.
pub(in crate::dialect) fn complete(source: &dyn Source, builder: &mut Builder) {
    builder.set_rules(None);
    let settings = builder.settings();
    let unix = settings
        .endpoints
        .iter()
        .filter(|e| e.accept.is_postgresql())
        .find_map(|endpoint| {
            let own = settings.of_endpoint(endpoint);
            let ways = own.ways(endpoint.accept).into_iter();
            let mut unix = ways.filter(|way| is_unix(Some(way.backend)));
            unix.next().map(|way| way.origin.clone())
        });
    if let Some(origin) = unix {
        builder.note(Note::warn(format!(
            "{origin}: over its unix socket the server takes every client for the user that tlsport runs as: its \
             pg_hba.conf must have neither 'peer' nor 'trust' for 'local'"
        )));
    }
    let problems = builder.problems_so_far();
    read(source, builder);
    builder.of_rules_since(problems);
}

fn read(source: &dyn Source, builder: &mut Builder) {
    let files = builder.settings().postgresql.clone();
    let Some(path) = &files.hba_file.value else {
        let endpoints = &builder.settings().endpoints;
        if endpoints.iter().any(|e| e.value.accept.is_postgresql()) {
            let why = format!(
                "without '{HBA}', every client is passed on to the backend, with TLS or without"
            );
            builder.note(Note::info(why));
        }
        return;
    };
    let records = lines(source, &files.hba_file, path, HBA, builder)
        .and_then(|lines| each(&lines, builder, hba::rule));
    let maps = match &files.ident_file.value {
        Some(path) => lines(source, &files.ident_file, path, IDENT, builder)
            .and_then(|lines| maps(&lines, builder)),
        None => Some(Vec::new()),
    };
    if records.as_ref().is_some_and(Vec::is_empty) {
        let path = quoted(&path.display().to_string());
        let why = format!("configuration file {path} contains no entries");
        builder.problem(complaint(&files.hba_file.origin, HBA, &why));
    }
    if let (Some(records), Some(maps)) = (records, maps) {
        let hba = Hba { records, maps };
        for note in remarks(&hba, builder.settings()) {
            builder.note(note);
        }
        builder.set_rules(Some(hba));
    }
}

/// The lines of a file; without, what is wrong was said.
fn lines(
    source: &dyn Source,
    file: &Setting<Option<PathBuf>>,
    path: &Path,
    option: &str,
    builder: &mut Builder,
) -> Option<Vec<Line>> {
    let why = match words::read(source, path, builder) {
        Outcome::Lines(lines) => return Some(lines),
        Outcome::Wrong => return None,
        Outcome::Missing => "no such file or directory".to_owned(),
        Outcome::Unreadable(why) => why,
    };
    let path = quoted(&path.display().to_string());
    let why = format!("cannot read {path}: {why}");
    builder.problem(complaint(&file.origin, option, &why));
    None
}

/// What each line says; without, what is wrong was said.
fn each<T>(
    lines: &[Line],
    builder: &mut Builder,
    of: impl Fn(&Line) -> Result<T, String>,
) -> Option<Vec<T>> {
    let mut found = Vec::new();
    let mut errors = 0;
    for line in lines {
        match of(line) {
            Ok(one) => found.push(one),
            Err(why) => {
                let why = match errors + 1 {
                    MOST_ERRORS => format!("{why} (the rest was not looked at)"),
                    _ => why,
                };
                builder.problem(Error::settings(format!("{}: {why}", line.origin)));
                errors += 1;
            }
        }
        if errors == MOST_ERRORS {
            break;
        }
    }
    (errors == 0).then_some(found)
}

fn maps(lines: &[Line], builder: &mut Builder) -> Option<Vec<IdentLine>> {
    let found = each(lines, builder, ident::line)?;
    let mut maps = Vec::new();
    for (line, remark) in found {
        if let Some(remark) = remark {
            builder.note(Note::warn(format!("{}: {remark}", line.origin)));
        }
        maps.push(line);
    }
    Some(maps)
}

/// What is not wrong with rules, and will surprise.
fn remarks(hba: &Hba, settings: &Settings) -> Vec<Note> {
    let accepts = |accept| {
        let mut endpoints = settings.endpoints.iter();
        endpoints.any(|endpoint| endpoint.value.accept == accept)
    };
    let mut notes = Vec::new();
    let mut say = |which: &dyn Fn(&Rule) -> bool, text: &str| {
        let mut records = hba.records.iter().filter(|rule| which(rule));
        if let Some(first) = records.next() {
            let more = match records.count() {
                0 => String::new(),
                1 => " (and one record more)".into(),
                more => format!(" (and {more} records more)"),
            };
            notes.push(Note::warn(format!("{}: {text}{more}", first.origin)));
        }
    };
    if accepts(Accept::PostgreSql { tls: false }) && !accepts(Accept::PostgreSql { tls: true }) {
        say(
            &|rule| rule.kind == RuleKind::HostSsl,
            "hostssl record cannot match because SSL is disabled: set ssl = on in postgresql.conf",
        );
    }
    say(
        &|rule| rule.kind == RuleKind::HostGss,
        "hostgssenc record cannot match because GSSAPI is not supported here",
    );
    let verifies = settings.policy.verify() != VerifyClient::None
        || settings
            .names
            .iter()
            .any(|name| settings.policy_of(name).verify() != VerifyClient::None);
    if !verifies && accepts(Accept::PostgreSql { tls: true }) {
        say(
            &|rule| rule.asks() != ClientCert::Off,
            "client certificates can only be checked if a root certificate store is available: set ssl_ca_file in \
             postgresql.conf, or 'ssl.cafile'",
        );
    }
    say(
        &|rule| {
            let is_map = |map: &String| hba.maps.iter().any(|line| line.map == *map);
            let checked = rule.asks() == ClientCert::VerifyFull;
            checked && rule.map.as_ref().is_some_and(|map| !is_map(map))
        },
        "nobody can match, as pg_ident.conf has no such map",
    );
    notes
}

fn is_unix(backend: Option<&Backend>) -> bool {
    matches!(backend, Some(Backend::Address(Address::Unix(_))))
}
