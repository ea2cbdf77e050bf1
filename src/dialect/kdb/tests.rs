use super::*;
use crate::dialect::{complete, read_environment};
use crate::settings::{Level, Note, Origin, SslMode, TABLE, Verification, VerifyClient};
use std::io;
use std::path::{Path, PathBuf};

/// A machine with an environment, and with files whose content does not matter, but for the list of services.
#[derive(Default)]
struct Machine {
    variables: &'static [(&'static str, &'static str)],
    files: &'static [&'static str],
}

const SERVICES: &[u8] = b"# names\nkdb 5010/udp\nkdb\t5011/tcp  q kx # here\nhttp 80/tcp\n";

impl Source for Machine {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        if path == Path::new("/etc/services") {
            return Ok(Some(SERVICES.to_vec()));
        }
        let there = self.files.iter().any(|file| path == Path::new(file));
        Ok(there.then(Vec::new))
    }

    fn env(&self, name: &str) -> Option<String> {
        let known = self.variables.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    }

    fn openssl_dir(&self) -> Option<PathBuf> {
        Some("/ssl".into())
    }
}

impl Machine {
    fn with(variables: &'static [(&'static str, &'static str)]) -> Machine {
        let files = &[];
        Machine { variables, files }
    }

    /// Its settings, with these endpoints, and what is said of them.
    fn read(&self, endpoints: &[&str]) -> (Settings, Vec<String>) {
        let mut builder = Builder::new(Settings::default());
        read_environment("kdb", self, &mut builder);
        builder.begin_layer();
        for endpoint in endpoints {
            builder.set("server.endpoint", endpoint, Origin::Program);
        }
        complete(self, &mut builder);
        let settings = builder.settings().clone();
        let said = match builder.unchecked() {
            Ok((_, notes)) => notes.iter().map(told).collect(),
            Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        };
        (settings, said)
    }

    fn settings(&self) -> Settings {
        let (settings, said) = self.read(&[]);
        assert_eq!(said, [""; 0]);
        settings
    }
}

fn told(note: &Note) -> String {
    match note.level {
        Level::Warn => format!("warning: {note}"),
        Level::Info => note.to_string(),
    }
}

/// An option's values, each with who set it.
fn get(settings: &Settings, name: &str) -> Vec<String> {
    let record = TABLE.iter().find(|record| record.name == name);
    let values = (record.expect("an option").get)(settings).into_iter();
    values
        .map(|(value, origin)| format!("{value} ({origin})"))
        .collect()
}

#[test]
fn the_list_of_ciphers_is_the_manuals_for_both_sides() {
    let settings = Machine::default().settings();
    let list = &settings.policy.cipher_list.value;
    assert_eq!(list.split(':').count(), 31);
    assert_eq!(list.len(), 668);
    assert!(list.starts_with("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"));
    assert!(list.ends_with(":AES128-SHA:AES256-SHA:DES-CBC3-SHA:!DSS"));
    assert_eq!(settings.backend_tls.policy.cipher_list.value, *list);
    assert_eq!(settings.policy.of_client().cipher_list.value, *list);
}

#[test]
fn without_a_variable_servers_are_verified_by_name_and_clients_not_at_all() {
    let settings = Machine::default().settings();
    assert_eq!(settings.policy.verify(), VerifyClient::None);
    assert_eq!(*settings.policy.verify_server, Verification::Name);
    assert_eq!(*settings.backend_tls.mode, SslMode::VerifyFull);
    for policy in [&settings.policy, &settings.backend_tls.policy] {
        assert!(*policy.accept_expired);
        assert_eq!(*policy.min_protocol, Some(Version::Tls1));
        assert_eq!(*policy.max_protocol, None);
        assert_eq!(policy.words, Words::Kdb);
    }
}

#[test]
fn kx_comes_first_and_what_is_empty_is_not_set() {
    let machine = Machine::with(&[
        ("SSL_CIPHER_LIST", "ALL"),
        ("KX_SSL_CIPHER_LIST", "HIGH"),
        ("KX_SSL_CERT_FILE", ""),
        ("SSL_CERT_FILE", "c.pem"),
        ("SSL_KEY_FILE", ""),
    ]);
    let (settings, said) = machine.read(&[]);
    let list = ["HIGH (environment variable KX_SSL_CIPHER_LIST)"];
    assert_eq!(get(&settings, "ssl.cipher-list"), list);
    assert_eq!(get(&settings, "backend.cipher-list"), list);
    let certificate = ["c.pem (environment variable SSL_CERT_FILE)"];
    assert_eq!(get(&settings, "ssl.certfile"), certificate);
    assert_eq!(
        said,
        [
            "environment variable KX_SSL_CERT_FILE: it is empty, which is taken for unset",
            "environment variable SSL_KEY_FILE: it is empty, which is taken for unset",
            "environment variable SSL_CERT_FILE: there is no 'c.pem': servers are shown no certificate",
        ]
    );
}

