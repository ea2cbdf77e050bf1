//! The names that `openssl rehash` gives to what is in a directory: the hash of a certificate's subject, or of a
//! revocation list's issuer, and a number.

/// `HHHHHHHH.N`, of a certificate.
pub(super) fn is_of_certificate(name: &[u8]) -> bool {
    is_hashed(name, b".")
}

/// `HHHHHHHH.rN`, of a revocation list.
pub(super) fn is_of_list(name: &[u8]) -> bool {
    is_hashed(name, b".r")
}

fn is_hashed(name: &[u8], between: &[u8]) -> bool {
    let Some((hash, rest)) = name.split_at_checked(8) else {
        return false;
    };
    let number = rest.strip_prefix(between).unwrap_or_default();
    hash.iter().all(u8::is_ascii_hexdigit)
        && !number.is_empty()
        && number.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_certificate_of_a_list_or_of_neither() {
        for (name, of_certificate, of_list) in [
            ("0a1b2c3d.0", true, false),
            ("ffffffff.12", true, false),
            ("0a1b2c3d.r0", false, true),
            ("ffffffff.r12", false, true),
            ("0a1b2c3d.", false, false),
            ("0a1b2c3d.r", false, false),
            ("0a1b2c3.r0", false, false),
            ("xa1b2c3d.0", false, false),
            ("0a1b2c3d.0~", false, false),
            ("0a1b2c3d.r0~", false, false),
            ("", false, false),
            ("crl.pem", false, false),
        ] {
            let found = (
                is_of_certificate(name.as_bytes()),
                is_of_list(name.as_bytes()),
            );
            assert_eq!(found, (of_certificate, of_list), "{name}");
        }
    }
}
