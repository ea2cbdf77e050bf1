//! SIGHUP: what changes, what does not, and that whoever is in stays in.

use crate::front::{Front, HBA, Plan, Scene};
use crate::programs::psql;
use crate::support::backend::closed_port;
use std::fs;

/// A front with a certificate that may be changed.
fn renewable() -> Scene {
    Scene::with(|plan, certificates| {
        certificates.own("server-cn-only.crt");
        certificates.own("server-cn-only.key");
        plan.showing(certificates, "server-cn-only")
    })
}

/// The certificate that is served now, as PEM.
fn served(front: &Front) -> Vec<u8> {
    let tls = front.open_tls();
    tls.ssl().peer_certificate().unwrap().to_pem().unwrap()
}

/// Reloads where that has to fail, and waits until it has.
#[track_caller]
fn fail_to_reload(front: &Front) -> usize {
    let mark = front.daemon.mark();
    front.daemon.signal("HUP");
    front
        .daemon
        .said_after(mark, "SSL configuration was not reloaded");
    mark
}

#[test]
fn a_new_certificate_is_served_and_sessions_go_on() {
    let mut scene = renewable();
    let old = scene.verified();
    let new = format!("{old} host=single.alt-name.pg-ssltest.test");
    let Scene {
        libpq,
        front,
        certificates,
        ..
    } = &mut scene;
    let before = libpq.connect(&old).unwrap();
    libpq.connect(&new).unwrap_err();
    // In the same files, as renewals do.
    for ending in ["crt", "key"] {
        let from = certificates.path(&format!("server-single-alt-name.{ending}"));
        fs::copy(from, certificates.path(&format!("server-cn-only.{ending}"))).unwrap();
    }
    libpq
        .connect(&old)
        .expect("nobody has said that the files have changed");
    front.daemon.reload();
    libpq.connect(&old).unwrap_err();
    let after = libpq.connect(&new).unwrap();
    for session in [before, after] {
        let count = "SELECT count(*) FROM generate_series(1, 1000)";
        assert_eq!(libpq.value(session, count), "1000");
    }
}

