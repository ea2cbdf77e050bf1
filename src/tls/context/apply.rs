//! A policy on somebody else's `SSL_CTX`: that is looked at first, then the policy is tried on one of ours that is
//! like it, then put onto theirs.

use super::before::Before;
use super::making::{Making, Whose};
use super::named;
use crate::error::{Error, Kind, Problems};
use crate::tls::callbacks;
use crate::tls::prepared::Prepared;
use crate::tls::probe;
use crate::tls::queue::{self, Queue};
use crate::tls::ready::Ready;
use crate::tls::resume::Shared;
use crate::tls::role::Role;
use crate::tls::sys::{self, Ability};
use openssl::ssl::{SslContext, SslContextBuilder, SslContextRef};

impl Prepared {
    /// Puts the policy onto a context that is not ours, once. What the policy does not speak of
    /// stays: modes, callbacks, ticket keys unless it has some. With server names, or to refuse
    /// tickets of clients whose certificate has expired, callbacks of libssl's are taken for it; so is the one for
    /// verifying where failures of that are passed over.
    ///
    /// # Errors
    /// `Usage` for a context that has had connections, or a policy of ours, that is for datagrams, for the other side,
    /// or of one version that is not the policy's; else what libssl refused. The context is as it was then.
    pub fn apply(&self, context: &mut SslContextBuilder) -> Result<(), Problems> {
        queue::clear();
        let method = sys::method(context);
        self.suits(context, sys::ability(method).map_err(cannot)?)?;
        self.is_asked(context)?;
        let before = Before::of(context);
        let shared = Shared::new();
        let make = |ready| Making::new(ready, self, &shared, Whose::Theirs(&before));
        let trial = make(&self.base).finish_with(method, None)?;
        speaks_anything(&trial)?;
        let (names, problems) = named(self, make);
        Problems::or(problems, ())?;
        sys::without_prompt(context, |context| make(&self.base).put_on(context, names))
    }

    fn suits(&self, context: &SslContextBuilder, ability: Ability) -> Result<(), Error> {
        let able = match self.role {
            Role::Server => ability.accepts,
            Role::Client => ability.connects,
        };
        if sys::has_had_connections(context) {
            Err(usage("it has had connections already"))
        } else if callbacks::state(context).is_some() {
            Err(usage("it has a policy of tlsport's already"))
        } else if ability.datagrams {
            Err(usage("it is for DTLS"))
        } else if !able {
            Err(usage(format!("it is for {} alone", self.role.peers())))
        } else {
            ability.only.map_or(Ok(()), |only| speaks(only, &self.base))
        }
    }

    /// Whether the CAs of the policy would be those that decide. What openssl.cnf gives every context stays.
    fn is_asked(&self, context: &SslContextBuilder) -> Result<(), Error> {
        let decides = self.role == Role::Client || !self.base.trust.is_empty();
        if !decides || !sys::has_verify_store(context) {
            return Ok(());
        }
        let plain = SslContext::builder(sys::method(context));
        let plain = plain.map_err(|stack| cannot(stack.into()))?;
        if sys::has_verify_store(&plain) {
            return Ok(());
        }
        Err(usage(
            "it has a store for verifying (SSL_CTX_set1_verify_cert_store), which OpenSSL would ask in place of the CAs \
             of the settings",
        ))
    }
}

/// libssl lets bounds be set for a method of one version, and ignores them.
fn speaks(only: i32, ready: &Ready) -> Result<(), Error> {
    let bounds = [ready.range.min, ready.range.max].into_iter();
    let mut others = bounds.filter(|bound| {
        let version = bound.version();
        version.is_some_and(|version| probe::number(version) != only)
    });
    others.next().map_or(Ok(()), |other| {
        let only = probe::name(only);
        Err(usage(format!(
            "its method speaks {only} alone, and the settings ask for {other}"
        )))
    })
}

/// An end of the range that the policy leaves open is theirs.
fn speaks_anything(trial: &SslContextRef) -> Result<(), Error> {
    match sys::version_bounds(trial) {
        (Some(min), Some(max)) if min > max => {
            let (min, max) = (probe::name(min), probe::name(max));
            Err(usage(format!(
                "its versions and those of the settings have none in common: {min} is the lowest, {max} the highest"
            )))
        }
        _ => Ok(()),
    }
}

fn usage(why: impl std::fmt::Display) -> Error {
    let text = format!("cannot apply settings to this SSL_CTX: {why}");
    Error::new(Kind::Usage, text)
}

fn cannot(queue: Queue) -> Error {
    let text = format!("cannot look at the SSL_CTX: {}", queue.first());
    Error::new(Kind::Tls, text).caused_by(queue.to_string())
}
