//! Passwords behind a front: SCRAM is the server's own, and it binds to the certificate of its own TLS, where it has any.

use crate::certificates::Certificates;
use crate::cluster::{Cluster, PASSWORD};
use crate::front::{HBA, Plan, Scene};
use crate::libpq::Libpq;

/// Rules for a front that asks clients for certificates.
fn asking(hba: &str) -> Scene {
    Scene::with(|plan, certificates| plan.trusting(certificates, "root+client_ca.crt").hba(hba))
}

#[test]
fn scram_works_unless_the_client_insists_on_channel_binding() {
    let mut scene = Scene::with_hba(HBA);
    let Scene { libpq, front, .. } = &mut scene;
    let user = format!("sslmode=require user=scramtestuser password={PASSWORD}");
    for binding in ["", "channel_binding=disable", "channel_binding=prefer"] {
        let session = libpq
            .connect(&front.conninfo(&format!("{user} {binding}")))
            .unwrap();
        assert!(session.tls, "{binding}");
    }
    let why = libpq
        .connect(&front.conninfo(&format!("{user} channel_binding=require")))
        .unwrap_err();
    assert!(
        why.contains("channel binding") || why.contains("SCRAM-SHA-256-PLUS"),
        "{why}"
    );
    if libpq.is(16) {
        libpq
            .connect(&front.conninfo(&format!("{user} require_auth=scram-sha-256")))
            .unwrap();
    }
    let why = libpq
        .connect(&front.conninfo(&format!("{user} password=wrong")))
        .unwrap_err();
    assert!(
        why.contains("password authentication failed for user \"scramtestuser\""),
        "{why}"
    );
}

/// A front before a server that has TLS as well.
fn two_hops(front: &str, server: &str) -> Scene {
    let certificates = Certificates::new();
    let cluster = Cluster::with_tls(&certificates, server);
    let plan = Plan::new(&certificates, front)
        .hba(HBA)
        .flag("backend", &cluster.tls_url())
        .flag("backend.sslmode", "require");
    Scene {
        libpq: Libpq::default(),
        front: plan.start(),
        cluster,
        certificates,
    }
}

/// Which of the three ways lead in: `disable`, `prefer` and `require`.
fn ways(scene: &mut Scene) -> [bool; 3] {
    ["disable", "prefer", "require"].map(|binding| {
        let user = format!("sslmode=require user=scramtestuser password={PASSWORD}");
        let conninfo = scene
            .front
            .conninfo(&format!("{user} channel_binding={binding}"));
        match scene.libpq.connect(&conninfo) {
            Ok(session) => {
                scene.libpq.close(session);
                true
            }
            Err(why) => {
                assert!(why.contains("channel binding"), "{binding}: {why}");
                false
            }
        }
    })
}

#[test]
fn one_certificate_on_both_hops_is_one_channel_to_bind() {
    for certificate in ["server-cn-only", "server-rsapss"] {
        assert_eq!(
            ways(&mut two_hops(certificate, certificate)),
            [true; 3],
            "{certificate}"
        );
    }
}

#[test]
fn another_certificate_on_the_way_is_what_channel_binding_is_against() {
    let mut scene = two_hops("server-cn-only", "server-single-alt-name");
    assert_eq!(ways(&mut scene), [true, false, false]);
}

#[test]
fn md5_and_certificates_have_no_channel_to_bind() {
    let mut scene = asking(HBA);
    let Scene {
        libpq,
        front,
        certificates,
        ..
    } = &mut scene;
    let md5 = format!("sslmode=require user=md5testuser password={PASSWORD}");
    libpq.connect(&front.conninfo(&md5)).unwrap();
    let (certificate, key) = (
        certificates.path("client.crt"),
        certificates.path("client.key"),
    );
    let shown = format!("sslmode=require dbname=certdb sslcert={certificate} sslkey={key}");
    for (words, why) in [
        (
            md5.as_str(),
            "channel binding required but not supported by server's authentication request",
        ),
        (
            shown.as_str(),
            "channel binding required, but server authenticated client without channel binding",
        ),
        (
            "sslmode=require channel_binding=invalid_value",
            "invalid channel_binding value: \"invalid_value\"",
        ),
    ] {
        let words = format!("channel_binding=require {words}");
        let told = libpq.connect(&front.conninfo(&words)).unwrap_err();
        assert!(told.contains(why), "{words}: {told}");
    }
}

/// The certificate is judged by the front, the password by the server.
#[test]
fn a_rule_may_ask_for_a_certificate_and_leave_the_password_to_the_server() {
    let mut scene = asking("hostssl all all all scram-sha-256 clientcert=verify-full\n");
    let Scene {
        libpq,
        front,
        certificates,
        ..
    } = &mut scene;
    let (certificate, key) = (
        certificates.path("client.crt"),
        certificates.path("client.key"),
    );
    let user = format!("sslmode=require dbname=postgres sslcert={certificate} sslkey={key}");
    libpq
        .connect(&front.conninfo(&format!("{user} password={PASSWORD}")))
        .unwrap();
    let why = libpq
        .connect(&front.conninfo(&format!("{user} password=wrong")))
        .unwrap_err();
    assert!(
        why.contains("password authentication failed for user \"ssltestuser\""),
        "{why}"
    );
    let why = libpq
        .connect(&front.conninfo(&format!("{user} user=md5testuser")))
        .unwrap_err();
    assert!(
        why.contains("password authentication failed for user \"md5testuser\""),
        "{why}"
    );
    front.daemon.said("certificate validation (clientcert=verify-full) failed for user \"md5testuser\": CN mismatch");
    assert_eq!(front.count("connection authenticated"), 0);
}
