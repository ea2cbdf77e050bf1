//! `.z.e`: what kdb+ tells of a connection, in the forms of its releases, as keys and values in order and as q prints
//! them.
//!
//! `VERIFIED` is libssl's verdict (`SSL_get_verify_result`) and nothing else: `1b` where `VERIFYERROR` is 0. libssl judges
//! every certificate that is shown, also where nobody asked and nothing comes of it; what was passed over is not verified.

use super::facts::{Certificate, Facts};
use std::fmt;

/// Which keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KdbForm {
    /// `CURRENT_CIPHER` and `CURRENT_PROTOCOL`, as the first releases with TLS have it.
    Current,
    /// `CIPHER`, `PROTOCOL`, and `CERT` where the peer has shown a certificate.
    Cert,
    /// `LOCAL_CERT` besides, for a certificate of ours, as in kdb-x.
    LocalCert,
}

impl KdbForm {
    /// Every form, oldest first.
    pub const ALL: [KdbForm; 3] = [KdbForm::Current, KdbForm::Cert, KdbForm::LocalCert];
}

/// `.z.e` of one connection. Without TLS it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KdbFacts {
    form: KdbForm,
    /// Keys and values, in kdb+'s order.
    pub entries: Vec<(&'static str, KdbValue)>,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum KdbValue {
    Symbol(String),
    Text(String),
    Boolean(bool),
    Long(i64),
    Dictionary(Vec<(&'static str, KdbValue)>),
}

impl KdbFacts {
    /// Those of a connection; `None` is one without TLS.
    pub fn of(facts: Option<&Facts>, form: KdbForm) -> KdbFacts {
        let entries = facts.map(|facts| entries(facts, form));
        KdbFacts {
            form,
            entries: entries.unwrap_or_default(),
        }
    }
}

fn entries(facts: &Facts, form: KdbForm) -> Vec<(&'static str, KdbValue)> {
    let cipher = KdbValue::Symbol(facts.cipher.clone());
    let protocol = KdbValue::Symbol(facts.protocol.to_owned());
    if form == KdbForm::Current {
        return vec![("CURRENT_CIPHER", cipher), ("CURRENT_PROTOCOL", protocol)];
    }
    let mut entries = vec![("CIPHER", cipher), ("PROTOCOL", protocol)];
    if let Some(peer) = &facts.peer {
        let mut told = certificate(peer);
        told.push(("VERIFIED", KdbValue::Boolean(peer.verify_error == 0)));
        told.push(("VERIFYERROR", KdbValue::Long(peer.verify_error.into())));
        entries.push(("CERT", KdbValue::Dictionary(told)));
    }
    if let (Some(own), KdbForm::LocalCert) = (&facts.own, form) {
        entries.push(("LOCAL_CERT", KdbValue::Dictionary(certificate(own))));
    }
    entries
}

fn certificate(shown: &Certificate) -> Vec<(&'static str, KdbValue)> {
    let text = |text: &str| KdbValue::Text(text.to_owned());
    vec![
        ("SUBJECT", text(&shown.subject_one_line)),
        ("ISSUER", text(&shown.issuer_one_line)),
        ("SERIALNUMBER", text(short(&shown.serial))),
        ("NOTVALIDBEFORE", text(&shown.not_before)),
        ("NOTVALIDAFTER", text(&shown.not_after)),
    ]
}

/// A number in hexadecimal without the zero that makes its digits even.
fn short(serial: &str) -> &str {
    match serial.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => rest,
        _ => serial,
    }
}

impl fmt::Display for KdbFacts {
    /// As the console prints a dictionary, a line a key; `()!()` for an empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entries.is_empty() {
            return f.write_str("()!()");
        }
        let current = self.form == KdbForm::Current;
        let longest = self.entries.iter().map(|(key, _)| key.len()).max();
        let width = longest.unwrap_or(0) + usize::from(current);
        for (place, (key, value)) in self.entries.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{key:width$}| ")?;
            match value {
                // Kx's paper shows them without the backquote.
                KdbValue::Symbol(name) if current => f.write_str(name)?,
                value => value.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for KdbValue {
    /// As q writes it in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KdbValue::Symbol(name) => write!(f, "`{name}"),
            KdbValue::Text(text) => quoted(text, f),
            KdbValue::Boolean(value) => write!(f, "{}b", u8::from(*value)),
            KdbValue::Long(value) => value.fmt(f),
            KdbValue::Dictionary(entries) => {
                for (key, _) in entries {
                    write!(f, "`{key}")?;
                }
                f.write_str("!")?;
                let mut before = '(';
                for (_, value) in entries {
                    write!(f, "{before}{value}")?;
                    before = ';';
                }
                f.write_str(")")
            }
        }
    }
}

