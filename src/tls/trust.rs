//! What the peer's certificate is checked against: CAs and revocation lists, read once, but for a directory of CAs
//! (`ca_dir`).
//!
//! libssl could look into a directory of revocation lists itself, at each handshake; reading them all at the start
//! makes them part of the policy, so that a session that was made under older ones is not resumed (`scope`).

use super::ca_dir::CaDirectory;
use super::files;
use super::hashed;
use super::pem;
use super::queue::Queue;
use super::role::Role;
use super::sys;
use super::validity;
use crate::error::{Error, reason};
use crate::settings::{Note, Origin, Policy, Verification, VerifyClient, Words};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreBuilderRef};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509Crl, X509Name, X509NameRef};
use std::path::{Path, PathBuf};

/// Room for every public CA many times over, and for long revocation lists.
const LARGEST_FILE: u64 = 256 << 20;

/// CAs and revocation lists, in the order of their files.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) authorities: Vec<X509>,
    pub(super) crls: Vec<X509Crl>,
    /// Where libssl looks for more CAs by itself.
    pub(super) directory: Option<CaDirectory>,
    /// Whether the CAs of the system are trusted besides.
    pub(super) system: bool,
}

impl Trust {
    /// Reads what a policy names. What is wrong goes to `problem`, with the origin's place still to be added.
    pub(super) fn read(
        policy: &Policy,
        role: Role,
        mut problem: impl FnMut(&Origin, Error),
    ) -> (Trust, Vec<Note>) {
        let mut trust = Trust::default();
        let mut notes = Vec::new();
        for file in &policy.ca_files {
            match authorities(file, policy.words) {
                Ok(authorities) => {
                    notes.extend(authorities.iter().filter_map(|one| expired(one, file)));
                    trust.authorities.extend(authorities);
                }
                Err(error) => problem(&file.origin, error),
            }
        }
        if let Some(path) = &policy.ca_dir.value {
            match CaDirectory::read(path) {
                Ok(directory) => {
                    if !directory.has_any && is_counted_on(policy, role) {
                        notes.push(without_hashes(path));
                    }
                    trust.directory = Some(directory);
                }
                Err(error) => problem(&policy.ca_dir.origin, error),
            }
        }
        trust.system = match *policy.system_ca {
            Some(wanted) => wanted,
            None => role == Role::Client && !policy.names_cas(),
        };
        if let Some(file) = &policy.crl_file.value {
            let place = Place {
                path: file,
                kind: "file",
                words: policy.words,
            };
            match place.file().and_then(|crls| place.some(crls)) {
                Ok(crls) => trust.crls = crls,
                Err(error) => problem(&policy.crl_file.origin, error),
            }
        }
        if let Some(directory) = &policy.crl_dir.value {
            let place = Place {
                path: directory,
                kind: "directory",
                words: policy.words,
            };
            match place.directory() {
                Ok(crls) => trust.crls.extend(crls),
                Err(error) => problem(&policy.crl_dir.origin, error),
            }
        }
        if policy.crl_file.is_some() || policy.crl_dir.is_some() {
            notes.extend(trust.revocation_gaps(role.peers()));
        }
        (trust, notes)
    }

    /// The names announced to clients, each once.
    pub(super) fn names(&self) -> Result<Stack<X509Name>, Queue> {
        let mut names: Stack<X509Name> = Stack::new()?;
        for authority in &self.authorities {
            let name = authority.subject_name();
            let same = |known: &X509NameRef| known.try_cmp(name).is_ok_and(|order| order.is_eq());
            if !names.iter().any(same) {
                names.push(name.to_owned()?)?;
            }
        }
        Ok(names)
    }

    /// A store of its own for one context, so that workers share no lock, with the CAs of the system where those are
    /// trusted (`X509_STORE_set_default_paths`). With revocation lists, one is needed of
    /// every CA in a client's chain.
    pub(super) fn store(&self) -> Result<X509Store, Queue> {
        let mut store = X509StoreBuilder::new()?;
        if self.system {
            store.set_default_paths()?;
        }
        self.fill(&mut store)?;
        Ok(store.build())
    }

    /// Whether nothing was named.
    pub(super) fn is_empty(&self) -> bool {
        !self.names_cas() && self.crls.is_empty() && !self.system
    }

    /// Whether CAs were named.
    pub(super) fn names_cas(&self) -> bool {
        !self.authorities.is_empty() || self.directory.is_some()
    }

