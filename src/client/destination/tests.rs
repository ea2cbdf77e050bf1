//! What connection strings come to, and what messages leave out.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Destination {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn why(text: &str) -> String {
    match text.parse::<Destination>() {
        Ok(destination) => panic!("{text} is {destination:?}"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Usage);
            error.to_string()
        }
    }
}

#[test]
fn every_form_names_a_place_and_what_is_spoken_there() {
    for (text, spoken, place) in [
        ("tcps://db:5000", Spoken::Ipc, "db:5000"),
        (":tcps://db:5000", Spoken::Ipc, "db:5000"),
        ("TCPS://DB:5000", Spoken::Ipc, "db:5000"),
        ("tcps://:5000", Spoken::Ipc, "localhost:5000"),
        ("tcps://[::1]:5000:me:it", Spoken::Ipc, "[::1]:5000"),
        ("unixs://5000", Spoken::Ipc, "@/tmp/kx.5000"),
        ("unixs:///run/kdb", Spoken::Ipc, "/run/kdb"),
        ("unixs://@kdb", Spoken::Ipc, "@kdb"),
        ("https://www.kx.com", Spoken::Http, "www.kx.com:443"),
        ("https://[::1]", Spoken::Http, "[::1]:443"),
        (
            "https://127.0.0.1:5000/a?b#c",
            Spoken::Http,
            "127.0.0.1:5000",
        ),
        ("wss://127.0.0.1:5000", Spoken::WebSocket, "127.0.0.1:5000"),
        ("tls://db:636", Spoken::Nothing, "db:636"),
        ("db:636", Spoken::Nothing, "db:636"),
    ] {
        let destination = read(text);
        assert_eq!(destination.spoken(), spoken, "{text}");
        assert_eq!(destination.to_string(), place, "{text}");
    }
}

#[test]
fn a_user_holds_no_colon_and_a_password_may() {
    assert_eq!(read("tcps://h:1:me:a:b:").credentials(), "me:a:b:");
    assert_eq!(read("tcps://h:1:me").credentials(), "me");
    assert_eq!(read("unixs://5000:me:it").credentials(), "me:it");
    for (text, has) in [
        ("tcps://h:1", false),
        ("tcps://h:1:me:", false),
        ("tcps://h:1:me:it", true),
    ] {
        assert_eq!(read(text).has_password(), has, "{text}");
    }
}

#[test]
fn the_path_of_a_url_is_what_is_asked_for() {
    assert_eq!(read("https://a").path(), "/");
    assert_eq!(read("https://a/b/c?d=e#f").path(), "/b/c?d=e");
    assert_eq!(read("wss://a?d").path(), "/?d");
    assert_eq!(read("https://a:443").authority(), "a");
    assert_eq!(read("https://[::1]:5000").authority(), "[::1]:5000");
}

#[test]
fn the_certificate_has_to_be_for_the_host_unless_somebody_says_otherwise() {
    assert_eq!(read("tcps://Db.example:1").server_name(), "db.example");
    assert_eq!(read("unixs://5000").server_name(), "localhost");
    let other = read("tcps://10.0.0.1:1").with_server_name("db");
    assert_eq!(other.server_name(), "db");
}

#[test]
fn the_directory_of_kdbs_sockets_is_the_callers_to_say() {
    let moved = read("unixs://5000").with_socket_directory(Path::new("/home/kdb"));
    assert_eq!(moved.to_string(), "@/home/kdb/kx.5000");
}

#[test]
fn what_is_not_tls_is_refused_with_what_is() {
    for (text, instead) in [
        ("tcp://a:1", "tcps://"),
        (":a:1", "tcps://"),
        ("unix://5000", "unixs://"),
        ("http://a", "https://"),
        ("ws://a", "wss://"),
    ] {
        let text = why(text);
        assert!(text.starts_with("cannot connect without TLS: "), "{text}");
        assert!(text.ends_with(&format!("'{instead}'")), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_without_what_may_be_a_password() {
    for text in [
        "tcps://me:secret@db:5000",
        "tcps://db:secret",
        "https://me:secret@db/",
        "me:secret@db:1",
        "ftp://me:secret@db",
        "unixs://secret",
        "tcps://secret@db:5000",
        "https://secret@db:443",
        "secret@db:1",
        "unixs:///run/q.sock:me:secret",
        "unixs://@q:me:secret",
        "tcps://db:70000:me:secret",
        "tcps://db:0:me:secret",
        "tcps://db:5000:me:secret\0",
    ] {
        assert!(!why(text).contains("secret"), "{text}");
    }
    let known = read("tcps://db:5000:me:secret");
    assert!(!format!("{known} {known:?}").contains("secret"));
    assert_eq!(
        why("tcps://a b:1"),
        "cannot read the connection string: 'a b' is not a host name or address"
    );
    assert_eq!(
        why("tcps://db"),
        "cannot read the connection string: it is not HOST:PORT"
    );
}

#[test]
fn a_capability_is_one_that_there_is() {
    assert!(read("tcps://a:1").with_capability(6).is_ok());
    assert!(read("tcps://a:1").with_capability(7).is_err());
}

proptest! {
    #[test]
    fn no_string_is_too_odd(text in ".*", scheme in 0..6_usize) {
        let schemes = ["", ":tcps://", "unixs://", "https://", "wss://", "tls://"];
        let _ = format!("{}{text}", schemes[scheme]).parse::<Destination>();
    }
}
