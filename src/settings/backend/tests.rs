use super::*;
use crate::settings::Endpoint;
use proptest::prelude::*;

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
        "mysql+tls://db.example:3307",
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
            "it is none of tcp://HOST:PORT, tls://HOST:PORT, postgres+tls://HOST:PORT, mysql+tls://HOST:PORT, \
             unix:///PATH, service://echo, service://status",
        ),
    ] {
        let backend = text.parse::<Backend>();
        assert_eq!(backend, Err(format!("invalid backend '{text}': {why}")));
    }
}

#[test]
fn kdbs_word_for_tls_is_understood_and_a_password_behind_it_stays_out_of_messages() {
    for (text, expected) in [
        ("tcps://h:5000", "tls://h:5000"),
        ("TCPS://:5000", "tls://localhost:5000"),
        ("tcps://[::1]:5000", "tls://[::1]:5000"),
    ] {
        let shown = text.parse::<Backend>().map(|backend| backend.to_string());
        assert_eq!(shown.as_deref(), Ok(expected));
    }
    for text in ["tcps://h:5000:me:secret", "tcps://[::1]:5000:me:secret"] {
        let why = text.parse::<Backend>().expect_err("a user is in it");
        let place = text.strip_suffix(":me:secret").expect("as above");
        assert_eq!(
            why,
            format!(
                "invalid backend '{place}': a user has no place in it: each client says who it is"
            )
        );
    }
}

#[test]
fn a_backend_that_speaks_a_protocol_has_its_port() {
    for (text, expected) in [
        (
            "PostgreSQL+TLS://DB.example/",
            "postgres+tls://db.example:5432",
        ),
        ("mysql+tls://DB.example", "mysql+tls://db.example:3306"),
    ] {
        let shown = text.parse::<Backend>().map(|backend| backend.to_string());
        assert_eq!(shown.as_deref(), Ok(expected));
    }
}

/// What was said to `backend`, one value after the other.
fn given(values: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for value in values {
        add(&mut settings, value, &Origin::Program)?;
    }
    Ok(settings)
}

#[test]
fn what_is_spoken_has_its_own_backend_or_the_one_for_everything() {
    let settings = given(&["mysql=unix:///s", "http=tcp://h:1", "tcp://all:1"]).expect("good");
    let ways = |endpoint: &str| -> Vec<String> {
        let accept = endpoint.parse::<Endpoint>().expect(endpoint).accept;
        let ways = settings.ways(accept).into_iter();
        ways.map(|way| way.backend.to_string()).collect()
    };
    assert_eq!(ways("mysql://h"), ["unix:///s"]);
    assert_eq!(ways("manticore://h"), ["tcp://h:1", "tcp://all:1"]);
    assert_eq!(ways("gateway://h"), ["tcp://h:1", "tcp://all:1"]);
    assert_eq!(ways("sphinx://h"), ["tcp://all:1"]);
    assert_eq!(ways("ssl://h:1"), ["tcp://h:1", "tcp://all:1"]);
    assert_eq!(ways("tcp://h:1"), ["tcp://all:1"]);
    let http = given(&["http=tcp://h:1", "h2=tcp://h:2"]).expect("good");
    let plain = http.ways(Accept::Plain);
    assert_eq!(plain.len(), 1);
    assert_eq!(
        (plain[0].spoken, plain[0].backend.to_string()),
        (None, "tcp://h:1".into())
    );
    assert_eq!(ways("postgres://h"), ["tcp://all:1"]);
    let written: Vec<String> = write(&settings).into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        written,
        ["tcp://all:1", "mysql=unix:///s", "http=tcp://h:1"]
    );
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    assert_eq!(given(&written), Ok(settings));
}

#[test]
fn a_second_backend_for_the_same_is_refused() {
    for (values, why) in [
        (
            ["tcp://a:1", "tcp://b:1"],
            "'tcp://b:1' is a second one beside 'tcp://a:1'",
        ),
        (
            ["mysql=tcp://a:1", "mysql=tcp://b:1"],
            "'tcp://b:1' is a second one for 'mysql' beside 'tcp://a:1'",
        ),
        (
            ["tcp://a:1", "ftp=tcp://b:1"],
            "'ftp' is not one of mysql, http, h2, sphinx",
        ),
    ] {
        assert_eq!(given(&values), Err(why.to_owned()));
    }
}

proptest! {
    #[test]
    fn a_backend_is_read_back_from_what_is_written(text in "(tcp|tls|unix|MySQL\\+tls|service)://[a-z./]{0,5}(:[0-9]{0,5})?") {
        if let Ok(backend) = text.parse::<Backend>() {
            prop_assert_eq!(backend.to_string().parse(), Ok(backend));
        }
    }
}
