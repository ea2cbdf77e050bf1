//! A policy on an `SSL_CTX` that somebody else made.

use crate::error::Kind;
use crate::tls::testing::{Authority, Client, DAY, EC, Policy, Server, greet, self_signed};
use crate::tls::{Context, Prepared, Role, sys};
use openssl::ssl::{
    SslContextBuilder, SslMethod, SslMode, SslSessionCacheMode, SslVerifyMode, SslVersion,
};

fn theirs(method: SslMethod) -> SslContextBuilder {
    SslContextBuilder::new(method).unwrap()
}

fn served(context: SslContextBuilder) -> Server {
    Server(Context::around(context.build(), Role::Server))
}

/// A policy without an endpoint's default protocol.
fn policy() -> Policy {
    let mut policy = Policy::new();
    policy.set("ssl.protocol", "9");
    policy
}

/// Puts it on, or says why not; `Usage` is marked.
fn apply(policy: &Policy, context: &mut SslContextBuilder) -> Result<(), String> {
    policy.load().apply(context).map_err(|problems| {
        let usage = problems
            .0
            .iter()
            .all(|problem| problem.kind() == Kind::Usage);
        format!("{}{problems}", if usage { "usage: " } else { "" })
    })
}

fn refusal(policy: &Policy, context: &mut SslContextBuilder) -> String {
    let before = look(context);
    let said = apply(policy, context).expect_err("this is refused");
    assert_eq!(look(context), before, "nothing has changed");
    let start = "usage: cannot apply settings to this SSL_CTX: ";
    said.strip_prefix(start).unwrap_or(&said).to_owned()
}

/// What can be seen of a context.
fn look(context: &mut SslContextBuilder) -> String {
    let bounds = (context.min_proto_version(), context.max_proto_version());
    let view = sys::view(context);
    format!(
        "{:x} {:?} {} {:?} {:?} {}",
        sys::builder_options(context),
        bounds,
        view.security_level(),
        view.verify_mode(),
        sys::cipher_names(context),
        view.num_tickets(),
    )
}

#[test]
fn a_server_of_somebody_elses_serves_the_policy() {
    let mut policy = policy();
    policy.set("ssl.options", "NO_TICKET").set("ssl.alpn", "h2");
    policy.set("ssl.cipher-list", "ECDHE-ECDSA-AES256-GCM-SHA384");
    let mut context = theirs(SslMethod::tls());
    apply(&policy, &mut context).unwrap();
    assert_ne!(sys::builder_options(&context) & sys::OP_NO_TICKET, 0);
    let client = Client {
        alpn: b"\x02h2",
        ..Client::only(SslVersion::TLS1_2)
    };
    let met = client.meet(&served(context)).unwrap();
    assert_eq!(met.facts.cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    assert_eq!(met.facts.alpn.as_deref(), Some("h2"));
    assert_eq!(met.shown, ["localhost"]);
}

#[test]
fn what_the_policy_does_not_speak_of_stays() {
    let mut context = theirs(SslMethod::tls_server());
    context.set_mode(SslMode::RELEASE_BUFFERS);
    context.set_read_ahead(true);
    let mode = context.set_mode(SslMode::empty());
    context.set_num_tickets(5).unwrap();
    context.set_session_cache_size(77);
    sys::set_options(&mut context, 1 << 30); // SSL_OP_NO_RENEGOTIATION
    apply(&policy(), &mut context).unwrap();
    assert_eq!(context.set_mode(SslMode::empty()), mode);
    assert_eq!(sys::view(&context).num_tickets(), 5);
    assert_eq!(context.set_session_cache_size(1), 77);
    assert_ne!(sys::builder_options(&context) & 1 << 30, 0);
}

#[test]
fn a_verify_callback_goes_on_deciding_under_every_server_name() {
    let authority = Authority::new("root");
    let mut policy = policy();
    let file = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", file.to_str().unwrap());
    let named = policy.file("named.pem", &self_signed("named", EC).pem());
    let named = format!("a.example={}", named.display());
    policy.set("ssl.server-name-indication", &named);
    let mut context = theirs(SslMethod::tls_server());
    context.set_verify_callback(SslVerifyMode::NONE, |_, _| true);
    apply(&policy, &mut context).unwrap();
    let server = served(context);
    for name in [None, Some("a.example")] {
        let stranger = Client {
            identity: Some(Authority::new("other").issue("me", EC)),
            server_name: name,
            ..Client::default()
        };
        assert!(stranger.meet(&server).is_ok(), "{name:?}");
        let nobody = Client {
            server_name: name,
            ..Client::default()
        };
        assert!(nobody.meet(&server).is_err(), "{name:?}");
    }
}

#[test]
fn server_names_are_told_apart() {
    let mut policy = policy();
    let named = policy.file("named.pem", &self_signed("named", EC).pem());
    let named = format!("a.example={}", named.display());
    policy.set("ssl.server-name-indication", &named);
    let mut context = theirs(SslMethod::tls());
    apply(&policy, &mut context).unwrap();
    let server = served(context);
    for (name, shown) in [("a.example", "named"), ("b.example", "localhost")] {
        let client = Client {
            server_name: Some(name),
            ..Client::default()
        };
        assert_eq!(client.meet(&server).unwrap().shown, [shown]);
    }
}

#[test]
fn the_session_cache_is_libssls_own_or_off() {
    for (cache, mode) in [
        ("true", SslSessionCacheMode::SERVER),
        ("false", SslSessionCacheMode::OFF),
    ] {
        let mut policy = policy();
        policy.set("ssl.session-cache", cache);
        policy.set("ssl.session-tickets", "false");
        let mut context = theirs(SslMethod::tls_server());
        apply(&policy, &mut context).unwrap();
        assert_eq!(context.set_session_cache_mode(mode), mode);
        let server = served(context);
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let client = Client::only(version);
            let met = client.meet(&server).unwrap();
            let resumed = client
                .with_session(&met)
                .meet(&server)
                .unwrap()
                .facts
                .resumed;
            assert_eq!(resumed, cache == "true", "{version:?}");
        }
    }
}

