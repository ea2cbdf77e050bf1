//! What the tests of kdb+ have in place of kdb+: the acceptor and the client of the crate kdbplus, as a program.
//!
//! `serve` answers until its standard input ends, `ask` prints answers, `crowd` checks very many. `METHOD` is `tcp`,
//! `tls` or `unix`. The crate takes the rest from the environment: KDBPLUS_ACCOUNT_FILE, KDBPLUS_TLS_KEY_FILE and
//! KDBPLUS_TLS_KEY_FILE_SECRET for the acceptor, QUDSPATH for unix sockets; the client trusts SSL_CERT_FILE.

mod answer;
mod ask;
mod doorkeeper;
mod serve;

use kdbplus::ipc::ConnectionMethod;
use std::process::ExitCode;

const USAGE: &str = "usage: kdbplus-peer serve METHOD [PATH]
       kdbplus-peer ask METHOD HOST PORT USER:PASSWORD QUERY...
       kdbplus-peer crowd METHOD HOST PORT USER:PASSWORD CONNECTIONS QUERIES";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Tcp,
    Tls,
    Unix,
}

impl Method {
    fn named(name: &str) -> Option<Method> {
        match name {
            "tcp" => Some(Method::Tcp),
            "tls" => Some(Method::Tls),
            "unix" => Some(Method::Unix),
            _ => None,
        }
    }

    /// The crate's own, which cannot be copied.
    fn of_kdbplus(self) -> ConnectionMethod {
        match self {
            Method::Tcp => ConnectionMethod::TCP,
            Method::Tls => ConnectionMethod::TLS,
            Method::Unix => ConnectionMethod::UDS,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[&str]) -> Result<(), Failure> {
    let method = words.get(1).and_then(|name| Method::named(name));
    match (words, method) {
        (["serve", "unix", path], _) => serve::on_unix(path).await,
        (["serve", _], Some(method)) if method != Method::Unix => serve::on_tcp(method).await,
        (["ask", _, host, port, credential, queries @ ..], Some(method)) => {
            ask::ask(&ask::Server::new(method, host, port, credential)?, queries).await
        }
        (["crowd", _, host, port, credential, connections, queries], Some(method)) => {
            let server = ask::Server::new(method, host, port, credential)?;
            ask::crowd(server, connections.parse()?, queries.parse()?).await
        }
        _ => Err(USAGE.into()),
    }
}
