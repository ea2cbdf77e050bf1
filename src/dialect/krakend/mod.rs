//! KrakenD's configuration, `krakend.json`: where the gateway listens, its `tls` towards clients, and its `client_tls`
//! towards backends. It is built with Go's library, whose rules hold where the keys leave something open.
//!
//! What is about requests is left alone; one note counts it. Read next: `service` (the keys of the file), `tls`,
//! `client_tls`, `choices` (what both have), `reading` (which keys count), and the grammars: `json`, `time`, `suites`.

mod choices;
mod client_tls;
mod json;
mod reading;
mod service;
mod suites;
mod time;
mod tls;

use super::file::text;
use super::{Dialect, Source};
use crate::error::Error;
use crate::settings::{
    AlpnMismatch, Builder, MaskPart, OptionMask, Policy, Protocol, Setting, Settings, Timeouts,
    Version, Words,
};
use json::{Mistake, Node, Value};
use reading::Reading;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) const DIALECT: Dialect = Dialect {
    name: "krakend",
    recognise,
    defaults,
    read,
};

/// Formats that the gateway reads as well, and tlsport does not.
const OTHER_FORMATS: &[&str] = &["yaml", "yml", "toml"];

/// No other system's file is an object of JSON.
fn recognise(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    let ours = |ending| name.starts_with("krakend") && name.ends_with(ending);
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let object = text.trim_ascii_start().starts_with(b"{");
    object || ours(".json") || OTHER_FORMATS.iter().any(|format| ours(format))
}

/// What the gateway does with a `tls` that names nothing but a certificate and its key, and what Go does by itself.
fn defaults() -> Settings {
    let options = ["NO_RENEGOTIATION", "NO_COMPRESSION", "PRIORITIZE_CHACHA"];
    let options = options.map(|name| MaskPart::Name(name.into())).into();
    let policy = Policy {
        words: Words::KrakenD,
        protocol: Setting::built_in(Protocol(9)),
        min_protocol: Setting::built_in(Some(Version::Tls1_3)),
        max_protocol: Setting::built_in(Some(Version::Tls1_3)),
        options: Setting::built_in(OptionMask(options)),
        cipher_list: Setting::built_in(suites::default_list()),
        ciphersuites: Setting::built_in(Some(suites::of_tls_1_3())),
        groups: Setting::built_in(choices::DEFAULT_GROUPS.into()),
        prefer_server_ciphers: Setting::built_in(Some(true)),
        alpn: Setting::built_in(vec!["h2".into(), "http/1.1".into()]),
        alpn_mismatch: Setting::built_in(AlpnMismatch::Refuse),
        session_tickets: Setting::built_in(Some(true)),
        num_tickets: Setting::built_in(Some(1)),
        session_timeout: Setting::built_in(Duration::from_secs(7 * 24 * 3600)),
        ..Policy::default()
    };
    let mut settings = Settings::default();
    settings.backend_tls.policy.words = Words::KrakenD;
    Settings {
        policy,
        timeouts: Timeouts {
            handshake: Setting::built_in(Duration::ZERO),
            ..settings.timeouts
        },
        ..settings
    }
}

fn read(source: &dyn Source, path: &Path, bytes: &[u8], builder: &mut Builder) {
    let shown = path.display();
    let root = text(bytes).and_then(|text| {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or("");
        if OTHER_FORMATS.contains(&ending) {
            return Err(format!(
                "{ending} is not read here, JSON is: convert the file first"
            ));
        }
        json::read(&text).map_err(|Mistake { line, column, why }| format!("{line}:{column}: {why}"))
    });
    let members = match root {
        Ok(Node {
            value: Value::Object(members),
            ..
        }) => members,
        Ok(Node { line, value }) => {
            let why = format!("{shown}:{line}: expected an object, got {}", value.kind());
            return builder.unread_file(Error::settings(why));
        }
        Err(why) => {
            let separator = match why.starts_with(|c: char| c.is_ascii_digit()) {
                true => ":",
                false => ": ",
            };
            return builder.unread_file(Error::settings(format!("{shown}{separator}{why}")));
        }
    };
    let reading = Reading {
        source,
        builder,
        file: Arc::from(path),
        left_alone: 0,
    };
    reading.service(&members);
}

#[cfg(test)]
mod tests;
