//! The grammar of `listen`, in the original's words where it refuses something:
//! `(ADDRESS:PORT | PORT | PATH | ADDRESS:PORT-PORT)[:PROTOCOL[_vip][_readonly]]`.
//!
//! The original splits at colons and so has no IPv6. Here an IPv6 address may stand in brackets, `[::]:9312:https`. What
//! the original reads as 0 or as half a number (`9306x`) is refused.

use crate::settings::quoted;
use std::net::Ipv6Addr;

/// The port where none is given.
pub(super) const PORT: u16 = 9312;

/// The port of MySQL's protocol, where nothing is given at all.
pub(super) const MYSQL_PORT: u16 = 9306;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) address: Address,
    pub(super) port: u16,
    /// How many ports, where a range is given, and else 0.
    pub(super) count: u16,
    pub(super) protocol: Protocol,
    /// Whether its clients come before others.
    pub(super) vip: bool,
    /// Whether its clients cannot write.
    pub(super) readonly: bool,
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// On all of IPv4.
    Any,
    /// On a host; IPv6 stands in brackets.
    Host(String),
    /// On a unix socket.
    Unix(String),
}

/// What is spoken with a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The binary API, HTTP and HTTPS, by the first bytes.
    Multi,
    /// The binary API alone.
    Sphinx,
    MySql,
    /// The same as `Multi`.
    Http,
    Https,
    /// Between servers.
    Replication,
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("", Protocol::Multi),
    ("sphinx", Protocol::Sphinx),
    ("mysql41", Protocol::MySql),
    ("mysql", Protocol::MySql),
    ("http", Protocol::Http),
    ("https", Protocol::Https),
    ("replication", Protocol::Replication),
];

const TOO_MANY: &str = "invalid listen format (too many fields)";

impl Listen {
    /// What is listened on when the file names nothing.
    pub(super) fn on_any(port: u16, protocol: Protocol) -> Listen {
        Listen {
            address: Address::Any,
            port,
            count: 0,
            protocol,
            vip: false,
            readonly: false,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Listen, String> {
        let mut listen = Listen::on_any(PORT, Protocol::Multi);
        if let Some(bracketed) = text.strip_prefix('[') {
            let (host, rest) = ipv6(bracketed)?;
            listen.address = Address::Host(host);
            listen.behind_host(&split(rest, ':'))?;
            return Ok(listen);
        }
        let fields = split(text, ':');
        match &fields[..] {
            [] => return Err("invalid listen format (nothing is given)".into()),
            [_, _, _, _, ..] => return Err(TOO_MANY.into()),
            [path, protocol @ ..] if path.starts_with('/') => {
                listen.address = Address::Unix((*path).to_owned());
                listen.take_protocols(protocol, TOO_MANY)?;
            }
            [number, protocol @ ..] if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                listen.port = port(number)?;
                let why = format!(
                    "invalid listen format (expected port:proto, got extra trailing part in listen={text})"
                );
                listen.take_protocols(protocol, &why)?;
            }
            [host, rest @ ..] => {
                listen.address = Address::Host((*host).to_owned());
                listen.behind_host(rest)?;
            }
        }
        Ok(listen)
    }

    /// What follows a host: its port or ports, and a protocol.
    fn behind_host(&mut self, fields: &[&str]) -> Result<(), String> {
        let (ports, protocol) = match fields {
            [] => return Ok(()),
            [ports, protocol @ ..] => (ports, protocol),
        };
        self.take_protocols(protocol, TOO_MANY)?;
        let ports = split(ports, '-');
        self.port = port(ports.first().unwrap_or(&""))?;
        if let [_, last, more @ ..] = &ports[..] {
            let last = port(last)?;
            if last <= self.port || !more.is_empty() {
                let ports = ports.join("-");
                return Err(format!("ports range invalid {ports}"));
            }
            self.count = last - self.port + 1;
        }
        Ok(())
    }

    /// The protocol, where there is one; more than one is an error.
    fn take_protocols(&mut self, fields: &[&str], too_many: &str) -> Result<(), String> {
        match fields {
            [] => Ok(()),
            [name] => self.take_protocol(name),
            _ => Err(too_many.to_owned()),
        }
    }

    fn take_protocol(&mut self, name: &str) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        let unknown = |name: &str| format!("unknown listen protocol type {}", quoted(name));
        let words = split(&name, '_');
        let [word, suffixes @ ..] = &words[..] else {
            return Ok(());
        };
        let known = PROTOCOLS.iter().find(|(known, _)| known == word);
        let (_, protocol) = known.ok_or_else(|| unknown(word))?;
        self.protocol = *protocol;
        (self.vip, self.readonly) = match suffixes {
            [] => (false, false),
            ["vip"] => (true, false),
            ["readonly"] => (false, true),
            ["vip", "readonly"] => (true, true),
            _ => return Err(unknown(&name)),
        };
        Ok(())
    }
}

