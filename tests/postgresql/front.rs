//! The daemon with PostgreSQL's files, in a directory of its own.

use crate::certificates::{COMMON_NAME, Certificates};
use crate::cluster::Cluster;
use crate::libpq::Libpq;
use crate::support::client::{handshake, open};
use crate::support::{Daemon, Launch, PATIENCE, Tls};
use crate::wire;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use tempfile::TempDir;

/// The rules of `src/test/ssl`, where `trust` is what the server asks for besides.
pub(crate) const HBA: &str = "\
# TYPE   DATABASE      USER            ADDRESS       METHOD
hostssl  trustdb       md5testuser     127.0.0.1/32  md5
hostssl  trustdb       scramtestuser   127.0.0.1/32  scram-sha-256
hostssl  trustdb       all             127.0.0.1/32  trust
hostssl  verifydb      ssltestuser     127.0.0.1/32  trust  clientcert=verify-full
hostssl  verifydb      anotheruser     127.0.0.1/32  trust  clientcert=verify-full
hostssl  verifydb      yetanotheruser  127.0.0.1/32  trust  clientcert=verify-ca
hostssl  certdb        all             127.0.0.1/32  cert
hostssl  certdb_dn     all             127.0.0.1/32  cert   clientname=DN map=dn
hostssl  certdb_dn_re  all             127.0.0.1/32  cert   clientname=DN map=dnre
hostssl  certdb_cn     all             127.0.0.1/32  cert   clientname=CN map=cn
";

/// Their maps.
pub(crate) const IDENT: &str = "\
# MAPNAME  SYSTEM-USERNAME                                          PG-USERNAME
dn         \"CN=ssltestuser-dn,OU=Testing,OU=Engineering,O=PGDG\"   ssltestuser
dnre       \"/^.*OU=Testing,.*$\"                                   ssltestuser
cn         ssltestuser-dn                                           ssltestuser
";

/// A unix socket among the certificates.
const SOCKET: &str = "front.sock";

/// A server with a front before it, and clients of theirs, who leave first.
pub(crate) struct Scene {
    pub(crate) libpq: Libpq,
    pub(crate) front: Front,
    pub(crate) cluster: Cluster,
    pub(crate) certificates: Certificates,
}

impl Scene {
    /// TLS for those who ask for it, and everybody is let through.
    pub(crate) fn new() -> Scene {
        Scene::with(|plan, _| plan)
    }

    /// These rules.
    pub(crate) fn with_hba(hba: &str) -> Scene {
        Scene::with(|plan, _| plan.hba(hba))
    }

    /// More than TLS for those who ask for it.
    pub(crate) fn with(more: impl FnOnce(Plan, &Certificates) -> Plan) -> Scene {
        let (certificates, cluster) = (Certificates::new(), Cluster::start());
        let plan = more(Plan::new(&certificates, "server-cn-only"), &certificates);
        Scene {
            libpq: Libpq::default(),
            front: plan.before(&cluster).start(),
            cluster,
            certificates,
        }
    }

