mod endpoints;
mod trust;

use crate::settings::{Builder, Level, Note, Origin, Settings, check_client, check_policy};

/// What is said of some flags: errors, then warnings after `! `, then information after `. `.
fn said(flags: &[&str]) -> Vec<String> {
    let mut builder = Builder::new(Settings::default());
    for flag in flags {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        let origin = Origin::Flag(format!("--{name}").into());
        builder.set(name, value, origin);
    }
    match builder.finish() {
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        Ok((_, notes)) => notes
            .iter()
            .map(|note| match note.level {
                Level::Warn => format!("! {note}"),
                Level::Info => format!(". {note}"),
            })
            .collect(),
    }
}

const WHOLE: [&str; 3] = [
    "server.endpoint=ssl://127.0.0.1:0",
    "ssl.keyfile=server.pem",
    "backend=service://echo",
];

fn said_beside_the_rest(flags: &[&str]) -> Vec<String> {
    said(&[&WHOLE, flags].concat())
}

#[test]
fn whole_settings_need_no_remark() {
    assert_eq!(said(&WHOLE), [""; 0]);
}

#[test]
fn what_is_missing_is_said_at_once_and_in_the_words_of_arangodb() {
    assert_eq!(
        said(&[]),
        [
            "no endpoints have been specified, giving up, please use the '--server.endpoint' option",
            "no backend has been specified, please use the '--backend' option",
        ]
    );
    let keyless = ["server.endpoint=ssl://127.0.0.1", "backend=service://echo"];
    assert_eq!(said(&keyless), ["no value specified for '--ssl.keyfile'"]);
}

#[test]
fn a_keyfile_is_not_asked_for_without_a_tls_endpoint() {
    let plain = ["server.endpoint=tcp://127.0.0.1", "backend=service://echo"];
    assert_eq!(said(&plain), [""; 0]);
}

#[test]
fn what_could_not_be_read_is_not_called_missing_too() {
    let unreadable = ["server.endpoint=ssl://127.0.0.1:x", "backend=nowhere"];
    assert_eq!(
        said(&unreadable),
        [
            "--server.endpoint: invalid endpoint 'ssl://127.0.0.1:x': port 'x' is not a number",
            "--backend: invalid backend 'nowhere': it is none of tcp://HOST:PORT, tls://HOST:PORT, \
             postgres+tls://HOST:PORT, mysql+tls://HOST:PORT, unix:///PATH, service://echo, \
             service://status",
        ]
    );
}

#[test]
fn a_plain_endpoint_beside_a_keyfile_names_the_slip_of_the_manual() {
    assert_eq!(
        said_beside_the_rest(&["server.endpoint=tcp://127.0.0.1:8529"]),
        [
            "! --server.endpoint: 'http+tcp://127.0.0.1:8529' is plain although 'ssl.keyfile' is set: 'tcp://' never \
             speaks TLS, 'ssl://' does (the SSL page of ArangoDB's manual shows 'tcp://' by mistake)"
        ]
    );
}

#[test]
fn a_plain_unix_socket_beside_a_keyfile_is_no_slip() {
    assert_eq!(
        said_beside_the_rest(&["server.endpoint=unix:///run/a.sock"]),
        [""; 0]
    );
    let alone = [
        "server.endpoint=unix:///run/a.sock",
        "ssl.keyfile=a.pem",
        "backend=service://echo",
    ];
    assert_eq!(
        said(&alone),
        [". --ssl.keyfile: has no effect as no endpoint speaks TLS"]
    );
    let local = [alone[0], alone[2], "tcp.congestion=reno"];
    assert_eq!(
        said(&local),
        [". --tcp.congestion: has no effect as no socket is of TCP"]
    );
}

#[test]
fn a_service_needs_not_be_told_of_clients() {
    let told = "backend.proxy-protocol=v2";
    let (endpoint, served) = ("server.endpoint=tcp://h", "backend=service://echo");
    assert_eq!(said(&[endpoint, "backend=tcp://b:1", told]), [""; 0]);
    assert_eq!(
        said(&[endpoint, served, told]),
        [". --backend.proxy-protocol: has no effect as a service in this process answers"]
    );
}

