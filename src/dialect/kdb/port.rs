//! `-E`, which says what is spoken, and `-p [rp,][host:]PORT`, which says where: they become endpoints.

use crate::dialect::Source;
use crate::error::Error;
use crate::settings::{Builder, KDB_SOCKETS, Note, Origin, kdb_socket, quoted};
use std::path::Path;

/// Where the system keeps the names of ports.
const SERVICES: &str = "/etc/services";

/// What `-p` says.
#[derive(Debug, PartialEq, Eq)]
struct Listen {
    /// `rp`: whether others may listen there too.
    shared: bool,
    /// The host, and all addresses without one.
    host: Option<String>,
    ports: Ports,
    /// Whether input is to be read by several threads.
    multithreaded: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Ports {
    One(u16),
    /// `0W`: whichever is free.
    Any,
    /// The first that is free.
    FirstOf(u16, u16),
}

/// The schemes of a mode, with TCP and on a unix socket.
const MODES: &[(&str, &str, &str)] = &[
    ("0", "kdb+tcp", "kdb+unix"),
    ("1", "kdb", "kdb+unix+unixs"),
    ("2", "kdb+tcps", "kdb+unixs"),
];

/// Takes kdb+'s flags for endpoints, in the layer at work. Whatever is wrong becomes a problem of the builder.
pub fn listen(mode: Option<&str>, port: Option<&str>, source: &dyn Source, builder: &mut Builder) {
    let known = MODES.iter().find(|(name, ..)| *name == mode.unwrap_or("0"));
    if let (None, Some(mode)) = (known, mode) {
        let text = format!("-E: {} is not one of 0, 1, 2", quoted(mode));
        builder.problem(Error::settings(text));
    }
    let Some(port) = port else {
        if mode.is_some() {
            let text = "-E: it is about the port of -p, which is not given";
            builder.note(Note::warn(text));
        }
        return;
    };
    // With a mode that is none, the port can be wrong as well.
    let (_, tcp, unix) = known.unwrap_or(&MODES[0]);
    match parse(port, source) {
        Ok(listen) => endpoints(&listen, tcp, unix, source, builder),
        Err(why) => {
            let text = format!("-p: {why}");
            builder.unread_option("server.endpoint", Error::settings(text));
        }
    }
}

fn endpoints(listen: &Listen, tcp: &str, unix: &str, source: &dyn Source, builder: &mut Builder) {
    let origin = Origin::Flag("-p".into());
    let ports = match listen.ports {
        Ports::One(port) => port.to_string(),
        Ports::Any => "0".into(),
        Ports::FirstOf(first, last) => format!("{first}-{last}"),
    };
    let all: &[&str] = match listen.ports {
        Ports::One(_) => &["0.0.0.0", "[::]"],
        // Another address could get another port.
        Ports::Any | Ports::FirstOf(..) => &["0.0.0.0"],
    };
    let hosts = match &listen.host {
        Some(host) => &[host.as_str()][..],
        None => all,
    };
    for host in hosts {
        let endpoint = format!("{tcp}://{host}:{ports}");
        builder.set("server.endpoint", &endpoint, origin.clone());
    }
    if let (Ports::One(port), false) = (&listen.ports, listen.shared) {
        let directory = source.env("QUDSPATH");
        let directory = directory.unwrap_or_else(|| KDB_SOCKETS.into());
        if !directory.is_empty() {
            let socket = kdb_socket(Path::new(&directory), *port);
            let endpoint = format!("{unix}://{}", socket.display());
            builder.set("server.endpoint", &endpoint, origin.clone());
        }
    }
    if listen.shared {
        builder.set("tcp.reuse-port", "true", origin);
    }
    if listen.multithreaded {
        let text = "-p: multithreaded input is for the backend to have: the port is listened on as any other";
        builder.note(Note::info(text));
    }
}

fn parse(text: &str, source: &dyn Source) -> Result<Listen, String> {
    let (shared, rest) = match text.split_once(',') {
        Some(("rp", rest)) => (true, rest),
        Some((word, _)) => return Err(format!("{} is not rp", quoted(word))),
        None => (false, text),
    };
    let (host, ports) = match rest.rsplit_once(':') {
        Some(("", ports)) => (None, ports),
        Some((host, ports)) => (Some(host.to_owned()), ports),
        None => (None, rest),
    };
    let (multithreaded, ports) = match ports.strip_prefix('-') {
        Some(ports) => (true, ports),
        None => (false, ports),
    };
    Ok(Listen {
        shared,
        host,
        ports: parse_ports(ports, source)?,
        multithreaded,
    })
}

fn parse_ports(text: &str, source: &dyn Source) -> Result<Ports, String> {
    if text.eq_ignore_ascii_case("0W") {
        return Ok(Ports::Any);
    }
    if let Some((first, last)) = text.split_once('/') {
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("the range {} is empty", quoted(text)));
        }
        return Ok(Ports::FirstOf(first, last));
    }
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => number(text).map(Ports::One),
        false => service(text, source).map(Ports::One),
    }
}

fn number(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(format!(
            "{} is no port: a number, the name of a service, 0W for any, or FIRST/LAST",
            quoted(text)
        ));
    }
    match text.parse() {
        Ok(0) => Err("'0' is no port to listen on: 0W is any that is free".into()),
        Ok(port) => Ok(port),
        Err(_) => Err(format!("{} is above 65535", quoted(text))),
    }
}

/// The port of a service, by its name or another it has.
fn service(name: &str, source: &dyn Source) -> Result<u16, String> {
    let in_order = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if name.is_empty() || !name.chars().all(in_order) {
        return number(name);
    }
    let bytes = match source.read(Path::new(SERVICES)) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => {
            let tried = format!("cannot look up {} in {SERVICES}", quoted(name));
            return Err(Error::io(tried, &error).to_string());
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let port = text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, port) = (words.next()?, words.next()?);
        let port = port.strip_suffix("/tcp")?.parse().ok()?;
        (first == name || words.any(|other| other == name)).then_some(port)
    });
    port.ok_or_else(|| format!("{SERVICES} has no service {} of TCP", quoted(name)))
}
