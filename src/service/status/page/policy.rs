//! What the endpoint accepts.

use crate::tls::{CipherLine, Facts, Identity, Report};

use super::html::{Html, code, count, moment, names, tag, terms, text, version};
use crate::service::status::view::{Policy, View};

/// More suites than this scroll in a frame of their own.
const SHOWN: usize = 16;
/// Fewer days than this and an identity is marked.
const SOON: i64 = 30;

/// The part about the policy.
pub(super) fn render(view: &View<'_>) -> Html {
    let Some(policy) = view.policy else {
        return Html::new(
            "<section id=\"policy\">\n<h2 class=\"part\">Policy</h2>\n\
             <p class=\"card none\">No endpoint of this server speaks TLS.</p>\n</section>\n",
        );
    };
    let yours = view.visitor.facts.as_ref();
    Html::new(format!(
        "<section id=\"policy\">\n<h2 class=\"part\">Policy</h2>\n{identities}<div class=\"pair\">\n\
         {rules}{suites}</div>\n</section>\n",
        identities = identities(policy, view),
        rules = rules(policy, yours),
        suites = suites(&policy.report.ciphers, yours),
    ))
}

fn rules(policy: &Policy, yours: Option<&Facts>) -> Html {
    let report = &policy.report;
    let group = yours
        .and_then(|facts| facts.group.as_deref())
        .and_then(|group| report.groups.iter().find(|name| is_same(name, group)))
        .map(String::as_str);
    let alpn = yours.and_then(|facts| facts.alpn.as_deref());
    let mask = Html::new(format!("<code>{:#x}</code>", report.options_mask));
    let rows = terms([
        ("Versions", text(&range(report))),
        ("Client certificate", text(verify(&report.verify_client))),
        (
            "Groups in order",
            names(&report.groups, group, "not told by this OpenSSL"),
        ),
        (
            "Application (ALPN)",
            names(&report.alpn, alpn, "none offered"),
        ),
        ("Session cache", text(&report.session_cache)),
        ("Session tickets", text(&report.session_tickets)),
        ("Security level", text(&report.security_level.to_string())),
        ("Options", names(&report.options, None, "none set")),
        ("Options as a mask", mask),
        ("In force since", moment(policy.since)),
    ]);
    Html::new(format!(
        "<section class=\"card\">\n<h3>Rules</h3>\n{rows}</section>\n"
    ))
}

/// Names of one curve: OpenSSL takes any of them, and tells of a connection by the second.
const CURVES: [[&str; 3]; 3] = [
    ["prime256v1", "secp256r1", "P-256"],
    ["secp384r1", "secp384r1", "P-384"],
    ["secp521r1", "secp521r1", "P-521"],
];

fn is_same(group: &str, other: &str) -> bool {
    let names =
        |curve: &[&str; 3], name: &str| curve.iter().any(|one| one.eq_ignore_ascii_case(name));
    group.eq_ignore_ascii_case(other)
        || CURVES
            .iter()
            .any(|curve| names(curve, group) && names(curve, other))
}

fn range(report: &Report) -> String {
    let (min, max) = (version(&report.min_protocol), version(&report.max_protocol));
    if min == max {
        format!("{min} only")
    } else {
        format!("{min} to {max}")
    }
}

fn verify(word: &str) -> &str {
    match word {
        "none" => "never asked for",
        "request" => "asked for; a bad one is refused",
        "require" => "required",
        other => other,
    }
}

fn suites(lines: &[CipherLine], yours: Option<&Facts>) -> Html {
    let mine = |line: &CipherLine| yours.is_some_and(|facts| facts.cipher == line.name);
    let place = lines.iter().position(mine);
    let told = place.map(|index| format!(", yours is number {}", index + 1));
    let frame = if lines.len() > SHOWN {
        " class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Cipher suites\""
    } else {
        ""
    };
    let rows = lines
        .iter()
        .enumerate()
        .map(|(index, line)| suite(index, line, mine(line)));
    Html::new(format!(
        "<section class=\"card\">\n<h3>Cipher suites</h3>\n\
         <p class=\"none\">{number} in this order{told}</p>\n<div{frame}><table>\n\
         <thead><tr><th scope=\"col\">#</th><th scope=\"col\">Name</th><th scope=\"col\">From</th>\
         <th scope=\"col\">Bits</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div></section>\n",
        number = count(lines.len() as u64),
        told = told.unwrap_or_default(),
        rows = Html::from_iter(rows),
    ))
}

fn suite(index: usize, line: &CipherLine, mine: bool) -> Html {
    let (class, mark) = if mine {
        (" class=\"yours\"", format!(" {}", tag("good", "yours")))
    } else {
        ("", String::new())
    };
    let other = if line.standard_name == line.name {
        Html::default()
    } else {
        Html::new(format!("<br><small>{}</small>", code(&line.standard_name)))
    };
    Html::new(format!(
        "<tr{class}><td>{number}</td><th scope=\"row\">{name}{mark}{other}</th><td>{from}</td>\
         <td>{bits}</td></tr>\n",
        number = index + 1,
        name = code(&line.name),
        from = text(&version(&line.protocol)),
        bits = line.bits,
    ))
}

fn identities(policy: &Policy, view: &View<'_>) -> Html {
    let cards = policy
        .report
        .identities
        .iter()
        .map(|one| identity(one, policy, view));
    Html::new(format!(
        "<div class=\"identities\">\n{}</div>\n",
        Html::from_iter(cards)
    ))
}

fn identity(one: &Identity, policy: &Policy, view: &View<'_>) -> Html {
    let rows = terms([
        ("Subject", code(&one.subject)),
        ("Names in it", names(&one.names, None, "none")),
        ("Key", code(&one.key)),
        ("Certificates sent", text(&one.chain_length.to_string())),
        ("Valid until", text(&one.not_after)),
    ]);
    Html::new(format!(
        "<section class=\"card\">\n<h3>{name}</h3>\n<p class=\"tags\">{left}</p>\n{rows}</section>\n",
        name = match &one.server_name {
            Some(name) => code(name),
            None => Html::new("Default identity"),
        },
        left = days(policy.days_left(one.days_left, view.now)),
    ))
}

fn days(left: i64) -> Html {
    let many = |number: u64| match number {
        1 => "1 day".to_owned(),
        number => format!("{} days", count(number)),
    };
    match left {
        ..0 => tag("bad", &format!("expired {} ago", many(left.unsigned_abs()))),
        0 => tag("bad", "less than a day left"),
        1..SOON => tag("warn", &format!("{} left", many(left.unsigned_abs()))),
        _ => tag("good", &format!("{} left", many(left.unsigned_abs()))),
    }
}
