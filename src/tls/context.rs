//! From a prepared policy to an `SSL_CTX`, one short function a group of settings, in ArangoDB's order.

use super::prepared::{Prepared, Prepped, blame};
use super::queue::{self, Queue};
use super::resume::Shared;
use super::{alpn, sys};
use crate::error::{Error, Kind, Problems};
use crate::settings::{Origin, VerifyClient};
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode,
    SslVerifyMode,
};
use std::sync::Arc;

/// An `SSL_CTX` built from a policy. One a worker: workers share no lock of libssl's.
pub struct Context {
    default: SslContext,
}

impl Context {
    /// Builds it. The files were read before, by [`Prepared::load`].
    ///
    /// # Errors
    /// Everything libssl refused, each with its origin.
    pub fn build(prepared: &Prepared, _shared: &Arc<Shared>) -> Result<Context, Problems> {
        if !prepared.has_identity() {
            return Err(Error::settings("no value specified for '--ssl.keyfile'").into());
        }
        let default = build_one(&prepared.base)?;
        Ok(Context { default })
    }

    /// A new `SSL` for a connection, on the server's side.
    pub(crate) fn new_ssl(&self) -> Result<Ssl, Error> {
        let mut ssl = Ssl::new(&self.default).map_err(|stack| {
            let queue = Queue::from(stack);
            Error::new(Kind::Tls, format!("cannot create SSL: {}", queue.first()))
        })?;
        ssl.set_accept_state();
        Ok(ssl)
    }
}

/// A context in the making, with what was wrong so far.
struct Making<'a> {
    prepped: &'a Prepped,
    context: SslContextBuilder,
    problems: Vec<Error>,
}

fn build_one(prepped: &Prepped) -> Result<SslContext, Problems> {
    queue::clear();
    let context = SslContext::builder(SslMethod::tls_server()).map_err(|stack| {
        let queue = Queue::from(stack);
        Error::new(
            Kind::Tls,
            format!("cannot create SSL context: {}", queue.first()),
        )
    })?;
    let mut making = Making {
        prepped,
        context,
        problems: Vec::new(),
    };
    making.protocol();
    making.identities();
    making.cache();
    making.options();
    making.ciphers();
    making.trust();
    making.alpn();
    making.modes();
    Problems::or(making.problems, making.context.build())
}

impl Making<'_> {
    /// Notes what libssl refused.
    fn keep<T>(&mut self, origin: &Origin, tried: &str, result: Result<T, impl Into<Queue>>) {
        if let Err(refused) = result {
            let queue = refused.into();
            let error =
                Error::settings(format!("{tried}: {}", queue.first())).caused_by(queue.to_string());
            self.problems.push(blame(origin, error));
        }
    }

    fn protocol(&mut self) {
        let range = self.prepped.range;
        let origin = &self.prepped.policy.protocol.origin;
        if range.min.version().is_some() {
            let result = self.context.set_min_proto_version(range.min.version());
            self.keep(origin, "cannot create SSL context", result);
        }
        if range.max.version().is_some() {
            let result = self.context.set_max_proto_version(range.max.version());
            self.keep(origin, "cannot create SSL context", result);
        }
    }

    fn identities(&mut self) {
        for identity in &self.prepped.identities {
            let tried = format!("cannot read certificate from '{}'", identity.file.display());
            let result = sys::use_identity(
                &mut self.context,
                &identity.leaf,
                &identity.key,
                &identity.chain,
            );
            self.keep(&identity.origin, &tried, result);
        }
    }

    fn cache(&mut self) {
        self.context
            .set_session_cache_mode(SslSessionCacheMode::OFF);
    }

    fn options(&mut self) {
        sys::set_options(&mut self.context, self.prepped.mask);
    }

    fn ciphers(&mut self) {
        let policy = &self.prepped.policy;
        if !policy.cipher_list.is_empty() {
            let result = self.context.set_cipher_list(&policy.cipher_list);
            let tried = format!("cannot set SSL cipher list '{}'", *policy.cipher_list);
            self.keep(&policy.cipher_list.origin, &tried, result);
        }
        if let Some(suites) = &policy.ciphersuites.value {
            let result = self.context.set_ciphersuites(suites);
            let tried = format!("cannot set SSL ciphersuites '{suites}'");
            self.keep(&policy.ciphersuites.origin, &tried, result);
        }
        if !policy.groups.is_empty() && self.context.set_groups_list(&policy.groups).is_err() {
            let text = format!("SSL error: Unknown curve name: {}", *policy.groups);
            self.problems
                .push(blame(&policy.groups.origin, Error::settings(text)));
        }
    }

    fn trust(&mut self) {
        let mode = match self.prepped.policy.verify() {
            VerifyClient::None => SslVerifyMode::NONE,
            VerifyClient::Request => SslVerifyMode::PEER,
            VerifyClient::Require => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        };
        self.context.set_verify(mode);
        let Some(trust) = &self.prepped.trust else {
            return;
        };
        let tried = "cannot load CA certificates";
        match trust.store() {
            Ok(store) => self.context.set_cert_store(store),
            Err(queue) => self.keep(&trust.origin, tried, Err::<(), _>(queue)),
        }
        match trust.names() {
            Ok(names) => self.context.set_client_ca_list(names),
            Err(queue) => self.keep(&trust.origin, tried, Err::<(), _>(queue)),
        }
        let result = self.context.set_session_id_context(b"tlsport");
        self.keep(&trust.origin, "cannot set SSL session id context", result);
    }

    /// The server's order decides; without a protocol in common the extension is not acknowledged.
    fn alpn(&mut self) {
        let ours = self.prepped.policy.alpn_order();
        if !ours.is_empty() {
            self.context.set_alpn_select_callback(move |_, offered| {
                alpn::choose(&ours, offered).ok_or(AlpnError::NOACK)
            });
        }
    }

    fn modes(&mut self) {
        self.context.set_mode(
            SslMode::ENABLE_PARTIAL_WRITE
                | SslMode::ACCEPT_MOVING_WRITE_BUFFER
                | SslMode::RELEASE_BUFFERS
                | SslMode::NO_AUTO_CHAIN,
        );
        sys::clear_mode(&mut self.context, SslMode::AUTO_RETRY);
        self.context.set_read_ahead(true);
    }
}
