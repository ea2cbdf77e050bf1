//! kdb+'s protocol in bytes.

use std::io::{self, Read, Write};

/// Whom the server knows, as a client says it first: name, password, capability, and a 0.
pub(crate) const HELLO: &[u8] = b"user:pass\x03\0";

/// What the server answers to it: what both are capable of.
pub(crate) const WELCOME: u8 = 3;

/// The query `1+1`: little endian, synchronous, not compressed, 17 bytes; a vector of three characters.
pub(crate) const ONE_AND_ONE: [u8; 17] = [
    1, 1, 0, 0, 17, 0, 0, 0, //
    10, 0, 3, 0, 0, 0, b'1', b'+', b'1',
];

/// The answer to it: a response of 17 bytes; the long 2.
pub(crate) const TWO: [u8; 17] = [
    1, 2, 0, 0, 17, 0, 0, 0, //
    0xf9, 2, 0, 0, 0, 0, 0, 0, 0,
];

const LONGS: u8 = 7;
const BYTES: u8 = 4;

/// A synchronous query with a body.
pub(crate) fn query(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + body.len()).unwrap();
    let mut message = vec![1, 1, 0, 0];
    message.extend(length.to_le_bytes());
    message.extend(body);
    message
}

/// A vector of characters.
pub(crate) fn text(text: &str) -> Vec<u8> {
    vector(10, text.len(), text.bytes())
}

/// A vector of bytes.
pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
    vector(BYTES, bytes.len(), bytes.iter().copied())
}

/// A vector of longs.
pub(crate) fn longs(longs: &[i64]) -> Vec<u8> {
    let bytes = longs.iter().flat_map(|long| long.to_le_bytes());
    vector(LONGS, longs.len(), bytes)
}

/// A long.
pub(crate) fn long(long: i64) -> Vec<u8> {
    let mut body = vec![0xf9];
    body.extend(long.to_le_bytes());
    body
}

/// A function's name with what it is called with: a list of a symbol and that.
pub(crate) fn call(function: &str, with: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 2, 0, 0, 0, 0xf5];
    body.extend(function.as_bytes());
    body.push(0);
    body.extend(with);
    body
}

fn vector(kind: u8, count: usize, bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut body = vec![kind, 0];
    body.extend(u32::try_from(count).unwrap().to_le_bytes());
    body.extend(bytes);
    body
}

/// Says the hello, and hears that it was right.
#[track_caller]
pub(crate) fn begin<S: Read + Write + ?Sized>(stream: &mut S) {
    stream.write_all(HELLO).unwrap();
    let mut welcome = [0];
    stream.read_exact(&mut welcome).unwrap();
    assert_eq!(welcome, [WELCOME]);
}

/// A message, as it came.
pub(crate) fn hear<S: Read + ?Sized>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 8];
    stream.read_exact(&mut message)?;
    let length = u32::from_le_bytes(message[4..].try_into().unwrap());
    message.resize(length as usize, 0);
    stream.read_exact(&mut message[8..])?;
    Ok(message)
}

/// Asks, and hears the body of a response that is not compressed.
#[track_caller]
pub(crate) fn ask<S: Read + Write + ?Sized>(stream: &mut S, body: &[u8]) -> Vec<u8> {
    stream.write_all(&query(body)).unwrap();
    let mut answer = hear(stream).unwrap();
    assert_eq!(answer[..4], [1, 2, 0, 0]);
    answer.split_off(8)
}
