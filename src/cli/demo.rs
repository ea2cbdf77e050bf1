//! `tlsport demo`: a status page over HTTPS with a throwaway CA, and what to type next.

use super::certs::{self, Wish, quoted};
use super::failure::Failure;
use super::flags::Ready;
use super::pki::{Host, KeyKind};
use super::serve;
use clap::{Arg, ArgMatches, Command, value_parser};
use log::info;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tlsport::error::{Error, Problems};
use tlsport::settings::{Builder, Origin, Settings};
use tlsport::tls::Prepared;

/// Where the demo is unless told otherwise, or the place is taken.
const PORT: u16 = 8530;

/// `tlsport demo`.
pub(crate) fn command() -> Command {
    let command = Command::new("demo")
        .about("Serve a status page over HTTPS on this machine, with a throwaway CA")
        .args([
            Arg::new("dir")
                .long("dir")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Where CA and certificates are kept; else they go at stop"),
            Arg::new("port")
                .long("port")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..))
                .help("The port [default: 8530, or a free one]"),
        ]);
    super::log::with_flags(command)
}

/// Serves until Ctrl-C.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    super::log::start(matches)?;
    let home = Home::open(matches.get_one::<PathBuf>("dir"))?;
    let addresses = addresses(matches.get_one::<u16>("port").copied())?;
    let anew = || prepare(home.path(), &addresses);
    let ready = anew().map_err(Failure::settings)?;
    serve::until_stopped(
        ready,
        |_| anew(),
        |_| {
            introduce(&home, &addresses, out)?;
            Ok(out.flush()?)
        },
    )
}

/// The directory with CA and certificates.
struct Home {
    path: PathBuf,
    /// Whether it goes when the demo stops.
    fleeting: bool,
}

impl Home {
    fn open(chosen: Option<&PathBuf>) -> Result<Home, Failure> {
        let home = match chosen {
            Some(path) => Home {
                path: path.clone(),
                fleeting: false,
            },
            None => Home {
                path: make_temporary()?,
                fleeting: true,
            },
        };
        let wish = |server, client| Wish {
            directory: home.path.clone(),
            hosts: hosts(),
            kind: KeyKind::Ecdsa,
            days: 30,
            intermediate: false,
            server,
            client,
            force: false,
        };
        // What an earlier demo left in a chosen directory is used again.
        let missing = |name: &str| {
            let there = home.path.join(name).with_extension("pem").exists();
            (!there).then(|| name.to_owned())
        };
        certs::make(&wish(missing("server"), missing("client")))?;
        Ok(home)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.fleeting {
            // What cannot be removed stays: it holds nothing that anybody trusts for long.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn hosts() -> Vec<Host> {
    vec![
        Host::Name("localhost".into()),
        Host::Address(Ipv4Addr::LOCALHOST.into()),
        Host::Address(Ipv6Addr::LOCALHOST.into()),
    ]
}

/// A new directory that nobody else can look into.
fn make_temporary() -> Result<PathBuf, Error> {
    let name = format!("tlsport-demo-{}", certs::distinction());
    let path = std::env::temp_dir().join(name);
    let made = DirBuilder::new().mode(0o700).create(&path);
    made.map_err(|error| {
        Error::io(
            format_args!("cannot make directory '{}'", path.display()),
            &error,
        )
    })?;
    Ok(path)
}

/// Both loopback addresses, or IPv4's alone where the machine has no IPv6.
fn addresses(chosen: Option<u16>) -> Result<Vec<SocketAddr>, Error> {
    let mut hosts = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    match TcpListener::bind(six) {
        Ok(_) => hosts.push(six),
        Err(_) => info!("this machine has no IPv6: the demo is on IPv4 alone"),
    }
    let port = match chosen {
        Some(port) => port,
        None if are_free(&hosts, PORT) => PORT,
        None => free_port(&hosts)?,
    };
    hosts.iter_mut().for_each(|address| address.set_port(port));
    Ok(hosts)
}

fn are_free(hosts: &[SocketAddr], port: u16) -> bool {
    hosts
        .iter()
        .all(|host| TcpListener::bind((host.ip(), port)).is_ok())
}

/// A port that is free on all the addresses. Whoever takes it in the next moment makes the start fail, no more.
fn free_port(hosts: &[SocketAddr]) -> Result<u16, Error> {
    let refused = |error: io::Error| Error::io("cannot find a free port", &error);
    for _ in 0..100 {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        let port = probe.local_addr().map_err(refused)?.port();
        drop(probe);
        if are_free(hosts, port) {
            return Ok(port);
        }
    }
    Err(refused(io::ErrorKind::AddrInUse.into()))
}

/// The demo's settings, in the words that anybody would use.
fn prepare(home: &Path, addresses: &[SocketAddr]) -> Result<Ready, Problems> {
    let mut builder = Builder::new(Settings::default());
    builder.begin_layer();
    let mut set = |name: &str, value: &str| builder.set(name, value, Origin::Program);
    for address in addresses {
        set("server.endpoint", &format!("ssl://{address}"));
    }
    set("backend", "service://status");
    set("ssl.keyfile", &home.join("server.pem").to_string_lossy());
    set("ssl.cafile", &home.join("ca.pem").to_string_lossy());
    // Whoever shows a certificate of the demo's CA sees it on the page.
    set("ssl.verify-client", "request");
    set("ssl.min-protocol", "TLSv1.2");
    set("ssl.session-cache", "true");
    set("threads", "1");
    // A browser keeps its connection open: nobody wants to wait for that after Ctrl-C.
    set("timeout.drain", "1s");
    let (settings, _) = builder.finish()?;
    let (prepared, notes) = Prepared::load(&settings)?;
    Ok(Ready {
        settings,
        prepared: Arc::new(prepared),
        notes,
    })
}

/// Says where it is and what to type next.
fn introduce(home: &Home, addresses: &[SocketAddr], out: &mut dyn Write) -> io::Result<()> {
    let port = addresses.first().map_or(PORT, SocketAddr::port);
    let (ca, client) = (home.path.join("ca.pem"), home.path.join("client.pem"));
    let (ca, client) = (quoted(&ca), quoted(&client));
    writeln!(
        out,
        "Your connection, on a page:  https://localhost:{port}/\n"
    )?;
    writeln!(
        out,
        "A browser warns of the CA, which was made for this demo; it is {ca}."
    )?;
    writeln!(out, "In another terminal:\n")?;
    for address in addresses {
        let url = format!("https://{address}/");
        let url = if address.is_ipv6() {
            format!("'{url}'")
        } else {
            url
        };
        writeln!(out, "  curl --cacert {ca} {url}")?;
    }
    writeln!(
        out,
        "  curl --cacert {ca} --cert {client} https://localhost:{port}/json"
    )?;
    writeln!(
        out,
        "  openssl s_client -connect localhost:{port} -servername localhost -CAfile {ca}"
    )?;
    let what = if home.fleeting { "goes" } else { "stays" };
    writeln!(
        out,
        "\nCtrl-C stops the demo; {} {what}.",
        home.path.display()
    )
}
