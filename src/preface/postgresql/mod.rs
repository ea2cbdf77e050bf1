//! PostgreSQL's protocol up to the start-up packet: requests for encryption, TLS from the first byte (17), cancelling,
//! and who may come in.
//!
//! A packet is its length in four bytes, which count too, a code in four, and the rest. `startup` reads the packet that
//! names user and database, `gate` says what the rules of `pg_hba.conf` make of it, `message` writes what the client is
//! told. Where the original's code differs by version, this is 16's, with the direct TLS of 17.

mod gate;
mod message;
mod startup;
#[cfg(test)]
mod tests;

pub(crate) use gate::Gate;

use super::first_byte::HANDSHAKE;
use super::{Answer, Decision, Guest, Preface, Then};
use message::Refusal;
use startup::Startup;
use std::sync::Arc;

/// The name of the protocol in ALPN.
pub(crate) const ALPN: &[u8] = b"postgresql";

/// `MAX_STARTUP_PACKET_LENGTH`: the most that may follow a packet's length.
const LONGEST_BODY: usize = 10_000;

/// Codes in a packet's place for the version of the protocol.
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// The only major version left.
const MAJOR: u32 = 3;

/// Packets that cancel: the number of the process and the key, of four bytes, since 18 of up to 256.
const CANCEL_LENGTHS: std::ops::RangeInclusive<usize> = 16..=268;

/// One connection's way to its start-up packet.
pub(crate) struct PostgreSql {
    gate: Arc<Gate>,
    /// Another request for TLS, or for GSSAPI's encryption, is none any more.
    ssl_done: bool,
    gss_done: bool,
    /// TLS came without being asked for.
    direct: bool,
    /// What is wrong with bytes that came before the handshake and are not part of it.
    stuffed: Option<Refusal>,
    /// The handshake is over, and was looked at.
    inside: bool,
    remark: Option<String>,
}

/// A request for encryption that came before the start-up packet.
#[derive(Clone, Copy)]
enum Request {
    Ssl,
    Gss,
}

impl PostgreSql {
    pub(crate) fn new(gate: Arc<Gate>) -> PostgreSql {
        PostgreSql {
            gate,
            ssl_done: false,
            gss_done: false,
            direct: false,
            stuffed: None,
            inside: false,
            remark: None,
        }
    }

    /// The handshake is over.
    fn arrive(&mut self, guest: &Guest) -> Option<Decision> {
        let shown = guest.shown.as_ref()?;
        if std::mem::replace(&mut self.inside, true) {
            return None;
        }
        if let Some(refusal) = self.stuffed.take() {
            return Some(self.refuse(refusal));
        }
        if let Some(flaw) = shown.subject.as_ref().and_then(gate::flaw) {
            return Some(self.hang_up(flaw));
        }
        if self.direct && shown.alpn.as_deref() != Some(ALPN) {
            let why = "received direct SSL connection request without ALPN protocol negotiation extension";
            return Some(self.hang_up(why));
        }
        None
    }

    /// TLS from the first byte, where nothing else was said yet.
    fn is_direct(&self, bytes: &[u8]) -> bool {
        let at_the_start = !self.inside && !self.ssl_done && !self.gss_done;
        at_the_start && bytes.first() == Some(&HANDSHAKE)
    }

    /// What a whole packet means.
    fn packet(&mut self, packet: &[u8], behind: bool, guest: &Guest) -> Decision {
        let code = word(&packet[4..]).unwrap_or_default();
        match code {
            CANCEL if CANCEL_LENGTHS.contains(&packet.len()) => Decision::Pass,
            CANCEL => self.hang_up("invalid length of startup packet"),
            SSL if !self.ssl_done => self.negotiate(Request::Ssl, packet.len(), behind, guest),
            GSS if !self.gss_done => self.negotiate(Request::Gss, packet.len(), behind, guest),
            _ if code >> 16 == MAJOR => self.start(packet, guest),
            _ => {
                let (major, minor) = (code >> 16, code & 0xffff);
                let text = format!(
                    "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0"
                );
                self.refuse(Refusal::new("0A000", text))
            }
        }
    }

    /// Answers a request for encryption. `behind` says whether more was sent with it, without waiting for the answer: if
    /// the answer is yes, that is what a man in the middle could do (CVE-2021-23214).
    fn negotiate(
        &mut self,
        request: Request,
        taken: usize,
        behind: bool,
        guest: &Guest,
    ) -> Decision {
        let (name, tls) = match request {
            Request::Ssl => {
                let may = self.gate.tls && !self.inside && guest.address.is_some();
                self.ssl_done = true;
                self.gss_done |= may;
                ("SSL", may)
            }
            Request::Gss => {
                self.gss_done = true;
                ("GSSAPI encryption", false)
            }
        };
        let stuffed = behind.then(|| {
            let text = format!("received unencrypted data after {name} request");
            Refusal::new("08P01", text).with_detail(
                "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
            )
        });
        let answer = |say: &[u8], then| {
            Decision::Answer(Answer {
                taken,
                say: say.to_vec(),
                then,
            })
        };
        if tls {
            self.stuffed = stuffed;
            return answer(b"S", Then::Tls);
        }
        match stuffed {
            Some(refusal) => {
                self.remark = Some(refusal.remark());
                answer(&[b"N", &refusal.bytes()[..]].concat(), Then::End)
            }
            None => answer(b"N", Then::GoOn),
        }
    }

    fn start(&mut self, packet: &[u8], guest: &Guest) -> Decision {
        let admitted = Startup::read(&packet[8..])
            .and_then(|startup| self.gate.admit(&startup, guest, &mut self.remark));
        match admitted {
            Ok(()) => Decision::Pass,
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Ends the connection with a message.
    fn refuse(&mut self, refusal: Refusal) -> Decision {
        self.remark = Some(match self.remark.take() {
            Some(before) => format!("{before}: {}", refusal.remark()),
            None => refusal.remark(),
        });
        Decision::end(&refusal.bytes())
    }

    /// Ends it without one, as the original does with what may not be PostgreSQL's protocol at all.
    fn hang_up(&mut self, why: &str) -> Decision {
        self.remark = Some(why.to_owned());
        Decision::end(b"")
    }
}

impl Preface for PostgreSql {
    fn look(&mut self, bytes: &[u8], guest: &Guest) -> Decision {
        if let Some(decision) = self.arrive(guest) {
            return decision;
        }
        if self.is_direct(bytes) {
            if self.gate.tls && guest.address.is_some() {
                self.direct = true;
                return Decision::Tls;
            }
            return self.hang_up("direct SSL connection rejected, as there is no TLS here");
        }
        let Some(length) = word(bytes) else {
            return Decision::More;
        };
        let length = length as usize;
        if !(8..=LONGEST_BODY + 4).contains(&length) {
            return self.hang_up("invalid length of startup packet");
        }
        match bytes.get(..length) {
            Some(packet) => self.packet(packet, bytes.len() > length, guest),
            None => Decision::More,
        }
    }

    /// Whoever only looks whether somebody listens is not worth a line.
    fn ended(&mut self, bytes: &[u8]) {
        let negotiated = self.ssl_done || self.gss_done;
        if bytes.len() >= 4 || !bytes.is_empty() && !negotiated {
            self.remark = Some("incomplete startup packet".into());
        }
    }

    /// A byte more than the longest packet shows whether there is something behind it.
    fn longest(&self) -> usize {
        LONGEST_BODY + 4 + 1
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

/// The first four bytes as a number.
fn word(bytes: &[u8]) -> Option<u32> {
    let first: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(u32::from_be_bytes(first))
}
