//! The PROXY protocol towards a backend: what it is told of a client in front of the client's first byte.
//!
//! The sender's side of haproxy's proxy-protocol.txt, both versions: plain data in, bytes out. Where it leaves a choice
//! this does as haproxy does, as that is what receivers know. Read next: `conn::introduction`, which gathers the data.

use std::net::{IpAddr, SocketAddr};

/// The most bytes of a header: as many as the smallest segment that any host has to take, which both versions were made
/// to fit. Receivers that look at a header before they read it take no more.
const LONGEST: usize = 536;

/// What begins a header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Where the length is of all that follows it.
const LENGTH: usize = 14;

/// Version 2, a connection that is forwarded.
const PROXY: u8 = 0x21;
/// Version 2, a connection of which no address is told. A forwarded one without addresses could be said as well, but
/// receivers may refuse that, and do; this they have to accept.
const LOCAL: u8 = 0x20;

/// Family and protocol.
const UNSPECIFIED: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// Types of values.
const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;
const SSL_SIG_ALG: u8 = 0x24;
const SSL_KEY_ALG: u8 = 0x25;

/// What a value of the type `SSL` says of the client.
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;

/// A client, as a backend is told of it.
#[derive(Debug, Default)]
pub(crate) struct Client<'a> {
    /// Its address, and the one of ours that it connected to, where it has them.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    /// What it negotiated; `None` for a client without TLS.
    pub(crate) tls: Option<Tls<'a>>,
}

/// What a client negotiated.
#[derive(Debug, Default)]
pub(crate) struct Tls<'a> {
    /// OpenSSL's name of the version, such as `TLSv1.3`.
    pub(crate) version: &'a str,
    /// OpenSSL's name of the cipher.
    pub(crate) cipher: &'a str,
    /// The protocol agreed on by ALPN.
    pub(crate) alpn: Option<&'a [u8]>,
    /// The server name that the client asked for: whatever bytes it sent.
    pub(crate) server_name: Option<&'a [u8]>,
    /// By which algorithm the certificate was signed that the client was shown, such as `RSA-SHA256`.
    pub(crate) signature: Option<&'a str>,
    /// Kind and size of that certificate's key, such as `RSA2048`.
    pub(crate) key: Option<&'a str>,
    /// The client's own certificate.
    pub(crate) certificate: Option<Shown<'a>>,
}

/// A certificate that a client has shown.
#[derive(Debug, Default)]
pub(crate) struct Shown<'a> {
    /// In this connection, and not in an earlier one whose session it has resumed.
    pub(crate) now: bool,
    /// What came of verifying it (`X509_V_*`): 0 when it was verified.
    pub(crate) verified: u32,
    /// Its subject's common name: whatever it holds.
    pub(crate) common_name: Option<&'a str>,
}

impl Client<'_> {
    /// The line of version 1.
    pub(crate) fn version_1(&self) -> Vec<u8> {
        let Some((client, ours)) = self.of_one_family() else {
            return b"PROXY UNKNOWN\r\n".to_vec();
        };
        let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (client.ip(), ours.ip());
        let ports = format!("{} {}", client.port(), ours.port());
        format!("PROXY {family} {from} {to} {ports}\r\n").into_bytes()
    }

    /// The block of version 2.
    pub(crate) fn version_2(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(LONGEST);
        header.extend(SIGNATURE);
        match self.of_one_family() {
            Some((client, ours)) => {
                let family = if client.is_ipv4() { TCP4 } else { TCP6 };
                header.extend([PROXY, family, 0, 0]);
                for address in [client.ip(), ours.ip()] {
                    match address {
                        IpAddr::V4(address) => header.extend(address.octets()),
                        IpAddr::V6(address) => header.extend(address.octets()),
                    }
                }
                header.extend(client.port().to_be_bytes());
                header.extend(ours.port().to_be_bytes());
            }
            None => header.extend([LOCAL, UNSPECIFIED, 0, 0]),
        }
        if let Some(tls) = &self.tls {
            tls.add_to(&mut header);
        }
        end_value(&mut header, LENGTH);
        header
    }

    /// Both addresses. IPv4 in the clothes of IPv6 is IPv4: the line of version 1 has no other way to write it.
    fn of_one_family(&self) -> Option<(SocketAddr, SocketAddr)> {
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (client, ours) = self.addresses?;
        let (client, ours) = (plain(client), plain(ours));
        (client.is_ipv4() == ours.is_ipv4()).then_some((client, ours))
    }
}

impl Tls<'_> {
    /// Adds what there is to say of it. The two names come last, as others have chosen how long they are: what does not
    /// fit is one of them.
    fn add_to(&self, header: &mut Vec<u8>) {
        add(header, ALPN, self.alpn);
        let length = begin_value(header, SSL);
        let (flags, verified) = match &self.certificate {
            None => (0, 1), // 0 is for a certificate that was verified
            Some(shown) if shown.now => (CLIENT_CERT_CONN | CLIENT_CERT_SESS, shown.verified),
            Some(shown) => (CLIENT_CERT_SESS, shown.verified),
        };
        header.push(CLIENT_SSL | flags);
        header.extend(verified.to_be_bytes());
        add(header, SSL_VERSION, Some(self.version.as_bytes()));
        add(header, SSL_CIPHER, Some(self.cipher.as_bytes()));
        add(header, SSL_SIG_ALG, self.signature.map(str::as_bytes));
        add(header, SSL_KEY_ALG, self.key.map(str::as_bytes));
        let name = self
            .certificate
            .as_ref()
            .and_then(|shown| shown.common_name);
        add(
            header,
            SSL_CN,
            name.and_then(|name| readable(name.as_bytes())),
        );
        end_value(header, length);
        add(header, AUTHORITY, self.server_name.and_then(readable));
    }
}

/// A name that is text, in one line. Others are left out: a receiver may log it, or take it for a C string, which would
/// end at a zero byte and be another name.
fn readable(name: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(name).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then_some(name)
}

/// Adds a value, whole, where there is one and it fits.
fn add(header: &mut Vec<u8>, kind: u8, value: Option<&[u8]>) {
    let Some(value) = value else {
        return;
    };
    if header.len() + 3 + value.len() <= LONGEST {
        let length = begin_value(header, kind);
        header.extend(value);
        end_value(header, length);
    }
}

/// Begins a value, and says where its length is to be.
fn begin_value(header: &mut Vec<u8>, kind: u8) -> usize {
    header.extend([kind, 0, 0]);
    header.len() - 2
}

/// Ends a value, or the header: its length is written where it is to be.
fn end_value(header: &mut [u8], at: usize) {
    let [.., high, low] = (header.len() - at - 2).to_be_bytes(); // below LONGEST
    header[at..at + 2].copy_from_slice(&[high, low]);
}

#[cfg(test)]
mod tests;
