//! What a mediator makes of a packet, stage by stage.

use super::greeting;
use super::packet::{HEADER, LONGEST, Packet, header};
use super::refusal::{
    BAD_HANDSHAKE, ERR, INSECURE, OUT_OF_ORDER, Refusal, TOO_LARGE, UNREACHABLE, quote,
};
use super::response::Response;
use super::{Mediator, Remark, ServerTls, Stage};

/// The first byte of a server's packet that says that a client is in.
const OK: u8 = 0;

impl Mediator {
    /// Goes on as far as what was heard allows.
    pub(super) fn advance(&mut self) {
        while self.goes_on() {}
    }

    /// Does one thing, and says whether there was one. What the server said comes first: it may be the last.
    fn goes_on(&mut self) -> bool {
        let stage = self.stage;
        let heard = match stage {
            Stage::Greeting => self.greet(),
            Stage::First | Stage::Response => self.overhear(),
            Stage::Authentication => self.pass_down(),
            Stage::ClientTls | Stage::ServerTls | Stage::End | Stage::Open => false,
        };
        if heard || self.stage != stage {
            return true;
        }
        match stage {
            Stage::First => self.first(),
            Stage::Response => self.respond(),
            Stage::Authentication => self.pass_up(),
            _ => false,
        }
    }

    /// The server's greeting, which says whether there is TLS: for the client that is up to us.
    fn greet(&mut self) -> bool {
        let Some(mut packet) = self.servers_packet() else {
            return false;
        };
        if packet.payload.first() == Some(&ERR) {
            return self.turn_away(packet);
        }
        let byte = match greeting::tls_byte(&mut packet.payload) {
            Ok(byte) => byte,
            Err(why) => {
                self.fail(&why);
                return true;
            }
        };
        let has_tls = *byte & greeting::SSL != 0;
        match self.rules.offers_tls {
            true => *byte |= greeting::SSL,
            false => *byte &= !greeting::SSL,
        }
        self.server_may = has_tls && self.rules.server_tls != ServerTls::No;
        if !has_tls && self.rules.server_tls == ServerTls::Require {
            self.fail("the server has no TLS, which 'backend.sslmode' asks for");
            return true;
        }
        self.tell_client(packet);
        self.stage = Stage::First;
        true
    }

    /// A server that has enough of waiting for its client.
    fn overhear(&mut self) -> bool {
        let empty = matches!(header(self.server.rest()), Some((0, _)));
        if empty || self.server.rest().get(HEADER) != Some(&ERR) {
            return false;
        }
        let packet = self.servers_packet();
        packet.is_some_and(|packet| self.turn_away(packet))
    }

    /// What a client says first: a request for TLS, or its answer.
    fn first(&mut self) -> bool {
        let Some(response) = self.clients_response() else {
            return false;
        };
        match response.has_tls() {
            true if self.rules.offers_tls => {
                self.client_tls = true;
                self.stage = Stage::ClientTls;
            }
            true => self.refuse(BAD_HANDSHAKE, "bad handshake: TLS, which was not offered"),
            false if self.rules.requires_tls => {
                let text = "refused without TLS, which 'mysql.require-secure-transport' asks for";
                self.refuse(INSECURE, text);
            }
            false => self.go_on_with(response),
        }
        true
    }

    /// What a client answers in TLS.
    fn respond(&mut self) -> bool {
        let response = self.clients_response();
        response.is_some_and(|response| {
            self.go_on_with(response);
            true
        })
    }

    /// The client's answer is there.
    fn go_on_with(&mut self, response: Response) {
        if !self.server_may {
            return self.answer(response);
        }
        if !self.server.rest().is_empty() {
            return self.fail("received unencrypted data before TLS");
        }
        let request = Packet {
            number: 1,
            payload: response.ssl_request(),
        };
        request.append_to(&mut self.server.told);
        self.server_tls = true;
        self.response = Some(response);
        self.stage = Stage::ServerTls;
    }

