//! From a prepared policy to an `SSL_CTX`, one short function a group of settings, in ArangoDB's order.
//!
//! What counts, from weakest to strongest: openssl.cnf's `system_default` (libssl applies it to every new context),
//! the dialect's defaults, the section of openssl.cnf the user named, what the user set option by option, and
//! `SSL_CONF` commands. Files are not opened here: see [`Prepared::load`].

use super::before::Before;
use crate::error::{Error, Kind, Problems};
use crate::settings::{AlpnMismatch, Origin, VerifyClient};
use crate::tls::callbacks::{self, State};
use crate::tls::findings::blame;
use crate::tls::kept::Kept;
use crate::tls::library::{self, SectionError};
use crate::tls::names::Names;
use crate::tls::passing::Passes;
use crate::tls::prepared::Prepared;
use crate::tls::probe;
use crate::tls::protocol::Bound;
use crate::tls::queue::{self, Queue};
use crate::tls::ready::Ready;
use crate::tls::resume::Shared;
use crate::tls::role::Role;
use crate::tls::sys::{self, CommandError};
use crate::tls::tickets::TicketKeys;
use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode, SslVerifyMode,
};
use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

/// Who owns the `SSL_CTX` that connections begin with.
#[derive(Clone, Copy)]
pub(in crate::tls) enum Whose<'a> {
    /// We do: all about it is as the channel and the workers want it.
    Ours,
    /// Somebody else, who had set this before: what the policy does not speak of stays.
    Theirs(&'a Before),
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
pub(in crate::tls) struct Making<'a> {
    pub(super) ready: &'a Ready,
    prepared: &'a Prepared,
    shared: Arc<Shared>,
    /// Where a client keeps its sessions.
    pub(super) kept: Option<Arc<Kept>>,
    pub(super) whose: Whose<'a>,
    problems: Vec<Error>,
}

