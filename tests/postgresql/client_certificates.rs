//! Client certificates: who is asked, who is let in by which rule, what the others are told, and what the log says.
//!
//! Left out: what `pg_stat_ssl` shows of a certificate, which the server never sees.

use crate::certificates::{CLIENT_PASSPHRASE, Certificates, LONG_NAME};
use crate::front::{HBA, Plan, Scene};
use crate::programs::{answer, psql};

const NO_CERTIFICATE: &str = "connection requires a valid client certificate";
const IDENTITY: &str = "connection authenticated: identity=";

/// What the original's tests have: its CAs, its lists of the revoked, its rules.
fn scene() -> Scene {
    scene_with(|plan, _| plan)
}

/// And more.
fn scene_with(more: impl FnOnce(Plan, &Certificates) -> Plan) -> Scene {
    Scene::with(|plan, certificates| {
        let plan = plan
            .trusting(certificates, "root+client_ca.crt")
            .set("ssl_crl_file", &certificates.path("root+client.crl"))
            .hba(HBA);
        more(plan, certificates)
    })
}

impl Scene {
    /// How a user gets to a database with a certificate, and the key of the same name.
    fn conninfo(&self, database: &str, user: &str, certificate: &str) -> String {
        let key = certificate.split('+').next().unwrap();
        self.with_key(database, user, certificate, &format!("{key}.key"))
    }

    fn with_key(&self, database: &str, user: &str, certificate: &str, key: &str) -> String {
        let (certificate, key) = (
            self.certificates.path(&format!("{certificate}.crt")),
            self.certificates.path(key),
        );
        self.front.conninfo(&format!(
            "sslmode=require dbname={database} user={user} sslcert={certificate} sslkey={key}"
        ))
    }

    /// As long as psql is refused: its words.
    #[track_caller]
    fn refused(&self, conninfo: &str) -> String {
        let said = psql(conninfo, &["SELECT 1"]);
        assert!(!said.succeeded, "it came in: {said:?}");
        said.err
    }

    #[track_caller]
    fn assert_refused(&self, conninfo: &str, why: &str) {
        let said = self.refused(conninfo);
        assert!(said.contains(why), "'{why}' was expected: {said}");
    }

    #[track_caller]
    fn assert_served(&self, conninfo: &str) {
        assert_eq!(answer(conninfo, &["SELECT 'served'"]), "served");
    }
}

#[test]
fn without_a_certificate_a_rule_that_asks_for_one_lets_nobody_in() {
    let scene = scene();
    for database in ["certdb", "verifydb"] {
        let conninfo = scene.front.conninfo(&format!(
            "sslmode=require dbname={database} sslcert=invalid"
        ));
        scene.assert_refused(&conninfo, NO_CERTIFICATE);
    }
    scene.front.daemon.said(NO_CERTIFICATE);
    scene.assert_served(
        &scene
            .front
            .conninfo("sslmode=require dbname=trustdb sslcert=invalid"),
    );
    assert_eq!(scene.front.count(IDENTITY), 0);
}

#[test]
fn a_certificate_lets_in_its_user_and_is_the_identity_that_is_logged() {
    let scene = scene();
    scene.assert_served(&scene.conninfo("certdb", "ssltestuser", "client"));
    let line = scene.front.daemon.said(IDENTITY);
    assert!(
        line.contains("identity=\"CN=ssltestuser\" method=cert ("),
        "{line}"
    );
    // The rule, by its file and its line.
    assert!(line.contains("pg_hba.conf:8)"), "{line}");
}

