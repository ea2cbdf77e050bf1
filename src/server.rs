//! A server: endpoints, workers, start, reload, drain, stop.
//!
//! Everything that can go wrong goes wrong while a `Plan` is made: contexts are built, names resolved, sockets
//! bound. Committing a plan only tells the workers, so a reload is all or nothing. Read next: `net` (the loop).

use crate::conn::{Answers, Counters, Security, Service, Terms, Totals, Work};
use crate::error::{Error, Kind, Problems, reason};
use crate::io::Pool;
use crate::net::{Backend, Ceilings, Command, Door, Handle, Listener, Place, Worker, bind};
use crate::service::{Echo, status};
use crate::settings::{self, Accept, Endpoint, Note, Setting, Settings, Tcp};
use crate::tls::{Context, Prepared, Report, Shared};
use log::{debug, info};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
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
    /// As they were at the start, and are for sockets bound then.
    tcp: Tcp,
    /// What answers `service://program`.
    program: Option<Arc<MakeService>>,
    draining: AtomicBool,
    ends: Option<Receiver<()>>,
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

/// Makes a service for a connection.
type MakeService = dyn Fn() -> Box<dyn Service> + Send + Sync;

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// What libssl or the system refused. Nothing is left behind then.
    pub fn start(settings: &Settings, prepared: &Prepared) -> Result<Server, Problems> {
        Server::start_any(settings, prepared, None)
    }

    /// Starts serving with a service of the calling program, which answers where the backend is
    /// `service://program`. `make` is called by the workers, once a connection.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(
        settings: &Settings,
        prepared: &Prepared,
        make: impl Fn() -> Box<dyn Service> + Send + Sync + 'static,
    ) -> Result<Server, Problems> {
        Server::start_any(settings, prepared, Some(Arc::new(make)))
    }

    fn start_any(
        settings: &Settings,
        prepared: &Prepared,
        program: Option<Arc<MakeService>>,
    ) -> Result<Server, Problems> {
        let threads = threads(settings);
        let shared = Shared::new();
        let counters: Vec<Arc<Counters>> = (0..threads).map(|_| Arc::default()).collect();
        let summed = counters.clone();
        let totals = move || sum(&summed);
        let overview = status::Overview::new(policy(settings, prepared), threads, totals);
        let mut server = Server {
            workers: Vec::new(),
            shared,
            ceilings: Arc::default(),
            overview: Arc::new(overview),
            counters,
            places: Vec::new(),
            threads,
            tcp: settings.tcp.clone(),
            program,
            draining: AtomicBool::new(false),
            ends: None,
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
    /// Returns what has to wait for the next start.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn reload(
        &mut self,
        settings: &Settings,
        prepared: &Prepared,
    ) -> Result<Vec<Note>, Problems> {
        if self.draining.load(Relaxed) {
            let text = "cannot reload: the server is about to end";
            return Err(Error::new(Kind::Usage, text).into());
        }
        let plan = self.plan(settings, prepared)?;
        self.overview.replace(policy(settings, prepared));
        self.commit(settings, prepared, plan);
        Ok(self.unchanged(settings))
    }

    /// What of the settings a reload cannot bring about.
    fn unchanged(&self, settings: &Settings) -> Vec<Note> {
        let mut notes = Vec::new();
        if threads(settings) != self.threads {
            let origin = &settings.threads.origin;
            notes.push(Note::warn(format!(
                "{origin}: 'threads' takes effect at the next start: {} workers stay",
                self.threads
            )));
        }
        if settings.tcp != self.tcp {
            notes.push(Note::warn(
                "'tcp.backlog-size' and 'tcp.reuse-address' take effect at the next start for endpoints that stay",
            ));
        }
        notes
    }

    /// Accepts nothing more, and lets open connections end; those that have not by `limit` are closed. `None` waits
    /// for ever, zero for none. Returns at once: see [`Server::wait`].
    pub fn drain(&self, limit: Option<Duration>) {
        self.draining.store(true, Relaxed);
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

    /// Something that can be waited for: it hears once from each worker that ends, which before a drain none should.
    /// `None` after the first call.
    pub fn ends(&mut self) -> Option<Receiver<()>> {
        self.ends.take()
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
        sum(&self.counters)
    }

    /// Prepares everything aside.
    fn plan(&self, settings: &Settings, prepared: &Prepared) -> Result<Plan, Problems> {
        let mut problems = Vec::new();
        let parts = match self.parts(settings, prepared) {
            Ok(parts) => Some(parts),
            Err(Problems(found)) => {
                problems = found;
                None
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
            match (self.open(endpoint, settings, &mut known), &parts) {
                (Ok(opened), Some(parts)) => plan.add(endpoint, opened, parts),
                (Ok(_), None) => {}
                (Err(error), _) => problems.push(error),
            }
        }
        Problems::or(problems, plan)
    }

    /// What the endpoints have in common.
    fn parts<'a>(
        &self,
        settings: &'a Settings,
        prepared: &Prepared,
    ) -> Result<Parts<'a>, Problems> {
        let mut problems = Vec::new();
        let answers = self.answers(settings);
        let backend = resolve(settings);
        let contexts = self.contexts(settings, prepared);
        match (answers, backend, contexts) {
            (Ok(answers), Ok(backend), Ok(contexts)) => {
                return Ok(Parts {
                    settings,
                    answers,
                    backend,
                    contexts,
                });
            }
            (answers, backend, contexts) => {
                problems.extend(answers.err());
                problems.extend(backend.err());
                problems.extend(contexts.err().into_iter().flat_map(|found| found.0));
            }
        }
        Err(Problems(problems))
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

    fn answers(&self, settings: &Settings) -> Result<Answers, Error> {
        use settings::{Backend, Service};
        Ok(match &settings.backend.value {
            Some(Backend::Service(Service::Echo)) => {
                Answers::Service(Arc::new(|| Box::new(Echo::new())))
            }
            Some(Backend::Service(Service::Status)) => {
                let overview = Arc::clone(&self.overview);
                Answers::Service(Arc::new(move || {
                    Box::new(status::StatusPage::new(Arc::clone(&overview)))
                }))
            }
            Some(Backend::Service(Service::Program)) => match self.program.clone() {
                Some(make) => Answers::Service(make),
                None => {
                    let text = "backend 'service://program': it is for programs that bring a service of their own";
                    return Err(Error::settings(text));
                }
            },
            Some(Backend::Address(_)) | None => Answers::Backend,
        })
    }

    fn spawn(&mut self) -> Result<(), Error> {
        let (end, ends) = mpsc::channel();
        self.ends = Some(ends);
        for (number, counters) in self.counters.iter().enumerate() {
            let work = Work {
                pool: Pool::new(),
                counters: Arc::clone(counters),
            };
            let (worker, handle) = Worker::new(work, Arc::clone(&self.ceilings))?;
            let end = End(end.clone());
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let _end = end; // told also when the worker panics
                    worker.run();
                })
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

/// Says that a worker ends.
struct End(Sender<()>);

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.0.send(()); // nobody may want to know
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain(Some(Duration::ZERO));
        self.wait();
    }
}

