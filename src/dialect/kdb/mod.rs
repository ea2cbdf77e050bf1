//! kdb+'s TLS, which has no file: variables of the environment, `-E` and `-p`. Its server and its client have the same
//! variables, so each of them fills the options of both sides: `ssl.*`, which clients of ours take as well, and
//! `backend.*`.
//!
//! Read next: `environment` (the variables), `files` (where they are when nobody says), `words` (what the variables may
//! say), `port` (`-E` and `-p`), `dictionary` (`(-26!)[]`).

mod dictionary;
mod environment;
mod files;
mod port;
mod words;

pub use dictionary::{dictionary, written};
pub(super) use files::complete;
pub use port::listen;

use super::{OfEnvironment, Source};
use crate::settings::{
    BackendTls, Builder, CaFileMode, OptionMask, Policy, Protocol, Setting, Settings, Version,
    Words,
};
use environment::Reading;

pub(super) const DIALECT: OfEnvironment = OfEnvironment {
    name: "kdb",
    defaults,
    read,
};

/// What a client of kdb+ says where it could not set up TLS, whatever the cause: that is told by the lines before.
pub const NO_CONNECTION: &str = "'conn. OS reports: Protocol not available";

/// What it says where that took too long.
pub const TIMEOUT: &str = "'timeout";

/// What kdb+'s manual prints as the default of `SSL_CIPHER_LIST`.
const CIPHER_LIST: &str = concat!(
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:",
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:",
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:",
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA:",
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:",
    "DHE-RSA-AES128-SHA:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-ECDSA-DES-CBC3-SHA:",
    "ECDHE-RSA-DES-CBC3-SHA:EDH-RSA-DES-CBC3-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:",
    "AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA:!DSS",
);

/// What holds where no variable is set, but for the files: those are where libssl has its own. kdb+ leaves to libssl
/// whatever it has no variable for.
fn defaults() -> Settings {
    let policy = Policy {
        words: Words::Kdb,
        system_ca: Setting::built_in(Some(false)),
        ca_file_mode: Setting::built_in(CaFileMode::Original),
        accept_expired: Setting::built_in(true),
        protocol: Setting::built_in(Protocol(9)),
        min_protocol: Setting::built_in(Some(Version::Tls1)),
        options: Setting::built_in(OptionMask::default()),
        cipher_list: Setting::built_in(CIPHER_LIST.into()),
        groups: Setting::built_in(String::new()),
        alpn: Setting::built_in(Vec::new()),
        session_cache: Setting::built_in(true),
        session_tickets: Setting::built_in(Some(true)),
        ..Policy::default()
    };
    Settings {
        backend_tls: BackendTls {
            policy: policy.clone(),
            ..BackendTls::default()
        },
        policy,
        ..Settings::default()
    }
}

fn read(source: &dyn Source, builder: &mut Builder) {
    builder.begin_layer();
    Reading::new(source, builder).apply();
}

#[cfg(test)]
mod tests;
