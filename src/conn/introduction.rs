//! What a backend is told of a connection's client before anything else, by the PROXY protocol.
//!
//! The data is gathered here; `preface::proxy` makes the bytes.

use super::Conn;
use crate::io::Peer;
use crate::preface::proxy::{Client, Shown, Tls};
use crate::settings::ProxyProtocol;

impl Conn {
    /// Whether the backend hears of the client before the client says anything.
    pub fn has_introduction(&self) -> bool {
        self.terms.proxy_protocol != ProxyProtocol::Off
    }

    /// The bytes that tell the backend of the client, where it is to be told.
    pub(super) fn introduction(&mut self) -> Option<Vec<u8>> {
        let version = self.terms.proxy_protocol;
        if version == ProxyProtocol::Off {
            return None;
        }
        let addresses = match self.peer {
            // The system is asked for ours, as a listener may be everywhere.
            Peer::Ip(client) => {
                let ours = self.wire.stream().local_address();
                ours.map(|ours| (client, ours))
            }
            Peer::Local => None,
        };
        let mut client = Client {
            addresses,
            tls: None,
        };
        if version == ProxyProtocol::V1 {
            return Some(client.version_1());
        }
        let Some(channel) = self.wire.channel() else {
            return Some(client.version_2());
        };
        let facts = channel.bare_facts();
        let (signature, key) = facts.own_algorithms();
        let peer = facts.peer();
        client.tls = Some(Tls {
            version: facts.protocol(),
            cipher: facts.cipher(),
            alpn: facts.alpn(),
            server_name: facts.server_name(),
            signature,
            key: key.as_deref(),
            certificate: peer.as_ref().map(|peer| Shown {
                now: peer.shown_now,
                verified: peer.verified,
                common_name: peer.common_name.as_deref(),
            }),
        });
        Some(client.version_2())
    }
}
