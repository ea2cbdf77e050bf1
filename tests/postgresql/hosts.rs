//! Certificates by the name that a client asks for: `pg_hosts.conf` of 19, as in its `src/test/ssl/t/004`.

use crate::certificates::{Certificates, SERVER_PASSPHRASE};
use crate::front::{HBA, Plan, Scene};

const FILE: &str = "pg_hosts.conf";
const UNRECOGNIZED: &str = "unrecognized name";

/// A front with such a file. `~` stands for the folder with the certificates; `SHORT` for a certificate with its key,
/// `LONG` for the same with its intermediate.
fn plan(plan: Plan, certificates: &Certificates, hosts: &str) -> Plan {
    let hosts = hosts
        .replace("SHORT", "~/server-cn-only.crt ~/server-cn-only.key")
        .replace(
            "LONG",
            "~/server-cn-only+server_ca.crt ~/server-cn-only.key",
        )
        .replace('~', &certificates.folder());
    plan.set("ssl_sni", "on").hba(HBA).file(FILE, &hosts)
}

fn scene(hosts: &str) -> Scene {
    Scene::with(|before, certificates| plan(before, certificates, hosts))
}

impl Scene {
    /// Connects to a host, or without a name where there is none; what libpq says if that fails.
    fn ask(&mut self, host: &str, words: &str) -> Result<(), String> {
        let host = match host {
            "" => "127.0.0.1 sslsni=0".to_owned(),
            host => format!("{host} hostaddr=127.0.0.1"),
        };
        let words = words.replace('~', &self.certificates.folder());
        let conninfo = self
            .front
            .conninfo(&format!("host={host} sslmode=require {words}"));
        let session = self.libpq.connect(&conninfo)?;
        assert!(session.tls);
        self.libpq.close(session);
        Ok(())
    }

    #[track_caller]
    fn assert_welcome(&mut self, host: &str, words: &str) {
        let came = self.ask(host, words);
        assert!(came.is_ok(), "'{host}' '{words}': {came:?}");
    }

    #[track_caller]
    fn assert_unwelcome(&mut self, host: &str, words: &str, why: &str) {
        let told = self.ask(host, words).expect_err(host);
        assert!(
            told.contains(why),
            "'{host}' '{words}': '{why}' was expected: {told}"
        );
    }
}

/// It is verified only where the intermediate comes with the certificate.
const ROOT: &str = "sslmode=verify-ca sslrootcert=~/root_ca.crt";
const UNVERIFIED: &str = "certificate verify failed";

#[test]
fn without_hosts_the_settings_themselves_are_served() {
    let mut scene = scene("# nobody\n");
    scene.assert_welcome("example.org", "");
    scene.assert_unwelcome("example.org", ROOT, UNVERIFIED);
    // Neither does a file that is not there.
    let scene = &mut Scene::with(|plan, _| plan.set("ssl_sni", "on").hba(HBA));
    scene.assert_welcome("example.org", "");
    scene.assert_welcome("", "");
}

#[test]
fn the_file_counts_where_server_names_do() {
    let mut scene = scene("example.org LONG\n");
    scene.assert_unwelcome("example.com", "", UNRECOGNIZED);
    scene.front.set("ssl_sni", "off");
    scene.front.daemon.reload();
    scene.assert_welcome("example.com", "");
    scene.assert_unwelcome("example.org", ROOT, UNVERIFIED);
}

#[test]
fn a_name_gets_its_own_certificate_whatever_its_case_and_others_the_default() {
    let mut scene = scene("* SHORT\nexample.org LONG\n");
    for host in ["example.org", "Example.ORG"] {
        scene.assert_welcome(host, ROOT);
    }
    for host in ["example.com", ""] {
        scene.assert_welcome(host, "");
        scene.assert_unwelcome(host, ROOT, UNVERIFIED);
    }
}

#[test]
fn a_line_may_have_many_names_and_a_file_of_them() {
    let mut scene = Scene::with(|before, certificates| {
        let before = before.file("names.txt", "example.se\nexample.fi, example.dk\n");
        plan(
            before,
            certificates,
            "example.org,example.com,@names.txt LONG\n",
        )
    });
    for host in [
        "example.org",
        "example.com",
        "example.se",
        "example.fi",
        "example.dk",
    ] {
        scene.assert_welcome(host, ROOT);
    }
    scene.assert_unwelcome("example.net", "", UNRECOGNIZED);
}

