//! `tlsport connect`: a connection as the library opens it, with what there is to know of it, then stdin to the server
//! and the server to stdout.
//!
//! Read next: `report` (what is told), `pipe` (who says what when), `websocket` (messages as lines), `kdb` (q's words).

mod kdb;
mod pipe;
mod report;
mod websocket;

use super::failure::Failure;
use super::flags;
use clap::builder::RangedU64ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tlsport::client::{Answer, Client, Destination, Link, Spoken};
use tlsport::error::{Error, Kind};
use tlsport::settings::{Group, Note, Record};

const LONG_ABOUT: &str = "\
Open a TLS connection, say what is known of it, and connect it with stdin and stdout.

URL is HOST:PORT or tls://HOST:PORT for bytes as they are, tcps://HOST:PORT[:USER:PASSWORD] or \
unixs://PORT[:USER:PASSWORD] for kdb+'s IPC, https://HOST/PATH for one request and its answer, wss://HOST/PATH for a \
WebSocket, whose messages are lines.

The end of stdin is told to the server (close-notify); it is over when the server has ended too. A WebSocket is closed \
by it.";

/// The options that a client has a use for.
const OF_CLIENTS: &[&str] = &[
    "ssl.keyfile",
    "ssl.certfile",
    "ssl.key-permissions",
    "ssl.passphrase",
    "ssl.passphrase-command",
    "ssl.alpn",
    "ssl.cafile",
    "ssl.capath",
    "ssl.system-ca",
    "ssl.verify-server",
    "ssl.crl-file",
    "ssl.crl-dir",
    "kdb-accept-expired",
    "ssl.protocol",
    "ssl.min-protocol",
    "ssl.max-protocol",
    "ssl.cipher-list",
    "ssl.ciphersuites",
    "ssl.groups",
    "ssl.security-level",
    "ssl.options",
    "ssl.options-era",
    "ssl.conf",
    "ssl.config-section",
    "timeout.connect",
    "timeout.handshake",
    "timeout.idle",
];

/// What options are to a client, where the table tells what they are to a server.
const WORDS: &[(&str, &str)] = &[
    (
        "ssl.keyfile",
        "PEM file with our certificate, the rest of its chain, and the unencrypted private key, for a server that asks \
         for it.",
    ),
    (
        "ssl.passphrase",
        "What an encrypted private key comes to, unless ssl.passphrase-command is set: an error, or a prompt at the \
         terminal.",
    ),
    (
        "ssl.alpn",
        "Protocols to offer by ALPN, best first; empty offers none.",
    ),
    (
        "ssl.cafile",
        "PEM file of the CAs that are trusted, any number of times; without one they are the system's.",
    ),
    (
        "ssl.capath",
        "Directory of CAs under hashed names ('openssl rehash') that are trusted as well. libssl looks into it as needed.",
    ),
    (
        "ssl.system-ca",
        "Trusts the CAs of the system besides those that are named.",
    ),
    (
        "ssl.crl-file",
        "PEM file of revocation lists. One from each CA in the server's chain has to be there.",
    ),
    (
        "timeout.connect",
        "How long it may take to look the name up and to connect, all addresses together; 0 means for ever.",
    ),
    (
        "timeout.handshake",
        "How long the handshake may take, with kdb+'s hello; and the way to a WebSocket. 0 means for ever.",
    ),
    (
        "timeout.idle",
        "How long an answer of HTTP may pause; 0 means for ever.",
    ),
];

/// Most bytes of an answer of HTTP, which is whole before it is printed.
const LONGEST_ANSWER: u64 = 1 << 30;

/// Most bytes of a file with a user and a password.
const LARGEST_USER_FILE: u64 = 64 * 1024;

