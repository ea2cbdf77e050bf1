//! Help, manual pages, completions, and the exit status of a wrong command line.

use crate::tlsport;
use std::fs;

/// The subcommands that people type.
const COMMANDS: [&str; 9] = [
    "demo",
    "serve",
    "check",
    "show",
    "connect",
    "ciphers",
    "options",
    "certs",
    "completions",
];

#[test]
fn short_help_fits_a_screen() {
    for command in COMMANDS {
        let help = tlsport(&[command, "-h"]).fine();
        assert!(help.lines().count() <= 24, "{command}:\n{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
    let help = tlsport(&["-h"]).fine();
    assert!(help.lines().count() <= 24, "{help}");
}

#[test]
fn long_help_has_every_setting_and_the_exit_statuses() {
    let help = tlsport(&["check", "--help"]).fine();
    for record in tlsport::settings::TABLE {
        assert!(
            help.contains(&format!("--{} ", record.name)),
            "{}",
            record.name
        );
    }
    assert!(
        help.contains("3  a setting, or a file that a setting names, is wrong"),
        "{help}"
    );
}

#[test]
fn a_wrong_command_line_is_one_line_and_status_2() {
    for (arguments, why) in [
        (&["sreve"][..], "unrecognized subcommand 'sreve'"),
        (
            &["check", "--ssl.keyfil", "x"],
            "did you mean '--ssl.keyfile'?",
        ),
        (&["check", "--ssl.keyfile"], "'--ssl.keyfile <FILE>'"),
        (&["check", "stray"], "unexpected argument 'stray' found"),
        (
            &["check", "--log-level", "loud"],
            "--log-level: 'loud' is not one of error, warn",
        ),
        (&["completions", "tcsh"], "'tcsh'"),
        (&[], "requires a subcommand"),
    ] {
        let refused = tlsport(arguments).refused(2);
        assert_eq!(refused.lines().count(), 1, "{refused}");
        assert!(refused.contains(why), "{arguments:?}: {refused}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("man1");
    let said = tlsport(&["man", at.to_str().unwrap()]).fine();
    for page in COMMANDS.map(|command| format!("tlsport-{command}.1")) {
        assert!(said.contains(&page), "{page}: {said}");
        let text = fs::read_to_string(at.join(&page)).unwrap();
        assert!(text.contains(".TH tlsport"), "{text}");
    }
    let text = fs::read_to_string(at.join("tlsport.1")).unwrap();
    for section in ["\"EXIT STATUS\"", "ENVIRONMENT"] {
        assert!(
            text.contains(&format!(".SH {section}\n")),
            "{section}: {text}"
        );
    }
}

#[test]
fn completions_know_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = tlsport(&["completions", shell]).fine();
        assert!(script.contains("ssl.keyfile"), "{shell}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let said = tlsport(&["--version"]).fine();
    let version = concat!("tlsport ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(
        said,
        format!("{version}{}\n", tlsport::tls::library_version())
    );
    assert_eq!(tlsport(&["-V"]).fine(), version);
}
