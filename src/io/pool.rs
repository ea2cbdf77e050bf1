//! A worker's spare buffers: connections hold one only while bytes are stuck in it.

use super::Buffer;

/// Size of a pooled buffer: sixteen full records with their overhead, the most that is sent in one call.
pub const CAPACITY: usize = 16 * (16 * 1024 + 256);

/// How many spare buffers a worker keeps; more are given back to the allocator.
const SPARES: usize = 16;

/// A worker's memory for bytes on the move.
#[derive(Debug)]
pub struct Pool {
    /// Where bytes land between a read and the write that follows it at once.
    pub scratch: Box<[u8]>,
    /// Buffers for what a socket would not take.
    pub spares: Spares,
    texts: Vec<Vec<u8>>,
}

/// Empty buffers.
#[derive(Debug, Default)]
pub struct Spares(Vec<Buffer>);

impl Pool {
    /// An empty pool.
    pub fn new() -> Pool {
        Pool {
            scratch: vec![0; CAPACITY].into_boxed_slice(),
            spares: Spares::default(),
            texts: Vec::new(),
        }
    }

    /// An empty vector for a service's answer.
    pub fn take_text(&mut self) -> Vec<u8> {
        self.texts.pop().unwrap_or_default()
    }

    /// Gives a service's vector back.
    pub fn give_text(&mut self, mut text: Vec<u8>) {
        text.clear();
        if self.texts.len() < SPARES && text.capacity() <= CAPACITY {
            self.texts.push(text);
        }
    }
}

impl Spares {
    /// A buffer of [`CAPACITY`], empty.
    pub fn take(&mut self) -> Buffer {
        self.0.pop().unwrap_or_else(|| Buffer::new(CAPACITY))
    }

    /// Gives a buffer back. Only empty ones come back: waiting bytes belong to a connection.
    pub fn give(&mut self, buffer: Buffer) {
        debug_assert!(buffer.is_empty());
        if self.0.len() < SPARES {
            self.0.push(buffer);
        }
    }
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new()
    }
}
