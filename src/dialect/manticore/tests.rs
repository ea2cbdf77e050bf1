use super::reading::KEYS;
use super::*;
use crate::dialect::tests::Memory;
use crate::dialect::{Source, complete, own, read};
use crate::settings::{Builder, Level, Origin, TABLE, VerifyClient};
use proptest::prelude::*;

const NAME: &str = "manticore.conf";

/// What a file comes to.
fn builder(source: &dyn Source, name: &str) -> Builder {
    with_flags(source, name, &[])
}

/// What a file and flags come to.
fn with_flags(source: &dyn Source, name: &str, flags: &[(&str, &str)]) -> Builder {
    let mut builder = Builder::new(Settings::default());
    read(None, source, Path::new(name), &mut builder);
    builder.begin_layer();
    for (name, value) in flags {
        builder.set(name, value, Origin::Flag(format!("--{name}").into()));
    }
    complete(source, &mut builder);
    builder
}

/// What the keys of `searchd` come to.
fn of(keys: &str) -> Settings {
    let text = format!("searchd {{\n{keys}\n}}\n");
    let source = Memory::of([(NAME, &text)]);
    builder(&source, NAME).settings().clone()
}

/// What is wrong with a file, or else what is said: warnings after `! `.
fn said(text: &str) -> Vec<String> {
    match builder(&Memory::of([(NAME, text)]), NAME).unchecked() {
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        Ok((_, notes)) => notes
            .iter()
            .map(|note| match note.level {
                Level::Warn => format!("! {note}"),
                Level::Info => note.to_string(),
            })
            .collect(),
    }
}

/// The same for the keys of `searchd`, which begin on line 2.
fn said_of(keys: &str) -> Vec<String> {
    said(&format!("searchd {{\n{keys}\n}}\n"))
}

fn get(settings: &Settings, option: &str) -> String {
    settings.get(option).expect(option).join(" ")
}

#[test]
fn without_a_certificate_or_key_listeners_do_without_tls() {
    let all = "listen = 1\nlisten = 2:http\nlisten = 3:mysql\nlisten = 4:https\nlisten = 5:sphinx\n\
               listen = /a\nlisten = /b:mysql41\nlisten = /c:https\nlisten = /d:sphinx";
    let endpoints = |keys: &str| {
        get(&of(&format!("{all}\n{keys}")), "server.endpoint").replace(",timeout.keep-alive=", "?")
    };
    let without = "manticore+tcp://0.0.0.0:1?300s manticore+tcp://0.0.0.0:2?300s mysql+tcp://0.0.0.0:3?900s \
                   manticore+https://0.0.0.0:4?300s sphinx://0.0.0.0:5?300s manticore+unix:///a?300s \
                   mysql+unix:///b?900s manticore+https+unix:///c?300s sphinx+unix:///d?300s";
    for keys in ["", "ssl_ca = ca.pem", "ssl_cert =\nssl_key = # none"] {
        assert_eq!(endpoints(keys), without, "{keys}");
    }
    let with = "manticore://0.0.0.0:1?300s manticore://0.0.0.0:2?300s mysql://0.0.0.0:3?900s \
                manticore+https://0.0.0.0:4?300s sphinx://0.0.0.0:5?300s manticore+ssl+unix:///a?300s \
                mysql+ssl+unix:///b?900s manticore+https+unix:///c?300s sphinx+unix:///d?300s";
    for keys in [
        "ssl_cert = a",
        "ssl_key = a",
        "ssl_cert = a\nssl_key = a",
        "tlsport.ssl_keyfile = a",
        "tlsport.ssl.certfile = a",
    ] {
        assert_eq!(endpoints(keys), with, "{keys}");
    }
}

