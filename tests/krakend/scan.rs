//! What scanners find where a `krakend.json` names a certificate and its key, and nothing else: KrakenD's documentation
//! prints what sslscan does.

use crate::front::edge;
use crate::support::program::{Said, program, works};
use crate::support::python::installed;
use crate::support::{Daemon, Pki};
use crate::web::Web;
use serde_json::{Value, json};
use std::fs;

/// A front with the certificate of the documentation's example.
struct Scene {
    front: Daemon,
    pki: Pki,
    _web: Web,
}

impl Scene {
    fn new() -> Scene {
        let pki = Pki::new();
        let (cert, key) = (pki.path("cert.pem"), pki.path("key.pem"));
        let mut openssl = program("openssl");
        openssl.args(["req", "-newkey", "rsa:2048", "-new", "-nodes", "-x509"]);
        openssl.args(["-subj", "/CN=localhost", "-days", "365"]);
        works(openssl.args(["-out", &cert, "-keyout", &key]));
        let web = Web::start(&pki);
        let pair = json!({ "public_key": cert, "private_key": key });
        let front = web.behind(edge(&pki, &json!({ "tls": pair }))).start();
        Scene {
            front,
            pki,
            _web: web,
        }
    }
}

/// What sslscan prints in front of the certificate, blank lines aside.
const SSLSCAN: &str = "\
SSL/TLS Protocols:
SSLv2     disabled
SSLv3     disabled
TLSv1.0   disabled
TLSv1.1   disabled
TLSv1.2   disabled
TLSv1.3   enabled
TLS Fallback SCSV:
Server supports TLS Fallback SCSV
TLS renegotiation:
Session renegotiation not supported
TLS Compression:
Compression disabled
Heartbleed:
TLSv1.3 not vulnerable to heartbleed
Supported Server Cipher(s):
Preferred TLSv1.3  128 bits  TLS_AES_128_GCM_SHA256        Curve P-521 DHE 521
Accepted  TLSv1.3  256 bits  TLS_AES_256_GCM_SHA384        Curve P-521 DHE 521
Accepted  TLSv1.3  256 bits  TLS_CHACHA20_POLY1305_SHA256  Curve P-521 DHE 521
Server Key Exchange Group(s):
TLSv1.3  128 bits  secp256r1 (NIST P-256)
TLSv1.3  192 bits  secp384r1 (NIST P-384)
TLSv1.3  260 bits  secp521r1 (NIST P-521)
SSL Certificate:
Signature Algorithm: sha256WithRSAEncryption
RSA Key Strength:    2048
Subject:  localhost
Issuer:   localhost
";

/// What sslscan says in place of it where it was built without zlib. Other scanners look for themselves.
const BLIND: [&str; 2] = [
    "OpenSSL version does not support compression\n",
    "Rebuild with zlib1g-dev package for zlib support\n",
];

#[test]
fn sslscan_finds_what_krakends_documentation_shows() {
    let scene = Scene::new();
    let mut sslscan = program("sslscan");
    sslscan.args(["--no-colour", "--sni-name=localhost"]);
    let said = works(sslscan.arg(scene.front.address().to_string()));
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let found: String = lines
        .skip_while(|line| *line != "SSL/TLS Protocols:")
        .take_while(|line| !line.starts_with("Not valid"))
        .map(|line| format!("{line}\n"))
        .collect();
    let found = found
        .replace(BLIND[0], "Compression disabled\n")
        .replace(BLIND[1], "");
    assert_eq!(found, SSLSCAN, "{said}");
}

