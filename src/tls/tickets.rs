//! Ticket keys: what a session ticket is sealed with, and found again by its name.
//!
//! Keys come from a file, shared by processes and kept across restarts, or are random and rotate by time. Not here:
//! the sealing itself, which libssl does with the key it is handed (`callbacks`).
//!
//! The file is text: a key a line, 80 bytes in hexadecimal or base64 (16 for its name, 32 for HMAC-SHA256, 32 for
//! AES-256). The first seals, all open; empty lines and lines that begin with `#` are skipped.

use super::files;
use super::sys;
use crate::error::{Error, Kind};
use crate::settings::Note;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

const NAME: usize = 16;
const SECRET: usize = 32;
const BYTES: usize = NAME + 2 * SECRET;
/// Room for many more keys than anybody rotates through.
const LARGEST_FILE: u64 = 1 << 20;
/// However short sessions live, random keys are not replaced more often.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// One key. Its bytes are wiped when it goes, and it prints as its name alone.
pub(super) struct TicketKey {
    bytes: [u8; BYTES],
}

impl TicketKey {
    /// What a ticket carries in clear to be found by.
    pub(super) fn name(&self) -> &[u8] {
        &self.bytes[..NAME]
    }

    /// The secret of HMAC-SHA256.
    pub(super) fn mac(&self) -> &[u8] {
        &self.bytes[NAME..NAME + SECRET]
    }

    /// The secret of AES-256-CBC.
    pub(super) fn cipher(&self) -> &[u8] {
        &self.bytes[NAME + SECRET..]
    }

    fn random() -> Option<Arc<TicketKey>> {
        let mut key = TicketKey { bytes: [0; BYTES] };
        openssl::rand::rand_bytes(&mut key.bytes).ok()?;
        Some(Arc::new(key))
    }
}

impl Drop for TicketKey {
    fn drop(&mut self) {
        sys::cleanse(&mut self.bytes);
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey")
    }
}

/// Keys of a file: the first seals.
#[derive(Debug)]
pub(super) struct FileKeys(Vec<Arc<TicketKey>>);

impl FileKeys {
    /// Reads a file of keys.
    pub(super) fn read(path: &Path) -> Result<(FileKeys, Vec<Note>), Error> {
        let shown = path.display();
        let file = files::read(path, LARGEST_FILE).map_err(|why| {
            Error::new(
                Kind::Settings,
                format!("cannot read ticket keys from '{shown}': {why}"),
            )
        })?;
        let keys = parse(&file.bytes).map_err(|why| {
            Error::settings(format!("cannot read ticket keys from '{shown}': {why}"))
        })?;
        let open = file.is_readable_by_others();
        let notes =
            open.then(|| Note::warn(format!("ticket keys '{shown}' can be read by every user")));
        Ok((FileKeys(keys), notes.into_iter().collect()))
    }

    fn find(&self, name: &[u8]) -> Option<(Arc<TicketKey>, bool)> {
        let place = self.0.iter().position(|key| key.name() == name)?;
        Some((self.0[place].clone(), place == 0))
    }
}

fn parse(text: &[u8]) -> Result<Vec<Arc<TicketKey>>, String> {
    let mut keys: Vec<Arc<TicketKey>> = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let number = index + 1;
        let key = decode(line).ok_or_else(|| {
            format!("line {number} is not {BYTES} bytes in hexadecimal or base64")
        })?;
        if keys.iter().any(|known| known.name() == key.name()) {
            return Err(format!("line {number} has the name of a key above it"));
        }
        keys.push(Arc::new(key));
    }
    if keys.is_empty() {
        return Err("there is no key in it".into());
    }
    Ok(keys)
}

fn decode(line: &[u8]) -> Option<TicketKey> {
    let text = std::str::from_utf8(line).ok()?;
    let mut bytes = if text.len() == 2 * BYTES {
        hexadecimal(line)?
    } else {
        openssl::base64::decode_block(text).ok()?
    };
    let key = bytes
        .as_slice()
        .try_into()
        .ok()
        .map(|bytes| TicketKey { bytes });
    sys::cleanse(&mut bytes);
    key
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()
        })
        .collect()
}

/// Random keys. The one that seals is replaced after a session's lifetime, and stays for another to open.
#[derive(Debug, Default)]
pub(super) struct RandomKeys(RwLock<Vec<Aged>>);

/// A key and when it began to seal. The newest is the last.
#[derive(Clone, Debug)]
struct Aged {
    key: Arc<TicketKey>,
    born: Instant,
}

