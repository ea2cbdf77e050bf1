//! Which of two forms a client prefers, by its Accept fields.

/// Whether JSON is wanted more than HTML. When both are as welcome, HTML it is.
pub(super) fn prefers_json(accept: &str) -> bool {
    quality(accept, "application", "json") > quality(accept, "text", "html")
}

/// How welcome a type is, in thousandths: what the most specific range that covers it says.
fn quality(accept: &str, kind: &str, form: &str) -> u32 {
    let mut best = (0, 0); // how specific, how welcome
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let (left, right) = parts
            .next()
            .and_then(|name| name.split_once('/'))
            .unwrap_or_default();
        let specific = match (
            left.eq_ignore_ascii_case(kind),
            right.eq_ignore_ascii_case(form),
        ) {
            (true, true) => 3,
            (true, false) if right == "*" => 2,
            _ if (left, right) == ("*", "*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(weight).unwrap_or(1000);
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

/// `q=0.5` in thousandths; a weight that cannot be read counts as none given.
fn weight(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value: f32 = value.trim().parse().ok()?;
    (0.0..=1.0)
        .contains(&value)
        .then_some((value * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sent_only_to_who_prefers_it() {
        for wanted in [
            "application/json",
            "Application/JSON;q=0.9",
            "application/json, text/html;q=0.5",
            "text/html;q=0.2, */*;q=0.8",
            "application/*",
            "text/*;q=0.1,application/json;q=0.2",
        ] {
            assert!(prefers_json(wanted), "{wanted}");
        }
    }

    #[test]
    fn a_browser_and_who_does_not_care_get_the_page() {
        for wanted in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json, text/html",
            "application/json;q=0",
            "image/png",
            ";;=,,/,q=",
            "application/json;q=NaN, text/html",
        ] {
            assert!(!prefers_json(wanted), "{wanted}");
        }
    }
}
