//! Times as Go writes them: `10s`, `1m30s`, `1.5h`, `300ms`.

use crate::settings::quoted;
use std::time::Duration;

const NANOSECONDS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // the micro sign
    ("μs", 1_000), // the letter mu
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a time; `None` when it is zero or below, which is no limit to Go's servers.
pub(super) fn time(text: &str) -> Result<Option<Duration>, String> {
    let why = || {
        format!(
            "{} is not a time (whole or decimal numbers, each with ns, us, ms, s, m or h, such as 10s or 1m30s)",
            quoted(text)
        )
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(None);
    }
    let mut rest = unsigned;
    let mut nanoseconds: u64 = 0;
    loop {
        let (part, behind) = part(rest).ok_or_else(why)?;
        nanoseconds = nanoseconds.checked_add(part).ok_or_else(why)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    let positive = nanoseconds > 0 && !text.starts_with('-');
    Ok(positive.then(|| Duration::from_nanos(nanoseconds)))
}

/// A number with its unit, in nanoseconds, and what follows it.
fn part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    let is_unit = |c: char| c != '.' && !c.is_ascii_digit();
    let unit = &rest[..rest.len() - rest.trim_start_matches(is_unit).len()];
    let (_, size) = NANOSECONDS.iter().find(|(name, _)| *name == unit)?;
    let digit = |byte: u8| u64::from(byte - b'0');
    let mut total: u64 = match (whole, fraction) {
        ("", "") => return None,
        ("", _) => 0,
        _ => whole.parse::<u64>().ok()?.checked_mul(*size)?,
    };
    let mut place = *size;
    for byte in fraction.bytes() {
        place /= 10;
        total = total.checked_add(place * digit(byte))?;
    }
    Some((total, &rest[unit.len()..]))
}

/// The digits that a text begins with, and what follows them.
fn digits(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.split_at(text.len() - rest.len())
}

/// A time in the words of our options, whose smallest unit is a microsecond.
pub(super) fn written(time: Duration) -> String {
    format!("{}us", time.as_nanos().div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        for (text, microseconds) in [
            ("10s", 10_000_000),
            ("1m30s", 90_000_000),
            ("300ms", 300_000),
            ("1h15m30.918273645s", 4_530_918_274_u64),
            ("1.5h", 5_400_000_000),
            (".5s", 500_000),
            ("5.s", 5_000_000),
            ("+5s", 5_000_000),
            ("10us", 10),
            ("10µs", 10),
            ("10μs", 10),
            ("1ns", 1),
            ("100ns100ns", 1),
            ("0.000000001s", 1),
            ("1s1s", 2_000_000),
        ] {
            let time = time(text).expect(text).expect(text);
            assert_eq!(written(time), format!("{microseconds}us"), "{text}");
        }
    }

    #[test]
    fn zero_and_below_is_no_limit() {
        for text in [
            "0",
            "0s",
            "-0",
            "+0",
            "0h0m",
            "-5s",
            "-1.5h",
            "0.0000000001s",
        ] {
            assert_eq!(time(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "10",
            "s",
            ".s",
            "+",
            "-",
            "1d",
            "1 s",
            "s1",
            "--1s",
            "1.2.3s",
            "1sm",
            "1S",
            "1e3s",
            "99999999999999999999s",
            "10000000000h",
            " 1s",
            "1s ",
            "١s",
        ] {
            let why = time(text).expect_err(text);
            assert!(why.contains("is not a time"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(any in ".{0,20}", text in "[+-]?([0-9]{0,20}(\\.[0-9]{0,20})?(ns|us|µs|ms|s|m|h|x)?){0,3}") {
            let _ = (time(&any), time(&text));
        }

        #[test]
        fn parts_add_up(hours in 0u64..1000, minutes in 0u64..1000, millis in 0u64..100_000) {
            let text = format!("{hours}h{minutes}m{millis}ms");
            let sum = Duration::from_millis(((hours * 60) + minutes) * 60_000 + millis);
            prop_assert_eq!(time(&text), Ok((!sum.is_zero()).then_some(sum)));
        }
    }
}