#[test]
fn an_endpoint_for_both_lets_plain_clients_past_a_demand_for_certificates() {
    let both = "server.endpoint=tcp+ssl://127.0.0.1:8530";
    assert_eq!(said_beside_the_rest(&[both]), [""; 0]);
    assert_eq!(
        said_beside_the_rest(&[both, "ssl.cafile=ca.pem", "ssl.cafile-mode=require"]),
        [
            "! --server.endpoint: 'http+tcp+ssl://127.0.0.1:8530' lets in plain clients without the certificate that \
             TLS clients need"
        ]
    );
    let keyless = [both, "backend=service://echo"];
    assert_eq!(said(&keyless), ["no value specified for '--ssl.keyfile'"]);
}

#[test]
fn a_socket_path_has_to_fit_the_system() {
    let (long, fits) = ("x".repeat(107), "x".repeat(106));
    assert_eq!(
        said_beside_the_rest(&[&format!("server.endpoint=unix:///{fits}")]),
        [""; 0]
    );
    assert_eq!(
        said_beside_the_rest(&[&format!("server.endpoint=unix:///{long}")]),
        [format!(
            "--server.endpoint: '/{long}' has 108 bytes, and the path of a unix socket 107 at most"
        )]
    );
}

#[test]
fn a_backend_that_is_this_server_is_refused() {
    for (endpoint, backend, refused) in [
        ("tcp://127.0.0.1:99", "tcp://127.0.0.1:99", true),
        ("ssl://0.0.0.0:99", "tcp://localhost:99", true),
        ("ssl://[::]:99", "tcp://127.0.0.1:99", true),
        ("unix:///run/a", "unix:///run/a", true),
        ("tcp://127.0.0.1:99", "tcp://127.0.0.1:98", false),
        ("tcp://10.0.0.1:99", "tcp://127.0.0.1:99", false),
        ("tcp://0.0.0.0:99", "tcp://10.0.0.1:99", false),
        ("unix:///run/a", "unix:///run/b", false),
    ] {
        let endpoint = format!("server.endpoint={endpoint}");
        let backend = format!("backend={backend}");
        let said = said(&[&endpoint, "ssl.keyfile=a.pem", &backend]);
        let refusal = said
            .iter()
            .any(|text| text.contains("this server's own endpoint"));
        assert_eq!(refusal, refused, "{endpoint} {backend}: {said:?}");
    }
}

#[test]
fn a_range_of_versions_has_to_hold_one() {
    for (flags, expected) in [
        (
            vec!["ssl.min-protocol=TLSv1.3", "ssl.max-protocol=TLSv1.2"],
            "--ssl.min-protocol: 'TLSv1.3' is above the 'TLSv1.2' of 'ssl.max-protocol' (--ssl.max-protocol)",
        ),
        (
            vec!["ssl.protocol=5", "ssl.min-protocol=TLSv1.3"],
            "--ssl.min-protocol: 'TLSv1.3' is above the 'TLSv1.2' of 'ssl.protocol' (--ssl.protocol)",
        ),
        (
            vec!["ssl.protocol=6", "ssl.max-protocol=TLSv1.2"],
            "--ssl.protocol: 'TLSv1.3' is above the 'TLSv1.2' of 'ssl.max-protocol' (--ssl.max-protocol)",
        ),
    ] {
        assert_eq!(said_beside_the_rest(&flags), [expected]);
    }
    for flags in [
        vec!["ssl.min-protocol=TLSv1.2", "ssl.max-protocol=TLSv1.2"],
        vec!["ssl.protocol=9", "ssl.max-protocol=TLSv1.2"],
        vec!["ssl.min-protocol=TLSv1.3"],
    ] {
        assert_eq!(said_beside_the_rest(&flags), [""; 0]);
    }
}

#[test]
fn client_certificates_are_neither_demanded_without_a_ca_nor_half_demanded() {
    for (flags, expected) in [
        (
            vec![
                "ssl.verify-client=none",
                "ssl.require-peer-certificate=true",
                "ssl.cafile=ca.pem",
            ],
            "--ssl.verify-client: 'none' contradicts 'ssl.require-peer-certificate' \
             (--ssl.require-peer-certificate)",
        ),
        (
            vec!["ssl.verify-client=request"],
            "--ssl.verify-client: no certificate can be verified without the CAs of 'ssl.cafile'",
        ),
        (
            vec!["ssl.require-peer-certificate=true"],
            "--ssl.require-peer-certificate: no certificate can be verified without the CAs of 'ssl.cafile'",
        ),
        (
            vec!["ssl.crl-file=crl.pem"],
            "--ssl.crl-file: revokes nothing, as clients are not asked for certificates",
        ),
        (
            vec![
                "ssl.crl-dir=crls",
                "ssl.cafile=ca.pem",
                "ssl.cafile-mode=original",
            ],
            "--ssl.crl-dir: revokes nothing, as clients are not asked for certificates",
        ),
    ] {
        assert_eq!(said_beside_the_rest(&flags), [expected]);
    }
}