/// What the endpoints of a plan have in common.
struct Parts<'a> {
    settings: &'a Settings,
    answers: Answers,
    backend: Option<Arc<Backend>>,
    /// One a worker; none when no endpoint speaks TLS.
    contexts: Vec<Arc<Context>>,
}

impl Plan {
    /// Adds an endpoint with its sockets.
    fn add(&mut self, endpoint: &Endpoint, opened: Vec<Opening>, parts: &Parts<'_>) {
        for opening in opened {
            let name = unified(endpoint, &opening.place);
            let security = match endpoint.accept {
                Accept::Plain => "non-encrypted",
                Accept::Tls => "ssl-encrypted",
                Accept::Either => "ssl-encrypted and non-encrypted",
            };
            let line = format!("using endpoint '{name}' for {security} requests");
            self.lines.push(line);
            let mut listeners = opening.listeners.into_iter();
            for (number, doors) in self.doors.iter_mut().enumerate() {
                let security = match (endpoint.accept, parts.contexts.get(number)) {
                    (Accept::Plain, _) | (_, None) => Security::Plain,
                    (Accept::Tls, Some(context)) => Security::Tls(Arc::clone(context)),
                    (Accept::Either, Some(context)) => Security::Either(Arc::clone(context)),
                };
                let answers = parts.answers.clone();
                let timeouts = &parts.settings.timeouts;
                let terms = Terms::new(name.clone(), security, answers, timeouts);
                doors.push(Door {
                    place: opening.place.clone(),
                    listener: listeners.next(),
                    terms: Arc::new(terms),
                    backend: parts.backend.clone(),
                });
            }
            self.places.push((opening.asked, opening.place));
        }
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

fn sum(counters: &[Arc<Counters>]) -> Totals {
    let mut totals = Totals::default();
    counters.iter().for_each(|counters| totals.add(counters));
    totals
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
