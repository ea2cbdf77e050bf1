//! A packet of MySQL's protocol: the length of what follows in three bytes, the lowest first, a number in one, and
//! then that.

/// What comes before a packet's payload.
pub(super) const HEADER: usize = 4;

/// The longest payload before a client is authenticated: its answer to the greeting, with attributes of 64 KiB, fits.
pub(super) const LONGEST: usize = 128 * 1024;

/// A whole packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Its place in the exchange; a command begins with 0 again.
    pub(super) number: u8,
    pub(super) payload: Vec<u8>,
}

/// The length and the number of the packet that `bytes` begin with, once they are there.
pub(super) fn header(bytes: &[u8]) -> Option<(usize, u8)> {
    let (length, number) = bytes.first_chunk::<HEADER>()?.split_at(3);
    let length = length.iter().rev();
    let length = length.fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some((length, number[0]))
}

impl Packet {
    /// The one that `bytes` begin with, if all of it is there.
    pub(super) fn first(bytes: &[u8]) -> Option<Packet> {
        let (length, number) = header(bytes)?;
        let payload = bytes.get(HEADER..HEADER + length)?.to_vec();
        Some(Packet { number, payload })
    }

    /// Its bytes behind others.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_le_bytes()[..3]);
        bytes.push(self.number);
        bytes.extend_from_slice(&self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_once_it_is_whole() {
        let whole = b"\x03\0\0\x07abc\x01";
        for end in 0..7 {
            assert_eq!(Packet::first(&whole[..end]), None);
        }
        let packet = Packet::first(whole).expect("whole");
        assert_eq!((packet.number, &packet.payload[..]), (7, &b"abc"[..]));
        let mut bytes = b"\x01".to_vec();
        packet.append_to(&mut bytes);
        assert_eq!(bytes, b"\x01\x03\0\0\x07abc");
    }

    #[test]
    fn the_length_has_its_lowest_byte_first() {
        assert_eq!(header(b"\x01\x02\x03\x04"), Some((0x03_02_01, 4)));
        assert_eq!(header(b"\x01\x02\x03"), None);
    }
}
