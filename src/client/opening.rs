//! A connection that is being opened: its name is looked up, an address connected to, the handshake made, and kdb+
//! told who is there. Each has its deadline.

use super::attempts::{Attempts, Target, timed_out};
use super::destination::Place;
use super::hello::Hello;
use super::lookup::Lookup;
use super::{Inner, Link, Spoken};
use crate::driven::{Descriptor, Driven, Step, Wants, poll};
use crate::error::{Error, Kind};
use crate::io::{Stream, unix_address};
use crate::settings::kdb_socket;
use crate::tls::Rejected;
use socket2::{SockAddr, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection that is being opened. One thread uses it at a time; it may go from one to another.
///
/// ```no_run
/// # use tlsport::client::{Client, Link, Progress};
/// # fn wait(_: Option<std::os::fd::BorrowedFd<'_>>, _: tlsport::client::Wants, _: Option<std::time::Instant>) {}
/// # fn open(client: &Client) -> Result<Link, tlsport::error::Error> {
/// let mut opening = client.begin()?;
/// loop {
///     match opening.step(std::time::Instant::now())? {
///         Progress::Open(link) => return Ok(link),
///         Progress::Wants(wants) => wait(opening.descriptor(), wants, opening.deadline()),
///     }
/// }
/// # }
/// ```
pub struct Opening {
    client: Arc<Inner>,
    stage: Stage,
    /// Until when there has to be a connection; later, until when all that follows has to be done.
    deadline: Option<Instant>,
    rejected: Option<Rejected>,
}

/// How far an opening has come.
pub enum Progress {
    /// There it is. Its calls do not wait before [`Link::set_nonblocking`] says so.
    Open(Link),
    /// Step again when this has happened to [`Opening::descriptor`], or when [`Opening::deadline`] has come.
    Wants(Wants),
}

enum Stage {
    LookingUp(Lookup),
    Connecting(Attempts),
    Shaking(Box<Driven>),
    Greeting(Box<Driven>, Hello),
    Over,
}

impl Opening {
    pub(super) fn begin(client: Arc<Inner>) -> Result<Opening, Error> {
        let stage = first(client.destination.place()).map_err(|error| {
            let tried = format!("cannot connect to '{}'", client.destination);
            Error::io(tried, &error)
        })?;
        Ok(Opening {
            deadline: within(client.limits.connect, Instant::now()),
            client,
            stage,
            rejected: None,
        })
    }

    /// Goes on as far as possible without waiting.
    ///
    /// # Errors
    /// Why nothing will come of it: `Timeout`; `Io` where nobody could be reached; `Tls` where the handshake failed on
    /// our side, as with a certificate that is not accepted; `Peer` where the server ended it, with an alert or for want
    /// of the right password; `Usage` after its end.
    pub fn step(&mut self, now: Instant) -> Result<Progress, Error> {
        self.go_on(now).map_err(|error| {
            self.stage = Stage::Over;
            error.context(format!("cannot connect to '{}'", self.client.destination))
        })
    }

    /// Steps, and waits in between, until the connection is open.
    ///
    /// # Errors
    /// As [`Opening::step`].
    pub fn finish(&mut self) -> Result<Link, Error> {
        loop {
            let wants = match self.step(Instant::now())? {
                Progress::Open(link) => return Ok(link),
                Progress::Wants(wants) => wants,
            };
            if let Some(descriptor) = self.descriptor() {
                let waited = poll(descriptor, wants, self.deadline());
                waited.map_err(|error| Error::io("cannot wait for a connection", &error))?;
            }
        }
    }

    /// What to wait for after a step: not always the same, so it is to be asked each time. None before the first step and
    /// after the end.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::LookingUp(lookup) => Some(lookup.as_fd()),
            Stage::Connecting(attempts) => attempts.descriptor(),
            Stage::Shaking(driven) | Stage::Greeting(driven, _) => Some(driven.as_fd()),
            Stage::Over => None,
        }
    }

    /// When to step again, whatever has happened until then; not always the same either.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Connecting(attempts) => attempts.deadline().or(self.deadline),
            _ => self.deadline,
        }
    }

    /// The certificate that the handshake has failed by, where that is why.
    pub fn rejected(&self) -> Option<&Rejected> {
        self.rejected.as_ref()
    }

    fn go_on(&mut self, now: Instant) -> Result<Progress, Error> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::LookingUp(lookup) => {
                    let Some(answer) = lookup.answer() else {
                        self.stage = Stage::LookingUp(lookup);
                        return self.wait(Wants::READ, now);
                    };
                    let addresses =
                        answer.map_err(|error| Error::io("cannot look its name up", &error))?;
                    self.stage = Stage::Connecting(Attempts::new(targets(&addresses)));
                }
                Stage::Connecting(mut attempts) => match attempts.step(now, self.deadline) {
                    Ok(Some(socket)) => self.connected(socket, now)?,
                    Ok(None) => {
                        let wants = attempts.wants();
                        self.stage = Stage::Connecting(attempts);
                        return self.wait(wants, now);
                    }
                    // All of them had their share.
                    Err(error) if error.kind() == Kind::Timeout => {
                        return Err(timed_out(self.client.limits.connect, "connecting"));
                    }
                    Err(error) => return Err(error),
                },
                Stage::Shaking(mut driven) => match driven.handshake() {
                    Ok(Step::Done(())) if self.client.destination.spoken() == Spoken::Ipc => {
                        let hello = Hello::new(&self.client.destination);
                        self.stage = Stage::Greeting(driven, hello);
                    }
                    Ok(Step::Done(())) => return Ok(Progress::Open(Link::new(driven, None))),
                    Ok(Step::Want(_)) => {
                        let wants = driven.wants();
                        self.stage = Stage::Shaking(driven);
                        return self.wait(wants, now);
                    }
                    Err(error) => return Err(self.refused(error, &mut driven)),
                },
                Stage::Greeting(mut driven, mut hello) => match hello.step(&mut driven)? {
                    Step::Done(capability) => {
                        return Ok(Progress::Open(Link::new(driven, Some(capability))));
                    }
                    Step::Want(_) => {
                        let wants = driven.wants();
                        self.stage = Stage::Greeting(driven, hello);
                        return self.wait(wants, now);
                    }
                },
                Stage::Over => {
                    return Err(Error::new(Kind::Usage, "nothing is being opened any more"));
                }
            }
        }
    }

    /// Nothing more can be done now; perhaps nothing at all.
    fn wait(&self, wants: Wants, now: Instant) -> Result<Progress, Error> {
        let limits = self.client.limits;
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(Progress::Wants(wants));
        }
        Err(match &self.stage {
            Stage::LookingUp(_) => timed_out(limits.connect, "looking its name up"),
            Stage::Shaking(_) => timed_out(limits.handshake, "in the handshake"),
            Stage::Greeting(..) => {
                timed_out(limits.handshake, "waiting for the answer to the hello")
            }
            Stage::Connecting(_) | Stage::Over => timed_out(limits.connect, "connecting"),
        })
    }

    fn connected(&mut self, socket: Socket, now: Instant) -> Result<(), Error> {
        let descriptor = Descriptor::Own(Arc::new(OwnedFd::from(socket)));
        let stream = Stream::new(Box::new(descriptor.clone()));
        let channel = self.client.dialer.dial(stream, None)?;
        self.deadline = within(self.client.limits.handshake, now);
        let driven = Driven::new(channel, descriptor, true).towards(&self.client.destination);
        self.stage = Stage::Shaking(Box::new(driven));
        Ok(())
    }

    /// Why a handshake failed, with the certificate that is to blame if one is.
    fn refused(&mut self, error: Error, driven: &mut Driven) -> Error {
        let Some(rejected) = driven.rejected() else {
            return error;
        };
        let Rejected {
            depth,
            subject,
            issuer,
            ..
        } = &rejected;
        let text = format!("{error} (at depth {depth}: '{subject}', of '{issuer}')");
        self.rejected = Some(rejected);
        error.reworded(text)
    }
}

