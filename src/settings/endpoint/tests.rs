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
        ("ssl+unix:///run/a.sock", "http+ssl+unix:///run/a.sock"),
        ("postgres://h", "postgres://h:5432"),
        ("PostgreSQL://[::]:1", "postgres://[::]:1"),
        ("postgres://localhost/", "postgres://127.0.0.1:5432"),
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

#[test]
fn what_is_no_endpoint_is_refused_with_its_reason() {
    for (text, why) in [
        ("", ""),
        ("tcp://", ""),
        ("tcp:/a", ""),
        (
            "127.0.0.1:8529",
            ": it begins with none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, postgres+tcp://, \
             postgres+unix://",
        ),
        (
            "ftp://host",
            ": it begins with none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, postgres+tcp://, \
             postgres+unix://",
        ),
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
        (
            "postgres+ssl://h",
            ": it begins with none of tcp://, ssl://, tcp+ssl://, unix://, ssl+unix://, postgres://, postgres+tcp://, \
             postgres+unix://",
        ),
    ] {
        assert_eq!(unified(text), format!("invalid endpoint '{text}'{why}"));
    }
}

#[test]
fn a_backend_is_an_address_plain_or_with_tls_or_a_service() {
    for text in [
        "tcp://127.0.0.1:80",
        "tcp://[::1]:80",
        "tcp://app.example:80",
        "tcp://localhost:80",
        "unix:///run/App.sock",
        "tls://app.example:443",
        "tls://[::1]:443",
        "postgres+tls://db.example:5433",
        "service://echo",
        "service://status",
        "service://program",
    ] {
        let backend = text.parse::<Backend>().map(|backend| backend.to_string());
        assert_eq!(backend.as_deref(), Ok(text));
    }
    for (text, why) in [
        ("tcp://h", "a port is missing"),
        ("tcp://h:0", "port 0 cannot be connected to"),
        ("tcp://h:x", "port 'x' is not a number"),
        ("unix://", "a path is missing"),
        (
            "service://proxy",
            "the service 'proxy' is not one of echo, status",
        ),
        (
            "https://h:443",
            "bytes are carried as they are: write tls://HOST:PORT",
        ),
        ("tls://h", "a port is missing"),
        ("tls://h:443/db", "port '443/db' is not a number"),
        (
            "postgres+tls://h?sslmode=require",
            "'h?sslmode=require' is not a host name or address",
        ),
        (
            "postgres://h",
            "write postgres+tls://HOST:PORT for TLS, or tcp://HOST:PORT for bytes as they are",
        ),
        (
            "tls+unix:///a",
            "there is no TLS on unix sockets to a backend",
        ),
        (
            "http://h:80",
            "bytes are carried as they are: write tcp://HOST:PORT",
        ),
        (
            "h:80",
            "it is none of tcp://HOST:PORT, tls://HOST:PORT, postgres+tls://HOST:PORT, unix:///PATH, \
             service://echo, service://status",
        ),
    ] {
        let backend = text.parse::<Backend>();
        assert_eq!(backend, Err(format!("invalid backend '{text}': {why}")));
    }
}

#[test]
fn a_backend_that_speaks_postgresql_has_its_port() {
    let backend = "PostgreSQL+TLS://DB.example/".parse::<Backend>();
    let shown = backend.map(|backend| backend.to_string());
    assert_eq!(shown.as_deref(), Ok("postgres+tls://db.example:5432"));
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
        let _ = text.parse::<Backend>();
        let _ = text.parse::<Address>();
    }

    #[test]
    fn the_unified_form_is_read_as_the_same_endpoint(text in likely()) {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn a_backend_is_read_back_from_what_is_written(text in likely()) {
        if let Ok(backend) = text.parse::<Backend>() {
            prop_assert_eq!(backend.to_string().parse(), Ok(backend));
        }
    }
}
