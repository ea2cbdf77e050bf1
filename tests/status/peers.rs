//! The page as programs see it: curl, and requests by hand.

use crate::Site;
use crate::support::Launch;
use serde_json::Value;
use std::process::Command;

/// Runs curl, which trusts the daemon's CA and nothing else.
fn curl(site: &Site, arguments: &[&str]) -> String {
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
        .arg(site.pki.ca())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "curl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(site: &Site, arguments: &[&str]) -> Value {
    let url = site.url("/json");
    let told = curl(site, &[arguments, &[url.as_str()]].concat());
    serde_json::from_str(&told).unwrap()
}

#[test]
fn curl_is_told_its_own_connection_the_policy_and_the_counters() {
    let site = Site::with(|launch, _| launch.set("ssl.alpn", "http/1.1"));
    let told = status(&site, &[]);
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
        serde_json::json!(["localhost", "127.0.0.1", "::1"])
    );
    assert_eq!(identity["key"], "EC prime256v1");
    assert_eq!(identity["not_after"], "Dec 31 23:59:59 2049 GMT");
    assert!(identity["days_left"].as_i64().unwrap() > 0, "{identity}");
    assert_eq!(told["counters"]["handshakes_full"], 1);
    assert_eq!(told["counters"]["open"], 1);
}

#[test]
fn a_client_certificate_is_told_with_its_verification() {
    let site = Site::with(|launch, pki| launch.set("ssl.cafile", pki.ca()));
    let told = status(&site, &["--cert", &site.pki.client()]);
    let shown = &told["connection"]["tls"]["client_certificate"];
    assert_eq!(shown["verified"], "ok");
    assert!(
        shown["subject"].as_str().unwrap().contains("CN=client"),
        "{shown}"
    );
    assert!(
        shown["issuer"]
            .as_str()
            .unwrap()
            .contains("CN=CA of the tests"),
        "{shown}"
    );
    assert_eq!(told["policy"]["verify_client"], "require");
}

#[test]
fn a_resumed_session_is_told() {
    for protocol in ["5", "9"] {
        // curl takes no tickets before TLS 1.3.
        let site = Site::with(|launch, _| {
            launch
                .set("ssl.protocol", protocol)
                .set("ssl.session-cache", "true")
        });
        let url = site.url("/json");
        let twice = curl(&site, &["--header", "Connection: close", &url, &url]);
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
    let site = Site::with(|launch, _| launch.set("ssl.alpn", "h2,http/1.1"));
    let told = status(&site, &["--http2"]);
    assert_eq!(told["connection"]["tls"]["alpn"], "http/1.1");
}

#[test]
fn html_json_and_health_are_where_they_are_asked_for() {
    let site = Site::new();
    assert!(curl(&site, &[&site.url("/")]).starts_with("<!doctype html>"));
    let json = curl(
        &site,
        &["--header", "Accept: application/json", &site.url("/")],
    );
    assert!(json.starts_with('{'));
    assert_eq!(curl(&site, &["--http1.0", &site.url("/healthz")]), "ok\n");
    let head = curl(&site, &["--head", &site.url("/")]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let post = [
        "--data",
        "x=1",
        "--write-out",
        "%{http_code}",
        &site.url("/"),
    ];
    assert!(curl(&site, &post).ends_with("405"));
}

#[test]
fn a_plain_endpoint_tells_that_it_is_plain() {
    let site = Site::new();
    let told = curl(&site, &[&site.plain_url("/json")]);
    let told: Value = serde_json::from_str(&told).unwrap();
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
    let site = Site::new();
    let before = status(&site, &[]);
    site.daemon.reload();
    let after = status(&site, &[]);
    let since = |told: &Value| told["policy"]["since"].as_str().unwrap().to_owned();
    assert!(since(&after) >= since(&before), "{after}");
    assert_eq!(after["server"]["started"], before["server"]["started"]);
    let accepted = |told: &Value| told["counters"]["accepted"].as_u64().unwrap();
    assert_eq!(accepted(&after), accepted(&before) + 1);
    assert_eq!(curl(&site, &[&site.plain_url("/healthz")]), "ok\n");
}

#[test]
fn a_server_without_tls_has_no_policy_to_tell_before_or_after_a_reload() {
    let daemon = Launch::new()
        .endpoint("tcp://127.0.0.1:0")
        .set("backend", "service://status")
        .start();
    let url = format!("http://{}/json", daemon.address());
    for _ in 0..2 {
        let told = Command::new("curl")
            .args(["--silent", "--max-time", "20", "--noproxy", "*", &url])
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        assert_eq!(told["policy"], Value::Null);
        daemon.reload();
    }
}
