//! TLS with the server behind: what is read for it once, and what a worker opens its channels with.

use super::channel::Channel;
use super::context::Context;
use super::kept::Kept;
use super::passphrase::Occasion;
use super::prepared::Prepared;
use super::probe;
use super::queue::Queue;
use super::sys;
use super::whom::{Host, Server};
use crate::error::{Error, Kind, Problems};
use crate::io::Stream;
use crate::settings::{Address, Backend, Note, Setting, Settings, SslNegotiation, Verification};
use openssl::ssl::{SslRef, SslVersion};
use std::sync::Arc;

/// The name of PostgreSQL's protocol in ALPN.
const POSTGRESQL: &str = "postgresql";

/// A client's policy with its files, and whom it is for: what dialers are made of.
pub(super) struct Dialling {
    pub(super) backend: Backend,
    prepared: Prepared,
    plan: Plan,
}

/// What holds for every channel.
#[derive(Clone)]
struct Plan {
    /// Whom the certificate has to be for; who is asked for, where it is a name.
    host: Option<String>,
    verification: Verification,
    mirrors: bool,
    resumes: bool,
    /// The protocol that has to be agreed on.
    insists_on: Option<&'static str>,
    /// Whether the server is offered what its client has agreed on by ALPN.
    carries_alpn: bool,
}

/// Opens channels to one server. One a worker: what is kept of a session serves the worker's next connection.
pub struct Dialer {
    context: Context,
    kept: Option<Arc<Kept>>,
    plan: Plan,
}

impl Dialling {
    /// Reads what the settings name for TLS with a backend.
    pub(super) fn load(
        settings: &Settings,
        backend: &Backend,
        occasion: Occasion,
    ) -> Result<(Dialling, Vec<Note>), Problems> {
        let tls = &settings.backend_tls;
        let mut policy = tls.policy.of_client();
        let mut insists_on = None;
        if let Backend::PostgreSql(_) = backend {
            policy.alpn = Setting::built_in(vec![POSTGRESQL.into()]);
            let direct = *tls.negotiation == SslNegotiation::Direct;
            insists_on = direct.then_some(POSTGRESQL);
        }
        let plan = Plan {
            host: None,
            verification: tls.verification(),
            mirrors: *tls.mirror_version,
            resumes: *tls.session_reuse,
            insists_on,
            carries_alpn: matches!(backend, Backend::Tls(_)) && policy.alpn.is_empty(),
        };
        let host = host(settings, backend);
        let loaded = Prepared::load_policy(&policy, occasion);
        match (host, loaded) {
            (Ok(host), Ok((prepared, notes))) => {
                let plan = Plan { host, ..plan };
                let backend = backend.clone();
                Ok((
                    Dialling {
                        backend,
                        prepared,
                        plan,
                    },
                    notes,
                ))
            }
            (host, loaded) => {
                let mut problems: Vec<Error> = host.err().into_iter().collect();
                problems.extend(loaded.err().into_iter().flat_map(|found| found.0));
                Err(Problems(problems))
            }
        }
    }

    /// A worker's.
    pub(super) fn dialer(&self) -> Result<Dialer, Problems> {
        let kept = self.plan.resumes.then(Arc::<Kept>::default);
        Ok(Dialer {
            context: Context::keeping(&self.prepared, kept.clone())?,
            kept,
            plan: self.plan.clone(),
        })
    }
}

/// Who is to be found at the address; nobody that can be named where that is not looked at.
fn host(settings: &Settings, backend: &Backend) -> Result<Option<String>, Error> {
    let tls = &settings.backend_tls;
    let found = match backend.address() {
        Some(Address::Tcp { host, .. }) => Some(host),
        Some(Address::Unix(_)) | None => None,
    };
    let Some(host) = tls.server_name.as_ref().or(found) else {
        return Ok(None);
    };
    match Host::parse(host) {
        Ok(_) => Ok(Some(host.clone())),
        Err(_) if tls.verification() != Verification::Name => Ok(None),
        Err(why) => {
            let address = backend.address().map(ToString::to_string);
            let address = address.unwrap_or_default();
            let text = format!("cannot verify the certificate of backend '{address}': {why}");
            let hint = "'backend.server-name' says whom it has to be for";
            Err(Error::settings(format!("{text}: {hint}")))
        }
    }
}

