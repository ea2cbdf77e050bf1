//! A client that says anything at all before TLS and inside it, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8], &[u8])| {
    let (piece, tls, before, inside) = input;
    tlsport::fuzzing::postgresql(usize::from(piece) + 1, tls, before, inside);
});
