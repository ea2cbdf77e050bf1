//! Connections of a worker that wait for their backend: its addresses are tried one after the other.

use super::{Connecting, Entry, Worker, readiness};
use crate::conn::Next;
use crate::io::Readiness;
use crate::net::doors::PAUSE;
use crate::net::token::{Side, Target};
use log::debug;
use mio::event::Event;
use std::io;
use std::time::Instant;

/// What is known of a socket that has just connected.
const WRITABLE: Readiness = Readiness {
    readable: false,
    writable: true,
    hung_up: false,
    failed: false,
};

impl Worker {
    /// Connects to the backend, starting with its address of this number.
    pub(super) fn connect(&mut self, number: u32, first: usize, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        let Some(backend) = entry.backend() else {
            return;
        };
        let token = Target::Conn(number, entry.generation, Side::Plain).into();
        let client_waits = entry.conn.holds_bytes();
        let bytes_wait = client_waits || entry.conn.has_introduction();
        let mut why = String::new();
        for address in first..backend.len() {
            let started = backend.connect(address, bytes_wait).and_then(|mut socket| {
                socket.register(self.poll.registry(), token)?;
                Ok(socket)
            });
            match started {
                Ok(socket) => {
                    let connecting = Connecting {
                        socket,
                        address,
                        bytes_wait,
                    };
                    // Asked only where there is something to do with the answer. An introduction alone had better wait for
                    // the client's first bytes: they may come in this turn.
                    if client_waits && connecting.socket.is_connected() {
                        return self.attach(number, connecting, WRITABLE, now);
                    }
                    entry.connecting = Some(connecting);
                    return self.follow(number, Next::Wait, now);
                }
                // A unix socket whose queue is full: a connect on it cannot be waited for, only repeated.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    entry.retrying = true;
                    return self.timer.set(number, now + PAUSE);
                }
                Err(error) => why = backend.failure(address, &error),
            }
        }
        self.backend_failed(number, &why, now);
    }

    fn backend_failed(&mut self, number: u32, why: &str, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.conn.backend_failed(why, now, &mut self.work);
        self.step(number, now);
    }

    /// The socket that was connecting has been announced.
    pub(super) fn connected(&mut self, number: u32, event: &Event, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        let Some(connecting) = entry.connecting.take() else {
            return;
        };
        if event.is_error() {
            let error = match connecting.socket.take_error() {
                Ok(Some(error)) | Err(error) => error,
                Ok(None) => io::ErrorKind::NotConnected.into(),
            };
            return self.next_address(number, connecting.address, &error, now);
        }
        if event.is_writable() {
            self.attach(number, connecting, readiness(event), now);
        } else {
            entry.connecting = Some(connecting);
        }
    }

    /// Gives a connection its backend, of which so far this was announced.
    fn attach(&mut self, number: u32, to: Connecting, announced: Readiness, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.conn.attach(Box::new(to.socket), announced, now);
        self.step(number, now);
        let entry = self.entries.get_mut(number as usize);
        if let Some(entry) = entry.filter(|_| to.bytes_wait) {
            entry.conn.acknowledge(); // the bytes may have been no message yet
        }
    }

    /// An address of the backend failed: the next one, or the end.
    pub(super) fn next_address(
        &mut self,
        number: u32,
        address: usize,
        error: &io::Error,
        now: Instant,
    ) {
        let Some(backend) = self.entries.get(number as usize).and_then(Entry::backend) else {
            return;
        };
        if address + 1 < backend.len() {
            debug!("{}", backend.failure(address, error));
            if let Some(entry) = self.entries.get_mut(number as usize) {
                entry.conn.restart_deadline(now);
            }
            self.connect(number, address + 1, now);
        } else {
            self.backend_failed(number, &backend.failure(address, error), now);
        }
    }
}