#[test]
fn clients_are_asked_in_four_words_of_any_case() {
    for (variables, mode) in [
        (&[("SSL_VERIFY_CLIENT", "NO")], VerifyClient::None),
        (&[("SSL_VERIFY_CLIENT", "yes")], VerifyClient::Require),
        (
            &[("SSL_VERIFY_CLIENT", "RequestOnly")],
            VerifyClient::RequestUnverified,
        ),
        (&[("SSL_VERIFY_CLIENT", "IFPRESENT")], VerifyClient::Request),
    ] {
        let settings = Machine::with(variables).settings();
        assert_eq!(settings.policy.verify(), mode, "{variables:?}");
    }
    let (_, said) = Machine::with(&[("KX_SSL_VERIFY_CLIENT", "maybe")]).read(&[]);
    let why = "'maybe' is not one of NO, YES, REQUESTONLY, IFPRESENT";
    assert_eq!(
        said,
        [format!("environment variable KX_SSL_VERIFY_CLIENT: {why}")]
    );
}

#[test]
fn cas_alone_require_no_certificate_of_clients() {
    let settings = Machine::with(&[("SSL_CA_CERT_FILE", "ca.pem")]).settings();
    assert_eq!(settings.policy.verify(), VerifyClient::None);
}

#[test]
fn servers_are_verified_as_the_variable_says() {
    use {SslMode as Mode, Verification as Of};
    for (variables, of_client, of_backend) in [
        (
            &[("SSL_VERIFY_SERVER", "YES")],
            Of::Authority,
            Mode::VerifyCa,
        ),
        (&[("SSL_VERIFY_SERVER", "no")], Of::None, Mode::Require),
        (
            &[("SSL_VERIFY_SERVER", "HOSTIP")],
            Of::Name,
            Mode::VerifyFull,
        ),
    ] {
        let settings = Machine::with(variables).settings();
        assert_eq!(*settings.policy.verify_server, of_client);
        assert_eq!(*settings.backend_tls.mode, of_backend);
    }
}

#[test]
fn a_server_that_is_not_verified_is_not_by_cas_that_are_named_either() {
    let machine = Machine::with(&[("SSL_VERIFY_SERVER", "NO"), ("SSL_CA_CERT_FILE", "ca.pem")]);
    let (settings, _) = machine.read(&[]);
    let named = ["ca.pem (environment variable SSL_CA_CERT_FILE)"];
    assert_eq!(get(&settings, "ssl.cafile"), named);
    assert_eq!(settings.backend_tls.verification(), Verification::None);
}

#[test]
fn versions_bound_both_sides() {
    let machine = Machine::with(&[
        ("SSL_MINPROTOCOL", "tlsv1.2"),
        ("SSL_MAXPROTOCOL", "TLSv1.3"),
        ("SSL_CIPHERSUITES", "TLS_AES_128_GCM_SHA256"),
    ]);
    let settings = machine.settings();
    for policy in [&settings.policy, &settings.backend_tls.policy] {
        assert_eq!(*policy.min_protocol, Some(Version::Tls1_2));
        assert_eq!(*policy.max_protocol, Some(Version::Tls1_3));
        let suites = policy.ciphersuites.as_deref();
        assert_eq!(suites, Some("TLS_AES_128_GCM_SHA256"));
    }
    let none = [("SSL_MINPROTOCOL", "None"), ("SSL_MAXPROTOCOL", "None")];
    let settings = Machine::with(Box::leak(Box::new(none))).settings();
    assert_eq!(*settings.policy.min_protocol, None);
    assert_eq!(*settings.policy.max_protocol, None);
}

#[test]
fn ssl_3_is_no_bound_below_and_none_to_have_above() {
    let (settings, said) = Machine::with(&[("SSL_MINPROTOCOL", "SSLv3")]).read(&[]);
    assert_eq!(*settings.policy.min_protocol, None);
    let why = "SSLv3 is not spoken here, the lowest version is libssl's own";
    assert_eq!(
        said,
        [format!("environment variable SSL_MINPROTOCOL: {why}")]
    );
    let (_, said) = Machine::with(&[("SSL_MAXPROTOCOL", "SSLv3")]).read(&[]);
    let why = "'SSLv3' leaves no version that is spoken here";
    assert_eq!(
        said,
        [format!("environment variable SSL_MAXPROTOCOL: {why}")]
    );
    let (_, said) = Machine::with(&[("SSL_MAXPROTOCOL", "2")]).read(&[]);
    assert_eq!(
        said,
        [
            "environment variable SSL_MAXPROTOCOL: '2' is not one of SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, None"
        ]
    );
}

