//! nginx behind: HTTP/2 without TLS on one socket, HTTP/1.1 on another, and both in TLS on a port.

use crate::support::backend::closed_port;
use crate::support::program::Running;
use crate::support::{Launch, Pki, eventually};
use std::fs;
use std::net::TcpStream;
use std::process::Command;

/// What it answers in the clear.
const CLEAR: &str = "$server_protocol $request_method $uri";

/// And in TLS: whether the session was resumed (`r`), who was asked for, and whom the client's certificate is for.
const IN_TLS: &str =
    "$server_protocol $ssl_protocol $ssl_session_reused $ssl_server_name $ssl_client_s_dn";

/// An nginx, which ends with its guard.
pub(crate) struct Web {
    h2: String,
    pub(crate) http: String,
    _process: Running,
}

impl Web {
    /// With what is put into the directory under `/files/`.
    pub(crate) fn start(pki: &Pki) -> Web {
        let (h2, http) = (pki.path("h2.sock"), pki.path("http.sock"));
        let directory = pki.directory().display();
        let answers = format!(
            "location / {{ return 200 '{CLEAR}\\n'; }}
             location /files/ {{ alias {directory}/; }}"
        );
        let servers = format!(
            "server {{ listen unix:{h2} http2; {answers} }}
             server {{ listen unix:{http}; {answers} }}"
        );
        Web {
            _process: nginx(pki, "nginx", &servers, &http),
            h2: format!("unix://{h2}"),
            http: format!("unix://{http}"),
        }
    }

    /// Makes it what is behind.
    pub(crate) fn behind(&self, launch: Launch) -> Launch {
        launch
            .set("backend", format!("h2={}", self.h2))
            .set("backend", format!("http={}", self.http))
    }
}

/// An nginx in TLS.
pub(crate) struct Secure {
    pub(crate) port: u16,
    log: String,
    _process: Running,
}

impl Secure {
    /// With the chain and key of a file.
    pub(crate) fn start(pki: &Pki, keyfile: &str) -> Secure {
        Secure::with(pki, keyfile, "ssl_protocols TLSv1.2 TLSv1.3;")
    }

    /// With other directives than those of today's versions.
    pub(crate) fn with(pki: &Pki, keyfile: &str, more: &str) -> Secure {
        Secure::speaking(pki, keyfile, "http2", more)
    }

    /// HTTP/1.1 as well as what is named.
    pub(crate) fn speaking(pki: &Pki, keyfile: &str, protocol: &str, more: &str) -> Secure {
        let port = closed_port();
        let (socket, log) = (
            pki.path(&format!("{port}.sock")),
            pki.path(&format!("{port}.log")),
        );
        let servers = format!(
            "log_format handshakes '$ssl_session_reused';
             server {{
                access_log {log} handshakes;
                listen 127.0.0.1:{port} ssl {protocol};
                listen unix:{socket};
                ssl_certificate {keyfile};
                ssl_certificate_key {keyfile};
                {more}
                location / {{ return 200 '{IN_TLS}\\n'; }}
             }}"
        );
        let process = nginx(pki, &format!("nginx-{port}"), &servers, &socket);
        eventually("nginx's port", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Secure {
            port,
            log,
            _process: process,
        }
    }

    /// As `--backend` takes it.
    pub(crate) fn url(&self) -> String {
        format!("tls://localhost:{}", self.port)
    }

    /// Of the requests so far, as soon as there are so many: how many came in sessions begun anew, and how many in
    /// resumed ones.
    pub(crate) fn handshakes(&self, requests: usize) -> (usize, usize) {
        let log = eventually("nginx's log", || {
            let log = fs::read_to_string(&self.log).ok()?;
            (log.lines().count() >= requests).then_some(log)
        });
        let resumed = log.lines().filter(|line| *line == "r").count();
        (log.lines().count() - resumed, resumed)
    }
}

fn nginx(pki: &Pki, name: &str, servers: &str, socket: &str) -> Running {
    let directory = pki.directory().display();
    let config = format!(
        "daemon off;
        master_process off;
        pid {directory}/{name}.pid;
        error_log stderr crit;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {directory}/{name}-body;
            proxy_temp_path {directory}/{name}-proxy;
            fastcgi_temp_path {directory}/{name}-fastcgi;
            uwsgi_temp_path {directory}/{name}-uwsgi;
            scgi_temp_path {directory}/{name}-scgi;
            {servers}
        }}\n"
    );
    let file = pki.write(&format!("{name}.conf"), config);
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-c", &file]);
    Running::start(command, socket)
}