#[test]
fn libssl_may_be_told_of_cas_by_other_ways() {
    for flag in ["ssl.conf=VerifyCAFile=ca.pem", "ssl.config-section=mine"] {
        assert_eq!(
            said_beside_the_rest(&["ssl.verify-client=require", flag]),
            [""; 0]
        );
    }
}

#[test]
fn what_a_ca_file_means_for_clients_is_said() {
    assert_eq!(
        said_beside_the_rest(&["ssl.cafile=ca.pem"]),
        [
            ". --ssl.cafile: only clients with a certificate of these CAs are served, as ArangoDB's manual says; its \
             community server asks nobody, as 'ssl.cafile-mode=original' does"
        ]
    );
    assert_eq!(
        said_beside_the_rest(&["ssl.cafile=ca.pem", "ssl.cafile-mode=original"]),
        [
            "! --ssl.cafile-mode: clients are not asked for certificates, although 'ssl.cafile' is set \
             (--ssl.cafile)"
        ]
    );
    assert_eq!(
        said_beside_the_rest(&["ssl.cafile=ca.pem", "ssl.verify-client=none"]),
        [
            "! --ssl.verify-client: clients are not asked for certificates, although 'ssl.cafile' is set \
             (--ssl.cafile)"
        ]
    );
    for quiet in [
        vec!["ssl.cafile=ca.pem", "ssl.cafile-mode=require"],
        vec!["ssl.cafile=ca.pem", "ssl.require-peer-certificate"],
        vec!["ssl.cafile=ca.pem", "ssl.verify-client=request"],
        vec!["ssl.cafile=ca.pem", "ssl.cafile-mode=request"],
    ] {
        assert_eq!(said_beside_the_rest(&quiet), [""; 0]);
    }
}

#[test]
fn revocation_lists_may_be_for_server_names_alone() {
    let name =
        "ssl.server-name-indication=a.example=a.pem,ssl.cafile=ca.pem,ssl.cafile-mode=request";
    assert_eq!(
        said_beside_the_rest(&["ssl.crl-file=crl.pem", name]),
        [""; 0]
    );
}

#[test]
fn clients_that_may_do_without_tls_need_no_certificate() {
    let required = ["ssl.cafile=ca.pem", "ssl.cafile-mode=require"];
    let on = |endpoint, more: &[&'static str]| {
        said(&[&[endpoint], &WHOLE[1..], &required, more].concat())
    };
    for endpoint in [
        "server.endpoint=tcp+ssl://h",
        "server.endpoint=postgres://h",
    ] {
        let said = on(endpoint, &[]);
        assert!(
            said[0].contains("lets in plain clients without the certificate"),
            "{said:?}"
        );
    }
    let rules = ["postgresql.hba-file=pg_hba.conf"];
    assert_eq!(on("server.endpoint=postgres://h", &rules), [""; 0]);
}

#[test]
fn what_is_weak_is_warned_of() {
    for flags in [
        ["ssl.protocol=4"],
        ["ssl.protocol=3"],
        ["ssl.min-protocol=TLSv1.1"],
        ["ssl.max-protocol=TLSv1"],
        ["ssl.security-level=0"],
        ["ssl.security-level=1"],
        ["ssl.cipher-list=ALL:@SECLEVEL=0"],
        ["ssl.unknown-server-name=refuse"],
        ["timeout.handshake=0"],
    ] {
        let said = said_beside_the_rest(&flags);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("! --"), "{said:?}");
    }
}

#[test]
fn where_nobody_is_served_tls_nothing_about_it_is_weak() {
    let plain = [
        "server.endpoint=tcp://127.0.0.1:0",
        "backend=service://echo",
    ];
    let weak = [
        "ssl.min-protocol=TLSv1",
        "ssl.cipher-list=ALL:@SECLEVEL=0",
        "ssl.cafile=ca.pem",
        "kdb-accept-expired",
    ];
    let idle = ". --kdb-accept-expired: has no effect as neither clients nor backends are verified";
    assert_eq!(said(&[&plain[..], &weak].concat()), [idle]);
    let impossible = ["ssl.min-protocol=TLSv1.3", "ssl.max-protocol=TLSv1.2"];
    assert_eq!(said(&[&plain[..], &impossible].concat()).len(), 1);
}

