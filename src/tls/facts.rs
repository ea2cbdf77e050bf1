//! What is known of a connection once its handshake is done.

/// What was negotiated, and who the client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `TLSv1.3` and so on (`SSL_get_version`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (`SSL_CIPHER_get_name`).
    pub cipher: String,
    /// The name in the RFCs (`SSL_CIPHER_standard_name`).
    pub cipher_standard: String,
    /// Strength in bits.
    pub bits: u32,
    /// The key exchange group, where libssl tells it (`SSL_get_negotiated_group`).
    pub group: Option<String>,
    /// The server name the client asked for.
    pub server_name: Option<String>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The certificate the client showed, verified or not.
    pub peer: Option<Certificate>,
}

/// A certificate in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// RFC 2253 subject.
    pub subject: String,
    /// RFC 2253 issuer.
    pub issuer: String,
    /// Hexadecimal serial number.
    pub serial: String,
    /// As OpenSSL prints times.
    pub not_before: String,
    /// As OpenSSL prints times.
    pub not_after: String,
    /// The result of verification in OpenSSL's words; `ok` when it passed.
    pub verified: String,
}
