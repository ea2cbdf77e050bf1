//! What somebody else's `SSL_CTX` was like before a policy was put onto it, so that the policy can be tried on one that
//! is like it.

use crate::error::{Error, Kind};
use crate::tls::queue::Queue;
use crate::tls::sys;
use openssl::ssl::{SslContextBuilder, SslVersion};

/// All that a policy joins, or is judged by.
pub(in crate::tls) struct Before {
    options: u64,
    level: u32,
    bounds: (Option<SslVersion>, Option<SslVersion>),
    suites: String,
    ciphers: String,
}

impl Before {
    pub(super) fn of(context: &mut SslContextBuilder) -> Before {
        let bounds = (context.min_proto_version(), context.max_proto_version());
        let (suites, ciphers) = sys::cipher_names(context);
        let view = sys::view(context);
        Before {
            options: sys::builder_options(context),
            level: view.security_level(),
            bounds,
            suites,
            ciphers,
        }
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
        Ok(())
    }
}