#[test]
fn what_has_no_effect_is_said_to_have_none() {
    for flags in [
        vec!["ssl.cafile-mode=original"],
        vec!["ssl.session-cache-size=10"],
        vec![
            "ssl.session-tickets=false",
            "ssl.session-cache=true",
            "ssl.ticket-keys=keys",
        ],
        vec!["ssl.session-tickets=false", "ssl.num-tickets=1"],
        vec!["ssl.session-tickets=false", "ssl.session-timeout=60"],
        vec!["ssl.prefer-http1-in-alpn=true"],
        vec!["ssl.options-era=1.0", "ssl.options=NO_TICKET"],
        vec!["ssl.security-level=2", "ssl.cipher-list=ALL:@SECLEVEL=2"],
        vec![
            "ssl.protocol=9",
            "ssl.min-protocol=TLSv1.2",
            "ssl.max-protocol=TLSv1.3",
        ],
        vec!["limit.connections=10", "limit.per-address=20"],
        vec!["limit.connections=10", "limit.handshakes=20"],
        vec!["ssl.no-server-name=refuse"],
        vec!["postgresql.hba-file=pg_hba.conf"],
    ] {
        let said = said_beside_the_rest(&flags);
        assert_eq!(said.len(), 1, "{flags:?}: {said:?}");
        assert!(
            said[0].starts_with(". --") && said[0].contains("has no effect"),
            "{said:?}"
        );
    }
}

#[test]
fn no_ticket_is_said_to_mean_no_resumption() {
    assert_eq!(
        said_beside_the_rest(&["ssl.num-tickets=0"]),
        [". --ssl.num-tickets: without a ticket, no session of TLS 1.3 is resumed"]
    );
    assert_eq!(said_beside_the_rest(&["ssl.num-tickets=1"]), [""; 0]);
}

#[test]
fn the_options_of_one_server_name_are_checked_for_that_name() {
    for (value, expected) in [
        (
            "a.example=a.pem,ssl.verify-client=require",
            "--ssl.server-name-indication: for 'a.example': 'ssl.verify-client': no certificate can be verified \
             without the CAs of 'ssl.cafile'",
        ),
        (
            "a.example=a.pem,ssl.crl-file=crl.pem",
            "--ssl.server-name-indication: for 'a.example': 'ssl.crl-file': revokes nothing, as clients are not \
             asked for certificates",
        ),
        (
            "a.example=a.pem,ssl.cafile=ca.pem,ssl.cafile-mode=original",
            "! --ssl.server-name-indication: for 'a.example': 'ssl.cafile-mode': clients are not asked for \
             certificates, although 'ssl.cafile' is set (--ssl.server-name-indication)",
        ),
    ] {
        let flag = format!("ssl.server-name-indication={value}");
        assert_eq!(said_beside_the_rest(&[&flag]), [expected]);
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let wrong = [
        "server.endpoint=ssl://127.0.0.1",
        "ssl.protocol=7",
        "ssl.cafile-mode=maybe",
        "ssl.min-protocol=TLSv1.3",
        "ssl.max-protocol=TLSv1.1",
        "ssl.crl-file=crl.pem",
        "ssl.kefyile=a.pem",
        "threads=many",
    ];
    let said = said(&wrong);
    assert_eq!(said.len(), 8, "{said:#?}");
}

fn counts((problems, notes): (Vec<crate::error::Error>, Vec<Note>)) -> (usize, usize) {
    (problems.len(), notes.len())
}

#[test]
fn a_policy_alone_needs_neither_endpoint_nor_backend() {
    let mut settings = Settings::default();
    settings.set("ssl.keyfile", "server.pem").unwrap();
    assert_eq!(counts(check_policy(&settings)), (0, 0));
    settings.set("ssl.verify-client", "require").unwrap();
    settings
        .set(
            "ssl.server-name-indication",
            "a.example=a.pem,ssl.crl-file=a.crl",
        )
        .unwrap();
    assert_eq!(counts(check_policy(&settings)), (1, 0));
}

#[test]
fn a_clients_policy_is_not_judged_as_a_servers() {
    let mut settings = Settings::default();
    settings.set("ssl.verify-client", "require").unwrap();
    settings.set("ssl.crl-file", "list.pem").unwrap();
    settings.set("ssl.session-cache-size", "5").unwrap();
    assert_eq!(counts(check_client(&settings)), (0, 0));
    settings.set("ssl.min-protocol", "TLSv1.3").unwrap();
    settings.set("ssl.max-protocol", "TLSv1.1").unwrap();
    assert_eq!(counts(check_client(&settings)), (1, 1));
}

const POSTGRESQL: [&str; 3] = [
    "server.endpoint=ssl://127.0.0.1:0",
    "ssl.keyfile=server.pem",
    "backend=postgres+tls://db",
];

/// What is said of TLS to a PostgreSQL server.
fn said_of_postgresql(flags: &[&str]) -> Vec<String> {
    said(&[&POSTGRESQL, flags].concat())
}

#[test]
fn tls_to_the_backend_is_verified_without_a_remark() {
    assert_eq!(said_of_postgresql(&[]), [""; 0]);
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=verify-ca", "backend.cafile=ca.pem"]),
        [""; 0]
    );
    let direct = [
        "backend.sslnegotiation=direct",
        "backend.sslmode=verify-full",
    ];
    assert_eq!(said_of_postgresql(&direct), [""; 0]);
}

