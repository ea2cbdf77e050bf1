//! What a client is told that does not come in: MySQL's ERR packet, with the server's own numbers and words.

use super::packet::Packet;

/// The first byte of an error's payload.
pub(super) const ERR: u8 = 0xff;

/// An error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: u16,
    state: &'static str,
    text: &'static str,
}

/// `ER_HANDSHAKE_ERROR`
pub(super) const BAD_HANDSHAKE: Refusal = Refusal {
    code: 1043,
    state: "08S01",
    text: "Bad handshake",
};

/// `ER_NET_PACKET_TOO_LARGE`
pub(super) const TOO_LARGE: Refusal = Refusal {
    code: 1153,
    state: "08S01",
    text: "Got a packet bigger than 'max_allowed_packet' bytes",
};

/// `ER_NET_PACKETS_OUT_OF_ORDER`
pub(super) const OUT_OF_ORDER: Refusal = Refusal {
    code: 1156,
    state: "08S01",
    text: "Got packets out of order",
};

/// `ER_SECURE_TRANSPORT_REQUIRED`
pub(super) const INSECURE: Refusal = Refusal {
    code: 3159,
    state: "HY000",
    text: "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
};

/// `ER_CONNECT_TO_FOREIGN_DATA_SOURCE`, whose name is not theirs to know. The number that clients have for this themselves
/// (2003) MariaDB's take for a malformed packet, as they do every number of theirs that a server sends.
pub(super) const UNREACHABLE: Refusal = Refusal {
    code: 1429,
    state: "HY000",
    text: "Unable to connect to foreign data source: no MySQL server answers here",
};

impl Refusal {
    /// The packet. An SQLSTATE is only for clients that are known to speak the protocol of 4.1.
    pub(super) fn packet(self, number: u8, with_state: bool) -> Packet {
        let mut payload = vec![ERR];
        payload.extend_from_slice(&self.code.to_le_bytes());
        if with_state {
            payload.push(b'#');
            payload.extend_from_slice(self.state.as_bytes());
        }
        payload.extend_from_slice(self.text.as_bytes());
        Packet { number, payload }
    }
}

/// The most that the log is told of an error's text: as much as servers say (`MYSQL_ERRMSG_SIZE`).
const QUOTED: usize = 512;

/// What a server's error says, on one line for the log: its code and its text.
pub(super) fn quote(payload: &[u8]) -> String {
    let Some((code, text)) = payload.get(1..).and_then(<[u8]>::split_first_chunk::<2>) else {
        return "an error without a code".into();
    };
    let text = match text {
        [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
        text => text,
    };
    let code = u16::from_le_bytes(*code);
    let text = &text[..text.len().min(QUOTED)];
    format!("error {code} '{}'", text.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_state_for_those_who_know_of_it() {
        assert_eq!(
            BAD_HANDSHAKE.packet(2, true).payload,
            b"\xff\x13\x04#08S01Bad handshake"
        );
        assert_eq!(
            BAD_HANDSHAKE.packet(0, false).payload,
            b"\xff\x13\x04Bad handshake"
        );
    }

    #[test]
    fn a_servers_error_stays_on_its_line_in_the_log() {
        for (payload, said) in [
            (
                &b"\xff\x10\x04Too many\nconnections"[..],
                "error 1040 'Too many\\nconnections'",
            ),
            (
                b"\xff\x69\x04#HY000Host is blocked",
                "error 1129 'Host is blocked'",
            ),
            (b"\xff\x69\x04#HY", "error 1129 ''"),
            (b"\xff\x69", "an error without a code"),
        ] {
            assert_eq!(quote(payload), said);
        }
        let endless = [&b"\xff\x10\x04"[..], &[b'a'; 2 * QUOTED]].concat();
        let said = format!("error 1040 '{}'", "a".repeat(QUOTED));
        assert_eq!(quote(&endless), said);
    }
}
