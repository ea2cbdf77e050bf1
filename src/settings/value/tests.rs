use super::*;
use proptest::prelude::*;

#[test]
fn booleans_are_the_words_of_arangodb() {
    for text in ["true", "yes", "on", "1", "y", "TRUE", ""] {
        assert_eq!(bool::parse(text), Ok(true), "{text}");
    }
    for text in ["false", "no", "off", "0", "n", "No"] {
        assert_eq!(bool::parse(text), Ok(false), "{text}");
    }
    assert_eq!(
        bool::parse("maybe"),
        Err("'maybe' is not one of true, false, yes, no, on, off, 1, 0".into())
    );
}

#[test]
fn numbers_may_have_a_suffix_and_a_comment() {
    for (text, number) in [
        ("0", 0),
        ("64", 64),
        ("20k", 20_000),
        ("20KB", 20_000),
        ("2kib", 2_048),
        ("1MiB", 1_048_576),
        ("3m", 3_000_000),
        ("1G", 1_000_000_000),
        (" 5 # five", 5),
        ("5#", 5),
    ] {
        assert_eq!(u32::parse(text), Ok(number), "{text}");
    }
    for text in [
        "", "k", "-1", "+1", "1.5", "0x10", "1 k", "five", "#1", "1t",
    ] {
        let why = u32::parse(text).expect_err(text);
        assert!(
            why.starts_with(&format!("'{text}' is not a whole number")),
            "{why}"
        );
    }
    assert_eq!(u32::parse("5g"), Err("'5g' is above 4294967295".into()));
    assert!(u32::parse("99999999999999999999").is_err());
    assert!(u32::parse("18446744073709551615gib").is_err());
}

#[test]
fn times_are_seconds_unless_they_say_otherwise() {
    for (text, microseconds) in [
        ("0", 0),
        ("10", 10_000_000),
        ("10s", 10_000_000),
        ("100us", 100),
        ("500ms", 500_000),
        ("2m", 120_000_000),
        ("1h", 3_600_000_000),
        ("365d", 31_536_000_000_000),
    ] {
        let time = Duration::from_micros(microseconds);
        assert_eq!(Duration::parse(text), Ok(time), "{text}");
    }
    for text in ["", "s", "1.5s", "-1", "10 s", "1w", "M"] {
        let why = Duration::parse(text).expect_err(text);
        assert!(why.contains("is not a time"), "{why}");
    }
    for text in ["366d", "9999999999999999999d", "99999999999999999999s"] {
        let why = Duration::parse(text).expect_err(text);
        assert_eq!(why, format!("'{text}' is longer than 365d"));
    }
}

#[test]
fn a_mask_is_numbers_and_names() {
    let name = |name: &str| MaskPart::Name(name.into());
    for (text, parts) in [
        ("", vec![]),
        ("0", vec![MaskPart::Number(0)]),
        ("2147485776", vec![MaskPart::Number(0x8000_0850)]),
        ("0x80000850", vec![MaskPart::Number(0x8000_0850)]),
        ("18446744073709551615", vec![MaskPart::Number(u64::MAX)]),
        ("SSL_OP_ALL", vec![name("SSL_OP_ALL")]),
        (
            "NO_TICKET | 0x1,no_sslv3",
            vec![name("NO_TICKET"), MaskPart::Number(1), name("no_sslv3")],
        ),
        ("4 # legacy", vec![MaskPart::Number(4)]),
    ] {
        assert_eq!(OptionMask::parse(text), Ok(OptionMask(parts)), "{text}");
    }
    for (text, part) in [
        ("-1", "-1"),
        ("+1", "+1"),
        ("0x", "0x"),
        ("0x+1", "0x+1"),
        ("18446744073709551616", "18446744073709551616"),
        ("1|", ""),
        ("NO TICKET", "NO TICKET"),
        ("1|2x", "2x"),
        ("~1", "~1"),
    ] {
        assert_eq!(
            OptionMask::parse(text),
            Err(format!(
                "'{part}' is neither a 64-bit number (decimal or 0x…) nor an SSL_OP_ name"
            ))
        );
    }
}

#[test]
fn names_for_alpn_fit_its_list() {
    let fits = "a".repeat(255);
    assert_eq!(alpn(""), Ok(vec![]));
    assert_eq!(
        alpn(" h2 ,http/1.1"),
        Ok(vec!["h2".into(), "http/1.1".into()])
    );
    assert_eq!(alpn(&fits), Ok(vec![fits.clone()]));
    assert!(alpn(&format!("{fits}a")).is_err());
    assert_eq!(
        alpn("h2,,x"),
        Err("'h2,,x' has an empty place between its commas".into())
    );
    assert_eq!(alpn("h2,h2"), Err("'h2,h2' names 'h2' twice".into()));
    let many: Vec<String> = (0..300)
        .map(|n| format!("{n}{}", "x".repeat(250)))
        .collect();
    assert!(alpn(&many.join(",")).is_err());
}

#[test]
fn protocol_numbers_are_refused_in_the_words_of_arangodb() {
    for number in ["2", "3", "4", "5", "6", "9"] {
        let protocol = Protocol::parse(number).expect(number);
        assert_eq!(protocol.number().to_string(), number);
    }
    assert_eq!(
        Protocol::parse("1"),
        Err("SSLv2 is not supported any longer because of security vulnerabilities in this protocol".into())
    );
    for text in ["0", "7", "8", "10", "256", "", "TLSv1.2"] {
        let why = Protocol::parse(text).expect_err(text);
        assert_eq!(
            why,
            format!(
                "'{text}' is not one of 2, 3, 4, 5, 6, 9: invalid SSL protocol version specified. Please use a \
                 valid value for '--ssl.protocol'"
            )
        );
    }
}

#[test]
fn a_key_in_the_place_of_its_files_name_is_not_repeated() {
    let key = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
    let said = PathBuf::parse(key).unwrap_err();
    assert_eq!(said, "the name of a file is wanted, not what is in it");
}

#[test]
fn a_value_in_a_message_is_one_line_and_not_too_long() {
    assert_eq!(quoted("a\nb\u{1b}[2J"), "'a\\nb\\u{1b}[2J'");
    assert_eq!(quoted("grün"), "'grün'");
    let long = quoted(&"x".repeat(1000));
    assert_eq!(long.chars().count(), 203);
    assert!(long.ends_with("x…'"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(text in "[ -~]{0,20}|[0-9]{1,12}(us|ms|s|m|h|d|k|kib)?|(0x)?[0-9a-f]{1,17}") {
        if let Ok(time) = Duration::parse(&text) {
            prop_assert_eq!(time.write().map(|text| Duration::parse(&text)), Some(Ok(time)));
        }
        if let Ok(number) = u32::parse(&text) {
            prop_assert_eq!(number.write().map(|text| u32::parse(&text)), Some(Ok(number)));
        }
        if let Ok(names) = alpn(&text) {
            prop_assert_eq!(names.write().map(|text| alpn(&text)), Some(Ok(names)));
        }
    }

    #[test]
    fn a_mask_keeps_its_bits_and_names(text in "([0-9]{1,5}|0x[0-9a-f]{1,8}|[A-Z]{1,3}_[a-z]{1,3})([|,]([0-9]{1,5}|[A-Z]{1,4}))*") {
        let mask = OptionMask::parse(&text).expect("well formed");
        prop_assert_eq!(OptionMask::parse(&mask.to_string()), Ok(mask));
    }
}
