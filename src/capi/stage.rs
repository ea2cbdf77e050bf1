//! How far a channel has come: a client's may be one that is still being opened, by the calls that want to use it.

use super::usage;
use crate::client::{Link, Opening, Progress};
use crate::driven::{Driven, Step, Want, Wants};
use crate::error::Error;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

pub(super) enum Stage {
    /// Name, address, TLS, hello; and what it wanted last.
    Opening(Box<Opening>, Wants),
    /// There is a socket, and whoever uses it: perhaps still in the handshake where the socket is the program's.
    Joined {
        driven: Box<Driven>,
        /// Of kdb+'s IPC.
        capability: Option<u8>,
    },
    /// It was closed before it was open.
    GivenUp,
    /// Nothing will come of it.
    Failed(Error),
}

const NOTHING: Wants = Wants {
    read: false,
    write: false,
};

impl Stage {
    /// Begins with as much of an opening as needs no waiting.
    pub(super) fn begin(opening: Opening) -> Result<Stage, Error> {
        let mut stage = Stage::Opening(Box::new(opening), NOTHING);
        stage.go_on()?;
        Ok(stage)
    }

    pub(super) fn joined(driven: Driven) -> Stage {
        Stage::Joined {
            driven: Box::new(driven),
            capability: None,
        }
    }

    pub(super) fn open(link: Link) -> Stage {
        let (driven, capability) = link.into_parts();
        Stage::Joined { driven, capability }
    }

    /// Goes on with the opening, if there is still one: whoever can be used then, or what is wanted first.
    pub(super) fn go_on(&mut self) -> Result<Step<&mut Driven>, Error> {
        if let Stage::Opening(opening, wanted) = self {
            *self = match opening.step(Instant::now()) {
                Ok(Progress::Wants(wants)) => {
                    *wanted = wants;
                    return Ok(Step::Want(first(wants)));
                }
                Ok(Progress::Open(link)) => Stage::open(link),
                Err(error) => Stage::Failed(error),
            };
        }
        self.driven().map(Step::Done)
    }

    /// Whoever can be used now.
    pub(super) fn driven(&mut self) -> Result<&mut Driven, Error> {
        match self {
            Stage::Joined { driven, .. } => Ok(driven),
            Stage::Opening(..) => Err(usage("the handshake is not done")),
            Stage::GivenUp => Err(usage(
                "the channel was closed before its handshake was done",
            )),
            Stage::Failed(error) => Err(error.clone()),
        }
    }

    /// Sends what waits. Of a channel that is being opened it is nothing of the caller's.
    pub(super) fn flush(&mut self) -> Result<Step<()>, Error> {
        match self {
            Stage::GivenUp => Ok(Step::Done(())),
            _ => match self.go_on()? {
                Step::Done(driven) => driven.flush(),
                Step::Want(Want::Write) => Ok(Step::Want(Want::Write)),
                Step::Want(Want::Read) => Ok(Step::Done(())),
            },
        }
    }

    /// Ends our direction, or gives up.
    pub(super) fn close(&mut self) -> Result<Step<()>, Error> {
        match self {
            Stage::Opening(..) | Stage::GivenUp => {
                *self = Stage::GivenUp;
                Ok(Step::Done(()))
            }
            _ => self.driven()?.close(),
        }
    }

    pub(super) fn wants(&mut self) -> Wants {
        match self {
            Stage::Opening(_, wants) => *wants,
            Stage::Joined { driven, .. } => driven.wants(),
            Stage::GivenUp | Stage::Failed(_) => NOTHING,
        }
    }

    /// What to wait for that on; not always the same.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        match self {
            Stage::Opening(opening, _) => opening.descriptor().map(|fd| fd.as_raw_fd()),
            Stage::Joined { driven, .. } => Some(driven.as_fd().as_raw_fd()),
            Stage::GivenUp | Stage::Failed(_) => None,
        }
    }

    /// How long to wait for it at the most.
    pub(super) fn time_left(&self) -> Option<Duration> {
        match self {
            Stage::Opening(opening, _) => {
                let deadline = opening.deadline()?;
                Some(deadline.saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }

    /// What both sides of kdb+'s IPC are capable of.
    pub(super) fn capability(&mut self) -> Result<u8, Error> {
        self.driven()?;
        match self {
            Stage::Joined {
                capability: Some(capability),
                ..
            } => Ok(*capability),
            _ => Err(usage("the channel was not opened with kdb+'s hello")),
        }
    }
}

/// The one to tell of two: the peer cannot answer what it has not got.
fn first(wants: Wants) -> Want {
    if wants.write { Want::Write } else { Want::Read }
}
