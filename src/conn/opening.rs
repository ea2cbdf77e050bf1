//! The beginning of a connection that has a preface: its first bytes, before TLS and inside it, until it is known who
//! answers.

use super::{Conn, Next, Security, State, Work, ending};
use crate::error::Error;
use crate::io::Peer;
use crate::preface::{Decision, Guest, Preface, Shown, Subject, Then};
use crate::settings::{ServerMode, Spoken};
use crate::tls::{Failure, HandshakeError, Outcome};
use log::{info, warn};
use std::time::Instant;

/// What is there of a connection before anybody answers.
pub(super) struct Opening {
    /// Decides; none once it has.
    preface: Option<Box<dyn Preface>>,
    /// What it has been shown, and then what is for whoever answers.
    first: Vec<u8>,
}

impl Opening {
    pub(super) fn new(preface: Box<dyn Preface>) -> Opening {
        Opening {
            preface: Some(preface),
            first: Vec::new(),
        }
    }

    /// One of which everything is decided: these bytes are for whoever answers, if there are any.
    pub(super) fn holding(first: Vec<u8>) -> Option<Opening> {
        let preface = None;
        (!first.is_empty()).then_some(Opening { preface, first })
    }
}

impl Conn {
    /// Shows the preface what has come until it has decided.
    pub(super) fn look(&mut self, now: Instant, work: &mut Work) -> Next {
        let Some(mut opening) = self.opening.take() else {
            return self.pass(now);
        };
        let Some(preface) = &mut opening.preface else {
            return self.pass(now);
        };
        let guest = self.guest();
        loop {
            let decision = preface.look(&opening.first, &guest);
            let remark = preface.remark();
            match decision {
                Decision::Pass => {
                    if let Some(remark) = remark {
                        info!("{}: {remark}", self.peer);
                    }
                    let spoken = preface.spoken();
                    opening.preface = None;
                    self.opening = (!opening.first.is_empty()).then_some(opening);
                    return self.pass_as(spoken, now);
                }
                Decision::Tls => {
                    let first = std::mem::take(&mut opening.first);
                    self.opening = Some(opening);
                    self.wire.stream().prepend(&first);
                    return self.start_tls(now);
                }
                Decision::Answer(answer) => {
                    if let Some(remark) = remark {
                        self.refuse(&remark, Failure::NotTls, work);
                    }
                    opening.first.drain(..answer.taken);
                    if let Err(error) = self.say_first(&answer.say) {
                        return self.lost(&error, now, work);
                    }
                    match answer.then {
                        Then::GoOn => {}
                        Then::Tls => {
                            opening.first = Vec::new(); // what came too early is none of the handshake
                            self.opening = Some(opening);
                            return self.start_tls(now);
                        }
                        Then::End => {
                            self.ends.refused = true;
                            self.ends.farewell = self.wire.channel().is_some();
                            self.enter(State::Draining, now);
                            return Next::Wait;
                        }
                    }
                }
                Decision::More => {
                    let room = preface.longest().saturating_sub(opening.first.len()).max(1);
                    let read = self.wire.read(&mut work.pool.scratch[..room]);
                    match read {
                        Ok(Outcome::Done(count)) => {
                            let bytes = &work.pool.scratch[..count];
                            opening.first.extend_from_slice(bytes);
                        }
                        Ok(Outcome::Closed) => {
                            preface.ended(&opening.first);
                            if let Some(remark) = preface.remark() {
                                self.refuse(&remark, Failure::Gone, work);
                            }
                            let inside = self.wire.channel().is_some();
                            self.ends.farewell = inside; // the answer to a close-notify
                            let next = if inside {
                                State::Draining
                            } else {
                                State::Closed
                            };
                            self.enter(next, now);
                            return Next::Wait;
                        }
                        Ok(_) => {
                            self.opening = Some(opening);
                            if let Err(error) = self.wire.stream().flush() {
                                return self.lost(&Error::io("write", &error), now, work);
                            }
                            // A record that carries nothing for us (a key update) may have more behind it.
                            return match self.wire.is_readable() {
                                true => Next::Again,
                                false => Next::Wait,
                            };
                        }
                        Err(error) => return self.lost(&error, now, work),
                    }
                }
            }
        }
    }

    /// Tells why a client is not let in. Where everybody has to begin with TLS, that is a failed handshake.
    fn refuse(&self, why: &str, kind: Failure, work: &Work) {
        let security = &self.terms.security;
        if matches!(
            security,
            Security::Gateway(_) | Security::Kdb(_, ServerMode::Tls)
        ) {
            work.counters.failures[kind as usize].add(1);
        }
        match security {
            Security::Gateway(_) => ending::report_without_handshake(self.peer, why),
            _ => ending::report_refusal(self.peer, why),
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

    /// It is decided what is spoken: who answers that gets what was looked at.
    pub(super) fn pass_as(&mut self, spoken: Option<Spoken>, now: Instant) -> Next {
        if let Some(way) = self.terms.way_of(spoken) {
            self.way = way;
            return self.pass(now);
        }
        let what = spoken.map(|spoken| spoken.to_string()).unwrap_or_default();
        ending::report_refusal(self.peer, &format!("there is no backend for '{what}'"));
        self.opening = None;
        self.ends.farewell = self.wire.channel().is_some();
        self.enter(State::Draining, now);
        Next::Wait
    }

    fn pass(&mut self, now: Instant) -> Next {
        self.enter(State::Connecting, now);
        Next::Wait
    }

    /// What was looked at, once, as much of it as `buf` holds.
    pub(super) fn take_first(&mut self, buf: &mut [u8]) -> Option<usize> {
        let first = &mut self.opening.as_mut()?.first;
        let count = first.len().min(buf.len());
        buf[..count].copy_from_slice(&first[..count]);
        first.drain(..count);
        if first.is_empty() {
            self.opening = None;
        }
        Some(count)
    }

    fn say_first(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if !bytes.is_empty() {
            self.speak();
            self.wire.write(bytes)?;
        }
        let flushed = self.wire.stream().flush();
        flushed.map_err(|error| Error::io("write", &error))?;
        Ok(())
    }

    /// The client's stream failed before anything was served.
    pub(super) fn lost(&mut self, error: &Error, now: Instant, work: &mut Work) -> Next {
        if self.wire.channel().is_none() {
            self.failed(&HandshakeError::broken(error.to_string()), now, work);
        } else {
            self.broken(error, now);
        }
        Next::Wait
    }

    pub(super) fn start_tls(&mut self, now: Instant) -> Next {
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
