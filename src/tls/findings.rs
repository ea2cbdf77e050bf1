//! What is found while a policy is read: what is wrong, each with who set it, and what there is to remark.

use super::identity::Identity;
use super::options;
use super::passphrase::Occasion;
use super::role::Role;
use super::tickets::FileKeys;
use crate::error::{Distinct, Error, Problems};
use crate::settings::{Note, Origin, Policy, Setting, Words};
use std::sync::Arc;

/// What is found on the way.
pub(super) struct Findings {
    pub(super) role: Role,
    occasion: Occasion,
    pub(super) problems: Distinct,
    pub(super) notes: Vec<Note>,
}

impl Findings {
    pub(super) fn new(role: Role, occasion: Occasion) -> Findings {
        Findings {
            role,
            occasion,
            problems: Distinct::default(),
            notes: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, origin: &Origin, error: Error) {
        self.problems.add([blame(origin, error)]);
    }

    /// Reads chains and keys. Of two with the same type of key one is used, unless they may stand beside each other.
    pub(super) fn identities(
        &mut self,
        policy: &Policy,
        may_differ: fn(&Identity, &Identity) -> bool,
    ) -> Vec<Setting<Identity>> {
        let mut identities: Vec<Setting<Identity>> = Vec::new();
        for (place, file) in policy.key_files.iter().enumerate() {
            let certificate = policy.cert_files.get(place);
            let path = certificate.map(|file| file.value.as_path());
            let identity = match Identity::read(path, file, policy, self.occasion) {
                Ok((identity, notes)) => {
                    self.notes.extend(notes);
                    identity
                }
                Err(refused) => {
                    let of_certificate = certificate.filter(|_| refused.of_certificate);
                    self.problem(&of_certificate.unwrap_or(file).origin, refused.why);
                    continue;
                }
            };
            let kind = identity.key_type();
            let mut same_type = identities.iter().filter(|known| known.key_type() == kind);
            match same_type.find(|known| !may_differ(known, &identity)) {
                Some(known) => {
                    let (first, second) = (known.file.display(), identity.file.display());
                    let text = format!(
                        "'{first}' and '{second}' both hold an {kind} key: one of each type is used"
                    );
                    match policy.words {
                        // Go never comes to the second.
                        Words::KrakenD => {
                            let text = format!("{text}, the first");
                            self.notes.push(Note::warn(placed(&file.origin, &text)));
                        }
                        _ => self.problem(&file.origin, Error::settings(text)),
                    }
                }
                None => identities.push(Setting::new(identity, file.origin.clone())),
            }
        }
        identities
    }

    pub(super) fn mask(&mut self, policy: &Policy) -> u64 {
        match options::resolve(&policy.options, *policy.options_era) {
            Ok(resolved) => {
                let origin = &policy.options.origin;
                let placed = resolved.notes.into_iter().map(|note| Note {
                    text: placed(origin, &note.text),
                    ..note
                });
                self.notes.extend(placed);
                resolved.bits
            }
            Err(Problems(problems)) => {
                for problem in problems {
                    self.problem(&policy.options.origin, problem);
                }
                0
            }
        }
    }

    pub(super) fn ticket_keys(
        &mut self,
        file: &Setting<Option<std::path::PathBuf>>,
    ) -> Option<Arc<FileKeys>> {
        match FileKeys::read(file.value.as_deref()?) {
            Ok((keys, notes)) => {
                self.notes.extend(notes);
                Some(Arc::new(keys))
            }
            Err(error) => {
                self.problem(&file.origin, error);
                None
            }
        }
    }
}

/// Puts who set a value in front of what is wrong with it.
pub(super) fn blame(origin: &Origin, error: Error) -> Error {
    match origin {
        Origin::BuiltIn | Origin::Program => error,
        origin => error.context(origin),
    }
}

/// The same for a remark.
fn placed(origin: &Origin, text: &str) -> String {
    match origin {
        Origin::BuiltIn | Origin::Program => text.to_owned(),
        origin => format!("{origin}: {text}"),
    }
}

pub(super) fn without_repeats(notes: Vec<Note>) -> Vec<Note> {
    let mut once: Vec<Note> = Vec::new();
    for note in notes {
        if !once.contains(&note) {
            once.push(note);
        }
    }
    once
}
