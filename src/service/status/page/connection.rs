//! The visitor's own connection.

use crate::tls::{Certificate, Facts};

use super::html::{Html, code, code_or, tag, terms, text, version};
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
            "{}<div class=\"pair\">\n{}{}</div>\n",
            hero(facts),
            details(visitor, facts),
            certificate(facts.peer.as_ref())
        )),
        None => Html::new(format!("{}{}", plain_hero(), plain_details(visitor))),
    }
}

const LOCK: &str = include_str!("lock.svg");
const OPEN_LOCK: &str = include_str!("open_lock.svg");

fn hero(facts: &Facts) -> Html {
    let old = !matches!(facts.protocol, "TLSv1.2" | "TLSv1.3");
    let session = if facts.resumed {
        tag("calm", "resumed session")
    } else {
        tag("calm", "full handshake")
    };
    let group = facts
        .group
        .as_deref()
        .map(|name| format!(" over {}", code(name)));
    let warning = if old {
        tag("warn", "obsolete version")
    } else {
        Html::default()
    };
    Html::new(format!(
        "<section class=\"hero {tone}\" id=\"connection\">\n{LOCK}<div>\n\
         <p class=\"eyebrow\">Your connection</p>\n\
         <h1>Encrypted with {protocol}</h1>\n\
         <p class=\"lead\">{cipher}{group}</p>\n\
         <p class=\"tags\">{warning} {bits} {session} {client}</p>\n\
         </div></section>\n",
        tone = if old { "warn" } else { "good" },
        protocol = text(&version(facts.protocol)),
        cipher = code(&facts.cipher),
        group = group.unwrap_or_default(),
        bits = tag("calm", &format!("{} bits", facts.bits)),
        client = client_tag(facts.peer.as_ref()),
    ))
}

fn client_tag(peer: Option<&Certificate>) -> Html {
    match peer {
        Some(peer) if peer.verified == "ok" => tag("good", "client certificate verified"),
        Some(_) => tag("bad", "client certificate not verified"),
        None => tag("calm", "no client certificate"),
    }
}

fn details(visitor: &Visitor, facts: &Facts) -> Html {
    let resumed = if facts.resumed {
        "yes: no certificate was sent this time"
    } else {
        "no: this was a full handshake"
    };
    let rows = terms([
        ("Protocol", text(&version(facts.protocol))),
        ("Cipher, OpenSSL’s name", code(&facts.cipher)),
        ("Cipher, the RFCs’ name", code(&facts.cipher_standard)),
        ("Strength", text(&format!("{} bits", facts.bits))),
        (
            "Key exchange group",
            code_or(facts.group.as_deref(), "not told by this OpenSSL"),
        ),
        (
            "Server name (SNI)",
            code_or(facts.server_name.as_deref(), "none asked for"),
        ),
        (
            "Protocol above (ALPN)",
            code_or(facts.alpn.as_deref(), "none agreed on"),
        ),
        ("Session resumed", text(resumed)),
        ("You", code(&visitor.peer)),
        ("Endpoint", code(&visitor.endpoint)),
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

fn plain_hero() -> Html {
    Html::new(format!(
        "<section class=\"hero bad\" id=\"connection\">\n{OPEN_LOCK}<div>\n\
         <p class=\"eyebrow\">Your connection</p>\n\
         <h1>Not encrypted</h1>\n\
         <p class=\"lead\">This endpoint speaks plain text: whoever is on the way can read it.</p>\n\
         </div></section>\n"
    ))
}

fn plain_details(visitor: &Visitor) -> Html {
    let rows = terms([
        ("You", code(&visitor.peer)),
        ("Endpoint", code(&visitor.endpoint)),
    ]);
    Html::new(format!(
        "<section class=\"card\">\n<h2>What is known</h2>\n{rows}</section>\n"
    ))
}