/// `tlsport connect`.
pub(crate) fn command() -> Command {
    let own = Command::new("connect")
        .about("Open a TLS connection, say what is known of it, and pipe stdin and stdout")
        .long_about(LONG_ABOUT)
        .args([
            Arg::new("url")
                .value_name("URL")
                .required(true)
                .help("HOST:PORT, tcps:// unixs:// https:// wss:// tls://"),
            switch("show", "Say what is known of the connection, and end"),
            switch("quiet", "Say nothing of it").conflicts_with("show"),
            Arg::new("server-name")
                .long("server-name")
                .value_name("NAME")
                .help("Whom the certificate has to be for"),
            Arg::new("user-file")
                .long("user-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("File with USER:PASSWORD, not for all to see"),
            Arg::new("capability")
                .long("capability")
                .value_name("N")
                .value_parser(RangedU64ValueParser::<u8>::new().range(0..=6))
                .help("kdb+'s capability, 0 to 6 [default: 3]"),
            Arg::new("request")
                .long("request")
                .value_name("TEXT")
                .allow_hyphen_values(true)
                .help(r"Request with \r and \n, in place of a GET"),
        ]);
    let command = flags::with_some_settings(own, is_a_clients).mut_args(in_a_clients_words);
    super::log::with_flags(command)
}

fn in_a_clients_words(arg: Arg) -> Arg {
    let words = WORDS.iter().find(|(name, _)| arg.get_id() == name);
    let arg = match words {
        Some((_, words)) => arg.help(words),
        None => arg,
    };
    match arg.get_help_heading() == Some(Group::Clients.title()) {
        true => arg.help_heading("The server's certificate"),
        false => arg,
    }
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name);
    arg.action(ArgAction::SetTrue).help(help)
}

fn is_a_clients(record: &Record) -> bool {
    OF_CLIENTS.contains(&record.name)
}

/// Connects, and is over when both sides are.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    super::log::start(matches)?;
    let destination = destination(matches)?;
    let request = request(matches, &destination)?;
    let (settings, notes) = flags::collect(matches)
        .unchecked()
        .map_err(Failure::settings)?;
    notes.iter().for_each(Note::log);
    let words = settings.policy.words;
    let client = Client::to(&settings, destination).map_err(|problems| {
        match problems.0.iter().all(|error| error.kind() == Kind::Usage) {
            true => Failure::usage(problems),
            false => kdb::told(words, Failure::settings(problems)),
        }
    })?;
    let opened = open(&client, matches).map_err(Failure::from);
    let mut link = opened.map_err(|failure| kdb::told(words, failure))?;
    if matches.get_flag("show") {
        let _ = link.close(); // nothing more is wanted of it
        return Ok(());
    }
    let Some(request) = request else {
        return pipe::pipe(link, pipe::Bytes, out);
    };
    let answer = client.request_on(link, &request, LONGEST_ANSWER)?;
    if !matches.get_flag("quiet") {
        report::head(&answer);
    }
    match answer.link {
        Some(link) if client.destination().spoken() == Spoken::WebSocket => {
            link.set_nonblocking(true)?;
            pipe::pipe(link, websocket::Messages::default(), out)
        }
        link => answered(Answer { link, ..answer }, &client, out),
    }
}

/// What came in place of a connection that goes on.
fn answered(answer: Answer, client: &Client, out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(&answer.body)?;
    if client.destination().spoken() != Spoken::WebSocket {
        return Ok(());
    }
    let (status, server) = (answer.status, client.destination());
    let text = format!("'{server}' has not agreed to a WebSocket: its answer is status {status}");
    Err(Error::new(Kind::Peer, text).into())
}

/// Opens the connection, and says what is known of it, also of one that came to nothing.
fn open(client: &Client, matches: &ArgMatches) -> Result<Link, Error> {
    let quiet = matches.get_flag("quiet");
    let mut opening = client.begin()?;
    match opening.finish() {
        Ok(link) => {
            if !quiet {
                report::link(&link, client);
            }
            Ok(link)
        }
        Err(error) => match opening.rejected() {
            None => Err(error),
            Some(rejected) => {
                if !quiet {
                    report::certificates(&rejected.chain);
                }
                Err(report::with_remedy(error, rejected))
            }
        },
    }
}

