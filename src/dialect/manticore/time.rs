//! Times: a whole number with `us`, `ms`, `s`, `m`, `h`, `d` or `w`, in seconds where nothing follows it.

use crate::settings::quoted;

const SECOND: u64 = 1_000_000;

const DAY: u64 = 24 * 3600 * SECOND;

/// As in our options: beyond a year somebody mistook the unit.
const LONGEST: u64 = 365 * DAY;

/// Units by how they begin, as the original looks no further: the first that fits counts. In microseconds.
const UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", DAY),
    ("w", 7 * DAY),
];

/// A time as it is written in our options.
pub(super) fn time(text: &str) -> Result<String, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits);
    let unit = unit.to_ascii_lowercase();
    let unit = match &unit[..] {
        "" => Some(SECOND),
        unit => UNITS
            .iter()
            .find_map(|(name, length)| unit.starts_with(name).then_some(*length)),
    };
    let (Some(unit), false) = (unit, digits.is_empty()) else {
        let time = "is not a time (seconds, or a whole number with us, ms, s, m, h, d or w)";
        return Err(format!("{} {time}", quoted(text)));
    };
    let number: Option<u64> = digits.parse().ok();
    let micros = number.and_then(|number| number.checked_mul(unit));
    match micros.filter(|micros| *micros <= LONGEST) {
        Some(micros) if micros % SECOND == 0 => Ok(format!("{}s", micros / SECOND)),
        Some(micros) => Ok(format!("{micros}us")),
        None => Err(format!("{} is longer than 365d", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, expected) in [
            ("5", "5s"),
            ("0", "0s"),
            ("5s", "5s"),
            ("5S", "5s"),
            ("5m", "300s"),
            ("5min", "300s"),
            ("1h", "3600s"),
            ("1D", "86400s"),
            ("2w", "1209600s"),
            ("1500ms", "1500000us"),
            ("2000MS", "2s"),
            ("7us", "7us"),
        ] {
            assert_eq!(time(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["soon", "5 s", "-1", "1.5s", "5x", "5u", "s", ""] {
            let why = format!(
                "'{text}' is not a time (seconds, or a whole number with us, ms, s, m, h, d or w)"
            );
            assert_eq!(time(text), Err(why));
        }
        for text in ["99999999999999999999", "99999999999999w", "366d", "53w"] {
            assert_eq!(time(text), Err(format!("'{text}' is longer than 365d")));
        }
    }

    proptest! {
        #[test]
        fn no_time_is_too_odd(text in ".*|[0-9]{0,20}[a-zA-Z ]{0,3}") {
            let _ = time(&text);
        }
    }
}
