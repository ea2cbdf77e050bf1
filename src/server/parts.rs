//! What endpoints are served with: contexts, backends, services. What several of them need alike is made once.

use super::Server;
use crate::conn::{Answers, Onward, Request};
use crate::error::{Distinct, Error, Kind, Problems};
use crate::net;
use crate::service::{Echo, status};
use crate::settings::{
    Address, Backend, Endpoint, Service, Setting, Settings, Spoken, SslMode, SslNegotiation,
};
use crate::tls::{Context, Prepared};
use std::ptr;
use std::sync::Arc;

/// What one endpoint is served with.
pub(super) struct Part {
    /// What holds for it.
    pub(super) settings: Settings,
    /// One a worker; none when it speaks no TLS.
    pub(super) contexts: Vec<Arc<Context>>,
    /// Who answers, at least one.
    pub(super) ways: Vec<Way>,
}

/// Who answers what is spoken.
pub(super) struct Way {
    pub(super) spoken: Option<Spoken>,
    pub(super) answers: Answers,
    /// Nobody where a service answers.
    pub(super) backend: Option<Arc<net::Backend>>,
    /// One a worker; none when there is no TLS with the backend.
    pub(super) onwards: Vec<Arc<Onward>>,
}

/// Makes the parts of a server's endpoints.
pub(super) struct Parts<'a> {
    server: &'a Server,
    settings: &'a Settings,
    prepared: &'a Prepared,
    contexts: Vec<(&'a Prepared, Vec<Arc<Context>>)>,
    onwards: Vec<(&'a Prepared, Backend, Vec<Arc<Onward>>)>,
    backends: Vec<(Address, Arc<net::Backend>)>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        server: &'a Server,
        settings: &'a Settings,
        prepared: &'a Prepared,
    ) -> Parts<'a> {
        Parts {
            server,
            settings,
            prepared,
            contexts: Vec::new(),
            onwards: Vec::new(),
            backends: Vec::new(),
        }
    }

    /// What this endpoint is served with.
    ///
    /// # Errors
    /// All that it cannot have.
    pub(super) fn of(&mut self, endpoint: &Setting<Endpoint>) -> Result<Part, Problems> {
        let settings = self.settings.of_endpoint(endpoint);
        let prepared = self.prepared.of_endpoint(self.settings, endpoint)?;
        let mut problems = Distinct::default();
        let contexts = match endpoint.accept.has_tls() {
            true => self.contexts(prepared),
            false => Ok(Vec::new()),
        };
        let contexts = contexts.unwrap_or_else(|found| {
            problems.add(found.0);
            Vec::new()
        });
        let mut ways = Vec::new();
        for way in settings.ways(endpoint.accept) {
            match self.way(way.spoken, way.backend, endpoint, &settings, prepared) {
                Ok(way) => ways.push(way),
                Err(Problems(found)) => problems.add(found),
            }
        }
        let part = Part {
            contexts,
            ways,
            settings,
        };
        Problems::or(problems.list, part)
    }

    fn way(
        &mut self,
        spoken: Option<Spoken>,
        to: &Backend,
        endpoint: &Endpoint,
        settings: &Settings,
        prepared: &'a Prepared,
    ) -> Result<Way, Problems> {
        let answers = self.server.answers(to, endpoint)?;
        let backend = match to.address() {
            Some(address) => Some(self.backend(address, settings)?),
            None => None,
        };
        let onwards = match to.has_tls(*settings.backend_tls.mode) {
            true => self.onwards(to, settings, prepared)?,
            false => Vec::new(),
        };
        Ok(Way {
            spoken,
            answers,
            backend,
            onwards,
        })
    }

    fn backend(
        &mut self,
        address: &Address,
        settings: &Settings,
    ) -> Result<Arc<net::Backend>, Error> {
        if let Some((_, known)) = self.backends.iter().find(|(known, _)| known == address) {
            return Ok(Arc::clone(known));
        }
        let backend = Arc::new(net::Backend::resolve(address, &settings.tcp)?);
        self.backends.push((address.clone(), Arc::clone(&backend)));
        Ok(backend)
    }

    /// One context a worker, so that workers share no lock of libssl's.
    fn contexts(&mut self, prepared: &'a Prepared) -> Result<Vec<Arc<Context>>, Problems> {
        let known = self
            .contexts
            .iter()
            .find(|(known, _)| ptr::eq(*known, prepared));
        if let Some((_, known)) = known {
            return Ok(known.clone());
        }
        let made = (0..self.server.threads)
            .map(|_| Context::build(prepared, &self.server.shared).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        self.contexts.push((prepared, made.clone()));
        Ok(made)
    }

    /// What each worker speaks TLS with a backend with, which keeps its sessions.
    fn onwards(
        &mut self,
        backend: &Backend,
        settings: &Settings,
        prepared: &'a Prepared,
    ) -> Result<Vec<Arc<Onward>>, Problems> {
        let same = |one: &&(&Prepared, Backend, _)| ptr::eq(one.0, prepared) && one.1 == *backend;
        if let Some((.., known)) = self.onwards.iter().find(same) {
            return Ok(known.clone());
        }
        let mut made = Vec::new();
        for _ in 0..self.server.threads {
            let Some(dialer) = prepared.dialer(backend)? else {
                let text = "the settings were prepared without TLS to the backend";
                return Err(Error::new(Kind::Usage, text).into());
            };
            made.push(Arc::new(Onward {
                dialer,
                request: request(backend, settings),
            }));
        }
        self.onwards.push((prepared, backend.clone(), made.clone()));
        Ok(made)
    }
}

impl Server {
    fn answers(&self, backend: &Backend, endpoint: &Endpoint) -> Result<Answers, Error> {
        Ok(match backend {
            Backend::Service(Service::Echo) => Answers::Service(Arc::new(|| Box::new(Echo::new()))),
            Backend::Service(Service::Status) => {
                let overview = Arc::clone(&self.overview);
                let own: Arc<str> = endpoint.own.words().into();
                Answers::Service(Arc::new(move || {
                    let (overview, own) = (Arc::clone(&overview), Arc::clone(&own));
                    Box::new(status::StatusPage::new(overview, own))
                }))
            }
            Backend::Service(Service::Program) => match self.program.clone() {
                Some(make) => Answers::Service(make),
                None => {
                    let text = "backend 'service://program': it is for programs that bring a service of their own";
                    return Err(Error::settings(text));
                }
            },
            Backend::Address(_) | Backend::Tls(_) | Backend::PostgreSql(_) | Backend::MySql(_) => {
                Answers::Backend
            }
        })
    }
}

/// The backends whose names are not known.
pub(super) fn unresolved(settings: &Settings) -> Vec<Error> {
    let addresses = settings
        .all_backends()
        .filter_map(|(backend, _)| backend.address());
    let resolved = addresses.map(|address| net::Backend::resolve(address, &settings.tcp));
    resolved.filter_map(Result::err).collect()
}

/// What a backend is told before TLS.
fn request(backend: &Backend, settings: &Settings) -> Request {
    let tls = &settings.backend_tls;
    match (backend, *tls.negotiation, *tls.mode) {
        (Backend::PostgreSql(_), SslNegotiation::Postgres, SslMode::Prefer) => {
            Request::PostgreSqlOrClear
        }
        (Backend::PostgreSql(_), SslNegotiation::Postgres, _) => Request::PostgreSql,
        (Backend::MySql(_), _, SslMode::Prefer) => Request::MySqlOrClear,
        (Backend::MySql(_), ..) => Request::MySql,
        _ => Request::None,
    }
}
