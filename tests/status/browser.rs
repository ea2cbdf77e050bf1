//! The page in a headless Chromium: does it load over TLS, does it look right at every width and in both schemes.
//!
//! Screenshots are left under `target/tmp/status-page/` to be looked at by people.

use crate::Site;
use crate::chromium::{Chromium, Window};
use serde_json::Value;
use std::fs;
use std::path::Path;

const LOOK: &str = include_str!("look.js");
const WIDTHS: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 800)];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_page_can_be_read_at_every_width_by_day_and_by_night() {
    let site = Site::modern();
    let Some(mut browser) = Chromium::start(&site.key_hash()) else {
        return;
    };
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status-page");
    fs::create_dir_all(&shots).unwrap();
    for (place, width, height) in WIDTHS {
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            let name = format!("{place}-{scheme}");
            browser.set_window(Window {
                width,
                height,
                scheme,
            });
            browser.open(&site.url("/")).unwrap();
            fs::write(shots.join(format!("{name}.png")), browser.screenshot()).unwrap();
            let seen = browser.evaluate(LOOK);
            assert_eq!(
                list(&seen["faint"]),
                [] as [Value; 0],
                "{name}: too faint to read"
            );
            assert_eq!(
                list(&seen["outside"]),
                [] as [Value; 0],
                "{name}: sticks out"
            );
            assert_eq!(seen["scrolls_sideways"], false, "{name}");
            assert_eq!(
                seen["columns"],
                if place == "phone" { 1 } else { 2 },
                "{name}"
            );
            assert_eq!(
                list(&seen["landmarks"]).len(),
                5,
                "{name}: {}",
                seen["landmarks"]
            );
            assert!(
                browser.complaints().is_empty(),
                "{name}: {:?}",
                browser.complaints()
            );
            assert_eq!(
                browser.fetched(),
                [site.url("/")],
                "{name}: fetched more than itself"
            );
            grounds.push(seen["ground"].clone());
        }
        assert_ne!(grounds[0], grounds[1], "day and night look the same");
    }
}

#[test]
fn the_page_tells_a_browser_its_own_connection() {
    let site = Site::modern();
    let Some(mut browser) = Chromium::start(&site.key_hash()) else {
        return;
    };
    browser.open(&site.url("/")).unwrap();
    let seen = browser.evaluate(LOOK);
    assert_eq!(seen["title"], "TLS 1.3 · tlsport");
    let text = seen["text"].as_str().unwrap();
    browser.open(&site.url("/json")).unwrap();
    let status = browser.evaluate("document.body.innerText");
    let status: Value = serde_json::from_str(status.as_str().unwrap()).unwrap();
    let tls = &status["connection"]["tls"];
    assert_eq!(tls["protocol"], "TLSv1.3");
    assert_eq!(tls["server_name"], "localhost");
    // Both came over one connection, or over two that agreed on the same.
    let group = cfg!(openssl3).then_some("group"); // 1.1.1 does not tell it
    let known = ["cipher", "cipher_standard_name", "server_name", "alpn"];
    for key in known.into_iter().chain(group) {
        let told = tls[key].as_str().unwrap();
        assert!(text.contains(told), "{key}: '{told}' is not in {text}");
    }
    // A browser shows runs of spaces, as 1.1.1 has one in its name, as one space.
    let library = status["policy"]["library"].as_str().unwrap();
    let words: Vec<&str> = library.split_whitespace().collect();
    assert!(text.contains(&words.join(" ")), "{library}");
}

#[test]
fn a_browser_that_agreed_to_http_2_comes_back_with_http_1() {
    let site = Site::with(|launch, _| launch.set("ssl.alpn", "h2,http/1.1"));
    let Some(mut browser) = Chromium::start(&site.key_hash()) else {
        return;
    };
    browser.open(&site.url("/")).unwrap();
    let text = browser.evaluate("document.body.innerText");
    assert!(text.as_str().unwrap().contains("http/1.1"), "{text}");
}

#[test]
fn a_browser_that_does_not_know_the_key_is_not_shown_the_page() {
    let site = Site::new();
    let elsewhere = openssl::base64::encode_block(&[0; 32]);
    let Some(mut browser) = Chromium::start(&elsewhere) else {
        return;
    };
    let refused = browser.open(&site.url("/")).unwrap_err();
    assert_eq!(refused, "net::ERR_CERT_AUTHORITY_INVALID");
}

#[test]
fn a_plain_endpoint_is_told_apart_at_a_glance() {
    let site = Site::new();
    let Some(mut browser) = Chromium::start("") else {
        return;
    };
    browser.open(&site.plain_url("/")).unwrap();
    let heading = browser.evaluate("document.querySelector('h1').innerText");
    assert_eq!(heading, "Not encrypted");
}
