//! A socket with a memory: what readiness was announced and used up, bytes that come before its own, and bytes that
//! it would not take yet.

use super::{Buffer, Io};
use std::io;
use std::net::SocketAddr;

/// As much of waiting bytes is copied, so that they leave together with others, rather than sent alone.
const LITTLE: usize = 4096;

/// What the system announced about a socket, once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Something can be read, or the end of the stream.
    pub readable: bool,
    /// Something can be written.
    pub writable: bool,
    /// The other side has ended its direction, or the whole stream.
    pub hung_up: bool,
    /// The stream is broken both ways; bytes that came before may still be read.
    pub failed: bool,
}

/// One end of a connection.
pub struct Stream {
    io: Box<dyn Io>,
    /// To be read before the socket's own bytes: what a preface looked at. Boxed, as hardly any stream has one.
    prefix: Option<Box<Buffer>>,
    /// Nothing more to read before the next announcement.
    drained: bool,
    /// Nothing more can be written before the next announcement.
    blocked: bool,
    hung_up: bool,
    failed: bool,
    ended: bool,
    widened: bool,
    /// Bytes on their way out that no buffer is lent for: those that the socket would not take, or that wait for more.
    rest: Buffer,
    /// Where bytes behind `rest` gather; lent for a step.
    out: Option<Buffer>,
    /// How many bytes the socket has brought so far.
    received: u64,
    /// How many bytes the socket has taken so far.
    written: u64,
}

impl Stream {
    /// A stream that may be readable and writable already.
    pub fn new(io: Box<dyn Io>) -> Stream {
        Stream {
            io,
            prefix: None,
            drained: false,
            blocked: false,
            hung_up: false,
            failed: false,
            ended: false,
            widened: false,
            rest: Buffer::new(0),
            out: None,
            received: 0,
            written: 0,
        }
    }

    /// A stream of which `announced` is all that is ready.
    pub fn announced(io: Box<dyn Io>, announced: Readiness) -> Stream {
        Stream {
            drained: !announced.readable,
            blocked: !announced.writable,
            hung_up: announced.hung_up,
            failed: announced.failed,
            ..Stream::new(io)
        }
    }

    /// A stream that is over.
    pub(crate) fn closed() -> Stream {
        Stream::new(Box::new(Closed))
    }

    /// Remembers an announcement.
    pub fn announce(&mut self, readiness: Readiness) {
        self.drained &= !readiness.readable;
        self.blocked &= !readiness.writable;
        self.hung_up |= readiness.hung_up;
        self.failed |= readiness.failed;
    }

    /// Takes every announcement back: before the next one the socket is asked nothing.
    #[cfg(feature = "capi")]
    pub(crate) fn withdraw(&mut self) {
        self.drained = true;
        self.blocked = true;
    }

    /// Puts `bytes` before what the socket brings.
    pub fn prepend(&mut self, bytes: &[u8]) {
        self.prefix = (!bytes.is_empty()).then(|| Box::new(Buffer::holding(&[bytes])));
    }

