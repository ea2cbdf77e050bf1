//! How single values are read and written: booleans, numbers, times, versions, masks, lists.
//!
//! [`Value::parse`] and [`Value::write`] are each other's inverse, so that what `tlsport show` prints can be given
//! back. An error is the rest of a sentence that the builder begins with the option's name: it repeats the value,
//! in quotes, and says what is accepted.

use super::{
    AlpnMismatch, CaFileMode, DhParams, KeyPermissions, MaskPart, OptionMask, OptionsEra,
    Passphrase, Protocol, ProxyProtocol, SslMode, SslNegotiation, UnknownName, Unusable,
    Verification, VerifyClient, Version,
};
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Something an option can be set to.
pub(super) trait Value: Sized {
    /// Whether the option may stand alone, so that no text means "on" and not "unset".
    const STANDS_ALONE: bool = false;

    /// Reads a value; the error repeats it and says what is accepted.
    fn parse(text: &str) -> Result<Self, String>;

    /// Writes a value as it can be read again; `None` when it is unset.
    fn write(&self) -> Option<String>;
}

/// A user's text in single quotes, fit for one line: control characters escaped, and cut when it is very long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::from("'");
    for letter in text.chars().take(LONGEST) {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown.push('\'');
    shown
}

/// A choice between words.
pub(super) trait Words: Copy + PartialEq + 'static {
    /// Every word, in the order messages list them.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Words> Value for T {
    fn parse(text: &str) -> Result<T, String> {
        let known = T::WORDS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text));
        match known {
            Some((_, value)) => Ok(*value),
            None => Err(not_one_of(text, T::WORDS.iter().map(|(word, _)| *word))),
        }
    }

    fn write(&self) -> Option<String> {
        let known = T::WORDS.iter().find(|(_, value)| value == self);
        known.map(|(word, _)| (*word).to_owned())
    }
}

impl Words for CaFileMode {
    const WORDS: &'static [(&'static str, CaFileMode)] = &[
        ("require", CaFileMode::Require),
        ("request", CaFileMode::Request),
        ("original", CaFileMode::Original),
    ];
}

impl Words for ProxyProtocol {
    const WORDS: &'static [(&'static str, ProxyProtocol)] = &[
        ("off", ProxyProtocol::Off),
        ("v1", ProxyProtocol::V1),
        ("v2", ProxyProtocol::V2),
    ];
}

impl Words for KeyPermissions {
    const WORDS: &'static [(&'static str, KeyPermissions)] = &[
        ("any", KeyPermissions::Any),
        ("private", KeyPermissions::Private),
    ];
}

impl Words for Unusable {
    const WORDS: &'static [(&'static str, Unusable)] =
        &[("refuse", Unusable::Refuse), ("degrade", Unusable::Degrade)];
}

impl Words for Passphrase {
    const WORDS: &'static [(&'static str, Passphrase)] = &[
        ("refuse", Passphrase::Refuse),
        ("prompt", Passphrase::Prompt),
    ];
}

impl Words for AlpnMismatch {
    const WORDS: &'static [(&'static str, AlpnMismatch)] = &[
        ("ignore", AlpnMismatch::Ignore),
        ("refuse", AlpnMismatch::Refuse),
    ];
}

impl Value for DhParams {
    fn parse(text: &str) -> Result<DhParams, String> {
        Ok(match Option::<PathBuf>::parse(text)? {
            None => DhParams::None,
            Some(word) if word.as_os_str() == "none" => DhParams::None,
            Some(word) if word.as_os_str() == "built-in" => DhParams::BuiltIn,
            Some(file) => DhParams::File(file),
        })
    }

    fn write(&self) -> Option<String> {
        Some(match self {
            DhParams::None => "none".into(),
            DhParams::BuiltIn => "built-in".into(),
            DhParams::File(file) => file.display().to_string(),
        })
    }
}

impl Words for VerifyClient {
    const WORDS: &'static [(&'static str, VerifyClient)] = &[
        ("none", VerifyClient::None),
        ("request-unverified", VerifyClient::RequestUnverified),
        ("request", VerifyClient::Request),
        ("require", VerifyClient::Require),
    ];
}

impl Words for Verification {
    const WORDS: &'static [(&'static str, Verification)] = &[
        ("name", Verification::Name),
        ("chain", Verification::Authority),
        ("none", Verification::None),
    ];
}

impl Words for UnknownName {
    const WORDS: &'static [(&'static str, UnknownName)] = &[
        ("default", UnknownName::Default),
        ("refuse", UnknownName::Refuse),
    ];
}

impl Words for SslMode {
    const WORDS: &'static [(&'static str, SslMode)] = &[
        ("disable", SslMode::Disable),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
}

