//! What is known of a connection, on its way to C: `tlsport_facts`, and the texts that it points to.

use super::{c_string, sized, usage};
use crate::error::Error;
use crate::tls::{Certificate, Facts, KdbFacts, KdbForm};
use std::ffi::{CString, c_char, c_int, c_long};
use std::mem::{offset_of, size_of};
use std::ptr;

/// `tlsport_facts`
#[repr(C)]
pub struct RawFacts {
    size: usize,
    protocol: *const c_char,
    cipher: *const c_char,
    cipher_standard: *const c_char,
    group: *const c_char,
    server_name: *const c_char,
    alpn: *const c_char,
    bits: c_int,
    resumed: c_int,
    peer_subject: *const c_char,
    peer_issuer: *const c_char,
    peer_serial: *const c_char,
    peer_not_before: *const c_char,
    peer_not_after: *const c_char,
    peer_verified: *const c_char,
    peer_pem: *const c_char,
    peer_subject_one_line: *const c_char,
    peer_issuer_one_line: *const c_char,
    peer_verify_error: c_long,
}

/// A caller's struct has to hold at least what was negotiated.
const SMALLEST: usize = offset_of!(RawFacts, peer_subject);

// What follows is as wide as pointers, so that a smaller struct is cut between two of them and no member is written by half.
const _: () = assert!(
    size_of::<RawFacts>() - SMALLEST == 10 * size_of::<*const c_char>(),
    "a member of another size has come: `sized` has to know"
);

/// The texts of some facts, kept by a handle for as long as the header says that they are lent. Empty for a
/// connection without TLS.
#[derive(Default)]
pub(super) struct Lent {
    protocol: Option<CString>,
    cipher: Option<CString>,
    cipher_standard: Option<CString>,
    group: Option<CString>,
    server_name: Option<CString>,
    alpn: Option<CString>,
    bits: c_int,
    resumed: c_int,
    peer: Option<Peer>,
}

struct Peer {
    subject: CString,
    issuer: CString,
    serial: CString,
    not_before: CString,
    not_after: CString,
    verified: CString,
    pem: CString,
    subject_one_line: CString,
    issuer_one_line: CString,
    verify_error: c_long,
}

impl Lent {
    pub(super) fn of(facts: &Facts) -> Lent {
        Lent {
            protocol: there(facts.protocol),
            cipher: there(&facts.cipher),
            cipher_standard: there(&facts.cipher_standard),
            group: facts.group.as_deref().map(c_string),
            server_name: facts.server_name.as_deref().map(c_string),
            alpn: facts.alpn.as_deref().map(c_string),
            bits: c_int::try_from(facts.bits).unwrap_or(c_int::MAX),
            resumed: facts.resumed.into(),
            peer: facts.peer.as_ref().map(Peer::of),
        }
    }

    /// Fills in a caller's `tlsport_facts`, as much of it as the caller knows.
    ///
    /// # Safety
    /// `facts` is null, or begins with a `size`, and so many bytes are there that nobody else uses during the call.
    pub(super) unsafe fn fill(&self, facts: *mut RawFacts) -> Result<(), Error> {
        // SAFETY: promised by the caller.
        unsafe { sized::fill(facts, SMALLEST, "facts", |size| self.raw(size)) }
    }

    fn raw(&self, size: usize) -> RawFacts {
        let peer = |text: fn(&Peer) -> &CString| pointer(self.peer.as_ref().map(text));
        RawFacts {
            size,
            protocol: pointer(self.protocol.as_ref()),
            cipher: pointer(self.cipher.as_ref()),
            cipher_standard: pointer(self.cipher_standard.as_ref()),
            group: pointer(self.group.as_ref()),
            server_name: pointer(self.server_name.as_ref()),
            alpn: pointer(self.alpn.as_ref()),
            bits: self.bits,
            resumed: self.resumed,
            peer_subject: peer(|peer| &peer.subject),
            peer_issuer: peer(|peer| &peer.issuer),
            peer_serial: peer(|peer| &peer.serial),
            peer_not_before: peer(|peer| &peer.not_before),
            peer_not_after: peer(|peer| &peer.not_after),
            peer_verified: peer(|peer| &peer.verified),
            peer_pem: peer(|peer| &peer.pem),
            peer_subject_one_line: peer(|peer| &peer.subject_one_line),
            peer_issuer_one_line: peer(|peer| &peer.issuer_one_line),
            peer_verify_error: self.peer.as_ref().map_or(0, |peer| peer.verify_error),
        }
    }
}

