//! A chain and its private key, from one PEM file or two, judged before any connection: missing, unreadable, not PEM,
//! wrong key, encrypted. What is only odd (expired, readable by others) becomes a note.
//!
//! Not here: whether libssl accepts the key at its security level, which only a context can tell.

use super::files::{self, Content, Unreadable};
use super::passphrase::{self, Asked, Occasion};
use super::pem::{self, Block};
use super::queue;
use super::validity::{self, Validity};
use crate::error::Error;
use crate::settings::{KeyPermissions, Note, Policy, Words};
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private};
use openssl::x509::{GeneralNameRef, X509, X509Ref};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Larger than any chain and key.
const LARGEST_FILE: u64 = 1 << 20;

/// A chain, leaf first, and the leaf's key.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) file: PathBuf,
    pub(super) leaf: X509,
    pub(super) chain: Vec<X509>,
    key: PKey<Private>,
}

/// Why there is no identity, and which of its two files is to blame.
pub(super) struct Refused {
    pub(super) of_certificate: bool,
    pub(super) why: Error,
}

impl From<Error> for Refused {
    fn from(why: Error) -> Refused {
        let of_certificate = false;
        Refused {
            of_certificate,
            why,
        }
    }
}

impl Identity {
    /// Reads a chain and its key from the key file, in either order, or from a file each.
    pub(super) fn read(
        cert_file: Option<&Path>,
        key_file: &Path,
        policy: &Policy,
        occasion: Occasion,
    ) -> Result<(Identity, Vec<Note>), Refused> {
        let words = policy.words;
        let file = cert_file.unwrap_or(key_file);
        let private = policy.key_permissions.value == KeyPermissions::Private;
        if private && file == key_file {
            files::is_regular(key_file)?;
        }
        let refused = |why| Refused {
            of_certificate: true,
            why,
        };
        let both = read(file, "certificate", words).map_err(refused)?;
        let found = certificates(&pem::blocks(&both.bytes), file, words);
        let (leaf, chain) = found.map_err(refused)?;
        let content = match file == key_file {
            true => both,
            false => {
                if private {
                    files::is_regular(key_file)?;
                }
                read(key_file, "key", words)?
            }
        };
        if private {
            content.is_private(key_file)?;
        }
        let key = private_key(&pem::blocks(&content.bytes), key_file, policy, occasion)?;
        let belongs = leaf.public_key().is_ok_and(|public| public.public_eq(&key));
        queue::clear();
        if !belongs {
            let why = Error::settings(match cert_file {
                None => format!(
                    "private key in '{}' does not belong to its certificate",
                    key_file.display()
                ),
                Some(_) => format!(
                    "private key '{}' does not belong to certificate '{}'",
                    key_file.display(),
                    file.display()
                ),
            });
            let why = match words {
                Words::ArangoDb | Words::Kdb => why,
                Words::PostgreSql => why.context("check of private key failed"),
                Words::KrakenD => why.context("tls: private key does not match public key"),
            };
            return Err(why.into());
        }
        let identity = Identity {
            file: file.to_owned(),
            leaf,
            chain,
            key,
        };
        let mut notes = identity.expiry();
        if content.is_readable_by_others() {
            let text = format!(
                "private key in '{}' can be read by every user",
                key_file.display()
            );
            notes.push(Note::warn(text));
        }
        Ok((identity, notes))
    }

    /// The key, for one context alone: libssl locks a key that threads share. A key that cannot be copied is shared.
    pub(super) fn key_of_its_own(&self) -> PKey<Private> {
        let copy = self.key.private_key_to_pkcs8().and_then(|mut encoded| {
            let copy = PKey::private_key_from_pkcs8(&encoded);
            super::sys::cleanse(&mut encoded);
            copy
        });
        queue::clear();
        copy.unwrap_or_else(|_| self.key.clone())
    }

    /// The place libssl has for it: one each key type.
    pub(super) fn key_type(&self) -> &'static str {
        key_type(&self.key)
    }

    /// `RSA 2048`, `EC prime256v1`, `ED25519` and so on.
    pub(super) fn key_in_words(&self) -> String {
        let kind = self.key_type();
        match self
            .key
            .ec_key()
            .ok()
            .and_then(|key| key.group().curve_name())
        {
            Some(curve) => format!(
                "{kind} {}",
                curve.short_name().unwrap_or("of another curve")
            ),
            None if kind.starts_with("ED") => kind.to_owned(),
            None => format!("{kind} {}", self.key.bits()),
        }
    }

    fn expiry(&self) -> Vec<Note> {
        std::iter::once(&self.leaf)
            .chain(&self.chain)
            .filter_map(|certificate| {
                let what = format!(
                    "certificate '{}' in '{}'",
                    super::sys::distinguished_name(certificate.subject_name()),
                    self.file.display()
                );
                validity::of(certificate).note(&what, Validity::SOON)
            })
            .collect()
    }
}

