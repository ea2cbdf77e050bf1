//! The status as a page for people: one document, no script, nothing to fetch.
//!
//! `page.html` is the frame, `page.css` the looks; `connection`, `policy` and `counters` fill the three parts. What
//! may come from a client reaches the page through [`html`] alone, which escapes it.

mod connection;
mod counters;
mod html;
mod policy;

use super::view::View;

use html::{Html, count, moment, span, text};

const STYLE: &str = include_str!("page.css");
/// SHA-256 of `page.css` in base64: browsers apply a style only if it has this hash. A test tells the new one when
/// the file was changed.
pub(super) const STYLE_SHA256: &str = "d57WGoYevaavTAkibfI1w4d2YfbDgoDk3YL58KobxdY=";
/// The sign in front of the name, as an image of its own.
pub(super) const ICON: &str = include_str!("icon.svg");

/// The whole document.
pub(super) fn render(view: &View<'_>) -> String {
    format!(
        include_str!("page.html"),
        title = connection::title(view.visitor.facts.as_ref()),
        style = STYLE,
        icon = icon(),
        sign = ICON.trim(),
        connection = connection::render(view.visitor),
        policy = policy::render(view),
        counters = counters::render(view),
        footer = footer(view),
    )
}

/// The icon as a data URL.
fn icon() -> String {
    ICON.trim()
        .replace('#', "%23")
        .replace('"', "'")
        .replace('<', "%3C")
        .replace('>', "%3E")
}

fn footer(view: &View<'_>) -> Html {
    let server = &view.server;
    let workers = match server.workers {
        1 => "1 worker".to_owned(),
        many => format!("{} workers", count(many as u64)),
    };
    let library = view.policy.map(|policy| text(&policy.report.library));
    Html::new(format!(
        "<p>tlsport {version}{library}</p>\n<p>Up {up} with {workers}, since {since}</p>",
        version = env!("CARGO_PKG_VERSION"),
        library = library
            .map(|name| format!(" on {name}"))
            .unwrap_or_default(),
        up = span(server.uptime),
        since = moment(server.started),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_that_browsers_are_given_is_that_of_the_style() {
        let hash = openssl::sha::sha256(STYLE.as_bytes());
        let hash = openssl::base64::encode_block(&hash);
        assert_eq!(
            STYLE_SHA256, hash,
            "page.css was changed: this is its new hash"
        );
    }

    #[test]
    fn the_style_cannot_end_its_element() {
        assert!(!STYLE.contains("</"));
    }
}
