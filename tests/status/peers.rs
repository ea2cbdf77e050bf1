//! The page as programs see it: curl, and requests by hand.

use crate::daemon::Daemon;
use serde_json::Value;
use std::process::Command;

/// Runs curl, which trusts the daemon's CA and nothing else.
fn curl(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--noproxy",
            "*",
        ])
        .arg("--cacert")
        .arg(daemon.pki("ca.pem"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "curl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(daemon: &Daemon, arguments: &[&str]) -> Value {
    let url = daemon.url("/json");
    let told = curl(daemon, &[arguments, &[url.as_str()]].concat());
    serde_json::from_str(&told).unwrap()
}

#[test]
fn curl_is_told_its_own_connection_the_policy_and_the_counters() {
    let daemon = Daemon::start(&["--ssl.protocol", "5", "--ssl.alpn", "http/1.1"]);
    let told = status(&daemon, &[]);
    let tls = &told["connection"]["tls"];
    assert_eq!(tls["protocol"], "TLSv1.2");
    assert_eq!(tls["server_name"], "localhost");
    assert_eq!(tls["alpn"], "http/1.1");
    assert_eq!(tls["client_certificate"], Value::Null);
    let policy = &told["policy"];
    assert_eq!(
        (&policy["min_protocol"], &policy["max_protocol"]),
        (&"TLSv1.2".into(), &"TLSv1.2".into())
    );
    let suites = policy["ciphers"].as_array().unwrap();
    assert!(
        suites.iter().any(|suite| suite["name"] == tls["cipher"]),
        "{policy}"
    );
    let identity = &policy["identities"][0];
    assert_eq!(
        identity["names"],
        serde_json::json!(["localhost", "127.0.0.1"])
    );
    assert!(
        (360..=365).contains(&identity["days_left"].as_i64().unwrap()),
        "{identity}"
    );
    assert_eq!(told["counters"]["handshakes_full"], 1);
    assert_eq!(told["counters"]["open"], 1);
}

#[test]
fn a_client_certificate_is_told_with_its_verification() {
    let daemon = Daemon::start(&["--ssl.cafile", "PKI/ca.pem", "--ssl.protocol", "9"]);
    let certificate = daemon.pki("client.pem");
    let told = status(&daemon, &["--cert", certificate.to_str().unwrap()]);
    let shown = &told["connection"]["tls"]["client_certificate"];
    assert_eq!(shown["verified"], "ok");
    assert!(
        shown["subject"].as_str().unwrap().contains("CN=client"),
        "{shown}"
    );
    assert!(
        shown["issuer"].as_str().unwrap().contains("tlsport CA"),
        "{shown}"
    );
    assert_eq!(told["policy"]["verify_client"], "require");
}

#[test]
fn a_resumed_session_is_told() {
    for protocol in ["5", "9"] {
        // curl takes no tickets before TLS 1.3.
        let daemon = Daemon::start(&["--ssl.protocol", protocol, "--ssl.session-cache", "true"]);
        let url = daemon.url("/json");
        let twice = curl(&daemon, &["--header", "Connection: close", &url, &url]);
        let told: Vec<Value> = serde_json::Deserializer::from_str(&twice)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        let resumed = |told: &Value| told["connection"]["tls"]["resumed"].clone();
        assert_eq!(
            (resumed(&told[0]), resumed(&told[1])),
            (false.into(), true.into()),
            "{protocol}"
        );
        assert_eq!(told[1]["counters"]["handshakes_resumed"], 1, "{protocol}");
    }
}

#[test]
fn curl_comes_back_with_http_1_where_http_2_is_offered() {
    let daemon = Daemon::start(&["--ssl.alpn", "h2,http/1.1"]);
    let told = status(&daemon, &["--http2"]);
    assert_eq!(told["connection"]["tls"]["alpn"], "http/1.1");
}

#[test]
fn html_json_and_health_are_where_they_are_asked_for() {
    let daemon = Daemon::start(&[]);
    assert!(curl(&daemon, &[&daemon.url("/")]).starts_with("<!doctype html>"));
    let json = curl(
        &daemon,
        &["--header", "Accept: application/json", &daemon.url("/")],
    );
    assert!(json.starts_with('{'));
    assert_eq!(
        curl(&daemon, &["--http1.0", &daemon.url("/healthz")]),
        "ok\n"
    );
    let head = curl(&daemon, &["--head", &daemon.url("/")]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let post = [
        "--data",
        "x=1",
        "--write-out",
        "%{http_code}",
        &daemon.url("/"),
    ];
    assert!(curl(&daemon, &post).ends_with("405"));
}

#[test]
fn a_plain_endpoint_tells_that_it_is_plain() {
    let daemon = Daemon::start(&[]);
    let url = format!("http://127.0.0.1:{}/json", daemon.plain);
    let told: Value = serde_json::from_str(&curl(&daemon, &[&url])).unwrap();
    assert_eq!(told["connection"]["tls"], Value::Null);
    assert!(
        told["connection"]["endpoint"]
            .as_str()
            .unwrap()
            .starts_with("http+tcp://")
    );
}

#[test]
fn a_reload_is_told_and_keeps_every_endpoint() {
    let daemon = Daemon::start(&[]);
    let before = status(&daemon, &[]);
    daemon.signal("HUP");
    daemon.wait_for("reloaded");
    let after = status(&daemon, &[]);
    let since = |told: &Value| told["policy"]["since"].as_str().unwrap().to_owned();
    assert!(since(&after) >= since(&before), "{after}");
    assert_eq!(after["server"]["started"], before["server"]["started"]);
    let accepted = |told: &Value| told["counters"]["accepted"].as_u64().unwrap();
    assert_eq!(accepted(&after), accepted(&before) + 1);
    let plain = format!("http://127.0.0.1:{}/healthz", daemon.plain);
    assert_eq!(curl(&daemon, &[&plain]), "ok\n");
}
