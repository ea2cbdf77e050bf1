//! Many connections, and slow ones: nothing stalls, and memory stays bounded.

#![allow(clippy::unwrap_used)]

mod support;

use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::backend::{Origin, hear_pattern, say_pattern};
use support::client::{drain, handshake, open, read_all, round_trip};
use support::pattern::Check;
use support::process::{descriptors, peak_memory, raise_descriptor_limit};
use support::{Backend, Daemon, End, Launch, PATIENCE, Peer, Pki, eventually};

/// What a client sends, or a backend, that does not get rid of it.
const MUCH: u64 = 200_000_000;

/// How much memory of the daemon one stalled connection may cost. The kernel's buffers are not the daemon's.
const ROOM: u64 = 4 << 20;

fn in_front_of(backend: &Backend, pki: &Pki) -> Daemon {
    Launch::tls(pki).set("backend", &backend.url).start()
}

/// Counts what is written.
struct Counted<W>(W, Arc<AtomicU64>);

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let count = self.0.write(buf)?;
        self.1.fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Waits until a count has begun and grows no more.
fn wait_until_stalled(count: &AtomicU64) -> u64 {
    let mut last = (0, Instant::now());
    eventually("a stall", || {
        let now = count.load(Ordering::SeqCst);
        if now != last.0 {
            last = (now, Instant::now());
        }
        let stalled = now > 0 && last.1.elapsed() > Duration::from_millis(300);
        stalled.then_some(now)
    })
}

/// A connection whose kernel holds hardly anything for it.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Gives the kernel more room for a connection that was narrow.
fn widen(stream: &TcpStream) {
    SockRef::from(stream).set_recv_buffer_size(1 << 20).unwrap();
}

#[test]
fn two_thousand_connections_at_once_each_get_their_own_bytes_back() {
    const CROWD: usize = 2000;
    raise_descriptor_limit(3 * CROWD as u64);
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki);
    let idle = descriptors(daemon.pid());
    let client = Peer::new(&pki);
    let mut crowd: Vec<_> = (0..CROWD)
        .map(|_| client.connect(daemon.address()))
        .collect();
    for (number, tls) in crowd.iter_mut().enumerate() {
        tls.write_all(format!("this is number {number:06}").as_bytes())
            .unwrap();
    }
    for (number, tls) in crowd.iter_mut().enumerate() {
        let mut back = [0; 21];
        tls.read_exact(&mut back).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&back),
            format!("this is number {number:06}")
        );
    }
    assert_eq!(backend.accepted(), CROWD);
    for tls in &mut crowd {
        tls.shutdown().unwrap();
    }
    for tls in &mut crowd {
        assert_eq!(read_all(tls), (Vec::new(), End::Clean));
    }
    drop(crowd);
    eventually("the descriptors of closed connections", || {
        (descriptors(daemon.pid()) == idle).then_some(())
    });
}

/// Scanners: whatever they leave half done, the daemon keeps nothing of it, and its log stays short.
#[test]
fn those_who_come_and_go_leave_nothing_behind() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki);
    let client = Peer::new(&pki);
    round_trip(&mut client.connect(daemon.address()), b"before");
    let idle = descriptors(daemon.pid());
    let scan = || {
        for number in 0..1500 {
            let mut stream = open(daemon.address()).unwrap();
            match number % 4 {
                0 => {}
                1 => stream.reset_on_close(),
                2 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
                _ => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).unwrap(),
            }
        }
        eventually("the descriptors of those who went", || {
            (descriptors(daemon.pid()) <= idle).then_some(())
        });
        peak_memory(daemon.pid())
    };
    let first = scan();
    scan();
    let grown = scan() - first;
    assert!(grown < 3 << 20, "{grown} bytes of memory for 3000 scans");
    let lines = daemon.log().lines().count();
    assert!(lines < 1000, "{lines} lines about 4500 failed handshakes");
    round_trip(&mut client.connect(daemon.address()), b"after");
}