    /// Connects to its unix socket.
    #[track_caller]
    pub(crate) fn open_local(&self) -> UnixStream {
        let stream = UnixStream::connect(self.certificates.own_path(SOCKET)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// How a client gets to the front that is as strict as it can be.
    pub(crate) fn verified(&self) -> String {
        let root = self.certificates.path("root+server_ca.crt");
        let words =
            format!("host={COMMON_NAME} hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={root}");
        self.front.conninfo(&words)
    }
}

/// How a front is to be started.
pub(crate) struct Plan {
    settings: Vec<(String, String)>,
    /// The other files, by their names.
    files: Vec<(&'static str, String)>,
    launch: Launch,
    /// How many the file names.
    endpoints: usize,
}

/// A front that runs.
pub(crate) struct Front {
    pub(crate) daemon: Daemon,
    directory: TempDir,
}

impl Plan {
    /// A server's certificate, and everybody is let through.
    pub(crate) fn new(certificates: &Certificates, certificate: &str) -> Plan {
        Plan::at("postgres://127.0.0.1:0").showing(certificates, certificate)
    }

    /// No TLS.
    pub(crate) fn plain() -> Plan {
        Plan::at("postgres+tcp://127.0.0.1:0")
    }

    fn at(endpoint: &str) -> Plan {
        Plan {
            settings: Vec::new(),
            files: vec![
                (
                    "pg_hba.conf",
                    "host all all all trust\nlocal all all trust\n".into(),
                ),
                ("pg_ident.conf", IDENT.into()),
            ],
            launch: Launch::new().endpoint(endpoint),
            endpoints: 0,
        }
    }

    /// On a port that the file names, so that it decides whether there is TLS.
    pub(crate) fn on_port(port: u16) -> Plan {
        let plan = Plan {
            launch: Launch::new(),
            endpoints: 1,
            ..Plan::plain()
        };
        plan.set("listen_addresses", "127.0.0.1")
            .set("port", &port.to_string())
    }

    /// Another server's certificate, by the stems of its file and of its key's.
    pub(crate) fn showing(self, certificates: &Certificates, certificate: &str) -> Plan {
        let key = certificate.split('+').next().unwrap();
        self.set("ssl", "on")
            .set(
                "ssl_cert_file",
                &certificates.path(&format!("{certificate}.crt")),
            )
            .set("ssl_key_file", &certificates.path(&format!("{key}.key")))
    }

    /// A line of `postgresql.conf`. The last one of a name counts.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Plan {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// CAs of clients, in one of the files.
    pub(crate) fn trusting(self, certificates: &Certificates, authorities: &str) -> Plan {
        self.set("ssl_ca_file", &certificates.path(authorities))
    }

    /// Other rules.
    pub(crate) fn hba(self, hba: &str) -> Plan {
        self.file("pg_hba.conf", hba)
    }

    /// A file beside `postgresql.conf`. The last one of a name counts.
    pub(crate) fn file(mut self, name: &'static str, text: &str) -> Plan {
        self.files.push((name, text.into()));
        self
    }

    /// Who is behind it.
    pub(crate) fn before(self, cluster: &Cluster) -> Plan {
        self.flag("backend", &cluster.url())
    }

    /// A unix socket as well, where there is no TLS.
    pub(crate) fn local_endpoint(mut self, certificates: &Certificates) -> Plan {
        let endpoint = format!("postgres+unix://{}", certificates.own_path(SOCKET));
        self.launch = self.launch.endpoint(&endpoint);
        self
    }

    /// A flag of the command line.
    pub(crate) fn flag(mut self, name: &str, value: &str) -> Plan {
        self.launch = self.launch.set(name, value);
        self
    }

    /// Starts it, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(self) -> Front {
        let (launch, directory) = self.files();
        let daemon = launch.start();
        Front { daemon, directory }
    }

    /// Starts one that has to find its settings wrong, and says what it said.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        let (launch, _directory) = self.flag("backend", "tcp://127.0.0.1:1").files();
        launch.refused(3)
    }

    fn files(self) -> (Launch, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postgresql.conf");
        fs::write(&path, text(&self.settings)).unwrap();
        for (name, text) in &self.files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let launch = self.launch.config(path.to_str().unwrap(), self.endpoints);
        (launch, directory)
    }
}

fn text(settings: &[(String, String)]) -> String {
    let line =
        |(name, value): &(String, String)| format!("{name} = '{}'\n", value.replace('\'', "''"));
    settings.iter().map(line).collect()
}

impl Front {
    pub(crate) fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// How libpq gets here, with more to be said.
    pub(crate) fn conninfo(&self, more: &str) -> String {
        // Of a word that is said again, the last counts.
        let port = self.address().port();
        format!("host=127.0.0.1 port={port} user=ssltestuser dbname=trustdb {more}")
    }

    /// Adds a line to `postgresql.conf`, without telling the daemon.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let path = self.directory.path().join("postgresql.conf");
        let mut settings = fs::read_to_string(&path).unwrap();
        settings += &text(&[(name.into(), value.into())]);
        fs::write(path, settings).unwrap();
    }

    /// Writes a file beside it, without telling the daemon.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Connects without a word.
    #[track_caller]
    pub(crate) fn open(&self) -> TcpStream {
        open(self.address()).unwrap()
    }

    /// Connects and asks for TLS, which there has to be.
    #[track_caller]
    pub(crate) fn open_tls(&self) -> Tls {
        let mut stream = self.open();
        wire::say(&mut stream, &wire::ssl_request());
        assert_eq!(wire::take(&mut stream, 1), b"S");
        handshake(client(&[]), stream).unwrap()
    }

    /// How many lines of the log have a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.daemon
            .log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }
}

/// A client that takes any server, with these protocols in ALPN.
pub(crate) fn client(protocols: &[&str]) -> Ssl {
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    let mut ssl = Ssl::new(&context.build()).unwrap();
    let list: Vec<u8> = protocols
        .iter()
        .flat_map(|name| [&[name.len() as u8], name.as_bytes()].concat())
        .collect();
    if !list.is_empty() {
        ssl.set_alpn_protos(&list).unwrap();
    }
    ssl
}