#[test]
fn a_certificate_is_one_whoever_names_it() {
    let text = "searchd {\nlisten = 1\nlisten = 2:mysql\nlisten = 3:https\n}\n";
    let source = Memory::of([(NAME, text)]);
    let tls = |flags: &[(&str, &str)]| {
        let builder = with_flags(&source, NAME, flags);
        let endpoints = builder.settings().endpoints.iter();
        let tls: Vec<bool> = endpoints.map(|e| e.accept.has_tls()).collect();
        tls
    };
    assert_eq!(tls(&[]), [false, false, true]);
    assert_eq!(tls(&[("ssl.keyfile", "a")]), [true; 3]);
    assert_eq!(tls(&[("ssl.certfile", "a")]), [true; 3]);
    let half = [("ssl.certfile", "a")];
    let (_, notes) = with_flags(&source, NAME, &half)
        .unchecked()
        .expect("no error");
    assert_eq!(
        notes[0].text,
        "--ssl.certfile: the private key of the certificate is missing: 'ssl_key' names it"
    );
    // Whoever wants no start without a certificate hears that there is none.
    assert_eq!(tls(&[("ssl.unusable", "refuse")]), [true; 3]);
    let own = ("server.endpoint", "mysql://h");
    assert_eq!(tls(&[own]), [true]);
    let own = "searchd {\ntlsport.server_endpoint = mysql://h,ssl.keyfile=a\ntlsport.server_endpoint = mysql://i\n}\n";
    let builder = builder(&Memory::of([(NAME, own)]), NAME);
    assert_eq!(
        get(builder.settings(), "server.endpoint"),
        "mysql://h:3306,ssl.keyfile=a mysql+tcp://i:3306"
    );
}

#[test]
fn without_a_listener_there_are_the_originals() {
    for (keys, expected) in [
        (
            "",
            "manticore+tcp://0.0.0.0:9312,timeout.keep-alive=300s mysql+tcp://0.0.0.0:9306,timeout.keep-alive=900s",
        ),
        (
            "ssl_key = k\nclient_timeout = 1\nsphinxql_timeout = 2",
            "manticore://0.0.0.0:9312,timeout.keep-alive=1s mysql://0.0.0.0:9306,timeout.keep-alive=2s",
        ),
        // What cannot be an endpoint here is a listener all the same.
        ("listen = 9360-9370:replication", ""),
    ] {
        let settings = of(keys);
        let endpoints = get(&settings, "server.endpoint");
        if !expected.is_empty() {
            assert_eq!(endpoints, expected, "{keys}");
            assert!(
                settings
                    .endpoints
                    .iter()
                    .all(|endpoint| !endpoint.is_chosen())
            );
        }
    }
    let left = of("listen = 127.0.0.1:9360-9370:replication");
    assert!(left.endpoints.is_empty());
}

#[test]
fn relative_files_are_beside_the_configuration() {
    let text = "searchd {\nssl_cert = s.pem\nssl_key = /k/s.key\nssl_ca = ../ca.pem\n}\n";
    let source = Memory::of([("/etc/m/manticore.conf", text)]);
    let builder = builder(&source, "/etc/m/manticore.conf");
    let settings = builder.settings();
    assert_eq!(get(settings, "ssl.certfile"), "/etc/m/s.pem");
    assert_eq!(get(settings, "ssl.keyfile"), "/k/s.key");
    assert_eq!(get(settings, "ssl.cafile"), "/etc/m/../ca.pem");
    let origin = settings.policy.cert_files[0].origin.to_string();
    assert_eq!(origin, "/etc/m/manticore.conf:2");
}

#[test]
fn a_ca_file_asks_no_client_for_a_certificate() {
    let keys = "ssl_ca = ca.pem\nssl_cert = a\nssl_key = b";
    assert_eq!(of(keys).policy.verify(), VerifyClient::None);
    let keys = format!("{keys}\ntlsport.ssl_verify_client = require");
    assert_eq!(of(&keys).policy.verify(), VerifyClient::Require);
}

#[test]
fn the_handshakes_deadline_is_the_networks() {
    for (keys, expected) in [
        ("", "5s"),
        ("network_timeout = 7", "7s"),
        ("read_timeout = 1m", "60s"),
        ("network_timeout = 7\nread_timeout = 1m", "7s"),
        ("read_timeout = 1m\nnetwork_timeout = 500ms", "500ms"),
        ("network_timeout =\nread_timeout = 8", "8s"),
    ] {
        assert_eq!(get(&of(keys), "timeout.handshake"), expected, "{keys}");
    }
}

#[test]
fn own_options_beat_the_originals() {
    let settings = of(
        "tlsport.timeout_handshake = 3\nnetwork_timeout = 7\ntlsport.backend = http=tcp://h:1\n\
         tlsport.backend = mysql=unix:///m\ntlsport.server.endpoint = ssl://h\nlisten = 9312",
    );
    assert_eq!(get(&settings, "timeout.handshake"), "3s");
    assert_eq!(get(&settings, "backend"), "http=tcp://h:1 mysql=unix:///m");
    assert_eq!(get(&settings, "server.endpoint"), "http+ssl://h:8529");
}

