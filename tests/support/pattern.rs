//! Bytes that know their place: what is lost, doubled, changed or out of order on the way shows at its position.

use std::sync::LazyLock;

/// A prime, so that no chunk size of anybody's divides it: a lost or doubled chunk shifts everything behind it.
const PERIOD: usize = 1_048_573;

static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..PERIOD).map(|_| next()).collect()
});

/// The bytes from `position` on, at most `most` of them.
pub(crate) fn at(position: u64, most: usize) -> &'static [u8] {
    let start = (position % PERIOD as u64) as usize;
    &BLOCK[start..PERIOD.min(start + most)]
}

/// The first `length` bytes.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        bytes.extend_from_slice(at(bytes.len() as u64, length - bytes.len()));
    }
    bytes
}

/// Compares what arrives, from the first byte on.
#[derive(Default)]
pub(crate) struct Check {
    /// How many bytes were right.
    pub(crate) position: u64,
}

impl Check {
    /// Takes the next bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, mut arrived: &[u8]) {
        while !arrived.is_empty() {
            let expected = at(self.position, arrived.len());
            let (now, rest) = arrived.split_at(expected.len());
            if now != expected {
                let wrong = now.iter().zip(expected).position(|(a, b)| a != b);
                panic!(
                    "byte {} is wrong",
                    self.position + wrong.unwrap_or(0) as u64
                );
            }
            self.position += now.len() as u64;
            arrived = rest;
        }
    }
}

/// Chunk sizes that nothing is a multiple of, over and over.
pub(crate) fn odd_sizes() -> impl Iterator<Item = usize> {
    [
        1, 16_383, 7, 65_537, 1_021, 131_071, 4_099, 16_385, 262_147, 509,
    ]
    .into_iter()
    .cycle()
}