/// But for encrypted DER, which libpq cannot read with OpenSSL 3.
#[test]
fn keys_come_in_every_form() {
    let mut scene = scene();
    for key in ["client.key", "client-der.key", "client-encrypted-pem.key"] {
        let conninfo = scene.with_key("certdb", "ssltestuser", "client", key);
        let session = scene
            .libpq
            .connect(&format!("{conninfo} sslpassword='{CLIENT_PASSPHRASE}'"))
            .unwrap();
        assert!(session.tls, "{key}");
    }
    // What is wrong on the client's side stays there.
    let mark = scene.front.daemon.mark();
    let conninfo = scene.with_key(
        "certdb",
        "ssltestuser",
        "client",
        "client-encrypted-pem.key",
    );
    let why = scene
        .libpq
        .connect(&format!("{conninfo} sslpassword=wrong"))
        .unwrap_err();
    assert!(
        why.contains("private key file") && why.contains("bad decrypt"),
        "{why}"
    );
    let conninfo = scene.with_key("certdb", "ssltestuser", "client", "client_wrongperms.key");
    let why = scene.libpq.connect(&conninfo).unwrap_err();
    assert!(why.contains("has group or world access"), "{why}");
    scene.assert_served(&scene.conninfo("certdb", "ssltestuser", "client"));
    scene.front.daemon.said_after(mark, IDENTITY);
}

#[test]
fn a_client_may_decide_whether_it_shows_its_certificate() {
    let mut scene = scene();
    if !scene.libpq.is(16) {
        return;
    }
    let conninfo = scene.conninfo("certdb", "ssltestuser", "client");
    for mode in ["require", "allow"] {
        scene
            .libpq
            .connect(&format!("{conninfo} sslcertmode={mode}"))
            .unwrap();
    }
    let why = scene
        .libpq
        .connect(&format!("{conninfo} sslcertmode=disable"))
        .unwrap_err();
    assert!(why.contains(NO_CERTIFICATE), "{why}");
}

#[test]
fn the_whole_name_or_a_part_of_it_is_mapped_and_the_whole_is_logged() {
    let scene = scene();
    let databases = ["certdb_dn", "certdb_dn_re", "certdb_cn"];
    for (database, line) in databases.into_iter().zip(9..) {
        let mark = scene.front.daemon.mark();
        scene.assert_served(&scene.conninfo(database, "ssltestuser", "client-dn"));
        let identity =
            "identity=\"CN=ssltestuser-dn,OU=Testing,OU=Engineering,O=PGDG\" method=cert (";
        let said = scene.front.daemon.said_after(mark, identity);
        assert!(said.contains(&format!("pg_hba.conf:{line})")), "{said}");
    }
    // Nobody else is in these maps.
    for (database, map, name) in [
        ("certdb_dn", "dn", "CN=ssltestuser"),
        ("certdb_dn_re", "dnre", "CN=ssltestuser"),
        ("certdb_cn", "cn", "ssltestuser"),
    ] {
        let why = "certificate authentication failed for user \"ssltestuser\"";
        scene.assert_refused(&scene.conninfo(database, "ssltestuser", "client"), why);
        let log = format!(
            "no match in usermap \"{map}\" for user \"ssltestuser\" authenticated as \"{name}\""
        );
        scene.front.daemon.said(&log);
    }
}

#[test]
fn a_certificate_of_another_user_is_refused_in_the_words_of_the_rule() {
    let scene = scene();
    for (database, client, log) in [
        (
            "certdb",
            "certificate authentication failed for user \"anotheruser\"",
            "provided user name (anotheruser) and authenticated user name (ssltestuser) do not match",
        ),
        (
            "verifydb",
            "\"trust\" authentication failed for user \"anotheruser\"",
            "certificate validation (clientcert=verify-full) failed for user \"anotheruser\": CN mismatch",
        ),
    ] {
        scene.assert_refused(&scene.conninfo(database, "anotheruser", "client"), client);
        let line = scene.front.daemon.said(log);
        assert!(line.contains(client), "{line}");
    }
    // Who was identified and then refused is logged as the original does, and only where the certificate is the method.
    assert_eq!(
        scene.front.count("identity=\"CN=ssltestuser\" method=cert"),
        1
    );
}

#[test]
fn verify_ca_and_verify_full_let_in_without_being_an_identity() {
    let scene = scene();
    for user in ["ssltestuser", "yetanotheruser"] {
        scene.assert_served(&scene.conninfo("verifydb", user, "client"));
    }
    assert_eq!(scene.front.count(IDENTITY), 0);
}

