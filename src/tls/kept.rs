//! Sessions that a client keeps to come back with: those of one server, made under one context, which takes them along
//! when a reload replaces it. So none is ever used under another policy than the one it was made under.
//!
//! A session of TLS 1.3 is used once, as its server asks for; an older one until it is too old, or refused by libssl.

use super::sys;
use openssl::ssl::{SslSession, SslSessionRef, SslVersion};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// As many connections may open before one of them has been given a session to come back with. A server that gives
/// out more than are used fills no memory.
const MOST: usize = 16;

/// The sessions of a client's context.
#[derive(Default)]
pub(super) struct Kept(Mutex<Sessions>);

#[derive(Default)]
struct Sessions {
    /// Of TLS 1.3, oldest first.
    single: VecDeque<SslSession>,
    /// Of an older version.
    lasting: Option<SslSession>,
}

impl Kept {
    /// Keeps a session that the server has just given.
    pub(super) fn put(&self, session: SslSession) {
        let mut sessions = self.lock();
        if session.protocol_version() != SslVersion::TLS1_3 {
            sessions.lasting = Some(session);
            return;
        }
        if sessions.single.len() == MOST {
            sessions.single.pop_front();
        }
        sessions.single.push_back(session);
    }

    /// A session to begin a connection with; of this version, where there is to be no other.
    pub(super) fn take(&self, version: Option<SslVersion>) -> Option<SslSession> {
        let mut sessions = self.lock();
        if version.is_none_or(|version| version == SslVersion::TLS1_3) {
            while let Some(session) = sessions.single.pop_back() {
                if is_good(&session) {
                    return Some(session);
                }
            }
        }
        let lasting = sessions.lasting.take_if(|session| !is_good(session));
        drop(lasting);
        let lasting = sessions.lasting.clone()?;
        version
            .is_none_or(|version| version == lasting.protocol_version())
            .then_some(lasting)
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session is still in its time, the server's certificate as well: libssl does not look at that again.
fn is_good(session: &SslSessionRef) -> bool {
    session.time() + session.timeout() > sys::now()
        && sys::is_resumable(session)
        && !sys::has_expired_peer(session)
}
