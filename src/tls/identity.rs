//! A chain and its private key, from one PEM file, judged before any connection: missing, unreadable, not PEM,
//! wrong key, encrypted. What is only odd (expired, readable by others) becomes a note.
//!
//! Not here: whether libssl accepts the key at its security level, which only a context can tell.

use super::pem::{self, Block};
use super::queue::{self, Queue};
use crate::error::{Error, reason};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::path::{Path, PathBuf};

/// A chain, leaf first, and the leaf's key.
pub(super) struct Identity {
    pub(super) file: PathBuf,
    pub(super) leaf: X509,
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
}

impl Identity {
    /// Reads a file with a chain and its key, in either order.
    pub(super) fn read(file: &Path) -> Result<Identity, Error> {
        let text = std::fs::read(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::settings(format!("unable to find SSL keyfile '{}'", file.display()))
            }
            _ => cannot_read("certificate", file, &reason(&error)),
        })?;
        let blocks = pem::blocks(&text);
        let (leaf, chain) = certificates(&blocks, file)?;
        let key = private_key(&text, &blocks, file)?;
        let belongs = leaf.public_key().is_ok_and(|public| public.public_eq(&key));
        queue::clear();
        if !belongs {
            return Err(Error::settings(format!(
                "private key in '{}' does not belong to its certificate",
                file.display()
            )));
        }
        Ok(Identity {
            file: file.to_owned(),
            leaf,
            chain,
            key,
        })
    }
}

/// The leaf and the rest of its chain.
fn certificates(blocks: &[Block<'_>], file: &Path) -> Result<(X509, Vec<X509>), Error> {
    let mut chain = Vec::new();
    for block in blocks.iter().filter(|block| block.is_certificate()) {
        if block.is_encrypted() {
            return Err(cannot_read("certificate", file, "it is encrypted"));
        }
        let certificate = X509::from_pem(block.text)
            .map_err(|stack| cannot_read("certificate", file, &Queue::from(stack).first()))?;
        chain.push(certificate);
    }
    if chain.is_empty() {
        // libcrypto's own words for a file without one.
        let queue = X509::from_pem(b"").map_or_else(Queue::from, |_| Queue::default());
        return Err(cannot_read("certificate", file, &queue.first()));
    }
    let leaf = chain.remove(0);
    Ok((leaf, chain))
}

/// The first private key. Nobody is asked for a passphrase: a server that starts unattended has nobody to ask.
fn private_key(text: &[u8], blocks: &[Block<'_>], file: &Path) -> Result<PKey<Private>, Error> {
    let block = blocks.iter().find(|block| block.is_private_key());
    let key =
        PKey::private_key_from_pem_callback(block.map_or(text, |block| block.text), |_| Ok(0));
    key.map_err(|stack| {
        let refused = Queue::from(stack).first();
        if block.is_some_and(Block::is_encrypted) {
            cannot_read("key", file, &format!("{refused} (the key is encrypted)"))
        } else {
            cannot_read("key", file, &refused)
        }
    })
}

fn cannot_read(what: &str, file: &Path, why: &str) -> Error {
    Error::settings(format!(
        "cannot read {what} from '{}': {why}",
        file.display()
    ))
}