/// A list of characters. That of one has a comma in front, as it would be a single character otherwise.
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.len() == 1 {
        f.write_str(",")?;
    }
    f.write_str("\"")?;
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b' '..=b'~' => write!(f, "{}", char::from(byte))?,
            other => write!(f, "\\{other:03o}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            protocol: "TLSv1.2",
            cipher: "AES128-GCM-SHA256".into(),
            peer: Some(Certificate {
                subject_one_line: "/C=US/CN=myname.com".into(),
                issuer_one_line: "/C=US/CN=ca.com".into(),
                serial: "01".into(),
                not_before: "Jul  6 10:08:57 2021 GMT".into(),
                not_after: "May 15 10:08:57 2031 GMT".into(),
                ..Certificate::default()
            }),
            ..Facts::default()
        }
    }

    fn printed(facts: &Facts, form: KdbForm) -> String {
        KdbFacts::of(Some(facts), form).to_string()
    }

    #[test]
    fn the_first_form_is_that_of_the_paper() {
        let expected = "CURRENT_CIPHER   | AES128-GCM-SHA256\nCURRENT_PROTOCOL | TLSv1.2";
        assert_eq!(printed(&facts(), KdbForm::Current), expected);
    }

    #[test]
    fn the_newer_form_is_that_of_the_reference() {
        let expected = "CIPHER  | `AES128-GCM-SHA256\nPROTOCOL| `TLSv1.2\nCERT    | `SUBJECT`ISSUER`SERIALNUMBER\
                        `NOTVALIDBEFORE`NOTVALIDAFTER`VERIFIED`VERIFYERROR!(\"/C=US/CN=myname.com\";\
                        \"/C=US/CN=ca.com\";,\"1\";\"Jul  6 10:08:57 2021 GMT\";\"May 15 10:08:57 2031 GMT\";1b;0)";
        assert_eq!(printed(&facts(), KdbForm::Cert), expected);
        assert_eq!(printed(&facts(), KdbForm::LocalCert), expected);
    }

    #[test]
    fn what_was_not_verified_says_so_and_why() {
        let mut facts = facts();
        facts.peer.as_mut().unwrap().verify_error = 10;
        let printed = printed(&facts, KdbForm::Cert);
        assert!(printed.ends_with(";0b;10)"), "{printed}");
    }

    #[test]
    fn a_peer_without_a_certificate_has_no_cert() {
        let facts = Facts {
            peer: None,
            ..facts()
        };
        let expected = "CIPHER  | `AES128-GCM-SHA256\nPROTOCOL| `TLSv1.2";
        assert_eq!(printed(&facts, KdbForm::Cert), expected);
    }

    #[test]
    fn our_own_certificate_is_in_the_newest_form_alone() {
        let facts = Facts {
            own: facts().peer,
            peer: None,
            ..facts()
        };
        assert!(!printed(&facts, KdbForm::Cert).contains("CERT"));
        let expected = "CIPHER    | `AES128-GCM-SHA256\nPROTOCOL  | `TLSv1.2\nLOCAL_CERT| `SUBJECT`ISSUER`SERIALNUMBER\
                        `NOTVALIDBEFORE`NOTVALIDAFTER!(\"/C=US/CN=myname.com\";\"/C=US/CN=ca.com\";,\"1\";\
                        \"Jul  6 10:08:57 2021 GMT\";\"May 15 10:08:57 2031 GMT\")";
        assert_eq!(printed(&facts, KdbForm::LocalCert), expected);
    }

    #[test]
    fn without_tls_the_dictionary_is_empty() {
        for form in KdbForm::ALL {
            let facts = KdbFacts::of(None, form);
            assert!(facts.entries.is_empty());
            assert_eq!(facts.to_string(), "()!()");
        }
    }

    #[test]
    fn texts_are_escaped_as_q_does() {
        let text = |text: &str| KdbValue::Text(text.into()).to_string();
        assert_eq!(text(""), "\"\"");
        assert_eq!(text("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(text("\t\r\n\u{1}\u{e9}"), r#""\t\r\n\001\303\251""#);
        assert_eq!(text("\""), r#","\"""#);
    }

    #[test]
    fn a_serial_number_has_no_zero_in_front() {
        for (serial, expected) in [("01", "1"), ("00", "0"), ("0", "0"), ("A0", "A0"), ("", "")] {
            assert_eq!(short(serial), expected);
        }
    }
}
