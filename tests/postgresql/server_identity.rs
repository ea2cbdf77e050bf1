//! Whom libpq takes the front for: chains, names, revoked certificates and versions, as in `src/test/ssl/t/001`.
//!
//! Left out: what `pg_stat_ssl` shows, which is the server's own and knows nothing of a front's TLS.

use crate::certificates::COMMON_NAME;
use crate::front::{HBA, Plan, Scene};
use crate::libpq::Libpq;
use crate::programs::psql;

const REFUSED: &str = "certificate verify failed";
const MISMATCH: &str = "server certificate for \"common-name.pg-ssltest.test\" does not match host name \"wronghost.test\"";

/// What a client says, and what comes of it: nothing against it, or words of libpq's.
type Row<'a> = (&'a str, Result<(), &'a str>);

/// A front with another certificate.
fn showing(certificate: &str) -> Scene {
    Scene::with(|_, certificates| Plan::new(certificates, certificate).hba(HBA))
}

impl Scene {
    /// Connects by the servers' common name, unless another is named. `@` stands for the folder with the certificates.
    fn visit(&mut self, words: &str) -> Result<(), String> {
        let words = words.replace('@', &(self.certificates.folder() + "/"));
        let words = format!("host={COMMON_NAME} hostaddr=127.0.0.1 sslmode=require {words}");
        let session = self.libpq.connect(&self.front.conninfo(&words))?;
        assert!(session.tls);
        self.libpq.close(session);
        Ok(())
    }

