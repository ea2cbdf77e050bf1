//! The beginning of a connection that has a preface: its first bytes, before TLS and inside it, until it is known who
//! answers.

use super::{Conn, Next, State, Work, ending};
use crate::error::Error;
use crate::io::Peer;
use crate::preface::{Answer, Decision, Guest, Shown, Subject, Then};
use crate::tls::{HandshakeError, Outcome};
use log::{info, warn};
use std::time::Instant;

impl Conn {
    /// Shows the preface what has come until it has decided.
    pub(super) fn look(&mut self, now: Instant, work: &mut Work) -> Next {
        let Some(mut preface) = self.preface.take() else {
            return self.pass(now);
        };
        let guest = self.guest();
        loop {
            let decision = preface.look(&self.first, &guest);
            let remark = preface.remark();
            match decision {
                Decision::Pass => {
                    if let Some(remark) = remark {
                        info!("{}: {remark}", self.peer);
                    }
                    return self.pass(now);
                }
                Decision::Tls => {
                    self.preface = Some(preface);
                    let first = std::mem::take(&mut self.first);
                    self.wire.stream().prepend(&first);
                    return self.start_tls(now);
                }
                Decision::Answer(answer) => {
                    if let Some(remark) = remark {
                        ending::report_refusal(self.peer, &remark);
                    }
                    match self.say_first(&answer) {
                        Ok(()) => {}
                        Err(error) => return self.lost(&error, now, work),
                    }
                    match answer.then {
                        Then::GoOn => {}
                        Then::Tls => {
                            self.preface = Some(preface);
                            self.first = Vec::new(); // what came too early is none of the handshake
                            return self.start_tls(now);
                        }
                        Then::End => {
                            self.ends.farewell = self.wire.channel().is_some();
                            self.enter(State::Draining, now);
                            return Next::Wait;
                        }
                    }
                }
                Decision::More => match self.read_first(preface.longest(), work) {
                    Ok(Outcome::Done(_)) => {}
                    Ok(Outcome::Closed) => {
                        if !preface.ended(&self.first) {
                            self.ends.wire_said = true;
                            return self.pass(now);
                        }
                        if let Some(remark) = preface.remark() {
                            ending::report_refusal(self.peer, &remark);
                        }
                        self.enter(State::Closed, now);
                        return Next::Wait;
                    }
                    Ok(_) => {
                        self.preface = Some(preface);
                        if let Err(error) = self.wire.stream().flush() {
                            return self.lost(&Error::io("write", &error), now, work);
                        }
                        return Next::Wait;
                    }
                    Err(error) => return self.lost(&error, now, work),
                },
            }
        }
    }

    /// What the preface may know of the client besides its bytes.
    fn guest(&mut self) -> Guest {
        let address = match self.peer {
            Peer::Ip(address) => Some(address.ip().to_canonical()),
            Peer::Local => None,
        };
        let shown = self.wire.channel().map(|channel| Shown {
            alpn: channel.alpn(),
            verifies: channel.verifies(),
            subject: channel.subject().map(|subject| Subject {
                common_name: subject.common_name,
                distinguished_name: subject.distinguished_name,
            }),
        });
        Guest { address, shown }
    }

    /// It is decided: what was looked at is for whoever answers.
    fn pass(&mut self, now: Instant) -> Next {
        self.preface = None;
        self.enter(State::Connecting, now);
        Next::Wait
    }

    /// Reads more for a preface that has to see `longest` bytes at the most.
    fn read_first(&mut self, longest: usize, work: &mut Work) -> Result<Outcome, Error> {
        let room = longest.saturating_sub(self.first.len()).max(1);
        let outcome = self.wire.read(&mut work.pool.scratch[..room])?;
        if let Outcome::Done(count) = outcome {
            self.first.extend_from_slice(&work.pool.scratch[..count]);
        }
        Ok(outcome)
    }

    fn say_first(&mut self, answer: &Answer) -> Result<(), Error> {
        self.first.drain(..answer.taken);
        if !answer.say.is_empty() {
            self.speak();
            self.wire.write(&answer.say)?;
        }
        let flushed = self.wire.stream().flush();
        flushed.map_err(|error| Error::io("write", &error))?;
        Ok(())
    }

    /// The client's stream failed before anything was served.
    fn lost(&mut self, error: &Error, now: Instant, work: &mut Work) -> Next {
        if self.wire.channel().is_none() {
            self.failed(&HandshakeError::gone(error.to_string()), now, work);
        } else {
            self.broken(error, now);
        }
        Next::Wait
    }

    fn start_tls(&mut self, now: Instant) -> Next {
        let terms = std::sync::Arc::clone(&self.terms);
        let started = match terms.security.context() {
            Some(context) => self.wire.start_tls(context),
            None => return Next::Close,
        };
        match started {
            Ok(()) => self.enter(State::Handshaking, now),
            Err(error) => {
                warn!("{}: {error}", self.peer);
                self.enter(State::Closed, now);
            }
        }
        Next::Wait
    }
}