    fn fill(&self, store: &mut X509StoreBuilderRef) -> Result<(), Queue> {
        for authority in &self.authorities {
            store.add_cert(authority.clone())?;
        }
        if let Some(directory) = &self.directory {
            directory.put_in(store)?;
        }
        for crl in &self.crls {
            sys::add_crl(store, crl)?;
        }
        if !self.crls.is_empty() {
            store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)?;
        }
        Ok(())
    }

    /// Lists that are out of date, and CAs without one: either way those they vouch for are refused.
    fn revocation_gaps(&self, peers: &str) -> Vec<Note> {
        let mut notes = Vec::new();
        for crl in &self.crls {
            let name = sys::distinguished_name(crl.issuer_name());
            let over = crl.next_update().map(validity::until);
            if let Some(validity::Validity::Over(_, when)) = over {
                notes.push(Note::warn(format!(
                    "revocation list of '{name}' was due for replacement on {when}: its {peers} are refused"
                )));
            }
        }
        for authority in &self.authorities {
            let name = authority.subject_name();
            let has_list = |crl: &X509Crl| {
                crl.issuer_name()
                    .try_cmp(name)
                    .is_ok_and(|order| order.is_eq())
            };
            if !self.crls.iter().any(has_list) {
                let name = sys::distinguished_name(name);
                notes.push(Note::warn(format!(
                    "there is no revocation list of '{name}': its {peers} are refused"
                )));
            }
        }
        notes
    }
}

fn expired(authority: &X509, file: &Path) -> Option<Note> {
    let name = sys::distinguished_name(authority.subject_name());
    let what = format!("CA certificate '{name}' in '{}'", file.display());
    validity::of(authority).note(&what, validity::Validity::SOON)
}

/// Whether somebody has chosen the directory, or nothing else is there to verify others with.
fn is_counted_on(policy: &Policy, role: Role) -> bool {
    let verifies = match role {
        Role::Server => matches!(
            policy.verify(),
            VerifyClient::Request | VerifyClient::Require
        ),
        Role::Client => *policy.verify_server != Verification::None,
    };
    let alone = policy.ca_files.is_empty() && *policy.system_ca != Some(true);
    policy.ca_dir.is_chosen() || verifies && alone
}

fn without_hashes(directory: &Path) -> Note {
    Note::warn(format!(
        "directory '{}' has no CA under a hashed name, as 'openssl rehash' makes them: nobody is trusted for it",
        directory.display()
    ))
}

fn authorities(file: &Path, words: Words) -> Result<Vec<X509>, Error> {
    let content = files::read(file, LARGEST_FILE).map_err(|why| Error::settings(why.to_string()));
    let found = content.and_then(|content| pem::certificates(&pem::blocks(&content.bytes)));
    let tried = |file: std::path::Display<'_>| match words {
        Words::ArangoDb | Words::Kdb => format!("cannot load CA certificates from '{file}'"),
        Words::KrakenD => format!("Cannot load certificate CA {file}"),
        Words::PostgreSql => format!("could not load root certificate file \"{file}\""),
    };
    found.map_err(|why| why.context(tried(file.display())))
}

/// Where revocation lists are.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    /// `file` or `directory`.
    kind: &'a str,
    words: Words,
}

impl Place<'_> {
    fn refuse(self, why: impl std::fmt::Display) -> Error {
        let (path, kind) = (self.path.display(), self.kind);
        Error::settings(match self.words {
            Words::ArangoDb | Words::KrakenD | Words::Kdb => {
                format!("cannot load revocation lists from '{path}': {why}")
            }
            Words::PostgreSql => {
                format!("could not load SSL certificate revocation list {kind} \"{path}\": {why}")
            }
        })
    }

    fn some(self, crls: Vec<X509Crl>) -> Result<Vec<X509Crl>, Error> {
        if crls.is_empty() {
            return Err(self.refuse("there is none in it"));
        }
        Ok(crls)
    }

    /// The lists in a file.
    fn file(self) -> Result<Vec<X509Crl>, Error> {
        let content = files::read(self.path, LARGEST_FILE).map_err(|why| self.refuse(why))?;
        pem::blocks(&content.bytes)
            .iter()
            .filter(|block| block.is_crl() && !block.is_encrypted())
            .map(|block| {
                X509Crl::from_pem(block.text)
                    .map_err(|stack| self.refuse(Queue::from(stack).first()))
            })
            .collect()
    }

    /// Every list under a hashed name, as `openssl rehash` makes them, in the order of their names.
    fn directory(self) -> Result<Vec<X509Crl>, Error> {
        let refuse = |error: std::io::Error| self.refuse(reason(&error));
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(self.path).map_err(refuse)? {
            let entry = entry.map_err(refuse)?;
            if hashed::is_of_list(entry.file_name().as_encoded_bytes()) {
                files.push(entry.path());
            }
        }
        files.sort();
        let mut all = Vec::new();
        for file in files {
            let file = Place {
                path: &file,
                kind: "file",
                ..self
            };
            all.extend(file.file()?);
        }
        self.some(all)
    }
}
