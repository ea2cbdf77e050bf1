//! How single values are read and written: booleans, sizes, times, versions, masks.

use super::{Protocol, Version};
use std::fmt;

impl Protocol {
    /// The selector's number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Version {
    /// OpenSSL's name, as in `MinProtocol`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::Tls1 => "TLSv1",
            Version::Tls1_1 => "TLSv1.1",
            Version::Tls1_2 => "TLSv1.2",
            Version::Tls1_3 => "TLSv1.3",
        })
    }
}
