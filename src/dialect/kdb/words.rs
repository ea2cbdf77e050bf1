//! What variables may say, and what that comes to here.

use crate::settings::{Settings, Verification, VerifyClient, quoted};

/// A word, and the values of options that it stands for.
pub(super) type Word<T> = (&'static str, T);

/// `SSL_VERIFY_CLIENT`, as `ssl.verify-client` has it.
pub(super) const VERIFY_CLIENT: &[Word<&str>] = &[
    ("NO", "none"),
    ("YES", "require"),
    ("REQUESTONLY", "request-unverified"),
    ("IFPRESENT", "request"),
];

/// `SSL_VERIFY_SERVER`, as `ssl.verify-server` and `backend.sslmode` have it.
pub(super) const VERIFY_SERVER: &[Word<(&str, &str)>] = &[
    ("YES", ("chain", "verify-ca")),
    ("HOSTIP", ("name", "verify-full")),
    ("NO", ("none", "require")),
];

/// `SSL_MINPROTOCOL` and `SSL_MAXPROTOCOL`; without a version there is no bound.
pub(super) const PROTOCOLS: &[Word<Option<&str>>] = &[
    (SSL3, None),
    ("TLSv1", Some("TLSv1")),
    ("TLSv1.1", Some("TLSv1.1")),
    ("TLSv1.2", Some("TLSv1.2")),
    ("TLSv1.3", Some("TLSv1.3")),
    ("None", None),
];

/// The version that nobody here speaks.
pub(super) const SSL3: &str = "SSLv3";

/// The word that was meant, whatever its case.
pub(super) fn word<T: Copy>(text: &str, words: &[Word<T>]) -> Result<Word<T>, String> {
    let mut known = words.iter();
    let meant = known.find(|(word, _)| word.eq_ignore_ascii_case(text));
    meant.copied().ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{} is not one of {}", quoted(text), all.join(", "))
    })
}

/// kdb+'s word for what is asked of clients.
pub(super) fn of_clients(settings: &Settings) -> &'static str {
    match settings.policy.verify() {
        VerifyClient::None => "NO",
        VerifyClient::Require => "YES",
        VerifyClient::RequestUnverified => "REQUESTONLY",
        VerifyClient::Request => "IFPRESENT",
    }
}

/// kdb+'s word for what is asked of servers.
pub(super) fn of_servers(settings: &Settings) -> &'static str {
    match *settings.policy.verify_server {
        Verification::None => "NO",
        Verification::Authority => "YES",
        Verification::Name => "HOSTIP",
    }
}
