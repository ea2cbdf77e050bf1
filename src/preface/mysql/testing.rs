//! What clients and servers of MySQL's protocol say, for tests.

use super::packet::Packet;

pub(crate) fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let payload = payload.to_vec();
    Packet { number, payload }.append_to(&mut bytes);
    bytes
}

/// The second byte of the capabilities, with `CLIENT_SSL` or without.
fn second(tls: bool) -> u8 {
    if tls { 0xff } else { 0xf7 }
}

/// What each kind of server greets with: version, the rest of the capabilities, what is reserved, its plugin.
pub(super) const GREETINGS: [(&str, [u8; 2], [u8; 10], &str); 4] = [
    ("5.7.44-log", [0xff, 0xc1], [0; 10], "mysql_native_password"),
    ("8.0.36", [0xff, 0xdf], [0; 10], "caching_sha2_password"),
    (
        "5.5.5-10.11.6-MariaDB-0+deb12u1",
        [0xff, 0x81],
        [0, 0, 0, 0, 0, 0, 0x1d, 0, 0, 0],
        "mysql_native_password",
    ),
    (
        "11.4.2-MariaDB",
        [0xff, 0x81],
        [0, 0, 0, 0, 0, 0, 0x3d, 0, 0, 0],
        "mysql_native_password",
    ),
];

pub(super) fn greeting_of(kind: usize, tls: bool) -> Vec<u8> {
    let (version, upper, reserved, plugin) = GREETINGS[kind];
    let payload = [
        b"\x0a",
        version.as_bytes(),
        b"\0\x2a\0\0\0scramble\0\xfe",
        &[second(tls)],
        b"\x21\x02\0",
        &upper,
        b"\x15",
        &reserved,
        b"half-scramble\0",
        plugin.as_bytes(),
        b"\0",
    ];
    packet(0, &payload.concat())
}

pub(crate) fn greeting(tls: bool) -> Vec<u8> {
    greeting_of(1, tls)
}

/// What a response begins with; a request for TLS is all of it.
pub(super) fn begin(tls: bool) -> Vec<u8> {
    let capabilities = [0x85, if tls { 0xae } else { 0xa6 }, 0xff, 0x19];
    [
        &capabilities[..],
        b"\0\0\0\x01\xff",
        &[0; 19],
        &[0x1d, 0, 0, 0],
    ]
    .concat()
}

pub(crate) fn request(number: u8) -> Vec<u8> {
    packet(number, &begin(true))
}

pub(crate) fn response(number: u8, tls: bool) -> Vec<u8> {
    let rest = b"alice\0\x04hashshop\0caching_sha2_password\0";
    packet(number, &[&begin(tls)[..], rest].concat())
}

/// An OK, with no row and two words of status.
pub(crate) fn ok(number: u8) -> Vec<u8> {
    packet(number, b"\0\0\0\x02\0\0\0")
}

pub(crate) fn error(number: u8, code: u16, rest: &str) -> Vec<u8> {
    packet(
        number,
        &[&[0xff][..], &code.to_le_bytes(), rest.as_bytes()].concat(),
    )
}
