//! A front by a `manticore.conf`: its listeners, its files, its times.

use crate::behind::{VERSION, Web, searchd};
use crate::client::{cipher, mariadb};
use crate::curl::{curl, fetch, url};
use crate::server::{PASSWORD, Server};
use crate::support::backend::closed_port;
use crate::support::client::open;
use crate::support::openssl_program::s_client;
use crate::support::pki::Key;
use crate::support::{Backend, Daemon, Launch, PATIENCE, Pki};
use crate::wire;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

/// The certificate and its key beside the file, each in a file of its own, as Manticore has it.
const FILES: &str = "\
\tssl_cert = ssl/server.pem
    ssl_key = ssl/server.key  # beside this file
    ssl_ca = ca.pem
";

/// A directory with a file and what it names.
struct Room {
    pki: Pki,
    web: Web,
    searchd: Backend,
}

impl Room {
    fn new() -> Room {
        let pki = Pki::new();
        let room = Room {
            web: Web::start(&pki),
            searchd: searchd(),
            pki,
        };
        fs::create_dir(room.pki.path("ssl")).unwrap();
        room.show(&room.pki.server());
        room
    }

    /// Puts the chain and key of a keyfile where the file has them.
    fn show(&self, keyfile: &str) {
        let text = fs::read_to_string(keyfile).unwrap();
        let (chain, key) = text.split_at(text.find("-----BEGIN PRIVATE").unwrap());
        self.pki.write("ssl/server.pem", chain);
        self.pki.write("ssl/server.key", key);
    }

    /// A file with these lines for `searchd`, among other sections.
    fn launch(&self, lines: &str, endpoints: usize) -> Launch {
        let text = format!(
            "# no listener: listen = 1\nsource base {{\n    sql_query = SELECT '}}'\n}}\n\n\
             searchd\n{{\n{lines}    log = searchd.log\n}}\nindexer {{ mem_limit = 128M\n}}\n"
        );
        Launch::new()
            .config(&self.pki.write("manticore.conf", text), endpoints)
            .set("backend", format!("http={}", self.web.url))
            .set("backend", format!("sphinx={}", self.searchd.url))
    }

    fn socket(&self, name: &str) -> String {
        self.pki.path(name)
    }

    /// What curl gets from a unix socket.
    fn fetch(&self, socket: &str, place: &str) -> String {
        fetch(&self.pki, &["--unix-socket", &self.socket(socket), place])
    }

    /// `mariadb` at a unix socket.
    fn mariadb(&self, socket: &str) -> Command {
        let mut client = mariadb();
        client.args(["--skip-ssl-verify-server-cert", "--user=native"]);
        client.arg(format!("--password={PASSWORD}"));
        client.arg(format!("--socket={}", self.socket(socket)));
        client
    }
}

/// Reads the server's version after the client's, as it is on ports where the client begins.
#[track_caller]
fn assert_binary(mut stream: impl Read + Write) {
    stream.write_all(&VERSION).unwrap();
    let mut heard = [0; 8];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard, *[VERSION, VERSION].concat());
}

fn connect(socket: &str) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_front_by_manticores_file_has_every_listener() {
    let (room, mysql) = (Room::new(), Server::start());
    let (port, new) = (closed_port(), closed_port());
    let near = room.pki.directory().display();
    let lines = format!(
        "    listen = 127.0.0.1:{port}:https\n    listen = [::1]:{new}:https\n    listen = {near}/multi\n    listen = {near}/http:http\n    \
         listen = {near}/https:https\n    listen = {near}/mysql:mysql41_vip\n    listen = {near}/api:sphinx\n    \
         listen = 127.0.0.1:9320-9328:replication\n{FILES}"
    );
    let launch = room.launch(&lines, 7);
    let front = launch
        .set("backend", format!("mysql={}", mysql.url()))
        .start();
    let local = |scheme: &str| format!("{scheme}://localhost/");
    for socket in ["multi", "http"] {
        assert_eq!(room.fetch(socket, &local("http")), "GET /\n", "{socket}");
        assert_eq!(room.fetch(socket, &local("https")), "GET /\n", "{socket}");
        assert_binary(connect(&room.socket(socket)));
    }
    let refused = "{\"error\":\"The plain HTTP request was sent to HTTPS port\"}";
    assert_eq!(room.fetch("https", &local("http")), refused);
    assert_eq!(room.fetch("https", &local("https")), "GET /\n");
    let (clear, secure) = (
        url("http", front.address(), "/"),
        url("https", front.address(), "/"),
    );
    assert_eq!(fetch(&room.pki, &[&clear]), refused);
    assert_eq!(fetch(&room.pki, &[&secure]), "GET /\n");
    let new = format!("https://[::1]:{new}/");
    assert_eq!(
        fetch(&room.pki, &[&new]),
        "GET /\n",
        "which Manticore has not"
    );
    let mut version = [0; 4];
    connect(&room.socket("api"))
        .read_exact(&mut version)
        .unwrap();
    assert_eq!(version, VERSION, "the server's first");
    for (way, encrypts) in [("--ssl", true), ("--skip-ssl", false)] {
        let mut client = room.mariadb("mysql");
        client.arg(way);
        assert_eq!(cipher(&mut client).is_some(), encrypts, "{way}");
    }
    assert!(
        front.log().contains("is for replication"),
        "{}",
        front.log()
    );
}