#[test]
fn what_weakens_tls_to_the_backend_says_so() {
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=require"]),
        [
            "! --backend.sslmode: 'require' looks at no certificate: whoever sits in between reads everything"
        ]
    );
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=require", "backend.cafile=ca.pem"]),
        [
            ". --backend.cafile: the backend's certificate has to be of these CAs although 'backend.sslmode' is not \
             verify-ca, as libpq has it"
        ]
    );
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=prefer"]),
        [
            "! --backend.sslmode: 'prefer' goes on without TLS where the backend has none, and whoever sits in between \
             can say so"
        ]
    );
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=disable", "backend.cafile=ca.pem"]),
        [
            "! --backend.sslmode: 'disable' speaks no TLS with the backend: whoever sits in between reads everything",
            ". --backend.cafile: has no effect as 'backend.sslmode' is 'disable'",
        ]
    );
    let old = [
        "backend.min-protocol=TLSv1.1",
        "backend.cipher-list=ALL:@SECLEVEL=0",
    ];
    assert_eq!(
        said_of_postgresql(&old),
        [
            "! --backend.min-protocol: 'TLSv1.1' is a version that is broken",
            "! --backend.cipher-list: '@SECLEVEL=' lets in keys and ciphers that can be broken",
        ]
    );
}

#[test]
fn what_cannot_be_meant_of_tls_to_the_backend_is_told_at_once() {
    assert_eq!(
        said_of_postgresql(&[
            "backend.sslmode=prefer",
            "backend.sslnegotiation=direct",
            "backend.crl-file=crl.pem",
            "backend.certfile=me.pem",
            "backend.min-protocol=TLSv1.3",
            "backend.max-protocol=TLSv1.2",
        ]),
        [
            "--backend.sslnegotiation: 'direct' is TLS in any case, which needs require, verify-ca or verify-full for \
             'backend.sslmode' (--backend.sslmode)",
            "--backend.crl-file: revokes nothing, as the backend's certificate is not looked at",
            "--backend.certfile: its private key is missing: 'backend.keyfile' names it",
            "--backend.max-protocol: 'TLSv1.2' is below the 'TLSv1.3' of 'backend.min-protocol' \
             (--backend.min-protocol)",
        ]
    );
    assert_eq!(
        said_of_postgresql(&["backend.sslmode=verify-ca"]),
        [
            "--backend.sslmode: 'verify-ca' needs CAs of one's own in 'backend.cafile': those of the system give \
             everybody a certificate, for some name (verify-full looks at the name)"
        ]
    );
    let [endpoint, keyfile, _] = POSTGRESQL;
    for mode in ["backend.sslmode=disable", "backend.sslmode=prefer"] {
        assert_eq!(
            said(&[endpoint, keyfile, "backend=tls://app:443", mode]),
            [
                "--backend.sslmode: it is for postgres+tls:// and mysql+tls://: a tls:// backend is not asked whether it has TLS"
            ]
        );
    }
}

