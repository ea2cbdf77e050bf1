//! nginx and haproxy as backends that expect the PROXY protocol. They listen on unix sockets, as a port cannot be left
//! to the system there, and answer any request with what they were told.

use crate::support::Pki;
use crate::support::program::Running;
use std::process::Command;

/// An nginx that answers `CLIENT PORT SERVER PORT`.
pub(crate) struct Nginx {
    pub(crate) url: String,
    _process: Running,
}

impl Nginx {
    /// `None`, said aloud, where there is none.
    pub(crate) fn start(pki: &Pki) -> Option<Nginx> {
        let told = "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
        Nginx::answering(pki, told)
    }

    /// One that answers what was negotiated. `None` as well where it cannot be asked for that.
    pub(crate) fn start_with_values(pki: &Pki) -> Option<Nginx> {
        let version = nginx_version()?;
        if version < [1, 23, 2] {
            println!("skipped: nginx {version:?} does not know what is told of TLS");
            return None;
        }
        let values = ["version", "cipher", "cn", "sig_alg", "key_alg", "verify"];
        let values = values.map(|value| format!("$proxy_protocol_tlv_ssl_{value}"));
        let told = format!(
            "$proxy_protocol_tlv_alpn $proxy_protocol_tlv_authority {}",
            values.join(" ")
        );
        Nginx::answering(pki, &told)
    }

    fn answering(pki: &Pki, told: &str) -> Option<Nginx> {
        nginx_version()?;
        let (socket, directory) = (pki.path("nginx.sock"), pki.directory().display());
        let config = format!(
            "daemon off;
            master_process off;
            pid {directory}/nginx.pid;
            error_log stderr;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {directory}/nginx-body;
                proxy_temp_path {directory}/nginx-proxy;
                fastcgi_temp_path {directory}/nginx-fastcgi;
                uwsgi_temp_path {directory}/nginx-uwsgi;
                scgi_temp_path {directory}/nginx-scgi;
                server {{
                    listen unix:{socket} proxy_protocol;
                    location / {{ return 200 '{told}\\n'; }}
                }}
            }}\n"
        );
        let file = pki.write("nginx.conf", config);
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", &file]);
        Some(Nginx {
            url: format!("unix://{socket}"),
            _process: Running::start(command, &socket),
        })
    }
}

fn nginx_version() -> Option<[u32; 3]> {
    let Ok(output) = Command::new("nginx").arg("-v").output() else {
        println!("skipped: there is no nginx");
        return None;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    let (_, version) = said.split_once("nginx/")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

/// A haproxy that answers `CLIENT PORT SERVER PORT told 'AUTHORITY'`.
pub(crate) struct Haproxy {
    pub(crate) url: String,
    _process: Running,
}

impl Haproxy {
    /// `None`, said aloud, where there is none.
    pub(crate) fn start(pki: &Pki) -> Option<Haproxy> {
        if Command::new("haproxy").arg("-v").output().is_err() {
            println!("skipped: there is no haproxy");
            return None;
        }
        let socket = pki.path("haproxy.sock");
        let told = "%[src] %[src_port] %[dst] %[dst_port] %[fc_rcvd_proxy,iif(told,unaware)] '%[fc_pp_authority]'";
        let config = format!(
            "global
                maxconn 100
            defaults
                mode http
                timeout client 20s
                timeout server 20s
                timeout connect 20s
            frontend told
                bind unix@{socket} accept-proxy
                http-request return status 200 content-type text/plain lf-string \"{told}\"\n"
        );
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", &pki.write("haproxy.cfg", config)]);
        Some(Haproxy {
            url: format!("unix://{socket}"),
            _process: Running::start(command, &socket),
        })
    }
}
