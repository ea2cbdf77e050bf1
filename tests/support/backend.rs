//! Plain servers for the daemon to stand in front of: std sockets, one thread a connection.

use super::pattern::{self, Check};
use super::wait::PATIENCE;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A connection from the daemon.
pub(crate) trait Origin: Read + Write + Send + 'static {
    /// Ends our direction.
    fn shut_write(&self);
    /// Makes the coming close a reset.
    fn reset_on_close(&self);
    fn set_patience(&self, patience: Duration);
}

impl Origin for TcpStream {
    fn shut_write(&self) {
        let _ = self.shutdown(Shutdown::Write); // the daemon may be gone
    }

    fn reset_on_close(&self) {
        SockRef::from(self)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    fn set_patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).unwrap();
        self.set_write_timeout(Some(patience)).unwrap();
    }
}

impl Origin for UnixStream {
    fn shut_write(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset_on_close(&self) {}

    fn set_patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).unwrap();
        self.set_write_timeout(Some(patience)).unwrap();
    }
}

/// A server that ends with its guard, which fails where a connection's thread has failed.
pub(crate) struct Backend {
    /// As `--backend` takes it.
    pub(crate) url: String,
    place: Place,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Backend {
    /// A server on 127.0.0.1 that treats each connection with `treat`.
    pub(crate) fn new(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> Backend {
        Backend::at("127.0.0.1:0".parse().unwrap(), treat)
    }

    /// A server on an address of choice.
    pub(crate) fn at(
        address: SocketAddr,
        treat: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Backend {
        let listener = TcpListener::bind(address).unwrap();
        // std's queue of 128 is too short for thousands at once.
        SockRef::from(&listener).listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        Backend::run(
            format!("tcp://{address}"),
            Place::Tcp(address),
            move || listener.accept().map(|(stream, _)| stream),
            treat,
        )
    }

    /// A server on a unix socket.
    pub(crate) fn unix(path: &Path, treat: impl Fn(UnixStream) + Send + Sync + 'static) -> Backend {
        let listener = UnixListener::bind(path).unwrap();
        Backend::run(
            format!("unix://{}", path.display()),
            Place::Unix(path.to_owned()),
            move || listener.accept().map(|(stream, _)| stream),
            treat,
        )
    }

    fn run<S: Origin>(
        url: String,
        place: Place,
        accept: impl Fn() -> io::Result<S> + Send + 'static,
        treat: impl Fn(S) + Send + Sync + 'static,
    ) -> Backend {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicUsize::new(0));
        let threads = Arc::new(Mutex::new(Vec::new()));
        let treat = Arc::new(treat);
        let acceptor = thread::spawn({
            let (stop, accepted, threads) = (stop.clone(), accepted.clone(), threads.clone());
            move || {
                loop {
                    let stream = accept().unwrap();
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    stream.set_patience(PATIENCE);
                    accepted.fetch_add(1, Ordering::SeqCst);
                    let treat = Arc::clone(&treat);
                    let thread = thread::Builder::new().stack_size(256 * 1024);
                    let thread = thread.spawn(move || treat(stream)).unwrap();
                    threads.lock().unwrap().push(thread);
                }
            }
        });
        Backend {
            url,
            place,
            accepted,
            stop,
            acceptor: Some(acceptor),
            threads,
        }
    }

    /// Says back what it hears, then ends.
    pub(crate) fn echo() -> Backend {
        Backend::new(echo)
    }

    /// Says `length` bytes of the pattern, whatever it hears, then ends.
    pub(crate) fn source(length: u64) -> Backend {
        Backend::new(move |mut stream| {
            say_pattern(&mut stream, length);
            stream.shut_write();
            let _ = io::copy(&mut stream, &mut io::sink());
        })
    }

    /// Hears everything and never says a word, not even a last one.
    pub(crate) fn mute() -> Backend {
        Backend::new(|mut stream| {
            let _ = io::copy(&mut stream, &mut io::sink());
        })
    }

    /// How many connections it got.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Listens no more; the connections it has go on.
    pub(crate) fn stop_listening(&mut self) {
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        self.stop.store(true, Ordering::SeqCst);
        match &self.place {
            Place::Tcp(address) => drop(TcpStream::connect(address)),
            Place::Unix(path) => drop(UnixStream::connect(path)),
        }
        let ended = acceptor.join();
        assert!(ended.is_ok() || thread::panicking(), "backend failed");
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop_listening();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        if thread::panicking() {
            return; // the test has failed already; its connections may still be open
        }
        for thread in threads {
            assert!(thread.join().is_ok(), "a connection of the backend failed");
        }
    }
}

/// Says back what it hears, then ends.
pub(crate) fn echo(mut stream: impl Origin) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return stream.shut_write(),
            Ok(count) => {
                if stream.write_all(&buffer[..count]).is_err() {
                    return; // the client is gone, and the daemon says so in its own way
                }
            }
            Err(_) => return,
        }
    }
}

/// Says `length` bytes of the pattern in odd chunks.
pub(crate) fn say_pattern(stream: &mut impl Write, length: u64) {
    let mut position = 0;
    let mut sizes = pattern::odd_sizes();
    while position < length {
        let size = sizes.next().unwrap().min((length - position) as usize);
        let chunk = pattern::at(position, size);
        stream.write_all(chunk).unwrap();
        position += chunk.len() as u64;
    }
}

/// Hears the pattern to its end, and says how much there was.
pub(crate) fn hear_pattern(stream: &mut impl Read) -> io::Result<u64> {
    let mut check = Check::default();
    let mut buffer = vec![0; 300_007];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(check.position),
            count => check.take(&buffer[..count]),
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on: connecting is refused.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