#[test]
fn tickets_are_sealed_with_libssls_keys_unless_there_is_a_file_of_keys() {
    let mut policy = policy();
    let client = Client::only(SslVersion::TLS1_3);
    let pair = |policy: &Policy| {
        [(), ()].map(|()| {
            let mut context = theirs(SslMethod::tls_server());
            apply(policy, &mut context).unwrap();
            served(context)
        })
    };
    let resumes = |first: &Server, second: &Server| {
        let met = client.meet(first).unwrap();
        client
            .with_session(&met)
            .meet(second)
            .unwrap()
            .facts
            .resumed
    };
    let [first, second] = pair(&policy);
    assert!(resumes(&first, &first));
    assert!(!resumes(&first, &second), "each has keys of its own");
    let keys = policy.file("keys", "ab".repeat(80).as_bytes());
    policy.set("ssl.ticket-keys", keys.to_str().unwrap());
    let [first, second] = pair(&policy);
    assert!(resumes(&first, &second));
}

#[test]
fn settings_that_are_wrong_for_it_leave_it_as_it_was() {
    let policy = policy();
    let mut context = theirs(SslMethod::tls_server());
    context.set_security_level(5);
    let said = refusal(&policy, &mut context);
    assert!(said.starts_with("cannot read certificate from"), "{said}");
    let mut context = theirs(SslMethod::tls_server());
    context
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .unwrap();
    let mut policy = Policy::new();
    policy.set("ssl.min-protocol", "TLSv1.3");
    let why = "its versions and those of the settings have none in common: TLSv1.3 is the lowest, TLSv1.2 the highest";
    assert_eq!(refusal(&policy, &mut context), why);
}

#[test]
fn what_it_is_for_is_looked_at() {
    let policy = policy();
    assert_eq!(
        refusal(&policy, &mut theirs(SslMethod::dtls())),
        "it is for DTLS"
    );
    assert_eq!(
        refusal(&policy, &mut theirs(SslMethod::tls_client())),
        "it is for clients alone"
    );
    let (client, _) = Prepared::load_client(&Policy::empty().settings).unwrap();
    let said = client
        .apply(&mut theirs(SslMethod::tls_server()))
        .unwrap_err();
    assert_eq!(
        said.to_string(),
        "cannot apply settings to this SSL_CTX: it is for servers alone"
    );
    for method in [SslMethod::tls(), SslMethod::tls_client()] {
        client.apply(&mut theirs(method)).unwrap();
    }
}

#[test]
fn one_that_has_had_connections_is_left_alone() {
    let policy = policy();
    let mut context = theirs(SslMethod::tls_server());
    apply(&policy, &mut context).unwrap();
    let mut again = sys::another_builder(sys::view(&context));
    Client::default().meet(&served(context)).unwrap();
    assert_eq!(
        refusal(&policy, &mut again),
        "it has had connections already"
    );
}

