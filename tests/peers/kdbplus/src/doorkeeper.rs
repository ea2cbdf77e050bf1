//! Stands at the door that the crate's acceptor does not keep: that listens for one connection, and to nobody after it.
//!
//! Each connection gets an acceptor and an address of its own, and its bytes are passed on to there. The acceptor knows
//! a hello only as one piece with capability 3 or 6, and waits for ever for what a client that has gone will not say:
//! so it hears of neither.

use crate::{Failure, Method, answer};
use kdbplus::ipc::QStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream as StdUnixStream};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// What a user's name and password may come to.
const LONGEST_HELLO: usize = 1000;

/// Where the acceptor of one connection listens: an address of this host, or a unix socket's number.
pub(crate) struct Place {
    method: Method,
    host: String,
    port: u16,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Place {
    pub(crate) fn on_tcp(method: Method, port: u16, number: u16) -> Place {
        let [high, low] = number.to_be_bytes();
        let host = format!("127.1.{high}.{low}");
        Place { method, host, port }
    }

    pub(crate) fn on_unix(number: u16) -> Place {
        Place {
            method: Method::Unix,
            host: String::new(),
            port: number,
        }
    }

    /// Serves a client by an acceptor.
    pub(crate) async fn serve(
        self,
        mut client: impl AsyncRead + AsyncWrite + Send + Unpin,
    ) -> Result<(), Failure> {
        let mut beginning = Vec::new();
        if self.method != Method::Tls {
            beginning = hello(&mut client).await?;
        }
        let (method, host, port) = (self.method, self.host.clone(), self.port);
        let acceptor = tokio::spawn(async move {
            match QStream::accept(method.of_kdbplus(), &host, port).await {
                Ok(stream) => answer::answer(stream).await,
                Err(why) => eprintln!("{why}"),
            }
        });
        let mut inside = loop {
            match self.connect().await {
                Ok(stream) => break stream,
                Err(_) if !acceptor.is_finished() => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(why) => return Err(why),
            }
        };
        inside.write_all(&beginning).await?;
        let passed = tokio::io::copy_bidirectional(&mut client, &mut inside).await;
        acceptor.abort();
        passed?;
        Ok(())
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        if self.method != Method::Unix {
            return Ok(Box::new(
                TcpStream::connect((&*self.host, self.port)).await?,
            ));
        }
        let name = format!("{}/kx.{}", std::env::var("QUDSPATH")?, self.port);
        let address = SocketAddr::from_abstract_name(name)?;
        let stream = StdUnixStream::connect_addr(&address)?;
        stream.set_nonblocking(true)?;
        Ok(Box::new(UnixStream::from_std(stream)?))
    }
}

/// Everything up to the 0 byte.
async fn hello(client: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Failure> {
    let mut hello = Vec::new();
    while hello.last() != Some(&0) {
        if hello.len() == LONGEST_HELLO {
            return Err("a hello without an end".into());
        }
        hello.push(client.read_u8().await?);
    }
    match hello[..] {
        [.., 3 | 6, 0] => Ok(hello),
        _ => Err("a hello of a capability that the acceptor does not know".into()),
    }
}
