//! What is behind the front: nginx for HTTP, and for the binary API a server that begins as searchd does.

use crate::support::backend::echo;
use crate::support::program::Running;
use crate::support::{Backend, Pki};
use std::io::{Read, Write};
use std::process::Command;

/// The version that both begin with in the binary API, client and server.
pub(crate) const VERSION: [u8; 4] = [0, 0, 0, 1];

/// A server of the binary API: it says its version at once, hears the client's, and says back what follows.
pub(crate) fn searchd() -> Backend {
    Backend::new(|mut stream| {
        if stream.write_all(&VERSION).is_err() {
            return; // the client is gone
        }
        let mut version = [0; 4];
        if stream.read_exact(&mut version).is_ok() {
            stream.write_all(&version).unwrap();
            echo(stream);
        }
    })
}

/// An nginx that keeps what is put under `/files/`, and else says back method and path.
pub(crate) struct Web {
    pub(crate) url: String,
    _process: Running,
}

impl Web {
    pub(crate) fn start(pki: &Pki) -> Web {
        let (socket, directory) = (pki.path("nginx.sock"), pki.directory().display());
        let config = format!(
            "daemon off;
            master_process off;
            pid {directory}/nginx.pid;
            error_log stderr;
            events {{}}
            http {{
                access_log off;
                client_max_body_size 0;
                client_body_temp_path {directory}/nginx-body;
                proxy_temp_path {directory}/nginx-proxy;
                fastcgi_temp_path {directory}/nginx-fastcgi;
                uwsgi_temp_path {directory}/nginx-uwsgi;
                scgi_temp_path {directory}/nginx-scgi;
                server {{
                    listen unix:{socket};
                    location / {{ return 200 '$request_method $uri\\n'; }}
                    location /files/ {{
                        root {directory};
                        dav_methods PUT DELETE;
                        create_full_put_path on;
                    }}
                }}
            }}\n"
        );
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", &pki.write("nginx.conf", config)]);
        Web {
            url: format!("unix://{socket}"),
            _process: Running::start(command, &socket),
        }
    }
}
