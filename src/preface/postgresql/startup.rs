//! The start-up packet: names and values, each closed by a zero byte, and one more at the end.

use super::message::Refusal;

/// `NAMEDATALEN`: a server cuts longer names.
const LONGEST_NAME: usize = 63;

/// Whom a client asks to be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Startup {
    pub(super) user: String,
    pub(super) database: String,
    /// It asks for physical replication, which has no database.
    pub(super) replication: bool,
    /// The names are what was sent. Others can only be shown, and not compared: bytes that are no text, and what servers
    /// cut and those in front of them may not.
    pub(super) exact: bool,
}

impl Startup {
    /// Reads what follows the version.
    ///
    /// # Errors
    /// The original's, and one that it has not: a name that is given twice is refused, as servers do not agree on which
    /// of the two counts, and the one behind us might take the other.
    pub(super) fn read(mut rest: &[u8]) -> Result<Startup, Refusal> {
        let (mut user, mut database, mut replication) = (None, None, None);
        loop {
            let name = text(&mut rest)?;
            if name.is_empty() {
                break;
            }
            let value = text(&mut rest)?;
            let slot = match name {
                b"user" => &mut user,
                b"database" => &mut database,
                b"replication" => &mut replication,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                let name = String::from_utf8_lossy(name);
                let text = format!("invalid startup packet layout: \"{name}\" is given twice");
                return Err(Refusal::new("08P01", text));
            }
        }
        if !rest.is_empty() {
            return Err(unterminated());
        }
        let Some(user) = user.filter(|user| !user.is_empty()) else {
            let text = "no PostgreSQL user name specified in startup packet";
            return Err(Refusal::new("28000", text));
        };
        let database = database.filter(|name| !name.is_empty()).unwrap_or(user);
        let exact = |name: &[u8]| name.len() <= LONGEST_NAME && std::str::from_utf8(name).is_ok();
        Ok(Startup {
            exact: exact(user) && exact(database),
            user: shown(user),
            database: shown(database),
            replication: replication.map_or(Ok(false), is_physical)?,
        })
    }
}

fn unterminated() -> Refusal {
    let text = "invalid startup packet layout: expected terminator as last byte";
    Refusal::new("08P01", text)
}

/// The bytes up to the next zero byte, which is taken as well.
fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refusal> {
    let end = rest.iter().position(|byte| *byte == 0);
    let (text, behind) = rest.split_at(end.ok_or_else(unterminated)?);
    *rest = &behind[1..];
    Ok(text)
}

/// A name as a text.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]).into_owned()
}

/// `replication`: a boolean, or `database` for logical replication, which has one.
fn is_physical(value: &[u8]) -> Result<bool, Refusal> {
    if value == b"database" {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Ok(false)
    } else {
        let value = String::from_utf8_lossy(value);
        let text = format!("invalid value for parameter \"replication\": \"{value}\"");
        Err(Refusal::new("22023", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        Startup::read(bytes).expect_err("refused").remark()
    }

    #[test]
    fn user_and_database_are_found_among_other_names() {
        let read = |bytes| Startup::read(bytes).expect("good");
        let startup = read(b"application_name\0psql\0user\0alice\0database\0shop\0\0");
        assert_eq!((&*startup.user, &*startup.database), ("alice", "shop"));
        assert!(!startup.replication);
        let startup = read(b"user\0alice\0database\0\0\0");
        assert_eq!(startup.database, "alice", "the user's");
        let long = [&b"user\0"[..], &[b'x'; 70], b"\0\0"].concat();
        assert_eq!(read(&long).user.len(), 63);
        assert!(startup.exact && !read(&long).exact && !read(b"user\0\xff\0\0").exact);
    }

    #[test]
    fn replication_is_physical_unless_it_names_a_database() {
        for (value, physical) in [
            ("true", true),
            ("T", true),
            ("on", true),
            ("1", true),
            ("y", true),
            ("off", false),
            ("no", false),
            ("database", false),
        ] {
            let packet = format!("user\0a\0replication\0{value}\0\0");
            let startup = Startup::read(packet.as_bytes()).expect("good");
            assert_eq!(startup.replication, physical, "{value}");
        }
        assert_eq!(
            told(b"user\0a\0replication\0o\0\0"),
            "invalid value for parameter \"replication\": \"o\""
        );
    }

    #[test]
    fn what_is_no_startup_packet_is_told_so() {
        let terminator = "invalid startup packet layout: expected terminator as last byte";
        let user = "no PostgreSQL user name specified in startup packet";
        for (bytes, why) in [
            (&b""[..], terminator),
            (b"user", terminator),
            (b"user\0alice\0", terminator),
            (b"user\0alice\0\0x", terminator),
            (b"\0", user),
            (b"database\0shop\0\0", user),
            (b"user\0\0\0", user),
            (
                b"user\0a\0user\0b\0\0",
                "invalid startup packet layout: \"user\" is given twice",
            ),
        ] {
            assert_eq!(told(bytes), why, "{}", bytes.escape_ascii());
        }
    }
}
