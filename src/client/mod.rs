//! Opening TLS connections as kdb+'s `hopen` does, and to any other server: with timeouts, from any thread, blocking or
//! inside a loop of the caller's.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use tlsport::client::Client;
//! use tlsport::settings::Settings;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::default();
//!     settings.set("ssl.cafile", "ca.pem")?;
//!     settings.set("timeout.connect", "250ms")?;
//!     let client = Client::new(&settings, "tcps://localhost:5000:user:password")?;
//!     let mut link = client.open()?;
//!     // A synchronous query: '1+1'.
//!     link.write_all(b"\x01\x01\0\0\x11\0\0\0\x0a\0\x03\0\0\0\x31\x2b\x31")?;
//!     let mut header = [0; 8];
//!     link.read_exact(&mut header)?;
//!     Ok(())
//! }
//! ```
//!
//! How the server is verified is said by `ssl.verify-server`, and its certificate has to be for the host of the
//! connection string unless that says otherwise. Of the other settings a client takes what somebody chose
//! ([`Policy::of_client`](crate::settings::Policy::of_client)); the dialects' defaults are a server's, but
//! for those of kdb+, which are for both sides.
//!
//! Read next: [`Destination`] (connection strings), [`Opening`] (what happens when), [`Link`] (what comes of it),
//! [`Answer`] (`https://` and `wss://`).

mod answer;
mod attempts;
mod destination;
mod hello;
mod link;
mod lookup;
mod opening;
mod request;
mod websocket;

pub use crate::driven::Wants;
pub use answer::Answer;
pub use destination::{Destination, Spoken};
pub use link::Link;
pub use opening::{Opening, Progress};

use crate::error::{Error, Problems};
use crate::settings::{Note, Settings, Verification, check_client, remark};
use crate::tls::{Dialer, Prepared};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One server, and all that is needed to open connections to it: files are read once, when it is made.
///
/// Any number of threads may use it at once. The sessions that the server gives are kept, so that the next connection
/// resumes one; they belong to this client and go with it, so none outlives the policy it was made under.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    destination: Destination,
    dialer: Dialer,
    limits: Limits,
}

/// How long things may take, where there is a limit.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connect: Option<Duration>,
    handshake: Option<Duration>,
    idle: Option<Duration>,
}

/// Most bytes of an answer's body, unless somebody says otherwise.
pub(crate) const LONGEST_ANSWER: u64 = 1 << 30;

impl Client {
    /// Makes a client for the server of a connection string: see [`Destination`].
    ///
    /// # Errors
    /// Everything that is wrong with the settings and the files they name, or what is wrong with the string.
    pub fn new(settings: &Settings, destination: &str) -> Result<Client, Problems> {
        Client::to(settings, destination.parse()?)
    }

    /// The same for a destination that more was said about than a string can.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn to(settings: &Settings, destination: Destination) -> Result<Client, Problems> {
        let (problems, mut notes) = check_client(settings);
        let prepared = match Prepared::load_client(settings) {
            Ok((prepared, more)) => {
                notes.extend(more);
                Problems::or(problems, prepared)?
            }
            Err(Problems(more)) => return Err(Problems([problems, more].concat())),
        };
        notes.extend(weakness(settings));
        notes.iter().for_each(Note::log);
        let verification = *settings.policy.verify_server;
        let dialer = Dialer::of_client(&prepared, Some(destination.server_name()), verification)?;
        let limit = |limit: Duration| (!limit.is_zero()).then_some(limit);
        Ok(Client(Arc::new(Inner {
            destination,
            dialer,
            limits: Limits {
                connect: limit(*settings.timeouts.connect),
                handshake: limit(*settings.timeouts.handshake),
                idle: limit(*settings.timeouts.idle),
            },
        })))
    }

    /// Opens a connection, and waits until it is open or a limit has passed.
    ///
    /// # Errors
    /// Why it could not be opened: see [`Opening::step`].
    pub fn open(&self) -> Result<Link, Error> {
        let link = self.begin()?.finish()?;
        link.set_nonblocking(false)?;
        Ok(link)
    }

    /// Begins to open a connection, without waiting for anything.
    ///
    /// # Errors
    /// The system has no more threads or descriptors.
    pub fn begin(&self) -> Result<Opening, Error> {
        Opening::begin(Arc::clone(&self.0))
    }

    /// Opens a connection, sends a request of HTTP as it is, and waits for the whole answer. On the way to a WebSocket
    /// (`wss://`) what the request lacks of one is added, and the answer, if it is status 101, comes with the [`Link`].
    ///
    /// An answer may pause for as long as `timeout.idle`, and take as long as it likes; that of a WebSocket has to be there
    /// within `timeout.handshake`.
    ///
    /// # Errors
    /// As [`Client::open`]; `Closed` where the answer was cut, `Peer` where it is no HTTP or too long, `Timeout`;
    /// `Usage` where the request has no end, or is not for this kind of destination.
    ///
    /// ```no_run
    /// # use tlsport::client::Client;
    /// # fn ask(settings: &tlsport::settings::Settings) -> Result<(), tlsport::error::Problems> {
    /// let client = Client::new(settings, "https://127.0.0.1:5000")?;
    /// let answer = client.request(b"GET /login.html http/1.1\r\nhost:www.kx.com\r\n\r\n")?;
    /// println!("{} with {} bytes", answer.status, answer.body.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, text: &[u8]) -> Result<Answer, Error> {
        request::request(self, text, LONGEST_ANSWER)
    }

    /// Looks whether a request can be one to this client's server, before there is a connection.
    #[cfg(feature = "capi")]
    pub(crate) fn look_at_request(&self, text: &[u8]) -> Result<(), Error> {
        request::looks_right(self, text)
    }

    /// The same over a link of this client's that nothing was said on, and with another limit for the body of the answer
    /// than 1 GiB.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn request_on(&self, link: Link, text: &[u8], most: u64) -> Result<Answer, Error> {
        request::request_on(self, link, text, most)
    }

    /// Where it goes.
    pub fn destination(&self) -> &Destination {
        &self.0.destination
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.destination).finish()
    }
}

/// What is to be said of a server that is not wholly verified.
fn weakness(settings: &Settings) -> Option<Note> {
    let setting = &settings.policy.verify_server;
    let why = match **setting {
        Verification::Name => return None,
        Verification::Authority => {
            "the server may show any certificate of the CAs, whomever it is for"
        }
        Verification::None => {
            "the server's certificate is not looked at: whoever sits in between reads everything"
        }
    };
    Some(Note::warn(remark(
        &setting.origin,
        "ssl.verify-server",
        why,
    )))
}

/// For fuzz targets: an answer that comes in pieces, if it can be read, and ends with the connection at the latest.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_answer(bytes: &[u8], piece: usize) -> Option<Answer> {
    let mut reader = answer::Reader::new(b"GET / HTTP/1.1\r\n\r\n", 1 << 20);
    for part in bytes.chunks(piece.max(1)) {
        if reader.feed(part).ok()? {
            return Some(reader.finish().0);
        }
    }
    reader.end().ok()?;
    Some(reader.finish().0)
}
