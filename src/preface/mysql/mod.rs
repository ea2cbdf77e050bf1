//! MySQL's protocol up to the end of authentication, between a client and a server of which each may speak TLS or not:
//! the server speaks first, and both count packets, so that whoever leaves out a request for TLS has to count anew.
//!
//! A [`Mediator`] hears both and says what each is told. Nothing has to be counted anew where both speak TLS, or
//! neither does: then it steps aside as soon as the client has answered the greeting. Else it stays until the server's
//! OK or ERR. Those are told from what plugins say by their first byte, as clients do it: a plugin's own packets come
//! behind a byte of 1 (MySQL), or do so where they begin with a byte that means something (MariaDB). Older MariaDBs do
//! not count 0 among these: a plugin that begins with it, as none of theirs does, is taken for an OK.
//!
//! Not here: what is behind the OK, compression among it, and whether a password is any good.

mod greeting;
mod packet;
mod refusal;
mod response;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use packet::{HEADER, LONGEST, Packet};
use refusal::UNREACHABLE;
use response::Response;

/// What is asked of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether clients are offered TLS.
    pub(crate) offers_tls: bool,
    /// Whether nobody comes in without.
    pub(crate) requires_tls: bool,
    /// Whether the server is spoken to in TLS.
    pub(crate) server_tls: ServerTls,
}

/// Whether a server is spoken to in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerTls {
    No,
    /// If it has it.
    Prefer,
    Require,
}

/// What a connection needs next, once everything was said to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More of either.
    Hear,
    /// A handshake with the client, which begins with [`Mediator::take_hello`].
    SecureClient,
    /// A handshake with the server.
    SecureServer,
    /// Nothing: it is over.
    End,
    /// The bytes as they are from here on, with [`Mediator::into_rest`] before them.
    Open,
}

/// What the log is to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Why a client does not come in.
    Refused(String),
    /// What is wrong with the server.
    Server(String),
}

/// One connection's way through authentication.
#[derive(Debug)]
pub(crate) struct Mediator {
    rules: Rules,
    stage: Stage,
    client: Side,
    server: Side,
    /// The number that the client's or the server's next packet has for the client.
    number: u8,
    /// Whether the client understands an SQLSTATE, as far as is known.
    with_state: bool,
    /// Whether the server has TLS, and is to be asked for it.
    server_may: bool,
    /// Who was asked for TLS, or asked for it.
    client_tls: bool,
    server_tls: bool,
    /// What the client answered, while the server is on its way to TLS.
    response: Option<Response>,
    remark: Option<Remark>,
}

/// What was heard of one end, as far as it is not done with, and what it is to be told.
#[derive(Debug, Default)]
struct Side {
    heard: Vec<u8>,
    /// How much of that is done with. It goes when more is heard, and not with each of many small packets.
    done: usize,
    told: Vec<u8>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server has yet to greet.
    Greeting,
    /// The client has yet to say something, in the clear.
    First,
    ClientTls,
    /// The client has yet to answer the greeting, in TLS.
    Response,
    ServerTls,
    /// Packets of either, with a number that is not the other's.
    Authentication,
    End,
    Open,
}

impl Mediator {
    pub(crate) fn new(rules: Rules) -> Mediator {
        Mediator {
            rules,
            stage: Stage::Greeting,
            client: Side::default(),
            server: Side::default(),
            number: 0,
            with_state: false,
            server_may: false,
            client_tls: false,
            server_tls: false,
            response: None,
            remark: None,
        }
    }

    /// What a client hears where there is no server to mediate with.
    pub(crate) fn unreachable() -> Vec<u8> {
        let mut bytes = Vec::new();
        UNREACHABLE.packet(0, false).append_to(&mut bytes);
        bytes
    }

    /// What is to happen next, once all that [`Mediator::told`] has went.
    pub(crate) fn next(&self) -> Next {
        match self.stage {
            Stage::ClientTls => Next::SecureClient,
            Stage::ServerTls => Next::SecureServer,
            Stage::End => Next::End,
            Stage::Open => Next::Open,
            _ => Next::Hear,
        }
    }

    /// Whether the server has greeted.
    pub(crate) fn is_greeted(&self) -> bool {
        self.stage != Stage::Greeting
    }

