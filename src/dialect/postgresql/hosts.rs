//! `pg_hosts.conf` of 19: identities by the server name a client asks for.
//!
//! A line has the names, the certificate, its key and, if it likes, the CAs of clients, the command that prints the
//! passphrase, and whether that is run for a reload. A name takes nothing from the general settings but the revocation
//! lists: what its line leaves out, it has not.

use super::values;
use super::words::{Line, Word};
use crate::settings::{Origin, server_name};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Host {
    /// Server names, or [`NO_NAME`](crate::settings::NO_NAME), or none: then it is for whoever is not listed.
    pub(super) names: Vec<String>,
    pub(super) certificate: String,
    pub(super) key: String,
    /// Each may be empty.
    pub(super) authorities: String,
    pub(super) command: String,
    pub(super) reload: bool,
    pub(super) origin: Origin,
}

/// The line for whoever is not listed.
const DEFAULT: &str = "*";

impl Host {
    pub(super) fn is_default(&self) -> bool {
        self.names.is_empty()
    }

    fn of(line: &Line) -> Result<Host, String> {
        let mut columns = line.columns.iter();
        let names = columns.next().map_or(&[][..], Vec::as_slice);
        let mut next = || match columns.next().map(Vec::as_slice) {
            Some([word]) => Ok(Some(word.text.clone())),
            Some([word, ..]) => Err(format!(
                "multiple values in the column that begins with \"{}\"",
                word.text
            )),
            Some([]) | None => Ok(None),
        };
        let missing = |what: &str| format!("missing entry at end of line: {what} is wanted");
        let host = Host {
            names: host_names(names)?,
            certificate: next()?.ok_or_else(|| missing("a certificate"))?,
            key: next()?.ok_or_else(|| missing("a key"))?,
            authorities: next()?.unwrap_or_default(),
            command: next()?.unwrap_or_default(),
            reload: match next()? {
                Some(text) => values::switch(&text)?,
                None => false,
            },
            origin: line.origin.clone(),
        };
        match next()? {
            Some(more) => Err(format!("extra text at end of line: \"{more}\"")),
            None => Ok(host),
        }
    }
}

/// The names of a line; none for the one that is for whoever is not listed.
fn host_names(words: &[Word]) -> Result<Vec<String>, String> {
    if let [only] = words {
        if only.text == DEFAULT {
            return Ok(Vec::new());
        }
    }
    let mut names = Vec::new();
    for word in words {
        if word.text == DEFAULT {
            return Err("\"*\" cannot be listed together with other names".into());
        }
        let name = server_name(&word.text)?;
        if names.contains(&name) {
            return Err(twice(&name));
        }
        names.push(name);
    }
    Ok(names)
}

fn twice(name: &str) -> String {
    format!("multiple entries for host \"{name}\"")
}

/// The lines of a file, or what is wrong with each.
pub(super) fn hosts(lines: &[Line]) -> Vec<Result<Host, (Origin, String)>> {
    let mut known: Vec<String> = Vec::new();
    let mut of = |line: &Line| {
        let host = Host::of(line)?;
        let names = match host.is_default() {
            true => vec![DEFAULT.to_owned()],
            false => host.names.clone(),
        };
        match names.iter().find(|name| known.contains(name)) {
            Some(name) => Err(twice(name)),
            None => {
                known.extend(names);
                Ok(host)
            }
        }
    };
    let found = lines.iter();
    found
        .map(|line| of(line).map_err(|why| (line.origin.clone(), why)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::{self, Outcome};
    use super::*;
    use crate::dialect::tests::Memory;
    use crate::settings::{Builder, NO_NAME, Settings};
    use proptest::prelude::*;
    use std::path::Path;

    fn of(text: &str) -> Vec<Result<Host, (Origin, String)>> {
        let mut builder = Builder::new(Settings::default());
        let source = Memory::of([("a", text), ("names", "b.example\nC.example")]);
        match words::read(&source, Path::new("a"), &mut builder) {
            Outcome::Lines(lines) => hosts(&lines),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_line_is_names_files_and_a_command() {
        let text = "A.Example,@names a.crt a.key ca.crt \"echo secret\" on\n* d.crt d.key\n/no_sni/ n.crt n.key \"\" x";
        let found: Vec<Host> = of(text).into_iter().map(Result::unwrap).collect();
        assert_eq!(found[0].names, ["a.example", "b.example", "c.example"]);
        assert_eq!(found[0].command, "echo secret");
        assert!(found[0].reload && !found[0].is_default());
        assert!(found[1].is_default() && found[1].authorities.is_empty());
        assert_eq!(found[2].names, [NO_NAME]);
        assert_eq!(found[2].command, "x");
    }

    #[test]
    fn what_ends_the_servers_start_is_an_error() {
        for (text, why) in [
            (
                "a.example",
                "missing entry at end of line: a certificate is wanted",
            ),
            (
                "a.example a.crt",
                "missing entry at end of line: a key is wanted",
            ),
            (
                "a.example a.crt,b.crt a.key",
                "multiple values in the column that begins with \"a.crt\"",
            ),
            (
                "a.example a b c d on more",
                "extra text at end of line: \"more\"",
            ),
            (
                "a.example a b c d maybe",
                "'maybe' is not one of on, off, true, false, yes, no, 1, 0",
            ),
            (
                "a.example,*,b.example a b",
                "\"*\" cannot be listed together with other names",
            ),
            (
                "a.example,A.Example a b",
                "multiple entries for host \"a.example\"",
            ),
            ("* a b\n* a b", "multiple entries for host \"*\""),
            (
                "/no_sni/ a b\n/no_sni/ a b",
                "multiple entries for host \"/no_sni/\"",
            ),
            (
                "x.y,a.b a b\nA.B,c.d a b",
                "multiple entries for host \"a.b\"",
            ),
            (
                "*.example a b",
                "'*.example' cannot be matched: server names are exact (a wildcard may stand in the certificate)",
            ),
            (
                "192.0.2.1 a b",
                "'192.0.2.1' is an address, which no client sends",
            ),
        ] {
            let last = of(text).pop().expect("a line");
            assert_eq!(last.map_err(|(_, why)| why), Err(why.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(text in "[a-z.*/,@\"]{1,9}( [a-z.,\"]{1,5}){0,6}|.{0,60}") {
            let _ = of(&text);
        }
    }
}
