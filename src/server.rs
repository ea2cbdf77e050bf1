//! A server: endpoints, workers, start, reload, drain, stop.
//!
//! Everything that can go wrong goes wrong while a `Plan` is made: contexts are built, names resolved, sockets
//! bound. Committing a plan only tells the workers, so a reload is all or nothing. Read next: `net` (the loop).

mod parts;
mod plan;
mod running;

use crate::conn::{Counters, Message, Service, Totals, Work};
use crate::error::{Distinct, Error, Kind, Problems, reason};
use crate::net::{
    Ceilings, Command, Handle, Place, Quiet, Swap, WORKERS, Worker, bind, check_congestion,
    has_ipv6,
};
use crate::service::status;
use crate::settings::{Address, Endpoint, Note, Setting, Settings, Tcp, Words};
use crate::tls::{Prepared, Report, Shared, memory};
use log::{debug, info, warn};
use parts::Parts;
use plan::{Opening, Plan};
use running::{Count, End};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running server, for any number of threads at once. Dropping it closes every connection.
pub struct Server {
    workers: Vec<Running>,
    shared: Arc<Shared>,
    ceilings: Arc<Ceilings>,
    overview: Arc<status::Overview>,
    counters: Vec<Arc<Counters>>,
    state: Mutex<State>,
    /// Held by who reloads.
    reloading: Mutex<()>,
    threads: usize,
    /// As they were at the start, and are for sockets bound then.
    tcp: Tcp,
    /// What answers `service://program`.
    program: Option<Arc<MakeService>>,
    ends: Mutex<Option<Receiver<()>>>,
    running: Arc<Count>,
}

/// What of a server changes. Never held while waiting for a worker, whose services may ask for it.
#[derive(Default)]
struct State {
    listening: Vec<Listening>,
    draining: bool,
}

/// One place where the server listens.
#[derive(Clone)]
struct Listening {
    /// As it was asked for; it differs from `place` in a port that the system chose, or the first free one up to the last.
    asked: Place,
    last_port: Option<u16>,
    place: Place,
    /// The endpoint in the unified form of the logs.
    name: String,
}

