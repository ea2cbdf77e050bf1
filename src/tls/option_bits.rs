//! The tables behind `options`: every `SSL_OP_*` bit there is, since when, and what it comes to in a TLS server
//! like this one; and what the bits were in OpenSSL 1.0.

use super::sys;

/// What a bit comes to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What its name says, in words.
    Plain(&'static str),
    /// Nothing, and why.
    None(&'static str),
    /// Less security, and how.
    Weaker(&'static str),
}

/// A bit of today's libssl.
pub(super) struct Row {
    pub(super) bit: u32,
    /// Without its `SSL_OP_`.
    pub(super) name: &'static str,
    since: (u64, u64),
    pub(super) effect: Effect,
}

impl Row {
    /// Whether the libssl in use has it.
    pub(super) fn is_known(&self) -> bool {
        let (major, minor) = self.since;
        sys::version_number() >= major << 28 | minor << 20
    }

    pub(super) fn since(&self) -> String {
        format!("{}.{}", self.since.0, self.since.1)
    }
}

/// Before 3.0 no release matters: 1.1.1 is the oldest that is supported.
const ALWAYS: (u64, u64) = (1, 0);

const fn row(bit: u32, name: &'static str, since: (u64, u64), effect: Effect) -> Row {
    Row {
        bit,
        name,
        since,
        effect,
    }
}

const CLIENT: Effect = Effect::None("it is for clients");
const DTLS: Effect = Effect::None("it is for DTLS");
const ECH: Effect = Effect::None("no encrypted ClientHello is offered");
const OWN_BIO: Effect =
    Effect::None("records pass through memory here, where kernel TLS cannot take part");

pub(super) const BITS: &[Row] = &[
    row(
        0,
        "NO_EXTENDED_MASTER_SECRET",
        (3, 0),
        Effect::Weaker("TLS 1.2 sessions are not bound to their handshake"),
    ),
    row(
        1,
        "CLEANSE_PLAINTEXT",
        (3, 0),
        Effect::Plain("libssl wipes plaintext that was read from its buffers"),
    ),
    row(2, "LEGACY_SERVER_CONNECT", ALWAYS, CLIENT),
    row(3, "ENABLE_KTLS", (3, 0), OWN_BIO),
    row(4, "TLSEXT_PADDING", ALWAYS, CLIENT),
    row(
        6,
        "SAFARI_ECDHE_ECDSA_BUG",
        ALWAYS,
        Effect::Plain("no ECDHE-ECDSA for Safari on OS X 10.8, which fails at it"),
    ),
    row(
        7,
        "IGNORE_UNEXPECTED_EOF",
        (3, 0),
        Effect::Weaker("a stream that was cut looks complete"),
    ),
    row(
        8,
        "ALLOW_CLIENT_RENEGOTIATION",
        (3, 0),
        Effect::Weaker("clients can make the server repeat handshakes"),
    ),
    row(
        9,
        "DISABLE_TLSEXT_CA_NAMES",
        (3, 0),
        Effect::Plain("TLS 1.3 clients are not told which CAs are accepted"),
    ),
    row(
        10,
        "ALLOW_NO_DHE_KEX",
        ALWAYS,
        Effect::Weaker("resumed TLS 1.3 sessions may do without forward secrecy"),
    ),
    row(
        11,
        "DONT_INSERT_EMPTY_FRAGMENTS",
        ALWAYS,
        Effect::Weaker("TLS 1.0 with CBC ciphers is open to a chosen-plaintext attack"),
    ),
    row(12, "NO_QUERY_MTU", ALWAYS, DTLS),
    row(13, "COOKIE_EXCHANGE", ALWAYS, DTLS),
    row(
        14,
        "NO_TICKET",
        ALWAYS,
        Effect::Plain("no stateless tickets: only sessions kept on the server are resumed"),
    ),
    row(15, "CISCO_ANYCONNECT", ALWAYS, DTLS),
    row(
        16,
        "NO_SESSION_RESUMPTION_ON_RENEGOTIATION",
        ALWAYS,
        Effect::Plain("a renegotiation makes a new session"),
    ),
    row(
        17,
        "NO_COMPRESSION",
        ALWAYS,
        Effect::Plain("no TLS compression"),
    ),
    row(
        18,
        "ALLOW_UNSAFE_LEGACY_RENEGOTIATION",
        ALWAYS,
        Effect::Weaker("an attacker can put bytes in front of a client's (CVE-2009-3555)"),
    ),
    row(
        19,
        "NO_ENCRYPT_THEN_MAC",
        ALWAYS,
        Effect::Weaker("CBC ciphers authenticate before they encrypt"),
    ),
    row(
        20,
        "ENABLE_MIDDLEBOX_COMPAT",
        ALWAYS,
        Effect::Plain("TLS 1.3 looks like TLS 1.2 to what stands between"),
    ),
    row(
        21,
        "PRIORITIZE_CHACHA",
        ALWAYS,
        Effect::Plain(
            "ChaCha20 first for clients that put it first, with CIPHER_SERVER_PREFERENCE",
        ),
    ),
    row(
        22,
        "CIPHER_SERVER_PREFERENCE",
        ALWAYS,
        Effect::Plain("the server's order of ciphers decides"),
    ),
    row(
        23,
        "TLS_ROLLBACK_BUG",
        ALWAYS,
        Effect::Weaker("a lowered version goes unnoticed with RSA key exchange"),
    ),
    row(
        24,
        "NO_ANTI_REPLAY",
        ALWAYS,
        Effect::None("no early data is accepted"),
    ),
    row(25, "NO_SSLv3", ALWAYS, Effect::Plain("no SSLv3")),
    row(26, "NO_TLSv1", ALWAYS, Effect::Plain("no TLS 1.0")),
    row(27, "NO_TLSv1_2", ALWAYS, Effect::Plain("no TLS 1.2")),
    row(28, "NO_TLSv1_1", ALWAYS, Effect::Plain("no TLS 1.1")),
    row(29, "NO_TLSv1_3", ALWAYS, Effect::Plain("no TLS 1.3")),
    row(
        30,
        "NO_RENEGOTIATION",
        ALWAYS,
        Effect::Plain("no renegotiation in TLS 1.2 and older"),
    ),
    row(
        31,
        "CRYPTOPRO_TLSEXT_BUG",
        ALWAYS,
        Effect::Plain("an extension that old clients with GOST ciphers need"),
    ),
    row(
        32,
        "NO_TX_CERTIFICATE_COMPRESSION",
        (3, 2),
        Effect::Plain("certificates are sent as they are"),
    ),
    row(
        33,
        "NO_RX_CERTIFICATE_COMPRESSION",
        (3, 2),
        Effect::Plain("clients are not offered to compress certificates"),
    ),
    row(34, "ENABLE_KTLS_TX_ZEROCOPY_SENDFILE", (3, 2), OWN_BIO),
    row(
        35,
        "PREFER_NO_DHE_KEX",
        (3, 3),
        Effect::Plain("with ALLOW_NO_DHE_KEX, resumption without a new key exchange is preferred"),
    ),
    row(
        36,
        "LEGACY_EC_POINT_FORMATS",
        (4, 0),
        Effect::Plain("the extension for point formats is sent as it used to be"),
    ),
    row(37, "ECH_GREASE", (4, 0), CLIENT),
    row(38, "ECH_TRIALDECRYPT", (4, 0), ECH),
    row(39, "ECH_IGNORE_CID", (4, 0), CLIENT),
    row(40, "ECH_GREASE_RETRY_CONFIG", (4, 0), ECH),
];

/// Names of several bits, and second names of one.
pub(super) const COLLECTIONS: &[(&str, u64)] = &[
    ("ALL", super::options::ALL),
    ("NO_SSL_MASK", 0x3E00_0000),
    ("NO_DTLS_MASK", 0x0C00_0000),
    ("NO_DTLSv1", 0x0400_0000),
    ("NO_DTLSv1_2", 0x0800_0000),
    ("SERVER_PREFERENCE", 0x0040_0000),
];

/// Names that OpenSSL keeps, with the value 0.
pub(super) const DROPPED_NAMES: &[&str] = &[
    "MICROSOFT_SESS_ID_BUG",
    "NETSCAPE_CHALLENGE_BUG",
    "NETSCAPE_REUSE_CIPHER_CHANGE_BUG",
    "SSLREF2_REUSE_CERT_TYPE_BUG",
    "MICROSOFT_BIG_SSLV3_BUFFER",
    "MSIE_SSLV2_RSA_PADDING",
    "SSLEAY_080_CLIENT_DH_BUG",
    "TLS_D5_BUG",
    "TLS_BLOCK_PADDING_BUG",
    "SINGLE_ECDH_USE",
    "SINGLE_DH_USE",
    "EPHEMERAL_RSA",
    "NO_SSLv2",
    "PKCS1_CHECK_1",
    "PKCS1_CHECK_2",
    "NETSCAPE_CA_DN_BUG",
    "NETSCAPE_DEMO_CIPHER_CHANGE_BUG",
];

/// A bit of OpenSSL 1.0.
pub(super) struct Old {
    pub(super) bit: u32,
    pub(super) name: &'static str,
    /// What says the same today; 0 where nothing has to.
    pub(super) today: u64,
}

const fn old(bit: u32, name: &'static str, today: u64) -> Old {
    Old { bit, name, today }
}

const fn same(bit: u32, name: &'static str) -> Old {
    old(bit, name, 1 << bit)
}

pub(super) const OLD_BITS: &[Old] = &[
    old(0, "MICROSOFT_SESS_ID_BUG", 0),
    old(1, "NETSCAPE_CHALLENGE_BUG", 0),
    same(2, "LEGACY_SERVER_CONNECT"),
    old(3, "NETSCAPE_REUSE_CIPHER_CHANGE_BUG", 0),
    old(4, "SSLREF2_REUSE_CERT_TYPE_BUG", 0),
    old(5, "MICROSOFT_BIG_SSLV3_BUFFER", 0),
    same(6, "SAFARI_ECDHE_ECDSA_BUG"),
    old(7, "SSLEAY_080_CLIENT_DH_BUG", 0),
    old(8, "TLS_D5_BUG", 0),
    old(9, "TLS_BLOCK_PADDING_BUG", 0),
    same(11, "DONT_INSERT_EMPTY_FRAGMENTS"),
    same(12, "NO_QUERY_MTU"),
    same(13, "COOKIE_EXCHANGE"),
    same(14, "NO_TICKET"),
    same(15, "CISCO_ANYCONNECT"),
    same(16, "NO_SESSION_RESUMPTION_ON_RENEGOTIATION"),
    same(17, "NO_COMPRESSION"),
    same(18, "ALLOW_UNSAFE_LEGACY_RENEGOTIATION"),
    old(19, "SINGLE_ECDH_USE", 0),
    old(20, "SINGLE_DH_USE", 0),
    old(21, "EPHEMERAL_RSA", 0),
    same(22, "CIPHER_SERVER_PREFERENCE"),
    same(23, "TLS_ROLLBACK_BUG"),
    old(24, "NO_SSLv2", 0),
    same(25, "NO_SSLv3"),
    same(26, "NO_TLSv1"),
    same(27, "NO_TLSv1_2"),
    same(28, "NO_TLSv1_1"),
    old(29, "NETSCAPE_CA_DN_BUG", 0),
    old(30, "NETSCAPE_DEMO_CIPHER_CHANGE_BUG", 0),
    same(31, "CRYPTOPRO_TLSEXT_BUG"),
];
