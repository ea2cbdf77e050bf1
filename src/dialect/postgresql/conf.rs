//! The lines of `postgresql.conf`: `name = value`, where `=` may be left out, quotes are single and `#` begins a comment.
//!
//! What is a token follows the original's scanner to the letter, so that a file which the server refuses is refused
//! here. This knows the shape of a line and nothing of names: those are `names`'s.

use crate::dialect::own::PREFIX;

/// A token, as far as a line's shape depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `name`
    Name,
    /// `prefix.name`
    Dotted,
    /// Letters, digits and some signs, beginning with a letter, as in `TLSv1.2`.
    Bare,
    /// Between single quotes.
    Quoted,
    /// A number, with a unit or without.
    Number,
    /// `=`
    Equals,
    /// A sign that begins nothing.
    Other,
}

/// The name that a line begins with, in lower case, whatever follows it.
pub(super) fn name(text: &str) -> Option<String> {
    match token(text)? {
        (Kind::Name | Kind::Dotted, name, _) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

/// The name, in lower case, and the value on a line; `None` when there is neither.
pub(super) fn line(text: &str) -> Result<Option<(String, String)>, String> {
    let Some((kind, name, rest)) = token(text) else {
        return Ok(None);
    };
    let is_name = match kind {
        Kind::Name | Kind::Dotted => true,
        // No server reads such a name, but it is clear what was meant.
        Kind::Bare => has_prefix(name),
        _ => false,
    };
    if !is_name {
        return Err(near(name));
    }
    let (kind, value, rest) = match token(rest) {
        Some((Kind::Equals, _, rest)) => token(rest),
        other => other,
    }
    .ok_or("syntax error, near end of line: a value is missing")?;
    let value = match kind {
        Kind::Quoted => unescaped(&value[1..value.len() - 1]),
        Kind::Name | Kind::Bare | Kind::Number => value.to_owned(),
        Kind::Other if value == "'" => return Err(format!("{}: it is not closed", near(value))),
        Kind::Dotted | Kind::Other | Kind::Equals => {
            return Err(format!(
                "{}: such a value stands in single quotes",
                near(value)
            ));
        }
    };
    match token(rest) {
        Some((_, more, _)) => Err(near(more)),
        None => Ok(Some((name.to_ascii_lowercase(), value))),
    }
}

fn near(token: &str) -> String {
    format!(
        "syntax error, near token {}",
        crate::settings::quoted(token)
    )
}

fn has_prefix(name: &str) -> bool {
    let prefix = name.get(..PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
}

/// The first token of a text and what follows it; `None` when a comment or nothing does.
fn token(text: &str) -> Option<(Kind, &str, &str)> {
    let text = text.trim_start_matches([' ', '\t', '\r']);
    let first = text.chars().next().filter(|first| *first != '#')?;
    let (kind, length) = match first {
        '=' => (Kind::Equals, 1),
        '\'' => match string(text) {
            Some(length) => (Kind::Quoted, length),
            None => (Kind::Other, 1),
        },
        _ if is_letter(first) => word(text),
        _ => match number(text) {
            0 => (Kind::Other, first.len_utf8()),
            length => (Kind::Number, length),
        },
    };
    let (token, rest) = text.split_at(length);
    Some((kind, token, rest))
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_in_name(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit()
}

/// How many bytes at the beginning are of one kind.
fn run(text: &str, is_in: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_in(c)).unwrap_or(text.len())
}

/// What begins with a letter: of several readings the longest counts, and of equally long ones the simplest.
fn word(text: &str) -> (Kind, usize) {
    let name = run(text, is_in_name);
    let behind = text[name..].strip_prefix('.');
    let dotted = match behind.filter(|rest| rest.starts_with(is_letter)) {
        Some(rest) => name + 1 + run(rest, is_in_name),
        None => name,
    };
    let bare = run(text, |c| is_in_name(c) || "-._:/".contains(c));
    if bare > dotted {
        (Kind::Bare, bare)
    } else if dotted > name {
        (Kind::Dotted, dotted)
    } else {
        (Kind::Name, name)
    }
}

/// The length of a number: whole, hexadecimal after `0x`, either with a unit behind it; or with a point, without unit.
fn number(text: &str) -> usize {
    let sign = run(text, |c| c == '+' || c == '-').min(1);
    let body = &text[sign..];
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = run(body, is_digit);
    let hexadecimal = body.strip_prefix("0x");
    let hexadecimal = hexadecimal.map_or(0, |rest| run(rest, |c| c.is_ascii_hexdigit()));
    let whole = match hexadecimal {
        0 => digits,
        length => "0x".len() + length,
    };
    let unit = run(&body[whole..], |c| c.is_ascii_alphabetic());
    let whole = if whole > 0 { whole + unit } else { 0 };
    let real = match body[digits..].strip_prefix('.') {
        Some(rest) => {
            let end = digits + 1 + run(rest, is_digit);
            end + exponent(&body[end..])
        }
        None => 0,
    };
    match whole.max(real) {
        0 => 0,
        length => sign + length,
    }
}

fn exponent(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let sign = run(rest, |c| c == '+' || c == '-').min(1);
    match run(&rest[sign..], |c| c.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// The length of a text in single quotes, in which `''` is a quote and a backslash takes the next character with it.
fn string(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => {
                letters.next()?;
            }
            '\'' if letters.next_if(|(_, next)| *next == '\'').is_none() => {
                return Some(place + 1);
            }
            _ => {}
        }
    }
    None
}

/// What stands between quotes, without its escapes.
fn unescaped(inside: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = inside.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\'' => {
                rest.next(); // the other one of a pair
                bytes.push(byte);
            }
            b'\\' => match rest.next() {
                Some(b'b') => bytes.push(0x08),
                Some(b'f') => bytes.push(0x0c),
                Some(b'n') => bytes.push(b'\n'),
                Some(b'r') => bytes.push(b'\r'),
                Some(b't') => bytes.push(b'\t'),
                Some(first @ b'0'..=b'7') => {
                    let mut number = first - b'0';
                    for _ in 0..2 {
                        let Some(digit) = rest.next_if(|byte| (b'0'..=b'7').contains(byte)) else {
                            break;
                        };
                        number = number.wrapping_mul(8).wrapping_add(digit - b'0');
                    }
                    bytes.push(number);
                }
                Some(other) => bytes.push(other),
                None => {}
            },
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_name_and_a_value() {
        for (text, name, value) in [
            ("port = 5433", "port", "5433"),
            ("port=5433", "port", "5433"),
            ("port 5433", "port", "5433"),
            ("\tPort\t5433 # a comment", "port", "5433"),
            (
                "SSL_Ciphers = 'HIGH:!aNULL'\r",
                "ssl_ciphers",
                "HIGH:!aNULL",
            ),
            ("ssl='on'", "ssl", "on"),
            (
                "ssl_min_protocol_version = TLSv1.2",
                "ssl_min_protocol_version",
                "TLSv1.2",
            ),
            ("ssl_cert_file = a-b", "ssl_cert_file", "a-b"),
            ("timezone = Etc/UTC", "timezone", "Etc/UTC"),
            ("shared_buffers = 128MB", "shared_buffers", "128MB"),
            ("x = 0x1Fms", "x", "0x1Fms"),
            ("x = -1.5e-3", "x", "-1.5e-3"),
            ("x = +.5", "x", "+.5"),
            ("x = 1.", "x", "1."),
            ("a.b = 'c'", "a.b", "c"),
            ("tlsport.ssl_keyfile = 'k'", "tlsport.ssl_keyfile", "k"),
            (
                "TLSport.ssl.session-tickets on",
                "tlsport.ssl.session-tickets",
                "on",
            ),
            ("x = 'it''s'", "x", "it's"),
            (
                r"x = 'it\'s a \\ and a\ttab\101\60\7'",
                "x",
                "it's a \\ and a\ttabA0\u{7}",
            ),
            (r"x = '\q'", "x", "q"),
            ("x = '# no comment'", "x", "# no comment"),
            ("x = ''", "x", ""),
            ("größe = 'ß'", "größe", "ß"),
            ("include 'a.conf'", "include", "a.conf"),
        ] {
            let expected = Ok(Some((name.to_owned(), value.to_owned())));
            assert_eq!(line(text), expected, "{text}");
        }
        for empty in ["", "  \t\r", "# port = 1", "   # x"] {
            assert_eq!(line(empty), Ok(None), "{empty}");
        }
    }

    /// Each was tried with the server, which refuses it too.
    #[test]
    fn what_the_server_refuses_is_refused() {
        for (text, near) in [
            ("port =", "end of line"),
            ("port", "end of line"),
            ("= 5", "'='"),
            ("port = 5433 5", "'5'"),
            ("port = = 5", "'='"),
            ("ssl = 'on", "'''"),
            (r"ssl = 'on\'", "'''"),
            ("ssl_cert_file = server.crt", "'server.crt'"),
            ("ssl_cert_file = /etc/a", "'/'"),
            ("authentication_timeout = 1.5min", "'min'"),
            ("listen_addresses = *", "'*'"),
            ("listen_addresses = 127.0.0.1", "'.0'"),
            ("a.b.c = 5", "'a.b.c'"),
            ("a-b = 5", "'a-b'"),
            ("5 = 5", "'5'"),
            ("'port' = 5", "''port''"),
            ("port = 'a' 'b'", "''b''"),
            ("[ssl]", "'['"),
            ("port = 1e5", "'5'"),
        ] {
            let why = line(text).expect_err(text);
            let place = near.strip_prefix('\'').map_or("near ", |_| "near token ");
            assert!(why.contains(&format!("{place}{near}")), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(text in ".*|[a-z_.='\\\\#0-9x+e: -]{0,30}") {
            let _ = line(&text);
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[^\n\u{0}]*") {
            let written = value.replace('\\', "\\\\").replace('\'', "''");
            let read = line(&format!("name = '{written}' # '"));
            prop_assert_eq!(read, Ok(Some(("name".to_owned(), value))));
        }
    }
}