#[cfg(not(openssl4))]
#[test]
fn a_method_of_one_version_has_to_be_the_policys() {
    let mut policy = Policy::new();
    let only = || theirs(sys::tls1_2_alone());
    apply(&policy, &mut only()).unwrap();
    policy.set("ssl.protocol", "9");
    apply(&policy, &mut only()).unwrap();
    policy.set("ssl.protocol", "6");
    let why = "its method speaks TLSv1.2 alone, and the settings ask for TLSv1.3";
    assert_eq!(refusal(&policy, &mut only()), why);
    policy
        .set("ssl.protocol", "9")
        .set("ssl.min-protocol", "TLSv1.1");
    let why = "its method speaks TLSv1.2 alone, and the settings ask for TLSv1.1";
    assert_eq!(refusal(&policy, &mut only()), why);
}

#[test]
fn one_that_has_a_policy_is_left_alone() {
    let mut context = theirs(SslMethod::tls());
    apply(&policy(), &mut context).unwrap();
    let why = "it has a policy of tlsport's already";
    assert_eq!(refusal(&policy(), &mut context), why);
    Client::default().meet(&served(context)).unwrap();
}

#[test]
fn one_of_ours_is_refused() {
    let ssl = policy().server().0.new_ssl().unwrap();
    let mut context = sys::another_builder(ssl.ssl_context());
    assert_eq!(
        refusal(&policy(), &mut context),
        "it has a policy of tlsport's already"
    );
    let (prepared, _) = Prepared::load_client(&Policy::empty().settings).unwrap();
    let ssl = Context::client(&prepared).unwrap().new_ssl().unwrap();
    let mut context = sys::another_builder(ssl.ssl_context());
    let said = prepared.apply(&mut context).unwrap_err().to_string();
    assert!(
        said.ends_with("it has a policy of tlsport's already"),
        "{said}"
    );
}

#[test]
fn a_client_of_somebody_elses_verifies_with_the_policy() {
    let authority = Authority::new("root");
    let mut server = Policy::empty();
    server.identity("server.pem", &authority.issue("localhost", EC).pem());
    server.set("ssl.protocol", "9").set("ssl.alpn", "h2");
    let server = server.server();
    let mut policy = Policy::empty();
    let file = policy.file("ca.pem", &authority.pem());
    policy
        .set("ssl.cafile", file.to_str().unwrap())
        .set("ssl.alpn", "h2");
    for alpn in [Some("h2"), None] {
        policy.set("ssl.alpn", alpn.unwrap_or(""));
        let (prepared, _) = Prepared::load_client(&policy.settings).unwrap();
        let mut context = theirs(SslMethod::tls());
        prepared.apply(&mut context).unwrap();
        let context = Context::around(context.build(), Role::Client);
        let facts = greet(&context, "localhost", &server).unwrap();
        assert_eq!(facts.alpn.as_deref(), alpn);
        assert!(greet(&context, "other.example", &server).is_err());
    }
}

#[test]
fn failures_are_passed_over_where_the_policy_of_a_server_name_says_so() {
    let authority = Authority::new("root");
    let mut policy = policy();
    let file = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", file.to_str().unwrap());
    let named = policy.file("named.pem", &self_signed("named", EC).pem());
    let named = format!(
        "a.example={},ssl.verify-client=request-unverified",
        named.display()
    );
    policy.set("ssl.server-name-indication", &named);
    let mut context = theirs(SslMethod::tls_server());
    apply(&policy, &mut context).unwrap();
    let server = served(context);
    let stranger = |name| Client {
        identity: Some(Authority::new("other").issue("me", EC)),
        server_name: name,
        ..Client::default()
    };
    let met = stranger(Some("a.example")).meet(&server).unwrap();
    assert_eq!(met.facts.peer.unwrap().verify_error, 20);
    assert!(stranger(None).meet(&server).is_err());
}

#[test]
fn an_expired_client_is_accepted_where_the_policy_says_so() {
    let authority = Authority::new("root");
    let mut policy = policy();
    let file = policy.file("ca.pem", &authority.pem());
    policy.set("ssl.cafile", file.to_str().unwrap());
    policy.set("kdb-accept-expired", "true");
    let mut context = theirs(SslMethod::tls_server());
    context.set_verify_callback(SslVerifyMode::NONE, |_, _| false);
    apply(&policy, &mut context).unwrap();
    let server = served(context);
    let client = |authority: &Authority| Client {
        identity: Some(authority.issue_for("me", EC, (-9 * DAY, -DAY))),
        ..Client::default()
    };
    let met = client(&authority).meet(&server).unwrap();
    assert_eq!(met.facts.peer.unwrap().verify_error, 10);
    assert!(client(&Authority::new("other")).meet(&server).is_err());
}
