//! Settings as people and programs read them: every option, its value and who set it; then what libssl makes of them.
//!
//! What `tlsport show` prints. Nothing is checked here.

use crate::dialect::{System, kdb};
use crate::settings::{Form, Group, Note, Origin, Record, Settings, TABLE, Words};
use crate::tls::{self, Identity, Report};
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// For people. Without a report there is nothing of libssl in it.
pub fn text(of: &Settings, report: Option<&Report>, notes: &[Note]) -> String {
    let mut out = dictionary(of).map_or_else(String::new, |dictionary| {
        format!("{}\n", kdb::written(&dictionary))
    });
    let written = settings(of, &mut out)
        .and_then(|()| report.map_or(Ok(()), |report| openssl(report, &mut out)))
        .and_then(|()| remarks(notes, &mut out));
    debug_assert!(written.is_ok(), "a string takes all that is written");
    out
}

/// What kdb+ tells of itself, where it is kdb+ whose settings these are.
fn dictionary(of: &Settings) -> Option<[(&'static str, String); 8]> {
    let source = System {
        openssl_dir: tls::openssl_dir(),
    };
    let is_kdb = of.policy.words == Words::Kdb;
    is_kdb.then(|| kdb::dictionary(of, &source, &tls::library_version()))
}

/// For programs: one object, `settings`, `openssl` (null without a report) and `notes`; `kdb` where it is kdb+'s.
pub fn json(of: &Settings, report: Option<&Report>, notes: &[Note]) -> String {
    let mut shown = json!({
        "settings": settings_as_json(of),
        "openssl": report.map(report_as_json),
        "notes": notes.iter().map(Note::to_string).collect::<Vec<_>>(),
    });
    if let Some(dictionary) = dictionary(of) {
        let entries = dictionary.map(|(key, value)| (key.to_owned(), value.into()));
        shown["kdb"] = Value::Object(entries.into_iter().collect());
    }
    format!("{shown:#}\n")
}

/// Values longer than this go past their column rather than widen it for all.
const WIDEST: usize = 44;

fn settings(settings: &Settings, out: &mut String) -> fmt::Result {
    let wide = TABLE
        .iter()
        .map(|record| record.name.len())
        .max()
        .unwrap_or(0);
    let all = TABLE.iter().flat_map(|record| values(record, settings));
    let lengths = all.map(|(value, _)| value.chars().count());
    let value_wide = lengths
        .filter(|length| *length <= WIDEST)
        .max()
        .unwrap_or(0);
    for group in Group::ALL {
        writeln!(out, "{}", group.title())?;
        for record in TABLE.iter().filter(|record| record.group == group) {
            for (value, origin) in values(record, settings) {
                writeln!(
                    out,
                    "  {:<wide$}  {value:<value_wide$}  {origin}",
                    record.name
                )?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The values of an option, with a dash for none.
fn values(record: &Record, settings: &Settings) -> Vec<(String, Origin)> {
    let mut values = (record.get)(settings);
    for (value, _) in &mut values {
        if value.is_empty() {
            "''".clone_into(value);
        }
    }
    if values.is_empty() {
        values.push(("-".into(), Origin::BuiltIn));
    }
    values
}

fn settings_as_json(settings: &Settings) -> Value {
    TABLE
        .iter()
        .map(|record| {
            let mut values = (record.get)(settings)
                .into_iter()
                .map(|(value, origin)| json!({ "value": value, "origin": origin.to_string() }));
            let shown = match record.form {
                Form::Repeated => values.collect(),
                _ => values.next().unwrap_or(Value::Null),
            };
            (record.name.to_owned(), shown)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn openssl(report: &Report, out: &mut String) -> fmt::Result {
    policy("What OpenSSL makes of it", report, out)?;
    for (options, own) in &report.endpoints {
        let title = format!("\nWhat OpenSSL makes of it with {options}");
        policy(&title, own, out)?;
    }
    Ok(())
}

fn policy(title: &str, report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "{title}")?;
    let mut row = |name: &str, value: &str| writeln!(out, "  {name:<16}  {value}");
    row("library", &report.library)?;
    row("openssl.cnf", or_none(&report.config_file))?;
    row("versions", &versions(report))?;
    row("security level", &report.security_level.to_string())?;
    row("groups", or_none(&report.groups.join(":")))?;
    row("options", &format!("{:#x}", report.options_mask))?;
    for name in &report.options {
        row("", name)?;
    }
    row("verify client", &report.verify_client)?;
    row("session cache", &report.session_cache)?;
    row("session tickets", &report.session_tickets)?;
    row("ALPN", or_none(&report.alpn.join(", ")))?;
    writeln!(out, "\nCiphers, best first")?;
    let wide = report.ciphers.iter().map(|cipher| cipher.name.len()).max();
    let wide = wide.unwrap_or(0);
    for cipher in &report.ciphers {
        let (name, bits) = (&cipher.name, cipher.bits);
        writeln!(
            out,
            "  {name:<wide$}  {:<7}  {bits:>3} bits  {}",
            cipher.protocol, cipher.standard_name
        )?;
    }
    writeln!(out, "\nCertificates")?;
    report
        .identities
        .iter()
        .try_for_each(|identity| certificate(identity, out))
}

fn remarks(notes: &[Note], out: &mut String) -> fmt::Result {
    if !notes.is_empty() {
        writeln!(out, "\nRemarks")?;
    }
    notes.iter().try_for_each(|note| writeln!(out, "  {note}"))
}

fn versions(report: &Report) -> String {
    if report.min_protocol == report.max_protocol {
        report.min_protocol.clone()
    } else {
        format!("{} to {}", report.min_protocol, report.max_protocol)
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn certificate(identity: &Identity, out: &mut String) -> fmt::Result {
    let name = identity.server_name.as_deref().unwrap_or("default");
    writeln!(out, "  {name}: {}", identity.file)?;
    let mut row = |name: &str, value: &str| writeln!(out, "    {name:<14}  {value}");
    row("subject", &identity.subject)?;
    row("names", or_none(&identity.names.join(", ")))?;
    row("key", &identity.key)?;
    row(
        "until",
        &format!("{} ({})", identity.not_after, days_left(identity.days_left)),
    )?;
    row("chain", &chain(identity.chain_length))
}

fn chain(length: usize) -> String {
    match length {
        1 => "1 certificate".into(),
        length => format!("{length} certificates"),
    }
}

fn days_left(days: i64) -> String {
    match days {
        1 => "1 day left".into(),
        0.. => format!("{days} days left"),
        -1 => "over for 1 day".into(),
        _ => format!("over for {} days", -days),
    }
}

fn report_as_json(report: &Report) -> Value {
    let ciphers = report.ciphers.iter().map(|cipher| {
        json!({
            "name": cipher.name,
            "standard_name": cipher.standard_name,
            "protocol": cipher.protocol,
            "bits": cipher.bits,
        })
    });
    let identities = report.identities.iter().map(|identity| {
        json!({
            "server_name": identity.server_name,
            "file": identity.file,
            "subject": identity.subject,
            "names": identity.names,
            "key": identity.key,
            "not_after": identity.not_after,
            "days_left": identity.days_left,
            "chain_length": identity.chain_length,
        })
    });
    json!({
        "library": report.library,
        "config_file": report.config_file,
        "min_protocol": report.min_protocol,
        "max_protocol": report.max_protocol,
        "ciphers": ciphers.collect::<Value>(),
        "groups": report.groups,
        "security_level": report.security_level,
        "options": report.options,
        "options_mask": report.options_mask,
        "verify_client": report.verify_client,
        "identities": identities.collect::<Value>(),
        "session_cache": report.session_cache,
        "session_tickets": report.session_tickets,
        "alpn": report.alpn,
        "endpoints": report.endpoints.iter().map(|(options, own)| {
            json!({ "options": options, "openssl": report_as_json(own) })
        }).collect::<Value>(),
    })
}