/// A client that was refused, and neither reads nor goes.
#[test]
fn a_refused_client_that_stays_is_closed_soon() {
    let pki = Pki::new();
    let backend = Backend::echo();
    let daemon = in_front_of(&backend, &pki);
    let idle = descriptors(daemon.pid());
    let mut stream = open(daemon.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    daemon.said("http request");
    let begun = Instant::now();
    eventually("the end of patience", || {
        (descriptors(daemon.pid()) <= idle).then_some(())
    });
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    drop(stream);
}

#[test]
fn a_slow_reader_stops_the_backend_and_not_the_others() {
    let pki = Pki::new();
    let written = Arc::new(AtomicU64::new(0));
    let backend = Backend::new({
        let written = Arc::clone(&written);
        move |mut stream| {
            let mut asked = [0];
            stream.read_exact(&mut asked).unwrap();
            match asked {
                [b'm'] => say_pattern(&mut Counted(stream, Arc::clone(&written)), MUCH),
                _ => support::backend::echo(stream),
            }
        }
    });
    let daemon = in_front_of(&backend, &pki);
    let client = Peer::new(&pki);
    let mut slow = handshake(client.ssl(), narrow(daemon.address())).unwrap();
    let before = peak_memory(daemon.pid());
    slow.write_all(b"m").unwrap();
    let stalled = wait_until_stalled(&written);
    assert!(stalled < MUCH / 4, "{stalled} bytes went nowhere");

    let mut other = client.connect(daemon.address());
    other.write_all(b"e").unwrap();
    round_trip(&mut other, b"nobody waits for the slow one");

    let mut check = Check::default();
    let mut some = vec![0; (MUCH / 20) as usize];
    slow.read_exact(&mut some).unwrap();
    check.take(&some);
    widen(slow.get_ref()); // enough of narrowness: the rest shall not take minutes
    let end = drain(&mut slow, |bytes| check.take(bytes));
    assert_eq!((check.position, end), (MUCH, End::Clean));
    let grown = peak_memory(daemon.pid()) - before;
    assert!(grown < ROOM, "{grown} bytes of memory for one slow reader");
}

#[test]
fn a_slow_backend_stops_the_client() {
    let pki = Pki::new();
    let (wake, sleeping) = mpsc::channel::<()>();
    let sleeping = Mutex::new(sleeping);
    let backend = Backend::new(move |mut stream| {
        sleeping.lock().unwrap().recv().unwrap();
        let heard = hear_pattern(&mut stream).unwrap();
        stream.write_all(heard.to_string().as_bytes()).unwrap();
    });
    let daemon = in_front_of(&backend, &pki);
    let tls = Peer::new(&pki).connect(daemon.address());
    let before = peak_memory(daemon.pid());
    let written = Arc::new(AtomicU64::new(0));
    let mut counted = Counted(tls, Arc::clone(&written));
    let writer = thread::spawn(move || {
        say_pattern(&mut counted, MUCH);
        counted.0.shutdown().unwrap();
        read_all(&mut counted.0)
    });
    let stalled = wait_until_stalled(&written);
    assert!(stalled < MUCH / 4, "{stalled} bytes went nowhere");
    wake.send(()).unwrap();
    let (answer, end) = writer.join().unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), MUCH.to_string());
    assert_eq!(end, End::Clean);
    let grown = peak_memory(daemon.pid()) - before;
    assert!(grown < ROOM, "{grown} bytes of memory for one slow backend");
}

/// Everything is full in both directions, then the backend reads, and only then the client.
#[test]
fn stalled_both_ways_goes_on_when_one_side_reads() {
    let written = Arc::new(AtomicU64::new(0));
    let (wake, sleeping) = mpsc::channel::<()>();
    let sleeping = Mutex::new(sleeping);
    let backend = Backend::new({
        let written = Arc::clone(&written);
        move |mut stream| {
            let mut counted = Counted(stream.try_clone().unwrap(), Arc::clone(&written));
            let speaker = thread::spawn(move || say_pattern(&mut counted, MUCH));
            sleeping.lock().unwrap().recv().unwrap();
            assert_eq!(hear_pattern(&mut stream).unwrap(), MUCH);
            speaker.join().unwrap();
        }
    });
    let daemon = Launch::new()
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", &backend.url)
        .start();
    let mut client = narrow(daemon.address());
    let spoken = Arc::new(AtomicU64::new(0));
    let mut counted = Counted(client.try_clone().unwrap(), Arc::clone(&spoken));
    let speaker = thread::spawn(move || {
        say_pattern(&mut counted, MUCH);
        counted.0.shut_write();
    });
    wait_until_stalled(&written);
    wait_until_stalled(&spoken);
    wake.send(()).unwrap();
    speaker.join().unwrap();
    widen(&client);
    assert_eq!(hear_pattern(&mut client).unwrap(), MUCH);
}
