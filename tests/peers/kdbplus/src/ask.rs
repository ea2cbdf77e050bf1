//! The client: one that asks and prints, and a crowd of those that ask and check.

use crate::{Failure, Method};
use kdbplus::ipc::{K, QStream, Query, qmsg_type};
use kdbplus::qattribute;

/// Whom to ask.
#[derive(Clone)]
pub(crate) struct Server {
    method: Method,
    host: String,
    port: u16,
    credential: String,
}

impl Server {
    pub(crate) fn new(
        method: Method,
        host: &str,
        port: &str,
        credential: &str,
    ) -> Result<Server, Failure> {
        Ok(Server {
            method,
            host: host.to_owned(),
            port: port.parse()?,
            credential: credential.to_owned(),
        })
    }

    async fn connect(&self) -> Result<QStream, Failure> {
        let method = self.method.of_kdbplus();
        let stream = QStream::connect(method, &self.host, self.port, &self.credential).await;
        Ok(stream?)
    }

    /// The crate's own way to end TLS panics, so that is left without a close-notify.
    async fn leave(&self, stream: QStream) -> Result<(), Failure> {
        if self.method != Method::Tls {
            stream.shutdown().await?;
        }
        Ok(())
    }
}

/// Asks one after another in one connection, and prints a line for each.
pub(crate) async fn ask(server: &Server, queries: &[&str]) -> Result<(), Failure> {
    let mut stream = server.connect().await?;
    for query in queries {
        println!("answer: {}", answer(&mut stream, query).await?);
    }
    server.leave(stream).await
}

/// Connects so many times at once, and asks so many times in each. No two ask for the same.
pub(crate) async fn crowd(server: Server, connections: i64, queries: i64) -> Result<(), Failure> {
    let tasks: Vec<_> = (0..connections)
        .map(|number| tokio::spawn(member(server.clone(), number, queries)))
        .collect();
    for task in tasks {
        task.await??;
    }
    println!("answered: {}", connections * queries);
    Ok(())
}

async fn member(server: Server, number: i64, queries: i64) -> Result<(), Failure> {
    let mut stream = server.connect().await?;
    for query in 0..queries {
        let list = || K::new_long_list(vec![number, query, number * query], qattribute::NONE);
        let answer = answer(&mut stream, &list()).await?;
        // The crate compares no values.
        if answer.to_string() != list().to_string() {
            return Err(format!("{number} asked for {}, and got {answer}", list()).into());
        }
    }
    server.leave(stream).await
}

/// What is answered to a query. The crate's own acceptor says something in TLS before it is asked.
async fn answer(stream: &mut QStream, query: &dyn Query) -> Result<K, Failure> {
    stream.send_message(query, qmsg_type::synchronous).await?;
    loop {
        let (kind, answer) = stream.receive_message().await?;
        if kind == qmsg_type::response {
            return Ok(answer);
        }
    }
}