/// Its quick tests, and what it says of the weaknesses that the documentation names.
#[test]
fn testssl_finds_the_same() {
    let scene = Scene::new();
    let file = scene.pki.path("testssl.json");
    let mut testssl = program("testssl");
    testssl.args(["--quiet", "--color", "0", "--warnings", "off"]);
    testssl.args(["--nodns", "none", "--jsonfile", &file]);
    testssl.args(["--protocols", "--server-defaults", "--fs"]);
    testssl.args(["--heartbleed", "--renegotiation", "--compression"]);
    testssl.arg(scene.front.address().to_string());
    let said: Said = testssl.output().unwrap().into(); // its status counts what it has to say of the certificate
    let text = fs::read_to_string(file).unwrap_or_else(|_| panic!("{said:?}"));
    let found: Vec<Value> = serde_json::from_str(&text).unwrap();
    // Forward secrecy was called PFS before it was FS.
    for (id, expected) in [
        ("SSLv2", "not offered"),
        ("SSLv3", "not offered"),
        ("TLS1", "not offered"),
        ("TLS1_1", "not offered"),
        ("TLS1_2", "not offered"),
        ("TLS1_3", "offered with final"),
        ("ALPN_HTTP2", "h2"),
        ("ALPN", "http/1.1"),
        ("FS", "offered"),
        ("FS_ECDHE_curves", "prime256v1 secp384r1 secp521r1"),
        ("cert_keySize", "RSA 2048 bits"),
        ("cert_signatureAlgorithm", "SHA256 with RSA"),
        ("cert_commonName", "localhost"),
        ("heartbleed", "not vulnerable"),
        ("secure_client_renego", "not vulnerable"),
        ("CRIME_TLS", "TLS 1.3 only server"),
    ] {
        let named = |finding: &&Value| {
            let name = finding["id"].as_str().unwrap();
            name == id || name.strip_prefix('P') == Some(id)
        };
        let finding = found.iter().find(named).map(|found| &found["finding"]);
        let finding = finding.and_then(Value::as_str).unwrap_or("nothing");
        assert!(finding.starts_with(expected), "{id}: {finding}; {text}");
    }
}

#[test]
fn sslyze_finds_the_same() {
    let Some(python) = installed("sslyze") else {
        println!("skipped: there is no sslyze");
        return;
    };
    let scene = Scene::new();
    let file = scene.pki.path("sslyze.json");
    let mut sslyze = program(python);
    sslyze.args(["-m", "sslyze", "--mozilla_config=disable", "--quiet"]);
    sslyze.args([&format!("--json_out={file}"), "--sni=localhost"]);
    let versions = ["sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3"];
    let others = [
        "fallback",
        "reneg",
        "compression",
        "heartbleed",
        "openssl_ccs",
    ];
    let more = ["elliptic_curves", "early_data"];
    for scan in versions.iter().chain(&others).chain(&more) {
        sslyze.arg(format!("--{scan}"));
    }
    works(sslyze.arg(scene.front.address().to_string()));
    let all: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let scans = &all["server_scan_results"][0]["scan_result"];
    let result = |scan: &str| {
        let scan = &scans[scan];
        assert_eq!(scan["status"], "COMPLETED", "{scan}");
        scan["result"].clone()
    };
    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2"] {
        let result = result(&format!("{version}_cipher_suites"));
        assert_eq!(result["is_tls_version_supported"], false, "{version}");
    }
    let accepted = result("tls_1_3_cipher_suites")["accepted_cipher_suites"].clone();
    let mut suites = Vec::new();
    for accepted in accepted.as_array().unwrap() {
        let group = &accepted["ephemeral_key"]["curve_name"];
        assert_eq!(*group, "secp521r1", "{accepted}");
        suites.push(accepted["cipher_suite"]["name"].as_str().unwrap());
    }
    suites.sort_unstable();
    let all = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(suites, all);
    let groups = result("elliptic_curves")["supported_curves"].clone();
    let names = groups.as_array().unwrap().iter();
    let names: Vec<_> = names.map(|group| group["name"].clone()).collect();
    assert_eq!(names, ["secp256r1", "secp384r1", "secp521r1"]);
    for (scan, fact, expected) in [
        ("tls_fallback_scsv", "supports_fallback_scsv", true),
        (
            "session_renegotiation",
            "is_vulnerable_to_client_renegotiation_dos",
            false,
        ),
        ("tls_compression", "supports_compression", false),
        ("heartbleed", "is_vulnerable_to_heartbleed", false),
        (
            "openssl_ccs_injection",
            "is_vulnerable_to_ccs_injection",
            false,
        ),
        ("tls_1_3_early_data", "supports_early_data", false),
    ] {
        assert_eq!(result(scan)[fact], expected, "{fact}");
    }
}
