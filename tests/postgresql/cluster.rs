//! A PostgreSQL of a test's own: the real server, without TLS, on a port of 127.0.0.1, gone with its guard.
//!
//! Its databases are made once and kept beside the other temporary files of the build: tests take one of a few copies, in
//! turn, and leave it as it was, as a new one would take longer than all the rest of most tests. The server refuses to be
//! root's, so where tests are, it belongs to another user.

use crate::certificates::Certificates;
use crate::support::backend::closed_port;
use crate::support::wait::eventually;
use crate::support::{kept, process};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whoever a front or a test may name, on top of `postgres`, the owner.
const USERS: [&str; 8] = [
    "testuser",
    "ssluser",
    "nossluser",
    "ssltestuser",
    "anotheruser",
    "yetanotheruser",
    "scramtestuser",
    "md5testuser",
];

/// The databases of `src/test/ssl`.
const DATABASES: [&str; 6] = [
    "trustdb",
    "verifydb",
    "certdb",
    "certdb_dn",
    "certdb_dn_re",
    "certdb_cn",
];

/// What those have to say whom the server asks for a password.
pub(crate) const PASSWORD: &str = "pass";

/// Whom it lets in by itself: everybody, some with a password.
const HBA: &str = "\
host   postgres     ssltestuser    127.0.0.1/32  scram-sha-256
host   all          scramtestuser  127.0.0.1/32  scram-sha-256
host   all          md5testuser    127.0.0.1/32  md5
host   all          all            127.0.0.1/32  trust
host   replication  all            127.0.0.1/32  trust
local  all          all                          trust
";

/// Quick about a disk that nobody will read again.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_connections = 250
shared_buffers = 32MB
log_connections = on
log_disconnections = on
timezone = UTC
";

/// A running server.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    _server: Server,
    /// Its socket and its log.
    directory: TempDir,
    _data: Option<TempDir>,
}

impl Cluster {
    pub(crate) fn start() -> Cluster {
        Cluster::with(|_| Vec::new())
    }

    /// One that has TLS as well, with a server's certificate.
    pub(crate) fn with_tls(certificates: &Certificates, certificate: &str) -> Cluster {
        Cluster::with(|directory| {
            let mut options = vec!["-cssl=on".into()];
            for (ending, setting) in [("crt", "ssl_cert_file"), ("key", "ssl_key_file")] {
                let file = directory.join(ending);
                fs::copy(certificates.path(&format!("{certificate}.{ending}")), &file).unwrap();
                give_away(&file);
                options.push(format!("-c{setting}={}", file.display()));
            }
            options
        })
    }

    /// One with more options, which may have files in a directory.
    fn with(options: impl Fn(&Path) -> Vec<String>) -> Cluster {
        if !is_kept_in_reach() {
            let template = template();
            let place = place_for_data();
            let data = place.path().join("data");
            copy(&template, &data);
            return Cluster::serve(&data, Some(place), &options).unwrap();
        }
        for number in 0.. {
            let data = kept().join(format!("copy-{number}"));
            if !data.exists() {
                make(&data, |data| copy(&template(), data));
            }
            if let Some(cluster) = Cluster::serve(&data, None, &options) {
                return cluster;
            }
        }
        unreachable!("so many tests are not run at once")
    }

    /// Starts a server, unless there is one already.
    fn serve(
        data: &Path,
        place: Option<TempDir>,
        options: impl Fn(&Path) -> Vec<String>,
    ) -> Option<Cluster> {
        let directory = tempfile::tempdir().unwrap();
        give_away(directory.path());
        let options = options(directory.path());
        // Somebody else may take the port first.
        for _ in 0..5 {
            match serve(directory.path(), data, &options) {
                Ok((port, server)) => {
                    return Some(Cluster {
                        port,
                        _server: server,
                        directory,
                        _data: place,
                    });
                }
                Err(Taken::Data) => return None,
                Err(Taken::Port) => {}
            }
        }
        panic!("no port was free: {}", log(directory.path()));
    }

    /// As `--backend` takes it.
    pub(crate) fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// The same, with TLS to it.
    pub(crate) fn tls_url(&self) -> String {
        format!("postgres+tls://127.0.0.1:{}", self.port)
    }

    /// The same, by its unix socket.
    pub(crate) fn local_url(&self) -> String {
        let directory = self.directory.path().display();
        format!("unix://{directory}/.s.PGSQL.{}", self.port)
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        log(self.directory.path())
    }

    /// How its owner gets to a database without a front.
    pub(crate) fn conninfo(&self, database: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=postgres dbname={database} sslmode=disable",
            self.port
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("PostgreSQL's log:\n{}", self.log());
        }
    }
}

/// The server's process, which ends with its guard: without a farewell to its clients, and without keeping anything.
struct Server(Child);

impl Server {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for (name, patience) in [("QUIT", 5000), ("KILL", 5000)] {
            if self.has_ended() {
                return;
            }
            process::signal(self.0.id(), name);
            let deadline = Instant::now() + Duration::from_millis(patience);
            while !self.has_ended() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// The folder of PostgreSQL's programs, the newest where there are several.
pub(crate) fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).map(|folder| (0, folder));
    debian
        .chain(others)
        .filter(|(_, folder)| folder.join("postgres").is_file())
        .max_by_key(|(number, _)| *number)
        .map(|(_, folder)| folder)
        .expect("PostgreSQL is not installed here: make need-test")
}

