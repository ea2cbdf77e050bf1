//! The lines of ArangoDB's configuration files, and what `@NAME@` in a value stands for.
//!
//! This knows the shape of a line and nothing of options: that is `arangodb`'s.

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing, or a comment after `#` or `;`.
    Blank,
    /// `[name]`, `[name:community]` or `[name:enterprise]`.
    Section(&'a str, Edition),
    /// `@include name`
    Include(&'a str),
    /// `name = value` or `section.name = value`
    Assignment(&'a str, &'a str),
    /// None of these.
    Unreadable,
}

/// Whom a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    /// Everybody.
    Any,
    /// ArangoDB's Community Edition alone.
    Community,
    /// ArangoDB's Enterprise Edition alone.
    Enterprise,
}

/// Tells what a line is. Spaces around it, and around its parts, do not count.
pub(super) fn line(text: &str) -> Line<'_> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() || text.starts_with(['#', ';']) {
        return Line::Blank;
    }
    if let Some(header) = text.strip_prefix('[') {
        return header.strip_suffix(']').map_or(Line::Unreadable, section);
    }
    if let Some(name) = text.strip_prefix("@include") {
        let name = name.trim_start();
        let in_path = |c: char| is_name(c) || c == '/' || c == '.';
        let whole = !name.is_empty() && name.chars().all(in_path);
        return if whole {
            Line::Include(name)
        } else {
            Line::Unreadable
        };
    }
    match text.split_once('=') {
        Some((name, value)) if is_option(name.trim_end()) => {
            Line::Assignment(name.trim_end(), value.trim_start())
        }
        _ => Line::Unreadable,
    }
}

fn section(header: &str) -> Line<'_> {
    let (name, edition) = match header.split_once(':') {
        None => (header, Edition::Any),
        Some((name, "community")) => (name, Edition::Community),
        Some((name, "enterprise")) => (name, Edition::Enterprise),
        Some(_) => return Line::Unreadable,
    };
    if name.chars().all(is_name) {
        Line::Section(name, edition)
    } else {
        Line::Unreadable
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// `name` or `section.name`
fn is_option(text: &str) -> bool {
    let (section, name) = text.split_once('.').unwrap_or(("", text));
    !name.is_empty() && section.chars().chain(name.chars()).all(is_name)
}

/// Puts environment variables in the place of `@NAME@`, and `@` in that of `@@`. A last `@` without a partner
/// stays, as in `HIGH@STRENGTH`. Also returns the names that are not set; nothing stands in their place.
pub(super) fn substitute(value: &str, env: impl Fn(&str) -> Option<String>) -> (String, Vec<&str>) {
    let mut result = String::new();
    let mut unset = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('@') {
        result.push_str(before);
        let Some((name, behind)) = after.split_once('@') else {
            result.push('@');
            rest = after;
            break;
        };
        if name.is_empty() {
            result.push('@');
        } else {
            match env(name) {
                Some(value) => result.push_str(&value),
                None => unset.push(name),
            }
        }
        rest = behind;
    }
    result.push_str(rest);
    (result, unset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_told_by_its_shape() {
        for (text, told) in [
            ("", Line::Blank),
            ("  # a comment = no assignment", Line::Blank),
            ("\t; the other comment", Line::Blank),
            ("[ssl]", Line::Section("ssl", Edition::Any)),
            ("  [ssl]\r", Line::Section("ssl", Edition::Any)),
            ("[]", Line::Section("", Edition::Any)),
            ("[ssl:community]", Line::Section("ssl", Edition::Community)),
            (
                "[ssl:enterprise]",
                Line::Section("ssl", Edition::Enterprise),
            ),
            ("[ssl:oem]", Line::Unreadable),
            ("[ssl", Line::Unreadable),
            ("[s l]", Line::Unreadable),
            ("[ssl] # comment", Line::Unreadable),
            ("@include tls", Line::Include("tls")),
            ("@include /etc/tls.conf", Line::Include("/etc/tls.conf")),
            ("@include", Line::Unreadable),
            ("@include a b", Line::Unreadable),
            ("keyfile=a.pem", Line::Assignment("keyfile", "a.pem")),
            (
                "ssl.keyfile \t=  a b.pem ",
                Line::Assignment("ssl.keyfile", "a b.pem"),
            ),
            ("cipher-list =", Line::Assignment("cipher-list", "")),
            ("conf = A=B", Line::Assignment("conf", "A=B")),
            ("= value", Line::Unreadable),
            ("ssl. = value", Line::Unreadable),
            ("a.b.c = value", Line::Unreadable),
            ("key file = a.pem", Line::Unreadable),
            ("keyfile", Line::Unreadable),
        ] {
            assert_eq!(line(text), told, "{text:?}");
        }
    }

    #[test]
    fn environment_variables_stand_between_at_signs() {
        let env = |name: &str| (name == "DIR").then(|| "/pki".to_owned());
        for (value, result, unset) in [
            ("plain", "plain", vec![]),
            ("@DIR@/server.pem", "/pki/server.pem", vec![]),
            ("@DIR@@DIR@", "/pki/pki", vec![]),
            ("user@@host", "user@host", vec![]),
            ("HIGH:!aNULL@STRENGTH", "HIGH:!aNULL@STRENGTH", vec![]),
            ("@", "@", vec![]),
            ("@@@", "@@", vec![]),
            ("@NONE@/x", "/x", vec!["NONE"]),
            (
                "ALL:@STRENGTH:@SECLEVEL=0",
                "ALL:SECLEVEL=0",
                vec!["STRENGTH:"],
            ),
            ("@DIR@ @", "/pki @", vec![]),
        ] {
            assert_eq!(
                substitute(value, env),
                (result.to_owned(), unset),
                "{value}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_line_and_no_value_is_too_odd(text in ".*") {
            line(&text);
            substitute(&text, |_| None);
        }

        #[test]
        fn doubled_at_signs_bring_back_what_was_written(text in "[ -~]*") {
            let doubled = text.replace('@', "@@");
            let (result, unset) = substitute(&doubled, |_| None);
            prop_assert_eq!(result, text);
            prop_assert!(unset.is_empty());
        }
    }
}
