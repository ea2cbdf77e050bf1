//! A connection that begins with anything at all, read as a ClientHello for the line of the log.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|records: &[u8]| tlsport::fuzzing::client_hello(records));
