//! A policy whose files are read and whose values libssl has judged: what every worker's context is built from.
//!
//! Reading comes first and happens once; building ([`Context::build`](super::Context::build)) opens no file, so that
//! a reload either has everything or changes nothing.

use super::by_certificate::{self, CertificateNames};
use super::context::{Making, Whose};
use super::dialer::{Dialer, Dialling};
use super::findings::{Findings, without_repeats};
use super::passphrase::Occasion;
use super::ready::Ready;
use super::report::{self, Report};
use super::resume::Shared;
use super::role::Role;
use super::tickets::FileKeys;
use super::{kdb_words, library};
use crate::error::{Distinct, Error, Kind, Problems};
use crate::settings::{
    Backend, Endpoint, Note, Own, Policy, ProxyProtocol, Setting, Settings, UnknownName, Words,
};
use std::sync::Arc;

/// A policy ready to be built into contexts, any number of times, without touching a file again.
pub struct Prepared {
    pub(super) role: Role,
    pub(super) base: Ready,
    /// Parts of the base for server names that their certificates are for, if those are several.
    pub(super) by_certificate: Vec<(CertificateNames, Ready)>,
    pub(super) names: Vec<Ready>,
    pub(super) unknown: UnknownName,
    /// Whether somebody is to be told of the server name that a client asks for.
    pub(super) keeps_server_name: bool,
    pub(super) nameless: UnknownName,
    pub(super) ticket_keys: Option<Arc<FileKeys>>,
    /// For TLS with backends.
    backends: Vec<Dialling>,
    /// Endpoints whose TLS is not that of the others, each with its own.
    endpoints: Vec<(Own, Prepared)>,
    report: Report,
}

impl Prepared {
    /// Reads every file the settings name and has libssl judge all that it can judge, for a server; also those for TLS
    /// with its backend.
    ///
    /// # Errors
    /// Everything that is wrong, each with its origin.
    pub fn load(settings: &Settings) -> Result<(Prepared, Vec<Note>), Problems> {
        Prepared::load_at(settings, Occasion::Start)
    }

    /// The same for a start that goes on without TLS towards clients where that cannot be set up and
    /// `ssl.unusable` says so; for a reload of what was served by the settings `before`, only where there was none.
    /// The settings come back as they are then.
    ///
    /// # Errors
    /// As [`Prepared::load`].
    pub fn load_or_degrade(
        asked: &Settings,
        before: Option<&Settings>,
    ) -> Result<(Settings, Prepared, Vec<Note>), Problems> {
        let mut settings = asked.clone();
        let mut notes = settings.degrade_keyless();
        if before.is_some_and(|before| settings.degrades_anew(asked, before)) {
            let refused = notes.into_iter().map(|note| Error::settings(note.text));
            return Err(Problems(refused.collect()));
        }
        let occasion = match before {
            Some(_) => Occasion::Reload,
            None => Occasion::Start,
        };
        let refused = match Prepared::load_at(&settings, occasion) {
            Ok((prepared, more)) => {
                notes.extend(before.map_or_else(Vec::new, |before| settings.lost_tls(before)));
                notes.extend(more);
                return Ok((settings, prepared, notes));
            }
            Err(refused) => refused,
        };
        let degraded = settings.degraded().filter(|_| before.is_none());
        let Some((settings, note)) = degraded else {
            return Err(refused);
        };
        let said = refused
            .0
            .iter()
            .map(|error| Note::warn(format!("SSL init error: {error}")));
        notes.extend(said);
        notes.push(note);
        let (prepared, more) = Prepared::load(&settings)?;
        notes.extend(more);
        Ok((settings, prepared, notes))
    }

    /// The same at a start or for a reload, where nobody is asked for a passphrase at the terminal.
    ///
    /// # Errors
    /// As [`Prepared::load`].
    pub fn load_at(
        settings: &Settings,
        occasion: Occasion,
    ) -> Result<(Prepared, Vec<Note>), Problems> {
        let loaded = Prepared::load_all(settings, occasion);
        match settings.policy.words {
            Words::Kdb => loaded.map_err(|problems| kdb_words::unusable(settings, problems)),
            _ => loaded,
        }
    }

