//! PostgreSQL's configuration: `postgresql.conf` with all that it includes, and the files that it names for who may come
//! in (`pg_hba.conf`, `pg_ident.conf`) and for server names (`pg_hosts.conf`, from 19 on).
//!
//! The settings are 16's with what came since. Those that have nothing to do with connections are left alone; one note
//! counts them. Words and order of what is refused are the server's where it refuses the same. Read next: `names` (what
//! becomes of each setting), `reading` and `applying` (how), `conf` and `words` (the grammars), `rules` (who may come in).

mod applying;
mod conf;
mod files;
mod hba;
mod hosts;
mod ident;
mod names;
mod pattern;
mod reading;
mod rules;
mod values;
mod words;

pub(super) use rules::complete;

use super::own::PREFIX;
use super::{Dialect, file};
use crate::settings::{
    AlpnMismatch, CaFileMode, DhParams, KeyPermissions, MaskPart, OptionMask, Passphrase, Policy,
    Protocol, Setting, Settings, Version, Words,
};
use reading::read;
use std::ffi::OsStr;
use std::path::Path;

pub(super) const DIALECT: Dialect = Dialect {
    name: "postgresql",
    recognise,
    defaults,
    read,
};

/// Settings of others that only such files have.
const TELLING: &[&str] = &[
    "checkpoint_timeout",
    "cluster_name",
    "default_text_search_config",
    "dynamic_shared_memory_type",
    "effective_cache_size",
    "lc_messages",
    "log_line_prefix",
    "max_connections",
    "max_wal_size",
    "min_wal_size",
    "password_encryption",
    "shared_buffers",
    "shared_preload_libraries",
    "wal_level",
    "work_mem",
];

/// Names of ours that other systems' files may have as well.
const COMMON: &[&str] = &["port", "ssl", "data_directory"];

fn recognise(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    if name.starts_with("postgresql") && name.ends_with(".conf") {
        return true;
    }
    let Ok(text) = file::text(bytes) else {
        return false;
    };
    text.lines().filter_map(conf::name).any(|name| {
        let ours = names::known(&name).is_some() && !COMMON.contains(&&name[..]);
        ours || TELLING.contains(&&name[..]) || name.starts_with(PREFIX)
    })
}

/// Those of PostgreSQL 16, with 17's ALPN.
fn defaults() -> Settings {
    let mask = ["NO_COMPRESSION", "NO_RENEGOTIATION"].map(|name| MaskPart::Name(name.into()));
    let policy = Policy {
        words: Words::PostgreSql,
        key_permissions: Setting::built_in(KeyPermissions::Private),
        passphrase: Setting::built_in(Passphrase::Prompt),
        ca_file_mode: Setting::built_in(CaFileMode::Request),
        protocol: Setting::built_in(Protocol(9)),
        min_protocol: Setting::built_in(Some(Version::Tls1_2)),
        options: Setting::built_in(OptionMask(mask.into())),
        cipher_list: Setting::built_in("HIGH:MEDIUM:+3DES:!aNULL".into()),
        groups: Setting::built_in("prime256v1".into()),
        dh_params: Setting::built_in(DhParams::BuiltIn),
        prefer_server_ciphers: Setting::built_in(Some(true)),
        alpn: Setting::built_in(vec!["postgresql".into()]),
        alpn_mismatch: Setting::built_in(AlpnMismatch::Refuse),
        session_cache: Setting::built_in(false),
        session_tickets: Setting::built_in(Some(false)),
        ..Policy::default()
    };
    // The deadline of a handshake is 60 s with both.
    Settings {
        policy,
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests;
