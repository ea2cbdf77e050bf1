//! Values of `postgresql.conf` as the server reads them: booleans, numbers with units, lists.
//!
//! An error is the rest of a sentence that begins with the setting's name.

use crate::settings::quoted;
use std::time::Duration;

/// `on`, `true`, `yes`, `1` and their opposites, or as much of one as tells which.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    let lower = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || lower == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0" {
        Ok(false)
    } else {
        Err(format!(
            "{} is not one of on, off, true, false, yes, no, 1, 0",
            quoted(text)
        ))
    }
}

/// Units of time and their seconds, each after the ones that are smaller.
const TIMES: &[(&str, f64)] = &[
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
];

/// Whole seconds between two bounds, from a number with a unit or without.
pub(super) fn seconds(text: &str, least: u32, most: u32) -> Result<Duration, String> {
    let (number, unit) = number(text).ok_or_else(|| no_time(text))?;
    let seconds = match TIMES.iter().position(|(name, _)| *name == unit) {
        Some(0) => number * TIMES[0].1,
        // A part of a unit is so many whole ones of the next smaller.
        Some(place) => {
            let smaller = TIMES[place - 1].1;
            (number * TIMES[place].1 / smaller).round_ties_even() * smaller
        }
        None if unit.is_empty() => number,
        None => return Err(no_time(text)),
    };
    whole(seconds, least, most)
        .map(|seconds| Duration::from_secs(seconds.into()))
        .ok_or_else(|| {
            format!(
                "{} is outside the valid range ({least} s .. {most} s)",
                quoted(text)
            )
        })
}

fn no_time(text: &str) -> String {
    format!(
        "{} is not a time (seconds, or a number with us, ms, s, min, h or d)",
        quoted(text)
    )
}

/// A whole number between two bounds, without a unit.
pub(super) fn whole_number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    match number(text) {
        Some((number, "")) => whole(number, least, most).ok_or_else(|| {
            format!(
                "{} is outside the valid range ({least} .. {most})",
                quoted(text)
            )
        }),
        _ => Err(format!("{} is not a whole number", quoted(text))),
    }
}

/// The nearest whole number, if it is between two bounds.
fn whole(number: f64, least: u32, most: u32) -> Option<u32> {
    let number = number.round_ties_even();
    let within = number >= f64::from(least) && number <= f64::from(most);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a whole number within bounds
    within.then_some(number as u32)
}

/// A number and the unit behind it. As `strtol` has it, `0x` is in front of hexadecimal digits, and `0` of octal ones.
fn number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let run = |text: &str, base: u32| text.find(|c: char| !c.is_digit(base)).unwrap_or(text.len());
    let (digits, base) = match unsigned.strip_prefix("0x") {
        Some(digits) if run(digits, 16) > 0 => (digits, 16),
        _ if unsigned.starts_with('0') => (unsigned, 8),
        _ => (unsigned, 10),
    };
    let length = run(digits, base);
    if length == 0 && unsigned.len() < text.len() {
        return None; // a sign belongs to digits, and not to a point
    }
    let (number, rest) = if base != 16 && digits[length..].starts_with(['.', 'e', 'E']) {
        real(unsigned)?
    } else {
        let number = u64::from_str_radix(digits.get(..length)?, base).ok()?;
        #[allow(clippy::cast_precision_loss)] // far beyond every bound
        (number as f64, &digits[length..])
    };
    Some((sign * number, rest.trim_start()))
}

/// A number with a point or an exponent, and what follows it.
fn real(text: &str) -> Option<(f64, &str)> {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut length = digits(text);
    if let Some(rest) = text[length..].strip_prefix('.') {
        length += 1 + digits(rest);
    }
    if let Some(rest) = text[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(rest.starts_with(['+', '-']));
        match digits(&rest[sign..]) {
            0 => {}
            digits => length += 1 + sign + digits,
        }
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

/// A list between commas, whose words may stand in double quotes.
pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Ok(words);
    }
    let broken = || format!("{}: invalid list syntax", quoted(text));
    loop {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(inside) => in_quotes(inside).ok_or_else(broken)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                let word = word.trim_end();
                if word.is_empty() {
                    return Err(broken());
                }
                (word.to_owned(), behind)
            }
        };
        words.push(word);
        rest = match behind.trim_start() {
            "" => return Ok(words),
            behind => behind.strip_prefix(',').ok_or_else(broken)?.trim_start(),
        };
    }
}

