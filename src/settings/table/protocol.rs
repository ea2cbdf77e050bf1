//! Versions, ciphers, groups, and whatever else libssl can be told.

use super::super::Setting;
use super::super::value::{Value, command, quoted, within};
use super::{Form, Group, PLAIN, Record, put, put_parsed, shown};

const BASE: Record = Record {
    group: Group::Protocol,
    ..PLAIN
};

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "ssl.protocol",
        aliases: &["server.ssl-protocol", "tls.protocol"],
        value: "2|3|4|5|6|9",
        help: "ArangoDB's protocol number: 2 and 9 negotiate all that libssl allows, 3 is SSLv3, 4 is TLS 1.0, \
               5 is TLS 1.2, 6 is TLS 1.3, each of these alone; 1 (SSLv2) is refused.",
        set: |settings, text, origin| put(&mut settings.policy.protocol, text, origin),
        get: |settings| shown(&settings.policy.protocol),
        ..BASE
    },
    Record {
        name: "ssl.min-protocol",
        value: "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3",
        help: "Lowest version to speak, instead of ssl.protocol's. Unless ssl.protocol is set as well, the highest is \
               libssl's own then.",
        set: |settings, text, origin| put(&mut settings.policy.min_protocol, text, origin),
        get: |settings| shown(&settings.policy.min_protocol),
        ..BASE
    },
    Record {
        name: "ssl.max-protocol",
        value: "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3",
        help: "Highest version to speak, instead of ssl.protocol's. Unless ssl.protocol is set as well, the lowest is \
               libssl's own then.",
        set: |settings, text, origin| put(&mut settings.policy.max_protocol, text, origin),
        get: |settings| shown(&settings.policy.max_protocol),
        ..BASE
    },
    Record {
        name: "ssl.cipher-list",
        aliases: &["server.ssl-cipher-list", "tls.cipher-list"],
        value: "STRING",
        help: "Ciphers of TLS 1.2 and older in OpenSSL's cipher list format; empty leaves them to libssl and its \
               openssl.cnf.",
        set: |settings, text, origin| put(&mut settings.policy.cipher_list, text, origin),
        get: |settings| shown(&settings.policy.cipher_list),
        ..BASE
    },
    Record {
        name: "ssl.ciphersuites",
        value: "NAME[:NAME]...",
        help: "Cipher suites of TLS 1.3, best first, by OpenSSL's names.",
        set: |settings, text, origin| put(&mut settings.policy.ciphersuites, text, origin),
        get: |settings| shown(&settings.policy.ciphersuites),
        ..BASE
    },
    Record {
        name: "ssl.groups",
        value: "NAME[:NAME]...",
        help: "Groups for the key exchange, best first, by OpenSSL's names; empty leaves them to libssl and its \
               openssl.cnf.",
        set: |settings, text, origin| put(&mut settings.policy.groups, text, origin),
        get: |settings| shown(&settings.policy.groups),
        ..BASE
    },
    Record {
        name: "ssl.ecdh-curve",
        aliases: &["tls.ecdh-curve"],
        value: "NAME",
        help: "ArangoDB's name for ssl.groups; takes one curve by its short name, or nothing. Shown as ssl.groups.",
        set: |settings, text, origin| {
            if let Some(sign) = text.chars().find(|c| ":,/".contains(*c)) {
                return Err(format!(
                    "{} is not one curve, as it holds '{sign}': ssl.groups takes several",
                    quoted(text)
                ));
            }
            put(&mut settings.policy.groups, text, origin)
        },
        ..BASE
    },
    Record {
        name: "ssl.dh-params",
        value: "FILE|built-in|none",
        help: "Parameters for suites of TLS 1.2 and older with DHE: of a PEM file, the group of 2048 bits of RFC 3526, or \
               none, which leaves these suites out.",
        set: |settings, text, origin| put(&mut settings.policy.dh_params, text, origin),
        get: |settings| shown(&settings.policy.dh_params),
        ..BASE
    },
    Record {
        name: "ssl.security-level",
        value: "0|1|2|3|4|5",
        help: "OpenSSL's security level, which keys, signatures and ciphers have to reach. A '@SECLEVEL=' in \
               ssl.cipher-list beats it.",
        set: |settings, text, origin| {
            let level = Option::<u32>::parse(text)
                .and_then(|level| level.map(|level| within(level, 0, 5)).transpose());
            put_parsed(&mut settings.policy.security_level, level, origin)
        },
        get: |settings| shown(&settings.policy.security_level),
        ..BASE
    },
    Record {
        name: "ssl.prefer-server-ciphers",
        value: "true|false",
        form: Form::Switch,
        help: "Whether the server's order of ciphers decides and not the client's; unset leaves it to ssl.options.",
        set: |settings, text, origin| put(&mut settings.policy.prefer_server_ciphers, text, origin),
        get: |settings| shown(&settings.policy.prefer_server_ciphers),
        ..BASE
    },
    Record {
        name: "ssl.options",
        aliases: &["server.ssl-options", "tls.options"],
        value: "MASK",
        help: "SSL_OP_ bits: a number (decimal, or hexadecimal after 0x), names with their SSL_OP_ or without, or \
               both, joined by '|' or ','.",
        per_name: true,
        set: |settings, text, origin| put(&mut settings.policy.options, text, origin),
        get: |settings| shown(&settings.policy.options),
        ..BASE
    },
    Record {
        name: "ssl.options-era",
        value: "current|1.0",
        help: "Which OpenSSL the number in ssl.options was written for: the one in use, or 1.0, whose bits are \
               translated to what they meant then.",
        set: |settings, text, origin| put(&mut settings.policy.options_era, text, origin),
        get: |settings| shown(&settings.policy.options_era),
        ..BASE
    },
    Record {
        name: "ssl.conf",
        value: "NAME=VALUE",
        form: Form::Repeated,
        help: "Any command of OpenSSL's SSL_CONF_cmd for configuration files, such as \
               ClientSignatureAlgorithms=ed25519, applied in order after all other settings.",
        set: |settings, text, origin| {
            let command = Setting::new(command(text)?, origin.clone());
            settings.policy.conf.push(command);
            Ok(())
        },
        get: |settings| {
            let commands = settings.policy.conf.iter();
            commands
                .map(|set| {
                    (
                        format!("{}={}", set.value.0, set.value.1),
                        set.origin.clone(),
                    )
                })
                .collect()
        },
        clear: |settings| settings.policy.conf.clear(),
        ..BASE
    },
    Record {
        name: "ssl.config-section",
        value: "NAME",
        help: "Section of openssl.cnf, named in its ssl_conf module, applied before all other settings.",
        set: |settings, text, origin| put(&mut settings.policy.config_section, text, origin),
        get: |settings| shown(&settings.policy.config_section),
        ..BASE
    },
];