    /// Fails where one of the rows does not come out as expected; shows all that do not.
    #[track_caller]
    fn assert(&mut self, rows: &[Row]) {
        let mut wrong = Vec::new();
        for (words, expected) in rows {
            let came = self.visit(words);
            let right = match (&came, expected) {
                (Ok(()), Ok(())) => true,
                (Err(why), Err(text)) => why.contains(text),
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "{words}: {expected:?} was expected, and it was {came:?}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// As [`Scene::assert`], for a strict client that knows the root and the CA of servers, with more to be said.
    #[track_caller]
    fn assert_strict(&mut self, rows: &[Row]) {
        let strict =
            |words: &str| format!("sslmode=verify-full sslrootcert=@root+server_ca.crt {words}");
        let words: Vec<String> = rows.iter().map(|(words, _)| strict(words)).collect();
        let rows: Vec<Row> = words
            .iter()
            .zip(rows)
            .map(|(words, row)| (&**words, row.1))
            .collect();
        self.assert(&rows);
    }
}

#[test]
fn the_chain_decides_and_without_roots_only_whoever_wants_no_check_connects() {
    let missing = Err("root certificate file \"invalid\" does not exist");
    Scene::with_hba(HBA).assert(&[
        ("sslmode=disable", Err("no pg_hba.conf entry")),
        ("sslmode=require sslrootcert=invalid", Ok(())),
        ("sslmode=verify-ca sslrootcert=invalid", missing),
        ("sslmode=verify-full sslrootcert=invalid", missing),
        ("sslmode=require sslrootcert=@client_ca.crt", Err(REFUSED)),
        ("sslmode=verify-ca sslrootcert=@client_ca.crt", Err(REFUSED)),
        (
            "sslmode=verify-full sslrootcert=@client_ca.crt",
            Err(REFUSED),
        ),
        ("sslmode=verify-ca sslrootcert=@server_ca.crt", Err(REFUSED)),
        ("sslmode=require sslrootcert=@root+server_ca.crt", Ok(())),
        ("sslmode=verify-ca sslrootcert=@root+server_ca.crt", Ok(())),
        (
            "sslmode=verify-full sslrootcert=@root+server_ca.crt",
            Ok(()),
        ),
        ("sslmode=verify-ca sslrootcert=@both-cas-1.crt", Ok(())),
        ("sslmode=verify-ca sslrootcert=@both-cas-2.crt", Ok(())),
    ]);
}

#[test]
fn a_front_that_sends_its_intermediate_is_verified_with_the_root_alone() {
    let root = "sslmode=verify-full sslrootcert=@root_ca.crt";
    showing("server-cn-only+server_ca").assert(&[(root, Ok(()))]);
    showing("server-cn-only").assert(&[(root, Err(REFUSED))]);
}

#[test]
fn a_client_that_demands_to_show_a_certificate_fails_where_it_has_none_or_nobody_asks() {
    let asking =
        |plan: Plan, certificates: &_| plan.trusting(certificates, "root+client_ca.crt").hba(HBA);
    for (mut scene, why) in [
        (
            Scene::with(asking),
            "server accepted connection without a valid SSL certificate",
        ),
        (
            Scene::with_hba(HBA),
            "server did not request an SSL certificate",
        ),
    ] {
        if !scene.libpq.is(16) {
            return;
        }
        scene.assert(&[
            ("sslcertmode=disable", Ok(())),
            ("sslcertmode=allow", Ok(())),
            ("sslcertmode=require", Err(why)),
        ]);
    }
}

#[test]
fn revocation_lists_have_to_be_of_the_right_authorities() {
    Scene::with_hba(HBA).assert_strict(&[
        ("sslcrl=@none.crl", Ok(())),
        ("sslcrl=@client.crl", Err(REFUSED)),
        ("sslcrldir=@client-crldir", Err(REFUSED)),
        ("sslcrl=@root+server.crl", Ok(())),
        ("sslcrldir=@root+server-crldir", Ok(())),
    ]);
}

#[test]
fn a_revoked_front_is_refused_by_those_who_know() {
    showing("server-revoked").assert_strict(&[
        ("", Ok(())),
        ("sslcrl=@root+server.crl", Err(REFUSED)),
        ("sslcrldir=@root+server-crldir", Err(REFUSED)),
    ]);
}

#[test]
fn the_host_name_counts_with_verify_full_only() {
    Scene::with_hba(HBA).assert_strict(&[
        ("host=wronghost.test sslmode=require", Ok(())),
        ("host=wronghost.test sslmode=verify-ca", Ok(())),
        ("host=wronghost.test sslmode=verify-full", Err(MISMATCH)),
    ]);
}

/// Fails unless a certificate is good for these hosts and not for those, about which it is said which name it has.
#[track_caller]
fn assert_names(certificate: &str, right: &[&str], name: &str, wrong: &[&str]) {
    let why = |host| format!("server certificate for {name} does not match host name \"{host}\"");
    let why: Vec<String> = wrong.iter().map(why).collect();
    let words = |host: &&str| format!("host={host}");
    let words: Vec<String> = right.iter().chain(wrong).map(words).collect();
    let results = right
        .iter()
        .map(|_| Ok(()))
        .chain(why.iter().map(|why| Err(&**why)));
    let rows: Vec<Row> = words.iter().map(String::as_str).zip(results).collect();
    showing(certificate).assert_strict(&rows);
}

const DNS1: &str = "dns1.alt-name.pg-ssltest.test";
const DNS2: &str = "dns2.alt-name.pg-ssltest.test";

#[test]
fn dns_names_are_matched_with_one_label_for_a_star() {
    assert_names(
        "server-multiple-alt-names",
        &[DNS1, DNS2, "foo.wildcard.pg-ssltest.test"],
        &format!("\"{DNS1}\" (and 2 other names)"),
        &[
            "wronghost.alt-name.pg-ssltest.test",
            "deep.subdomain.wildcard.pg-ssltest.test",
        ],
    );
    assert_names(
        "server-single-alt-name",
        &["single.alt-name.pg-ssltest.test"],
        "\"single.alt-name.pg-ssltest.test\"",
        &[
            "wronghost.alt-name.pg-ssltest.test",
            "deep.subdomain.wildcard.pg-ssltest.test",
        ],
    );
}

#[test]
fn addresses_are_matched_as_text_in_a_common_name_and_as_numbers_otherwise() {
    assert_names(
        "server-ip-cn-only",
        &["192.0.2.1"],
        "\"192.0.2.1\"",
        &["192.000.002.001"],
    );
    assert_names("server-ip-in-dnsname", &["192.0.2.1"], "", &[]);
    assert_names(
        "server-ip-alt-names",
        &[
            "192.0.2.1",
            "192.000.002.001",
            "2001:DB8::1",
            "2001:db8:0:0:0:0:0:1",
            "2001:db8::0.0.0.1",
        ],
        "\"192.0.2.1\" (and 1 other name)",
        &["192.0.2.2", "::1", "2001:DB8::1/128"],
    );
}

#[test]
fn a_common_name_counts_where_no_other_name_is_of_its_kind() {
    let one_more = format!("\"{DNS1}\" (and 1 other name)");
    assert_names(
        "server-cn-and-alt-names",
        &[DNS1, DNS2],
        &one_more,
        &[COMMON_NAME],
    );
    assert_names(
        "server-cn-and-ip-alt-names",
        &[COMMON_NAME, "192.0.2.1", "2001:db8::1"],
        "",
        &[],
    );
    assert_names(
        "server-ip-cn-and-alt-names",
        &["192.0.2.2", "2001:db8::1"],
        "\"192.0.2.2\" (and 1 other name)",
        &["192.0.2.1"],
    );
    assert_names(
        "server-ip-cn-and-dns-alt-names",
        &["192.0.2.1", DNS1, DNS2],
        "",
        &[],
    );
}

#[test]
fn a_certificate_without_a_name_is_good_for_verify_ca_only() {
    showing("server-no-names").assert_strict(&[
        ("sslmode=verify-ca", Ok(())),
        (
            "sslmode=verify-full",
            Err("could not get server's host name from server certificate"),
        ),
    ]);
}

#[test]
fn the_systems_roots_make_verify_full_the_rule() {
    let mut scene = showing("server-cn-only+server_ca");
    if !scene.libpq.is(16) {
        return;
    }
    let weak = "weak sslmode \"verify-ca\" may not be used with sslrootcert=system";
    scene.assert(&[
        ("sslrootcert=system sslmode=verify-full", Err(REFUSED)),
        ("sslrootcert=system sslmode=verify-ca", Err(weak)),
    ]);
    scene.libpq = Libpq::with_env("SSL_CERT_FILE", &scene.certificates.path("root_ca.crt"));
    scene.assert(&[
        ("sslrootcert=system sslmode=verify-full", Ok(())),
        (
            "sslrootcert=system sslmode=verify-full host=wronghost.test",
            Err(MISMATCH),
        ),
    ]);
    // No word of a mode.
    let conninfo = scene
        .front
        .conninfo("host=wronghost.test hostaddr=127.0.0.1 sslrootcert=system");
    let why = scene.libpq.connect(&conninfo).unwrap_err();
    assert!(why.contains(MISMATCH), "{why}");
}

#[test]
fn clients_choose_versions_within_those_of_the_front() {
    Scene::with_hba(HBA).assert(&[
        (
            "ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2",
            Ok(()),
        ),
        (
            "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.3",
            Ok(()),
        ),
        (
            "ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.1",
            Err("invalid SSL protocol version range"),
        ),
        // Later versions put the names in quotes.
        (
            "ssl_min_protocol_version=incorrect_tls",
            Err("ssl_min_protocol_version"),
        ),
        (
            "ssl_max_protocol_version=incorrect_tls",
            Err("ssl_max_protocol_version"),
        ),
    ]);
}

#[test]
fn a_client_without_a_version_in_common_leaves_a_hint_in_the_log() {
    let scene = Scene::with(|plan, _| plan.set("ssl_min_protocol_version", "TLSv1.3"));
    let conninfo = scene
        .front
        .conninfo("sslmode=require ssl_max_protocol_version=TLSv1.2");
    let said = psql(&conninfo, &["SELECT 1"]);
    assert!(
        !said.succeeded && said.err.contains("alert protocol version"),
        "{said:?}"
    );
    let line = scene
        .front
        .daemon
        .said("could not accept SSL connection: unsupported protocol");
    let hint = "This may indicate that the client does not support any SSL protocol version between TLSv1.3 and";
    assert!(line.contains(hint), "{line}");
}

/// The newer psql is, the more of it is a table.
#[test]
fn psql_shows_the_version_it_has() {
    let scene = Scene::with_hba(HBA);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let words =
            format!(" ssl_min_protocol_version={version} ssl_max_protocol_version={version}");
        let said = psql(&(scene.verified() + &words), &["\\conninfo"]);
        assert!(said.succeeded && said.out.contains(version), "{said:?}");
    }
}
