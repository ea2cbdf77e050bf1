//! Ceilings on connections, shared by all workers.
//!
//! Whoever is over the ceiling in all, or of handshakes in progress, waits in the system's accept queue; an address
//! over its own share is refused, because waiting would let it fill that queue for everybody else.

use crate::io::Peer;
use crate::settings::Limits;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many there may be, and how many there are. A ceiling of 0 is none.
#[derive(Debug, Default)]
struct Limit {
    most: AtomicU32,
    now: AtomicU32,
}

impl Limit {
    /// Takes a place; `false` when there is none.
    fn enter(&self) -> bool {
        let most = self.most.load(Relaxed);
        let before = self.now.fetch_add(1, Relaxed);
        if most > 0 && before >= most {
            self.leave();
            return false;
        }
        true
    }

    /// Gives a place back.
    fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

/// The ceilings of a server.
#[derive(Debug, Default)]
pub(crate) struct Ceilings {
    connections: Limit,
    handshakes: Limit,
    per_address: AtomicU32,
    addresses: Mutex<HashMap<IpAddr, u32>>,
}

impl Ceilings {
    /// Takes over new ceilings; those above them stay until they leave.
    pub(crate) fn set(&self, limits: &Limits) {
        self.connections
            .most
            .store(limits.connections.value, Relaxed);
        self.handshakes.most.store(limits.handshakes.value, Relaxed);
        self.per_address.store(limits.per_address.value, Relaxed);
    }

    /// Takes the places that a connection needs, before it is accepted; `None` when there are none.
    pub(crate) fn enter(self: &Arc<Ceilings>, handshakes: bool) -> Option<Ticket> {
        if !self.connections.enter() {
            return None;
        }
        let mut ticket = Ticket {
            ceilings: Arc::clone(self),
            handshake: false,
            address: None,
        };
        ticket.handshake = handshakes && self.handshakes.enter();
        (ticket.handshake == handshakes).then_some(ticket)
    }
}

/// A connection's places, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    ceilings: Arc<Ceilings>,
    handshake: bool,
    address: Option<IpAddr>,
}

impl Ticket {
    /// Counts the connection against its address; `false` when that has its share already.
    pub(crate) fn claim(&mut self, peer: Peer) -> bool {
        let most = self.ceilings.per_address.load(Relaxed);
        let Peer::Ip(address) = peer else { return true };
        if most == 0 {
            return true;
        }
        let ip = address.ip().to_canonical();
        let mut addresses = lock(&self.ceilings.addresses);
        let count = addresses.entry(ip).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        self.address = Some(ip);
        true
    }

    /// The handshake is over.
    pub(crate) fn handshake_done(&mut self) {
        if std::mem::take(&mut self.handshake) {
            self.ceilings.handshakes.leave();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.handshake_done();
        self.ceilings.connections.leave();
        if let Some(ip) = self.address {
            let mut addresses = lock(&self.ceilings.addresses);
            if let Entry::Occupied(mut count) = addresses.entry(ip) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

/// The counts are whole at any moment, also after a panic of whoever held the lock.
fn lock(addresses: &Mutex<HashMap<IpAddr, u32>>) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
    addresses.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_gives_out_as_many_places_as_it_has() {
        let limit = Limit::default();
        assert!((0..1000).all(|_| limit.enter()), "none set");
        (0..1000).for_each(|_| limit.leave());
        limit.most.store(2, Relaxed);
        assert!(limit.enter() && limit.enter());
        assert!(!limit.enter());
        limit.leave();
        assert!(limit.enter());
    }

    #[test]
    fn an_address_over_its_share_is_refused_and_others_are_not() {
        let ceilings = Arc::<Ceilings>::default();
        ceilings.per_address.store(2, Relaxed);
        let claim = |text: &str| {
            let mut ticket = ceilings.enter(true).expect("no other ceiling is set");
            let peer = Peer::Ip(text.parse().expect("an address"));
            ticket.claim(peer).then_some(ticket)
        };
        let first = claim("192.0.2.1:1").expect("has a share");
        let _second = claim("192.0.2.1:2").expect("has a share");
        assert!(claim("192.0.2.1:3").is_none());
        assert!(
            claim("[::ffff:192.0.2.1]:4").is_none(),
            "the same in IPv6's clothes"
        );
        assert!(claim("192.0.2.2:1").is_some());
        drop(first);
        assert!(claim("192.0.2.1:3").is_some());
    }

    #[test]
    fn a_handshake_that_is_done_makes_place_for_another() {
        let ceilings = Arc::<Ceilings>::default();
        ceilings.handshakes.most.store(1, Relaxed);
        let mut first = ceilings.enter(true).expect("a place");
        assert!(ceilings.enter(true).is_none());
        assert!(
            ceilings.enter(false).is_some(),
            "a plain connection needs no handshake"
        );
        first.handshake_done();
        assert!(ceilings.enter(true).is_some());
        assert_eq!(ceilings.connections.now.load(Relaxed), 1);
    }
}