#[test]
fn without_a_default_whoever_is_not_listed_gets_an_alert() {
    let mut scene = scene("example.org LONG\n");
    scene.assert_welcome("example.org", ROOT);
    scene.assert_unwelcome("", "", "handshake failure");
    // Names are not matched by a part of them.
    for host in ["example.com", "example", "www.example.org"] {
        scene.assert_unwelcome(host, "", UNRECOGNIZED);
    }
}

#[test]
fn a_line_may_be_for_those_alone_who_ask_for_no_name() {
    let mut scene = scene("/no_sni/ LONG\n");
    scene.assert_welcome("", ROOT);
    scene.assert_unwelcome("example.org", "", UNRECOGNIZED);
}

#[test]
fn hosts_that_contradict_each_other_are_refused_at_the_start() {
    let certificates = Certificates::new();
    for (hosts, why) in [
        ("example.org,*,example.net SHORT\n", "\"*\""),
        ("* SHORT\n* SHORT\n", "\"*\""),
        ("/no_sni/ SHORT\n/no_sni/ SHORT\n", "/no_sni/"),
        ("example.org SHORT\nexample.org SHORT\n", "example.org"),
        (
            "example.org,example.com SHORT\nexample.net,Example.COM SHORT\n",
            "example.com",
        ),
        ("example.org SHORT \"\" \"echo x\" on more\n", "more"),
        ("example.org SHORT \"\" \"echo x\" maybe\n", "maybe"),
    ] {
        let said = plan(
            Plan::new(&certificates, "server-cn-only"),
            &certificates,
            hosts,
        )
        .refused();
        assert!(
            said.contains("pg_hosts.conf:") && said.contains(why),
            "{hosts}: {said}"
        );
    }
}

#[test]
fn a_host_has_a_passphrase_command_of_its_own() {
    let hosts = |command: &str, reload: &str| {
        format!(
            "example.org ~/server-cn-only.crt ~/server-password.key \"\" \"{command}\" {reload}\n"
        )
    };
    let right = format!("echo {SERVER_PASSPHRASE}");
    let certificates = Certificates::new();
    let wrong = plan(
        Plan::new(&certificates, "server-cn-only"),
        &certificates,
        &hosts("echo wrong", "on"),
    );
    let said = wrong.refused();
    assert!(said.contains("server-password.key"), "{said}");

    let mut reloading = scene(&hosts(&right, "on"));
    for _ in 0..3 {
        reloading.assert_welcome("example.org", "");
        reloading.front.daemon.reload();
    }
    reloading.assert_welcome("example.org", "");

    let mut kept = scene(&hosts(&right, "off"));
    let why = "cannot be reloaded because it requires a passphrase";
    kept.assert_welcome("example.org", "");
    assert_eq!(kept.front.count(why), 0);
    let mark = kept.front.daemon.mark();
    kept.front.daemon.signal("HUP");
    kept.front.daemon.said_after(mark, why);
    kept.assert_welcome("example.org", "");
}

#[test]
fn a_host_has_the_authorities_of_its_line_and_no_others() {
    let mut scene = Scene::with(|before, certificates| {
        let before = before
            .trusting(certificates, "root+client_ca.crt")
            .set("ssl_crl_dir", &certificates.path("root+client-crldir"));
        plan(
            before,
            certificates,
            "* SHORT ~/root+client_ca.crt\n\
             example.org SHORT\n\
             example.com SHORT ~/root+client_ca.crt\n\
             example.net SHORT ~/server_ca.crt\n",
        )
    });
    let without = "dbname=certdb";
    let with = "dbname=certdb sslcert=~/client.crt sslkey=~/client.key";
    let store = "client certificates can only be checked if a root certificate store is available";
    let none = "connection requires a valid client certificate";
    scene.assert_unwelcome("example.org", with, store);
    scene.assert_unwelcome("example.com", without, none);
    scene.assert_welcome("example.com", with);
    scene.assert_unwelcome("example.net", without, none);
    scene.assert_unwelcome("example.net", with, "unknown ca");
    let revoked = "dbname=certdb sslcert=~/client-revoked.crt sslkey=~/client-revoked.key";
    scene.assert_unwelcome("example.com", revoked, "certificate revoked");
}
