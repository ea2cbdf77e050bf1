//! What a cipher string comes to, as `openssl ciphers` shows it: the same calls in the same order.
//!
//! The string goes to libssl as it is. Not here: the suites of a whole policy, which its report lists.

use super::{library, queue::Queue, sys};
use crate::error::{Error, Kind};
use crate::settings::Version;
use openssl::ssl::{Ssl, SslCipherRef, SslContext, SslContextBuilder, SslMethod};

/// What is asked, as the options of `openssl ciphers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The cipher string for TLS 1.2 and older; `None` is the library's own.
    pub cipher_list: Option<String>,
    /// TLS 1.3 suites (`-ciphersuites`); `None` is the library's own.
    pub ciphersuites: Option<String>,
    /// Only this version (`-tls1` to `-tls1_3`). Narrows the answer together with `supported` alone.
    pub version: Option<Version>,
    /// Only what can be used (`-s`).
    pub supported: bool,
    /// As if pre-shared keys were set up (`-psk`).
    pub psk: bool,
    /// As if SRP were set up (`-srp`).
    pub srp: bool,
}

/// One suite of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// OpenSSL's name.
    pub name: String,
    /// The RFCs' name, where there is one.
    pub standard_name: Option<String>,
    /// Lowest version it is used with.
    pub protocol: String,
    /// Strength in bits.
    pub bits: u32,
    /// `SSL_CIPHER_get_id`: the number in the protocol, under 0x03000000.
    pub id: u32,
    /// `SSL_CIPHER_description`, without the end of its line.
    pub description: String,
}

/// The suites that a query comes to, in order.
///
/// # Errors
/// libssl's reason when it cannot make anything of a string.
pub fn expand(query: &Query) -> Result<Vec<Suite>, Error> {
    library::start()?;
    let mut texts = query.cipher_list.iter().chain(&query.ciphersuites);
    if let Some(text) = texts.find(|text| text.contains('\0')) {
        let text = text.escape_debug();
        return Err(Error::settings(format!("'{text}' holds a zero byte")));
    }
    let cannot = |tried: String, queue: Queue| {
        Error::new(Kind::Settings, format!("{tried}: {}", queue.first()))
            .caused_by(queue.to_string())
    };
    let new = SslContext::builder(SslMethod::tls_server());
    let mut context =
        new.map_err(|stack| cannot("cannot create SSL context".into(), stack.into()))?;
    let version = query.version.map(super::protocol::wire_version);
    let mut bounded = context.set_min_proto_version(version);
    bounded = bounded.and_then(|()| context.set_max_proto_version(version));
    bounded.map_err(|stack| cannot("cannot set SSL protocol versions".into(), stack.into()))?;
    pretend(&mut context, query);
    if let Some(suites) = &query.ciphersuites {
        let set = context.set_ciphersuites(suites);
        set.map_err(|stack| {
            cannot(
                format!("cannot set SSL ciphersuites '{suites}'"),
                stack.into(),
            )
        })?;
    }
    if let Some(list) = &query.cipher_list {
        let set = context.set_cipher_list(list);
        set.map_err(|stack| cannot(format!("cannot set SSL cipher list '{list}'"), stack.into()))?;
    }
    let mut ssl = Ssl::new(&context.build())
        .map_err(|stack| cannot("cannot create SSL".into(), stack.into()))?;
    let mut suites = Vec::new();
    sys::for_each_cipher(&mut ssl, query.supported, |cipher| {
        suites.push(Suite::of(cipher))
    });
    Ok(suites)
}

/// OpenSSL's name of a suite by its name in the RFCs (`-convert`).
pub fn openssl_name(standard_name: &str) -> Option<&'static str> {
    if standard_name.contains('\0') {
        return None;
    }
    Some(openssl::ssl::cipher_name(standard_name)).filter(|name| *name != "(NONE)")
}

/// Sets up key exchanges that libssl hides while nobody could use them.
fn pretend(context: &mut SslContextBuilder, query: &Query) {
    if query.psk {
        context.set_psk_client_callback(|_, _, _, _| Ok(0));
    }
    if query.srp {
        sys::pretend_srp(context);
    }
}

impl Suite {
    fn of(cipher: &SslCipherRef) -> Suite {
        Suite {
            name: cipher.name().to_owned(),
            standard_name: cipher.standard_name().map(str::to_owned),
            protocol: cipher.version().to_owned(),
            bits: cipher.bits().secret.unsigned_abs(),
            id: sys::cipher_id(cipher),
            description: cipher.description().trim_end_matches('\n').to_owned(),
        }
    }

    /// A line of `openssl ciphers -v`; with its code, of `-V`; with its standard name, of `-stdname`.
    pub fn line(&self, with_code: bool, with_standard_name: bool) -> String {
        let mut line = String::new();
        if with_code {
            line.push_str(&self.code());
            line.push_str(" - ");
        }
        if with_standard_name {
            let name = self.standard_name.as_deref().unwrap_or("UNKNOWN");
            // The program of 1.1.1 does not align them.
            let width = if cfg!(openssl3) { 45 } else { 0 };
            line.push_str(&format!("{name:<width$} - "));
        }
        line.push_str(&self.description);
        line
    }

