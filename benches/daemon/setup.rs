//! How each server is set up: its command line and its configuration file.
//!
//! All present one certificate, take TLS 1.2 and 1.3 with the same ciphers and groups, resume by tickets, set
//! TCP_NODELAY, have a backlog of 4096, log nothing a connection. The usual setup of a peer has the session cache and
//! the buffers that its manual describes; the tuned one is the cheapest that we know for it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::kind::{Backend, Kind};
use super::tools::Tools;

const CIPHERS: &str = "ECDHE+AESGCM";
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
const GROUPS: &str = "X25519:P-256";
pub(crate) const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Kinds of key as libcrypto calls them, and what `openssl req -newkey` wants for them.
pub(crate) const KEYS: [(&str, &[&str]); 2] = [
    ("EC", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("RSA", &["rsa:2048"]),
];

/// What a server is set up for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Service {
    /// Connections and small messages, with a P-256 certificate.
    P256,
    /// The same with an RSA certificate.
    Rsa,
    /// Much at a time, or nothing, with a P-256 certificate.
    Bulk,
}

impl Service {
    pub(crate) const ALL: [Service; 3] = [Service::P256, Service::Rsa, Service::Bulk];

    /// For the names of files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::P256 => "p256",
            Service::Rsa => "rsa",
            Service::Bulk => "bulk",
        }
    }

    /// One of `KEYS`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Service::Rsa => "RSA",
            Service::P256 | Service::Bulk => "EC",
        }
    }
}

/// What a server is told.
pub(crate) struct Setup<'a> {
    pub(crate) tools: &'a Tools,
    /// Names its files.
    pub(crate) label: &'a str,
    pub(crate) port: u16,
    /// A port of 127.0.0.1, or the path of a Unix socket.
    pub(crate) backend: &'a str,
    pub(crate) service: Service,
    pub(crate) threads: u32,
}

