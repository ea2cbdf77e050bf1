//! The lines of `pg_ident.conf`: map, name in the certificate, database user.

use super::hba;
use super::pattern;
use super::words::{Line, Word};
use crate::settings::hba::{IdentLine, NamePattern, SystemName};
use crate::settings::quoted;

/// What a line says, and a remark on what it holds besides.
pub(super) fn line(line: &Line) -> Result<(IdentLine, Option<String>), String> {
    let mut columns = line.columns.iter();
    let mut next = || match columns.next().map(Vec::as_slice) {
        Some([word]) => Ok(word),
        Some(_) => Err("multiple values in ident field"),
        None => Err("missing entry at end of line"),
    };
    let (map, system, user) = (next()?, next()?, next()?);
    let ident = IdentLine {
        map: map.text.clone(),
        system: match system.text.strip_prefix('/') {
            Some(text) => SystemName::Matches(pattern::compile(text)?),
            None => SystemName::Exactly(system.text.clone()),
        },
        user: hba::user(user)?,
        origin: line.origin.clone(),
    };
    backreference(&ident, system, user)?;
    let more = columns.flatten().next();
    let remark = more.map(|word| {
        let text = quoted(&word.text);
        format!("{text} follows the last column and is passed over, as by PostgreSQL")
    });
    Ok((ident, remark))
}

/// The server finds this out once somebody wants to come in.
fn backreference(ident: &IdentLine, system: &Word, user: &Word) -> Result<(), String> {
    let (SystemName::Matches(regex), NamePattern::Name(name)) = (&ident.system, &ident.user) else {
        return Ok(());
    };
    if !name.contains("\\1") {
        return Ok(());
    }
    if let Some(part) = pattern::choice(&system.text[1..]) {
        let system = quoted(&system.text);
        return Err(format!(
            "{system} cannot be used with '\\1': '{part}' leaves a choice of what the group matches, and PostgreSQL may \
             choose otherwise: write a line for each"
        ));
    }
    // The whole of a pattern counts as a group.
    if regex.captures_len() < 2 {
        return Err(format!(
            "regular expression \"{}\" has no subexpressions as requested by backreference in \"{}\"",
            &system.text[1..],
            user.text
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::words::{self, Outcome};
    use super::*;
    use crate::dialect::tests::Memory;
    use crate::settings::hba::Hba;
    use crate::settings::{Builder, Settings};
    use proptest::prelude::*;
    use std::path::Path;

    type Read = Result<(IdentLine, Option<String>), String>;

    fn lines(text: &str) -> Vec<Read> {
        let mut builder = Builder::new(Settings::default());
        match words::read(&Memory::of([("a", text)]), Path::new("a"), &mut builder) {
            Outcome::Lines(lines) => lines.iter().map(line).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_line_is_map_name_and_user() {
        let text = r#"
# MAP  SYSTEM-USERNAME  PG-USERNAME
dn     "CN=ssltestuser-dn,OU=Testing,OU=Engineering,O=PGDG"  ssltestuser
dnre   "/^.*OU=Testing,.*$"  ssltestuser
cn     ssltestuser-dn  ssltestuser
mail   /^(.*)@example\.org$  \1
any    root  all
some   root  /^app_
"#;
        let maps = lines(text).into_iter().map(|read| read.unwrap().0);
        let hba = Hba {
            records: Vec::new(),
            maps: maps.collect(),
        };
        let dn = "CN=ssltestuser-dn,OU=Testing,OU=Engineering,O=PGDG";
        for (map, name, user, may) in [
            ("dn", dn, "ssltestuser", true),
            ("dn", "CN=other", "ssltestuser", false),
            ("dnre", dn, "ssltestuser", true),
            ("dnre", dn, "other", false),
            ("cn", "ssltestuser-dn", "ssltestuser", true),
            ("mail", "bob@example.org", "bob", true),
            ("mail", "bob@example.org", "alice", false),
            ("mail", "bob@example.com", "bob", false),
            ("any", "root", "whoever", true),
            ("some", "root", "app_1", true),
            ("some", "root", "other", false),
        ] {
            let named = hba.names(Some(map), name, user);
            assert_eq!(named.is_ok(), may, "{map} {name} {user}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_the_servers_words() {
        for (text, why) in [
            ("m a", "missing entry at end of line"),
            ("m", "missing entry at end of line"),
            ("m a,b c", "multiple values in ident field"),
            (
                r"m /^x$ \1",
                "regular expression \"^x$\" has no subexpressions as requested by backreference in \"\\1\"",
            ),
            (
                "m /( c",
                "the regular expression '(' cannot be used: found open group without closing ')'",
            ),
        ] {
            assert_eq!(lines(text).remove(0), Err(why.to_owned()), "{text}");
        }
        let said = lines("m a +admins").remove(0).expect_err("a role");
        assert!(said.contains("which the server alone knows"), "{said}");
        assert!(lines(r"m x \1").remove(0).is_ok(), "no pattern, no group");
        let (_, remark) = lines("m a b c").remove(0).unwrap();
        assert_eq!(
            remark.as_deref(),
            Some("'c' follows the last column and is passed over, as by PostgreSQL")
        );
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(text in "[a-z]{1,3} /?[a-z()\\\\.*+1-]{0,9} [a-z+\\\\1/]{0,6}|.{0,40}") {
            let _ = lines(&text);
        }
    }
}
