//! What a client offers in its ClientHello, read from the first bytes of a connection after its handshake has failed.
//!
//! Only for telling people: libssl has judged the same bytes by itself. So whatever is malformed or cut off says less,
//! and is no error.

/// What a ClientHello says of what its client can do, as the numbers that are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// `legacy_version`: the highest version of a client that knows no `supported_versions`.
    pub(crate) legacy_version: u16,
    /// `supported_versions`; empty without.
    pub(crate) versions: Vec<u16>,
    /// `cipher_suites`, with signals and GREASE.
    pub(crate) suites: Vec<u16>,
    /// `supported_groups`
    pub(crate) groups: Vec<u16>,
    /// `signature_algorithms`
    pub(crate) signatures: Vec<u16>,
    /// Protocols offered by ALPN.
    pub(crate) protocols: Vec<Vec<u8>>,
    /// The host name asked for.
    pub(crate) server_name: Option<Vec<u8>>,
}

/// Content type of a record, and type of a message (RFC 8446, 5.1 and 4).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Extensions (RFC 6066, 8422, 8446, 7301).
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// The versions that a client can name without a list.
const TLS1: u16 = 0x301;
const TLS1_2: u16 = 0x303;

impl Hello {
    /// Reads the bytes that a connection began with, as far as they go.
    pub(crate) fn read(records: &[u8]) -> Option<Hello> {
        let message = joined(records);
        let mut rest = Rest(&message);
        if rest.byte()? != CLIENT_HELLO {
            return None;
        }
        let mut rest = rest.behind_length(3)?;
        let mut hello = Hello {
            legacy_version: rest.number()?,
            ..Hello::default()
        };
        hello.read_body(rest);
        Some(hello)
    }

    fn read_body(&mut self, mut rest: Rest<'_>) -> Option<()> {
        rest.skip(32)?; // the random value
        rest.behind_length(1)?; // the session's id
        self.suites = rest.behind_length(2)?.numbers();
        rest.behind_length(1)?; // compression
        let mut extensions = rest.behind_length(2)?;
        loop {
            let kind = extensions.number()?;
            let body = extensions.behind_length(2)?;
            self.read_extension(kind, body);
        }
    }

    fn read_extension(&mut self, kind: u16, mut body: Rest<'_>) -> Option<()> {
        match kind {
            SUPPORTED_VERSIONS => self.versions = body.behind_length(1)?.numbers(),
            SUPPORTED_GROUPS => self.groups = body.behind_length(2)?.numbers(),
            SIGNATURE_ALGORITHMS => self.signatures = body.behind_length(2)?.numbers(),
            SERVER_NAME => self.server_name = super::names::host_name(body.0).map(<[u8]>::to_vec),
            ALPN => {
                let list = body.behind_length(2)?;
                self.protocols = super::alpn::names(list.0).map(<[u8]>::to_vec).collect();
            }
            _ => {}
        }
        Some(())
    }

    /// All versions of TLS it speaks, best first: without a list, those up to the one it names.
    pub(crate) fn all_versions(&self) -> Vec<u16> {
        if self.versions.is_empty() {
            (TLS1..=self.legacy_version.min(TLS1_2)).rev().collect()
        } else {
            self.versions.clone()
        }
    }
}

/// What the records carry, up to the first that is no handshake.
fn joined(records: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(records.len());
    let mut rest = Rest(records);
    while let Some(HANDSHAKE) = rest.byte() {
        let Some(fragment) = rest.skip(2).and_then(|()| rest.behind_length(2)) else {
            break;
        };
        message.extend_from_slice(fragment.0);
    }
    message
}

