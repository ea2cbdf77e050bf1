//! One client for many threads, and the sessions that it keeps.

use crate::servers::Kdb;
use crate::support::Pki;
use crate::support::tls_backend::Identity;
use crate::{client, client_with};
use openssl::ssl::SslVersion;
use std::io::{Read, Write};
use std::thread;
use tlsport::client::{Client, Link, Opening};

const fn sent<T: Send>() {}
const fn shared<T: Send + Sync>() {}

const _: () = {
    shared::<Client>();
    sent::<Link>();
    sent::<Opening>();
};

fn talk(link: &mut Link) {
    link.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    link.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}

#[test]
fn any_number_of_threads_opens_connections_with_one_client() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let client = client(&pki, &server.url(":me:it"));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..4 {
                    talk(&mut client.open().unwrap());
                }
            });
        }
    });
    assert_eq!(server.hellos().len(), 64);
}

#[test]
fn a_link_may_go_to_another_thread() {
    let pki = Pki::new();
    let server = Kdb::new(&pki);
    let mut link = client(&pki, &server.url(":me:it")).open().unwrap();
    talk(&mut link);
    thread::spawn(move || talk(&mut link)).join().unwrap();
}

#[test]
fn the_second_connection_resumes_the_session_of_the_first() {
    let pki = Pki::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let identity = Identity::new(&pki.server()).with(|builder| {
            builder.set_max_proto_version(Some(version)).unwrap();
        });
        let server = Kdb::with(identity);
        let first = client(&pki, &server.url(":me:it"));
        for resumed in [false, true, true] {
            let mut link = first.open().unwrap();
            talk(&mut link);
            assert_eq!(link.facts().resumed, resumed, "{version:?}");
            assert_eq!(link.certificates().len(), 1, "known from the first");
            link.close().unwrap();
        }
        let other = client_with(
            &pki,
            &server.url(":me:it"),
            &[("ssl.verify-server", "chain")],
        );
        let link = other.open().unwrap();
        assert!(!link.facts().resumed, "another client has its own");
        assert_eq!(server.tls().count(), 4);
    }
}