/// What stands before a closing quote, of which two are one, and what follows.
fn in_quotes(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('"')?;
        word.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                word.push('"');
                rest = behind;
            }
            None => return Some((word, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_boolean_is_as_much_of_a_word_as_tells_which() {
        for text in ["on", "ON", "t", "tr", "true", "y", "yes", "1"] {
            assert_eq!(switch(text), Ok(true), "{text}");
        }
        for text in ["of", "off", "f", "False", "n", "no", "0"] {
            assert_eq!(switch(text), Ok(false), "{text}");
        }
        for text in ["", "o", "onn", "2", "trues", " on"] {
            let why = format!("'{text}' is not one of on, off, true, false, yes, no, 1, 0");
            assert_eq!(switch(text), Err(why));
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, expected) in [
            ("60", 60),
            ("1min", 60),
            ("1.5min", 90),
            ("1.5 min", 90),
            ("90s", 90),
            ("60000 ms", 60),
            ("2500ms", 2),
            ("0.1h", 360),
            ("0.02h", 60),
            ("1e2", 100),
            ("0x10", 16),
            ("010", 8),
            (" 7 ", 7),
            ("60000000us", 60),
        ] {
            let expected = Duration::from_secs(expected);
            assert_eq!(seconds(text, 1, 600), Ok(expected), "{text}");
        }
        for text in ["0", "601", "-1", "400ms", "1d", "1e300", "99999999999"] {
            let why = format!("'{text}' is outside the valid range (1 s .. 600 s)");
            assert_eq!(seconds(text, 1, 600), Err(why));
        }
        for text in [
            "", "soon", "5m", "5 weeks", "5MIN", "08", "1..5", "0x", "+.6", "5 s s",
        ] {
            let why = format!(
                "'{text}' is not a time (seconds, or a number with us, ms, s, min, h or d)"
            );
            assert_eq!(seconds(text, 1, 600), Err(why));
        }
    }

    #[test]
    fn a_whole_number_has_bounds_and_no_unit() {
        assert_eq!(whole_number("5432", 1, 65535), Ok(5432));
        assert_eq!(whole_number("05432", 1, 65535), Ok(2842), "octal");
        assert_eq!(whole_number("5432.4", 1, 65535), Ok(5432));
        for text in ["0", "65536", "-5432"] {
            let why = format!("'{text}' is outside the valid range (1 .. 65535)");
            assert_eq!(whole_number(text, 1, 65535), Err(why));
        }
        for text in ["", "5432s", "port"] {
            let why = format!("'{text}' is not a whole number");
            assert_eq!(whole_number(text, 1, 65535), Err(why));
        }
    }

    #[test]
    fn a_list_stands_between_commas() {
        let words = |text| list(text).map(|words| words.join("|"));
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("*", "*"),
            ("localhost, 10.0.0.1 ,::1", "localhost|10.0.0.1|::1"),
            ("/run/a b , /tmp", "/run/a b|/tmp"),
            ("\"/a,b\", \"c\"\"d\"", "/a,b|c\"d"),
        ] {
            assert_eq!(words(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [",", "a,", "a,,b", "\"a", "\"a\" b"] {
            let why = format!("'{text}': invalid list syntax");
            assert_eq!(words(text), Err(why));
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(text in ".*|[-+0-9.exEms \",]{0,20}") {
            let _ = switch(&text);
            let _ = seconds(&text, 1, 600);
            let _ = whole_number(&text, 1, 65535);
            let _ = list(&text);
        }
    }
}
