//! The daemon before both servers.

use crate::behind::{Web, searchd};
use crate::support::{Backend, Daemon, Launch, Pki};

/// Two servers with a front before them.
pub(crate) struct Scene {
    pub(crate) front: Daemon,
    pub(crate) searchd: Backend,
    pub(crate) pki: Pki,
    _web: Web,
}

impl Scene {
    /// Endpoints of choice.
    pub(crate) fn at(endpoints: &[&str]) -> Scene {
        Scene::with(endpoints, |launch, _| launch)
    }

    /// More than endpoints.
    pub(crate) fn with(endpoints: &[&str], more: impl FnOnce(Launch, &Pki) -> Launch) -> Scene {
        let pki = Pki::new();
        let (web, searchd) = (Web::start(&pki), searchd());
        let launch = endpoints
            .iter()
            .fold(Launch::new(), |launch, endpoint| launch.endpoint(endpoint));
        let launch = launch
            .set("ssl.keyfile", pki.server())
            .set("backend", format!("http={}", web.url))
            .set("backend", format!("sphinx={}", searchd.url));
        Scene {
            front: more(launch, &pki).start(),
            searchd,
            pki,
            _web: web,
        }
    }
}

/// A port for several protocols, one for HTTPS, and one for the binary API alone.
pub(crate) const ALL: [&str; 3] = [
    "manticore://127.0.0.1:0",
    "manticore+https://127.0.0.1:0",
    "sphinx://127.0.0.1:0",
];
