//! A fixed-size queue of bytes: free space, filled bytes, nothing more.

use std::fmt;

/// Bytes in one piece of memory that never grows.
pub struct Buffer {
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer for `capacity` bytes.
    pub fn new(capacity: usize) -> Buffer {
        Buffer {
            data: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// A full buffer, of just the size of `parts` one after the other.
    pub fn holding(parts: &[&[u8]]) -> Buffer {
        let data = parts.concat().into_boxed_slice();
        Buffer {
            start: 0,
            end: data.len(),
            data,
        }
    }

    /// The bytes that wait.
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// How many bytes fit behind them.
    pub fn room(&self) -> usize {
        self.data.len() - self.end
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `n` waiting bytes.
    pub fn consume(&mut self, n: usize) {
        self.start += n.min(self.end - self.start);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Takes as much of `bytes` as fits, and says how much that was.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.data[self.end..self.end + taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }
}

impl fmt::Debug for Buffer {
    /// Sizes only: the bytes may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Buffer({} of {})",
            self.end - self.start,
            self.data.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut buffer = Buffer::new(8);
        assert_eq!(buffer.append(b"abcdef"), 6);
        buffer.consume(4);
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.append(b"ghi"), 2, "only what fits behind");
        buffer.consume(4);
        assert!(buffer.is_empty());
        assert_eq!(buffer.room(), 8, "an empty buffer starts over");
    }
}
