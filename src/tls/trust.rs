//! What client certificates are checked against: CAs and revocation lists, read once.

use super::pem;
use super::queue::Queue;
use crate::error::{Error, reason};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509Name};
use std::path::Path;

/// CAs, in the order of their file.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) authorities: Vec<X509>,
}

impl Trust {
    /// Reads a PEM file of CAs.
    pub(super) fn read(file: &Path) -> Result<Trust, Error> {
        let refuse = |why: &str| {
            Error::settings(format!(
                "cannot load CA certificates from '{}': {why}",
                file.display()
            ))
        };
        let text = std::fs::read(file).map_err(|error| refuse(&reason(&error)))?;
        let mut authorities = Vec::new();
        for block in pem::blocks(&text) {
            if block.is_certificate() && !block.is_encrypted() {
                authorities.push(
                    X509::from_pem(block.text)
                        .map_err(|stack| refuse(&Queue::from(stack).first()))?,
                );
            }
        }
        if authorities.is_empty() {
            let queue = X509::from_pem(b"").map_or_else(Queue::from, |_| Queue::default());
            return Err(refuse(&queue.first()));
        }
        Ok(Trust { authorities })
    }

    /// The names announced to clients.
    pub(super) fn names(&self) -> Result<Stack<X509Name>, Queue> {
        let mut names = Stack::new()?;
        for authority in &self.authorities {
            names.push(authority.subject_name().to_owned()?)?;
        }
        Ok(names)
    }

    /// A store of its own for one context, so that workers share no lock.
    pub(super) fn store(&self) -> Result<X509Store, Queue> {
        let mut store = X509StoreBuilder::new()?;
        for authority in &self.authorities {
            store.add_cert(authority.clone())?;
        }
        Ok(store.build())
    }
}
