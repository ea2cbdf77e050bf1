//! Finding the blocks of a PEM file, so that each can be handed to libcrypto by its kind. Decoding is libcrypto's.

use super::queue::Queue;
use crate::error::Error;
use openssl::error::ErrorStack;
use openssl::x509::X509;

/// One block, from its BEGIN line to its END line.
pub(super) struct Block<'a> {
    /// What stands between `-----BEGIN ` and `-----`.
    pub(super) label: &'a str,
    /// The block with both its lines.
    pub(super) text: &'a [u8],
}

impl Block<'_> {
    /// Whether it holds a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(
            self.label,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
        )
    }

    /// Whether it holds a private key, of any form.
    pub(super) fn is_private_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }

    /// Whether it holds a revocation list.
    pub(super) fn is_crl(&self) -> bool {
        self.label == "X509 CRL"
    }

    /// Whether a passphrase is needed to read it.
    pub(super) fn is_encrypted(&self) -> bool {
        self.label.starts_with("ENCRYPTED ")
            || self.text.split(|&byte| byte == b'\n').any(|line| {
                line.starts_with(b"Proc-Type:") && line.windows(9).any(|w| w == b"ENCRYPTED")
            })
    }
}

/// The blocks of a file, in order. A block whose END line is missing reaches to the end of the file.
pub(super) fn blocks(file: &[u8]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        let start = at;
        at += line.len();
        match open {
            None => open = label(line, b"-----BEGIN ").map(|label| (label, start)),
            Some((label_open, begin)) => {
                if label(line, b"-----END ").is_some() {
                    found.push(Block {
                        label: label_open,
                        text: &file[begin..at],
                    });
                    open = None;
                }
            }
        }
    }
    if let Some((label, begin)) = open {
        found.push(Block {
            label,
            text: &file[begin..],
        });
    }
    found
}

/// Every certificate among some blocks; the error is OpenSSL's, at the first that is broken, or for none at all.
pub(super) fn certificates(blocks: &[Block<'_>]) -> Result<Vec<X509>, Error> {
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| block.is_certificate()) {
        if block.is_encrypted() {
            return Err(Error::settings("it is encrypted")); // libcrypto would ask for a passphrase on the terminal
        }
        found.push(X509::from_pem(block.text).map_err(|stack| refused(stack, ""))?);
    }
    if found.is_empty() {
        // libcrypto's own words for a file without one, and ours.
        let none = " (there is no certificate in it)";
        found.push(X509::from_pem(b"").map_err(|stack| refused(stack, none))?);
    }
    Ok(found)
}

/// Why OpenSSL made nothing of a block, in its words and then in ours.
pub(super) fn refused(stack: ErrorStack, ours: &str) -> Error {
    let queue = Queue::from(stack);
    queue.beside(Error::settings(format!("{}{ours}", queue.first())))
}

/// The label of a line that opens or closes a block.
fn label<'a>(line: &'a [u8], opening: &[u8]) -> Option<&'a str> {
    let rest = line.trim_ascii_end().strip_prefix(opening)?;
    std::str::from_utf8(rest.strip_suffix(b"-----")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_between_other_text_and_keep_their_lines() {
        let file = b"subject: x\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\nnoise\n\
            -----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nBB==\r\n-----END EC PRIVATE KEY-----\r\n";
        let found = blocks(file);
        assert_eq!(found.len(), 2);
        assert!(found[0].is_certificate() && !found[0].is_encrypted());
        assert!(found[0].text.starts_with(b"-----BEGIN") && found[0].text.ends_with(b"-----\n"));
        assert!(found[1].is_private_key() && found[1].is_encrypted());
    }

    #[test]
    fn a_block_without_its_end_reaches_to_the_end_of_the_file() {
        let found = blocks(b"-----BEGIN X509 CRL-----\nAA==");
        assert_eq!(found.len(), 1);
        assert!(found[0].is_crl());
        assert!(found[0].text.ends_with(b"AA=="));
    }

    #[test]
    fn text_that_is_not_pem_has_no_blocks() {
        assert!(blocks(b"").is_empty());
        assert!(blocks(b" -----BEGIN CERTIFICATE-----\n-----BEGIN \xff-----\n").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_to_blocks_that_lie_within_them(
            parts in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::strategy::Just(b"-----BEGIN CERTIFICATE-----\n".to_vec()),
                    proptest::strategy::Just(b"-----END CERTIFICATE-----\r\n".to_vec()),
                    proptest::strategy::Just(b"-----BEGIN ".to_vec()),
                    proptest::collection::vec(0u8.., 0..40),
                ],
                0..12,
            )
        ) {
            let file = parts.concat();
            let blocks = blocks(&file);
            let covered: usize = blocks.iter().map(|block| block.text.len()).sum();
            proptest::prop_assert!(covered <= file.len());
            for block in &blocks {
                proptest::prop_assert!(block.text.starts_with(b"-----BEGIN "));
            }
            let _ = certificates(&blocks);
        }
    }
}