impl RandomKeys {
    /// The key that seals now. `None` when there is no randomness to make one.
    fn current(&self, life: Duration, now: Instant) -> Option<Arc<TicketKey>> {
        let life = life.max(SHORTEST_LIFE);
        let fresh = |keys: &Vec<Aged>| {
            let newest = keys.last()?;
            (now.saturating_duration_since(newest.born) < life).then(|| newest.key.clone())
        };
        if let Some(key) = fresh(&self.0.read().unwrap_or_else(|poison| poison.into_inner())) {
            return Some(key);
        }
        let mut keys = self.0.write().unwrap_or_else(|poison| poison.into_inner());
        if let Some(key) = fresh(&keys) {
            return Some(key); // another worker was first
        }
        let key = TicketKey::random()?;
        // A key sealed for one lifetime, and what it sealed last lives for another.
        keys.retain(|old| now.saturating_duration_since(old.born) < 2 * life);
        keys.push(Aged {
            key: key.clone(),
            born: now,
        });
        Some(key)
    }

    fn find(&self, name: &[u8]) -> Option<(Arc<TicketKey>, bool)> {
        let keys = self.0.read().unwrap_or_else(|poison| poison.into_inner());
        let place = keys.iter().position(|aged| aged.key.name() == name)?;
        Some((keys[place].key.clone(), place + 1 == keys.len()))
    }
}

/// Where a context's keys come from.
#[derive(Clone, Debug)]
pub(super) enum TicketKeys {
    /// A file's.
    File(Arc<FileKeys>),
    /// Random ones, with the lifetime of sessions.
    Random(Arc<super::resume::Shared>, Duration),
}

impl TicketKeys {
    /// The key that seals a new ticket.
    pub(super) fn sealing(&self) -> Option<Arc<TicketKey>> {
        match self {
            TicketKeys::File(keys) => keys.0.first().cloned(),
            TicketKeys::Random(shared, life) => shared.random_keys.current(*life, Instant::now()),
        }
    }

    /// The key of a ticket by its name, and whether new tickets are sealed with it too.
    pub(super) fn opening(&self, name: &[u8]) -> Option<(Arc<TicketKey>, bool)> {
        match self {
            TicketKeys::File(keys) => keys.find(name),
            TicketKeys::Random(shared, _) => shared.random_keys.find(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(7200);

    fn hex(first: u8) -> String {
        let mut text = format!("{first:02x}");
        text.push_str(&"ab".repeat(BYTES - 1));
        text
    }

    #[test]
    fn keys_are_read_in_hexadecimal_and_base64_and_keep_their_order() {
        let base64 = openssl::base64::encode_block(&[7; BYTES]);
        let file = format!("# made by hand\n\n{}\n  {base64}\t\r\n", hex(1));
        let keys = parse(file.as_bytes()).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].name()[..2], [1, 0xab]);
        assert_eq!(
            (keys[1].mac(), keys[1].cipher()),
            (&[7; 32][..], &[7; 32][..])
        );
    }

    #[test]
    fn a_wrong_line_is_named_and_never_shown() {
        let file = format!("{}\n{}zz", hex(1), &hex(2)[..158]);
        let why = parse(file.as_bytes()).unwrap_err();
        assert_eq!(why, "line 2 is not 80 bytes in hexadecimal or base64");
        let twice = format!("{0}\n{0}\n", hex(1));
        let why = parse(twice.as_bytes()).unwrap_err();
        assert_eq!(why, "line 2 has the name of a key above it");
        assert_eq!(parse(b"# none\n").unwrap_err(), "there is no key in it");
        assert!(parse(b"\xff\xfe").is_err());
    }

    #[test]
    fn random_keys_rotate_and_the_one_before_still_opens() {
        let keys = RandomKeys::default();
        let start = Instant::now();
        let first = keys.current(LIFE, start).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &keys.current(LIFE, start + LIFE / 2).unwrap()
        ));
        let second = keys.current(LIFE, start + LIFE).unwrap();
        assert_ne!(first.name(), second.name());
        assert!(matches!(keys.find(first.name()), Some((_, false))));
        assert!(matches!(keys.find(second.name()), Some((_, true))));
    }

    #[test]
    fn a_random_key_is_forgotten_when_nothing_it_sealed_can_live() {
        let keys = RandomKeys::default();
        let start = Instant::now();
        let first = keys.current(LIFE, start).unwrap();
        keys.current(LIFE, start + LIFE).unwrap();
        keys.current(LIFE, start + 2 * LIFE).unwrap();
        assert!(keys.find(first.name()).is_none());
    }

    #[test]
    fn a_key_prints_nothing_of_itself() {
        assert_eq!(
            format!("{:?}", TicketKey { bytes: [9; BYTES] }),
            "TicketKey"
        );
    }
}