#[test]
fn idle_clients_are_as_each_kind_of_listener_has_it_unless_one_time_is_for_all() {
    let listens = "listen = 1\nlisten = 2:mysql\nclient_timeout = 1m\nsphinxql_timeout = 0";
    assert_eq!(
        get(&of(listens), "server.endpoint"),
        "manticore+tcp://0.0.0.0:1,timeout.keep-alive=60s mysql+tcp://0.0.0.0:2,timeout.keep-alive=0s"
    );
    let settings = of(&format!("{listens}\ntlsport.timeout_keep_alive = 2h"));
    assert_eq!(
        get(&settings, "server.endpoint"),
        "manticore+tcp://0.0.0.0:1 mysql+tcp://0.0.0.0:2"
    );
    assert_eq!(get(&settings, "timeout.keep-alive"), "7200s");
}

#[test]
fn of_a_key_given_twice_the_first_counts() {
    let keys = "ssl_cert = a\nssl_cert = b\nssl_key = k";
    assert_eq!(get(&of(keys), "ssl.certfile"), "a");
    assert_eq!(
        said_of(keys),
        [
            "! manticore.conf:3: 'ssl_cert' is not multi-value: 'b' will be ignored, as it was given before (manticore.conf:2)"
        ]
    );
}

#[test]
fn what_is_left_to_the_server_is_said() {
    for (listen, expected) in [
        ("9312", None),
        (
            "10.0.0.1:9320-9328:replication",
            Some(
                "'10.0.0.1:9320-9328:replication' is for replication between servers, and left to them",
            ),
        ),
        (
            "10.0.0.1:9320:replication",
            Some(
                "'10.0.0.1:9320:replication' is for replication between servers, and left to them",
            ),
        ),
        (
            "10.0.0.1:9320-9328",
            Some("'10.0.0.1:9320-9328' is for replication between servers, and left to them"),
        ),
        (
            "9306:mysql_vip",
            Some(
                "'9306:mysql_vip': '_vip' has no effect here: its backend has to be a '_vip' listener of the server",
            ),
        ),
    ] {
        let expected: Vec<String> = expected
            .iter()
            .map(|text| format!("manticore.conf:2: 'listen': {text}"))
            .collect();
        assert_eq!(said_of(&format!("listen = {listen}")), expected);
    }
    assert_eq!(
        said_of("listen = 9306:mysql_readonly"),
        [
            "! manticore.conf:2: 'listen': '9306:mysql_readonly': nothing here keeps clients from writing: its backend has to be \
             a '_readonly' listener of the server"
        ]
    );
}

#[test]
fn what_is_wrong_is_told_at_once_with_its_line() {
    let text = "\
searchd {
  listen = 9306:ftp
  listen = a:1:http:b
  ssl_cret = a.pem
  ssl_horse = a
  client_timeout = soon
  tlsport.ssl_kefyile = b
  tslport.backend = c
  listen = [::1]:x
  lsten = 9312
  log
  log = x
  network_timeout = -1
  tlsport.timeout_handshake = 5 weeks
}
serachd {
  listen = 1
}
searchd {
  listen = 2
}
";
    let mut errors = said(text);
    errors.sort_by_key(|error| {
        let line = error.split(':').nth(1).and_then(|line| line.parse().ok());
        line.unwrap_or(0)
    });
    assert_eq!(
        errors,
        [
            "manticore.conf:2: 'listen': unknown listen protocol type 'ftp'",
            "manticore.conf:3: 'listen': invalid listen format (too many fields)",
            "manticore.conf:4: unknown key name 'ssl_cret': did you mean 'ssl_cert'?",
            "manticore.conf:5: unknown key name 'ssl_horse'",
            "manticore.conf:6: 'client_timeout': 'soon' is not a time (seconds, or a whole number with us, ms, s, m, h, d or w)",
            "manticore.conf:7: unknown option 'tlsport.ssl_kefyile': did you mean 'tlsport.ssl_keyfile'?",
            "manticore.conf:8: unknown key name 'tslport.backend': did you mean 'tlsport.backend'?",
            "manticore.conf:9: 'listen': port 'x' is not a number",
            "manticore.conf:10: unknown key name 'lsten': did you mean 'listen'?",
            "manticore.conf:11: key 'log': expected '=', got 'l'",
            "manticore.conf:13: 'network_timeout': '-1' is not a time (seconds, or a whole number with us, ms, s, m, h, d or w)",
            "manticore.conf:14: 'tlsport.timeout_handshake': '5 weeks' is not a time (seconds, or a whole number with us, ms, s, m, h or d)",
            "manticore.conf:16: invalid section type 'serachd': did you mean 'searchd'?",
            "manticore.conf:19: section 'searchd' (type='searchd') already exists",
        ]
    );
}

