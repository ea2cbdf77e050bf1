//! The visitor's own connection.

use crate::tls::{Certificate, Facts, KdbFacts, KdbForm};

use super::html::{Html, code, code_or, lines, tag, terms, text, version};
use crate::service::status::view::Visitor;

/// What the whole page is called.
pub(super) fn title(facts: Option<&Facts>) -> Html {
    match facts {
        Some(facts) => text(&version(facts.protocol)),
        None => Html::new("Not encrypted"),
    }
}

/// The part about the connection.
pub(super) fn render(visitor: &Visitor) -> Html {
    match &visitor.facts {
        Some(facts) => Html::new(format!(
            "{}<div class=\"pair\">\n{}<div class=\"stack\">\n{}{}</div></div>\n{}",
            hero(facts),
            negotiated(facts),
            certificate(facts.peer.as_ref()),
            ends(visitor),
            kdb(facts),
        )),
        None => Html::new(format!("{}{}", plain_hero(), ends(visitor))),
    }
}

const LOCK: &str = include_str!("lock.svg");
const OPEN_LOCK: &str = include_str!("open_lock.svg");

fn hero(facts: &Facts) -> Html {
    let (tone, verb, warning) = judge(facts);
    let session = if facts.resumed {
        tag("calm", "resumed session")
    } else {
        tag("calm", "full handshake")
    };
    let group = facts
        .group
        .as_deref()
        .map(|name| format!(" over {}", code(name)));
    Html::new(format!(
        "<section class=\"hero {tone}\" id=\"connection\">\n{LOCK}<div>\n\
         <p class=\"eyebrow\">Your connection</p>\n\
         <h1>{verb} {protocol}</h1>\n\
         <p class=\"lead\">{cipher}{group}</p>\n\
         <p class=\"tags\">{warning} {bits} {session} {client}</p>\n\
         </div></section>\n",
        protocol = text(&version(facts.protocol)),
        cipher = code(&facts.cipher),
        group = group.unwrap_or_default(),
        warning = warning.map(|why| tag(tone, why)).unwrap_or_default(),
        bits = tag("calm", &format!("{} bits", facts.bits)),
        client = client_tag(facts.peer.as_ref()),
    ))
}

/// The tone of the headline, its first words, and what there is to warn of. A policy may ask for ciphers that only
/// authenticate.
fn judge(facts: &Facts) -> (&'static str, &'static str, Option<&'static str>) {
    let old = !matches!(facts.protocol, "TLSv1.2" | "TLSv1.3");
    match facts.bits {
        0 => (
            "bad",
            "Not encrypted, by",
            Some("cipher without encryption"),
        ),
        1..112 => ("warn", "Encrypted with", Some("weak cipher")),
        _ if old => ("warn", "Encrypted with", Some("obsolete version")),
        _ => ("good", "Encrypted with", None),
    }
}

fn client_tag(peer: Option<&Certificate>) -> Html {
    match peer {
        Some(peer) if peer.verified == "ok" => tag("good", "client certificate verified"),
        Some(_) => tag("bad", "client certificate not verified"),
        None => tag("calm", "no client certificate"),
    }
}

fn negotiated(facts: &Facts) -> Html {
    let resumed = if facts.resumed {
        "resumed"
    } else {
        "new, by a full handshake"
    };
    let rows = terms([
        ("Protocol", text(&version(facts.protocol))),
        ("Cipher (OpenSSL)", code(&facts.cipher)),
        ("Cipher (RFC)", code(&facts.cipher_standard)),
        ("Strength", text(&format!("{} bits", facts.bits))),
        (
            "Key exchange",
            code_or(facts.group.as_deref(), "not told by this OpenSSL"),
        ),
        (
            "Server name (SNI)",
            code_or(facts.server_name.as_deref(), "none asked for"),
        ),
        (
            "Application (ALPN)",
            code_or(facts.alpn.as_deref(), "none agreed on"),
        ),
        ("Session", text(resumed)),
    ]);
    Html::new(format!(
        "<section class=\"card\">\n<h2>What was negotiated</h2>\n{rows}</section>\n"
    ))
}

fn certificate(peer: Option<&Certificate>) -> Html {
    let told = match peer {
        Some(peer) => certificate_rows(peer),
        None => Html::new(
            "<p class=\"none\">You showed none: either you were not asked for one, or you have none \
             that fits.</p>\n",
        ),
    };
    Html::new(format!(
        "<section class=\"card\">\n<h2>Your certificate</h2>\n{told}</section>\n"
    ))
}

fn certificate_rows(peer: &Certificate) -> Html {
    let verified = match peer.verified.as_str() {
        "ok" => tag("good", "ok"),
        reason => tag("bad", reason),
    };
    terms([
        ("Verification", verified),
        ("Subject", code(&peer.subject)),
        ("Issuer", code(&peer.issuer)),
        ("Serial number", code(&peer.serial)),
        ("Valid from", text(&peer.not_before)),
        ("Valid until", text(&peer.not_after)),
    ])
}

/// The same as kdb+ tells it.
fn kdb(facts: &Facts) -> Html {
    let told = |form| lines(&KdbFacts::of(Some(facts), form).to_string());
    Html::new(format!(
        "<section class=\"card\">\n<h2>As <code>.z.e</code> of kdb+ has it</h2>\n{}{}</section>\n",
        told(KdbForm::Current),
        told(KdbForm::Cert),
    ))
}

fn plain_hero() -> Html {
    Html::new(format!(
        "<section class=\"hero bad\" id=\"connection\">\n{OPEN_LOCK}<div>\n\
         <p class=\"eyebrow\">Your connection</p>\n\
         <h1>Not encrypted</h1>\n\
         <p class=\"lead\">This endpoint speaks plain text: what passes can be read on the way.</p>\n\
         </div></section>\n"
    ))
}

fn ends(visitor: &Visitor) -> Html {
    let rows = terms([
        ("You", code(&visitor.peer)),
        ("Endpoint", code(&visitor.endpoint)),
    ]);
    Html::new(format!(
        "<section class=\"card\">\n<h2>Both ends</h2>\n{rows}</section>\n"
    ))
}
