//! Ceilings on connections, shared by all workers.
//!
//! Whoever is over the ceiling in all, or of handshakes in progress, waits in the system's accept queue; an address
//! over its own share is refused, because waiting would let it fill that queue for everybody else.

use crate::io::Peer;
use crate::settings::Limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many there may be, and how many there are. A ceiling of 0 is none.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    most: AtomicU32,
    now: AtomicU32,
}

impl Limit {
    pub(crate) fn is_reached(&self) -> bool {
        let most = self.most.load(Relaxed);
        most > 0 && self.now.load(Relaxed) >= most
    }

    pub(crate) fn enter(&self) {
        self.now.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

/// The ceilings of a server.
#[derive(Debug, Default)]
pub(crate) struct Ceilings {
    pub(crate) connections: Limit,
    pub(crate) handshakes: Limit,
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

    /// Counts a connection against its address. `None` refuses it; `Some(true)` is to be given back with
    /// [`Ceilings::leave_address`].
    pub(crate) fn enter_address(&self, peer: Peer) -> Option<bool> {
        let (most, Peer::Ip(address)) = (self.per_address.load(Relaxed), peer) else {
            return Some(false);
        };
        if most == 0 {
            return Some(false);
        }
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let count = addresses.entry(address.ip().to_canonical()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(true)
    }

    /// The end of a connection that was counted against its address.
    pub(crate) fn leave_address(&self, peer: Peer) {
        let Peer::Ip(address) = peer else { return };
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let ip = address.ip().to_canonical();
        if let Some(count) = addresses.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_over_its_share_is_refused_and_others_are_not() {
        let ceilings = Ceilings::default();
        ceilings.per_address.store(2, Relaxed);
        let peer = |text: &str| Peer::Ip(text.parse().expect("an address"));
        assert_eq!(ceilings.enter_address(peer("192.0.2.1:1")), Some(true));
        assert_eq!(ceilings.enter_address(peer("192.0.2.1:2")), Some(true));
        assert_eq!(ceilings.enter_address(peer("192.0.2.1:3")), None);
        assert_eq!(
            ceilings.enter_address(peer("[::ffff:192.0.2.1]:4")),
            None,
            "the same address in IPv6's clothes"
        );
        assert_eq!(ceilings.enter_address(peer("192.0.2.2:1")), Some(true));
        ceilings.leave_address(peer("192.0.2.1:1"));
        assert_eq!(ceilings.enter_address(peer("192.0.2.1:3")), Some(true));
        assert_eq!(ceilings.enter_address(Peer::Local), Some(false));
    }
}
