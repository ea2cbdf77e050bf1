use super::*;
use proptest::option;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Types and values, in order.
type Values = Vec<(u8, Vec<u8>)>;

/// What a receiver makes of a header of version 2: the values of each level, in order.
#[derive(Debug, PartialEq)]
struct Received {
    command: u8,
    family: u8,
    addresses: Vec<u8>,
    values: Values,
    /// Flags, verification and the values inside that of TLS.
    tls: Option<(u8, u32, Values)>,
}

impl Received {
    /// The parser is the tests' own, after the specification: whatever is out of order fails.
    fn parse(header: &[u8]) -> Received {
        let (fixed, rest) = header.split_at(16);
        assert_eq!(fixed[..12], *b"\r\n\r\n\0\r\nQUIT\n");
        let length = u16::from_be_bytes([fixed[14], fixed[15]]);
        assert_eq!(
            usize::from(length),
            rest.len(),
            "the length of all that follows"
        );
        let count = match fixed[13] {
            0x00 => 0,
            0x11 => 12,
            0x21 => 36,
            family => panic!("family {family:#x}"),
        };
        let (addresses, values) = rest.split_at(count);
        let values = Received::values(values);
        let tls = values.iter().find(|(kind, _)| *kind == 0x20);
        let tls = tls.map(|(_, value)| {
            let verified = u32::from_be_bytes(value[1..5].try_into().expect("four bytes"));
            (value[0], verified, Received::values(&value[5..]))
        });
        Received {
            command: fixed[12],
            family: fixed[13],
            addresses: addresses.to_vec(),
            values,
            tls,
        }
    }

    fn values(mut bytes: &[u8]) -> Values {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let length = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
            values.push((bytes[0], bytes[3..3 + length].to_vec()));
            bytes = &bytes[3 + length..];
        }
        values
    }

    fn value(&self, kind: u8) -> Option<&[u8]> {
        let inside = self.tls.iter().flat_map(|(_, _, values)| values);
        let mut all = self.values.iter().chain(inside);
        all.find(|(known, _)| *known == kind)
            .map(|(_, value)| &value[..])
    }
}

fn between(client: &str, ours: &str) -> Client<'static> {
    let parse = |text: &str| text.parse().expect("an address");
    Client {
        addresses: Some((parse(client), parse(ours))),
        tls: None,
    }
}

fn line(client: &Client<'_>) -> String {
    String::from_utf8(client.version_1()).expect("ASCII")
}

/// All there is to say, of a client that has shown a certificate.
fn known() -> Tls<'static> {
    Tls {
        version: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
        alpn: Some(b"http/1.1"),
        server_name: Some(b"www.example.org"),
        signature: Some("RSA-SHA256"),
        key: Some("RSA2048"),
        certificate: Some(Shown {
            now: true,
            verified: 0,
            common_name: Some("example.com"),
        }),
    }
}

