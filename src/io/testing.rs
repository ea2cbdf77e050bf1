//! Streams in memory for tests: small queues, odd chunk sizes, and a would-block on every other call.

use super::Io;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Default)]
struct Direction {
    bytes: VecDeque<u8>,
    ended: bool,
    reset: bool,
}

/// One end of a stream in memory.
pub(crate) struct Pipe {
    incoming: Arc<Mutex<Direction>>,
    outgoing: Arc<Mutex<Direction>>,
    /// Most bytes moved by one call.
    pub(crate) chunk: usize,
    /// Most bytes on their way.
    pub(crate) window: usize,
    /// Whether every other call says would-block.
    pub(crate) stutter: bool,
    reads: u32,
    writes: u32,
}

/// Two joined ends.
pub(crate) fn pipe(chunk: usize, window: usize, stutter: bool) -> (Pipe, Pipe) {
    let (one, other) = (
        Arc::<Mutex<Direction>>::default(),
        Arc::<Mutex<Direction>>::default(),
    );
    let end = |incoming: &Arc<Mutex<Direction>>, outgoing: &Arc<Mutex<Direction>>| Pipe {
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
        chunk,
        window,
        stutter,
        reads: 0,
        writes: 0,
    };
    (end(&one, &other), end(&other, &one))
}

impl Pipe {
    /// Whether the other end reset the stream.
    pub(crate) fn was_reset(&self) -> bool {
        lock(&self.incoming).reset
    }
}

fn lock(direction: &Mutex<Direction>) -> MutexGuard<'_, Direction> {
    direction
        .lock()
        .expect("no test thread panicked holding it")
}

/// Counts a call; whether it is one that says would-block.
fn stutters(stutter: bool, calls: &mut u32) -> bool {
    *calls = calls.wrapping_add(1);
    stutter && *calls % 2 == 0
}

impl Drop for Pipe {
    fn drop(&mut self) {
        lock(&self.outgoing).ended = true;
        lock(&self.incoming).reset = true; // whoever still writes towards us is told
    }
}

impl Io for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if stutters(self.stutter, &mut self.reads) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut queue = lock(&self.incoming);
        if queue.bytes.is_empty() {
            return match (queue.reset, queue.ended) {
                (_, true) => Ok(0),
                (true, false) => Err(io::ErrorKind::ConnectionReset.into()),
                (false, false) => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let count = buf.len().min(self.chunk).min(queue.bytes.len());
        for (slot, byte) in buf.iter_mut().zip(queue.bytes.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if stutters(self.stutter, &mut self.writes) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut queue = lock(&self.outgoing);
        if queue.reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = buf
            .len()
            .min(self.chunk)
            .min(self.window.saturating_sub(queue.bytes.len()));
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.bytes.extend(&buf[..count]);
        Ok(count)
    }

    fn shut_write(&mut self) -> io::Result<()> {
        lock(&self.outgoing).ended = true;
        Ok(())
    }

    fn reset_on_close(&mut self) {
        lock(&self.outgoing).reset = true;
    }
}

/// A socket that takes everything, and keeps what each call brought; the end of our direction as a call without bytes.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Vec<u8>>>>);

impl Calls {
    pub(crate) fn so_far(&self) -> Vec<Vec<u8>> {
        self.kept().clone()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().expect("no test thread panicked holding it")
    }
}

impl Io for Calls {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.kept().push(buf.to_vec());
        Ok(buf.len())
    }

    fn shut_write(&mut self) -> io::Result<()> {
        self.kept().push(Vec::new());
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}
