//! A server that expects the PROXY protocol, and reads it by the letter of the specification.

use crate::support::backend::echo;
use crate::support::wait::PATIENCE;
use crate::support::{Backend, Origin};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver as Queue};

/// Says back what follows each header, and keeps the headers in order.
pub(crate) struct Receiver {
    pub(crate) backend: Backend,
    headers: Queue<Received>,
}

/// What a header said.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) version: u8,
    /// `None` where no address was told.
    pub(crate) client: Option<SocketAddr>,
    pub(crate) server: Option<SocketAddr>,
    values: Vec<(u8, String)>,
    pub(crate) tls: Option<Tls>,
}

/// What it said of TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) flags: u8,
    pub(crate) verified: u32,
}

impl Receiver {
    pub(crate) fn start() -> Receiver {
        Receiver::greeting(b"")
    }

    /// One that says something first, once it knows to whom.
    pub(crate) fn greeting(greeting: &'static [u8]) -> Receiver {
        Receiver::going_on(move |mut stream| {
            stream.write_all(greeting).unwrap();
            echo(stream);
        })
    }

    /// One that says a word and ends, so that a client has read its tickets by then.
    pub(crate) fn brief() -> Receiver {
        Receiver::going_on(|mut stream| {
            stream.write_all(b"hello").unwrap();
            stream.shut_write();
            let _ = stream.read(&mut [0]);
        })
    }

    fn going_on(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> Receiver {
        let (sender, headers) = mpsc::channel();
        let sender = Mutex::new(sender);
        let backend = Backend::new(move |mut stream| {
            let received = Received::read(&mut stream);
            sender.lock().unwrap().send(received).unwrap();
            treat(stream);
        });
        Receiver { backend, headers }
    }

    /// The next header.
    #[track_caller]
    pub(crate) fn next(&self) -> Received {
        let next = self.headers.recv_timeout(PATIENCE);
        next.expect("a connection with a header")
    }
}

impl Received {
    /// A value of either level, as text.
    pub(crate) fn value(&self, kind: u8) -> Option<&str> {
        let value = self.values.iter().find(|(known, _)| *known == kind);
        value.map(|(_, value)| &value[..])
    }

    /// Takes a header and not a byte more.
    fn read(stream: &mut TcpStream) -> Received {
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        if start == *b"\r\n\r\n\0\r\nQUIT\n" {
            return Received::block(stream);
        }
        let mut line = start.to_vec();
        while !line.ends_with(b"\r\n") {
            assert!(line.len() < 107, "{line:?}");
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        Received::line(std::str::from_utf8(&line).unwrap())
    }

    fn line(line: &str) -> Received {
        let words: Vec<&str> = line.trim_end_matches("\r\n").split(' ').collect();
        let address = |ip: &str, port: &str| {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(words[1], if ip.is_ipv4() { "TCP4" } else { "TCP6" });
            Some(SocketAddr::new(ip, port.parse().unwrap()))
        };
        match words[..] {
            ["PROXY", "UNKNOWN"] => Received {
                version: 1,
                ..Received::default()
            },
            ["PROXY", _, client, server, from, to] => Received {
                version: 1,
                client: address(client, from),
                server: address(server, to),
                ..Received::default()
            },
            _ => panic!("{line:?}"),
        }
    }

    fn block(stream: &mut TcpStream) -> Received {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([fixed[2], fixed[3]]))];
        stream.read_exact(&mut rest).unwrap();
        let ip = |bytes: &[u8]| match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
            _ => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
        };
        let addresses = |each: usize| {
            let (from, rest) = rest.split_at(each);
            let (to, rest) = rest.split_at(each);
            let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
            let client = SocketAddr::new(ip(from), port(0));
            let server = SocketAddr::new(ip(to), port(2));
            (Some(client), Some(server), 2 * each + 4)
        };
        let (client, server, length) = match fixed[..2] {
            [0x21, 0x11] => addresses(4),
            [0x21, 0x21] => addresses(16),
            [0x20, 0x00] => (None, None, 0),
            _ => panic!("{fixed:?}"),
        };
        let mut received = Received {
            version: 2,
            client,
            server,
            ..Received::default()
        };
        received.take(&rest[length..]);
        received
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let [kind, high, low, rest @ ..] = bytes {
            let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            if *kind == 0x20 {
                self.tls = Some(Tls {
                    flags: value[0],
                    verified: u32::from_be_bytes(value[1..5].try_into().unwrap()),
                });
                self.take(&value[5..]);
            } else {
                let text = String::from_utf8(value.to_vec()).unwrap();
                self.values.push((*kind, text));
            }
            bytes = rest;
        }
        assert!(bytes.is_empty(), "part of a value: {bytes:?}");
    }
}