fn speaking(tls: Tls<'_>) -> Client<'_> {
    Client {
        tls: Some(tls),
        ..between("192.0.2.1:1", "192.0.2.2:2")
    }
}

#[test]
fn version_1_is_the_line_of_the_specification() {
    let example = between("192.168.0.1:56324", "192.168.0.11:443");
    assert_eq!(
        line(&example),
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
    );
    let six = between("[2001:db8::1]:56324", "[2001:db8:0:0:1::2]:443");
    assert_eq!(
        line(&six),
        "PROXY TCP6 2001:db8::1 2001:db8::1:0:0:2 56324 443\r\n"
    );
    assert_eq!(line(&Client::default()), "PROXY UNKNOWN\r\n");
}

#[test]
fn the_longest_lines_of_version_1_are_those_of_the_specification() {
    let four = between("255.255.255.255:65535", "255.255.255.255:65535");
    assert_eq!(line(&four).len(), 56);
    let address = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    assert_eq!(line(&between(address, address)).len(), 104);
}

#[test]
fn ipv4_in_the_clothes_of_ipv6_is_ipv4() {
    let dressed = between("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2");
    assert_eq!(line(&dressed), "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    assert_eq!(Received::parse(&dressed.version_2()).family, 0x11);
}

#[test]
fn an_address_with_a_zone_is_told_without_it() {
    let zone = between("[fe80::1%7]:1", "[fe80::2%7]:2");
    assert_eq!(line(&zone), "PROXY TCP6 fe80::1 fe80::2 1 2\r\n");
}

#[test]
fn addresses_of_two_families_are_none() {
    let odd = between("192.0.2.1:1", "[::1]:2");
    assert_eq!(line(&odd), "PROXY UNKNOWN\r\n");
    assert_eq!(odd.version_2(), Client::default().version_2());
}

#[test]
fn version_2_is_signature_command_family_length_addresses_and_ports() {
    let four = between("192.0.2.1:56324", "198.51.100.7:443").version_2();
    assert_eq!(
        four,
        b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A\x21\x11\x00\x0C\
          \xC0\x00\x02\x01\xC6\x33\x64\x07\xDC\x04\x01\xBB"
    );
    let six = between("[2001:db8::1]:56324", "[2001:db8::2]:443").version_2();
    assert_eq!(
        six,
        b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A\x21\x21\x00\x24\
          \x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\
          \x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\xDC\x04\x01\xBB"
    );
}

#[test]
fn without_addresses_it_is_a_connection_that_has_to_be_accepted() {
    let block = Client::default().version_2();
    assert_eq!(
        block,
        b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A\x20\x00\x00\x00"
    );
}

#[test]
fn what_was_negotiated_is_told_in_values() {
    let block = speaking(known()).version_2();
    assert_eq!(
        block[28..],
        *b"\x01\x00\x08http/1.1\
           \x20\x00\x4D\x07\0\0\0\0\
           \x21\x00\x07TLSv1.3\
           \x23\x00\x16TLS_AES_256_GCM_SHA384\
           \x24\x00\x0ARSA-SHA256\
           \x25\x00\x07RSA2048\
           \x22\x00\x0Bexample.com\
           \x02\x00\x0Fwww.example.org"
    );
    assert_eq!(block[14..16], [0, 12 + 11 + 80 + 18]);
}

#[test]
fn what_was_negotiated_is_told_without_addresses_too() {
    let client = Client {
        addresses: None,
        tls: Some(known()),
    };
    let received = Received::parse(&client.version_2());
    assert_eq!((received.command, received.family), (0x20, 0));
    assert_eq!(received.value(AUTHORITY), Some(&b"www.example.org"[..]));
}

#[test]
fn a_certificate_is_of_this_connection_or_of_its_session_and_0_says_that_it_was_verified() {
    let said = |certificate: Option<(bool, u32)>| {
        let certificate = certificate.map(|(now, verified)| Shown {
            now,
            verified,
            common_name: None,
        });
        let tls = Tls {
            certificate,
            ..known()
        };
        let received = Received::parse(&speaking(tls).version_2());
        let (flags, verified, _) = received.tls.expect("told");
        (flags, verified)
    };
    assert_eq!(said(None), (0x01, 1));
    assert_eq!(said(Some((true, 0))), (0x07, 0));
    assert_eq!(said(Some((false, 0))), (0x05, 0));
    assert_eq!(said(Some((true, 18))), (0x07, 18));
    assert_eq!(said(Some((false, 10))), (0x05, 10));
}

#[test]
fn what_is_not_known_is_not_told() {
    let tls = Tls {
        version: "TLSv1.2",
        cipher: "ECDHE-RSA-AES128-GCM-SHA256",
        ..Tls::default()
    };
    let received = Received::parse(&speaking(tls).version_2());
    let kinds: Vec<u8> = received.values.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [SSL]);
    let (_, _, inside) = received.tls.expect("told");
    let kinds: Vec<u8> = inside.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [SSL_VERSION, SSL_CIPHER]);
}

#[test]
fn a_name_that_is_no_text_in_one_line_is_left_out() {
    for odd in [
        &b""[..],
        b"admin\0.example.org",
        b"two\r\nlines",
        b"tab\t",
        b"\xFFlatin",
        "\u{85}".as_bytes(),
    ] {
        let tls = Tls {
            server_name: Some(odd),
            certificate: Some(Shown {
                now: true,
                verified: 0,
                common_name: std::str::from_utf8(odd).ok(),
            }),
            ..known()
        };
        let received = Received::parse(&speaking(tls).version_2());
        assert_eq!(received.value(AUTHORITY), None, "{odd:?}");
        assert_eq!(received.value(SSL_CN), None, "{odd:?}");
    }
    let tls = Tls {
        server_name: Some("bücher.example".as_bytes()),
        ..known()
    };
    let received = Received::parse(&speaking(tls).version_2());
    assert_eq!(received.value(AUTHORITY), Some("bücher.example".as_bytes()));
}

