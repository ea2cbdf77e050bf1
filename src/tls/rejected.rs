//! Which certificate of a peer's chain was not accepted, for the log; and what a server sent of its chain.
//!
//! libssl judges a chain inside the call that goes on with the handshake, and ends the handshake there if it is refused,
//! so what is remembered belongs to the call that fails on the same thread.

use super::facts::{self, Certificate};
use super::sys;
use openssl::bn::BigNumRef;
use openssl::x509::{
    X509NameRef, X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult,
};
use std::cell::RefCell;

/// Names are cut from the front to so many bytes, as PostgreSQL does.
const LONGEST_NAME: usize = 71;

/// How many bits of a serial number are written out: twice what RFC 5280 allows.
const LONGEST_SERIAL: i32 = 2 * 20 * 8;

thread_local! {
    static LAST: RefCell<Option<Rejected>> = const { RefCell::new(None) };
}

/// A certificate that was not accepted. Nothing about it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the chain; 0 is the peer's own.
    pub depth: u32,
    /// Why, as OpenSSL numbers it (`X509_V_ERR_*`).
    pub code: i32,
    /// Why, in OpenSSL's words.
    pub why: String,
    /// `/CN=…`, what is not ASCII escaped, long ones cut.
    pub subject: String,
    /// Decimal; how long it is, where nobody needs the number.
    pub serial: String,
    /// As `subject`.
    pub issuer: String,
    /// What a server has sent, its own first; nothing of clients.
    pub chain: Vec<Certificate>,
}

/// Keeps what is known of the certificate that has just been refused.
pub(super) fn remember(context: &X509StoreContextRef) {
    let chain = sent_by_server(context);
    LAST.set(Some(Rejected {
        chain,
        ..Rejected::of(context)
    }));
}

impl Rejected {
    /// The certificate that libssl complains of.
    pub(super) fn of(context: &X509StoreContextRef) -> Rejected {
        Rejected {
            depth: context.error_depth(),
            ..Rejected::new(context.current_cert(), context.error())
        }
    }

    /// One that the peer has shown as its own.
    pub(super) fn shown(certificate: &X509Ref, why: X509VerifyResult) -> Rejected {
        Rejected::new(Some(certificate), why)
    }

    fn new(certificate: Option<&X509Ref>, why: X509VerifyResult) -> Rejected {
        let serial = certificate.and_then(|certificate| {
            let number = certificate.serial_number().to_bn().ok()?;
            written(&number)
        });
        let name = |name: Option<&X509NameRef>| name.map(|name| shown(&sys::slashed_name(name)));
        let rejected = Rejected {
            depth: 0,
            code: why.as_raw(),
            why: why.error_string().to_owned(),
            subject: name(certificate.map(X509Ref::subject_name)).unwrap_or_default(),
            serial: serial.unwrap_or_default(),
            issuer: name(certificate.map(X509Ref::issuer_name)).unwrap_or_default(),
            chain: Vec::new(),
        };
        super::queue::clear();
        rejected
    }
}

/// What a server has sent. When libssl judges it, the connection does not know it yet.
fn sent_by_server(context: &X509StoreContextRef) -> Vec<Certificate> {
    let ssl = X509StoreContext::ssl_idx().ok();
    let ssl = ssl.and_then(|index| context.ex_data(index));
    if ssl.is_none_or(|ssl| ssl.is_server()) {
        return Vec::new();
    }
    let sent = sys::untrusted(context).into_iter().flatten();
    sent.map(|certificate| facts::judged(certificate.to_owned(), context.error()))
        .collect()
}

/// What was remembered, once.
pub(super) fn take() -> Option<Rejected> {
    LAST.take()
}

/// A serial number as it may stand in a log. Writing a long one takes far longer than reading it.
fn written(number: &BigNumRef) -> Option<String> {
    match number.num_bits() {
        bits if bits > LONGEST_SERIAL => Some(format!("of {bits} bits")),
        _ => Some(number.to_dec_str().ok()?.to_string()),
    }
}

/// A name as it may stand in a log: cut first and escaped then, as the original does.
fn shown(name: &[u8]) -> String {
    let (dots, rest) = match name.len().checked_sub(LONGEST_NAME) {
        Some(more @ 1..) => ("...", &name[more + 3..]),
        _ => ("", name),
    };
    let mut text = String::from(dots);
    for byte in rest {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            other => text.push_str(&format!("\\x{other:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::bn::BigNum;

    #[test]
    fn a_long_name_keeps_its_end_and_letters_outside_ascii_are_bytes() {
        assert_eq!(shown(b"/CN=short"), "/CN=short");
        assert_eq!(shown("/CN=\u{39f}".as_bytes()), "/CN=\\xce\\x9f");
        let whole = [&b"/O=x"[..], &[b'a'; 67]].concat();
        assert_eq!(shown(&whole).len(), 71, "just fits");
        let long = [&b"/O=xy"[..], &[b'a'; 67]].concat();
        assert_eq!(shown(&long), format!("...y{}", "a".repeat(67)));
    }

    #[test]
    fn a_serial_number_is_written_out_unless_it_is_one_to_fill_the_log() {
        let number = |bytes: &[u8]| written(&BigNum::from_slice(bytes).unwrap()).unwrap();
        assert_eq!(number(&[1, 0]), "256");
        assert_eq!(number(&[255; 40]).len(), 97);
        assert_eq!(number(&[255; 60_000]), "of 480000 bits");
    }
}