#[test]
fn whoever_is_revoked_hears_it_and_the_log_has_no_identity() {
    for (file, setting) in [
        ("root+client.crl", "ssl_crl_file"),
        ("root+client-crldir", "ssl_crl_dir"),
    ] {
        let scene = scene_with(|plan, certificates| {
            plan.set("ssl_crl_file", "")
                .set(setting, &certificates.path(file))
        });
        scene.assert_served(&scene.conninfo("certdb", "ssltestuser", "client"));
        for (certificate, subject) in [
            ("client-revoked", "/CN=ssltestuser"),
            (
                "client-revoked-utf8",
                r"/CN=\xce\x9f\xce\xb4\xcf\x85\xcf\x83\xcf\x83\xce\xad\xce\xb1\xcf\x82",
            ),
        ] {
            let mark = scene.front.daemon.mark();
            // "sslv3 alert" before OpenSSL 3.2, "ssl/tls alert" from there on.
            let conninfo = scene.conninfo("certdb", "ssltestuser", certificate);
            scene.assert_refused(&conninfo, "alert certificate revoked");
            let log = format!(
                "Client certificate verification failed at depth 0: certificate revoked. Failed certificate data \
                 (unverified): subject \"{subject}\", serial number {}, issuer \"/CN=Test CA for PostgreSQL SSL \
                 regression test client certs\".",
                scene.certificates.serial(&format!("{certificate}.crt"))
            );
            let line = scene.front.daemon.said_after(
                mark,
                "could not accept SSL connection: certificate verify failed",
            );
            assert!(line.contains(&log), "{line}\nis without\n{log}");
        }
        assert_eq!(scene.front.count(IDENTITY), 1, "the first one's");
    }
}

/// A list of each CA in the chain has to be there: the root's as well.
#[test]
fn a_list_of_the_clients_authority_alone_lets_nobody_in() {
    let scene =
        scene_with(|plan, certificates| plan.set("ssl_crl_file", &certificates.path("client.crl")));
    scene.refused(&scene.conninfo("certdb", "ssltestuser", "client"));
    scene.front.daemon.said("unable to get certificate CRL");
}

#[test]
fn a_bad_certificate_is_refused_where_none_is_needed() {
    let scene = scene();
    for (database, certificate) in [("trustdb", "client-revoked"), ("trustdb", "server-cn-only")] {
        let said = scene.refused(&scene.conninfo(database, "ssltestuser", certificate));
        assert!(said.contains("alert"), "{said}");
    }
}

#[test]
fn an_intermediate_is_the_clients_to_send_where_the_front_has_only_the_root() {
    let scene = scene_with(|plan, certificates| {
        plan.trusting(certificates, "root_ca.crt")
            .set("ssl_crl_file", "")
    });
    scene.assert_served(&scene.conninfo("certdb", "ssltestuser", "client+client_ca"));
    scene.assert_refused(
        &scene.conninfo("certdb", "ssltestuser", "client"),
        "tlsv1 alert unknown ca",
    );
    let line = scene.front.daemon.said("could not accept SSL connection");
    assert!(
        line.contains("Client certificate verification failed at depth 0: unable to get local issuer certificate"),
        "{line}"
    );
    let subject = format!(
        "subject \"/CN=ssltestuser\", serial number {}",
        scene.certificates.serial("client.crt")
    );
    assert!(line.contains(&subject), "{line}");
    // A long name loses its beginning.
    let mark = scene.front.daemon.mark();
    scene.assert_refused(
        &scene.conninfo("certdb", "ssltestuser", "client-long"),
        "tlsv1 alert unknown ca",
    );
    scene.front.daemon.said_after(
        mark,
        &format!("subject \".../CN={LONG_NAME}\", serial number"),
    );
}

