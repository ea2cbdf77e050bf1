//! openssl.cnf: the one in use, what is wrong with it, and the section of it that a policy names.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use support::Pki;

/// `tlsport ACTION` of a good policy and these flags, with `OPENSSL_CONF` set to this.
fn tlsport(pki: &Pki, action: &str, conf: &Path, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tlsport"))
        .arg(action)
        .args([
            "--server.endpoint",
            "ssl://127.0.0.1:0",
            "--backend",
            "service://echo",
        ])
        .args(["--ssl.keyfile", &pki.server()])
        .args(flags)
        .env("OPENSSL_CONF", conf)
        .output()
        .unwrap()
}

fn file(pki: &Pki, lines: &[&str]) -> std::path::PathBuf {
    let path = pki.path("openssl.cnf");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path.into()
}

#[track_caller]
fn refused(pki: &Pki, conf: &Path, flags: &[&str], expected: &str) {
    let output = tlsport(pki, "check", conf, flags);
    let said = String::from_utf8_lossy(&output.stderr).replace(&conf.display().to_string(), "FILE");
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains(expected),
        "{said}\n  does not say\n{expected}"
    );
}

const HEAD: [&str; 4] = ["openssl_conf = init", "[init]", "ssl_conf = ssl", "[ssl]"];

fn with_sections(pki: &Pki, rest: &[&str]) -> std::path::PathBuf {
    file(pki, &[&HEAD[..], rest].concat())
}

#[test]
fn a_file_that_is_named_and_not_there_is_an_error() {
    let pki = Pki::new();
    let conf = Path::new("/nonexistent/openssl.cnf");
    refused(
        &pki,
        conf,
        &[],
        "cannot read OpenSSL configuration 'FILE': no such file or directory",
    );
}

#[test]
fn no_file_at_all_is_fine_where_that_is_asked_for() {
    let pki = Pki::new();
    for conf in ["", "/dev/null"] {
        let output = tlsport(&pki, "check", Path::new(conf), &[]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_broken_file_is_an_error_and_not_silently_ignored() {
    let pki = Pki::new();
    let conf = file(&pki, &["openssl_conf = init", "[init"]);
    refused(
        &pki,
        &conf,
        &[],
        "cannot use OpenSSL configuration 'FILE': missing close square bracket: line 2",
    );
    let conf = file(&pki, &["openssl_conf = missing"]);
    refused(
        &pki,
        &conf,
        &[],
        // 1.1.1 refuses it too, without a word.
        if cfg!(openssl3) {
            "openssl conf references missing section: openssl_conf=missing"
        } else {
            "cannot use OpenSSL configuration 'FILE': no reason given"
        },
    );
    let conf = file(
        &pki,
        &["openssl_conf = init", "[init]", "no_such_module = x"],
    );
    refused(
        &pki,
        &conf,
        &[],
        "cannot use OpenSSL configuration 'FILE': unknown module name: module=no_such_module",
    );
}

#[test]
fn what_fails_in_the_systems_section_is_an_error_with_its_line() {
    let pki = Pki::new();
    for (line, why) in [
        (
            "CipherString = NOTHING",
            "bad value: cmd=CipherString, value=NOTHING",
        ),
        (
            "MinProtocol = TLSv9",
            "bad value: cmd=MinProtocol, value=TLSv9",
        ),
        ("NoSuchCommand = 1", "there is no such command"),
    ] {
        let conf = with_sections(
            &pki,
            &[
                "system_default = d",
                "[d]",
                "Ciphersuites = TLS_AES_128_GCM_SHA256",
                line,
            ],
        );
        let expected =
            format!("cannot use OpenSSL configuration 'FILE': in 'system_default': '{line}': ");
        refused(&pki, &conf, &[], &expected);
        let output = tlsport(&pki, "check", &conf, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(why) || said.contains("no cipher match"),
            "{said}"
        );
    }
}

fn shown(output: &Output, name: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no '{name}' in\n{text}"));
    line.trim_start()[name.len()..].trim().to_owned()
}

#[test]
fn a_named_section_beats_the_defaults_and_options_beat_the_section() {
    let pki = Pki::new();
    let conf = with_sections(
        &pki,
        &[
            "mine = m",
            "[m]",
            "MinProtocol = TLSv1.3",
            "MaxProtocol = TLSv1.3",
        ],
    );
    let versions = |flags: &[&str]| shown(&tlsport(&pki, "show", &conf, flags), "versions");
    assert_eq!(versions(&[]), "TLSv1.2");
    assert_eq!(versions(&["--ssl.config-section", "mine"]), "TLSv1.3");
    assert_eq!(
        versions(&["--ssl.config-section", "mine", "--ssl.protocol", "5"]),
        "TLSv1.2"
    );
    let output = tlsport(&pki, "show", &conf, &[]);
    assert_eq!(shown(&output, "openssl.cnf"), conf.display().to_string());
}

#[test]
fn the_systems_section_stays_where_the_policy_leaves_it_open() {
    let pki = Pki::new();
    let conf = with_sections(
        &pki,
        &["system_default = d", "[d]", "MinProtocol = TLSv1.3"],
    );
    let versions = |number| {
        shown(
            &tlsport(&pki, "show", &conf, &["--ssl.protocol", number]),
            "versions",
        )
    };
    assert_eq!(versions("9"), "TLSv1.3");
    assert_eq!(versions("5"), "TLSv1.2");
}

#[test]
fn what_is_wrong_in_a_named_section_is_said_with_its_line() {
    let pki = Pki::new();
    let conf = with_sections(
        &pki,
        &[
            "mine = m",
            "[m]",
            "Options = ServerPreference",
            "1.MinProtocol = TLSv9",
        ],
    );
    refused(
        &pki,
        &conf,
        &["--ssl.config-section", "mine"],
        "cannot apply section 'mine' of 'FILE': 'MinProtocol = TLSv9': ",
    );
    refused(
        &pki,
        &conf,
        &["--ssl.config-section", "none"],
        "cannot apply section 'none' of 'FILE': there is no such name in its 'ssl_conf'",
    );
}
