use super::*;
use proptest::prelude::*;

fn unified(text: &str) -> String {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => endpoint.to_string(),
        Err(why) => why,
    }
}

#[test]
fn an_endpoint_is_read_as_arangodb_reads_it() {
    for (text, expected) in [
        ("tcp://127.0.0.1:8529", "http+tcp://127.0.0.1:8529"),
        ("ssl://127.0.0.1:8529", "http+ssl://127.0.0.1:8529"),
        ("  ssl://10.1.2.3:1  ", "http+ssl://10.1.2.3:1"),
        ("ssl://10.1.2.3:1/", "http+ssl://10.1.2.3:1"),
        ("SSL://Host.Example.ORG", "http+ssl://host.example.org:8529"),
        ("ssl://localhost", "http+ssl://127.0.0.1:8529"),
        ("ssl://LOCALHOST:1", "http+ssl://127.0.0.1:1"),
        (
            "ssl://localhost.example",
            "http+ssl://localhost.example:8529",
        ),
        ("tcp://[::1]", "http+tcp://[::1]:8529"),
        ("tcp://[::]:80", "http+tcp://[::]:80"),
        ("ssl://[FE80:0:0:0::1]:80", "http+ssl://[fe80::1]:80"),
        ("ssl://[fe80::1%Eth0]:80", "http+ssl://[fe80::1%Eth0]:80"),
        ("http+tcp://h:1", "http+tcp://h:1"),
        ("HTTP@ssl://h:1", "http+ssl://h:1"),
        ("vst+ssl://h:1", "http+ssl://h:1"),
        ("http+vst+ssl://h:1", "http+ssl://h:1"),
        ("http://h:1", "http+tcp://h:1"),
        ("https://h:1", "http+ssl://h:1"),
        ("tcp+ssl://h:1", "http+tcp+ssl://h:1"),
        ("tcp://h:0", "http+tcp://h:0"),
        ("tcp://h:00080", "http+tcp://h:80"),
        ("tcp://h:65535", "http+tcp://h:65535"),
        ("unix:///Run/A.sock", "http+unix:///Run/A.sock"),
        ("UNIX:///run/a.sock/", "http+unix:///run/a.sock"),
        ("unix://relative", "http+unix://relative"),
        ("unix://@/tmp/kx.5000", "http+unix://@/tmp/kx.5000"),
        ("ssl://[::1]:5000-5010", "http+ssl://[::1]:5000-5010"),
        ("tcp://a-b.example:1-2", "http+tcp://a-b.example:1-2"),
        ("tcp://a-1", "http+tcp://a-1:8529"),
        ("ssl+unix:///run/a.sock", "http+ssl+unix:///run/a.sock"),
        ("postgres://h", "postgres://h:5432"),
        ("PostgreSQL://[::]:1", "postgres://[::]:1"),
        ("postgres://localhost/", "postgres://127.0.0.1:5432"),
        ("mysql://h", "mysql://h:3306"),
        ("mysql41://h:1", "mysql://h:1"),
        ("mysql+unix:///s", "mysql+unix:///s"),
        ("manticore://[::]", "manticore://[::]:9312"),
        ("manticore+tcp://h", "manticore+tcp://h:9312"),
        ("manticore+https://h:443", "manticore+https://h:443"),
        ("manticore+https+unix:///s", "manticore+https+unix:///s"),
        ("sphinx://h", "sphinx://h:9312"),
        ("gateway://[::]", "gateway://[::]:8080"),
        ("kdb://h", "kdb://h:5000"),
        ("kdb+tcp://h:1", "kdb+tcp://h:1"),
        ("kdb+tcps://h", "kdb+tcps://h:5000"),
        ("kdb+unix:///s", "kdb+unix:///s"),
        ("kdb+unix+unixs://@kx.5000", "kdb+unix+unixs://@kx.5000"),
        ("kdb+unixs:///s", "kdb+unixs:///s"),
        (
            "ssl://h:1,ssl.keyfile=a,b.pem, timeout.idle=900",
            "http+ssl://h:1,ssl.keyfile=a,b.pem,timeout.idle=900",
        ),
        (
            "mysql://h,backend=mysql=unix:///s",
            "mysql://h:3306,backend=mysql=unix:///s",
        ),
        ("postgres+tcp://h", "postgres+tcp://h:5432"),
        (
            "postgres+unix:///run/.s.PGSQL.5432",
            "postgres+unix:///run/.s.PGSQL.5432",
        ),
    ] {
        assert_eq!(unified(text), expected, "{text}");
    }
}