const USUAL: &[&str] = &[
    "/ssl",
    "/ssl/server-crt.pem",
    "/ssl/server-key.pem",
    "/ssl/cacert.pem",
];

#[test]
fn files_that_nobody_names_are_in_the_directory_of_libssl() {
    let machine = Machine {
        files: USUAL,
        ..Machine::default()
    };
    let settings = machine.settings();
    for side in ["ssl", "backend"] {
        for (option, file) in [
            ("certfile", "/ssl/server-crt.pem (built in)"),
            ("keyfile", "/ssl/server-key.pem (built in)"),
            ("cafile", "/ssl/cacert.pem (built in)"),
            ("capath", "/ssl (built in)"),
        ] {
            let option = format!("{side}.{option}");
            assert_eq!(get(&settings, &option), [file], "{option}");
        }
    }
    let bare = Machine::default().settings();
    for option in ["ssl.certfile", "ssl.keyfile", "ssl.cafile", "ssl.capath"] {
        assert_eq!(get(&bare, option), [""; 0], "{option}");
    }
}

#[test]
fn a_certificate_is_looked_for_where_there_is_tls_and_nowhere_else() {
    let missing = Machine::default();
    let (settings, _) = missing.read(&["kdb://127.0.0.1:0"]);
    let certificate = ["/ssl/server-crt.pem (built in)"];
    assert_eq!(get(&settings, "ssl.certfile"), certificate);
    assert_eq!(
        get(&settings, "ssl.keyfile"),
        ["/ssl/server-key.pem (built in)"]
    );
    let named = Machine::with(&[("SSL_CERT_FILE", "bundle.pem"), ("SSL_KEY_FILE", "k.pem")]);
    for machine in [missing, named] {
        let (settings, _) = machine.read(&["kdb+tcp://127.0.0.1:0"]);
        assert_eq!(get(&settings, "ssl.certfile"), [""; 0]);
        assert_eq!(get(&settings, "ssl.keyfile"), [""; 0]);
    }
}

#[test]
fn a_key_that_a_flag_names_has_its_own_certificate() {
    let machine = Machine {
        files: USUAL,
        ..Machine::default()
    };
    let mut builder = Builder::new(Settings::default());
    read_environment("kdb", &machine, &mut builder);
    builder.begin_layer();
    let flag = || Origin::Flag("--ssl.keyfile".into());
    builder.set("ssl.keyfile", "site.pem", flag());
    builder.set("server.endpoint", "kdb://127.0.0.1:0", flag());
    complete(&machine, &mut builder);
    assert_eq!(get(builder.settings(), "ssl.certfile"), [""; 0]);
    assert_eq!(
        get(builder.settings(), "ssl.keyfile"),
        ["site.pem (--ssl.keyfile)"]
    );
}

