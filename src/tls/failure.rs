//! Why a handshake failed: a class to count, and one line to log.

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No version, cipher, group or signature algorithm in common.
    NothingInCommon,
    /// The client's certificate was missing or not accepted.
    ClientCertificate,
    /// The client ended it with an alert.
    ClientAlert,
    /// What came was not TLS.
    NotTls,
    /// The client went away.
    Gone,
    /// The deadline passed.
    Timeout,
    /// Anything else.
    Other,
}

impl Failure {
    /// Every reason.
    pub const ALL: [Failure; 7] = [
        Failure::NothingInCommon,
        Failure::ClientCertificate,
        Failure::ClientAlert,
        Failure::NotTls,
        Failure::Gone,
        Failure::Timeout,
        Failure::Other,
    ];

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Failure::NothingInCommon => "nothing in common",
            Failure::ClientCertificate => "client certificate",
            Failure::ClientAlert => "alert from the client",
            Failure::NotTls => "not TLS",
            Failure::Gone => "client went away",
            Failure::Timeout => "timeout",
            Failure::Other => "other",
        }
    }
}
