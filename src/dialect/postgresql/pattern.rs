//! Regular expressions of PostgreSQL, as far as they mean the same to the crate that runs them here.
//!
//! A pattern decides who may be whom. So what would be read otherwise than by the server is refused, not only what
//! cannot be read.

use crate::settings::quoted;
use regex_lite::{Regex, RegexBuilder};

/// The most that one may take up once it is compiled. A name and its neighbourhood need a hundredth.
const LARGEST: usize = 256 << 10;

/// Escapes that mean something else to the server, or nothing.
const OTHER_ESCAPES: &[char] = &['b', 'B', 'x', 'z', '<', '>'];

/// The pattern behind the `/` of a word.
pub(super) fn compile(text: &str) -> Result<Regex, String> {
    let failed = |why: &str| {
        let text = quoted(text);
        format!("the regular expression {text} cannot be used: {why}")
    };
    if let Some(part) = read_otherwise(text) {
        let why = format!("'{part}' may mean something else to PostgreSQL");
        return Err(failed(&why));
    }
    RegexBuilder::new(text)
        .dot_matches_new_line(true) // as by default there
        .size_limit(LARGEST)
        .build()
        .map_err(|error| failed(&error.to_string()))
}

/// The first part that the two read differently.
fn read_otherwise(pattern: &str) -> Option<String> {
    // An option in front of everything is the same for both.
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let mut letters = pattern.char_indices();
    while let Some((place, letter)) = letters.next() {
        let rest = &pattern[place..];
        match letter {
            '\\' => {
                let (_, escaped) = letters.next()?;
                if OTHER_ESCAPES.contains(&escaped) {
                    return Some(format!("\\{escaped}"));
                }
            }
            '(' if rest.starts_with("(?") && !rest.starts_with("(?:") => {
                return Some(rest.chars().take(3).collect());
            }
            '{' if rest.starts_with("{,") => return Some("{,".into()),
            _ => {}
        }
    }
    None
}

/// The first part that leaves a choice of how a pattern matches, in which the two differ: the server takes the longest
/// way, the crate the first one.
pub(super) fn choice(pattern: &str) -> Option<&str> {
    let mut letters = pattern.char_indices();
    let (mut bracketed, mut repeated) = (false, false);
    while let Some((place, letter)) = letters.next() {
        let repeats = std::mem::take(&mut repeated);
        match letter {
            '\\' => {
                letters.next();
            }
            _ if bracketed => bracketed = letter != ']',
            '[' => bracketed = true,
            '|' => return Some("|"),
            '?' if repeats => return pattern.get(place - 1..=place),
            '*' | '+' | '?' | '}' => repeated = true,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_both_read_alike_is_run() {
        for (pattern, text, fits) in [
            ("^.*OU=Testing,.*$", "CN=x,OU=Testing,O=PGDG", true),
            ("^.*OU=Testing,.*$", "CN=x,OU=Other,O=PGDG", false),
            (r"^(\w+)@example\.org$", "bob@example.org", true),
            (r"^(\w+)@example\.org$", "bob@examplexorg", false),
            ("(?i)^ADMIN", "admin", true),
            ("(?:a|b){2,3}$", "xab", true),
            ("^[[:alpha:]]+$", "abc", true),
            ("^a.b$", "a\nb", true),
            (r"^\(?x$", "(x", true),
            ("", "anything", true),
        ] {
            let regex = compile(pattern).expect(pattern);
            assert_eq!(regex.is_match(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn alternatives_and_short_repetitions_leave_a_choice() {
        for (pattern, part) in [
            ("^(admin|administrator)", Some("|")),
            ("^(.*?)@x$", Some("*?")),
            ("^(.+)@(a|b)$", Some("|")),
            ("x{2}?", Some("}?")),
            (r"^(.*)@example\.org$", None),
            (r"^(x?)\|[|*?]$", None),
        ] {
            assert_eq!(choice(pattern), part, "{pattern}");
        }
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        for (pattern, why) in [
            (r"\bx", r"'\b' may mean something else to PostgreSQL"),
            (r"x\>", r"'\>' may mean something else to PostgreSQL"),
            (r"\x41", r"'\x' may mean something else to PostgreSQL"),
            ("a(?i)b", "'(?i' may mean something else to PostgreSQL"),
            ("(?=x)", "'(?=' may mean something else to PostgreSQL"),
            ("(?P<n>x)", "'(?P' may mean something else to PostgreSQL"),
            ("a{,3}", "'{,' may mean something else to PostgreSQL"),
            (r"(a)\1", "backreferences are not supported"),
            (r"\yx", "unrecognized escape sequence"),
            ("(", "found open group without closing ')'"),
            ("[[=a=]]", "nested"),
            ("x{1000}{1000}{1000}", "limit"),
            ("***:x", "repetition operator"),
        ] {
            let said = compile(pattern).expect_err(pattern);
            let begin = format!("the regular expression '{pattern}' cannot be used: ");
            assert!(said.starts_with(&begin) && said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_is_too_odd(text in ".*|[\\\\a-z(?:i){,}\\[\\]*+|^$.]{0,20}") {
            let _ = compile(&text);
        }
    }
}
