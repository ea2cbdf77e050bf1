//! A server: endpoints, workers, start, reload, drain, stop.
//!
//! Everything that can go wrong goes wrong while a [`Plan`] is made: contexts are built, names resolved, sockets
//! bound. Committing a plan only tells the workers, so a reload is all or nothing. Read next: `net` (the loop).

use crate::conn::{Answers, Counters, Security, Service, Terms, Totals, Work};
use crate::error::{Error, Kind, Problems, reason};
use crate::io::Pool;
use crate::net::{Backend, Ceilings, Command, Door, Handle, Listener, Place, Worker, bind};
use crate::service::{Echo, status};
use crate::settings::{self, Accept, Endpoint, Setting, Settings};
use crate::tls::{Context, Prepared, Report, Shared};
use log::{debug, info};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running server. Dropping it closes every connection.
pub struct Server {
    workers: Vec<Running>,
    shared: Arc<Shared>,
    ceilings: Arc<Ceilings>,
    overview: Arc<status::Overview>,
    counters: Vec<Arc<Counters>>,
    /// Where each endpoint was asked for, and where it is: they differ in a port that the system chose.
    places: Vec<(Place, Place)>,
    threads: usize,
}

struct Running {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// A configuration ready to be served: nothing about it can fail any more.
struct Plan {
    /// What each worker is to listen on.
    doors: Vec<Vec<Door>>,
    places: Vec<(Place, Place)>,
    /// The log's lines about endpoints.
    lines: Vec<String>,
}

/// A service of the embedding program, made anew for each connection.
pub type MakeService = dyn Fn() -> Box<dyn Service> + Send + Sync;

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// What libssl or the system refused. Nothing is left behind then.
    pub fn start(settings: &Settings, prepared: &Prepared) -> Result<Server, Problems> {
        let threads = threads(settings);
        let shared = Shared::new();
        let counters: Vec<Arc<Counters>> = (0..threads).map(|_| Arc::default()).collect();
        let summed = counters.clone();
        let totals = move || {
            let mut totals = Totals::default();
            summed.iter().for_each(|counters| totals.add(counters));
            totals
        };
        let overview = status::Overview::new(policy(settings, prepared), threads, totals);
        let mut server = Server {
            workers: Vec::new(),
            shared,
            ceilings: Arc::default(),
            overview: Arc::new(overview),
            counters,
            places: Vec::new(),
            threads,
        };
        let plan = server.plan(settings, prepared)?;
        server.spawn()?;
        server.commit(settings, prepared, plan);
        Ok(server)
    }

    /// Looks up every name in the settings, as a start does before it opens a socket.
    ///
    /// # Errors
    /// What is not known, one error a name.
    pub fn check_names(settings: &Settings) -> Result<(), Problems> {
        let unknown = |endpoint: &Setting<Endpoint>| {
            let error = Place::of(&endpoint.address).err()?;
            Some(Error::io(
                format!("cannot resolve endpoint '{}'", endpoint.value),
                &error,
            ))
        };
        let mut problems: Vec<Error> = settings.endpoints.iter().filter_map(unknown).collect();
        problems.extend(resolve(settings).err());
        Problems::or(problems, ())
    }

