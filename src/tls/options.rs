//! The `SSL_OP_*` mask: numbers and names to bits and back, and what the bits mean to the libssl in use.
//!
//! Numbers are applied as given, as ArangoDB does; since OpenSSL 1.1 and 3.0 gave old bits new meanings, a mask
//! written for OpenSSL 1.0 can be translated ([`OptionsEra::OpenSsl1_0`]). Not here: what the bits do, which is
//! libssl's. The two tables are in `option_bits`.

use super::option_bits::{BITS, COLLECTIONS, DROPPED_NAMES, Effect, OLD_BITS, Row};
use crate::error::{Error, Problems};
use crate::settings::{MaskPart, Note, OptionMask, OptionsEra, nearest_word, quoted};

/// `SSL_OP_ALL`: the workarounds that OpenSSL calls harmless, and ArangoDB's default.
pub const ALL: u64 = 0x8000_0850;

/// A mask as libssl gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The bits.
    pub bits: u64,
    /// What somebody should hear about them.
    pub notes: Vec<Note>,
}

/// Joins the parts of a mask for the libssl in use, and says what is odd about them.
///
/// # Errors
/// One for each name that is none.
pub fn resolve(mask: &OptionMask, era: OptionsEra) -> Result<Resolved, Problems> {
    let mut resolved = Resolved::default();
    let mut problems = Vec::new();
    let mut numbers = 0;
    let mut named = 0;
    for part in &mask.0 {
        match part {
            MaskPart::Number(bits) => numbers |= bits,
            MaskPart::Name(name) => match bits(name) {
                Some(bits) => {
                    named |= bits;
                    resolved.notes.extend(datagram_alias(name, bits));
                }
                None => problems.push(unknown(name)),
            },
        }
    }
    match era {
        OptionsEra::Current => resolved.notes.extend(renumbered(numbers)),
        OptionsEra::OpenSsl1_0 => {
            let (bits, notes) = translate(numbers);
            numbers = bits;
            resolved.notes.extend(notes);
        }
    }
    resolved.bits = numbers | named;
    resolved.notes.extend(remarks(resolved.bits));
    Problems::or(problems, resolved)
}

/// The bits of a name, with its `SSL_OP_` or without, in any case. Names that OpenSSL keeps without effect are 0.
pub fn bits(name: &str) -> Option<u64> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SSL_OP_").unwrap_or(&name);
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some((_, bits)) = COLLECTIONS.iter().find(|(known, _)| same(known)) {
        return Some(*bits);
    }
    if let Some(row) = BITS.iter().find(|row| same(row.name)) {
        return Some(1 << row.bit);
    }
    DROPPED_NAMES.iter().any(|known| same(known)).then_some(0)
}

/// The names of the bits, lowest first; a bit without a name is written as a number.
pub fn names(mask: u64) -> Vec<String> {
    (0..u64::BITS)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(|bit| match row(bit) {
            Some(row) => format!("SSL_OP_{}", row.name),
            None => format!("{:#x}", 1u64 << bit),
        })
        .collect()
}

/// What one bit is to the libssl in use, in a few words: `no effect: …`, `weaker: …`, or nothing to say.
pub fn remark(bit: u32) -> Option<String> {
    let Some(row) = row(bit) else {
        return Some("no effect: no libssl gives it a meaning".into());
    };
    if !row.is_known() {
        return Some(format!("no effect: it came with OpenSSL {}", row.since()));
    }
    match row.effect {
        Effect::Plain(_) => None,
        Effect::None(why) => Some(format!("no effect: {why}")),
        Effect::Weaker(why) => Some(format!("weaker: {why}")),
    }
}

/// What one bit does in the libssl in use, where [`remark`] has nothing to say.
pub fn does(bit: u32) -> Option<&'static str> {
    match row(bit).filter(|row| row.is_known())?.effect {
        Effect::Plain(what) => Some(what),
        Effect::None(_) | Effect::Weaker(_) => None,
    }
}

