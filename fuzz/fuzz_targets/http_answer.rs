//! A server that answers anything at all to a request of HTTP, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    tlsport::fuzzing::http_answer(usize::from(piece) + 1, bytes);
});