    /// Whether the client has answered, and its packets and the server's are passed on.
    pub(crate) fn is_authenticating(&self) -> bool {
        self.stage == Stage::Authentication
    }

    /// What the client and the server are to be told. Whoever tells them takes it out.
    pub(crate) fn told(&mut self) -> (&mut Vec<u8>, &mut Vec<u8>) {
        (&mut self.client.told, &mut self.server.told)
    }

    /// What the log is to hear, once.
    pub(crate) fn remark(&mut self) -> Option<Remark> {
        self.remark.take()
    }

    /// How many bytes of the client may be shown to it.
    pub(crate) fn room_for_client(&self) -> usize {
        match self.stage {
            Stage::First | Stage::Response => self.client.room(),
            Stage::Authentication if !self.has_command() => self.client.room(),
            _ => 0,
        }
    }

    /// How many bytes of the server may be shown to it. One that has to wait for the client is heard as well: it may
    /// have enough of that.
    pub(crate) fn room_for_server(&self) -> usize {
        match self.stage {
            Stage::Greeting | Stage::First | Stage::Response | Stage::Authentication => {
                self.server.room()
            }
            _ => 0,
        }
    }

    /// The client said this.
    pub(crate) fn hear_client(&mut self, bytes: &[u8]) {
        self.client.hear(bytes);
        self.advance();
    }

    /// The server said this.
    pub(crate) fn hear_server(&mut self, bytes: &[u8]) {
        self.server.hear(bytes);
        self.advance();
    }

    /// What the client said behind its request for TLS. It is part of the handshake, or of none: nothing that came in
    /// the clear is taken for something said in TLS.
    pub(crate) fn take_hello(&mut self) -> Vec<u8> {
        self.client.take_rest()
    }

    /// The handshake with the client is over.
    pub(crate) fn client_is_secure(&mut self) {
        if self.stage == Stage::ClientTls {
            self.stage = Stage::Response;
            self.advance();
        }
    }

    /// The handshake with the server is over.
    pub(crate) fn server_is_secure(&mut self) {
        if self.stage != Stage::ServerTls {
            return;
        }
        if let Some(response) = self.response.take() {
            self.answer(response);
            self.advance();
        }
    }

    /// The client has said everything.
    pub(crate) fn client_ended(&mut self) {
        if !self.client.rest().is_empty() {
            self.remark = Some(Remark::Refused("incomplete packet".into()));
        }
        self.stage = Stage::End;
    }

    /// The server has said everything.
    pub(crate) fn server_ended(&mut self) {
        match self.stage {
            Stage::Greeting => self.fail("it closed the connection before its greeting"),
            _ => {
                let text = "closed by the backend before the client was in";
                self.remark = Some(Remark::Refused(text.into()));
                self.stage = Stage::End;
            }
        }
    }

    /// The server cannot be spoken to, of which the log has heard.
    pub(crate) fn server_failed(&mut self) {
        self.say(UNREACHABLE);
    }

    /// What is left for the client and for the server, where the bytes go on as they are.
    pub(crate) fn into_rest(mut self) -> (Vec<u8>, Vec<u8>) {
        let told = |side: &mut Side| std::mem::take(&mut side.told);
        let (mut client, mut server) = (told(&mut self.client), told(&mut self.server));
        client.extend_from_slice(self.server.rest());
        server.extend_from_slice(self.client.rest());
        (client, server)
    }
}

impl Side {
    fn hear(&mut self, bytes: &[u8]) {
        self.heard.drain(..std::mem::take(&mut self.done));
        self.heard.extend_from_slice(bytes);
    }

    /// What is not done with.
    fn rest(&self) -> &[u8] {
        &self.heard[self.done..]
    }

    fn take_rest(&mut self) -> Vec<u8> {
        self.heard.drain(..std::mem::take(&mut self.done));
        std::mem::take(&mut self.heard)
    }

    /// Takes the first packet off, if all of it is there.
    fn take_packet(&mut self) -> Option<Packet> {
        let packet = Packet::first(self.rest())?;
        self.done += HEADER + packet.payload.len();
        Some(packet)
    }

    /// How many bytes fit in front of a whole packet.
    fn room(&self) -> usize {
        (HEADER + LONGEST).saturating_sub(self.rest().len())
    }
}