#[test]
fn a_certificate_that_cannot_be_loaded_leaves_the_old_one_and_a_line_in_the_log() {
    let mut scene = renewable();
    let Scene {
        libpq,
        front,
        certificates,
        ..
    } = &mut scene;
    let before = libpq.connect(&front.conninfo("sslmode=require")).unwrap();
    let path = certificates.path("server-cn-only.crt");
    let good = fs::read(&path).unwrap();
    let other = fs::read(certificates.path("server-no-names.crt")).unwrap();
    let unloadable = format!("could not load server certificate file \"{path}\": ");
    for (contents, why) in [
        (Some(&b"broken"[..]), &*unloadable),
        (Some(&good[..200]), &unloadable),
        (None, &unloadable),
        (Some(&other), "check of private key failed: "),
    ] {
        match contents {
            Some(contents) => fs::write(&path, contents).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let mark = fail_to_reload(front);
        let line = front.daemon.said_after(mark, why);
        assert!(line.contains(" ERROR "), "{line}");
        assert_eq!(served(front), good);
    }
    assert_eq!(libpq.value(before, "SELECT 1"), "1");
    fs::write(&path, good).unwrap();
    front.daemon.reload();
    libpq.connect(&front.conninfo("sslmode=require")).unwrap();
}

#[test]
fn other_rules_are_for_those_who_come_next() {
    let mut scene = Scene::new();
    let Scene { libpq, front, .. } = &mut scene;
    let plain = front.conninfo("sslmode=disable");
    let before = libpq.connect(&plain).unwrap();
    front.write("pg_hba.conf", "hostssl all all all trust\n");
    libpq
        .connect(&plain)
        .expect("nobody has said that the file has changed");
    front.daemon.reload();
    let why = libpq.connect(&plain).unwrap_err();
    assert!(why.contains("no pg_hba.conf entry"), "{why}");
    libpq.connect(&front.conninfo("sslmode=require")).unwrap();
    assert_eq!(libpq.value(before, "SELECT 1"), "1", "who was in stays in");
    front.write(
        "pg_hba.conf",
        "host all anotheruser all reject\nhost all all all trust\n",
    );
    front.daemon.reload();
    libpq.connect(&plain).unwrap();
    let why = libpq
        .connect(&format!("{plain} user=anotheruser"))
        .unwrap_err();
    assert!(
        why.contains("pg_hba.conf rejects connection for host \"127.0.0.1\", user \"anotheruser\""),
        "{why}"
    );
}

#[test]
fn rules_that_are_wrong_change_nothing() {
    let scene = Scene::with_hba(HBA);
    let Scene { front, .. } = &scene;
    front.write(
        "pg_hba.conf",
        "hostssl all all all trust\nhost all all all cert\n",
    );
    let mark = front.daemon.mark();
    front.daemon.signal("HUP");
    let line = front.daemon.said_after(
        mark,
        "cert authentication is only supported on hostssl connections",
    );
    assert!(
        line.contains("ERROR") && line.contains("pg_hba.conf:2"),
        "{line}"
    );
    let said = psql(
        &front.conninfo("sslmode=require dbname=verifydb user=testuser"),
        &["SELECT 1"],
    );
    assert!(
        said.err.contains("no pg_hba.conf entry"),
        "the old rules: {said:?}"
    );
    let said = psql(&front.conninfo("sslmode=require"), &["SELECT 1"]);
    assert!(said.succeeded, "the old rules: {said:?}");
}

/// The same rules ask for what is new: authorities, and lists of what these have revoked.
#[test]
fn authorities_and_revocation_lists_come_with_a_reload() {
    let mut scene = Scene::with_hba(HBA);
    let Scene {
        libpq,
        front,
        certificates,
        ..
    } = &mut scene;
    let conninfo = |stem: &str| {
        let (certificate, key) = (
            certificates.path(&format!("{stem}.crt")),
            certificates.path(&format!("{stem}.key")),
        );
        front.conninfo(&format!(
            "sslmode=require dbname=certdb sslcert={certificate} sslkey={key}"
        ))
    };
    let why = libpq.connect(&conninfo("client")).unwrap_err();
    assert!(
        why.contains("can only be checked if a root certificate store is available"),
        "{why}"
    );
    front.set("ssl_ca_file", &certificates.path("root+client_ca.crt"));
    front.daemon.reload();
    libpq.connect(&conninfo("client")).unwrap();
    let inside = libpq.connect(&conninfo("client-revoked")).unwrap();
    front.set("ssl_crl_file", &certificates.path("root+client.crl"));
    front.daemon.reload();
    libpq.connect(&conninfo("client")).unwrap();
    let why = libpq.connect(&conninfo("client-revoked")).unwrap_err();
    assert!(why.contains("alert certificate revoked"), "{why}");
    assert_eq!(libpq.value(inside, "SELECT 1"), "1", "who was in stays in");
}

#[test]
fn tls_is_switched_off_and_on() {
    let mut scene = Scene::with(|_, certificates| {
        Plan::on_port(closed_port()).showing(certificates, "server-cn-only")
    });
    let Scene { libpq, front, .. } = &mut scene;
    let before = libpq.connect(&front.conninfo("sslmode=require")).unwrap();
    front.set("ssl", "off");
    front.daemon.reload();
    let why = libpq
        .connect(&front.conninfo("sslmode=require"))
        .unwrap_err();
    assert!(
        why.contains("server does not support SSL, but SSL was required"),
        "{why}"
    );
    let without = libpq.connect(&front.conninfo("sslmode=prefer")).unwrap();
    assert!(!without.tls);
    front.set("ssl", "on");
    front.daemon.reload();
    assert!(
        libpq
            .connect(&front.conninfo("sslmode=require"))
            .unwrap()
            .tls
    );
    for session in [before, without] {
        assert_eq!(libpq.value(session, "SELECT 1"), "1", "who was in stays in");
    }
}

#[test]
fn versions_change_with_a_reload() {
    let scene = Scene::new();
    let Scene { front, .. } = &scene;
    let old = front.conninfo("sslmode=require ssl_max_protocol_version=TLSv1.2");
    assert!(psql(&old, &["SELECT 1"]).succeeded);
    front.set("ssl_min_protocol_version", "TLSv1.3");
    front.daemon.reload();
    let said = psql(&old, &["SELECT 1"]);
    assert!(
        !said.succeeded && said.err.contains("alert protocol version"),
        "{said:?}"
    );
    assert!(psql(&front.conninfo("sslmode=require"), &["SELECT 1"]).succeeded);
}

/// A session after the other, and one that lasts, while the front reloads all the time.
#[test]
fn reloads_lose_nobody() {
    let mut scene = Scene::new();
    let Scene { libpq, front, .. } = &mut scene;
    let lasting = libpq.connect(&front.conninfo("sslmode=require")).unwrap();
    for round in 0..50 {
        let mark = front.daemon.mark();
        front.daemon.signal("HUP");
        let session = libpq.connect(&front.conninfo("sslmode=require")).unwrap();
        assert_eq!(
            libpq.value(session, &format!("SELECT {round}")),
            round.to_string()
        );
        libpq.close(session);
        assert_eq!(libpq.value(lasting, "SELECT 1"), "1");
        front.daemon.said_after(mark, "reloaded");
    }
}