#[test]
fn a_file_that_is_none_says_why() {
    for (text, why) in [
        (
            "#!/bin/sh\ncat << EOF\nsearchd {\n}\nEOF\n",
            "manticore.conf:1: this is a script, which is not run here: save what it prints, and give that file instead",
        ),
        ("", "'searchd' config section not found in 'manticore.conf'"),
        (
            "index a {\npath = x\n}\n",
            "'searchd' config section not found in 'manticore.conf'",
        ),
        (
            "searchd {\nssl_key = -----BEGIN\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n",
            "manticore.conf: this is a PEM file and not a configuration",
        ),
        (
            "\n\nsearchd {\nlisten = 9312\n",
            "manticore.conf:3: section 'searchd' is not closed by a '}' on a line of its own",
        ),
    ] {
        assert_eq!(said(text), [why], "{text}");
    }
    // A comment on a later line is one, whatever it begins with.
    assert_eq!(said("\n#!/bin/sh\nsearchd {\n}\n"), [""; 0]);
}

#[test]
fn what_is_hardly_a_configuration_is_not_read_to_its_end() {
    let said = said(&"word\n".repeat(1000));
    assert!(said.len() < 30, "{}", said.len());
    let last = "too many lines are wrong: the rest was not read";
    assert!(said.iter().any(|error| error.ends_with(last)), "{said:?}");
}

#[test]
fn bytes_that_are_no_text_matter_in_our_keys_alone() {
    let text = b"# \xe4\nsearchd {\nlog = \xe4\nssl_key = \xe4\n}\n".to_vec();
    let source = Memory([(NAME, Some(text))].into());
    let problems = builder(&source, NAME).unchecked().expect_err("wrong");
    assert_eq!(
        problems.to_string(),
        "manticore.conf:4: 'ssl_key': '\u{fffd}' is not UTF-8 text"
    );
}

