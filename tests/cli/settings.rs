//! `check` and `show`: what becomes of settings, and what is said of wrong ones.

use crate::tlsport;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory with certificates, and what serves them.
struct Site {
    directory: TempDir,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().to_str().unwrap().to_owned();
        tlsport(&["certs", "--out", &out, "--host", "localhost"]).fine();
        Site { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command with settings that serve, and `more`.
    fn run(&self, command: &str, more: &[&str]) -> crate::Done {
        let keyfile = self.path("server.pem");
        let mut arguments = vec![command, "--server.endpoint", "ssl://127.0.0.1:8530"];
        arguments.extend(["--backend", "tcp://127.0.0.1:9000"]);
        arguments.extend(["--ssl.keyfile", keyfile.to_str().unwrap()]);
        arguments.extend(more);
        tlsport(&arguments)
    }
}

#[test]
fn settings_that_serve_are_ok() {
    let said = Site::new().run("check", &[]).fine();
    assert!(said.ends_with("ok\n"), "{said}");
}

#[test]
fn a_name_that_is_not_known_is_found_before_serving() {
    let more = ["--server.endpoint", "tcp://no-such-host.invalid:1"];
    let refused = Site::new().run("check", &more).refused(3);
    assert!(
        refused.contains("cannot resolve endpoint 'http+tcp://no-such-host.invalid:1'"),
        "{refused}"
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let refused = tlsport(&[
        "check",
        "--ssl.protocol",
        "77",
        "--threads",
        "-1",
        "--ssl.session-cache=perhaps",
        "--ssl.keyfile",
        "/nowhere/server.pem",
    ]);
    let refused = refused.refused(3);
    for why in [
        "--ssl.protocol: '77'",
        "--threads: '-1'",
        "--ssl.session-cache: 'perhaps'",
        "/nowhere/server.pem",
        "no endpoints have been specified",
    ] {
        let lines = refused.lines().filter(|line| line.contains(why));
        assert_eq!(lines.count(), 1, "{why}: {refused}");
    }
}

#[test]
fn a_switch_stands_alone_or_with_a_value() {
    let site = Site::new();
    for (flags, value) in [
        (&["--ssl.session-cache"][..], "true"),
        (&["--ssl.session-cache", "false"], "false"),
        (&["--ssl.session-cache=true", "--threads", "1"], "true"),
        (&["--ssl.session-cache", "--threads", "1"], "true"),
    ] {
        let shown = site.run("show", &[&["--json"], flags].concat()).fine();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            shown["settings"]["ssl.session-cache"]["value"], value,
            "{flags:?}"
        );
    }
}

#[test]
fn show_names_who_set_what() {
    let site = Site::new();
    let shown: Value = serde_json::from_str(&site.run("show", &["--json"]).fine()).unwrap();
    let settings = &shown["settings"];
    assert_eq!(
        settings["server.endpoint"][0]["value"],
        "http+ssl://127.0.0.1:8530"
    );
    assert_eq!(
        settings["server.endpoint"][0]["origin"],
        "--server.endpoint"
    );
    assert_eq!(settings["threads"]["origin"], "built in");
    for record in tlsport::settings::TABLE {
        assert!(settings.get(record.name).is_some(), "{}", record.name);
    }
    let text = site.run("show", &[]).fine();
    assert!(
        text.lines()
            .any(|line| line.contains("ssl.keyfile") && line.ends_with("--ssl.keyfile")),
        "{text}"
    );
}

#[test]
fn show_tells_what_libssl_makes_of_the_settings() {
    let site = Site::new();
    let ca = site.path("ca.pem");
    let more = [
        "--ssl.cipher-list",
        "ECDHE+AESGCM",
        "--ssl.options",
        "0x80000858",
        "--ssl.cafile",
    ];
    let text = site
        .run("show", &[&more[..], &[ca.to_str().unwrap()]].concat())
        .fine();
    for said in [
        "  versions          TLSv1.2\n",
        "  groups            prime256v1\n",
        "  verify client     require\n",
        "  ECDHE-ECDSA-AES256-GCM-SHA384  TLSv1.2  256 bits  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n",
        "    names           localhost\n",
        " days left)",
        "SSL_OP_ENABLE_KTLS: no effect",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn show_prints_what_it_has_even_of_wrong_settings() {
    let site = Site::new();
    let done = site.run("show", &["--ssl.protocol", "77"]);
    assert!(done.out.contains("tcp://127.0.0.1:9000"), "{}", done.out);
    assert!(done.refused(3).contains("--ssl.protocol: '77'"));
}

#[test]
fn log_lines_are_text_or_json() {
    let site = Site::new();

    let done = site.run("check", &["--log-format", "json", "--log-level", "trace"]);
    for line in done.err.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(
            event["level"].is_string() && event["message"].is_string(),
            "{line}"
        );
    }
    done.fine();
}

#[test]
fn a_file_with_five_errors_reports_five_with_file_and_line() {
    let site = Site::new();
    let file = site.path("arangod.conf");
    let text = "[server]\nendpoint = sssl://127.0.0.1:8530\n\n[ssl]\nprotocol = 7\nsession-cache = perhaps\n\
                cipher-list = ALL\ncipher-list = HIGH\nkeyfiel = server.pem\n";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let refused = tlsport(&[
        "check",
        "--config",
        file,
        "--backend",
        "tcp://127.0.0.1:9000",
    ])
    .refused(3);
    for (line, word) in [
        (2, "sssl"),
        (5, "7"),
        (6, "perhaps"),
        (8, "cipher-list"),
        (9, "did you mean 'ssl.keyfile'"),
    ] {
        let place = format!("tlsport: {file}:{line}: ");
        let found = refused
            .lines()
            .filter(|said| said.starts_with(&place) && said.contains(word));
        assert_eq!(found.count(), 1, "line {line}: {refused}");
    }
}

#[test]
fn flags_beat_the_file_and_show_says_so() {
    let site = Site::new();
    let file = site.path("arangod.conf");
    fs::write(&file, "[ssl]\nprotocol = 6\nsession-cache = true\n").unwrap();
    let file = file.to_str().unwrap();
    let shown = site
        .run("show", &["--json", "-c", file, "--ssl.protocol", "9"])
        .fine();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let protocol = &shown["settings"]["ssl.protocol"];
    assert_eq!(
        (&protocol["value"], &protocol["origin"]),
        (&"9".into(), &"--ssl.protocol".into())
    );
    assert_eq!(
        shown["settings"]["ssl.session-cache"]["origin"],
        format!("{file}:3")
    );
}

#[test]
fn a_file_that_is_not_there_is_named_and_none_is_no_file() {
    let site = Site::new();
    let refused = site
        .run("check", &["-c", "/nowhere/arangod.conf"])
        .refused(3);
    assert!(refused.contains("'/nowhere/arangod.conf'"), "{refused}");
    site.run("check", &["-c", "none"]).fine();
}
