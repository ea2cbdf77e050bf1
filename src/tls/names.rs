//! Which server name a client asks for, read from its ClientHello before libssl does, and the context of that name.
//!
//! libssl's own callback for server names comes after the session was looked up: a client could resume under one
//! name what it was allowed under another. So the name is read and the context switched in the ClientHello
//! callback, which comes first. What libssl copied from the first context is carried over by hand.

use super::by_certificate::CertificateNames;
use super::sys;
use crate::settings::{NO_NAME, UnknownName};
use once_cell::sync::OnceCell;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContext, SslRef};
use std::collections::HashMap;

/// Server names and their contexts.
pub(super) struct Names {
    pub(super) contexts: HashMap<String, SslContext>,
    /// For names that are not among these: contexts with the names that their certificates are for.
    pub(super) by_certificate: Vec<(CertificateNames, SslContext)>,
    pub(super) unknown: UnknownName,
    /// What becomes of who names nobody, where no context is for these.
    pub(super) nameless: UnknownName,
}

/// What becomes of a connection after its ClientHello was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// It goes on, in whichever context it is in now.
    GoOn,
    /// The name is not listed, and unlisted names are refused.
    Unlisted,
    /// There is no name, and that is refused.
    Nameless,
}

/// Marks connections that were refused for want of a name: libssl has one word for whatever a callback refuses.
static NAMELESS: OnceCell<Index<Ssl, ()>> = OnceCell::new();

/// Whether a connection was refused for want of a name.
pub(super) fn is_nameless(ssl: &SslRef) -> bool {
    let index = NAMELESS.get();
    index.is_some_and(|index| ssl.ex_data(*index).is_some())
}

impl Names {
    /// Moves a connection to the context of the name it asks for.
    pub(super) fn choose(
        &self,
        ssl: &mut SslRef,
        extension: Option<&[u8]>,
    ) -> Result<Chosen, ErrorStack> {
        let Some(name) = extension.and_then(host_name) else {
            return self.choose_nameless(ssl);
        };
        let context = match self.find(name) {
            None if self.unknown == UnknownName::Refuse => return Ok(Chosen::Unlisted),
            listed => listed.or_else(|| self.find_by_certificate(name)),
        };
        if let Some(context) = context {
            adopt(ssl, context)?;
        }
        Ok(Chosen::GoOn)
    }

    fn choose_nameless(&self, ssl: &mut SslRef) -> Result<Chosen, ErrorStack> {
        match self.contexts.get(NO_NAME) {
            Some(context) => {
                adopt(ssl, context)?;
                Ok(Chosen::GoOn)
            }
            None if self.nameless == UnknownName::Refuse => {
                ssl.set_ex_data(*NAMELESS.get_or_try_init(Ssl::new_ex_index)?, ());
                Ok(Chosen::Nameless)
            }
            None => Ok(Chosen::GoOn),
        }
    }

    fn find(&self, name: &[u8]) -> Option<&SslContext> {
        if name == NO_NAME.as_bytes() {
            return None;
        }
        self.contexts.get(&plain(name)?)
    }

    fn find_by_certificate(&self, name: &[u8]) -> Option<&SslContext> {
        let name = plain(name)?;
        let mut all = self.by_certificate.iter();
        all.find(|(names, _)| names.hold(&name))
            .map(|(_, context)| context)
    }
}

/// Case does not matter, nor does the dot at the end that makes a name absolute.
fn plain(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let name = std::str::from_utf8(name).ok()?;
    Some(name.to_ascii_lowercase())
}

/// `SSL_set_SSL_CTX`, and what it leaves behind: options, verification and the number of tickets stay those of the
/// first context. The scope of sessions is taken over by libssl, as long as nobody set one for this `SSL`.
fn adopt(ssl: &mut SslRef, context: &SslContext) -> Result<(), ErrorStack> {
    ssl.set_ssl_context(context)?;
    sys::replace_options(ssl, sys::context_options(context));
    sys::adopt_verify(ssl, context);
    ssl.set_num_tickets(context.num_tickets())
}

/// The host name in the contents of a `server_name` extension. `None` for what is malformed, which libssl refuses
/// afterwards.
pub(super) fn host_name(extension: &[u8]) -> Option<&[u8]> {
    let (list, rest) = prefixed(extension)?;
    if !rest.is_empty() {
        return None;
    }
    let (&kind, name) = list.split_first()?;
    let (name, rest) = prefixed(name)?;
    (kind == 0 && rest.is_empty()).then_some(name)
}

/// Bytes after their length in two bytes, and what follows them.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_name_is_read_from_the_extension() {
        assert_eq!(host_name(b"\0\x08\0\0\x05a.b.c"), Some(&b"a.b.c"[..]));
    }

    #[test]
    fn a_malformed_extension_names_nobody() {
        let whole = b"\0\x08\0\0\x05a.b.c";
        for end in 0..whole.len() {
            assert_eq!(host_name(&whole[..end]), None, "{end}");
        }
        assert_eq!(host_name(b"\0\x08\0\0\x05a.b.c!"), None);
        assert_eq!(host_name(b"\0\x08\x01\0\x05a.b.c"), None);
        assert_eq!(host_name(b"\xff\xff\0\0\x05a.b.c"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_extension_makes_the_parser_stumble(bytes: Vec<u8>) {
            if let Some(name) = host_name(&bytes) {
                proptest::prop_assert_eq!(name, &bytes[5..]);
            }
        }

        #[test]
        fn every_name_comes_back_as_it_was_sent(name in proptest::collection::vec(0u8.., 0..300)) {
            let length = u16::try_from(name.len()).unwrap();
            let mut bytes = (length + 3).to_be_bytes().to_vec();
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(&name);
            proptest::prop_assert_eq!(host_name(&bytes), Some(&name[..]));
        }
    }
}