    /// Answers the greeting in the client's place.
    pub(super) fn answer(&mut self, response: Response) {
        let answer = Packet {
            number: 1 + u8::from(self.server_tls),
            payload: response.into_payload(self.server_tls),
        };
        answer.append_to(&mut self.server.told);
        self.stage = match self.client_tls == self.server_tls {
            true => Stage::Open,
            false => Stage::Authentication,
        };
    }

    /// A packet of the server's to the client, and whether it is the last.
    fn pass_down(&mut self) -> bool {
        let Some(packet) = self.servers_packet() else {
            return false;
        };
        if let Some(&(OK | ERR)) = packet.payload.first() {
            self.stage = Stage::Open;
        }
        self.tell_client(packet);
        true
    }

    /// A packet of the client's to the server.
    fn pass_up(&mut self) -> bool {
        if self.has_command() {
            return false;
        }
        let Some(mut packet) = self.clients_packet() else {
            return false;
        };
        self.number = packet.number.wrapping_add(1);
        packet.number = packet.number.wrapping_add_signed(self.shift());
        packet.append_to(&mut self.server.told);
        true
    }

    /// Whether the client has gone on to commands, which begin at 0 again, without waiting for the OK. They wait for it
    /// here: the server will not look at them before, and counts them as the client does.
    pub(super) fn has_command(&self) -> bool {
        let number = header(self.client.rest()).map(|(_, number)| number);
        number == Some(0) && self.number != 0
    }

    /// What the server's numbers are ahead of the client's.
    fn shift(&self) -> i8 {
        i8::from(self.server_tls) - i8::from(self.client_tls)
    }

    /// Passes a packet of the server's on.
    fn tell_client(&mut self, mut packet: Packet) {
        packet.number = packet.number.wrapping_add_signed(-self.shift());
        self.number = packet.number.wrapping_add(1);
        packet.append_to(&mut self.client.told);
    }

    /// Passes an error of the server's on, with which it is over.
    fn turn_away(&mut self, packet: Packet) -> bool {
        let text = format!("turned away by the backend: {}", quote(&packet.payload));
        self.remark = Some(Remark::Refused(text));
        self.tell_client(packet);
        self.stage = Stage::End;
        true
    }

    /// The server's next packet.
    fn servers_packet(&mut self) -> Option<Packet> {
        let (length, _) = header(self.server.rest())?;
        if length > LONGEST {
            self.fail(&format!("a packet of {length} bytes is too large"));
            return None;
        }
        self.server.take_packet()
    }

    /// The client's next packet.
    fn clients_packet(&mut self) -> Option<Packet> {
        let (length, number) = header(self.client.rest())?;
        if length > LONGEST {
            let text = format!("a packet of {length} bytes is too large");
            self.number = number.wrapping_add(1);
            self.refuse(TOO_LARGE, &text);
            return None;
        }
        self.client.take_packet()
    }

    /// A client's answer to the greeting, or its request for TLS.
    fn clients_response(&mut self) -> Option<Response> {
        let (_, number) = header(self.client.rest())?;
        let expected = self.number;
        if number != expected {
            let text = format!("packet {number} came in the place of packet {expected}");
            self.number = number.wrapping_add(1);
            self.refuse(OUT_OF_ORDER, &text);
            return None;
        }
        let payload = self.clients_packet()?.payload;
        self.number = number.wrapping_add(1);
        let length = payload.len();
        let response = Response::read(payload);
        match &response {
            Some(response) => self.with_state = response.is_of_4_1(),
            None => {
                let text = format!("bad handshake: a packet of {length} bytes");
                self.refuse(BAD_HANDSHAKE, &text);
            }
        }
        response
    }

    /// Turns a client away.
    fn refuse(&mut self, refusal: Refusal, why: &str) {
        self.remark = Some(Remark::Refused(why.into()));
        self.say(refusal);
    }

    /// Gives up on the server.
    pub(super) fn fail(&mut self, why: &str) {
        self.remark = Some(Remark::Server(why.into()));
        self.say(UNREACHABLE);
    }

    /// Says an error of our own, with which it is over.
    pub(super) fn say(&mut self, refusal: Refusal) {
        let packet = refusal.packet(self.number, self.with_state);
        packet.append_to(&mut self.client.told);
        self.stage = Stage::End;
    }
}
