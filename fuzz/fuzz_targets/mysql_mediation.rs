//! A client and a server that say anything at all to each other, in turns, with TLS and without.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<(bool, &[u8])>)| {
    let (rules, turns) = input;
    tlsport::fuzzing::mysql(rules, &turns);
});