fn key_type<T: HasPublic>(key: &PKeyRef<T>) -> &'static str {
    match key.id() {
        Id::RSA => "RSA",
        Id::RSA_PSS => "RSA-PSS",
        Id::EC => "EC",
        Id::ED25519 => "ED25519",
        Id::ED448 => "ED448",
        other => Nid::from_raw(other.as_raw())
            .short_name()
            .unwrap_or("other"),
    }
}

/// DNS names and addresses a certificate is for.
pub(super) fn host_names(certificate: &X509Ref) -> Vec<String> {
    let Some(names) = certificate.subject_alt_names() else {
        return Vec::new();
    };
    let address = |bytes: &[u8]| match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    };
    let written = |name: &GeneralNameRef| {
        let dns = name.dnsname().map(str::to_owned);
        dns.or_else(|| Some(address(name.ipaddress()?)?.to_string()))
    };
    names.iter().filter_map(written).collect()
}

/// Reads a file with a certificate or a key.
fn read(file: &Path, what: &str, words: Words) -> Result<Content, Error> {
    files::read(file, LARGEST_FILE).map_err(|why| match (words, why) {
        (Words::ArangoDb, Unreadable::Missing(_)) => {
            Error::settings(format!("unable to find SSL keyfile '{}'", file.display()))
        }
        (Words::Kdb, why @ Unreadable::Missing(_)) => {
            let variable = match what {
                "key" => "SSL_KEY_FILE",
                _ => "SSL_CERT_FILE",
            };
            Error::settings(format!("{why} (KX_{variable} names the file)"))
                .context(cannot_read(what, file, words))
        }
        (Words::PostgreSql, why) if what == "key" => {
            let tried = format!("could not access private key file \"{}\"", file.display());
            Error::settings(why.to_string()).context(tried)
        }
        (Words::KrakenD, why) => Error::settings(format!("open {}: {why}", file.display())),
        (_, why) => Error::settings(why.to_string()).context(cannot_read(what, file, words)),
    })
}

/// The leaf and the rest of its chain.
fn certificates(
    blocks: &[Block<'_>],
    file: &Path,
    words: Words,
) -> Result<(X509, Vec<X509>), Error> {
    let mut chain = pem::certificates(blocks).map_err(|why| {
        let none = !blocks.iter().any(Block::is_certificate);
        let why = match words {
            Words::KrakenD if none => why.context(no_certificate(blocks)),
            _ => why,
        };
        why.context(cannot_read("certificate", file, words))
    })?;
    let leaf = chain.remove(0);
    Ok((leaf, chain))
}

/// The first private key.
fn private_key(
    blocks: &[Block<'_>],
    file: &Path,
    policy: &Policy,
    occasion: Occasion,
) -> Result<PKey<Private>, Error> {
    let block = blocks.iter().find(|block| block.is_private_key());
    let text = block.map_or(&b""[..], |block| block.text);
    let encrypted = block.is_some_and(Block::is_encrypted);
    let asked = match encrypted {
        true => Asked::of(policy, occasion, file)?,
        false => Asked::Nobody,
    };
    let key = match asked {
        Asked::Nobody => PKey::private_key_from_pem_callback(text, |_| Ok(0)),
        Asked::Terminal => PKey::private_key_from_pem(text),
        Asked::Command(command) => {
            let secret = passphrase::from_command(command)?;
            PKey::private_key_from_pem_passphrase(text, secret.bytes())
        }
    };
    key.map_err(|stack| {
        let ours = match block {
            None => " (there is no private key in it)",
            Some(_) if encrypted && matches!(asked, Asked::Nobody) => " (the key is encrypted)",
            Some(_) => "",
        };
        let why = pem::refused(stack, ours);
        let why = match policy.words {
            Words::KrakenD => why.context(no_key(blocks)),
            _ => why,
        };
        why.context(cannot_read("key", file, policy.words))
    })
}

/// What Go says of a file without a certificate.
fn no_certificate(blocks: &[Block<'_>]) -> &'static str {
    match blocks.iter().any(Block::is_private_key) {
        true => {
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may \
             have been switched"
        }
        false => "tls: failed to find any PEM data in certificate input",
    }
}

/// What Go says of a file without a key that it can use.
fn no_key(blocks: &[Block<'_>]) -> &'static str {
    match blocks.first() {
        None => "tls: failed to find any PEM data in key input",
        Some(_) if blocks.iter().any(Block::is_private_key) => "tls: failed to parse private key",
        Some(_) => "tls: found a certificate rather than a key in the PEM for the private key",
    }
}

fn cannot_read(what: &str, file: &Path, words: Words) -> String {
    let file = file.display();
    match (words, what) {
        (Words::ArangoDb | Words::KrakenD | Words::Kdb, _) => {
            format!("cannot read {what} from '{file}'")
        }
        (Words::PostgreSql, "key") => format!("could not load private key file \"{file}\""),
        (Words::PostgreSql, _) => format!("could not load server certificate file \"{file}\""),
    }
}