    /// Our own address, where the socket has one.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.io.local_address()
    }

    /// Whether bytes were put before those of the socket.
    pub fn holds_bytes(&self) -> bool {
        self.prefix.is_some()
    }

    /// Reads; 0 is the end. A short read empties the socket, so the next one asks nobody, unless the other side has
    /// hung up: then the end is there already and no announcement will come.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet, else what the system says.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(prefix) = &mut self.prefix {
            let count = buf.len().min(prefix.filled().len());
            buf[..count].copy_from_slice(&prefix.filled()[..count]);
            prefix.consume(count);
            self.prefix.take_if(|prefix| prefix.is_empty());
            return Ok(count);
        }
        if self.drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.io.read(buf);
        match &read {
            Ok(0) => self.ended = true,
            Ok(count) => {
                self.received += *count as u64;
                self.drained = *count < buf.len() && !self.hung_up;
            }
            Err(error) => self.drained = error.kind() == io::ErrorKind::WouldBlock,
        }
        read
    }

    /// Whether a read is known to bring nothing before the next announcement.
    pub fn is_drained(&self) -> bool {
        self.drained && self.prefix.is_none()
    }

    /// Whether the stream was announced to be broken.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether the other side was announced to have ended its direction.
    pub fn has_hung_up(&self) -> bool {
        self.hung_up
    }

    /// Whether the end of the stream has been read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Lends the buffer that bytes gather in, where there is none yet. A little that waits goes into it, so that it
    /// leaves in one send with what is added.
    pub fn lend(&mut self, take: impl FnOnce() -> Buffer) {
        let out = self.out.get_or_insert_with(take);
        if !self.rest.is_empty() && self.rest.filled().len() <= LITTLE && out.is_empty() {
            out.append(self.rest.filled());
            self.rest = Buffer::new(0);
        }
    }

    /// Gets the lent buffer back. What waits in it is kept in memory of its own size, so that the buffers between
    /// sockets are few and stay in the processor's cache.
    pub fn reclaim(&mut self) -> Option<Buffer> {
        let mut out = self.out.take()?;
        if !out.is_empty() {
            self.rest = Buffer::holding(&[self.rest.filled(), out.filled()]);
            out.clear();
        }
        Some(out)
    }

    /// How many more bytes can gather.
    pub fn room(&self) -> usize {
        let room = self.out.as_ref().map_or(0, Buffer::room);
        room.saturating_sub(self.rest.filled().len())
    }

    /// How many bytes the socket has brought so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes the socket has taken so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether bytes wait for the socket.
    pub fn is_waiting(&self) -> bool {
        !self.rest.is_empty() || self.out.as_ref().is_some_and(|out| !out.is_empty())
    }

    /// Adds bytes to those that gather, all or none of them, making room by a flush where needed.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, else what the system says.
    pub fn gather(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room() < bytes.len() {
            self.flush()?;
        }
        let room = self.room();
        match &mut self.out {
            Some(out) if room >= bytes.len() => Ok(out.append(bytes)),
            Some(_) => Err(io::ErrorKind::WouldBlock.into()),
            None => self.write(bytes),
        }
    }

    /// Puts bytes before all that is sent. They leave with what is sent first, in one piece, or in a flush.
    pub fn begin_with(&mut self, bytes: &[u8]) {
        debug_assert!(self.written == 0 && !self.is_waiting());
        self.rest = Buffer::holding(&[bytes]);
    }

    /// Whether what waits is what the stream begins with, and may wait for more: it is little, and the socket has yet to
    /// be asked.
    pub fn holds_beginning(&self) -> bool {
        let waits = self.rest.filled().len();
        self.written == 0 && !self.blocked && waits > 0 && waits <= LITTLE
    }

    /// Sends bytes at once, and keeps what the socket would not take. Only for a stream on which nothing waits, or what it
    /// begins with.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.holds_beginning() {
            self.rest = Buffer::holding(&[self.rest.filled(), bytes]);
            return self.flush().map(|_| ());
        }
        debug_assert!(!self.is_waiting());
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.rest = Buffer::holding(&[rest]);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what has gathered; `true` when all of it went.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&mut self) -> io::Result<bool> {
        self.flush_by(|io, bytes| io.write(bytes))
    }

    /// As [`Stream::flush`], for the last bytes: [`Stream::shut_write`] or a close has to follow once all of them went.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush_last(&mut self) -> io::Result<bool> {
        self.flush_by(|io, bytes| io.write_last(bytes))
    }

    fn flush_by(
        &mut self,
        write: impl Fn(&mut dyn Io, &[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        if !self.rest.is_empty() {
            let mut rest = std::mem::replace(&mut self.rest, Buffer::new(0));
            let sent = self.empty(&mut rest, &write);
            if !rest.is_empty() {
                self.rest = rest;
            }
            if !sent? {
                return Ok(false);
            }
        }
        let Some(mut out) = self.out.take_if(|out| !out.is_empty()) else {
            return Ok(true);
        };
        let sent = self.empty(&mut out, &write);
        self.out = Some(out);
        sent
    }

    /// Sends a buffer until it is empty, or the socket takes no more.
    fn empty(
        &mut self,
        buffer: &mut Buffer,
        write: impl Fn(&mut dyn Io, &[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        while !buffer.is_empty() {
            match self.write_by(buffer.filled(), &write) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => buffer.consume(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Makes room for more bytes on their way to us, once.
    pub fn widen(&mut self) {
        if !std::mem::replace(&mut self.widened, true) {
            self.io.widen();
        }
    }

    /// Has packets acknowledged that were received, unless bytes have been sent that did it.
    pub fn acknowledge(&mut self) {
        if self.written == 0 {
            self.io.acknowledge();
        }
    }

    /// Ends our direction.
    ///
    /// # Errors
    /// What the system says.
    pub fn shut_write(&mut self) -> io::Result<()> {
        self.io.shut_write()
    }

    /// Makes the coming close a reset.
    pub fn reset_on_close(&mut self) {
        self.io.reset_on_close();
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(bytes, |io, bytes| io.write(bytes))
    }

    fn write_by(
        &mut self,
        bytes: &[u8],
        write: impl Fn(&mut dyn Io, &[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.blocked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = write(&mut *self.io, bytes);
        self.blocked = match &written {
            Ok(count) => {
                self.written += *count as u64;
                *count < bytes.len()
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        written
    }
}

/// No socket at all.
struct Closed;

impl Io for Closed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn shut_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Calls, pipe};
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    const READY: Readiness = Readiness {
        readable: true,
        writable: true,
        hung_up: false,
        failed: false,
    };

    #[test]
    fn a_short_read_asks_the_socket_no_more_before_the_next_announcement() {
        let (ours, mut theirs) = pipe(64, 64, false);
        let mut stream = Stream::new(Box::new(ours));
        let mut buf = [0; 16];
        theirs.write(b"one").expect("room");
        assert_eq!(stream.read(&mut buf).expect("there"), 3);
        theirs.write(b"two").expect("room");
        assert_eq!(
            stream.read(&mut buf).expect_err("not announced").kind(),
            io::ErrorKind::WouldBlock
        );
        stream.announce(READY);
        assert_eq!(stream.read(&mut buf).expect("there"), 3);
    }

    #[test]
    fn after_a_hang_up_the_end_is_read_without_an_announcement() {
        let (ours, mut theirs) = pipe(64, 64, false);
        let mut stream = Stream::new(Box::new(ours));
        theirs.write(b"last").expect("room");
        theirs.shut_write().expect("open");
        stream.announce(Readiness {
            hung_up: true,
            ..READY
        });
        let mut buf = [0; 16];
        assert_eq!(stream.read(&mut buf).expect("there"), 4);
        assert_eq!(stream.read(&mut buf).expect("the end"), 0);
        assert!(stream.has_ended());
    }

    #[test]
    fn what_a_full_socket_does_not_take_waits_and_goes_out_in_order() {
        let (ours, mut theirs) = pipe(4, 6, false);
        let mut stream = Stream::new(Box::new(ours));
        stream.send(b"0123456789").expect("sent or kept");
        assert!(stream.is_waiting());
        let (mut got, mut buf) = (Vec::<u8>::new(), [0; 8]);
        while got.len() < 10 {
            while let Ok(count) = theirs.read(&mut buf) {
                got.extend(&buf[..count]);
            }
            stream.announce(READY);
            stream.flush().expect("open");
        }
        assert_eq!(got, b"0123456789");
        assert!(!stream.is_waiting());
    }

    #[test]
    fn a_lent_buffer_comes_back_and_what_waits_in_it_stays_in_order() {
        let (ours, mut theirs) = pipe(64, 64, false);
        let mut stream = Stream::new(Box::new(ours));
        for word in [&b"one "[..], b"two "] {
            stream.lend(|| Buffer::new(64));
            assert_eq!(stream.gather(word).expect("room"), 4);
            let buffer = stream.reclaim().expect("lent");
            assert!(buffer.is_empty());
            assert!(stream.is_waiting());
        }
        stream.lend(|| Buffer::new(64));
        assert_eq!(stream.room(), 64 - 8, "what waits counts");
        assert!(stream.flush().expect("open"));
        let mut buf = [0; 64];
        assert_eq!(theirs.read(&mut buf).expect("there"), 8);
        assert_eq!(&buf[..8], b"one two ");
    }

    #[test]
    fn what_waits_never_grows_beyond_a_buffer() {
        let (ours, _theirs) = pipe(64, 0, false);
        let mut stream = Stream::new(Box::new(ours));
        let mut taken = 0;
        for _ in 0..100 {
            stream.lend(|| Buffer::new(8192));
            taken += stream.gather(&[7; 1000]).unwrap_or(0);
            stream.reclaim();
        }
        assert_eq!(taken, 8000);
    }

    /// Takes everything, and counts what else it is asked for.
    #[derive(Default)]
    struct Counting(Arc<AtomicU32>);

    impl Io for Counting {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }

        fn acknowledge(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }

        fn shut_write(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    #[test]
    fn bytes_that_were_sent_have_acknowledged() {
        let asked = Arc::<AtomicU32>::default();
        let mut stream = Stream::new(Box::new(Counting(Arc::clone(&asked))));
        stream.acknowledge();
        assert_eq!(asked.load(Relaxed), 1);
        stream.send(b"hello").expect("room");
        stream.acknowledge();
        assert_eq!(asked.load(Relaxed), 1);
    }

    #[test]
    fn what_a_stream_begins_with_leaves_in_one_call_with_what_is_sent_first() {
        let calls = Calls::default();
        let mut stream = Stream::new(Box::new(calls.clone()));
        stream.begin_with(b"who ");
        assert!(stream.holds_beginning());
        stream.send(b"what").expect("room");
        assert!(!stream.holds_beginning());
        stream.send(b"more").expect("room");
        assert_eq!(calls.so_far(), [&b"who what"[..], b"more"]);
    }

    #[test]
    fn what_a_stream_begins_with_leaves_alone_in_a_flush() {
        let calls = Calls::default();
        let mut stream = Stream::new(Box::new(calls.clone()));
        stream.begin_with(b"who");
        assert!(stream.flush().expect("room"));
        stream.send(b"what").expect("room");
        assert_eq!(calls.so_far(), [&b"who"[..], b"what"]);
    }

    #[test]
    fn what_a_stream_begins_with_leaves_in_one_call_with_a_lent_buffer() {
        let calls = Calls::default();
        let mut stream = Stream::new(Box::new(calls.clone()));
        stream.begin_with(b"who ");
        stream.lend(|| Buffer::new(64));
        assert_eq!(stream.gather(b"what").expect("room"), 4);
        assert!(stream.flush().expect("room"));
        assert_eq!(calls.so_far(), [b"who what"]);
    }

    #[test]
    fn a_socket_that_takes_nothing_yet_makes_the_beginning_wait_and_not_grow() {
        let (ours, mut theirs) = pipe(64, 64, false);
        let not_writable = Readiness {
            writable: false,
            ..READY
        };
        let mut stream = Stream::announced(Box::new(ours), not_writable);
        stream.begin_with(b"who ");
        assert!(!stream.holds_beginning(), "nothing is to be added");
        assert!(!stream.flush().expect("open"));
        stream.announce(READY);
        assert!(stream.holds_beginning());
        stream.send(b"what").expect("room");
        let mut buf = [0; 16];
        assert_eq!(theirs.read(&mut buf).expect("there"), 8);
        assert_eq!(&buf[..8], b"who what");
    }

    #[test]
    fn prepended_bytes_come_first() {
        let (ours, mut theirs) = pipe(64, 64, false);
        let mut stream = Stream::new(Box::new(ours));
        theirs.write(b"world").expect("room");
        stream.prepend(b"hello ");
        let mut buf = [0; 16];
        assert_eq!(stream.read(&mut buf).expect("there"), 6);
        assert_eq!(stream.read(&mut buf).expect("there"), 5);
    }
}