    fn load_all(
        settings: &Settings,
        occasion: Occasion,
    ) -> Result<(Prepared, Vec<Note>), Problems> {
        library::start()?;
        let general = Prepared::of_all(settings, occasion);
        let mut special: Vec<&Setting<Endpoint>> = Vec::new();
        for endpoint in &settings.endpoints {
            let known = special.iter().any(|one| one.own == endpoint.own);
            if !known && settings.of_endpoint(endpoint).differs_in_tls(settings) {
                special.push(endpoint);
            }
        }
        if special.is_empty() {
            return general;
        }
        let mut problems = Distinct::default();
        let mut prepared = general.map_err(|found| problems.add(found.0)).ok();
        for endpoint in special {
            let loaded = Prepared::of_all(&settings.of_endpoint(endpoint), occasion);
            match (loaded, &mut prepared) {
                (Ok((own, more)), Some((prepared, notes))) => {
                    prepared.endpoints.push((endpoint.own.clone(), own));
                    notes.extend(more);
                }
                (Ok(_), None) => {}
                (Err(Problems(found)), _) => problems.add(found),
            }
        }
        match prepared {
            Some((prepared, notes)) if problems.list.is_empty() => {
                Ok((prepared, without_repeats(notes)))
            }
            _ => Err(Problems(problems.list)),
        }
    }

    /// What is for all endpoints, or for the one that these settings are of.
    fn of_all(settings: &Settings, occasion: Occasion) -> Result<(Prepared, Vec<Note>), Problems> {
        let mut findings = Findings::new(Role::Server, occasion);
        let policy = &settings.policy;
        let identities = findings.identities(policy, by_certificate::differ);
        let groups = by_certificate::groups(&identities);
        let first = match (policy.words, groups.first()) {
            // Go's server has one certificate for whoever asks for a name that none is for.
            (Words::KrakenD, Some((_, first))) => first.clone(),
            _ => by_certificate::first_of_each_type(&identities),
        };
        let base = Ready::with(None, policy, first, &mut findings);
        let by_certificate = groups
            .into_iter()
            .map(|(names, group)| (names, Ready::with(None, policy, group, &mut findings)))
            .collect();
        let names: Vec<Ready> = settings
            .names
            .iter()
            .map(|name| {
                let policy = settings.policy_of(name);
                Ready::load(Some(&name.value.name), &policy, &mut findings)
            })
            .collect();
        let ticket_keys = findings.ticket_keys(&settings.policy.ticket_keys);
        let prepared = Prepared {
            role: Role::Server,
            base,
            by_certificate,
            names,
            unknown: *settings.unknown_name,
            keeps_server_name: *settings.proxy_protocol == ProxyProtocol::V2,
            nameless: *settings.no_name,
            ticket_keys,
            backends: Vec::new(),
            endpoints: Vec::new(),
            report: Report::default(),
        };
        let mut judged = prepared.judged(findings);
        if let (false, Ok((_, notes))) = (settings.serves_tls(), &mut judged) {
            notes.clear(); // nobody is served by it
        }
        let mut backends: Vec<&Backend> = Vec::new();
        for backend in settings.tls_backends() {
            if !backends.contains(&backend) {
                backends.push(backend);
            }
        }
        let load = |backend| Dialling::load(settings, backend, occasion);
        Prepared::with_backends(judged, backends.into_iter().map(load))
    }

