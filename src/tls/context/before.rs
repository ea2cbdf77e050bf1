//! What somebody else's `SSL_CTX` was like before a policy was put onto it: so that another policy takes the place of
//! the first instead of joining it, and so that the policy can be tried elsewhere.
//!
//! Not here: what libssl neither tells nor takes back, which [`Lasting`] is about.

use crate::error::{Error, Kind};
use crate::settings::Policy;
use crate::tls::prepared::Ready;
use crate::tls::queue::Queue;
use crate::tls::sys;
use openssl::ssl::{SslContextBuilder, SslVerifyMode, SslVersion};
use openssl::stack::Stack;
use openssl::x509::store::X509Store;
use openssl::x509::{X509Name, X509NameRef};
use std::sync::Arc;

/// What is kept with the context a policy was put onto.
pub(in crate::tls) struct Applied {
    pub(super) before: Arc<Before>,
    pub(super) lasting: Lasting,
    /// Whether protocols are offered by ALPN, as a client does.
    pub(super) offers: bool,
}

/// Everything a policy may change that can be read and set back.
pub(in crate::tls) struct Before {
    options: u64,
    level: u32,
    bounds: (Option<SslVersion>, Option<SslVersion>),
    suites: String,
    ciphers: String,
    verify: SslVerifyMode,
    announced: Vec<X509Name>,
    store: X509Store,
    cache: sys::Cache,
    num_tickets: usize,
}

impl Before {
    pub(super) fn of(context: &mut SslContextBuilder) -> Result<Before, Queue> {
        let bounds = (context.min_proto_version(), context.max_proto_version());
        let (suites, ciphers) = sys::cipher_names(context);
        let view = sys::view(context);
        Ok(Before {
            options: sys::builder_options(context),
            level: view.security_level(),
            bounds,
            suites,
            ciphers,
            verify: view.verify_mode(),
            announced: sys::announced(context)?,
            store: sys::store(context)?,
            cache: sys::Cache::of(context),
            num_tickets: view.num_tickets(),
        })
    }

    /// Makes a context what this one was.
    pub(super) fn put_on(&self, context: &mut SslContextBuilder) -> Result<(), Error> {
        self.set(context).map_err(|queue| {
            let text = format!("cannot set up SSL context: {}", queue.first());
            Error::new(Kind::Tls, text).caused_by(queue.to_string())
        })
    }

    fn set(&self, context: &mut SslContextBuilder) -> Result<(), Queue> {
        sys::clear_options(context, !self.options);
        sys::set_options(context, self.options);
        context.set_security_level(self.level);
        let (min, max) = self.bounds;
        context.set_min_proto_version(None)?;
        context.set_max_proto_version(max)?;
        context.set_min_proto_version(min)?;
        context.set_ciphersuites(&self.suites)?;
        if !self.ciphers.is_empty() {
            context.set_cipher_list(&self.ciphers)?;
        }
        sys::set_verify(context, self.verify);
        let mut announced = Stack::new()?;
        for name in &self.announced {
            announced.push(X509NameRef::to_owned(name)?)?;
        }
        context.set_client_ca_list(announced);
        context.set_cert_store(sys::same_store(&self.store)?);
        self.cache.put_on(context);
        context.set_num_tickets(self.num_tickets)?;
        Ok(())
    }
}

/// What OpenSSL does not take back: a key, groups, and whatever a command has done.
pub(in crate::tls) struct Lasting {
    key_types: Vec<&'static str>,
    groups: bool,
    section: Option<String>,
    commands: Vec<(String, String)>,
}

impl Lasting {
    pub(super) fn of(ready: &Ready) -> Lasting {
        let Policy {
            groups,
            config_section,
            conf,
            ..
        } = &ready.policy;
        let keys = ready.identities.iter();
        Lasting {
            key_types: keys.map(|identity| identity.key_type()).collect(),
            groups: !groups.is_empty(),
            section: config_section.value.clone(),
            commands: conf.iter().map(|command| command.value.clone()).collect(),
        }
    }

    /// What would be left of these beside the ones that are to come, in words.
    pub(super) fn left_beside(&self, next: &Lasting) -> Option<String> {
        let key = self
            .key_types
            .iter()
            .find(|key| !next.key_types.contains(key));
        if let Some(key) = key {
            return Some(format!("the {key} key"));
        }
        if self.groups && !next.groups {
            return Some("the groups ('ssl.groups')".into());
        }
        if let Some(section) = self
            .section
            .as_ref()
            .filter(|_| self.section != next.section)
        {
            return Some(format!("'ssl.config-section' ({section})"));
        }
        let command = self
            .commands
            .iter()
            .find(|old| !next.commands.contains(old));
        command.map(|(name, value)| format!("'ssl.conf' ({name}={value})"))
    }
}