impl Dialer {
    /// That of a client of ours, which resumes sessions. `host` is whom the certificate has to be for, where that is
    /// looked at, and who is asked for.
    ///
    /// # Errors
    /// A policy that was prepared for a server, and what libssl refused; `Usage` where no certificate can be for `host`.
    pub fn of_client(
        prepared: &Prepared,
        host: Option<&str>,
        verification: Verification,
    ) -> Result<Dialer, Problems> {
        let named = match (host.map(Host::parse), verification) {
            (Some(Ok(_)), _) => host,
            (Some(Err(error)), Verification::Name) => return Err(error.into()),
            _ => None,
        };
        let kept = Arc::<Kept>::default();
        Ok(Dialer {
            context: Context::keeping(prepared, Some(Arc::clone(&kept)))?,
            kept: Some(kept),
            plan: Plan {
                host: named.map(str::to_owned),
                verification,
                mirrors: false,
                resumes: true,
                insists_on: None,
                carries_alpn: false,
            },
        })
    }

    /// Begins a channel. `client` is who it is for, where that is a channel too.
    ///
    /// # Errors
    /// Out of memory; `Tls` where the client speaks a version that is not to be spoken here, and it is the one to speak.
    pub fn dial(&self, stream: Stream, client: Option<&Channel>) -> Result<Channel, Error> {
        let mut ssl = self.context.new_ssl()?;
        let host = self.plan.host.as_deref();
        let server = match (self.plan.verification, host) {
            (Verification::None, host) => Server::Unverified(host),
            (Verification::Authority, host) => Server::Trusted(host),
            (Verification::Name, host) => Server::Verified(host.unwrap_or_default()),
        };
        server.expect(&mut ssl)?;
        let version = client
            .and_then(Channel::version)
            .filter(|_| self.plan.mirrors);
        if let Some(version) = version {
            speak_only(&mut ssl, version)?;
        }
        let alpn = client.and_then(Channel::alpn);
        if let Some(protocol) = alpn.filter(|_| self.plan.carries_alpn) {
            offer(&mut ssl, &protocol)?;
        }
        if let Some(session) = self.kept.as_ref().and_then(|kept| kept.take(version)) {
            // One that libssl does not like is one less: the handshake is a full one.
            let _ = sys::set_session(&mut ssl, &session);
        }
        Channel::connecting(ssl, stream)
    }

    /// Looks at what a handshake has agreed on.
    ///
    /// # Errors
    /// The server did not agree to the protocol that there has to be: PostgreSQL's where it is begun with TLS, what the
    /// client speaks where that is not the HTTP/1.1 of everybody.
    pub fn agreed(&self, channel: &Channel, client: Option<&Channel>) -> Result<(), Error> {
        let insists_on = self
            .plan
            .insists_on
            .map(|protocol| protocol.as_bytes().to_vec());
        let carried = client.and_then(Channel::alpn).filter(|protocol| {
            let optional = protocol == b"http/1.1";
            self.plan.carries_alpn && !optional
        });
        match insists_on.or(carried) {
            Some(protocol) if channel.alpn().as_ref() != Some(&protocol) => {
                let protocol = protocol.escape_ascii();
                let text = format!("the server did not agree on '{protocol}' by ALPN");
                Err(Error::new(Kind::Peer, text).context("handshake"))
            }
            _ => Ok(()),
        }
    }
}

/// Offers a protocol by ALPN, and no other.
fn offer(ssl: &mut SslRef, protocol: &[u8]) -> Result<(), Error> {
    let length = u8::try_from(protocol.len()).unwrap_or(u8::MAX); // as ALPN has it
    let list = [&[length], protocol].concat();
    ssl.set_alpn_protos(&list).map_err(|stack| {
        let refused = Queue::from(stack).reason();
        Error::new(
            Kind::Tls,
            format!("cannot offer the client's protocol: {refused}"),
        )
    })
}

/// Makes a version the only one, within what the context allows.
fn speak_only(ssl: &mut SslRef, version: SslVersion) -> Result<(), Error> {
    let number = probe::number(version);
    let (min, max) = sys::version_range(ssl);
    if number < min || max != 0 && number > max {
        let name = probe::name(number);
        let text = format!("the client speaks {name}, which is not to be spoken with the backend");
        return Err(Error::new(Kind::Tls, text));
    }
    let set = ssl
        .set_min_proto_version(Some(version))
        .and_then(|()| ssl.set_max_proto_version(Some(version)));
    set.map_err(|stack| {
        let refused = Queue::from(stack).reason();
        Error::new(
            Kind::Tls,
            format!("cannot speak the client's version: {refused}"),
        )
    })
}