struct Running {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
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
            state: Mutex::default(),
            reloading: Mutex::default(),
            threads,
            tcp: settings.tcp.clone(),
            program,
            ends: Mutex::default(),
            running: Arc::default(),
        };
        let plan = server.plan(settings, prepared)?;
        server.spawn()?;
        server.commit(settings, prepared, plan)?;
        Ok(server)
    }

    /// Looks up every name in the settings that the system has to know, as a start does before it listens.
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
        let mut problems = Distinct::default();
        problems.add(settings.endpoints.iter().filter_map(unknown));
        for endpoint in &settings.endpoints {
            problems.add(parts::unresolved(&settings.of_endpoint(endpoint)));
        }
        problems.add(check_congestion(&settings.tcp.congestion).err());
        Problems::or(problems.list, ())
    }

    /// Goes over to other settings, if all of them can be had; open connections keep what they have. The next one
    /// to be accepted is on the new terms. Waits for the workers, so a service, which runs on one, must not call it.
    /// Returns what has to wait for the next start.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn reload(&self, settings: &Settings, prepared: &Prepared) -> Result<Vec<Note>, Problems> {
        let _one_at_a_time = lock(&self.reloading);
        let plan = self.plan(settings, prepared)?;
        self.commit(settings, prepared, plan)?;
        self.overview.replace(policy(settings, prepared));
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
                "'tcp.backlog-size', 'tcp.congestion', 'tcp.reuse-address' and 'tcp.reuse-port' take effect at the next start for \
                 endpoints that stay",
            ));
        }
        notes
    }

    /// Has `call` made when every worker has had nothing to do for a second, once after some dozens of connections were
    /// opened or closed: a moment to give memory back that they left, as with `malloc_trim` (which the library leaves to
    /// the program: it concerns all of the process). One of the workers makes the call, and waits for its end before it
    /// serves again: so it must not wait for this server, nor panic, which ends that worker. Called again, it takes the
    /// place of what was given before.
    pub fn when_quiet(&self, call: impl Fn() + Send + Sync + 'static) {
        let quiet = Arc::new(Quiet::new(call));
        for worker in &self.workers {
            let _ = worker.handle.send(Command::WhenQuiet(Arc::clone(&quiet))); // one that is gone is quiet
        }
    }

    /// Accepts nothing more, and lets open connections end; those that have not by `limit` are closed. `None` waits
    /// for ever, zero for none. Called again, it brings the end nearer, never further away. Returns at once: see
    /// [`Server::wait`].
    pub fn drain(&self, limit: Option<Duration>) {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut state = lock(&self.state); // no reload's command comes after ours
        state.draining = true;
        for worker in &self.workers {
            let _ = worker.handle.send(Command::Drain(deadline)); // one that is gone has drained
        }
    }

    /// Hands `message` to the service of the connection with this number ([`Opened::id`](crate::conn::Opened::id)),
    /// on its own thread, which is woken. It is dropped if the connection is over; where the server is over, it comes
    /// back.
    ///
    /// # Errors
    /// The message.
    pub fn tell(&self, id: u64, message: Message) -> Result<(), Message> {
        let number = usize::try_from(id % WORKERS).unwrap_or(usize::MAX);
        // A number that is no connection's is heard of by somebody who knows that.
        let worker = self.workers.get(number).or_else(|| self.workers.first());
        let Some(worker) = worker else {
            return Err(message);
        };
        match worker.handle.send(Command::Tell(id, message)) {
            Err(Command::Tell(_, message)) => Err(message),
            _ => Ok(()),
        }
    }

    /// Waits until every worker has drained.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until every worker has drained, or this time has come; whether they have.
    pub fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.running.wait(deadline)
    }

    /// Something that can be waited for: it hears once from each worker that ends, which before a drain none should.
    /// `None` after the first call.
    pub fn ends(&self) -> Option<Receiver<()>> {
        lock(&self.ends).take()
    }

    /// Whether every worker has drained.
    pub fn is_over(&self) -> bool {
        self.running.is_none()
    }

    /// Whether the calling thread is one of the server's: then a service called it.
    pub fn is_own_thread(&self) -> bool {
        let this = thread::current().id();
        let threads = self
            .workers
            .iter()
            .filter_map(|worker| worker.thread.as_ref());
        threads.map(|own| own.thread().id()).any(|own| own == this)
    }

    /// The addresses where the server listens, with the ports that the system chose.
    pub fn places(&self) -> impl Iterator<Item = String> + use<> {
        let listening = lock(&self.state).listening.clone();
        listening.into_iter().map(|one| one.place.to_string())
    }

    /// The endpoints in the unified form of the logs, one for each of [`Server::places`].
    pub fn endpoints(&self) -> impl Iterator<Item = String> + use<> {
        let listening = lock(&self.state).listening.clone();
        listening.into_iter().map(|one| one.name)
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        sum(&self.counters)
    }

    /// Prepares everything aside.
    fn plan(&self, settings: &Settings, prepared: &Prepared) -> Result<Plan, Problems> {
        check_congestion(&settings.tcp.congestion)?;
        let mut problems = Distinct::default();
        let mut parts = Parts::new(self, settings, prepared);
        let mut plan = Plan {
            doors: Vec::new(),
            listening: Vec::new(),
            lines: Vec::new(),
        };
        plan.doors.resize_with(self.threads, Vec::new);
        // One asked for twice (port 0, where each is another) is matched in order.
        let mut known = lock(&self.state).listening.clone();
        for endpoint in listened_on(settings) {
            let part = parts.of(endpoint);
            match (self.open(endpoint, settings, &mut known), part) {
                (Ok(opened), Ok(part)) => plan.add(endpoint, opened, &part),
                (opened, part) => {
                    let found = part.err().map_or(Vec::new(), |found| found.0);
                    problems.add(found);
                    problems.add(opened.err());
                }
            }
        }
        Problems::or(problems.list, plan)
    }

    /// The sockets of an endpoint: new ones, or none where the workers have them already, which leaves `known`.
    fn open(
        &self,
        endpoint: &Endpoint,
        settings: &Settings,
        known: &mut Vec<Listening>,
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
            let same = |one: &Listening| one.asked == asked && one.last_port == endpoint.last_port;
            if let Some(at) = known.iter().position(same) {
                let Listening { asked, place, .. } = known.remove(at);
                opened.push(Opening {
                    asked,
                    place,
                    listeners: Vec::new(),
                });
                continue;
            }
            let (listeners, place) =
                bind(&asked, endpoint.last_port, &settings.tcp, self.threads).map_err(refused)?;
            opened.push(Opening {
                asked,
                place,
                listeners,
            });
        }
        Ok(opened)
    }

    fn spawn(&mut self) -> Result<(), Error> {
        let (end, ends) = mpsc::channel();
        self.ends = Mutex::new(Some(ends));
        for (number, counters) in (0_u64..).zip(&self.counters) {
            let work = Work::new(Arc::clone(counters));
            let (worker, handle) = Worker::new(number, work, Arc::clone(&self.ceilings))?;
            let end = End::new(end.clone(), &self.running);
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let _end = end; // told also when the worker panics
                    let _heap = memory::own();
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

    /// # Errors
    /// The server was told to drain: nothing was changed.
    fn commit(&self, settings: &Settings, prepared: &Prepared, plan: Plan) -> Result<(), Error> {
        let (swapped, all_swapped) = mpsc::channel();
        let mut state = lock(&self.state);
        if state.draining {
            let text = "cannot reload: the server is about to end";
            return Err(Error::new(Kind::Usage, text));
        }
        self.ceilings.set(&settings.limits);
        state.listening = plan.listening;
        for (worker, doors) in self.workers.iter().zip(plan.doors) {
            let swap = Swap {
                doors,
                busy_poll: settings.busy_poll.value,
                swapped: swapped.clone(),
            };
            let _ = worker.handle.send(Command::Swap(swap)); // one that is gone listens nowhere
        }
        drop(state);
        drop(swapped);
        let _ = all_swapped.recv(); // nothing is ever sent: it ends when the last worker has let go
        if settings.serves_tls() {
            prepared.announce();
        }
        for line in plan.lines {
            info!("{line}");
        }
        debug!("serving with {} worker threads", self.threads);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain(Some(Duration::ZERO));
        let this = thread::current().id();
        for worker in &mut self.workers {
            // A service may have had the server last: its own thread ends when it has returned.
            let other = |thread: &JoinHandle<()>| thread.thread().id() != this;
            if let Some(thread) = worker.thread.take().filter(other) {
                let _ = thread.join(); // a worker's panic has been reported by its own thread
            }
        }
    }
}

/// What these locks guard is whole at any moment, also after a panic of whoever held one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The endpoints but for those that PostgreSQL does without: of an IPv6 that the system has not, beside others. Its
/// `localhost` and its `*` stand for both kinds of addresses, as a port of kdb+ alone does.
fn listened_on(settings: &Settings) -> impl Iterator<Item = &Setting<Endpoint>> {
    let is_ipv6 = |endpoint: &Endpoint| match &endpoint.address {
        Address::Tcp { host, .. } => host.contains(':'),
        Address::Unix(_) => false,
    };
    let lenient = matches!(settings.policy.words, Words::PostgreSql | Words::Kdb)
        && !settings.endpoints.iter().all(|endpoint| is_ipv6(endpoint))
        && settings.endpoints.iter().any(|endpoint| is_ipv6(endpoint))
        && !has_ipv6();
    settings.endpoints.iter().filter(move |endpoint| {
        let left_out = lenient && is_ipv6(endpoint);
        if left_out {
            warn!(
                "could not create listen socket for \"{}\": there is no IPv6 here",
                endpoint.value
            );
        }
        !left_out
    })
}

fn sum(counters: &[Arc<Counters>]) -> Totals {
    let mut totals = Totals::default();
    counters.iter().for_each(|counters| totals.add(counters));
    totals
}

/// What the status page tells of a policy: nothing where no endpoint has one.
fn policy(settings: &Settings, prepared: &Prepared) -> Option<Report> {
    settings.serves_tls().then(|| prepared.report())
}

fn threads(settings: &Settings) -> usize {
    match settings.threads.value {
        0 => thread::available_parallelism().map_or(1, usize::from),
        chosen => chosen,
    }
}
