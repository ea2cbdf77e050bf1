//! From a prepared policy to an `SSL_CTX`, one short function a group of settings, in ArangoDB's order.
//!
//! What counts, from weakest to strongest: openssl.cnf's `system_default` (libssl applies it to every new context),
//! the dialect's defaults, the section of openssl.cnf the user named, what the user set option by option, and
//! `SSL_CONF` commands. Files are not opened here: see [`Prepared::load`].

use super::callbacks::{self, State};
use super::library::{self, SectionError};
use super::names::Names;
use super::prepared::{Prepared, Ready, blame};
use super::probe;
use super::protocol::Bound;
use super::queue::{self, Queue};
use super::resume::Shared;
use super::sys::{self, CommandError};
use super::tickets::TicketKeys;
use crate::error::{Error, Kind, Problems};
use crate::settings::{Origin, VerifyClient};
use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode, SslVerifyMode,
};
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

/// An `SSL_CTX` built from a policy, with one for each server name. One a worker: workers share no lock of libssl's.
pub struct Context {
    default: SslContext,
}

impl Context {
    /// Builds it.
    ///
    /// # Errors
    /// Everything libssl refused, each with its origin.
    pub fn build(prepared: &Prepared, shared: &Arc<Shared>) -> Result<Context, Problems> {
        if !prepared.has_identity() {
            return Err(Error::settings("no value specified for '--ssl.keyfile'").into());
        }
        let mut contexts = HashMap::new();
        let mut problems = Vec::new();
        for ready in &prepared.names {
            match Making::new(ready, prepared, shared).finish(None) {
                Ok(context) => contexts.extend(ready.name.clone().map(|name| (name, context))),
                Err(Problems(found)) => problems.extend(found),
            }
        }
        // Without a listed name there is none to be unlisted.
        let names = (!contexts.is_empty()).then_some(Names {
            contexts,
            unknown: prepared.unknown,
        });
        match Making::new(&prepared.base, prepared, shared).finish(names) {
            Ok(default) => Problems::or(problems, Context { default }),
            Err(Problems(found)) => Err(Problems(problems.into_iter().chain(found).collect())),
        }
    }

    /// A new `SSL` for a connection (`SSL_new`).
    pub(super) fn new_ssl(&self) -> Result<Ssl, Error> {
        Ssl::new(&self.default).map_err(|stack| {
            let queue = Queue::from(stack);
            Error::new(Kind::Tls, format!("cannot create SSL: {}", queue.first()))
        })
    }
}

/// Whose values are applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The dialect's, where the user chose nothing.
    Default,
    /// The user's.
    User,
}

/// A context in the making, with what was wrong so far.
pub(super) struct Making<'a> {
    ready: &'a Ready,
    prepared: &'a Prepared,
    shared: &'a Arc<Shared>,
    problems: Vec<Error>,
}