/// Bytes yet to be read. A length that goes beyond them means all of them.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    /// What stands behind its length in so many bytes.
    fn behind_length(&mut self, bytes: usize) -> Option<Rest<'a>> {
        let (length, rest) = self.0.split_at_checked(bytes)?;
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (body, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Some(Rest(body))
    }

    fn numbers(mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.number()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes after their length in `width` bytes.
    fn counted(width: usize, body: &[u8]) -> Vec<u8> {
        [&body.len().to_be_bytes()[8 - width..], body].concat()
    }

    fn numbers(list: &[u16]) -> Vec<u8> {
        list.iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    }

    fn written(hello: &Hello) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut extension = |kind: u16, body: &[u8]| {
            extensions.extend(kind.to_be_bytes());
            extensions.extend(counted(2, body));
        };
        extension(0xaaaa, b"");
        if let Some(name) = &hello.server_name {
            extension(0, &counted(2, &[&[0], &counted(2, name)[..]].concat()));
        }
        extension(10, &counted(2, &numbers(&hello.groups)));
        extension(13, &counted(2, &numbers(&hello.signatures)));
        let protocols = hello.protocols.iter().flat_map(|name| counted(1, name));
        extension(16, &counted(2, &protocols.collect::<Vec<_>>()));
        extension(43, &counted(1, &numbers(&hello.versions)));
        let body = [
            &hello.legacy_version.to_be_bytes()[..],
            &[7; 32],
            &counted(1, &[8; 32]),
            &counted(2, &numbers(&hello.suites)),
            &counted(1, &[0]),
            &counted(2, &extensions),
        ];
        [&[1], &counted(3, &body.concat())[..]].concat()
    }

    fn in_records(message: &[u8], longest: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1], &counted(2, part)[..]].concat();
        message.chunks(longest).flat_map(record).collect()
    }

    fn sample() -> Hello {
        Hello {
            legacy_version: 0x303,
            versions: vec![0x0a0a, 0x304, 0x303],
            suites: vec![0x1301, 0xc02f, 0x00ff],
            groups: vec![29, 23],
            signatures: vec![0x0403, 0x0804],
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            server_name: Some(b"a.example".to_vec()),
        }
    }

    #[test]
    fn what_is_offered_is_read_in_one_record_and_in_many() {
        let message = written(&sample());
        for longest in [1, 7, 100, message.len()] {
            let read = Hello::read(&in_records(&message, longest));
            assert_eq!(read, Some(sample()), "{longest}");
        }
    }

    #[test]
    fn what_is_cut_off_says_less() {
        let records = in_records(&written(&sample()), usize::MAX);
        assert_eq!(Hello::read(&records[..10]), None);
        let read = Hello::read(&records[..11]).unwrap();
        assert_eq!((read.legacy_version, read.suites.len()), (0x303, 0));
        let to_the_groups = Hello::read(&records[..records.len() - 40]).unwrap();
        assert_eq!(to_the_groups.suites, sample().suites);
        assert!(to_the_groups.versions.is_empty());
    }

    #[test]
    fn what_is_no_client_hello_offers_nothing() {
        for bytes in [
            &b""[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x80\x2e\x01\0\x02",
            b"\x16\x03\x01\0\x01\x02",
        ] {
            assert_eq!(Hello::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn without_a_list_it_is_every_version_up_to_the_one_that_is_named() {
        let versions = |legacy_version, versions: &[u16]| {
            let versions = versions.to_vec();
            let hello = Hello {
                legacy_version,
                versions,
                ..Hello::default()
            };
            hello.all_versions()
        };
        assert_eq!(versions(0x302, &[]), [0x302, 0x301]);
        assert_eq!(versions(0xffff, &[]), [0x303, 0x302, 0x301]);
        assert!(versions(0x300, &[]).is_empty());
        assert_eq!(versions(0x303, &[0x304]), [0x304]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_stumble(bytes: Vec<u8>) {
            let _ = Hello::read(&bytes);
        }

        #[test]
        fn no_message_makes_it_stumble_and_nothing_is_made_up(message: Vec<u8>, longest in 1_usize..50) {
            let message = [&[1][..], &message].concat();
            if let Some(hello) = Hello::read(&in_records(&message, longest)) {
                let told = 2 * (hello.suites.len() + hello.groups.len() + hello.versions.len() + hello.signatures.len());
                let named = hello.protocols.iter().map(Vec::len).sum::<usize>();
                prop_assert!(told + named <= message.len());
            }
        }

        #[test]
        fn every_offer_comes_back_as_it_was_sent(
            suites: Vec<u16>,
            groups: Vec<u16>,
            versions in proptest::collection::vec(0_u16.., 0..100),
            protocols in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..255), 0..9),
            longest in 1_usize..2000,
        ) {
            let hello = Hello { versions, suites, groups, protocols, ..sample() };
            prop_assert_eq!(Hello::read(&in_records(&written(&hello), longest)), Some(hello));
        }
    }
}