impl Words for SslNegotiation {
    const WORDS: &'static [(&'static str, SslNegotiation)] = &[
        ("postgres", SslNegotiation::Postgres),
        ("direct", SslNegotiation::Direct),
    ];
}

impl Words for OptionsEra {
    const WORDS: &'static [(&'static str, OptionsEra)] = &[
        ("current", OptionsEra::Current),
        ("1.0", OptionsEra::OpenSsl1_0),
    ];
}

impl Words for Version {
    const WORDS: &'static [(&'static str, Version)] = &[
        ("TLSv1", Version::Tls1),
        ("TLSv1.1", Version::Tls1_1),
        ("TLSv1.2", Version::Tls1_2),
        ("TLSv1.3", Version::Tls1_3),
    ];
}

impl fmt::Display for Version {
    /// OpenSSL's name, as in `MinProtocol`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, version)| version == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// `'maybe' is not one of require, original`.
fn not_one_of<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    format!("{} is not one of {}", quoted(text), words.join(", "))
}

impl<T: Value> Value for Option<T> {
    const STANDS_ALONE: bool = T::STANDS_ALONE;

    fn parse(text: &str) -> Result<Option<T>, String> {
        if text.is_empty() && !T::STANDS_ALONE {
            return Ok(None);
        }
        T::parse(text).map(Some)
    }

    fn write(&self) -> Option<String> {
        self.as_ref().and_then(T::write)
    }
}

impl Value for bool {
    const STANDS_ALONE: bool = true;

    /// ArangoDB's words of every age; nothing at all means true.
    fn parse(text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "" | "true" | "yes" | "on" | "1" | "y" => Ok(true),
            "false" | "no" | "off" | "0" | "n" => Ok(false),
            _ => Err(not_one_of(
                text,
                ["true", "false", "yes", "no", "on", "off", "1", "0"].into_iter(),
            )),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for u32 {
    fn parse(text: &str) -> Result<u32, String> {
        let number = whole_number(text)?;
        u32::try_from(number).map_err(|_| format!("{} is above {}", quoted(text), u32::MAX))
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A whole number, with one of ArangoDB's suffixes or without: `20k`, `4kib`, `2M`.
///
/// What follows a `#` is a comment, as it is to ArangoDB since 3.4.7, in numbers alone.
fn whole_number(text: &str) -> Result<u64, String> {
    let written = text.split('#').next().unwrap_or(text).trim();
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, suffix) = written.split_at(digits);
    let unit: Option<u64> = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" => Some(1_000),
        "m" | "mb" => Some(1_000_000),
        "g" | "gb" => Some(1_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        _ => None,
    };
    let (Some(unit), false) = (unit, digits.is_empty()) else {
        return Err(format!(
            "{} is not a whole number (a suffix k, m, g, kib, mib or gib may follow)",
            quoted(text)
        ));
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("{} is above {}", quoted(text), u64::MAX))
}

/// A number that has to lie between two others, both of them allowed.
pub(super) fn within(number: u32, low: u32, high: u32) -> Result<u32, String> {
    if (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err(format!("'{number}' is not between {low} and {high}"))
    }
}

/// The longest deadline: beyond a year somebody mistook the unit.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl Value for Duration {
    /// Seconds, or a number with `us`, `ms`, `s`, `m`, `h` or `d`.
    fn parse(text: &str) -> Result<Duration, String> {
        let written = text.split('#').next().unwrap_or(text).trim();
        let digits = written.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, suffix) = written.split_at(digits);
        let unit: Option<u64> = match suffix {
            "us" => Some(1),
            "ms" => Some(1_000),
            "" | "s" => Some(1_000_000),
            "m" => Some(60_000_000),
            "h" => Some(3_600_000_000),
            "d" => Some(86_400_000_000),
            _ => None,
        };
        let (Some(unit), false) = (unit, digits.is_empty()) else {
            return Err(format!(
                "{} is not a time (seconds, or a whole number with us, ms, s, m, h or d)",
                quoted(text)
            ));
        };
        let length = digits.parse::<u64>().ok();
        length
            .and_then(|number| number.checked_mul(unit))
            .map(Duration::from_micros)
            .filter(|length| *length <= LONGEST)
            .ok_or_else(|| format!("{} is longer than 365d", quoted(text)))
    }

    fn write(&self) -> Option<String> {
        Some(match self.subsec_micros() {
            0 => format!("{}s", self.as_secs()),
            micros if micros % 1_000 == 0 => format!("{}ms", self.as_millis()),
            _ => format!("{}us", self.as_micros()),
        })
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("no file is named".into());
        }
        if text.contains('\0') {
            return Err(format!("{} holds a zero byte", quoted(text)));
        }
        // It may be a key, which no message is to repeat.
        if text.contains("-----BEGIN ") {
            return Err("the name of a file is wanted, not what is in it".into());
        }
        Ok(PathBuf::from(text))
    }

