//! Failures of verification that a policy passes over: those of certificates that have expired, or all.
//!
//! The handshake goes on then, and the failure stays what libssl tells of the connection (`SSL_get_verify_result`) and
//! of its session. Where there are several it is the first of them, but no expiry hides another: libssl by itself tells
//! of the last.

use super::callbacks;
use super::rejected::{self, Rejected};
use once_cell::sync::OnceCell;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslRef, SslVerifyMode};
use openssl::x509::{X509StoreContextRef, X509VerifyResult};
use std::fmt;

/// What is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Passes {
    #[default]
    Nothing,
    /// Certificates that have expired, anywhere in the chain.
    Expired,
    /// Whatever it is.
    Everything,
}

/// `X509_V_ERR_CERT_HAS_EXPIRED`
const EXPIRED: i32 = 10;

/// What was passed over first.
static PASSED: OnceCell<Index<Ssl, (X509VerifyResult, Rejected)>> = OnceCell::new();

/// Whether the handshake goes on after a failure of verification.
pub(super) fn judge(ssl: &mut SslRef, context: &mut X509StoreContextRef) -> bool {
    if ssl.verify_mode() == SslVerifyMode::NONE {
        return false; // it goes on whatever comes of it
    }
    let passes = callbacks::state_of(ssl).map_or(Passes::Nothing, |state| state.passes);
    let passed = match passes {
        Passes::Nothing => false,
        Passes::Expired => context.error().as_raw() == EXPIRED,
        Passes::Everything => true,
    };
    if !passed {
        rejected::remember(context);
        return false;
    }
    keep(ssl, context).is_ok()
}

/// Keeps the first failure, and has libssl tell of it in place of the one at hand.
fn keep(ssl: &mut SslRef, context: &mut X509StoreContextRef) -> Result<(), ErrorStack> {
    let index = *PASSED.get_or_try_init(Ssl::new_ex_index)?;
    match ssl.ex_data(index) {
        Some(&(first, _)) if first.as_raw() != EXPIRED => context.set_error(first),
        _ => ssl.set_ex_data(index, (context.error(), Rejected::of(context))),
    }
    Ok(())
}

/// A peer whose certificate was accepted although it has expired, or that of a CA above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which certificate it is; for a resumed session that of the peer.
    certificate: Rejected,
    /// Whether the session was resumed, and no certificate looked at.
    resumed: bool,
}

/// What there is to warn of, where expired certificates are passed over.
pub(super) fn expired(ssl: &SslRef) -> Option<Expired> {
    let passes = callbacks::state_of(ssl)?.passes;
    let result = ssl.verify_result();
    let verifies = ssl.verify_mode() != SslVerifyMode::NONE;
    if passes != Passes::Expired || !verifies || result.as_raw() != EXPIRED {
        return None;
    }
    let passed = PASSED.get().and_then(|index| ssl.ex_data(*index));
    let certificate = match passed {
        Some((_, certificate)) => certificate.clone(),
        None => Rejected::shown(&*ssl.peer_certificate()?, result),
    };
    Some(Expired {
        certificate,
        resumed: ssl.session_reused(),
    })
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejected {
            depth,
            subject,
            serial,
            issuer,
            ..
        } = &self.certificate;
        f.write_str("accepted a certificate that has expired, as 'kdb-accept-expired' says: ")?;
        match self.resumed {
            true => write!(f, "in the chain of ")?,
            false => write!(f, "at depth {depth}: ")?,
        }
        write!(f, "'{subject}', serial number {serial}, of '{issuer}'")
    }
}