#[test]
fn what_is_wrong_further_up_the_chain_is_logged_with_its_depth() {
    let scene = scene_with(|plan, certificates| {
        plan.trusting(certificates, "server-cn-only.crt")
            .set("ssl_crl_file", "")
    });
    let conninfo = scene.conninfo("certdb", "ssltestuser", "client+client_ca");
    scene.assert_refused(&conninfo, "tlsv1 alert unknown ca");
    let line = scene
        .front
        .daemon
        .said("Client certificate verification failed at depth 1");
    let subject = format!(
        "unable to get local issuer certificate. Failed certificate data (unverified): subject \"/CN=Test CA for \
         PostgreSQL SSL regression test client certs\", serial number {}, issuer \"/CN=Test root CA for PostgreSQL \
         SSL regression test suite\".",
        scene.certificates.serial("client_ca.crt")
    );
    assert!(line.contains(&subject), "{line}");
}

/// In a common name. In the whole name it is escaped, and no null any more.
#[test]
fn a_name_with_a_null_in_it_is_shut_out_whatever_the_rule() {
    let scene = scene();
    for database in ["certdb", "trustdb"] {
        let mark = scene.front.daemon.mark();
        scene.refused(&scene.conninfo(database, "ssltestuser", "client-null-in-name"));
        let why = "SSL certificate's common name contains embedded null";
        scene.front.daemon.said_after(mark, why);
    }
    assert_eq!(scene.front.count(IDENTITY), 0);
}

#[test]
fn an_identity_is_logged_with_the_escapes_of_rfc_2253_and_no_others() {
    let scene = scene();
    scene.refused(&scene.conninfo("certdb", "ssltestuser", "client-escaped"));
    let greek = r"\CE\9F\CE\B4\CF\85\CF\83\CF\83\CE\AD\CE\B1\CF\82";
    let identity = format!("{IDENTITY}\"CN={greek},O=Acme\\, \\\"Inc\\\"\" method=cert (");
    scene.front.daemon.said(&identity);
}

#[test]
fn a_certificate_without_a_common_name_is_nobodys() {
    let scene = scene();
    let why = "certificate authentication failed for user \"ssltestuser\"";
    scene.assert_refused(
        &scene.conninfo("certdb", "ssltestuser", "client-nameless"),
        why,
    );
    scene
        .front
        .daemon
        .said(&format!("{why}: client certificate contains no user name"));
    scene.assert_served(&scene.conninfo("trustdb", "ssltestuser", "client-nameless"));
}

#[test]
fn without_authorities_a_rule_that_asks_for_a_certificate_can_only_refuse() {
    let scene = Scene::with_hba(HBA);
    for database in ["certdb", "verifydb"] {
        scene.assert_refused(
            &scene.conninfo(database, "ssltestuser", "client"),
            "client certificates can only be checked if a root certificate store is available",
        );
    }
    scene.assert_served(&scene.conninfo("trustdb", "ssltestuser", "client"));
}

#[test]
fn rules_with_certificates_are_for_tls_only() {
    for (rule, why) in [
        (
            "host all all all cert",
            "cert authentication is only supported on hostssl connections",
        ),
        (
            "host all all all trust clientcert=verify-ca",
            "clientcert can only be configured for \"hostssl\" rows",
        ),
        (
            "host all all all trust clientname=DN",
            "clientname can only be configured for \"hostssl\" rows",
        ),
        (
            "hostssl all all all trust clientcert=1",
            "invalid value for clientcert: \"1\"",
        ),
        (
            "hostssl all all all trust clientcert=no-verify",
            "invalid value for clientcert: \"no-verify\"",
        ),
        (
            "hostssl all all all trust clientname=SN",
            "invalid value for clientname: \"SN\"",
        ),
        (
            "hostssl all all all cert clientcert=verify-ca",
            "clientcert only accepts \"verify-full\" when using \"cert\" authentication",
        ),
    ] {
        let certificates = Certificates::new();
        let plan = Plan::new(&certificates, "server-cn-only");
        let said = plan.hba(&format!("{rule}\n")).refused();
        assert!(said.contains(why), "{rule}: {said}");
    }
}