/// What comes first: an address needs no look-up.
fn first(place: &Place) -> io::Result<Stage> {
    let socket = match place {
        Place::Tcp { host, port } => match host.parse::<IpAddr>() {
            Ok(address) => SockAddr::from(SocketAddr::new(address, *port)),
            Err(_) => return Ok(Stage::LookingUp(Lookup::begin(host, *port)?)),
        },
        Place::Unix(path) => unix_address(path)?,
        Place::Kdb { directory, port } => unix_address(&kdb_socket(directory, *port))?,
    };
    let only = Target {
        address: socket,
        name: None,
    };
    Ok(Stage::Connecting(Attempts::new([only])))
}

fn targets(addresses: &[SocketAddr]) -> impl Iterator<Item = Target> + '_ {
    let several = addresses.len() > 1;
    addresses.iter().map(move |address| Target {
        address: SockAddr::from(*address),
        name: several.then(|| address.to_string()),
    })
}

fn within(limit: Option<Duration>, now: Instant) -> Option<Instant> {
    limit.and_then(|limit| now.checked_add(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::settings::Settings;
    use std::sync::mpsc::channel;

    /// Where the name is looked up in this way.
    fn looking_up(
        limit: &str,
        find: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Opening {
        let mut settings = Settings::default();
        settings.set("timeout.connect", limit).unwrap();
        let client = Client::new(&settings, "tls://db.example:5000").unwrap();
        Opening {
            stage: Stage::LookingUp(Lookup::by(find).unwrap()),
            deadline: within(client.0.limits.connect, Instant::now()),
            client: client.0,
            rejected: None,
        }
    }

    fn said(mut opening: Opening) -> String {
        opening.finish().err().unwrap().to_string()
    }

    #[test]
    fn a_resolver_that_takes_its_time_does_not_take_ours() {
        let (over, wait) = channel::<()>();
        let opening = looking_up("150ms", move || {
            let _ = wait.recv(); // until the test is over
            Ok(Vec::new())
        });
        let began = Instant::now();
        assert_eq!(
            said(opening),
            "cannot connect to 'db.example:5000': timed out after 150ms, looking its name up"
        );
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(over);
    }

    #[test]
    fn a_name_that_is_not_known_is_told_in_the_systems_words() {
        let unknown = || Err(io::Error::other("Name or service not known"));
        assert_eq!(
            said(looking_up("5s", unknown)),
            "cannot connect to 'db.example:5000': cannot look its name up: name or service not known"
        );
        let nowhere = said(looking_up("5s", || Ok(Vec::new())));
        assert!(nowhere.ends_with("the name has no address"), "{nowhere}");
    }
}