/// Refuses what has a meaning for kdb+'s IPC alone, where that is not spoken.
fn is_for_ipc(matches: &ArgMatches, destination: &Destination) -> Result<(), Error> {
    let mut flags = ["user-file", "capability"].into_iter();
    match flags.find(|flag| matches.contains_id(flag)) {
        Some(flag) if destination.spoken() != Spoken::Ipc => Err(Error::new(
            Kind::Usage,
            format!("--{flag}: it is for 'tcps://' and 'unixs://' alone"),
        )),
        _ => Ok(()),
    }
}

/// Where it goes, as whom.
fn destination(matches: &ArgMatches) -> Result<Destination, Error> {
    let text = matches.get_one::<String>("url");
    let mut destination: Destination = text.map_or("", String::as_str).parse()?;
    is_for_ipc(matches, &destination)?;
    if destination.has_password() {
        log::warn!("a password on a command line can be read by everybody here: see --user-file");
    }
    if let Some(path) = matches.get_one::<PathBuf>("user-file") {
        destination = destination.with_credentials(&user(path)?)?;
    }
    if let Some(capability) = matches.get_one::<u8>("capability") {
        destination = destination.with_capability(*capability)?;
    }
    if let Some(name) = matches.get_one::<String>("server-name") {
        destination = destination.with_server_name(name);
    }
    // As q has it: where its unix sockets are, if not in /tmp.
    match std::env::var_os("QUDSPATH").filter(|path| !path.is_empty()) {
        Some(path) => Ok(destination.with_socket_directory(Path::new(&path))),
        None => Ok(destination),
    }
}

/// The first line of a file.
fn user(path: &Path) -> Result<String, Error> {
    let (text, mode) = read_user_file(path).map_err(|error| {
        let tried = format!("cannot read user and password from '{}'", path.display());
        Error::io(tried, &error)
    })?;
    if mode & 0o004 != 0 {
        let path = path.display();
        log::warn!("user and password in '{path}' can be read by everybody here");
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The text of a file, and its mode; of a pipe there is none.
fn read_user_file(path: &Path) -> io::Result<(String, u32)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = String::new();
    file.take(LARGEST_USER_FILE).read_to_string(&mut text)?;
    if text.len() as u64 == LARGEST_USER_FILE {
        return Err(io::Error::other("it is too large"));
    }
    let mode = metadata.is_file().then(|| metadata.mode());
    Ok((text, mode.unwrap_or(0)))
}

/// What is asked for, where that is HTTP.
fn request(matches: &ArgMatches, destination: &Destination) -> Result<Option<Vec<u8>>, Error> {
    let text = matches.get_one::<String>("request");
    match (destination.spoken(), text) {
        (Spoken::Http | Spoken::WebSocket, Some(text)) => Ok(Some(unescaped(text))),
        (Spoken::Http | Spoken::WebSocket, None) => Ok(Some(destination.get().into_bytes())),
        (_, None) => Ok(None),
        (_, Some(_)) => Err(Error::new(
            Kind::Usage,
            "--request: it is for 'https://' and 'wss://' alone",
        )),
    }
}

/// `\r`, `\n`, `\t` and `\\` become what they stand for.
fn unescaped(text: &str) -> Vec<u8> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('r') => plain.push('\r'),
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlsport::settings::find;

    #[test]
    fn a_clients_options_are_options() {
        for name in OF_CLIENTS {
            let record = find(name).expect(name);
            assert_eq!(record.name, *name);
        }
        for (name, _) in WORDS {
            assert!(OF_CLIENTS.contains(name), "{name}");
        }
    }

    #[test]
    fn ends_of_lines_can_be_typed() {
        assert_eq!(
            unescaped(r"GET / HTTP/1.1\r\n\r\n"),
            b"GET / HTTP/1.1\r\n\r\n"
        );
        assert_eq!(unescaped(r"a\\nb\x\"), br"a\nb\x\");
    }
}