/// A client cannot hide by a long name that it has shown a certificate, nor how that was verified.
#[test]
fn a_name_that_does_not_fit_is_left_out_whole_and_nothing_else_is() {
    let told = |common_name: usize, server_name: usize| {
        let (common_name, server_name) = ("c".repeat(common_name), "s".repeat(server_name));
        let tls = Tls {
            server_name: Some(server_name.as_bytes()),
            certificate: Some(Shown {
                now: true,
                verified: 0,
                common_name: Some(&common_name),
            }),
            ..known()
        };
        let block = speaking(tls).version_2();
        let received = Received::parse(&block);
        for kind in [ALPN, SSL_VERSION, SSL_CIPHER, SSL_SIG_ALG, SSL_KEY_ALG] {
            assert!(received.value(kind).is_some(), "{kind:#x}");
        }
        let length = |kind| received.value(kind).map(<[u8]>::len);
        (length(SSL_CN), length(AUTHORITY), block.len())
    };
    let (_, _, others) = told(0, 0);
    let room = 536 - others - 3;
    assert_eq!(told(room, 0), (Some(room), None, 536));
    assert_eq!(told(room + 1, 0), (None, None, others));
    assert_eq!(told(0, room), (None, Some(room), 536));
    assert_eq!(told(0, room + 1), (None, None, others));
    assert_eq!(told(room, 1), (Some(room), None, 536));
    assert_eq!(told(100_000, 255), (None, Some(255), others + 258));
    // What X.520 allows, and the longest name of a host.
    assert_eq!(told(64, 253).0, Some(64));
    assert_eq!(told(64, 253).1, Some(253));
}

fn an_address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

proptest! {
    #[test]
    fn addresses_come_back_from_either_version(client in an_address(), ours in an_address()) {
        let told = Client { addresses: Some((client, ours)), tls: None };
        let received = Received::parse(&told.version_2());
        let line = line(&told);
        let words: Vec<&str> = line.strip_suffix("\r\n").expect("a line").split(' ').collect();
        let (from, to) = (client.ip().to_canonical(), ours.ip().to_canonical());
        if from.is_ipv4() != to.is_ipv4() {
            prop_assert_eq!(words, ["PROXY", "UNKNOWN"]);
            prop_assert_eq!((received.command, received.addresses), (0x20, Vec::new()));
            return Ok(());
        }
        let (family, longest) = if from.is_ipv4() { ("TCP4", 56) } else { ("TCP6", 104) };
        prop_assert!(line.len() <= longest);
        prop_assert_eq!(words[1], family);
        if from.is_ipv4() {
            prop_assert_eq!(words[2].parse::<Ipv4Addr>().map(IpAddr::V4), Ok(from));
            prop_assert_eq!(words[3].parse::<Ipv4Addr>().map(IpAddr::V4), Ok(to));
        } else {
            prop_assert_eq!(words[2].parse::<Ipv6Addr>().map(IpAddr::V6), Ok(from));
            prop_assert_eq!(words[3].parse::<Ipv6Addr>().map(IpAddr::V6), Ok(to));
        }
        prop_assert_eq!(words[4].parse(), Ok(client.port()));
        prop_assert_eq!(words[5].parse(), Ok(ours.port()));
        let expected = [
            octets(from),
            octets(to),
            client.port().to_be_bytes().to_vec(),
            ours.port().to_be_bytes().to_vec(),
        ];
        prop_assert_eq!(received.command, 0x21);
        prop_assert_eq!(received.addresses, expected.concat());
    }

    #[test]
    fn what_fits_comes_back_and_the_whole_is_never_too_long(
        addresses in option::of((an_address(), an_address())),
        alpn in option::of(proptest::collection::vec(any::<u8>(), 1..20)),
        server_name in option::of(proptest::collection::vec(any::<u8>(), 0..256)),
        common_name in option::of(".{0,200}"),
        own in option::of(("[A-Za-z0-9-]{1,25}", "[A-Z0-9]{1,10}")),
        now: bool,
        verified: u32,
    ) {
        let tls = Tls {
            version: "TLSv1.2",
            cipher: "ECDHE-ECDSA-CHACHA20-POLY1305",
            alpn: alpn.as_deref(),
            server_name: server_name.as_deref(),
            signature: own.as_ref().map(|(signature, _)| &signature[..]),
            key: own.as_ref().map(|(_, key)| &key[..]),
            certificate: common_name.as_ref().map(|name| Shown {
                now,
                verified,
                common_name: Some(name),
            }),
        };
        let block = Client { addresses, tls: Some(tls) }.version_2();
        prop_assert!(block.len() <= LONGEST);
        let received = Received::parse(&block);
        prop_assert_eq!(received.value(ALPN), alpn.as_deref());
        prop_assert_eq!(received.value(SSL_VERSION), Some(&b"TLSv1.2"[..]));
        prop_assert_eq!(received.value(SSL_KEY_ALG), own.as_ref().map(|(_, key)| key.as_bytes()));
        for (kind, name) in [
            (SSL_CN, common_name.as_ref().map(String::as_bytes)),
            (AUTHORITY, server_name.as_deref()),
        ] {
            if let Some(told) = received.value(kind) {
                prop_assert_eq!(Some(told), name, "as it was, or not at all");
            }
        }
        let (flags, result, _) = received.tls.as_ref().expect("told");
        match common_name {
            None => prop_assert_eq!((*flags, *result), (1, 1)),
            Some(_) => {
                let expected = if now { 7 } else { 5 };
                prop_assert_eq!((*flags, *result), (expected, verified));
            }
        }
    }
}