#[test]
fn an_endpoint_has_tls_or_speaks_postgresql_or_both() {
    for (text, tls, postgresql) in [
        ("tcp://h:1", false, false),
        ("ssl://h:1", true, false),
        ("tcp+ssl://h:1", true, false),
        ("mysql://h", true, false),
        ("mysql+tcp://h", false, false),
        ("mysql+ssl+unix:///s", true, false),
        ("manticore://h", true, false),
        ("manticore+https://h", true, false),
        ("sphinx://h", false, false),
        ("postgres://h", true, true),
        ("postgres+tcp://h", false, true),
        ("postgres+unix:///s", false, true),
    ] {
        let accept = text.parse::<Endpoint>().expect(text).accept;
        assert_eq!(
            (accept.has_tls(), accept.is_postgresql()),
            (tls, postgresql),
            "{text}"
        );
    }
}

const NO_SCHEME: &str = ": it begins with none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, \
    postgres+tcp://, postgres+unix://, mysql://, mysql+tcp://, mysql+unix://, mysql+ssl+unix://, manticore://, \
    manticore+tcp://, manticore+unix://, manticore+ssl+unix://, manticore+https://, manticore+https+unix://, sphinx://, \
    sphinx+unix://, gateway://, kdb+tcp://, kdb://, kdb+tcps://, kdb+unix://, kdb+unix+unixs://, kdb+unixs://";

#[test]
fn what_is_no_endpoint_is_refused_with_its_reason() {
    for (text, why) in [
        ("", ""),
        ("tcp://", ""),
        ("tcp:/a", ""),
        ("127.0.0.1:8529", NO_SCHEME),
        ("ftp://host", NO_SCHEME),
        ("srv://host", ": srv:// is for clients"),
        ("ssl://:8529", ": a host is missing"),
        ("ssl:///", ": a host is missing"),
        (
            "ssl://h:65536",
            ": specified port number '65536' is outside the allowed range",
        ),
        (
            "ssl://h:-1",
            ": specified port number '-1' is outside the allowed range",
        ),
        (
            "ssl://[::1]:99999999999999999999",
            ": specified port number '99999999999999999999' is outside the allowed range",
        ),
        ("ssl://h:", ": port '' is not a number"),
        ("ssl://h:80-", ": port '' is not a number"),
        ("ssl://h:80-x", ": port 'x' is not a number"),
        ("ssl://h:80-79", ": 80-79 is no range of ports"),
        ("ssl://h:0-9", ": 0-9 is no range of ports"),
        ("ssl://h:http", ": port 'http' is not a number"),
        ("ssl://h:80/x", ": port '80/x' is not a number"),
        ("ssl://h:+80", ": port '+80' is not a number"),
        ("ssl://h/x", ": 'h/x' is not a host name or address"),
        ("ssl://a b:1", ": 'a b' is not a host name or address"),
        (
            "ssl://grün.example",
            ": 'grün.example' is not a host name or address",
        ),
        ("ssl://300.1.1.1", ": '300.1.1.1' is not an IPv4 address"),
        ("ssl://1.2.3", ": '1.2.3' is not an IPv4 address"),
        ("ssl://::1:80", ": an IPv6 address stands in brackets"),
        ("ssl://[::1", ": ']' is missing"),
        ("ssl://[]", ": '' is not an IPv6 address"),
        ("ssl://[:]", ": ':' is not an IPv6 address"),
        ("ssl://[1.2.3.4]", ": '1.2.3.4' is not an IPv6 address"),
        ("ssl://[fe80::1%]", ": 'fe80::1%' is not an IPv6 address"),
        ("ssl://[::1]80", ": '80' follows the ']'"),
        ("ssl://[::1]:", ": port '' is not a number"),
        ("unix://", ""),
        ("unix:///", ": a path is missing"),
        ("unix:////", ": a path to a socket does not end in '/'"),
        ("postgres+unix://", ""),
        ("postgres+unix:///", ": a path is missing"),
        ("postgres://:5432", ": a host is missing"),
        ("postgres+ssl://h", NO_SCHEME),
    ] {
        assert_eq!(unified(text), format!("invalid endpoint '{text}'{why}"));
    }
}

#[test]
fn an_address_names_its_port() {
    let address = |text: &str| text.parse::<Address>().map(|address| address.to_string());
    assert_eq!(address("tcp://H:1").as_deref(), Ok("h:1"));
    assert_eq!(address("unix:///a").as_deref(), Ok("/a"));
    assert_eq!(
        address("tcp://h"),
        Err("'tcp://h': a port is missing".into())
    );
    assert!(address("h:1").is_err());
}