impl<'a> Making<'a> {
    pub(super) fn new(
        ready: &'a Ready,
        prepared: &'a Prepared,
        shared: &'a Arc<Shared>,
    ) -> Making<'a> {
        Making {
            ready,
            prepared,
            shared,
            problems: Vec::new(),
        }
    }

    /// Builds the context; `names` are the server names that it may hand connections over to.
    pub(super) fn finish(mut self, names: Option<Names>) -> Result<SslContext, Problems> {
        queue::clear();
        let mut context = SslContext::builder(SslMethod::tls_server()).map_err(|stack| {
            let refused = Queue::from(stack).first();
            Error::new(Kind::Tls, format!("cannot create SSL context: {refused}"))
        })?;
        let c = &mut context;
        sys::refuse_passphrases(c);
        self.overridable(c, By::Default);
        self.section(c);
        self.security_level(c);
        self.store(c);
        self.identities(c);
        self.overridable(c, By::User);
        self.suites(c);
        self.server_preference(c);
        self.resumption(c);
        self.clients(c);
        modes(c);
        self.callbacks(c, names);
        self.commands(c);
        self.no_idle_tickets(c);
        Problems::or(self.problems, context.build())
    }

    /// What a section of openssl.cnf can override, as long as the user did not choose it.
    fn overridable(&mut self, c: &mut SslContextBuilder, by: By) {
        self.protocol(c, by);
        self.options(c, by);
        self.cipher_list(c, by);
        self.groups(c, by);
    }

    /// Notes what libssl refused.
    fn keep<T>(&mut self, origin: &Origin, tried: &str, result: Result<T, impl Into<Queue>>) {
        if let Err(refused) = result {
            let queue = refused.into();
            self.refuse(origin, format!("{tried}: {}", queue.first()), &queue);
        }
    }

    /// Hands a text over. The openssl crate does not expect a zero byte in it.
    fn text(
        &mut self,
        origin: &Origin,
        tried: &str,
        text: &str,
        set: impl FnOnce(&str) -> Result<(), ErrorStack>,
    ) {
        if text.contains('\0') {
            let error = Error::settings(format!("{tried}: it holds a zero byte"));
            self.problems.push(blame(origin, error));
        } else {
            self.keep(origin, tried, set(text));
        }
    }

    fn refuse(&mut self, origin: &Origin, message: String, queue: &Queue) {
        let error = Error::settings(message).caused_by(queue.to_string());
        self.problems.push(blame(origin, error));
    }

    /// Sets the range. An open end stays what openssl.cnf made it.
    fn protocol(&mut self, c: &mut SslContextBuilder, by: By) {
        let policy = &self.ready.policy;
        let settings = [
            (policy.min_protocol.is_chosen(), &policy.min_protocol.origin),
            (policy.max_protocol.is_chosen(), &policy.max_protocol.origin),
            (policy.protocol.is_chosen(), &policy.protocol.origin),
        ];
        let chosen = settings.iter().find(|(chosen, _)| *chosen);
        if chosen.is_some() != (by == By::User) {
            return;
        }
        let origin = chosen.map_or(&Origin::BuiltIn, |(_, origin)| *origin);
        let range = self.ready.range;
        // Both ends are freed first: libssl refuses an end that makes an empty range with the other.
        let mut set = true;
        if range.min != Bound::Open {
            set &= c.set_min_proto_version(None).is_ok();
        }
        if range.max != Bound::Open {
            set &= c.set_max_proto_version(None).is_ok();
            set &= c.set_max_proto_version(range.max.version()).is_ok();
        }
        if range.min != Bound::Open {
            set &= c.set_min_proto_version(range.min.version()).is_ok();
        }
        let missing = [range.min, range.max].into_iter().find(|bound| {
            bound
                .version()
                .is_some_and(|version| !probe::is_built_in(version))
        });
        queue::clear();
        if let Some(bound) = missing {
            let library = library::library_version();
            let text = format!("cannot create SSL context: {library} is built without {bound}");
            self.problems.push(blame(origin, Error::settings(text)));
        } else if !set {
            let text = "cannot create SSL context: the protocol versions were refused";
            self.problems.push(blame(origin, Error::settings(text)));
        }
    }

    fn section(&mut self, c: &mut SslContextBuilder) {
        let setting = &self.ready.policy.config_section;
        let Some(name) = &setting.value else {
            return;
        };
        let file = library::config_file().unwrap_or_default();
        let tried = format!("cannot apply section '{name}' of '{}'", file.display());
        let Ok(section) = CString::new(name.as_str()) else {
            let error = Error::settings(format!("{tried}: its name holds a zero byte"));
            self.problems.push(blame(&setting.origin, error));
            return;
        };
        let why = match library::apply_section(c, &section) {
            Ok(()) => return,
            Err(SectionError::Missing) => "there is no such name in its 'ssl_conf'".into(),
            Err(SectionError::Refused(why)) => why,
        };
        let error = Error::settings(format!("{tried}: {why}"));
        self.problems.push(blame(&setting.origin, error));
    }

    /// Before the keys, so that it judges them.
    fn security_level(&mut self, c: &mut SslContextBuilder) {
        if let Some(level) = self.ready.policy.security_level.value {
            c.set_security_level(level);
        }
    }

    fn identities(&mut self, c: &mut SslContextBuilder) {
        for identity in &self.ready.identities {
            let key = identity.key_of_its_own();
            let result = sys::use_identity(c, &identity.leaf, &key, &identity.chain);
            if result.is_ok()
                && identity.chain.is_empty()
                && !self.ready.trust.authorities.is_empty()
            {
                sys::complete_chain(c);
            }
            let tried = format!("cannot read certificate from '{}'", identity.file.display());
            self.keep(&identity.origin, &tried, result);
        }
    }

    fn options(&mut self, c: &mut SslContextBuilder, by: By) {
        if self.ready.policy.options.is_chosen() == (by == By::User) {
            sys::set_options(c, self.ready.mask);
        }
    }

    fn cipher_list(&mut self, c: &mut SslContextBuilder, by: By) {
        let list = &self.ready.policy.cipher_list;
        if list.is_chosen() == (by == By::User) && !list.is_empty() {
            let tried = format!("cannot set SSL cipher list '{}'", **list);
            self.text(&list.origin, &tried, list, |text| c.set_cipher_list(text));
        }
    }

    /// The message for one name is ArangoDB's, for its `ssl.ecdh-curve`.
    fn groups(&mut self, c: &mut SslContextBuilder, by: By) {
        let groups = &self.ready.policy.groups;
        if groups.is_chosen() != (by == By::User) || groups.is_empty() {
            return;
        }
        if groups.contains(':') {
            let tried = format!("cannot set SSL groups '{}'", **groups);
            self.text(&groups.origin, &tried, groups, |text| {
                c.set_groups_list(text)
            });
        } else if groups.contains('\0') || c.set_groups_list(groups).is_err() {
            let text = format!("SSL error: Unknown curve name: {}", groups.escape_debug());
            self.problems
                .push(blame(&groups.origin, Error::settings(text)));
        }
    }

    fn suites(&mut self, c: &mut SslContextBuilder) {
        let setting = &self.ready.policy.ciphersuites;
        if let Some(suites) = &setting.value {
            let tried = format!("cannot set SSL ciphersuites '{suites}'");
            self.text(&setting.origin, &tried, suites, |text| {
                c.set_ciphersuites(text)
            });
        }
    }

    fn server_preference(&mut self, c: &mut SslContextBuilder) {
        match self.ready.policy.prefer_server_ciphers.value {
            Some(true) => sys::set_options(c, sys::OP_CIPHER_SERVER_PREFERENCE),
            Some(false) => sys::clear_options(c, sys::OP_CIPHER_SERVER_PREFERENCE),
            None => {}
        }
    }

    /// Session cache and tickets. libssl's own cache stays off: it would be each worker's own.
    fn resumption(&mut self, c: &mut SslContextBuilder) {
        let policy = &self.ready.policy;
        let cache = policy.session_cache.value;
        c.set_session_cache_mode(if cache {
            SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_INTERNAL
        } else {
            SslSessionCacheMode::OFF
        });
        match policy.session_tickets.value {
            Some(true) => sys::clear_options(c, sys::OP_NO_TICKET),
            Some(false) => sys::set_options(c, sys::OP_NO_TICKET),
            None => {}
        }
        sys::set_session_timeout(c, policy.session_timeout.as_secs());
        if let Some(count) = policy.num_tickets.value {
            let result = c.set_num_tickets(count as usize);
            self.keep(
                &policy.num_tickets.origin,
                "cannot set the number of tickets",
                result,
            );
        }
        let result = c.set_session_id_context(&self.ready.scope);
        self.keep(
            &Origin::BuiltIn,
            "cannot set SSL session id context",
            result,
        );
    }

    /// With neither cache nor sealed tickets nothing can be resumed, and libssl would hand out TLS 1.3 tickets in vain.
    fn no_idle_tickets(&mut self, c: &mut SslContextBuilder) {
        let sealed = sys::builder_options(c) & sys::OP_NO_TICKET == 0;
        if !sealed && !self.ready.policy.session_cache.value {
            let result = c.set_num_tickets(0);
            self.keep(&Origin::BuiltIn, "cannot set the number of tickets", result);
        }
    }

    /// The CAs and revocation lists, which also complete our own chain.
    fn store(&mut self, c: &mut SslContextBuilder) {
        match self.ready.trust.store() {
            Ok(store) => c.set_cert_store(store),
            Err(queue) => self.keep_trust(queue),
        }
    }

    /// Whether clients are asked for certificates, and which CAs they are told of.
    fn clients(&mut self, c: &mut SslContextBuilder) {
        c.set_verify(match self.ready.policy.verify() {
            VerifyClient::None => SslVerifyMode::NONE,
            VerifyClient::Request => SslVerifyMode::PEER,
            VerifyClient::Require => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        });
        if self.ready.trust.authorities.is_empty() {
            return;
        }
        match self.ready.trust.names() {
            Ok(names) => c.set_client_ca_list(names),
            Err(queue) => self.keep_trust(queue),
        }
    }

    fn keep_trust(&mut self, queue: Queue) {
        let setting = &self.ready.policy.ca_file;
        let file = setting.value.as_deref().unwrap_or(std::path::Path::new(""));
        let tried = format!("cannot load CA certificates from '{}'", file.display());
        self.keep::<()>(&setting.origin, &tried, Err(queue));
    }

    fn callbacks(&mut self, c: &mut SslContextBuilder, names: Option<Names>) {
        let policy = &self.ready.policy;
        let tickets = match &self.prepared.ticket_keys {
            Some(keys) => TicketKeys::File(keys.clone()),
            None => TicketKeys::Random(self.shared.clone(), *policy.session_timeout),
        };
        let capacity = *policy.session_cache_size as usize;
        let cache = policy
            .session_cache
            .then(|| (self.shared.clone(), capacity));
        let state = State {
            alpn: policy.alpn_order(),
            names,
            tickets,
            cache,
        };
        let result = callbacks::install(c, state);
        self.keep(&Origin::BuiltIn, "cannot create SSL context", result);
    }

    /// `SSL_CONF` commands, which have the last word.
    fn commands(&mut self, c: &mut SslContextBuilder) {
        for command in &self.ready.policy.conf {
            let (name, value) = &command.value;
            let written = format!("{name}={value}");
            let (Ok(name), Ok(value)) = (CString::new(name.as_str()), CString::new(value.as_str()))
            else {
                let error = Error::settings("an SSL_CONF command holds a zero byte");
                self.problems.push(blame(&command.origin, error));
                continue;
            };
            let value = (!value.is_empty()).then_some(value.as_c_str());
            let why = match sys::run_command(c, &name, value) {
                Ok(()) => continue,
                Err(CommandError::Unknown) => format!(
                    "{} has no such command for servers",
                    library::library_version()
                ),
                Err(CommandError::NeedsValue) => "it needs a value".into(),
                Err(CommandError::Refused(queue)) => queue.reason(),
            };
            let error =
                Error::settings(format!("cannot apply SSL_CONF command '{written}': {why}"));
            self.problems.push(blame(&command.origin, error));
        }
    }
}

/// How libssl reads and writes: as the channel wants it, whatever the policy.
fn modes(c: &mut SslContextBuilder) {
    c.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::RELEASE_BUFFERS
            | SslMode::NO_AUTO_CHAIN, // chains are completed once, above, and not for each handshake
    );
    sys::clear_mode(c, SslMode::AUTO_RETRY);
    c.set_read_ahead(true);
}
