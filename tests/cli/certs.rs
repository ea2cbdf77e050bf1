//! What `tlsport certs` makes, judged by the openssl program.

use crate::{openssl, tlsport};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const HOSTS: [&str; 6] = [
    "--host",
    "localhost",
    "--host",
    "127.0.0.1",
    "--host",
    "::1",
];

fn certs(directory: &Path, more: &[&str]) -> crate::Done {
    let mut arguments = vec!["certs", "--out", directory.to_str().unwrap()];
    arguments.extend(more);
    tlsport(&arguments)
}

fn made(more: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    certs(directory.path(), &[&HOSTS, more].concat()).fine();
    directory
}

/// `openssl verify` at its strictest, and what it says.
#[track_caller]
fn verify(directory: &Path, file: &str, purpose: &str, more: &[&str]) {
    let (ca, file) = (directory.join("ca.pem"), directory.join(file));
    let (ca, file) = (ca.to_str().unwrap(), file.to_str().unwrap());
    let mut arguments = vec!["verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca];
    // What stands behind the leaf in its file are the intermediates.
    arguments.extend(["-untrusted", file]);
    arguments.extend(more);
    arguments.push(file);
    assert_eq!(openssl(&arguments).fine(), format!("{file}: OK\n"));
}

fn in_words(directory: &Path, file: &str) -> String {
    let file = directory.join(file);
    openssl(&["x509", "-noout", "-text", "-in", file.to_str().unwrap()]).fine()
}

#[test]
fn strict_verification_accepts_every_kind_of_key_with_and_without_an_intermediate() {
    for kind in ["ecdsa", "rsa", "ed25519"] {
        for more in [&["--key", kind][..], &["--key", kind, "--intermediate"]] {
            let directory = made(more);
            let at = directory.path();
            for file in ["server.crt", "server.pem"] {
                verify(at, file, "sslserver", &["-verify_hostname", "localhost"]);
                verify(at, file, "sslserver", &["-verify_ip", "127.0.0.1"]);
                verify(at, file, "sslserver", &["-verify_ip", "::1"]);
            }
            verify(at, "client.crt", "sslclient", &[]);
        }
    }
}

#[test]
fn a_server_certificate_is_no_client_certificate_and_no_ca() {
    let directory = made(&[]);
    let at = directory.path();
    let (ca, server) = (at.join("ca.pem"), at.join("server.crt"));
    let (ca, server) = (ca.to_str().unwrap(), server.to_str().unwrap());
    let done = openssl(&["verify", "-purpose", "sslclient", "-CAfile", ca, server]);
    assert_ne!(done.status, 0);
    let text = in_words(at, "server.crt");
    assert!(text.contains("Version: 3 (0x2)"), "{text}");
    assert!(text.contains("CA:FALSE"), "{text}");
    assert!(
        text.contains("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"),
        "{text}"
    );
}

#[test]
fn keys_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let at = parent.path().join("pki");
    certs(&at, &[&HOSTS[..], &["--intermediate"]].concat()).fine();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&at), 0o700);
    for file in [
        "ca.key",
        "intermediate.key",
        "server.key",
        "server.pem",
        "client.key",
        "client.pem",
    ] {
        assert_eq!(mode(&at.join(file)), 0o600, "{file}");
    }
    assert_eq!(
        fs::read_dir(&at).unwrap().count(),
        10,
        "something is left over"
    );
}

#[test]
fn a_keyfile_holds_chain_then_key() {
    let directory = made(&["--intermediate"]);
    let text = fs::read_to_string(directory.path().join("server.pem")).unwrap();
    let blocks: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("-----BEGIN"))
        .collect();
    let certificate = "-----BEGIN CERTIFICATE-----";
    assert_eq!(
        blocks,
        [certificate, certificate, "-----BEGIN PRIVATE KEY-----"]
    );
}

#[test]
fn nothing_is_replaced_without_force_and_the_ca_never() {
    let directory = made(&[]);
    let at = directory.path();
    let read = |file: &str| fs::read(at.join(file)).unwrap();
    let (ca, ca_key, server) = (read("ca.pem"), read("ca.key"), read("server.pem"));
    let refused = certs(at, &HOSTS).refused(1);
    assert_eq!(refused.lines().count(), 6, "{refused}");
    assert!(
        refused.contains("will not replace '") && refused.contains("server.pem'"),
        "{refused}"
    );
    assert_eq!(read("server.pem"), server);

    let said = certs(at, &[&HOSTS[..], &["--force"]].concat()).fine();
    assert!(said.contains("was there, and signs again"), "{said}");
    assert_ne!(read("server.pem"), server);
    assert_eq!((read("ca.pem"), read("ca.key")), (ca, ca_key));
    verify(at, "server.crt", "sslserver", &[]);
}

#[test]
fn a_ca_signs_for_another_server_and_another_client() {
    let directory = made(&[]);
    let at = directory.path();
    certs(
        at,
        &[
            "--only",
            "server",
            "--name",
            "db2",
            "--host",
            "db2.example.com",
        ],
    )
    .fine();
    certs(at, &["--only", "client", "--client-name", "alice"]).fine();
    verify(
        at,
        "db2.crt",
        "sslserver",
        &["-verify_hostname", "db2.example.com"],
    );
    verify(at, "alice.crt", "sslclient", &[]);
    let said = in_words(at, "alice.crt");
    // Without the spaces from 3.2 on.
    assert!(
        said.contains("CN = alice") || said.contains("CN=alice"),
        "{said}"
    );
}

#[test]
fn half_a_ca_a_foreign_key_and_no_pem_are_refused() {
    let directory = made(&[]);
    let other = made(&[]);
    let at = directory.path();
    let again = || certs(at, &["--only", "client", "--client-name", "bob"]).refused(3);

    fs::copy(other.path().join("ca.key"), at.join("ca.key")).unwrap();
    assert!(again().contains("its key belongs to another certificate"));
    fs::write(at.join("ca.key"), "no key").unwrap();
    assert!(again().contains("ca.key': not a PEM unencrypted key"));
    fs::remove_file(at.join("ca.key")).unwrap();
    assert!(again().contains("ca.key': bring it, or use another --out"));
    assert!(!at.join("bob.pem").exists());
}

#[test]
fn wrong_wishes_are_refused_before_anything_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let at = parent.path().join("pki");
    for (more, why) in [
        (
            &["--host", "a b"][..],
            "'a b' for '--host <NAME>': not a host name",
        ),
        (&["--host", "müsli.de"], "xn--"),
        (&["--host", "a", "--days", "0"], "'0' for '--days <N>'"),
        (&["--host", "a", "--key", "dsa"], "'dsa' for '--key <KIND>'"),
        (
            &["--host", "a", "--name", "../a"],
            "'../a' for '--name <NAME>'",
        ),
        (
            &["--host", "a", "--name", "ca"],
            "that name belongs to an authority",
        ),
        (
            &["--host", "a", "--name", "x", "--client-name", "x"],
            "need different names",
        ),
        (&["--only", "server"], "at least one --host"),
        (&[], "--host <NAME>"),
    ] {
        let refused = certs(&at, more).refused(2);
        assert!(refused.contains(why), "{more:?}: {refused}");
    }
    assert!(!at.exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let refused = certs(Path::new("/proc/pki"), &HOSTS).refused(1);
    assert!(
        refused.contains("cannot make directory '/proc/pki'"),
        "{refused}"
    );
}
