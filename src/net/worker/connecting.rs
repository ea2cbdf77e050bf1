//! Connections of a worker that wait for their backend: its addresses are tried one after the other.

use super::{Worker, readiness};
use crate::conn::Next;
use crate::net::doors::PAUSE;
use crate::net::token::{Side, Target};
use log::debug;
use mio::event::Event;
use std::io;
use std::time::Instant;

impl Worker {
    /// Connects to the backend, starting with its address of this number.
    pub(super) fn connect(&mut self, number: u32, first: usize, now: Instant) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        let Some(backend) = entry.backend.clone() else {
            return;
        };
        let token = Target::Conn(number, entry.generation, Side::Plain).into();
        let mut why = String::new();
        for address in first..backend.len() {
            let started = backend.connect(address).and_then(|mut socket| {
                socket.register(self.poll.registry(), token)?;
                Ok(socket)
            });
            match started {
                Ok(socket) => {
                    entry.connecting = Some((socket, address));
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
        let Some((socket, address)) = entry.connecting.take() else {
            return;
        };
        if event.is_error() {
            let error = match socket.take_error() {
                Ok(Some(error)) | Err(error) => error,
                Ok(None) => io::ErrorKind::NotConnected.into(),
            };
            return self.next_address(number, address, &error, now);
        }
        if !event.is_writable() {
            entry.connecting = Some((socket, address));
            return;
        }
        entry.conn.attach(Box::new(socket), readiness(event), now);
        self.step(number, now);
    }

    /// An address of the backend failed: the next one, or the end.
    pub(super) fn next_address(
        &mut self,
        number: u32,
        address: usize,
        error: &io::Error,
        now: Instant,
    ) {
        let Some(backend) = self
            .entries
            .get(number as usize)
            .and_then(|entry| entry.backend.clone())
        else {
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
