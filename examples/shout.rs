//! A program that answers TLS connections itself: what comes goes back in capitals.
//!
//! ```sh
//! cargo run --bin tlsport -- certs --out pki --host localhost
//! cargo run --example shout -- pki/server.pem ssl://127.0.0.1:8530
//! openssl s_client -quiet -CAfile pki/ca.pem -connect localhost:8530
//! ```

use std::process::ExitCode;
use tlsport::conn::{Opened, Service, Verdict};
use tlsport::error::Problems;
use tlsport::server::Server;
use tlsport::settings::{Builder, Origin, Settings};
use tlsport::tls::Prepared;

/// One connection.
struct Shout;

impl Service for Shout {
    fn open(&mut self, opened: &Opened<'_>, _: &mut Vec<u8>) -> Verdict {
        if let Some(facts) = opened.facts {
            println!("{}: {facts}", opened.peer);
        }
        Verdict::Continue
    }

    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        out.extend(input.to_ascii_uppercase());
        Verdict::Continue
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Verdict {
        Verdict::Finish
    }
}

fn serve(keyfile: &str, endpoint: &str) -> Result<(), Problems> {
    let mut builder = Builder::new(Settings::default());
    builder.set("server.endpoint", endpoint, Origin::Program);
    builder.set("ssl.keyfile", keyfile, Origin::Program);
    builder.set("backend", "service://program", Origin::Program);
    let (settings, _) = builder.finish()?;
    let (prepared, _) = Prepared::load(&settings)?;
    let server = Server::start_with(&settings, &prepared, || Box::new(Shout))?;
    for place in server.places() {
        println!("listening on {place}");
    }
    server.wait();
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [keyfile, endpoint] = arguments.as_slice() else {
        eprintln!("usage: shout KEYFILE ENDPOINT");
        return ExitCode::from(2);
    };
    match serve(keyfile, endpoint) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}
