//! Whom a client means to reach: the name or address that the server's certificate has to be for, and what is sent
//! of it (SNI).
//!
//! Which CAs are trusted is the context's matter.

use super::queue::Queue;
use crate::error::{Error, Kind};
use openssl::error::ErrorStack;
use openssl::ssl::{SslRef, SslVerifyMode};
use openssl::x509::verify::X509CheckFlags;
use std::net::IpAddr;

/// Whom a client means to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server<'a> {
    /// The server whose certificate is for this host name or address. A name is also sent.
    Verified(&'a str),
    /// Any server whose certificate is of a CA that is trusted, whomever it is for. A name, if there is one, is sent.
    Trusted(Option<&'a str>),
    /// Whoever answers: its certificate is not looked at. A name, if there is one, is sent.
    Unverified(Option<&'a str>),
}

impl Server<'_> {
    /// Has libssl look for it.
    pub(super) fn expect(self, ssl: &mut SslRef) -> Result<(), Error> {
        let (host, named, mode) = match self {
            Server::Verified(text) => (Some(text), true, SslVerifyMode::PEER),
            Server::Trusted(text) => (text, false, SslVerifyMode::PEER),
            Server::Unverified(text) => (text, false, SslVerifyMode::NONE),
        };
        ssl.set_verify(mode);
        let Some(host) = host else {
            return Ok(());
        };
        let host = Host::parse(host)?;
        host.set(ssl, named).map_err(|stack| {
            let queue = Queue::from(stack);
            let text = format!("cannot make a channel: {}", queue.reason());
            Error::new(Kind::Tls, text).caused_by(queue.to_string())
        })
    }
}

/// A server as certificates name it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

impl<'a> Host<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Host<'a>, Error> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse() {
            return Ok(Host::Address(address));
        }
        // The dot that makes a name absolute stands in no certificate, and RFC 6066 keeps it out of the SNI.
        let name = text.strip_suffix('.').unwrap_or(text);
        if is_name(name) {
            return Ok(Host::Name(name));
        }
        let shown = text.escape_debug();
        let text = format!("'{shown}' is not a host name or address");
        Err(Error::new(Kind::Usage, text))
    }

    /// `SSL_set_tlsext_host_name` for a name; `X509_VERIFY_PARAM_set1_host` or `_set1_ip` where the certificate has to be
    /// for it.
    fn set(&self, ssl: &mut SslRef, named: bool) -> Result<(), ErrorStack> {
        if let Host::Name(name) = self {
            ssl.set_hostname(name)?;
        }
        if !named {
            return Ok(());
        }
        let param = ssl.param_mut();
        param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match self {
            Host::Name(name) => param.set_host(name),
            Host::Address(address) => param.set_ip(*address),
        }
    }
}

/// Whether a certificate could be for it: a leading dot would stand for every name below, a number at the end for a
/// part of an address.
fn is_name(text: &str) -> bool {
    let in_order = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut labels = text.rsplit('.');
    let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253
        && text.chars().all(in_order)
        && text.split('.').all(|label| (1..=63).contains(&label.len()))
        && !labels.next().is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        let name = |text| Host::parse(text).unwrap();
        assert_eq!(name("db.example.org"), Host::Name("db.example.org"));
        assert_eq!(name("localhost"), Host::Name("localhost"));
        assert_eq!(name("db.example.org."), Host::Name("db.example.org"));
        for text in ["::1", "[::1]"] {
            assert_eq!(name(text), Host::Address("::1".parse().unwrap()));
        }
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(name("192.0.2.1"), Host::Address(address));
    }

    #[test]
    fn what_no_certificate_can_be_for_is_refused() {
        let long = ["a"; 128].join(".");
        let label = "a".repeat(64);
        for text in [
            "",
            ".",
            ".example.org",
            "a..b",
            "*.example.org",
            "a b",
            "a\0b",
            "bücher.example",
            "127.1",
            "1",
            "fe80::1%lo",
            "[example.org]",
            "https://a",
            "a:443",
            &long,
            &label,
        ] {
            let refused = Host::parse(text).expect_err(text);
            assert_eq!(refused.kind(), Kind::Usage);
            let shown = text.escape_debug();
            assert_eq!(
                refused.to_string(),
                format!("'{shown}' is not a host name or address")
            );
        }
    }
}