/// As the original's: neither the multi port nor MySQL's needs a certificate, and nothing is said of it.
#[test]
fn without_a_certificate_listeners_do_without_and_https_is_dropped() {
    let (room, mysql) = (Room::new(), Server::start());
    let near = room.pki.directory().display();
    let lines = format!(
        "    listen = {near}/multi\n    listen = {near}/https:https\n    listen = {near}/mysql:mysql\n"
    );
    let launch = room.launch(&lines, 3);
    let front = launch
        .set("backend", format!("mysql={}", mysql.url()))
        .start();
    assert_eq!(room.fetch("multi", "http://localhost/"), "GET /\n");
    assert!(
        room.fetch("https", "http://localhost/")
            .contains("HTTPS port")
    );
    let said = curl(
        &room.pki,
        &["--unix-socket", &room.socket("https"), "https://localhost/"],
    );
    assert!(!said.succeeded, "{said:?}");
    front.said("Client tries to connect with https to secure port, but we can't serve");
    let mut client = room.mariadb("mysql");
    assert_eq!(cipher(client.arg("--ssl")), None);
    let warnings = front
        .log()
        .lines()
        .filter(|line| line.contains(" WARN "))
        .count();
    assert_eq!(
        warnings,
        2,
        "of the https listener, and of MariaDB's socket: {}",
        front.log()
    );
}

/// Between requests that is, however long an answer takes.
#[test]
fn times_are_those_of_the_file() {
    let (room, mysql) = (Room::new(), Server::start());
    let near = room.pki.directory().display();
    let lines = format!(
        "    listen = {near}/multi\n    listen = {near}/mysql:mysql\n    network_timeout = 300ms\n    \
         client_timeout = 700ms\n    sphinxql_timeout = 1\n{FILES}"
    );
    let launch = room.launch(&lines, 2);
    let _front = launch
        .set("backend", format!("mysql={}", mysql.url()))
        .start();
    // How long until a connection ends that has said something.
    let ends = |words: &[u8]| {
        let begun = Instant::now();
        let mut stream = connect(&room.socket("multi"));
        stream.write_all(words).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (begun.elapsed().as_millis(), answer)
    };
    let (probe, nothing) = ends(b"GE");
    assert_eq!(nothing, b"");
    let (idle, answer) = ends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.ends_with(b"GET /\n"), "{}", answer.escape_ascii());
    assert!(
        (250..650).contains(&probe),
        "{probe} ms for the first bytes"
    );
    assert!(idle >= 650, "{idle} ms between requests");
    let mut client = connect(&room.socket("mysql"));
    let greeting = wire::greeting(&mut client);
    wire::say(&mut client, 1, &wire::response(&greeting));
    wire::hear_ok(&mut client, 2);
    assert_eq!(wire::value(&mut client, "SELECT SLEEP(1.5)"), "0");
    let begun = Instant::now();
    assert!(wire::try_hear(&mut client).is_err(), "it is over");
    let idle = begun.elapsed().as_millis();
    assert!((900..).contains(&idle), "{idle} ms between queries");
}

#[test]
fn the_file_may_say_more_than_manticore_knows() {
    let room = Room::new();
    let near = room.pki.directory().display();
    let file = room.pki.write(
        "manticore.conf",
        format!(
            "searchd {{\n    listen = {near}/multi\n    tlsport.backend = http={}\n    \
             tlsport.backend = sphinx={}\n    tlsport.ssl_min_protocol = TLSv1.3\n{FILES}}}\n",
            room.web.url, room.searchd.url
        ),
    );
    let _front = Launch::new().config(&file, 1).start();
    assert_eq!(room.fetch("multi", "https://localhost/"), "GET /\n");
    assert_binary(connect(&room.socket("multi")));
    let old = ["--unix-socket", &room.socket("multi"), "--tls-max", "1.2"];
    let said = curl(&room.pki, &[&old[..], &["https://localhost/"]].concat());
    assert!(!said.succeeded, "{said:?}");
}

/// The certificates that a front on a port shows.
fn shown(front: &Daemon) -> usize {
    let said = s_client(front.address(), &["-showcerts"], "");
    said.out.matches("-----BEGIN CERTIFICATE-----").count()
}

#[test]
fn the_whole_chain_is_sent_unless_it_is_to_be_as_with_the_original() {
    let room = Room::new();
    let chain = fs::read_to_string(room.pki.path("ssl/server.pem")).unwrap();
    let authority = fs::read_to_string(room.pki.ca()).unwrap();
    room.pki.write("ssl/server.pem", chain + &authority);
    let start = |original: &str| {
        let lines = format!("    listen = 127.0.0.1:{}:https\n{FILES}", closed_port());
        let launch = room.launch(&lines, 1);
        launch.set("ssl.original-chain", original).start()
    };
    assert_eq!(shown(&start("false")), 2);
    assert_eq!(shown(&start("true")), 1);
}

#[test]
fn a_new_certificate_and_a_new_listener_come_with_a_reload() {
    let room = Room::new();
    let port = closed_port();
    let lines = format!("    listen = 127.0.0.1:{port}:https\n{FILES}");
    let front = room.launch(&lines, 1).start();
    let name = || {
        let said = s_client(front.address(), &[], "");
        let line = said.out.lines().find(|line| line.starts_with("subject="));
        line.unwrap().to_owned()
    };
    assert_eq!(name(), "subject=CN=localhost");
    room.show(
        &room
            .pki
            .issue_server("next.pem", "next.example", Key::Ecdsa),
    );
    let more = format!(
        "    listen = {}/multi\n{lines}",
        room.pki.directory().display()
    );
    drop(room.launch(&more, 2)); // writes the file
    front.reload();
    assert_eq!(name(), "subject=CN=next.example");
    assert_eq!(room.fetch("multi", "http://localhost/"), "GET /\n");
    let mut still: TcpStream = open(front.address()).unwrap();
    assert_binary(&mut still);
}
