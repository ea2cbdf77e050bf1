//! `SSL_CTX`s made of a prepared policy: ours, of a server or a client, and somebody else's that the policy is put onto.
//!
//! Files are not opened here: see [`Prepared::load`]. Read next: `making` (the calls, in order), `apply` (what is
//! different when the `SSL_CTX` is not ours).

mod apply;
mod before;
mod making;
mod sessions;

pub(super) use making::{Making, Whose};

use super::kept::Kept;
use super::names::Names;
use super::prepared::Prepared;
use super::queue::Queue;
use super::ready::Ready;
use super::resume::Shared;
use super::role::Role;
use crate::error::{Error, Kind, Problems};
use crate::settings::UnknownName;
use openssl::ssl::{Ssl, SslContext};
use std::collections::HashMap;
use std::sync::Arc;

/// An `SSL_CTX` built from a policy, with one for each server name. One a worker: workers share no lock of libssl's.
/// Several threads may use it all the same.
pub struct Context {
    default: SslContext,
    role: Role,
    /// Whether nobody has said how many tickets a client gets, so that it is two, as libssl has it.
    two_tickets: bool,
}

impl Context {
    /// Builds that of a server.
    ///
    /// # Errors
    /// Everything libssl refused, each with its origin; a policy that was prepared for a client.
    pub fn build(prepared: &Prepared, shared: &Arc<Shared>) -> Result<Context, Problems> {
        prepared.is_for(Role::Server)?;
        if !prepared.has_identity() {
            return Err(Error::settings("no value specified for '--ssl.keyfile'").into());
        }
        let make = |ready| Making::new(ready, prepared, shared, Whose::Ours);
        let (names, mut problems) = named(prepared, make);
        match make(&prepared.base).finish(names) {
            Ok(default) => {
                let said = prepared.base.policy.num_tickets.is_chosen();
                let two_tickets = !said && default.num_tickets() == 2;
                Problems::or(
                    problems,
                    Context {
                        default,
                        role: Role::Server,
                        two_tickets,
                    },
                )
            }
            Err(Problems(found)) => {
                problems.extend(found);
                Err(Problems(problems))
            }
        }
    }

    /// Builds that of a client, which verifies the server's certificate. For which name is said for each connection.
    ///
    /// # Errors
    /// Everything libssl refused, each with its origin; a policy that was prepared for a server.
    pub fn client(prepared: &Prepared) -> Result<Context, Problems> {
        Context::keeping(prepared, None)
    }

    /// The same, with a place for the sessions that servers give.
    pub(super) fn keeping(
        prepared: &Prepared,
        kept: Option<Arc<Kept>>,
    ) -> Result<Context, Problems> {
        prepared.is_for(Role::Client)?;
        let mut making = Making::new(&prepared.base, prepared, &Shared::new(), Whose::Ours);
        making.kept = kept;
        Ok(Context {
            default: making.finish(None)?,
            role: Role::Client,
            two_tickets: false,
        })
    }

    /// Which side of a connection it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Somebody else's, for connections of tests.
    #[cfg(test)]
    pub(super) fn around(default: SslContext, role: Role) -> Context {
        Context {
            default,
            role,
            two_tickets: false,
        }
    }

    /// Whether the second ticket of a client may be kept for later.
    pub(super) fn has_two_tickets(&self) -> bool {
        self.two_tickets
    }

    /// A new `SSL` for a connection (`SSL_new`).
    pub(super) fn new_ssl(&self) -> Result<Ssl, Error> {
        Ssl::new(&self.default).map_err(|stack| {
            let queue = Queue::from(stack);
            Error::new(Kind::Tls, format!("cannot create SSL: {}", queue.first()))
        })
    }

    /// The `SSL_CTX` itself, which lives as long as this does.
    #[cfg(feature = "capi")]
    pub(crate) fn as_ptr(&self) -> *mut openssl_sys::SSL_CTX {
        foreign_types::ForeignType::as_ptr(&self.default)
    }
}

/// The contexts of server names, which are ours whoever owns the one in front, and what was wrong with them.
fn named<'a>(
    prepared: &'a Prepared,
    make: impl Fn(&'a Ready) -> Making<'a>,
) -> (Option<Names>, Vec<Error>) {
    let mut contexts = HashMap::new();
    let mut problems = Vec::new();
    let mut by_certificate = Vec::new();
    for ready in &prepared.names {
        match make(ready).finish(None) {
            Ok(context) => contexts.extend(ready.name.clone().map(|name| (name, context))),
            Err(Problems(found)) => problems.extend(found),
        }
    }
    for (names, ready) in &prepared.by_certificate {
        match make(ready).finish(None) {
            Ok(context) => by_certificate.push((names.clone(), context)),
            Err(Problems(found)) => problems.extend(found),
        }
    }
    if contexts.is_empty() && by_certificate.is_empty() {
        return (None, problems);
    }
    // Without a listed name there is none to be unlisted.
    let otherwise = |refused| match contexts.is_empty() {
        true => UnknownName::Default,
        false => refused,
    };
    let names = Names {
        unknown: otherwise(prepared.unknown),
        nameless: otherwise(prepared.nameless),
        contexts,
        by_certificate,
    };
    (Some(names), problems)
}
