//! `check` and `show`: what becomes of settings, and what is said of wrong ones.

use crate::tlsport;
use serde_json::Value;
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