    /// Goes over to other settings, if all of them can be had; open connections keep what they have. The next one
    /// to be accepted is on the new terms. Waits for the workers, so a service, which runs on one, must not call it.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn reload(&mut self, settings: &Settings, prepared: &Prepared) -> Result<(), Problems> {
        let plan = self.plan(settings, prepared)?;
        self.overview.replace(policy(settings, prepared));
        self.commit(settings, prepared, plan);
        Ok(())
    }

    /// Accepts nothing more, and lets open connections end; those that have not by `limit` are closed. `None` waits
    /// for ever, zero for none. Returns at once: see [`Server::wait`].
    pub fn drain(&self, limit: Option<Duration>) {
        let deadline = limit.map(|limit| Instant::now() + limit);
        for worker in &self.workers {
            worker.handle.send(Command::Drain(deadline));
        }
    }

    /// Waits until every worker has drained.
    pub fn wait(&mut self) {
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join(); // a worker's panic has been reported by its own thread
            }
        }
    }

    /// Whether every worker has drained.
    pub fn is_over(&self) -> bool {
        let ended = |worker: &Running| worker.thread.as_ref().is_none_or(JoinHandle::is_finished);
        self.workers.iter().all(ended)
    }

    /// Where the server listens, in the unified form of the logs, with the ports that the system chose.
    pub fn places(&self) -> impl Iterator<Item = String> {
        self.places.iter().map(|(_, place)| place.to_string())
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters
            .iter()
            .for_each(|counters| totals.add(counters));
        totals
    }

    /// Prepares everything aside.
    fn plan(&self, settings: &Settings, prepared: &Prepared) -> Result<Plan, Problems> {
        let mut problems = Vec::new();
        let backend = match resolve(settings) {
            Ok(backend) => backend,
            Err(error) => {
                problems.push(error);
                None
            }
        };
        let contexts = match self.contexts(settings, prepared) {
            Ok(contexts) => contexts,
            Err(more) => {
                problems.extend(more.0);
                Vec::new()
            }
        };
        let mut plan = Plan {
            doors: Vec::new(),
            places: Vec::new(),
            lines: Vec::new(),
        };
        plan.doors.resize_with(self.threads, Vec::new);
        // One asked for twice (port 0, where each is another) is matched in order.
        let mut known = self.places.clone();
        for endpoint in &settings.endpoints {
            match self.open(endpoint, settings, &mut known) {
                Ok(opened) if problems.is_empty() => {
                    self.fit_doors(
                        &mut plan,
                        endpoint,
                        opened,
                        settings,
                        &contexts,
                        backend.as_ref(),
                    );
                }
                Ok(_) => {}
                Err(error) => problems.push(error),
            }
        }
        Problems::or(problems, plan)
    }

    /// One context a worker, so that workers share no lock of libssl's; none when no endpoint speaks TLS.
    fn contexts(
        &self,
        settings: &Settings,
        prepared: &Prepared,
    ) -> Result<Vec<Arc<Context>>, Problems> {
        if !has_tls(settings) {
            return Ok(Vec::new());
        }
        (0..self.threads)
            .map(|_| Context::build(prepared, &self.shared).map(Arc::new))
            .collect()
    }

    /// The sockets of an endpoint: new ones, or none where the workers have them already, which leaves `known`.
    fn open(
        &self,
        endpoint: &Endpoint,
        settings: &Settings,
        known: &mut Vec<(Place, Place)>,
    ) -> Result<Vec<Opening>, Error> {
        let refused = |error: Error| {
            Error::new(
                Kind::Io,
                format!(
                    "failed to bind to endpoint '{endpoint}'. Please check whether another instance is already \
                     running using this endpoint and review your endpoints configuration.: {error}"
                ),
            )
        };
        let asked = Place::of(&endpoint.address)
            .map_err(|error| refused(Error::new(Kind::Io, reason(&error))))?;
        let mut opened = Vec::new();
        for asked in asked {
            if let Some(at) = known.iter().position(|(was_asked, _)| *was_asked == asked) {
                let (asked, place) = known.remove(at);
                opened.push(Opening {
                    asked,
                    place,
                    listeners: Vec::new(),
                });
                continue;
            }
            let (listeners, place) = bind(&asked, &settings.tcp, self.threads).map_err(refused)?;
            opened.push(Opening {
                asked,
                place,
                listeners,
            });
        }
        Ok(opened)
    }

    fn fit_doors(
        &self,
        plan: &mut Plan,
        endpoint: &Endpoint,
        opened: Vec<Opening>,
        settings: &Settings,
        contexts: &[Arc<Context>],
        backend: Option<&Arc<Backend>>,
    ) {
        for opening in opened {
            let name = unified(endpoint, &opening.place);
            let security = match endpoint.accept {
                Accept::Plain => "non-encrypted",
                Accept::Tls => "ssl-encrypted",
                Accept::Either => "ssl-encrypted and non-encrypted",
            };
            plan.lines
                .push(format!("using endpoint '{name}' for {security} requests"));
            let mut listeners = opening.listeners.into_iter();
            for (number, doors) in plan.doors.iter_mut().enumerate() {
                let security = match (endpoint.accept, contexts.get(number)) {
                    (Accept::Plain, _) | (_, None) => Security::Plain,
                    (Accept::Tls, Some(context)) => Security::Tls(Arc::clone(context)),
                    (Accept::Either, Some(context)) => Security::Either(Arc::clone(context)),
                };
                let terms = Terms::new(
                    name.clone(),
                    security,
                    self.answers(settings),
                    &settings.timeouts,
                );
                doors.push(Door {
                    place: opening.place.clone(),
                    listener: listeners.next(),
                    terms: Arc::new(terms),
                    backend: backend.cloned(),
                });
            }
            plan.places.push((opening.asked, opening.place));
        }
    }

    fn answers(&self, settings: &Settings) -> Answers {
        match &settings.backend.value {
            Some(settings::Backend::Service(settings::Service::Echo)) => {
                Answers::Service(Box::new(|| Box::new(Echo::new())))
            }
            Some(settings::Backend::Service(settings::Service::Status)) => {
                let overview = Arc::clone(&self.overview);
                Answers::Service(Box::new(move || {
                    Box::new(status::StatusPage::new(Arc::clone(&overview)))
                }))
            }
            Some(settings::Backend::Address(_)) | None => Answers::Backend,
        }
    }

    fn spawn(&mut self) -> Result<(), Error> {
        for (number, counters) in self.counters.iter().enumerate() {
            let work = Work {
                pool: Pool::new(),
                counters: Arc::clone(counters),
            };
            let (worker, handle) = Worker::new(work, Arc::clone(&self.ceilings))?;
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || worker.run())
                .map_err(|error| Error::io("cannot start a worker", &error))?;
            self.workers.push(Running {
                handle,
                thread: Some(thread),
            });
        }
        Ok(())
    }

    fn commit(&mut self, settings: &Settings, prepared: &Prepared, plan: Plan) {
        self.ceilings.set(&settings.limits);
        self.places = plan.places;
        let (swapped, all_swapped) = mpsc::channel();
        for (worker, doors) in self.workers.iter().zip(plan.doors) {
            worker.handle.send(Command::Swap(doors, swapped.clone()));
        }
        drop(swapped);
        let _ = all_swapped.recv(); // nothing is ever sent: it ends when the last worker has let go
        if has_tls(settings) {
            prepared.announce();
        }
        for line in plan.lines {
            info!("{line}");
        }
        debug!("serving with {} worker threads", self.threads);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain(Some(Duration::ZERO));
        self.wait();
    }
}

/// One place of an endpoint.
struct Opening {
    asked: Place,
    place: Place,
    listeners: Vec<Listener>,
}

fn resolve(settings: &Settings) -> Result<Option<Arc<Backend>>, Error> {
    match &settings.backend.value {
        Some(settings::Backend::Address(address)) => Ok(Some(Arc::new(Backend::resolve(address)?))),
        Some(settings::Backend::Service(_)) | None => Ok(None),
    }
}

fn unified(endpoint: &Endpoint, place: &Place) -> String {
    Endpoint {
        address: place.address(),
        accept: endpoint.accept,
    }
    .to_string()
}

fn has_tls(settings: &Settings) -> bool {
    settings
        .endpoints
        .iter()
        .any(|endpoint| endpoint.accept.has_tls())
}

/// What the status page tells of a policy: nothing where no endpoint has one.
fn policy(settings: &Settings, prepared: &Prepared) -> Option<Report> {
    has_tls(settings).then(|| prepared.report())
}

fn threads(settings: &Settings) -> usize {
    match settings.threads.value {
        0 => thread::available_parallelism().map_or(1, usize::from),
        chosen => chosen,
    }
}