/// Texts that look like endpoints, now and then.
fn likely() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec![
        "tcp",
        "SSL",
        "tcp+ssl",
        "tls",
        "postgres+tls",
        "unix",
        "http+ssl+unix",
        "vst+tcp",
        "http@https",
        "postgres",
        "postgres+tcp",
        "postgres+unix",
        "mysql+ssl+unix",
        "manticore+https",
        "sphinx",
    ]);
    let host = prop::sample::select(vec![
        "h",
        "127.0.0.1",
        "[::1]",
        "[fe80::1%a]",
        "/run/x",
        "localhost",
        "",
    ]);
    (scheme, host, "[:/]?[0-9]{0,6}[ /]{0,3}")
        .prop_map(|(scheme, host, rest)| format!("{scheme}://{host}{rest}"))
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in prop_oneof![".*", likely()]) {
        let _ = text.parse::<Endpoint>();
        let _ = text.parse::<Address>();
    }

    #[test]
    fn the_unified_form_is_read_as_the_same_endpoint(text in likely()) {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}

#[test]
fn an_option_that_is_not_one_endpoints_is_refused() {
    for (text, why) in [
        (
            "ssl://h:1,threads=2",
            "'threads' cannot be set for one endpoint",
        ),
        (
            "ssl://h:1,ssl.server-name-indication=a=b.pem",
            "'ssl.server-name-indication' cannot be set for one endpoint",
        ),
        (
            "ssl://h:1,ssl.kefyile=a",
            "unknown option 'ssl.kefyile': did you mean 'ssl.keyfile'?",
        ),
        (
            "ssl://h:1,timeout.idel=1",
            "unknown option 'timeout.idel': did you mean 'timeout.idle'?",
        ),
        (
            "ssl://h:1,backend.sslmod=require",
            "unknown option 'backend.sslmod': did you mean 'backend.sslmode'?",
        ),
        (
            "ssl://h:1,mysql.require-secure-transprot=on",
            "unknown option 'mysql.require-secure-transprot': did you mean 'mysql.require-secure-transport'?",
        ),
        (
            "ssl://h:1,timeout.idle=x",
            "'timeout.idle': 'x' is not a time (seconds, or a whole number with us, ms, s, m, h or d)",
        ),
        (
            "ssl://h:1,timeout.idle=1,timeout.idle=2",
            "'timeout.idle' is given twice",
        ),
    ] {
        let refused = text.parse::<Endpoint>();
        assert_eq!(
            refused,
            Err(format!("endpoint 'ssl://h:1': {why}")),
            "{text}"
        );
    }
}

#[test]
fn a_misspelt_option_is_not_taken_for_a_part_of_a_path() {
    let refused = "mysql+unix:///s,timeout.idel=1".parse::<Endpoint>();
    let why = "unknown option 'timeout.idel': did you mean 'timeout.idle'?";
    assert_eq!(refused, Err(format!("endpoint 'mysql+unix:///s': {why}")));
}

/// A file may be a mebibyte long.
#[test]
fn many_commas_are_read_in_a_moment() {
    let path = format!("/s{}", ",".repeat(1 << 20));
    let endpoint: Endpoint = format!("unix://{path}=").parse().expect("a path");
    assert_eq!(endpoint.address, Address::Unix(format!("{path}=").into()));
}

#[test]
fn options_of_an_endpoint_are_in_the_place_of_those_of_all() {
    let mut settings = crate::settings::Settings::default();
    settings.set("ssl.keyfile", "all.pem").expect("good");
    settings.set("backend", "tcp://a:1").expect("good");
    settings.set("ssl.protocol", "6").expect("good");
    let text = "ssl://h:1,ssl.keyfile=rsa.pem,ssl.keyfile=ec.pem,backend=tcp://b:1,timeout.idle=9";
    settings.set("server.endpoint", text).expect("good");
    let own = settings.of_endpoint(&settings.endpoints[0]);
    assert_eq!(
        own.get("ssl.keyfile").expect("known"),
        ["rsa.pem", "ec.pem"]
    );
    assert_eq!(own.get("backend").expect("known"), ["tcp://b:1"]);
    assert_eq!(own.get("ssl.protocol").expect("known"), ["6"]);
    assert_eq!(own.timeouts.idle.value.as_secs(), 9);
    assert_eq!(settings.get("ssl.keyfile").expect("known"), ["all.pem"]);
    assert!(own.differs_in_tls(&settings));
}
