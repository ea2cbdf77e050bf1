//! A client inside a loop of the caller's: nothing waits but the loop.

use crate::client;
use crate::servers::Kdb;
use crate::support::{PATIENCE, Pki};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use tlsport::client::{Opening, Progress, Wants};

fn flags(wants: Wants) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, wants.read);
    flags.set(PollFlags::OUT, wants.write);
    flags
}

#[test]
fn many_connections_are_opened_in_one_loop() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let client = client(&pki, &server.url(":me:it"));
    let mut openings: Vec<Opening> = (0..20).map(|_| client.begin().unwrap()).collect();
    let mut links = Vec::new();
    let over = Instant::now() + PATIENCE;
    while !openings.is_empty() {
        assert!(Instant::now() < over);
        let mut waiting = Vec::new();
        let mut wants = Vec::new();
        for mut opening in openings {
            match opening.step(Instant::now()).unwrap() {
                Progress::Open(link) => links.push(link),
                Progress::Wants(wanted) => {
                    wants.push(wanted);
                    waiting.push(opening);
                }
            }
        }
        openings = waiting;
        let mut entries: Vec<PollFd> = openings
            .iter()
            .zip(&wants)
            .map(|(opening, wants)| {
                assert!(opening.deadline().is_some());
                PollFd::from_borrowed_fd(opening.descriptor().unwrap(), flags(*wants))
            })
            .collect();
        let second = Timespec::try_from(Duration::from_secs(1)).unwrap();
        if !entries.is_empty() {
            poll(&mut entries, Some(&second)).unwrap();
        }
    }
    for mut link in links {
        let mut buf = [0; 5];
        let early = link.read(&mut buf).unwrap_err();
        assert_eq!(early.kind(), ErrorKind::WouldBlock, "it does not wait");
        link.write_all(b"hello").unwrap();
        let wanted = flags(link.wants());
        assert_eq!(wanted, PollFlags::IN, "all is sent");
        while let Err(early) = link.read(&mut buf) {
            assert_eq!(early.kind(), ErrorKind::WouldBlock);
            let mut entry = [PollFd::from_borrowed_fd(link.as_fd(), wanted)];
            poll(&mut entry, None).unwrap();
        }
        assert_eq!(&buf, b"hello");
    }
}

#[test]
fn an_opening_is_over_when_it_is_done() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let mut opening = client(&pki, &server.url("")).begin().unwrap();
    opening.finish().unwrap();
    assert!(opening.descriptor().is_none());
    assert!(opening.step(Instant::now()).is_err());
}
