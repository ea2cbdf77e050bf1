//! Every setting of `postgresql.conf` that concerns us, and the option of ours that it is.
//!
//! All others are left alone, unless their name is like one of these. Names that begin with `tlsport.`, which a server
//! takes for those of an extension, are our own options: see `own`.

use crate::settings::nearest_word;

/// What becomes of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// It has a part in something else: endpoints, files.
    Part,
    /// It is an option's value as it is.
    Text(&'static str),
    /// The same, and cannot be empty.
    Word(&'static str),
    /// It is a file or directory, in the data directory unless the path is absolute.
    File(&'static str),
    /// It is a boolean.
    Switch(&'static str),
    /// It is a file with parameters for Diffie-Hellman, or empty for the built-in ones.
    DhParams,
    /// It only tells, and cannot be set.
    ReadOnly,
    /// There is no such thing any more: only 0 may be written.
    Gone,
}

/// The settings, in alphabetical order.
pub(super) const NAMES: &[(&str, Take)] = &[
    ("authentication_timeout", Take::Part),
    ("data_directory", Take::Part),
    ("hba_file", Take::Part),
    ("hosts_file", Take::Part),
    ("ident_file", Take::Part),
    ("listen_addresses", Take::Part),
    ("port", Take::Part),
    ("ssl", Take::Part),
    ("ssl_ca_file", Take::File("ssl.cafile")),
    ("ssl_cert_file", Take::File("ssl.certfile")),
    ("ssl_ciphers", Take::Word("ssl.cipher-list")),
    ("ssl_crl_dir", Take::File("ssl.crl-dir")),
    ("ssl_crl_file", Take::File("ssl.crl-file")),
    ("ssl_dh_params_file", Take::DhParams),
    ("ssl_groups", Take::Word("ssl.groups")),
    ("ssl_key_file", Take::File("ssl.keyfile")),
    ("ssl_library", Take::ReadOnly),
    ("ssl_max_protocol_version", Take::Text("ssl.max-protocol")),
    ("ssl_min_protocol_version", Take::Word("ssl.min-protocol")),
    (
        "ssl_passphrase_command",
        Take::Text("ssl.passphrase-command"),
    ),
    (
        "ssl_passphrase_command_supports_reload",
        Take::Switch("ssl.passphrase-command-supports-reload"),
    ),
    (
        "ssl_prefer_server_ciphers",
        Take::Switch("ssl.prefer-server-ciphers"),
    ),
    ("ssl_renegotiation_limit", Take::Gone),
    ("ssl_sni", Take::Part),
    ("ssl_tls13_ciphers", Take::Text("ssl.ciphersuites")),
    ("unix_socket_directories", Take::Part),
];

/// Older names.
const ALIASES: &[(&str, &str)] = &[("ssl_ecdh_curve", "ssl_groups")];

/// What a name, in lower case, stands for.
pub(super) fn known(name: &str) -> Option<&'static (&'static str, Take)> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, meant)| meant);
    NAMES.iter().find(|(known, _)| *known == name)
}

/// Why an unknown name is not left alone.
pub(super) fn slip(name: &str) -> Option<String> {
    if name.contains('.') {
        let (prefix, _) = name.split_once('.')?;
        let near = nearest_word(prefix, ["tlsport"].into_iter())?;
        return Some(format!(": did you mean '{near}.'?"));
    }
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    let names = NAMES.iter().map(|(name, _)| *name).chain(aliases);
    match nearest_word(name, names) {
        Some(near) => Some(format!(": did you mean '{near}'?")),
        None => name.starts_with("ssl_").then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::find;

    #[test]
    fn names_are_in_order_and_stand_for_options() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name));
        for (name, take) in NAMES {
            if let Take::Text(option)
            | Take::Word(option)
            | Take::File(option)
            | Take::Switch(option) = take
            {
                assert!(find(option).is_some(), "{name}: {option}");
            }
        }
        for (alias, meant) in ALIASES {
            assert_eq!(known(alias), known(meant));
            assert!(known(meant).is_some());
        }
    }

    #[test]
    fn a_slip_is_told_from_another_setting() {
        for (name, meant) in [
            ("ssl_cert_fiel", ": did you mean 'ssl_cert_file'?"),
            ("ssl_certfile", ": did you mean 'ssl_cert_file'?"),
            ("sslcertfile", ": did you mean 'ssl_cert_file'?"),
            ("listen_address", ": did you mean 'listen_addresses'?"),
            (
                "unix_socket_directory",
                ": did you mean 'unix_socket_directories'?",
            ),
            ("ssl_horse", ""),
            ("tslport.backend", ": did you mean 'tlsport.'?"),
        ] {
            assert_eq!(slip(name).as_deref(), Some(meant), "{name}");
        }
        for name in [
            "pg_stat_statements.track",
            "plpgsql.extra_warnings",
            "work_mem",
        ] {
            assert_eq!(slip(name), None, "{name}");
        }
    }
}
