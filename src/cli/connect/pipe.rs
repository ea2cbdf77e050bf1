//! stdin to the server, and the server to stdout, until both have ended.

use super::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use tlsport::client::{Link, Wants};
use tlsport::error::Error;

/// How what is typed becomes what is said, and what is heard becomes what is printed.
pub(super) trait Speech {
    /// What was typed. `None` is its end, after which nothing is typed.
    fn say(&mut self, typed: Option<&[u8]>, said: &mut Vec<u8>) -> Result<(), Error>;

    /// What has come; it may have to be answered. Whether the other side has ended.
    fn hear(
        &mut self,
        came: &[u8],
        printed: &mut Vec<u8>,
        said: &mut Vec<u8>,
    ) -> Result<bool, Error>;

    /// Whether the end of what is typed is the end of our direction.
    const HALF_CLOSES: bool;
}

/// Bytes as they are.
pub(super) struct Bytes;

impl Speech for Bytes {
    fn say(&mut self, typed: Option<&[u8]>, said: &mut Vec<u8>) -> Result<(), Error> {
        said.extend_from_slice(typed.unwrap_or_default());
        Ok(())
    }

    fn hear(&mut self, came: &[u8], printed: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<bool, Error> {
        printed.extend_from_slice(came);
        Ok(false)
    }

    const HALF_CLOSES: bool = true;
}

/// What is moved at a time.
const PIECE: usize = 64 * 1024;

/// Pipes until the server has ended.
pub(super) fn pipe<S: Speech>(
    mut link: Link,
    mut speech: S,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    // Not through std's buffer: what lies there would not be polled.
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let mut stdin = Some(File::from(
        stdin.map_err(|error| failed("read stdin", &error))?,
    ));
    let (mut said, mut printed) = (Vec::new(), Vec::new());
    let mut piece = vec![0; PIECE];
    loop {
        let heard = hear(&mut link, &mut speech, &mut piece, &mut printed, &mut said)?;
        out.write_all(&printed)?;
        out.flush()?;
        printed.clear();
        let all = send(&mut link, &mut said)?;
        if heard == Heard::End {
            let _ = link.close(); // whoever has ended needs no more
            return Ok(());
        }
        if all && stdin.is_none() && S::HALF_CLOSES {
            link.close()?;
        }
        // Back pressure is the absence of reading.
        let typing = stdin.as_ref().filter(|_| all);
        if wait(&mut link, typing, heard == Heard::All)? {
            let Some(file) = &mut stdin else { continue };
            let count = file
                .read(&mut piece)
                .map_err(|error| failed("read stdin", &error))?;
            match count {
                0 => {
                    speech.say(None, &mut said)?;
                    stdin = None;
                }
                _ => speech.say(Some(&piece[..count]), &mut said)?,
            }
        }
    }
}

/// What reading has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// The server has ended.
    End,
    /// There may be more, of which nobody will tell.
    Part,
    /// There is no more for now.
    All,
}

/// Reads what is there.
fn hear<S: Speech>(
    link: &mut Link,
    speech: &mut S,
    piece: &mut [u8],
    printed: &mut Vec<u8>,
    said: &mut Vec<u8>,
) -> Result<Heard, Error> {
    // A server that sends faster than we print must not fill memory, and one whose bytes come to nothing not keep us.
    let mut came = 0;
    while came < PIECE {
        match link.read(piece) {
            Ok(0) => return Ok(Heard::End),
            Ok(count) => {
                came += count;
                if speech.hear(&piece[..count], printed, said)? {
                    return Ok(Heard::End);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Heard::All),
            Err(error) => return Err(told(error)),
        }
    }
    Ok(Heard::Part)
}

/// Sends what was said; whether all of it went.
fn send(link: &mut Link, said: &mut Vec<u8>) -> Result<bool, Error> {
    let mut sent = 0;
    while sent < said.len() {
        match link.write(&said[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(told(error)),
        }
    }
    said.drain(..sent);
    Ok(said.is_empty())
}

/// Waits for the server, and for what is typed, or just looks; whether something was typed.
fn wait(link: &mut Link, stdin: Option<&File>, waits: bool) -> Result<bool, Error> {
    let Wants { read, write } = link.wants();
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, read);
    events.set(PollFlags::OUT, write);
    let server: BorrowedFd<'_> = link.as_fd();
    let mut entries = vec![PollFd::from_borrowed_fd(server, events)];
    if let Some(stdin) = stdin {
        entries.push(PollFd::new(stdin, PollFlags::IN));
    }
    let now = Timespec::default();
    let limit = (!waits).then_some(&now);
    retry_on_intr(|| poll(&mut entries, limit)).map_err(|error| failed("wait", &error.into()))?;
    Ok(entries
        .get(1)
        .is_some_and(|entry| !entry.revents().is_empty()))
}

/// The library's own words.
fn told(error: io::Error) -> Error {
    error
        .downcast::<Error>()
        .unwrap_or_else(|error| failed("talk to the server", &error))
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::io(format!("cannot {what}"), error)
}