impl<'a> Making<'a> {
    pub(in crate::tls) fn new(
        ready: &'a Ready,
        prepared: &'a Prepared,
        shared: &Arc<Shared>,
        whose: Whose<'a>,
    ) -> Making<'a> {
        Making {
            ready,
            prepared,
            shared: shared.clone(),
            kept: None,
            whose,
            problems: Vec::new(),
        }
    }

    /// Builds a context of ours; `names` are the server names that it may hand connections over to.
    pub(in crate::tls) fn finish(self, names: Option<Names>) -> Result<SslContext, Problems> {
        let method = match self.prepared.role {
            Role::Server => SslMethod::tls_server(),
            Role::Client => SslMethod::tls_client(),
        };
        self.finish_with(method, names)
    }

    /// The same with a method that is given.
    pub(super) fn finish_with(
        self,
        method: SslMethod,
        names: Option<Names>,
    ) -> Result<SslContext, Problems> {
        queue::clear();
        let mut context = SslContext::builder(method).map_err(|stack| {
            let refused = Queue::from(stack).first();
            Error::new(Kind::Tls, format!("cannot create SSL context: {refused}"))
        })?;
        sys::refuse_passphrases(&mut context);
        match self.whose {
            Whose::Ours => modes(&mut context),
            Whose::Theirs(before) => before.put_on(&mut context)?,
        }
        self.put_on(&mut context, names)?;
        Ok(context.build())
    }

    /// Puts the policy onto a context.
    pub(super) fn put_on(
        mut self,
        c: &mut SslContextBuilder,
        names: Option<Names>,
    ) -> Result<(), Problems> {
        queue::clear();
        self.overridable(c, By::Default);
        self.section(c);
        self.security_level(c);
        self.store(c);
        self.identities(c);
        self.dh_params(c);
        self.overridable(c, By::User);
        self.suites(c);
        self.server_preference(c);
        self.tickets(c);
        match self.prepared.role {
            Role::Server => self.serve(c, names),
            Role::Client => self.connect(c),
        }
        self.commands(c);
        if self.is_of_our_server() {
            self.no_idle_tickets(c);
        }
        if self.prepared.role == Role::Client {
            self.no_anonymous_servers(c);
        }
        Problems::or(self.problems, ())
    }

    fn is_of_our_server(&self) -> bool {
        matches!(
            (self.whose, self.prepared.role),
            (Whose::Ours, Role::Server)
        )
    }

    /// What only servers have.
    fn serve(&mut self, c: &mut SslContextBuilder, names: Option<Names>) {
        self.resumption(c);
        self.clients(c);
        self.callbacks(c, names);
    }

    /// What only clients have: the server's certificate is always verified, and sessions are nobody's to keep unless
    /// somebody does.
    fn connect(&mut self, c: &mut SslContextBuilder) {
        sys::set_verify(c, SslVerifyMode::PEER);
        let alpn = &self.ready.policy.alpn;
        if !alpn.is_empty() {
            let result = c.set_alpn_protos(&wire_list(&self.ready.policy.alpn_order()));
            self.keep(&alpn.origin, "cannot set the protocols of ALPN", result);
        }
        let kept = self.kept.clone();
        if matches!(self.whose, Whose::Ours) {
            c.set_session_cache_mode(match kept {
                Some(_) => SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL,
                None => SslSessionCacheMode::OFF,
            });
        }
        let state = State {
            kept,
            watches_verification: matches!(self.whose, Whose::Ours),
            passes: self.passes(),
            ..State::default()
        };
        self.install(c, state);
    }

    /// With a suite by which the server shows no certificate, libssl has nothing to verify and lets everybody pass.
    /// Some lists have them among others, such as `ALL` below security level 1; whoever set the list.
    fn no_anonymous_servers(&mut self, c: &mut SslContextBuilder) {
        let Some(others) = sys::without_anonymous_ciphers(c) else {
            return;
        };
        let list = &self.ready.policy.cipher_list;
        let tried = format!("cannot set SSL cipher list '{}'", **list);
        if others.is_empty() {
            let why = "by none of its suites a server shows a certificate";
            let error = Error::settings(format!("{tried}: {why}"));
            self.problems.push(blame(&list.origin, error));
        } else {
            self.keep(&list.origin, &tried, c.set_cipher_list(&others));
        }
    }

    fn install(&mut self, c: &mut SslContextBuilder, state: State) {
        let result = callbacks::install(c, state);
        self.keep(&Origin::BuiltIn, "cannot create SSL context", result);
    }

    /// What a section of openssl.cnf can override, as long as the user did not choose it.
    fn overridable(&mut self, c: &mut SslContextBuilder, by: By) {
        self.protocol(c, by);
        self.options(c, by);
        self.cipher_list(c, by);
        self.groups(c, by);
    }

    /// Notes what libssl refused.
    pub(super) fn keep<T>(
        &mut self,
        origin: &Origin,
        tried: &str,
        result: Result<T, impl Into<Queue>>,
    ) {
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
        let error = queue.beside(Error::settings(message));
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
        let why = match library::apply_section(c, self.prepared.role, &section) {
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
            let chain = match *self.ready.policy.original_chain {
                true => &[],
                false => &identity.chain[..],
            };
            let result = sys::use_identity(c, &identity.leaf, &key, chain);
            if result.is_ok() && chain.is_empty() && self.ready.trust.names_cas() {
                sys::complete_chain(c);
            }
            let tried = format!("cannot read certificate from '{}'", identity.file.display());
            self.keep(&identity.origin, &tried, result);
        }
    }

    fn dh_params(&mut self, c: &mut SslContextBuilder) {
        if let Some(params) = &self.ready.dh_params {
            let setting = &self.ready.policy.dh_params;
            let result = c.set_tmp_dh(params);
            self.keep(
                &setting.origin,
                "cannot set the parameters of Diffie-Hellman",
                result,
            );
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

    /// The CAs and revocation lists, which also complete our own chain. A client that was given none trusts the
    /// system's; a server leaves somebody else's store alone then.
    fn store(&mut self, c: &mut SslContextBuilder) {
        let trust = &self.ready.trust;
        let store = match (self.prepared.role, self.whose) {
            (Role::Server, Whose::Theirs(_)) if trust.is_empty() => return,
            _ => trust.store(),
        };
        match store {
            Ok(store) => c.set_cert_store(store),
            Err(queue) => self.keep_trust(queue),
        }
    }

    /// Whether clients are asked for certificates, and which CAs they are told of.
    fn clients(&mut self, c: &mut SslContextBuilder) {
        let mode = match self.ready.policy.verify() {
            VerifyClient::None => SslVerifyMode::NONE,
            VerifyClient::RequestUnverified | VerifyClient::Request => SslVerifyMode::PEER,
            VerifyClient::Require => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        };
        sys::set_verify(c, mode);
        // Those of the system are not on the list, and many clients show no certificate of a CA that is not: without a
        // list they show what they have.
        if self.ready.trust.authorities.is_empty() || self.ready.trust.system {
            return;
        }
        match self.ready.trust.names() {
            Ok(names) => c.set_client_ca_list(names),
            Err(queue) => self.keep_trust(queue),
        }
    }

    /// Which failures of verification do not end a handshake.
    fn passes(&self) -> Passes {
        let policy = &self.ready.policy;
        match self.prepared.role {
            Role::Server if policy.verify() == VerifyClient::RequestUnverified => {
                Passes::Everything
            }
            _ if *policy.accept_expired => Passes::Expired,
            _ => Passes::Nothing,
        }
    }

    fn keep_trust(&mut self, queue: Queue) {
        let policy = &self.ready.policy;
        let tried = |path: &Path| format!("cannot load CA certificates from '{}'", path.display());
        let (origin, tried) = match (policy.ca_files.first(), &policy.ca_dir.value) {
            (Some(file), _) => (&file.origin, tried(file)),
            (None, Some(directory)) => (&policy.ca_dir.origin, tried(directory)),
            (None, None) => (
                &Origin::BuiltIn,
                "cannot load CA certificates of the system".into(),
            ),
        };
        self.keep::<()>(origin, &tried, Err(queue));
    }

    fn callbacks(&mut self, c: &mut SslContextBuilder, names: Option<Names>) {
        let policy = &self.ready.policy;
        let ours = matches!(self.whose, Whose::Ours);
        let random = || TicketKeys::Random(self.shared.clone(), *policy.session_timeout);
        let tickets = match &self.prepared.ticket_keys {
            Some(keys) => Some(TicketKeys::File(keys.clone())),
            None => ours.then(random),
        };
        let capacity = *policy.session_cache_size as usize;
        let cached = ours && policy.session_cache.value;
        let identities = self.ready.identities.iter();
        let state = State {
            alpn: policy.alpn_order(),
            refuses_other_protocols: policy.alpn_mismatch.value == AlpnMismatch::Refuse,
            watches_verification: ours,
            passes: self.passes(),
            names,
            keeps_server_name: self.prepared.keeps_server_name && ours,
            tickets,
            refuses_expired: ours || policy.verify() != VerifyClient::None,
            cache: cached.then(|| (self.shared.clone(), capacity)),
            kept: None,
            groups: policy.groups.value.clone(),
            keys: identities.map(|identity| identity.key_in_words()).collect(),
        };
        self.install(c, state);
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
            let role = self.prepared.role;
            let why = match sys::run_command(c, role, &name, value) {
                Ok(()) => continue,
                Err(CommandError::Unknown) => format!(
                    "{} has no such command for {}",
                    library::library_version(),
                    role.name()
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

/// Names of protocols as ALPN sends them: each after its length, which the settings keep within a byte.
fn wire_list(names: &[String]) -> Vec<u8> {
    let one = |name: &String| {
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        [&[length], name.as_bytes()].concat()
    };
    names.iter().flat_map(one).collect()
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
