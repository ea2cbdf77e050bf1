//! Whether a front starts, and stays what it was when its files change: passphrases, versions, groups, key files.

use crate::certificates::{Certificates, SERVER_PASSPHRASE};
use crate::front::{Front, Plan, Scene};
use crate::programs::{answer, works};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A front whose key is encrypted, and what prints the passphrase.
fn locked(command: &str) -> Scene {
    Scene::with(|plan, certificates| {
        with_locked_key(plan, certificates).set("ssl_passphrase_command", command)
    })
}

fn with_locked_key(plan: Plan, certificates: &Certificates) -> Plan {
    plan.set("ssl_key_file", &certificates.path("server-password.key"))
}

#[track_caller]
fn assert_served(front: &Front) {
    assert_eq!(
        answer(&front.conninfo("sslmode=require"), &["SELECT 'served'"]),
        "served"
    );
}

#[test]
fn an_encrypted_key_is_opened_by_the_right_command_only() {
    let certificates = Certificates::new();
    let key = certificates.path("server-password.key");
    for command in ["echo wrongpassword", "true"] {
        let plan = with_locked_key(Plan::new(&certificates, "server-cn-only"), &certificates);
        let said = plan.set("ssl_passphrase_command", command).refused();
        assert!(
            said.contains(&format!("could not load private key file \"{key}\"")),
            "{said}"
        );
    }
    assert_served(&locked(&format!("echo {SERVER_PASSPHRASE}")).front);
}

/// `%p` is the prompt, and only the first line of what is printed counts.
#[test]
fn a_passphrase_command_is_told_the_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let command = format!(
        "echo '%p' 100%% > {}; printf '{SERVER_PASSPHRASE}\\r\\nmore\\n'",
        asked.display()
    );
    let scene = locked(&command);
    assert_eq!(
        fs::read_to_string(asked).unwrap(),
        "Enter PEM pass phrase: 100%\n"
    );
    assert_served(&scene.front);
}

#[test]
fn a_key_that_needs_a_passphrase_stays_as_it_was_loaded_when_reloads_may_not_ask() {
    let scene = locked(&format!("echo {SERVER_PASSPHRASE}"));
    let (front, key) = (&scene.front, scene.certificates.path("server-password.key"));
    let why =
        format!("private key file \"{key}\" cannot be reloaded because it requires a passphrase");
    assert_eq!(front.count(&why), 0, "at the start");
    let mark = front.daemon.mark();
    front.daemon.signal("HUP");
    front.daemon.said_after(mark, &why);
    assert_served(front);
}

#[test]
fn a_key_that_needs_a_passphrase_is_reloaded_when_reloads_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let command = format!("echo >> {}; echo {SERVER_PASSPHRASE}", asked.display());
    let scene = Scene::with(|plan, certificates| {
        with_locked_key(plan, certificates)
            .set("ssl_passphrase_command", &command)
            .set("ssl_passphrase_command_supports_reload", "on")
    });
    let times = || fs::read_to_string(&asked).unwrap().len();
    for _ in 0..3 {
        let before = times();
        scene.front.daemon.reload();
        assert!(times() > before, "nobody was asked");
        assert_served(&scene.front);
    }
}

#[test]
fn the_lowest_version_may_not_be_above_the_highest() {
    let certificates = Certificates::new();
    let versions = |plan: Plan, min, max| {
        plan.set("ssl_min_protocol_version", min)
            .set("ssl_max_protocol_version", max)
    };
    let said = versions(
        Plan::new(&certificates, "server-cn-only"),
        "TLSv1.2",
        "TLSv1.1",
    )
    .refused();
    let why = "\"ssl_min_protocol_version\" cannot be higher than \"ssl_max_protocol_version\"";
    assert!(said.contains(why), "{said}");
    assert_served(&Scene::with(|plan, _| versions(plan, "TLSv1.2", "")).front);
}

#[test]
fn groups_that_do_not_exist_are_an_error_that_says_so() {
    let certificates = Certificates::new();
    for name in ["ssl_groups", "ssl_ecdh_curve"] {
        let plan = Plan::new(&certificates, "server-cn-only");
        let said = plan.set(name, "bad:value").refused();
        assert!(
            said.contains("bad:value") && !said.contains("no SSL error reported"),
            "{name}: {said}"
        );
    }
}

/// The rule is the server's: for its own files, and for root's, which a group may read.
#[test]
fn a_key_that_others_may_read_is_refused() {
    let certificates = Certificates::new();
    let key = certificates.own("server-cn-only.key");
    for mode in [0o644, 0o604, 0o660, 0o641] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let said = Plan::new(&certificates, "server-cn-only").refused();
        let why = format!("private key file \"{key}\" has group or world access");
        assert!(said.contains(&why), "{mode:o}: {said}");
    }
}

/// Fails unless a front with such a line in its file is refused with these words.
#[track_caller]
fn assert_refused(certificates: &Certificates, name: &str, value: &str, why: &str) {
    let plan =
        Plan::new(certificates, "server-cn-only").trusting(certificates, "root+client_ca.crt");
    let said = plan.set(name, value).refused();
    assert!(said.contains(why), "'{why}' was expected: {said}");
}

#[test]
fn a_key_that_is_no_file_is_refused() {
    let certificates = Certificates::new();
    let missing = certificates.own_path("missing");
    let why = format!("could not access private key file \"{missing}\": ");
    assert_refused(&certificates, "ssl_key_file", &missing, &why);
    let folder = certificates.own_path("folder");
    fs::create_dir(&folder).unwrap();
    let pipe = certificates.own_path("pipe");
    works(Command::new("mkfifo").args(["-m", "600", &pipe]));
    for other in [&folder, &pipe, "/dev/null"] {
        let why = format!("private key file \"{other}\" is not a regular file");
        assert_refused(&certificates, "ssl_key_file", other, &why);
    }
}

#[test]
fn a_certificate_or_a_key_that_cannot_be_loaded_is_named() {
    let certificates = Certificates::new();
    let broken = certificates.write_secret("broken.pem", "broken");
    for (name, what) in [
        ("ssl_cert_file", "server certificate file"),
        ("ssl_key_file", "private key file"),
    ] {
        let why = format!("could not load {what} \"{broken}\": ");
        assert_refused(&certificates, name, &broken, &why);
    }
    let missing = certificates.own_path("missing");
    let why = format!("could not load server certificate file \"{missing}\": ");
    assert_refused(&certificates, "ssl_cert_file", &missing, &why);
}

#[test]
fn authorities_and_revocation_lists_that_cannot_be_loaded_are_named() {
    let certificates = Certificates::new();
    let missing = certificates.own_path("missing");
    let broken = certificates.write("broken.pem", "broken");
    for file in [&missing, &broken] {
        let why = format!("could not load root certificate file \"{file}\": ");
        assert_refused(&certificates, "ssl_ca_file", file, &why);
        let why = format!("could not load SSL certificate revocation list file \"{file}\": ");
        assert_refused(&certificates, "ssl_crl_file", file, &why);
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let certificates = Certificates::new();
    let other = certificates.path("server-single-alt-name.key");
    assert_refused(
        &certificates,
        "ssl_key_file",
        &other,
        "check of private key failed: ",
    );
}
