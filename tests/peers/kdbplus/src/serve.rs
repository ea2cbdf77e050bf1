//! The server: listens on a port that the system chooses, or on a unix socket, and says where.

use crate::doorkeeper::Place;
use crate::{Failure, Method};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdUnixListener};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// Prints its port, and serves.
pub(crate) async fn on_tcp(method: Method) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    println!("{port}");
    until_the_end(async {
        let mut number = 0;
        loop {
            let (client, _) = listener.accept().await?;
            number += 1;
            attend(Place::on_tcp(method, port, number), client);
        }
    })
    .await
}

/// The same on a unix socket; `@` begins a name of the abstract namespace.
pub(crate) async fn on_unix(path: &str) -> Result<(), Failure> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let listener = StdUnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    println!("{path}");
    until_the_end(async {
        let mut number = 10_000; // beside the ports that tests name
        loop {
            let (client, _) = listener.accept().await?;
            number += 1;
            attend(Place::on_unix(number), client);
        }
    })
    .await
}

fn attend(place: Place, client: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    tokio::spawn(async move {
        if let Err(why) = place.serve(client).await {
            eprintln!("a connection ended: {why}");
        }
    });
}

/// Whoever started it holds its standard input, and has gone when that ends.
async fn until_the_end(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let (mut input, mut nothing) = (tokio::io::stdin(), [0]);
    tokio::select! {
        failed = work => failed,
        _ = input.read(&mut nothing) => Ok(()),
    }
}