/// What a bit was in OpenSSL 1.0, where that is not what it is now.
pub fn was(bit: u32) -> Option<&'static str> {
    OLD_BITS
        .iter()
        .find(|old| old.bit == bit && old.today != 1 << bit)
        .map(|old| old.name)
}

fn row(bit: u32) -> Option<&'static Row> {
    BITS.iter().find(|row| row.bit == bit)
}

/// Bits of a number that meant something else when OpenSSL 1.0 was current. The whole of today's `SSL_OP_ALL` in
/// one number shows that it was written for today.
fn renumbered(numbers: u64) -> Vec<Note> {
    let suspicious = if numbers & ALL == ALL && numbers & OLD_ALL != OLD_ALL {
        numbers & !ALL
    } else {
        numbers
    };
    (0..u64::BITS)
        .filter(|bit| suspicious & (1 << bit) != 0)
        .filter_map(|bit| Some((bit, was(bit)?)))
        .map(|(bit, old)| {
            let now = match row(bit).filter(|row| row.is_known()) {
                Some(row) => format!("is SSL_OP_{} in this libssl", row.name),
                None => "means nothing in this libssl".into(),
            };
            Note::warn(format!(
                "bit {:#x} {now} and was SSL_OP_{old} in OpenSSL 1.0: '--ssl.options-era 1.0' translates an old mask",
                1u64 << bit
            ))
        })
        .collect()
}

/// `SSL_OP_ALL` of OpenSSL 1.0, without the bits that came and went between its releases.
const OLD_ALL: u64 = 0x8000_0BE0;

/// A mask of OpenSSL 1.0 in today's bits.
fn translate(numbers: u64) -> (u64, Vec<Note>) {
    let mut bits = 0;
    let mut notes = Vec::new();
    for bit in (0..u64::BITS).filter(|bit| numbers & (1 << bit) != 0) {
        let value = 1u64 << bit;
        match OLD_BITS.iter().find(|old| old.bit == bit) {
            Some(old) if old.today != 0 => bits |= old.today,
            Some(old) => notes.push(Note::info(format!(
                "bit {value:#x}, SSL_OP_{} in OpenSSL 1.0, is left out: it has no effect any more",
                old.name
            ))),
            None => notes.push(Note::warn(format!(
                "bit {value:#x} is left out: it meant nothing in OpenSSL 1.0"
            ))),
        }
    }
    (bits, notes)
}

/// Bits that do nothing here, and bits that weaken. Those of `SSL_OP_ALL` go unmentioned where all are set: it is
/// the default, and OpenSSL calls it harmless.
fn remarks(bits: u64) -> Vec<Note> {
    let worth_saying = if bits & ALL == ALL { bits & !ALL } else { bits };
    (0..u64::BITS)
        .filter(|bit| worth_saying & (1 << bit) != 0)
        .filter_map(|bit| {
            let name = names(1 << bit).pop()?;
            let remark = remark(bit)?;
            let text = format!("{name}: {remark}");
            Some(if remark.starts_with("weaker") {
                Note::warn(text)
            } else {
                Note::info(text)
            })
        })
        .collect()
}

/// The versions of DTLS share their bits with versions of TLS.
fn datagram_alias(name: &str, bits: u64) -> Option<Note> {
    let name = name.to_ascii_uppercase();
    name.contains("NO_DTLS").then(|| {
        let tls = names(bits).join(" and ");
        Note::warn(format!("{name} is the same as {tls} in a TLS server"))
    })
}

fn unknown(name: &str) -> Error {
    let plain = name.to_ascii_uppercase();
    let plain = plain.strip_prefix("SSL_OP_").unwrap_or(&plain);
    let known = BITS
        .iter()
        .map(|row| row.name)
        .chain(COLLECTIONS.iter().map(|(name, _)| *name))
        .chain(DROPPED_NAMES.iter().copied());
    let hint = match nearest_word(plain, known) {
        Some(near) => format!(": did you mean 'SSL_OP_{near}'?"),
        None => String::new(),
    };
    Error::settings(format!("{} is not an SSL option{hint}", quoted(name)))
}
