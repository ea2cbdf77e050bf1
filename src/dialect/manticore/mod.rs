//! Manticore Search's configuration, `manticore.conf`, and that of Sphinx, from which it comes: of its sections the one
//! of the server, `searchd`, and of its keys those about listeners, TLS and time.
//!
//! The rest is left alone; one note counts it. What is refused in a listener is told in the original's words. Read next:
//! `reading` (which keys count), `applying` (what becomes of them), `conf`, `listen` and `time` (the grammars).

mod applying;
mod conf;
mod listen;
mod reading;
mod time;

pub(super) use applying::complete;

use super::Dialect;
use crate::settings::{
    CaFileMode, OptionMask, Policy, Protocol, Setting, Settings, Timeouts, Unusable,
};
use reading::read;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

pub(super) const DIALECT: Dialect = Dialect {
    name: "manticore",
    recognise,
    defaults,
    read,
};

/// The section that counts.
const SEARCHD: &str = "searchd";

fn recognise(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    let is_ours = name.starts_with("manticore") || name.starts_with("sphinx");
    if is_ours && name.ends_with(".conf") {
        return true;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    text.lines().any(|line| conf::opens(line, SEARCHD))
}

/// Manticore sets next to nothing: what holds is libssl's own, or what openssl.cnf says.
fn defaults() -> Settings {
    let policy = Policy {
        ca_file_mode: Setting::built_in(CaFileMode::Original),
        protocol: Setting::built_in(Protocol(9)),
        options: Setting::built_in(OptionMask::default()),
        cipher_list: Setting::built_in(String::new()),
        groups: Setting::built_in(String::new()),
        alpn: Setting::built_in(Vec::new()),
        session_cache: Setting::built_in(true),
        session_tickets: Setting::built_in(Some(true)),
        ..Policy::default()
    };
    let settings = Settings::default();
    Settings {
        policy,
        unusable: Setting::built_in(Unusable::Degrade),
        timeouts: Timeouts {
            handshake: Setting::built_in(Duration::from_secs(5)),
            ..settings.timeouts
        },
        ..settings
    }
}

#[cfg(test)]
mod tests;
