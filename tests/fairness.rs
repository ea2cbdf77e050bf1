//! Who is served first when everybody comes at once.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use support::client::{handshake, open, round_trip};
use support::process::raise_descriptor_limit;
use support::{Launch, Peer, Pki};

/// Keeps what a client says first, and answers nothing.
#[derive(Debug, Default)]
struct Deaf(Vec<u8>);

impl Read for Deaf {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for Deaf {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client_hello(client: &Peer) -> Vec<u8> {
    let mut deaf = Deaf::default();
    handshake(client.ssl(), &mut deaf).unwrap_err();
    deaf.0
}

/// How many of these have been answered by now.
fn answered(crowd: &[TcpStream]) -> usize {
    let has_answer = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.peek(&mut [0]).is_ok_and(|count| count > 0)
    };
    crowd.iter().filter(has_answer).count()
}

/// The one worker finds what a crowd said first and, behind it, a message on an open connection.
#[test]
fn a_message_does_not_wait_for_a_crowd_of_handshakes() {
    const CROWD: usize = 500;
    raise_descriptor_limit(2 * CROWD as u64);
    let pki = Pki::new();
    let daemon = Launch::tls(&pki)
        .set("backend", "service://echo")
        .set("tcp.backlog-size", "4096")
        .threads(1)
        .start();
    let client = Peer::new(&pki);
    let hello = client_hello(&client);
    let mut tls = client.connect(daemon.address());
    // The daemon is quicker than this thread may be: it must not be every time.
    let ahead = (0..5).map(|_| {
        let mut crowd: Vec<TcpStream> = (0..CROWD)
            .map(|_| open(daemon.address()).unwrap())
            .collect();
        client.connect(daemon.address()); // whoever came before has been accepted
        daemon.signal("STOP");
        for stream in &mut crowd {
            stream.write_all(&hello).unwrap();
        }
        tls.write_all(b"first").unwrap();
        daemon.signal("CONT");
        tls.read_exact(&mut [0; 5]).unwrap();
        answered(&crowd)
    });
    let ahead: Vec<usize> = ahead.take_while(|ahead| *ahead > CROWD / 2).collect();
    assert!(ahead.len() < 5, "handshakes that came first: {ahead:?}");
    round_trip(&mut client.connect(daemon.address()), b"all are served");
}