/// The endpoints of `-E` and `-p`, and what is said of them.
fn listening(mode: Option<&str>, port: &str, machine: &Machine) -> (String, Vec<String>) {
    let mut builder = Builder::new(Settings::default());
    listen(mode, Some(port), machine, &mut builder);
    let endpoints = builder.settings().endpoints.iter();
    let endpoints: Vec<String> = endpoints.map(|one| one.value.to_string()).collect();
    let said = match builder.unchecked() {
        Ok((_, notes)) => notes.iter().map(ToString::to_string).collect(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    };
    (endpoints.join(" "), said)
}

#[test]
fn every_form_of_a_port_becomes_endpoints() {
    let machine = Machine::default();
    for (mode, port, endpoints) in [
        (
            None,
            "5000",
            "kdb+tcp://0.0.0.0:5000 kdb+tcp://[::]:5000 kdb+unix://@/tmp/kx.5000",
        ),
        (
            Some("0"),
            "localhost:5000",
            "kdb+tcp://127.0.0.1:5000 kdb+unix://@/tmp/kx.5000",
        ),
        (
            Some("1"),
            ":5000",
            "kdb://0.0.0.0:5000 kdb://[::]:5000 kdb+unix+unixs://@/tmp/kx.5000",
        ),
        (
            Some("2"),
            "[::1]:5000",
            "kdb+tcps://[::1]:5000 kdb+unixs://@/tmp/kx.5000",
        ),
        (Some("2"), "0W", "kdb+tcps://0.0.0.0:0"),
        (Some("1"), "10.0.0.1:0w", "kdb://10.0.0.1:0"),
        (Some("1"), "5000/5010", "kdb://0.0.0.0:5000-5010"),
        (Some("1"), "rp,5000", "kdb://0.0.0.0:5000 kdb://[::]:5000"),
        (
            Some("1"),
            "10.0.0.1:kx",
            "kdb://10.0.0.1:5011 kdb+unix+unixs://@/tmp/kx.5011",
        ),
    ] {
        let came = listening(mode, port, &machine);
        assert_eq!(came, (endpoints.to_owned(), Vec::new()), "-p {port}");
    }
}

#[test]
fn a_shared_port_is_one_of_tcp_and_a_negative_one_a_port() {
    let mut builder = Builder::new(Settings::default());
    listen(None, Some("rp,5000"), &Machine::default(), &mut builder);
    assert!(*builder.settings().tcp.reuse_port);
    let (endpoints, said) = listening(None, "10.0.0.1:-5000", &Machine::default());
    assert_eq!(
        endpoints,
        "kdb+tcp://10.0.0.1:5000 kdb+unix://@/tmp/kx.5000"
    );
    let note =
        "-p: multithreaded input is for the backend to have: the port is listened on as any other";
    assert_eq!(said, [note]);
}

#[test]
fn a_variable_says_where_unix_sockets_are() {
    let elsewhere = Machine::with(&[("QUDSPATH", "/run/kx/")]);
    let (endpoints, _) = listening(None, "10.0.0.1:5000", &elsewhere);
    assert_eq!(
        endpoints,
        "kdb+tcp://10.0.0.1:5000 kdb+unix://@/run/kx/kx.5000"
    );
    let nowhere = Machine::with(&[("QUDSPATH", "")]);
    let (endpoints, _) = listening(None, "10.0.0.1:5000", &nowhere);
    assert_eq!(endpoints, "kdb+tcp://10.0.0.1:5000");
}

#[test]
fn what_is_no_mode_and_no_port_is_told() {
    for (mode, port, why) in [
        ("3", "0W", "-E: '3' is not one of 0, 1, 2"),
        (
            "1",
            "0",
            "-p: '0' is no port to listen on: 0W is any that is free",
        ),
        ("1", "70000", "-p: '70000' is above 65535"),
        (
            "1",
            "",
            "-p: '' is no port: a number, the name of a service, 0W for any, or FIRST/LAST",
        ),
        (
            "1",
            "5x",
            "-p: '5x' is no port: a number, the name of a service, 0W for any, or FIRST/LAST",
        ),
        ("1", "9/8", "-p: the range '9/8' is empty"),
        ("1", "pr,5000", "-p: 'pr' is not rp"),
        ("1", "qq", "-p: /etc/services has no service 'qq' of TCP"),
        (
            "1",
            "a b:5000",
            "-p: invalid endpoint 'kdb://a b:5000': 'a b' is not a host name or address",
        ),
    ] {
        let (_, said) = listening(Some(mode), port, &Machine::default());
        assert_eq!(said, [why]);
    }
}

#[test]
fn the_dictionary_has_what_is_in_effect_in_the_order_of_kdb() {
    let machine = Machine::with(&[
        ("SSL_CERT_FILE", "/Users/kdb/certs/server-crt.pem"),
        ("SSL_CA_CERT_FILE", "/Users/kdb/certs/ca.pem"),
        ("SSL_CA_CERT_PATH", "/Users/kdb/certs/"),
        ("SSL_KEY_FILE", "/Users/kdb/certs/server-key.pem"),
        ("SSL_CIPHER_LIST", "ALL"),
        ("SSL_VERIFY_SERVER", "YES"),
    ]);
    let (settings, _) = machine.read(&["kdb+tcp://127.0.0.1:0"]);
    let shown = dictionary(&settings, &machine, "OpenSSL 1.0.2g  1 Mar 2016");
    assert_eq!(
        written(&shown),
        "\
SSLEAY_VERSION   | OpenSSL 1.0.2g  1 Mar 2016
SSL_CERT_FILE    | /Users/kdb/certs/server-crt.pem
SSL_CA_CERT_FILE | /Users/kdb/certs/ca.pem
SSL_CA_CERT_PATH | /Users/kdb/certs/
SSL_KEY_FILE     | /Users/kdb/certs/server-key.pem
SSL_CIPHER_LIST  | ALL
SSL_VERIFY_CLIENT| NO
SSL_VERIFY_SERVER| YES
"
    );
    let bare = Machine::default();
    let shown = dictionary(&bare.settings(), &bare, "OpenSSL");
    let value = |key| {
        shown
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| &value[..])
    };
    assert_eq!(value("SSL_CERT_FILE"), Some("/ssl/server-crt.pem"));
    assert_eq!(value("SSL_CA_CERT_FILE"), Some("/ssl/cacert.pem"));
    assert_eq!(value("SSL_CA_CERT_PATH"), Some("/ssl"));
    assert_eq!(value("SSL_VERIFY_SERVER"), Some("HOSTIP"));
}
