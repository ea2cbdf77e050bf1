//! A client that says anything at all on a port for several protocols, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, bool, &[u8], &[u8])| {
    let (piece, tls, https, before, inside) = input;
    tlsport::fuzzing::manticore(usize::from(piece) + 1, tls, https, before, inside);
});