impl Peer {
    fn of(certificate: &Certificate) -> Peer {
        Peer {
            subject: c_string(&certificate.subject),
            issuer: c_string(&certificate.issuer),
            serial: c_string(&certificate.serial),
            not_before: c_string(&certificate.not_before),
            not_after: c_string(&certificate.not_after),
            verified: c_string(&certificate.verified),
            pem: c_string(&certificate.pem.to_string()),
            subject_one_line: c_string(&certificate.subject_one_line),
            issuer_one_line: c_string(&certificate.issuer_one_line),
            verify_error: certificate.verify_error.into(),
        }
    }
}

/// `TLSPORT_KDB_CURRENT`
const CURRENT: c_int = 0;
/// `TLSPORT_KDB_CERT`
const CERT: c_int = 1;
/// `TLSPORT_KDB_LOCAL_CERT`
const LOCAL_CERT: c_int = 2;

/// `.z.e` in a form that C has a number for; `None` is a connection without TLS.
pub(super) fn kdb(facts: Option<&Facts>, form: c_int) -> Result<CString, Error> {
    let form = match form {
        CURRENT => KdbForm::Current,
        CERT => KdbForm::Cert,
        LOCAL_CERT => KdbForm::LocalCert,
        other => return Err(usage(format!("{other} is no form of kdb+'s facts"))),
    };
    Ok(c_string(&KdbFacts::of(facts, form).to_string()))
}

/// A text, if it is one.
fn there(text: &str) -> Option<CString> {
    (!text.is_empty()).then(|| c_string(text))
}

fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn facts() -> Facts {
        Facts {
            protocol: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            bits: 256,
            peer: Some(Certificate {
                subject: "CN=a\0lice".into(),
                ..Certificate::default()
            }),
            ..Facts::default()
        }
    }

    /// A caller's struct with a mark in every byte.
    fn marked(size: usize) -> RawFacts {
        // SAFETY: numbers and raw pointers may have any bits.
        let mut raw: RawFacts = unsafe { std::mem::transmute([0x55_u8; size_of::<RawFacts>()]) };
        raw.size = size;
        raw
    }

    fn said(text: *const c_char) -> String {
        // SAFETY: not null, and lent by a `Lent` that lives.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_known_is_filled_in_and_the_rest_is_null() {
        let lent = Lent::of(&facts());
        let mut raw = marked(size_of::<RawFacts>());
        // SAFETY: as large as its size says.
        unsafe { lent.fill(&mut raw) }.unwrap();
        assert_eq!(said(raw.protocol), "TLSv1.3");
        assert_eq!((raw.bits, raw.resumed), (256, 0));
        assert_eq!(said(raw.peer_subject), "CN=alice", "nothing is cut off");
        assert!(raw.cipher_standard.is_null() && raw.group.is_null() && raw.alpn.is_null());
    }

    #[test]
    fn without_tls_everything_is_null() {
        let mut raw = marked(size_of::<RawFacts>());
        // SAFETY: as large as its size says.
        unsafe { Lent::default().fill(&mut raw) }.unwrap();
        assert!(raw.protocol.is_null() && raw.peer_subject.is_null() && raw.peer_pem.is_null());
        assert_eq!(raw.bits, 0);
    }

    #[test]
    fn a_smaller_struct_gets_whole_members_alone_and_a_larger_one_no_more_than_there_are() {
        let lent = Lent::of(&facts());
        let end = offset_of!(RawFacts, peer_issuer);
        for size in [end, end + 1, end + 7] {
            let mut raw = marked(size);
            // SAFETY: larger than its size says.
            unsafe { lent.fill(&mut raw) }.unwrap();
            assert_eq!(said(raw.peer_subject), "CN=alice");
            assert_eq!(raw.peer_issuer, marked(0).peer_issuer, "{size}");
            assert_eq!(raw.size, size);
        }
        let mut larger = [marked(size_of::<[RawFacts; 2]>()), marked(1)];
        // SAFETY: an array of two is as large as its first size says.
        unsafe { lent.fill(larger.as_mut_ptr()) }.unwrap();
        assert_eq!(larger[1].peer_pem, marked(0).peer_pem);
        assert_eq!(larger[1].size, 1);
    }

    #[test]
    fn a_struct_without_a_size_is_refused() {
        for size in [0, 8, SMALLEST - 1] {
            let mut raw = marked(size);
            // SAFETY: larger than its size says.
            let refused = unsafe { Lent::default().fill(&mut raw) }.unwrap_err();
            let expected = format!("'facts.size' is {size} and not sizeof(tlsport_facts)");
            assert_eq!(refused.to_string(), expected);
            assert_eq!(raw.protocol, marked(0).protocol, "nothing is written");
        }
        // SAFETY: null is refused.
        assert!(unsafe { Lent::default().fill(ptr::null_mut()) }.is_err());
    }
}