    /// Joins what a server needs towards its clients, and towards its backends.
    fn with_backends(
        judged: Result<(Prepared, Vec<Note>), Problems>,
        backends: impl Iterator<Item = Result<(Dialling, Vec<Note>), Problems>>,
    ) -> Result<(Prepared, Vec<Note>), Problems> {
        let (mut problems, mut found, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let judged = judged.map_err(|more| problems.extend(more.0));
        for backend in backends {
            match backend {
                Ok((dialling, more)) => {
                    found.push(dialling);
                    notes.extend(more);
                }
                Err(Problems(more)) => problems.extend(more),
            }
        }
        match judged {
            Ok((mut prepared, mut all)) if problems.is_empty() => {
                prepared.backends = found;
                all.extend(notes);
                Ok((prepared, without_repeats(all)))
            }
            _ => Err(Problems(problems)),
        }
    }

    /// The same for a client, which takes of the policy what somebody chose ([`Policy::of_client`]), and has neither
    /// server names nor ticket keys.
    ///
    /// # Errors
    /// As [`Prepared::load`].
    pub fn load_client(settings: &Settings) -> Result<(Prepared, Vec<Note>), Problems> {
        Prepared::load_policy(&settings.policy.of_client(), Occasion::Start)
    }

    /// The same of a policy as it is.
    pub(super) fn load_policy(
        policy: &Policy,
        occasion: Occasion,
    ) -> Result<(Prepared, Vec<Note>), Problems> {
        library::start()?;
        let mut findings = Findings::new(Role::Client, occasion);
        let base = Ready::load(None, policy, &mut findings);
        let prepared = Prepared {
            role: Role::Client,
            base,
            by_certificate: Vec::new(),
            names: Vec::new(),
            unknown: UnknownName::Default,
            keeps_server_name: false,
            nameless: UnknownName::Default,
            ticket_keys: None,
            backends: Vec::new(),
            endpoints: Vec::new(),
            report: Report::default(),
        };
        prepared.judged(findings)
    }

    /// What a worker speaks TLS with a backend with, if that is to be spoken.
    ///
    /// # Errors
    /// Everything libssl refused, each with its origin.
    pub fn dialer(&self, backend: &Backend) -> Result<Option<Dialer>, Problems> {
        let dialling = self.backends.iter().find(|one| one.backend == *backend);
        dialling.map(|dialling| dialling.dialer()).transpose()
    }

    /// What was prepared for an endpoint of these settings: for it alone, where its TLS is not that of all.
    ///
    /// # Errors
    /// Nothing was prepared for it.
    pub fn of_endpoint(
        &self,
        settings: &Settings,
        endpoint: &Setting<Endpoint>,
    ) -> Result<&Prepared, Error> {
        if !settings.of_endpoint(endpoint).differs_in_tls(settings) {
            return Ok(self);
        }
        let own = self.endpoints.iter().find(|(own, _)| *own == endpoint.own);
        own.map(|(_, prepared)| prepared).ok_or_else(|| {
            let text = format!(
                "the settings were prepared without the options of endpoint '{}'",
                endpoint.value
            );
            Error::new(Kind::Usage, text)
        })
    }

    /// Refuses the other side's use.
    pub(super) fn is_for(&self, role: Role) -> Result<(), Error> {
        if self.role == role {
            return Ok(());
        }
        let (made, used) = (self.role.name(), role.name());
        let text = format!("settings that were prepared for {made} cannot be used for {used}");
        Err(Error::new(Kind::Usage, text))
    }

    /// Whether there is a chain and a key to serve TLS with.
    pub fn has_identity(&self) -> bool {
        !self.base.identities.is_empty()
    }

    /// What libssl makes of the policy.
    pub fn report(&self) -> Report {
        let own = |(own, prepared): &(Own, Prepared)| (own.words(), prepared.report());
        Report {
            endpoints: self.endpoints.iter().map(own).collect(),
            ..self.report.clone()
        }
    }

    /// All for which contexts are built: the base comes first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Ready> {
        let parts = self.by_certificate.iter().map(|(_, ready)| ready);
        std::iter::once(&self.base).chain(parts).chain(&self.names)
    }

    /// Builds every context once, for what libssl says of it.
    fn judged(mut self, mut findings: Findings) -> Result<(Prepared, Vec<Note>), Problems> {
        let shared = Shared::new();
        let mut report = None;
        for ready in self.all() {
            match Making::new(ready, &self, &shared, Whose::Ours).finish(None) {
                Ok(context) => {
                    findings.notes.extend(ready.notes(&context, self.role));
                    report.get_or_insert_with(|| report::of(&self, &context));
                }
                Err(Problems(problems)) => findings.problems.add(problems),
            }
        }
        self.report = report.unwrap_or_default();
        let Findings {
            problems, notes, ..
        } = findings;
        Problems::or(problems.list, (self, without_repeats(notes)))
    }
}