/// A program of the server's, run by its user, and ended with the thread that has started it.
fn as_owner(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some((user, group)) = owner() {
        command.args(["--reuid", &user, "--regid", &group, "--clear-groups"]);
    }
    command
        .args(["--pdeathsig", "QUIT", "--"])
        .arg(programs().join(program))
        .current_dir("/")
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")]);
    command
}

/// Who it belongs to where the tests are root's: the numbers of a user and a group.
fn owner() -> Option<(String, String)> {
    if kept::us() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let numbers = |name: &str| {
        let mut users = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let user = users.find(|user| user[0] == name)?;
        Some((user[2].to_owned(), user[3].to_owned()))
    };
    let found = numbers("postgres").or_else(|| numbers("nobody"));
    Some(found.unwrap())
}

/// Lets the server's user have a file or a folder.
fn give_away(place: &Path) {
    if let Some((user, group)) = owner() {
        run(Command::new("chown")
            .arg(format!("{user}:{group}"))
            .arg(place));
    }
}

/// What is kept for the next tests: of this version, this user, and as this file makes it.
fn kept() -> &'static Path {
    static KEPT: LazyLock<PathBuf> = LazyLock::new(|| {
        let version = run(as_owner("postgres").arg("--version"));
        let way = format!("{version}{:?}{}", owner(), include_str!("cluster.rs"));
        kept::folder("postgresql", &way)
    });
    &KEPT
}

/// Whether the server's user gets to what is kept. If not, each test has to make its own.
fn is_kept_in_reach() -> bool {
    let open = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 1 == 1;
    owner().is_none() || kept().ancestors().all(open)
}

/// A place for data that goes with its guard.
fn place_for_data() -> TempDir {
    let place = if is_kept_in_reach() {
        tempfile::tempdir_in(kept()).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    give_away(place.path());
    place
}

/// Copies a folder, its owner and modes included.
fn copy(from: &Path, to: &Path) {
    run(Command::new("cp")
        .args(["-a", "--reflink=auto"])
        .args([from, to]));
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a folder, whole or not at all. If another test has been first, its own does as well.
fn make(folder: &Path, fill: impl FnOnce(&Path)) {
    let near = tempfile::tempdir_in(kept()).unwrap();
    let made = near.path().join("data");
    fill(&made);
    let _ = fs::rename(&made, folder);
    assert!(folder.exists());
}

/// The databases that all begin with, made where there are none yet.
fn template() -> PathBuf {
    let template = kept().join("template");
    if !template.exists() {
        make(&template, initialize);
    }
    template
}

fn initialize(folder: &Path) {
    let place = place_for_data();
    let data = place.path().join("data");
    let names = [
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
    ];
    let mut initdb = as_owner("initdb");
    initdb
        .args(["--no-sync", "--wal-segsize=1", "--pgdata"])
        .arg(&data)
        .args(names);
    run(&mut initdb);
    fill(&data);
    fs::write(data.join("pg_hba.conf"), HBA).unwrap();
    let settings = data.join("postgresql.conf");
    let text = fs::read_to_string(&settings).unwrap() + SETTINGS;
    fs::write(settings, text).unwrap();
    copy(&data, folder);
}

/// Makes users and databases without a server.
fn fill(data: &Path) {
    let mut orders = String::new();
    for user in USERS {
        orders += &format!("CREATE ROLE {user} LOGIN SUPERUSER;\n");
    }
    for database in DATABASES {
        orders += &format!("CREATE DATABASE {database};\n");
    }
    for (user, method) in [
        ("ssltestuser", "scram-sha-256"),
        ("scramtestuser", "scram-sha-256"),
        ("md5testuser", "md5"),
    ] {
        orders += &format!("SET password_encryption = '{method}';\n");
        orders += &format!("ALTER ROLE {user} PASSWORD '{PASSWORD}';\n");
    }
    let mut server = as_owner("postgres")
        .args(["--single", "-F", "-D"])
        .arg(data)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    server
        .stdin
        .take()
        .unwrap()
        .write_all(orders.as_bytes())
        .unwrap();
    let ended = server.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("ERROR"), "{said}");
}

/// Why a server does not start.
enum Taken {
    Port,
    Data,
}

/// Starts the server on a port that is free now.
fn serve(directory: &Path, data: &Path, options: &[String]) -> Result<(u16, Server), Taken> {
    let port = closed_port();
    let log_file = File::create(directory.join("log")).unwrap();
    let mut command = as_owner("postgres");
    command
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-k"])
        .arg(directory)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file);
    let mut server = Server(command.spawn().unwrap());
    let ready = eventually("PostgreSQL, ready or at an end", || {
        let ended = server.has_ended();
        let ready = log(directory).contains("database system is ready to accept connections");
        (ready || ended).then_some(ready)
    });
    if ready {
        return Ok((port, server));
    }
    let log = log(directory);
    let taken = [
        "lock file \"postmaster.pid\" already exists",
        "lock file \"postmaster.pid\" is empty",
        "pre-existing shared memory block",
    ];
    if taken.iter().any(|text| log.contains(text)) {
        Err(Taken::Data)
    } else {
        assert!(log.contains("could not bind"), "it does not start: {log}");
        Err(Taken::Port)
    }
}

fn log(directory: &Path) -> String {
    let log = fs::read(directory.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}
