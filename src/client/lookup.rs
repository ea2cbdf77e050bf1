//! A name is looked up on a thread of its own: the system's call has limits of its own, which may be minutes.

use crate::io::resolve;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

/// A look-up on its way.
pub(super) struct Lookup {
    answer: Receiver<io::Result<Vec<SocketAddr>>>,
    /// Ends when there is an answer, and can be waited for together with sockets.
    bell: UnixStream,
}

impl Lookup {
    /// Begins. Who gives up leaves the thread to its own end.
    pub(super) fn begin(host: &str, port: u16) -> io::Result<Lookup> {
        let host = host.to_owned();
        Lookup::by(move || resolve(&host, port))
    }

    /// The same in whatever way.
    pub(super) fn by(
        find: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> io::Result<Lookup> {
        let (bell, rope) = UnixStream::pair()?;
        let (tell, answer) = sync_channel(1);
        thread::Builder::new()
            .name("tlsport-lookup".into())
            .spawn(move || {
                let _ = tell.send(find()); // nobody may wait any more
                drop(rope);
            })?;
        Ok(Lookup { answer, bell })
    }

    /// The addresses, once they are there.
    pub(super) fn answer(&self) -> Option<io::Result<Vec<SocketAddr>>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(io::Error::other("the look-up ended"))),
        }
    }
}

impl AsFd for Lookup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
