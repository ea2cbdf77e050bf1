//! Pieces of a page. [`Html`] is safe to write as it is; text becomes it through [`text`] and its kin, escaped.

use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

use crate::service::status::date;

/// A piece of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// For what is made of literals, numbers and other pieces alone.
    pub(super) fn new(markup: impl Into<String>) -> Html {
        Html(markup.into())
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(pieces: I) -> Html {
        Html(pieces.into_iter().map(|piece| piece.0).collect())
    }
}

/// Text, escaped for an element or a quoted attribute. What would not show, or would reorder what follows it,
/// becomes a replacement character.
pub(super) fn text(plain: &str) -> Html {
    let mut escaped = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push('\u{fffd}');
            }
            hidden if hidden.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    Html(escaped)
}

/// Text in the voice of a machine.
pub(super) fn code(plain: &str) -> Html {
    Html(format!("<code>{}</code>", text(plain)))
}

/// Lines as they are.
pub(super) fn lines(plain: &str) -> Html {
    let lines: Vec<String> = plain.lines().map(|line| text(line).0).collect();
    Html(format!("<pre>{}</pre>\n", lines.join("\n")))
}

/// The text, or what to say when there is none.
pub(super) fn code_or(plain: Option<&str>, none: &'static str) -> Html {
    match plain {
        Some(plain) => code(plain),
        None => Html(format!("<span class=\"none\">{none}</span>")),
    }
}

/// A small mark with a tone: `good`, `warn`, `bad` or `calm`.
pub(super) fn tag(tone: &'static str, plain: &str) -> Html {
    Html(format!("<span class=\"tag {tone}\">{}</span>", text(plain)))
}

/// A row of names in an order that means something, with the visitor's own marked.
pub(super) fn names(all: &[String], yours: Option<&str>, none: &'static str) -> Html {
    if all.is_empty() {
        return code_or(None, none);
    }
    let items = all.iter().map(|name| {
        if yours.is_some_and(|yours| yours.eq_ignore_ascii_case(name)) {
            Html(format!(
                "<li class=\"yours\">{} {}</li>",
                code(name),
                tag("good", "yours")
            ))
        } else {
            Html(format!("<li>{}</li>", code(name)))
        }
    });
    Html(format!(
        "<ol class=\"names\">{}</ol>",
        Html::from_iter(items)
    ))
}

/// A list of terms and what they come to.
pub(super) fn terms<const N: usize>(rows: [(&'static str, Html); N]) -> Html {
    let mut list = String::from("<dl>\n");
    for (term, value) in rows {
        let row = format!("<div><dt>{term}</dt><dd>{value}</dd></div>\n");
        list.push_str(&row);
    }
    list.push_str("</dl>");
    Html(list)
}

/// A number in groups of three.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes in the largest unit that leaves something before the point.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let power = (number.ilog2() / 10).min(6);
    let value = number as f64 / (1u64 << (10 * power)) as f64;
    format!("{value:.1} {}", UNITS[power as usize - 1])
}

/// A length of time in its two largest units.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|part| part.0 > 0).unwrap_or(3);
    let mut said = String::new();
    for (number, unit) in parts.iter().skip(first).take(2) {
        let gap = if said.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(said, "{gap}{number} {unit}");
    }
    said
}

/// A moment for people, with its exact form for machines.
pub(super) fn moment(moment: SystemTime) -> Html {
    let exact = date::rfc3339(moment);
    let said = exact.replace('T', " ").replace('Z', " UTC");
    Html(format!("<time datetime=\"{exact}\">{said}</time>"))
}

/// A protocol version as people write it: `TLS 1.3` for `TLSv1.3`.
pub(super) fn version(name: &str) -> String {
    match name.strip_prefix("TLSv") {
        Some("1") => "TLS 1.0".to_owned(),
        Some(number) => format!("TLS {number}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_attribute_nor_hide() {
        let said = text("<b a='1' b=\"2\">&amp;</b>\0\u{202e}\u{200b}\r\n").to_string();
        assert_eq!(
            said,
            "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;amp;&lt;/b&gt;\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(text("Zürich 東京").to_string(), "Zürich 東京");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(count)
        );
        assert_eq!(
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16.0 EiB"],
            [0, 1023, 1024, 1_572_864, u64::MAX].map(bytes)
        );
    }

    #[test]
    fn a_length_of_time_has_at_most_two_units() {
        let said = [0, 59, 60, 3600, 90_061].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(said, ["0 s", "59 s", "1 min 0 s", "1 h 0 min", "1 d 1 h"]);
    }

    #[test]
    fn versions_are_written_as_people_write_them() {
        let said = ["TLSv1", "TLSv1.1", "TLSv1.3", "SSLv3", "none"].map(version);
        assert_eq!(said, ["TLS 1.0", "TLS 1.1", "TLS 1.3", "SSLv3", "none"]);
    }
}
