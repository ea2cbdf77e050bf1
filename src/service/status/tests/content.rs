//! What the page and the JSON tell.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::*;
use crate::service::status::view::Server;

const DOCUMENT: &str = include_str!("../../../../docs/STATUS.md");

/// Everything at a fixed moment.
fn with_view<T>(facts: Option<Facts>, look: impl FnOnce(&View<'_>) -> T) -> T {
    let started = UNIX_EPOCH + Duration::from_secs(1_782_000_000);
    let policy = Policy {
        own: String::new(),
        report: report(),
        since: started,
    };
    let visitor = Visitor {
        endpoint: "http+ssl://[::]:8530".into(),
        peer: "[2001:db8::7]:51234".into(),
        facts,
    };
    let uptime = Duration::from_secs(86_400 * 2 + 3600);
    look(&View {
        visitor: &visitor,
        policy: Some(&policy),
        now: started + uptime,
        server: Server {
            started,
            uptime,
            workers: 2,
        },
        totals: totals(),
    })
}

fn sample_json() -> String {
    with_view(Some(facts()), json::render)
}

#[test]
fn the_json_is_the_example_of_its_documentation() {
    let start = DOCUMENT.find("```json\n").expect("an example") + "```json\n".len();
    let example = &DOCUMENT[start..];
    let example = &example[..example.find("```").expect("the example ends")];
    assert_eq!(sample_json(), example, "docs/STATUS.md shows other JSON");
}

/// `a.b` for every value, `a[].b` inside lists.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                keys(value, &format!("{path}{dot}{key}"), found);
            }
        }
        Value::Array(items) => {
            found.insert(path.to_owned());
            for item in items.iter().filter(|item| item.is_object()) {
                keys(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_there() {
    let mut told = BTreeSet::new();
    let status: Value = serde_json::from_str(&sample_json()).expect("JSON");
    keys(&status, "", &mut told);
    let documented: BTreeSet<String> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(key, _)| key.to_owned())
        .filter(|key| !key.starts_with('/'))
        .collect();
    // Lists of objects and objects that may be null have a row of their own.
    let rows: BTreeSet<String> = [
        "connection.tls",
        "connection.tls.client_certificate",
        "policy",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(
        told.union(&rows).cloned().collect::<BTreeSet<_>>(),
        documented
    );
}

#[test]
fn the_page_is_where_it_is_asked_for_and_json_where_it_is_preferred() {
    for accept in ["text/html,*/*;q=0.8", "*/*", ""] {
        let answer = get("/", accept);
        assert_eq!(
            answer.field("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.field("Vary"), Some("Accept"));
        assert!(answer.body.starts_with("<!doctype html>\n"));
    }
    for (path, accept) in [
        ("/", "application/json"),
        ("/json", "text/html"),
        ("/json?x", ""),
    ] {
        let answer = get(path, accept);
        assert_eq!(
            answer.field("Content-Type"),
            Some("application/json"),
            "{path}"
        );
        let status: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(status["connection"]["tls"]["protocol"], "TLSv1.3");
    }
    assert!(get("/favicon.ico", "*/*").body.starts_with("<svg "));
}

#[test]
fn the_page_tells_the_connection_the_policy_and_the_counters() {
    let page = with_view(Some(facts()), page::render);
    for told in [
        "<title>TLS 1.3 · tlsport</title>",
        "<h1>Encrypted with TLS 1.3</h1>",
        "<dt>Cipher (OpenSSL)</dt><dd><code>TLS_AES_256_GCM_SHA384</code></dd>",
        "<dt>Key exchange</dt><dd><code>X25519</code></dd>",
        "<dt>Server name (SNI)</dt><dd><code>db.example.org</code></dd>",
        "<dt>Application (ALPN)</dt><dd><code>http/1.1</code></dd>",
        "<dt>Session</dt><dd>new, by a full handshake</dd>",
        "client certificate verified",
        "<pre>CURRENT_CIPHER   | TLS_AES_256_GCM_SHA384\nCURRENT_PROTOCOL | TLSv1.3</pre>",
        "!(&quot;/O=Example/CN=alice&quot;;&quot;/O=Example/CN=Example Client CA&quot;;&quot;3A7F11C0&quot;;",
        "CN=alice,O=Example",
        "3A7F11C0",
        "[2001:db8::7]:51234",
        "TLS 1.2 to TLS 1.3",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "2 in this order, yours is number 1",
        "SSL_OP_NO_COMPRESSION",
        "0x20000",
        "asked for; a bad one is refused",
        "20480 sessions for 7200s",
        "40 days left",
        "<dt>Accepted</dt><dd>1,500</dd>",
        "<dt>Open now</dt><dd>4</dd>",
        "<dt>To clients</dt><dd>7.3 GiB</dd>",
        "nothing in common",
        "<th scope=\"row\">protocol version</th>",
        "OpenSSL 3.0.19",
        "Up 2 d 1 h with 2 workers",
        "2026-06-21 00:00:00 UTC",
    ] {
        assert!(page.contains(told), "'{told}' is not in {page}");
    }
}

#[test]
fn no_path_of_the_file_system_is_told() {
    let told = with_view(Some(facts()), |view| {
        page::render(view) + &json::render(view)
    });
    assert!(!told.contains("/etc/"), "{told}");
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing() {
    let page = with_view(Some(facts()), page::render);
    for forbidden in [
        "<script",
        " src=",
        "style=\"",
        "@import",
        "url(",
        "onload",
        "http-equiv",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let fetched: Vec<_> = page.match_indices("<link ").collect();
    assert_eq!(fetched.len(), 1, "the icon alone");
    assert!(page.contains("href=\"data:image/svg+xml,%3Csvg"));
}

#[test]
fn a_plain_connection_is_told_so() {
    let page = with_view(None, page::render);
    assert!(page.contains("<h1>Not encrypted</h1>"));
    balanced(&page);
    let status: Value = serde_json::from_str(&with_view(None, json::render)).expect("JSON");
    assert!(status["connection"]["tls"].is_null());
}

#[test]
fn what_is_weak_is_not_praised() {
    let hero = |facts: Facts| with_view(Some(facts), page::render);
    let null = hero(Facts {
        bits: 0,
        protocol: "TLSv1.2",
        cipher: "NULL-SHA256".into(),
        ..facts()
    });
    assert!(
        null.contains("class=\"hero bad\"") && null.contains("<h1>Not encrypted, by TLS 1.2</h1>")
    );
    let old = hero(Facts {
        protocol: "TLSv1",
        ..facts()
    });
    assert!(old.contains("class=\"hero warn\"") && old.contains("obsolete version"));
    let mut unverified = facts();
    let peer = unverified.peer.as_mut().expect("a client certificate");
    peer.verified = "certificate has expired".into();
    assert!(hero(unverified).contains("<span class=\"tag bad\">certificate has expired</span>"));
}

#[test]
fn a_group_is_recognised_by_each_of_its_names() {
    for (group, told) in [
        (
            "x25519",
            "<code>X25519</code> <span class=\"tag good\">yours",
        ),
        (
            "secp256r1",
            "<code>prime256v1</code> <span class=\"tag good\">yours",
        ),
        (
            "P-256",
            "<code>prime256v1</code> <span class=\"tag good\">yours",
        ),
    ] {
        let facts = Facts {
            group: Some(group.into()),
            ..facts()
        };
        assert!(
            with_view(Some(facts), page::render).contains(told),
            "{group}"
        );
    }
    let other = Facts {
        group: Some("secp384r1".into()),
        ..facts()
    };
    let page = with_view(Some(other), page::render);
    assert!(page.contains("<li><code>X25519</code></li><li><code>prime256v1</code></li>"));
}

#[test]
fn a_server_without_a_policy_says_so() {
    let overview = Arc::new(Overview::new(None, 1, Totals::default));
    let mut page = open_page(overview, None);
    let (answer, _) = ask(&mut page, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        answer
            .body
            .contains("No endpoint of this server speaks TLS.")
    );
    balanced(&answer.body);
    let (answer, _) = ask(&mut page, b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n");
    let status: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert!(status["policy"].is_null());
}

#[test]
fn a_reload_is_seen_by_connections_that_are_open() {
    let overview = overview();
    let mut page = open_page(overview.clone(), Some(&facts()));
    let verify = |page: &mut StatusPage| {
        let (answer, _) = ask(page, b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n");
        let status: Value = serde_json::from_str(&answer.body).expect("JSON");
        status["policy"]["verify_client"].clone()
    };
    assert_eq!(verify(&mut page), "request");
    overview.replace(Report {
        verify_client: "require".into(),
        ..report()
    });
    assert_eq!(verify(&mut page), "require");
}

#[test]
fn days_left_go_on_counting_after_the_policy_was_read() {
    let since = UNIX_EPOCH + Duration::from_secs(1000);
    let policy = Policy {
        own: String::new(),
        report: report(),
        since,
    };
    let after = |days: f64| since + Duration::from_secs_f64(days * 86_400.0);
    assert_eq!(policy.days_left(42, after(0.9)), 42);
    assert_eq!(policy.days_left(42, after(50.5)), -8);
    assert_eq!(policy.days_left(42, UNIX_EPOCH), 42, "a clock set back");
}

const HOSTILE: &str = "<script>alert('1')</script>\"'&\u{202e}\0";

fn hostile() -> Facts {
    Facts {
        group: Some(HOSTILE.into()),
        server_name: Some(HOSTILE.into()),
        alpn: Some(HOSTILE.into()),
        cipher: HOSTILE.into(),
        cipher_standard: HOSTILE.into(),
        peer: Some(Certificate {
            subject: HOSTILE.into(),
            issuer: HOSTILE.into(),
            serial: HOSTILE.into(),
            not_before: HOSTILE.into(),
            not_after: HOSTILE.into(),
            verified: HOSTILE.into(),
            subject_one_line: HOSTILE.into(),
            ..Certificate::default()
        }),
        ..facts()
    }
}

#[test]
fn what_a_client_says_cannot_become_markup() {
    let page = with_view(Some(hostile()), page::render);
    assert!(!page.contains("<script") && !page.contains('\0') && !page.contains('\u{202e}'));
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&#39;&amp;"));
    balanced(&page);
    let json = with_view(Some(hostile()), json::render);
    let status: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        status["connection"]["tls"]["server_name"], HOSTILE,
        "JSON has it as it is"
    );
}

#[test]
fn what_a_client_says_at_length_is_cut() {
    let long = "é".repeat(50_000);
    let mut facts = facts();
    facts.peer = Some(Certificate {
        subject: long,
        ..Certificate::default()
    });
    let mut page = open_page(overview(), Some(&facts));
    let (answer, _) = ask(&mut page, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.body.len() < 64 * 1024, "{}", answer.body.len());
    assert!(answer.body.contains("éé…"));
}

/// Elements without an end.
const VOID: [&str; 4] = ["meta", "link", "br", "!doctype"];

/// Every element that is opened is closed, in order.
fn balanced(page: &str) {
    let mut open = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("every tag ends");
        let name = tag.split([' ', '\n']).next().expect("a name");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {page}");
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn every_element_is_closed_and_headings_go_one_step_at_a_time() {
    let page = with_view(Some(facts()), page::render);
    balanced(&page);
    let mut level = 0;
    for (at, _) in page.match_indices("<h") {
        let Some(next) = page[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else {
            continue;
        };
        assert!(next <= level + 1, "h{next} after h{level}");
        level = next;
    }
}