#[test]
fn files_of_other_systems_are_told_apart() {
    let none = Path::new("x.conf");
    for text in [
        "searchd {",
        "# x\nsource a {\n}\n\n  searchd\n{\nthreads = 4\nmax_connections = 5\n}",
        "\u{feff}searchd # x",
        "#!/bin/sh\ncat << EOF\nsearchd {",
    ] {
        assert!(recognise(none, text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "[ssl]\nkeyfile = server.pem",
        "listen = 9312",
        "#searchd {",
        "searchd = 1",
    ] {
        assert!(!recognise(none, text.as_bytes()), "{text}");
    }
    for name in [
        "manticore.conf",
        "/etc/sphinxsearch/sphinx.conf",
        "manticore-2.conf",
    ] {
        assert!(recognise(Path::new(name), b""), "{name}");
    }
    assert!(!recognise(Path::new("manticore.txt"), b""));
}

#[test]
fn keys_that_a_real_server_may_have_are_never_taken_for_slips() {
    let keys: Vec<&str> = OTHERS.split_whitespace().collect();
    let text: String = keys.iter().map(|key| format!("{key} = 1\n")).collect();
    let count = keys.len();
    assert_eq!(
        said_of(&text),
        [format!(
            "{NAME}: {count} keys are no concern of tlsport and were left alone (searchd)"
        )]
    );
}

/// Keys of ours with a value, good or bad.
fn line() -> impl Strategy<Value = String> {
    let own: Vec<String> = TABLE
        .iter()
        .map(|record| format!("{}{}", own::PREFIX, own::plain(record.name)))
        .collect();
    let keys = prop::sample::select(KEYS.to_vec()).prop_map(String::from);
    let name = prop_oneof![keys, prop::sample::select(own), "[a-z_.]{1,9}"];
    let listen =
        "(10\\.0\\.0\\.1:|\\[::1?\\]:)?[0-9]{1,5}(:(mysql|https?|sphinx)(_vip)?(_readonly)?)?";
    let value = prop_oneof![
        listen,
        "[^\n]{0,9}",
        "[0-9]{1,3}[a-z]{0,2}",
        "/[a-z./,]{1,9}"
    ];
    (name, value).prop_map(|(name, value)| format!("{name} = {value}\n"))
}

proptest! {
    #[test]
    fn no_configuration_is_too_odd(
        lines in prop::collection::vec(line(), 0..8),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        text in "(searchd|listen|index|=|[{}#\\\\:\n ]|[0-9]{1,5}){0,30}",
    ) {
        let lines = format!("searchd {{\n{}}}\n", lines.concat());
        for content in [lines.into_bytes(), bytes, text.into_bytes()] {
            let source = Memory([(NAME, Some(content))].into());
            let _ = builder(&source, NAME).finish();
        }
    }

    #[test]
    fn what_is_set_can_be_shown_and_given_back(lines in prop::collection::vec(line(), 0..8)) {
        let text = format!("searchd {{\n{}}}\n", lines.concat());
        let builder = builder(&Memory::of([(NAME, &text)]), NAME);
        let found = builder.settings().clone();
        if builder.unchecked().is_ok() {
            for record in TABLE {
                for (value, _) in (record.get)(&found) {
                    let again = (record.set)(&mut Settings::default(), &value, &Origin::Program);
                    prop_assert_eq!(again, Ok(()), "{:?} {}", record, value);
                }
            }
        }
    }

    #[test]
    fn every_error_has_a_line(lines in prop::collection::vec(line(), 0..8)) {
        let text = format!("searchd {{\n{}}}\n", lines.concat());
        let builder = builder(&Memory::of([(NAME, &text)]), NAME);
        if let Err(problems) = builder.unchecked() {
            for problem in problems.0 {
                let text = problem.to_string();
                let line = text.strip_prefix("manticore.conf:").unwrap_or("");
                prop_assert!(line.starts_with(|c: char| c.is_ascii_digit()), "{}", text);
            }
        }
    }
}

/// What servers have in `searchd` besides, from Sphinx 2.2 to Manticore Search of today.
const OTHERS: &str = "
access_blob_attrs access_dict access_doclists access_hitlists access_plain_attrs accurate_aggregation address
agent_connect_timeout agent_query_timeout agent_retry_count agent_retry_delay attr_flush_period auto_optimize
auto_schema binlog_common binlog_filename_digits binlog_flush binlog_max_log_size binlog_path boolean_simplify
buddy_path collation_libc_locale collation_server data_dir diskchunk_flush_search_timeout
diskchunk_flush_write_timeout distinct_precision_threshold dist_threads docstore_cache_size engine
expansion_limit expansion_merge_threshold_docs expansion_merge_threshold_hits expansion_phrase_limit
expansion_phrase_warning grouping_in_utc ha_period_karma ha_ping_interval hostname_lookup jobs_queue_size
join_batch_size join_cache_size kibana_version_string listen_backlog listen_tfo log log_http max_batch_queries
max_children max_connections max_filter_values max_filters max_matches max_open_files max_packet_size
max_threads_per_query merge_buffer_attributes merge_buffer_columnar merge_buffer_dict merge_buffer_fulltext
merge_buffer_storage merge_si_memlimit mva_updates_pool mysql_version_string net_send_job net_throttle_accept
net_throttle_action net_wait_tm net_workers node_address not_terms_only_allowed ondisk_attrs_default
ondisk_dict_default optimize_cutoff persistent_connections_limit pid_file plugin_dir port predicted_time_costs
prefer_rotate prefork prefork_rotation_throttle preopen_indexes preopen_tables pseudo_sharding qcache_max_bytes
qcache_thresh_msec qcache_ttl_sec query_log query_log_commands query_log_format query_log_min_msec
query_log_mode queue_max_length read_buffer read_buffer_columnar read_buffer_docs read_buffer_hits
read_unhinted replication_connect_timeout replication_query_timeout replication_retry_count
replication_retry_delay reset_network_timeout_on_packet rt_flush_period rt_merge_iops rt_merge_maxiosize
seamless_rotate secondary_indexes server_id shutdown_timeout shutdown_token skiplist_cache_size
snippets_file_prefix sphinxql_state subtree_docs_cache subtree_hits_cache telemetry thread_stack threads
timezone unlink_old watchdog workers
";