    /// The number in the protocol, as `-V` writes it.
    fn code(&self) -> String {
        let [family, a, b, c] = self.id.to_be_bytes();
        if family == 3 {
            format!("{:10}0x{b:02X},0x{c:02X}", "")
        } else {
            format!("0x{family:02X},0x{a:02X},0x{b:02X},0x{c:02X}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What the openssl program says to the same question, or its exit for one it refuses.
    fn openssl_says(flags: &[&str], list: &str) -> Option<String> {
        let output = Command::new("openssl")
            .arg("ciphers")
            .args(flags)
            .arg(list)
            .output()
            .expect("the openssl program is installed");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn ours(query: &Query, verbose: Option<(bool, bool)>) -> Option<String> {
        let suites = expand(query).ok()?;
        Some(match verbose {
            None => {
                let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
                names.join(":") + "\n"
            }
            Some((code, standard)) => suites
                .iter()
                .map(|suite| suite.line(code, standard) + "\n")
                .collect(),
        })
    }

    fn query(list: &str) -> Query {
        Query {
            cipher_list: Some(list.into()),
            ..Query::default()
        }
    }

    #[test]
    #[cfg_attr(
        feature = "vendored",
        ignore = "the openssl program here is of another release"
    )]
    fn a_string_comes_to_what_the_openssl_program_says() {
        for list in [
            "DEFAULT",
            "ALL:COMPLEMENTOFALL",
            "HIGH:!EXPORT:!aNULL@STRENGTH",
            "ECDHE+AESGCM:!aNULL",
            "kRSA+AES:+AES256:@SECLEVEL=1",
            "@SECLEVEL=0:ALL",
            "nothing-like-it",
            "",
            "AES128-SHA:nothing-like-it:-SHA",
            "ECDHE-RSA-AES128-GCM-SHA256,AES256-SHA AES128-SHA",
            "eNULL@SECLEVEL=0",
            "!ALL",
        ] {
            assert_eq!(ours(&query(list), None), openssl_says(&[], list), "{list}");
        }
    }

    #[test]
    #[cfg_attr(
        feature = "vendored",
        ignore = "the openssl program here is of another release"
    )]
    fn every_form_of_the_listing_is_the_same() {
        let list = "ALL:eNULL:@SECLEVEL=0";
        for (flags, verbose) in [
            (&["-v"][..], (false, false)),
            (&["-V"], (true, false)),
            (&["-stdname"], (false, true)),
            (&["-V", "-stdname"], (true, true)),
        ] {
            let ours = ours(&query(list), Some(verbose));
            assert_eq!(ours, openssl_says(flags, list), "{flags:?}");
        }
    }

    #[test]
    #[cfg_attr(
        feature = "vendored",
        ignore = "the openssl program here is of another release"
    )]
    fn every_filter_gives_the_same() {
        let base = query("ALL:@SECLEVEL=0");
        let version = |version| Query {
            version: Some(version),
            supported: true,
            ..base.clone()
        };
        let supported = Query {
            supported: true,
            ..base.clone()
        };
        for (flags, query) in [
            (&["-s"][..], supported.clone()),
            (&["-s", "-tls1"], version(Version::Tls1)),
            (&["-s", "-tls1_1"], version(Version::Tls1_1)),
            (&["-s", "-tls1_2"], version(Version::Tls1_2)),
            (&["-s", "-tls1_3"], version(Version::Tls1_3)),
            (
                &["-s", "-psk"],
                Query {
                    psk: true,
                    ..supported.clone()
                },
            ),
            (
                &["-s", "-srp"],
                Query {
                    srp: true,
                    ..supported.clone()
                },
            ),
            (
                &["-ciphersuites", "TLS_AES_128_GCM_SHA256"],
                Query {
                    ciphersuites: Some("TLS_AES_128_GCM_SHA256".into()),
                    ..base.clone()
                },
            ),
            (
                &["-ciphersuites", ""],
                Query {
                    ciphersuites: Some(String::new()),
                    ..base.clone()
                },
            ),
        ] {
            assert_eq!(
                ours(&query, None),
                openssl_says(flags, "ALL:@SECLEVEL=0"),
                "{flags:?}"
            );
        }
    }

    #[test]
    fn a_string_without_a_match_is_refused_in_the_words_of_arangodb() {
        let error = expand(&query("nothing-like-it")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot set SSL cipher list 'nothing-like-it': error:"),
            "{text}"
        );
        assert!(text.ends_with("no cipher match"), "{text}");
    }

    #[test]
    fn standard_names_are_converted() {
        assert_eq!(
            openssl_name("TLS_RSA_WITH_AES_128_CBC_SHA"),
            Some("AES128-SHA")
        );
        assert_eq!(openssl_name("TLS_NOTHING"), None);
        assert_eq!(openssl_name("a\0b"), None);
    }
}
