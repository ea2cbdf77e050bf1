//! A policy whose files are read and whose values libssl has judged: what every worker's context is built from.

use super::identity::Identity;
use super::protocol::{self, Range};
use super::report::Report;
use super::resume::Shared;
use super::trust::Trust;
use super::{Context, library, options};
use crate::error::{Error, Problems};
use crate::settings::{Note, Origin, Policy, Setting, Settings};

/// A policy ready to be built into contexts, any number of times, without touching a file again.
pub struct Prepared {
    pub(super) base: Prepped,
}

/// One policy: that of the endpoint, or that of a server name.
pub(super) struct Prepped {
    pub(super) policy: Policy,
    pub(super) identities: Vec<Setting<Identity>>,
    pub(super) trust: Option<Setting<Trust>>,
    pub(super) range: Range,
    pub(super) mask: u64,
}

impl Prepared {
    /// Reads every file the settings name and has libssl judge all that it can judge.
    ///
    /// # Errors
    /// Everything that is wrong, each with its origin.
    pub fn load(settings: &Settings) -> Result<(Prepared, Vec<Note>), Problems> {
        library::start()?;
        let mut problems = Vec::new();
        let mut notes = Vec::new();
        let base = Prepped::load(&settings.policy, &mut problems, &mut notes);
        let prepared = Problems::or(problems, Prepared { base })?;
        if prepared.has_identity() {
            Context::build(&prepared, &Shared::new(settings))?;
        }
        Ok((prepared, notes))
    }

    /// Whether there is a chain and a key to serve TLS with.
    pub fn has_identity(&self) -> bool {
        !self.base.identities.is_empty()
    }

    /// What libssl makes of the policy.
    pub fn report(&self) -> Report {
        Report::default()
    }
}

impl Prepped {
    fn load(policy: &Policy, problems: &mut Vec<Error>, notes: &mut Vec<Note>) -> Prepped {
        let mut keep = |result: Result<(), Error>| problems.extend(result.err());
        let mut identities = Vec::new();
        for file in &policy.key_files {
            keep(
                Identity::read(file)
                    .map(|identity| identities.push(Setting::new(identity, file.origin.clone())))
                    .map_err(|error| blame(&file.origin, error)),
            );
        }
        let mut trust = None;
        if let Some(file) = &policy.ca_file.value {
            let origin = &policy.ca_file.origin;
            keep(
                Trust::read(file)
                    .map(|read| trust = Some(Setting::new(read, origin.clone())))
                    .map_err(|error| blame(origin, error)),
            );
        }
        let mut range = Range::default();
        keep(
            protocol::range(policy)
                .map(|found| range = found)
                .map_err(|error| blame(&policy.protocol.origin, error)),
        );
        let mut mask = 0;
        match options::resolve(&policy.options, *policy.options_era) {
            Ok(resolved) => {
                mask = resolved.bits;
                notes.extend(resolved.notes);
            }
            Err(error) => problems.push(blame(&policy.options.origin, error)),
        }
        Prepped {
            policy: policy.clone(),
            identities,
            trust,
            range,
            mask,
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
