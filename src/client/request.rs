//! One request and its answer.

use super::answer::{Answer, Reader};
use super::attempts::timed_out;
use super::websocket::Upgrade;
use super::{Client, Link, Spoken};
use crate::error::{Error, Kind};
use std::time::{Duration, Instant};

/// What is read at a time.
const PIECE: usize = 64 * 1024;

/// Opens a connection for a request that can be one.
pub(super) fn request(client: &Client, text: &[u8], most: u64) -> Result<Answer, Error> {
    looks_right(client, text)?;
    request_on(client, client.begin()?.finish()?, text, most)
}

/// Sends a request as it is, or with what a WebSocket needs besides, and reads the answer.
pub(super) fn request_on(
    client: &Client,
    link: Link,
    text: &[u8],
    most: u64,
) -> Result<Answer, Error> {
    looks_right(client, text)?;
    let destination = client.destination();
    let limits = client.0.limits;
    let (upgrade, limit) = match destination.spoken() {
        Spoken::WebSocket => (Some(Upgrade::of(text)?), limits.handshake),
        _ => (None, limits.idle),
    };
    let text = upgrade.as_ref().map_or(text, |upgrade| &upgrade.request);
    link.set_nonblocking(true)?;
    let answer = exchange(link, text, most, limit, upgrade.is_some())
        .and_then(|answer| match &upgrade {
            Some(upgrade) => upgrade.agreed(answer),
            None => Ok(answer),
        })
        .map_err(|error| error.context(format!("request to '{destination}'")))?;
    if let Some(link) = &answer.link {
        link.set_nonblocking(false)?;
    }
    Ok(answer)
}

/// Whether a request has an end, and the client somebody to send it to.
pub(super) fn looks_right(client: &Client, text: &[u8]) -> Result<(), Error> {
    let why = match client.destination().spoken() {
        Spoken::Ipc | Spoken::Nothing => "the connection string is neither https:// nor wss://",
        _ if text.windows(4).any(|end| end == b"\r\n\r\n") => return Ok(()),
        _ => "no empty line ends its head",
    };
    let text = format!("cannot send the request: {why}");
    Err(Error::new(Kind::Usage, text))
}

/// Sends and reads. On the way to a WebSocket there is one limit for all of it, elsewhere it is one for each pause.
fn exchange(
    mut link: Link,
    text: &[u8],
    most: u64,
    limit: Option<Duration>,
    whole: bool,
) -> Result<Answer, Error> {
    let began = Instant::now();
    let by = || {
        let from = if whole { began } else { Instant::now() };
        limit.and_then(|limit| from.checked_add(limit))
    };
    let mut reader = Reader::new(text, most);
    if !link.write_by(text, by())? {
        return Err(timed_out(limit, "sending"));
    }
    let mut buffer = vec![0; PIECE];
    loop {
        match link.read_by(&mut buffer, by())? {
            None => return Err(timed_out(limit, "waiting for the answer")),
            Some(0) => {
                reader.end()?;
                break;
            }
            Some(count) => {
                if reader.feed(&buffer[..count])? {
                    break;
                }
            }
        }
    }
    let (mut answer, rest) = reader.finish();
    if answer.status == 101 {
        link.give_back(&rest);
        answer.link = Some(link);
    } else {
        let _ = link.close(); // all that was wanted is here
    }
    Ok(answer)
}