    fn write(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<String, String> {
        if text.contains('\0') {
            return Err(format!("{} holds a zero byte", quoted(text)));
        }
        Ok(text.to_owned())
    }

    fn write(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Protocol {
    /// Every selector that is understood; 1 is too, and refused.
    const ACCEPTED: [u8; 6] = [2, 3, 4, 5, 6, 9];

    /// The selector's number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The one version of TLS that is spoken, where it is one.
    pub(super) fn only(self) -> Option<Version> {
        match self.0 {
            4 => Some(Version::Tls1),
            5 => Some(Version::Tls1_2),
            6 => Some(Version::Tls1_3),
            _ => None,
        }
    }
}

impl Value for Protocol {
    fn parse(text: &str) -> Result<Protocol, String> {
        let number = whole_number(text).ok().and_then(|n| u8::try_from(n).ok());
        match number {
            Some(1) => Err("SSLv2 is not supported any longer because of security \
                            vulnerabilities in this protocol"
                .into()),
            Some(number) if Self::ACCEPTED.contains(&number) => Ok(Protocol(number)),
            _ => Err(format!(
                "{}: invalid SSL protocol version specified. Please use a valid value for \
                 '--ssl.protocol'",
                not_one_of(text, ["2", "3", "4", "5", "6", "9"].into_iter())
            )),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Value for OptionMask {
    /// Numbers (decimal, or hexadecimal after `0x`) and names, joined by `|` or `,`; nothing at all is no bit.
    fn parse(text: &str) -> Result<OptionMask, String> {
        let written = text.split('#').next().unwrap_or(text).trim();
        if written.is_empty() {
            return Ok(OptionMask(Vec::new()));
        }
        let parts: Result<_, String> = written.split(['|', ',']).map(mask_part).collect();
        parts.map(OptionMask)
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

fn mask_part(text: &str) -> Result<MaskPart, String> {
    let part = text.trim();
    let hexadecimal = part.strip_prefix("0x").or(part.strip_prefix("0X"));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let number = match hexadecimal {
        Some(digits) => u64::from_str_radix(digits, 16),
        None if part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(is_word) =>
        {
            return Ok(MaskPart::Name(part.to_owned()));
        }
        None => part.parse(),
    };
    number
        .ok()
        .filter(|_| !part.contains('+'))
        .map(MaskPart::Number)
        .ok_or_else(|| {
            format!(
                "{} is neither a 64-bit number (decimal or 0x…) nor an SSL_OP_ name",
                quoted(part)
            )
        })
}

impl fmt::Display for OptionMask {
    /// As it can be read again; `0` when no bit is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            match part {
                MaskPart::Number(0) => f.write_str("0")?, // as an empty mask is written
                MaskPart::Number(bits) => write!(f, "{bits:#x}")?,
                MaskPart::Name(name) => f.write_str(name)?,
            }
        }
        Ok(())
    }
}

/// A list between commas, without empty places; an empty text is an empty list.
impl Value for Vec<String> {
    fn parse(text: &str) -> Result<Vec<String>, String> {
        let mut words: Vec<String> = Vec::new();
        let mut known = HashSet::new();
        if text.trim().is_empty() {
            return Ok(words);
        }
        for word in text.split(',').map(str::trim) {
            if word.is_empty() {
                return Err(format!(
                    "{} has an empty place between its commas",
                    quoted(text)
                ));
            }
            if !known.insert(word) {
                return Err(format!("{} names {} twice", quoted(text), quoted(word)));
            }
            words.push(word.to_owned());
        }
        Ok(words)
    }

    fn write(&self) -> Option<String> {
        Some(self.join(","))
    }
}

/// Names that fit the protocol list of ALPN: 1 to 255 bytes each, 65,535 in all with their lengths.
pub(super) fn alpn(text: &str) -> Result<Vec<String>, String> {
    let names = Vec::<String>::parse(text)?;
    if let Some(long) = names.iter().find(|name| name.len() > 255) {
        return Err(format!(
            "{} is longer than the 255 bytes of ALPN",
            quoted(long)
        ));
    }
    if names.iter().map(|name| name.len() + 1).sum::<usize>() > usize::from(u16::MAX) {
        return Err("the names are longer together than the 65535 bytes of ALPN".into());
    }
    Ok(names)
}

/// A command of `SSL_CONF_cmd`: `NAME=VALUE`, or a name alone.
pub(super) fn command(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let name = name.trim();
    if name.is_empty() || text.contains('\0') {
        return Err(format!("{} is not NAME=VALUE", quoted(text)));
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests;
