//! `(-26!)[]`: kdb+'s view of its TLS settings.

use super::files::{CA_FILE, CA_PATH, CERTIFICATE, KEY, in_effect};
use super::words::{of_clients, of_servers};
use crate::dialect::Source;
use crate::settings::Settings;

/// What is in effect, under kdb+'s names and in its order; `library` is libssl's own text.
pub fn dictionary(
    settings: &Settings,
    source: &dyn Source,
    library: &str,
) -> [(&'static str, String); 8] {
    let policy = &settings.policy;
    let ca_path = policy
        .ca_dir
        .value
        .clone()
        .map(crate::settings::Setting::built_in);
    [
        ("SSLEAY_VERSION", library.to_owned()),
        (
            CERTIFICATE.variable,
            match policy.cert_files.is_empty() {
                // One file may hold both.
                true => in_effect(&policy.key_files, CERTIFICATE, source),
                false => in_effect(&policy.cert_files, CERTIFICATE, source),
            },
        ),
        (
            CA_FILE.variable,
            in_effect(&policy.ca_files, CA_FILE, source),
        ),
        (
            CA_PATH.variable,
            in_effect(ca_path.as_slice(), CA_PATH, source),
        ),
        (KEY.variable, in_effect(&policy.key_files, KEY, source)),
        ("SSL_CIPHER_LIST", policy.cipher_list.value.clone()),
        ("SSL_VERIFY_CLIENT", of_clients(settings).to_owned()),
        ("SSL_VERIFY_SERVER", of_servers(settings).to_owned()),
    ]
}

/// A dictionary as a console of kdb+ shows it: a line a key, the bars below each other.
pub fn written(dictionary: &[(&str, String)]) -> String {
    let keys = dictionary.iter().map(|(key, _)| key.len());
    let wide = keys.max().unwrap_or(0);
    let lines = dictionary
        .iter()
        .map(|(key, value)| format!("{key:<wide$}| {value}\n"));
    lines.collect()
}
