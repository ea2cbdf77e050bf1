//! MySQL's protocol by hand, as far as the beginning of a connection and a first query go.

use crate::server::PASSWORD;
use openssl::sha::sha1;
use std::io::{Read, Write};

pub(crate) const SSL: u32 = 0x800;
const PROTOCOL_41: u32 = 0x200;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

/// What a client of ours can do, beside TLS.
pub(crate) const CAPABILITIES: u32 = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;

/// utf8mb4_general_ci
const CHARACTER_SET: u8 = 45;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) sequence: u8,
    pub(crate) payload: Vec<u8>,
}

/// What the server begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: String,
    pub(crate) capabilities: u32,
    pub(crate) scramble: Vec<u8>,
    pub(crate) plugin: String,
    /// Everything, but for what differs from connection to connection, and without [`SSL`].
    pub(crate) rest: Vec<u8>,
}

/// An error of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) state: String,
    pub(crate) text: String,
}

/// A packet as it is sent.
pub(crate) fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_le_bytes();
    bytes[3] = sequence;
    [&bytes[..], payload].concat()
}

#[track_caller]
pub(crate) fn say(stream: &mut impl Write, sequence: u8, payload: &[u8]) {
    stream.write_all(&packet(sequence, payload)).unwrap();
    stream.flush().unwrap();
}

/// The next packet.
#[track_caller]
pub(crate) fn hear(stream: &mut impl Read) -> Packet {
    try_hear(stream).unwrap()
}

/// The next packet, if there is one.
pub(crate) fn try_hear(stream: &mut impl Read) -> std::io::Result<Packet> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let sequence = std::mem::take(&mut head[3]);
    let mut payload = vec![0; u32::from_le_bytes(head) as usize];
    stream.read_exact(&mut payload)?;
    Ok(Packet { sequence, payload })
}

/// The server's first packet, which has to be a greeting.
#[track_caller]
pub(crate) fn greeting(stream: &mut impl Read) -> Greeting {
    let Packet { sequence, payload } = hear(stream);
    assert_eq!((sequence, payload[0]), (0, 10), "a greeting");
    let end = payload.iter().position(|byte| *byte == 0).unwrap();
    let version = String::from_utf8(payload[1..end].to_vec()).unwrap();
    // The connection's number, 8 bytes of the scramble and a filler, then the lower half of what it can do.
    let (scramble, lower) = (end + 5, end + 14);
    let upper = lower + 5;
    let more = upper + 13;
    let two = |at: usize| u32::from(u16::from_le_bytes([payload[at], payload[at + 1]]));
    let mut rest = payload.clone();
    rest[end + 1..lower].fill(0);
    rest[more..more + 12].fill(0);
    rest[lower + 1] &= !(SSL >> 8) as u8;
    Greeting {
        version,
        capabilities: two(lower) | two(upper) << 16,
        scramble: [&payload[scramble..scramble + 8], &payload[more..more + 12]].concat(),
        plugin: text(&payload[more + 13..payload.len() - 1]),
        rest,
    }
}

/// What asks for TLS: the first 32 bytes of a response.
pub(crate) fn ssl_request() -> Vec<u8> {
    head(CAPABILITIES | SSL)
}

fn head(capabilities: u32) -> Vec<u8> {
    let mut head = vec![0; 32];
    head[..4].copy_from_slice(&capabilities.to_le_bytes());
    head[4..8].copy_from_slice(&0x0100_0000_u32.to_le_bytes());
    head[8] = CHARACTER_SET;
    head
}

/// The response of the user with a native password, with capabilities of choice.
pub(crate) fn response_with(greeting: &Greeting, capabilities: u32) -> Vec<u8> {
    let mut response = head(capabilities);
    response.extend(b"native\0\x14");
    response.extend(scrambled(PASSWORD, &greeting.scramble));
    response.extend(b"mysql_native_password\0");
    response
}

/// The response of the user with a native password, in the clear.
pub(crate) fn response(greeting: &Greeting) -> Vec<u8> {
    response_with(greeting, CAPABILITIES)
}

/// The same inside TLS.
pub(crate) fn response_in_tls(greeting: &Greeting) -> Vec<u8> {
    response_with(greeting, CAPABILITIES | SSL)
}

/// A native password as it is sent.
fn scrambled(password: &str, scramble: &[u8]) -> Vec<u8> {
    let once = sha1(password.as_bytes());
    let twice = sha1(&once);
    let mask = sha1(&[scramble, &twice].concat());
    once.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

/// A query, as it is sent.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    packet(0, &[b"\x03", sql.as_bytes()].concat())
}

/// Fails unless the next packet says that all is well.
#[track_caller]
pub(crate) fn hear_ok(stream: &mut impl Read, sequence: u8) {
    let heard = hear(stream);
    assert_eq!(heard.payload[0], 0, "{:?}", text(&heard.payload));
    assert_eq!(heard.sequence, sequence);
}

/// The only value of an answer to a query.
#[track_caller]
pub(crate) fn hear_value(stream: &mut impl Read) -> String {
    // How many columns, the column, the end of columns, the row, the end of rows.
    let packets: Vec<Packet> = (0..5).map(|_| hear(stream)).collect();
    let sequences: Vec<u8> = packets.iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    text(&packets[3].payload[1..])
}

/// The only value that a query brings.
#[track_caller]
pub(crate) fn value(stream: &mut (impl Read + Write), sql: &str) -> String {
    stream.write_all(&query(sql)).unwrap();
    hear_value(stream)
}

/// A packet that has to be an error.
#[track_caller]
pub(crate) fn refusal(packet: &Packet) -> Refusal {
    let said = text(&packet.payload);
    assert_eq!(packet.payload[0], 0xff, "{said:?}");
    let code = u16::from_le_bytes([packet.payload[1], packet.payload[2]]);
    let rest = text(&packet.payload[3..]);
    let (state, text) = match rest.strip_prefix('#') {
        Some(rest) => rest.split_at(5),
        None => ("", &rest[..]),
    };
    Refusal {
        code,
        state: state.to_owned(),
        text: text.to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A stream whose first words wait for the next ones, and leave together with them.
#[derive(Debug)]
pub(crate) struct Together<S> {
    pub(crate) stream: S,
    pub(crate) first: Vec<u8>,
}

impl<S: Read> Read for Together<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Together<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.first.is_empty() {
            return self.stream.write(bytes);
        }
        let mut all = std::mem::take(&mut self.first);
        all.extend_from_slice(bytes);
        self.stream.write_all(&all)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