/// What stands between signs. As in the original, several in a row count as one, and those at the end do not count.
fn split(text: &str, sign: char) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, behind) = rest.split_at(rest.find(sign).unwrap_or(rest.len()));
        fields.push(field);
        rest = behind.trim_start_matches(sign);
    }
    fields
}

/// The address in brackets, of which the first is taken, and what follows the colon behind them.
fn ipv6(text: &str) -> Result<(String, &str), String> {
    let (address, behind) = text
        .split_once(']')
        .ok_or("invalid listen format (a ']' is missing)")?;
    let address: Ipv6Addr = address.parse().map_err(|_| {
        format!(
            "invalid listen format ({} is no IPv6 address)",
            quoted(address)
        )
    })?;
    let rest = match behind.strip_prefix(':') {
        Some(rest) => rest,
        None if behind.is_empty() => behind,
        None => return Err("invalid listen format (expected ':' behind ']')".into()),
    };
    Ok((format!("[{address}]"), rest))
}

/// A port. The original takes nothing for 0, and so for one that is out of range.
fn port(text: &str) -> Result<u16, String> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("port {} is not a number", quoted(text)));
    }
    let digits = text.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    digits
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("port {digits} is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(name: &str) -> Address {
        Address::Host(name.into())
    }

    /// What the original's own tests try: each form with each protocol, plain and `_vip`.
    #[test]
    fn each_form_goes_with_each_protocol() {
        let forms = [
            ("8.8.8.8:1000", host("8.8.8.8"), 1000, 0),
            ("1000", Address::Any, 1000, 0),
            ("/linux/host", Address::Unix("/linux/host".into()), 9312, 0),
            ("8.8.8.8:1000-10000", host("8.8.8.8"), 1000, 9001),
            // Not in the original: IPv6.
            ("[::]:1000", host("[::]"), 1000, 0),
            (
                "[2001:db8::1]:1000-10000",
                host("[2001:db8::1]"),
                1000,
                9001,
            ),
        ];
        for (form, address, port, count) in forms {
            for (name, protocol) in protocols() {
                for (suffix, vip, readonly) in SUFFIXES {
                    let text = with_protocol(form, name, suffix);
                    let expected = Listen {
                        address: address.clone(),
                        port,
                        count,
                        protocol,
                        vip: *vip,
                        readonly: *readonly,
                    };
                    assert_eq!(Listen::parse(&text), Ok(expected), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_port_out_of_range_is_one_whatever_follows() {
        for form in ["8.8.8.8:65536", "65536", "8.8.8.8:1000-65536", "[::]:65536"] {
            for (name, _) in protocols() {
                for (suffix, ..) in SUFFIXES {
                    let text = with_protocol(form, name, suffix);
                    let why = "port 65536 is out of range".to_owned();
                    assert_eq!(Listen::parse(&text), Err(why), "{text}");
                }
            }
        }
    }

    const SUFFIXES: &[(&str, bool, bool)] = &[
        ("", false, false),
        ("_vip", true, false),
        ("_readonly", false, true),
        ("_vip_readonly", true, true),
    ];

    fn protocols() -> impl Iterator<Item = (&'static str, Protocol)> {
        PROTOCOLS.iter().copied()
    }

    fn with_protocol(form: &str, name: &str, suffix: &str) -> String {
        match (name, suffix) {
            ("", "") => form.to_owned(),
            _ => format!("{form}:{name}{suffix}"),
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let multi = |address, port| Listen {
            address,
            ..Listen::on_any(port, Protocol::Multi)
        };
        for (text, expected) in [
            ("localhost", multi(host("localhost"), 9312)),
            ("10.0.0.1", multi(host("10.0.0.1"), 9312)),
            ("[::1]", multi(host("[::1]"), 9312)),
            ("[0:0::1]:1", multi(host("[::1]"), 1)),
            (
                "/run/searchd.s",
                multi(Address::Unix("/run/searchd.s".into()), 9312),
            ),
            ("9312:", multi(Address::Any, 9312)),
            ("09312", multi(Address::Any, 9312)),
            ("h::9312", multi(host("h"), 9312)),
            ("h: 9312 ", multi(host("h"), 9312)),
            ("9306:MySQL", Listen::on_any(9306, Protocol::MySql)),
        ] {
            assert_eq!(Listen::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_the_originals_words() {
        for (text, why) in [
            ("a:1:http:b", "invalid listen format (too many fields)"),
            (
                "::1:9312:mysql41",
                "invalid listen format (too many fields)",
            ),
            ("9312:http:b:c", "invalid listen format (too many fields)"),
            ("[::1]:1:http:b", "invalid listen format (too many fields)"),
            ("/a:http:b", "invalid listen format (too many fields)"),
            (
                "9312:http:b",
                "invalid listen format (expected port:proto, got extra trailing part in listen=9312:http:b)",
            ),
            ("0", "port 0 is out of range"),
            ("00:sphinx", "port 0 is out of range"),
            ("99999:mysql41", "port 99999 is out of range"),
            (":9306", "port 0 is out of range"),
            ("h:-5", "port 0 is out of range"),
            ("h:0-5", "port 0 is out of range"),
            ("h:5-0", "port 0 is out of range"),
            (
                "h:99999999999999999999",
                "port 99999999999999999999 is out of range",
            ),
            ("h:10-10", "ports range invalid 10-10"),
            ("h:10-9:http", "ports range invalid 10-9"),
            ("9312:ftp", "unknown listen protocol type 'ftp'"),
            ("9312:FTP_vip", "unknown listen protocol type 'ftp'"),
            ("9312:http_ro", "unknown listen protocol type 'http_ro'"),
            (
                "9312:mysql_readonly_vip",
                "unknown listen protocol type 'mysql_readonly_vip'",
            ),
            ("h:0:ftp", "unknown listen protocol type 'ftp'"),
            // From here on in our own.
            ("", "invalid listen format (nothing is given)"),
            ("h:10-20-30", "ports range invalid 10-20-30"),
            ("100000", "port 100000 is out of range"),
            ("h:mysql", "port 'mysql' is not a number"),
            ("h:9306x", "port '9306x' is not a number"),
            ("h:+1", "port '+1' is not a number"),
            ("[::1", "invalid listen format (a ']' is missing)"),
            (
                "[::1]9312",
                "invalid listen format (expected ':' behind ']')",
            ),
            (
                "[8.8.8.8]:1",
                "invalid listen format ('8.8.8.8' is no IPv6 address)",
            ),
        ] {
            assert_eq!(Listen::parse(text), Err(why.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_listener_is_too_odd(text in ".*|(\\[|\\]|:|-|_|/|vip|http|mysql|[0-9]{1,6}|[a-z. ]){0,12}") {
            if let Ok(listen) = Listen::parse(&text) {
                prop_assert!(listen.port > 0);
                prop_assert!(listen.count != 1);
            }
        }
    }
}
