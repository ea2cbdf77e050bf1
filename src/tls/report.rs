//! What libssl makes of a policy: for `tlsport show`, the log at start, and the status page.

/// A policy as libssl understands it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The libssl in use (`OpenSSL_version`).
    pub library: String,
    /// The openssl.cnf that was loaded.
    pub config_file: String,
    /// Lowest version that can be negotiated, `none` when nothing can.
    pub min_protocol: String,
    /// Highest version that can be negotiated.
    pub max_protocol: String,
    /// Suites in order, TLS 1.3 first.
    pub ciphers: Vec<CipherLine>,
    /// Groups in order, where libssl tells them.
    pub groups: Vec<String>,
    /// Security level.
    pub security_level: u32,
    /// `SSL_OP_*` names of the bits that are set.
    pub options: Vec<String>,
    /// The whole mask.
    pub options_mask: u64,
    /// `none`, `request` or `require`.
    pub verify_client: String,
    /// Chains and keys.
    pub identities: Vec<Identity>,
    /// `off`, or size and timeout.
    pub session_cache: String,
    /// `on`, `off`, and where the keys come from.
    pub session_tickets: String,
    /// Protocol names offered by ALPN.
    pub alpn: Vec<String>,
}

/// One suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherLine {
    /// OpenSSL's name.
    pub name: String,
    /// The RFCs' name.
    pub standard_name: String,
    /// Lowest version it is used with.
    pub protocol: String,
    /// Strength in bits.
    pub bits: u32,
}

/// One chain and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The server name it serves; `None` for the default.
    pub server_name: Option<String>,
    /// The file it came from.
    pub file: String,
    /// RFC 2253 subject of the leaf.
    pub subject: String,
    /// DNS names and addresses of the leaf.
    pub names: Vec<String>,
    /// `RSA 2048`, `EC prime256v1`, `ED25519` and so on.
    pub key: String,
    /// End of validity, as OpenSSL prints times.
    pub not_after: String,
    /// Days until then; negative when it has passed.
    pub days_left: i64,
    /// How many certificates are sent.
    pub chain_length: usize,
}