#[test]
fn those_of_one_file_are_named_in_one_line() {
    let mut builder = Builder::new(Settings::default());
    let path = std::sync::Arc::from(std::path::Path::new("a.conf"));
    for (line, option) in ["cafile=a.pem", "cafile=b.pem", "groups=P-256", "alpn=h2"]
        .iter()
        .enumerate()
    {
        let (name, value) = option.split_once('=').expect("a value");
        let path = std::sync::Arc::clone(&path);
        builder.set(
            &format!("backend.{name}"),
            value,
            Origin::File { path, line },
        );
    }
    for flag in WHOLE {
        let (name, value) = flag.split_once('=').expect("a value");
        builder.set(name, value, Origin::Flag(format!("--{name}").into()));
    }
    let (_, notes) = builder.finish().expect("nothing is wrong");
    let notes: Vec<&str> = notes.iter().map(|note| &note.text[..]).collect();
    assert_eq!(
        notes,
        [
            "a.conf:0: 'backend.cafile': has no effect as the backend is none of tls://, postgres+tls://, mysql+tls://; nor have \
             backend.groups, backend.alpn"
        ]
    );
}

#[test]
fn keys_alone_need_a_certificate_each() {
    let named = |certificates: &[&str], keys: &[&str]| {
        let certificates = certificates
            .iter()
            .map(|file| format!("ssl.certfile={file}"));
        let keys = keys.iter().map(|file| format!("ssl.keyfile={file}"));
        let flags: Vec<String> = certificates.chain(keys).collect();
        let [endpoint, _, backend] = WHOLE;
        let mut all = vec![endpoint, backend];
        all.extend(flags.iter().map(String::as_str));
        said(&all)
    };
    assert_eq!(named(&["a.crt", "b.crt"], &["a.key", "b.key"]), [""; 0]);
    assert_eq!(named(&["a.crt", "b.crt"], &["k", "k"]), [""; 0]);
    assert_eq!(
        named(&["a.crt", "b.crt"], &["k"]),
        [
            "--ssl.certfile: 2 of it and 1 of 'ssl.keyfile': each key needs its certificate, in the same order"
        ]
    );
    assert_eq!(
        named(&["a.crt", "b.crt", "a.crt"], &["k", "k", "k"]),
        ["--ssl.certfile: 'a.crt' is given twice with the same key"]
    );
    let name = [
        "ssl.server-name-indication=a.b=a.key,ssl.certfile=a.crt",
        "ssl.server-name-indication=a.b=b.key",
    ];
    assert_eq!(
        said_beside_the_rest(&name),
        [
            "--ssl.server-name-indication: for 'a.b': 'ssl.certfile': 1 of it and 2 of 'ssl.keyfile': each key needs its \
             certificate, in the same order"
        ]
    );
}

#[test]
fn options_of_tls_to_the_backend_that_do_nothing_are_named() {
    assert_eq!(
        said_beside_the_rest(&["backend.sslmode=require", "backend.keyfile=me.pem"]),
        [
            ". --backend.sslmode: has no effect as the backend is none of tls://, postgres+tls://, mysql+tls://",
            ". --backend.keyfile: has no effect as the backend is none of tls://, postgres+tls://, mysql+tls://",
        ]
    );
    assert_eq!(
        said_of_postgresql(&["backend.alpn=h2"]),
        [". --backend.alpn: has no effect as PostgreSQL's protocol has one name: 'postgresql'"]
    );
    let clear = [
        "server.endpoint=tcp://127.0.0.1:0",
        "backend=tls://app:443",
        "backend.sslnegotiation=direct",
        "backend.mirror-version",
    ];
    assert_eq!(
        said(&clear),
        [
            ". --backend.mirror-version: has no effect as no endpoint speaks TLS",
            ". --backend.sslnegotiation: has no effect as the backend is not postgres+tls://",
        ]
    );
    assert_eq!(
        said_of_postgresql(&[
            "backend.mirror-version",
            "backend.min-protocol=TLSv1.3",
            "backend.max-protocol=TLSv1.3",
        ]),
        [
            "! --backend.mirror-version: clients that speak another version than that of 'backend.min-protocol' and \
             'backend.max-protocol' are not served"
        ]
    );
}

#[test]
fn a_backend_with_tls_that_is_this_server_is_refused() {
    assert_eq!(
        said(&[
            "server.endpoint=ssl://127.0.0.1:8530",
            "ssl.keyfile=server.pem",
            "backend=tls://localhost:8530",
        ]),
        [
            "--backend: 'localhost:8530' is this server's own endpoint 'http+ssl://127.0.0.1:8530' \
             (--server.endpoint)"
        ]
    );
}
