//! How clients may come back: session cache, tickets, and the scope of both. Keys and cached sessions are kept elsewhere:
//! see `resume` and `tickets`.

use super::making::{Making, Whose};
use crate::settings::Origin;
use crate::tls::sys;
use openssl::ssl::{SslContextBuilder, SslSessionCacheMode};

impl Making<'_> {
    /// Whether sessions are sealed in tickets.
    pub(super) fn tickets(&mut self, c: &mut SslContextBuilder) {
        match self.ready.policy.session_tickets.value {
            Some(true) => sys::clear_options(c, sys::OP_NO_TICKET),
            Some(false) => sys::set_options(c, sys::OP_NO_TICKET),
            None => {}
        }
    }

    /// The session cache, how long sessions live, and their scope.
    pub(super) fn resumption(&mut self, c: &mut SslContextBuilder) {
        let policy = &self.ready.policy;
        match self.whose {
            Whose::Ours => self.cache_of_ours(c),
            Whose::Theirs(_) => self.cache_of_theirs(c),
        }
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

    /// libssl's own cache stays off: it would be each worker's own.
    fn cache_of_ours(&self, c: &mut SslContextBuilder) {
        let policy = &self.ready.policy;
        c.set_session_cache_mode(match policy.session_cache.value {
            true => SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_INTERNAL,
            false => SslSessionCacheMode::OFF,
        });
        sys::set_session_timeout(c, policy.session_timeout.as_secs());
    }

    /// libssl's own cache, as in the original.
    fn cache_of_theirs(&self, c: &mut SslContextBuilder) {
        let policy = &self.ready.policy;
        c.set_session_cache_mode(match policy.session_cache.value {
            true => SslSessionCacheMode::SERVER,
            false => SslSessionCacheMode::OFF,
        });
        if policy.session_cache_size.is_chosen() {
            let size = i32::try_from(policy.session_cache_size.value).unwrap_or(i32::MAX);
            c.set_session_cache_size(size);
        }
        if policy.session_timeout.is_chosen() {
            sys::set_session_timeout(c, policy.session_timeout.as_secs());
        }
    }

    /// With neither cache nor sealed tickets nothing can be resumed, and libssl would hand out TLS 1.3 tickets in vain.
    pub(super) fn no_idle_tickets(&mut self, c: &mut SslContextBuilder) {
        let sealed = sys::builder_options(c) & sys::OP_NO_TICKET == 0;
        if !sealed && !self.ready.policy.session_cache.value {
            let result = c.set_num_tickets(0);
            self.keep(&Origin::BuiltIn, "cannot set the number of tickets", result);
        }
    }
}