impl Setup<'_> {
    /// The command line that serves `kind` in the foreground; writes the configuration file it needs.
    pub(crate) fn command(&self, kind: &Kind) -> Result<Vec<String>, String> {
        let built = Path::new(env!("CARGO_BIN_EXE_tlsport"));
        let port = self.port.to_string();
        let (chain, key) = (self.pem("chain"), self.pem("key"));
        Ok(match kind {
            Kind::Tlsport => self.tlsport(built, "ssl", &self.backend_url(), &[]),
            Kind::PlainTlsport => self.tlsport(built, "tcp", &self.backend_url(), &[]),
            Kind::Before(path) => self.tlsport(path, "ssl", &self.backend_url(), &[]),
            Kind::With(setting) => match setting.backend {
                Backend::Inside(service) => self.tlsport(built, "ssl", service, setting.flags),
                _ => self.tlsport(built, "ssl", &self.backend_url(), setting.flags),
            },
            Kind::Nginx => self.nginx("shared:tls:20m", "16k")?,
            // Large buffers make bulk cheaper and handshakes dearer.
            Kind::NginxTuned if self.service == Service::Bulk => self.nginx("off", "64k")?,
            Kind::NginxTuned => self.nginx("off", "16k")?,
            Kind::Haproxy => self.haproxy("tune.ssl.cachesize 20000")?,
            // Large buffers cost it nothing where they are not used.
            Kind::HaproxyTuned => self.haproxy("tune.ssl.cachesize 0\n    tune.bufsize 65536")?,
            Kind::Hitch => words(&["hitch", "--config", &self.write(&self.hitch())?]),
            Kind::Stunnel => words(&["stunnel4", &self.write(&self.stunnel())?]),
            Kind::Relay => words(&[&self.tools.text("relay"), &port, self.backend, &chain, &key]),
            Kind::Yardstick => words(&[&self.tools.text("yardstick"), &port, &chain, &key]),
            Kind::PlainYardstick => words(&[&self.tools.text("yardstick"), &port]),
        })
    }

    fn write(&self, configuration: &str) -> Result<String, String> {
        let path = self.tools.path(&format!("run/{}.conf", self.label));
        std::fs::write(&path, configuration)
            .map_err(|err| format!("write '{}': {err}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// `chain`, `key`, or both in one file: `server`.
    fn pem(&self, what: &str) -> String {
        self.tools
            .text(&format!("{what}-{}.pem", self.service.key()))
    }

    fn backend_url(&self) -> String {
        if self.backend.starts_with('/') {
            format!("unix://{}", self.backend)
        } else {
            format!("tcp://127.0.0.1:{}", self.backend)
        }
    }

    fn tlsport(&self, program: &Path, scheme: &str, backend: &str, flags: &[&str]) -> Vec<String> {
        let mut list = words(&[
            &program.display().to_string(),
            "serve",
            "--server.endpoint",
            &format!("{scheme}://127.0.0.1:{}", self.port),
            "--backend",
            backend,
            "--ssl.keyfile",
            &self.pem("server"),
            "--ssl.protocol",
            "9",
            "--ssl.cipher-list",
            CIPHERS,
            "--ssl.ciphersuites",
            SUITES,
            "--ssl.groups",
            GROUPS,
            "--threads",
            &self.threads.to_string(),
        ]);
        list.extend(words(flags));
        list
    }

    /// With a session cache beside the tickets or without one, and with buffers of that size for each direction.
    fn nginx(&self, session_cache: &str, buffer: &str) -> Result<Vec<String>, String> {
        let path = self.write(&format!(
            "load_module {STREAM_MODULE};
daemon off;
worker_processes {threads};
worker_rlimit_nofile {files};
pid {pid};
events {{
    worker_connections {files};
    multi_accept on;
}}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096{reuseport};
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {CIPHERS};
        ssl_conf_command Ciphersuites {SUITES};
        ssl_ecdh_curve {GROUPS};
        ssl_session_cache {session_cache};
        ssl_session_tickets on;
        proxy_buffer_size {buffer};
        proxy_pass 127.0.0.1:{backend};
    }}
}}
",
            threads = self.threads,
            files = file_limit(),
            pid = self.tools.text(&format!("run/{}.pid", self.label)),
            port = self.port,
            reuseport = if self.threads > 1 { " reuseport" } else { "" },
            chain = self.pem("chain"),
            key = self.pem("key"),
            backend = self.backend,
        ))?;
        Ok(words(&["nginx", "-e", "stderr", "-c", &path]))
    }

    /// As a proxy of bytes; `maxconn` is what the descriptors allow.
    fn haproxy(&self, tuning: &str) -> Result<Vec<String>, String> {
        let path = self.write(&format!(
            "global
    nbthread {threads}
    maxconn {connections}
    {tuning}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers {CIPHERS}
    ssl-default-bind-ciphersuites {SUITES}
    ssl-default-bind-curves {GROUPS}
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    option tcp-smart-accept
    option tcp-smart-connect
listen tls
    bind 127.0.0.1:{port} ssl crt {pem} backlog 4096
    server backend 127.0.0.1:{backend}
",
            threads = self.threads,
            connections = file_limit().saturating_sub(200) / 2,
            port = self.port,
            pem = self.pem("server"),
            backend = self.backend,
        ))?;
        Ok(words(&["haproxy", "-f", &path]))
    }

    /// Without stapling. It refuses to run as root.
    fn hitch(&self) -> String {
        let user = if is_root() { "user = \"nobody\"\n" } else { "" };
        format!(
            "frontend = \"[127.0.0.1]:{port}\"
backend = \"[127.0.0.1]:{backend}\"
pem-file = \"{pem}\"
workers = {threads}
backlog = 4096
tls-protos = TLSv1.2 TLSv1.3
ciphers = \"{CIPHERS}\"
ciphersuites = \"{SUITES}\"
ecdh-curve = \"{GROUPS}\"
ocsp-dir = \"\"
daemon = off
syslog = off
log-level = 0
{user}",
            port = self.port,
            backend = self.backend,
            pem = self.pem("server"),
            threads = self.threads,
        )
    }

    /// A thread a connection is its way.
    fn stunnel(&self) -> String {
        format!(
            "foreground = yes
pid =
debug = 3
syslog = no
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[tls]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{backend}
cert = {chain}
key = {key}
sslVersionMin = TLSv1.2
ciphers = {CIPHERS}
ciphersuites = {SUITES}
curves = {GROUPS}
options = -NO_TICKET
sessionCacheSize = 20000
TIMEOUTclose = 0
",
            port = self.port,
            backend = self.backend,
            chain = self.pem("chain"),
            key = self.pem("key"),
        )
    }
}

/// The same, owned.
pub(crate) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The hard limit on open files, which bounds the connections of a server.
pub(crate) fn file_limit() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok())
        .unwrap_or(1024)
}
