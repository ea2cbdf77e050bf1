use super::*;
use crate::dialect::tests::Memory;
use crate::dialect::{Source, complete, own, read};
use crate::settings::{Builder, Level, Origin, TABLE, UnknownName, find};
use proptest::prelude::*;
use std::io;

const NAME: &str = "postgresql.conf";

/// What a file and flags come to.
fn settings(source: &dyn Source, flags: &[(&str, &str)]) -> Builder {
    let mut builder = Builder::new(Settings::default());
    read(None, source, Path::new(NAME), &mut builder);
    builder.begin_layer();
    for (name, value) in flags {
        let flag = Origin::Flag(format!("--{name}").into());
        builder.set(name, value, flag);
    }
    complete(source, &mut builder);
    builder
}

fn of(text: &str) -> Settings {
    settings(&Memory::of([(NAME, text)]), &[])
        .settings()
        .clone()
}

/// What is wrong, or else what is said: warnings after `! `.
fn said(source: &dyn Source, flags: &[(&str, &str)]) -> Vec<String> {
    match settings(source, flags).unchecked() {
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

fn endpoints(of: &Settings) -> Vec<String> {
    let endpoints = of.endpoints.iter();
    endpoints
        .map(|endpoint| endpoint.value.to_string())
        .collect()
}

#[test]
fn flags_beat_the_file_and_stand_on_its_defaults() {
    let source = Memory::of([(NAME, "ssl = on\nssl_ciphers = 'HIGH'\n")]);
    let flags = [
        ("ssl.cipher-list", "LOW"),
        ("server.endpoint", "postgres://h"),
    ];
    let builder = settings(&source, &flags);
    let settings = builder.settings();
    assert_eq!(settings.policy.cipher_list.value, "LOW");
    assert_eq!(settings.policy.alpn.value, ["postgresql"]);
    assert_eq!(endpoints(settings), ["postgres://h:5432"]);
}

#[test]
fn own_options_beat_the_servers() {
    let text = "tlsport.ssl_cipher_list = 'LOW'\nssl = on\nssl_ciphers = 'HIGH'\ntlsport.server_endpoint = \
                'postgres://h:1'\ntlsport.server_endpoint = 'postgres://h:2'\n";
    let settings = of(text);
    assert_eq!(settings.policy.cipher_list.value, "LOW");
    assert_eq!(endpoints(&settings), ["postgres://h:1", "postgres://h:2"]);
}

#[test]
fn tls_is_on_when_the_file_says_so() {
    for (text, expected) in [
        (
            "",
            ["postgres+tcp://127.0.0.1:5432", "postgres+tcp://[::1]:5432"],
        ),
        (
            "ssl = off",
            ["postgres+tcp://127.0.0.1:5432", "postgres+tcp://[::1]:5432"],
        ),
        (
            "ssl = on",
            ["postgres://127.0.0.1:5432", "postgres://[::1]:5432"],
        ),
        (
            "ssl = on\nlisten_addresses = '*'",
            ["postgres://0.0.0.0:5432", "postgres://[::]:5432"],
        ),
    ] {
        assert_eq!(endpoints(&of(text)), expected, "{text}");
    }
    assert!(of("ssl_key_file = 'a'").policy.key_files.is_empty());
    assert!(of("").policy.key_files.is_empty());
    assert_eq!(
        of("ssl = on").policy.key_files[0].value,
        Path::new("server.key")
    );
}

#[test]
fn a_ca_file_asks_clients_whoever_names_it() {
    use crate::settings::VerifyClient::{None, Request, Require};
    let asks = |text, flags: &[(&str, &str)]| {
        let source = Memory::of([(NAME, text)]);
        settings(&source, flags).settings().policy.verify()
    };
    assert_eq!(asks("ssl = on", &[]), None);
    assert_eq!(asks("ssl = on\nssl_ca_file = 'ca.crt'", &[]), Request);
    assert_eq!(asks("ssl = on", &[("ssl.cafile", "ca.crt")]), Request);
    let required = [("ssl.cafile", "ca.crt"), ("ssl.verify-client", "require")];
    assert_eq!(asks("ssl = on", &required), Require);
}

#[test]
fn relative_files_are_in_the_data_directory_and_included_ones_beside() {
    let source = Memory::of([
        (
            "/etc/pg/a.conf",
            "data_directory = '/data'\ninclude 'b.conf'\nhba_file = 'rules'\n",
        ),
        (
            "/etc/pg/b.conf",
            "ssl = on\nssl_key_file = 'k'\nssl_dh_params_file = 'none'\n",
        ),
        (
            "/data/postgresql.auto.conf",
            "ssl_ca_file = 'ca'\ninclude 'c.conf'\n",
        ),
        ("/data/c.conf", "port = 1"),
        ("/data/rules", "local all all trust"),
    ]);
    let mut builder = Builder::new(Settings::default());
    read(
        Some("postgresql"),
        &source,
        Path::new("/etc/pg/a.conf"),
        &mut builder,
    );
    complete(&source, &mut builder);
    let settings = builder.settings();
    let get = |name: &str| settings.get(name).expect(name).join(" ");
    assert_eq!(get("ssl.keyfile"), "/data/k");
    assert_eq!(get("ssl.certfile"), "/data/server.crt");
    assert_eq!(get("ssl.cafile"), "/data/ca");
    assert_eq!(get("ssl.dh-params"), "/data/none");
    assert_eq!(get("postgresql.hba-file"), "/data/rules");
    assert_eq!(
        get("server.endpoint"),
        "postgres://127.0.0.1:1 postgres://[::1]:1"
    );
    let set_by = settings.policy.ca_files[0].origin.to_string();
    assert_eq!(set_by, "/data/postgresql.auto.conf:1");
    assert_eq!(
        settings
            .postgresql
            .hba
            .as_ref()
            .map(|hba| hba.records.len()),
        Some(1)
    );
}

#[test]
fn a_file_called_like_no_parameters_is_a_file_all_the_same() {
    use crate::settings::DhParams::{BuiltIn, File};
    let params = |value: &str| {
        of(&format!("ssl = on\nssl_dh_params_file = '{value}'"))
            .policy
            .dh_params
            .value
    };
    assert_eq!(params(""), BuiltIn);
    assert_eq!(params("none"), File("./none".into()));
    assert_eq!(params("built-in"), File("./built-in".into()));
}

#[test]
fn rules_are_looked_for_beside_the_file_and_in_the_data_directory() {
    let conf = "data_directory = 'd'\nport = 1";
    let file = |source: &Memory| {
        let builder = settings(source, &[]);
        builder
            .settings()
            .get("postgresql.hba-file")
            .expect("an option")
            .join(" ")
    };
    let rules = "local all all trust";
    assert_eq!(file(&Memory::of([(NAME, conf)])), "");
    assert_eq!(
        file(&Memory::of([(NAME, conf), ("d/pg_hba.conf", rules)])),
        "d/pg_hba.conf"
    );
    let both = Memory::of([
        (NAME, conf),
        ("d/pg_hba.conf", rules),
        ("pg_hba.conf", rules),
    ]);
    assert_eq!(file(&both), "pg_hba.conf");
    let forbidden = Memory([(NAME, Some(Vec::new())), ("pg_hba.conf", None)].into());
    assert_eq!(
        said(&forbidden, &[]),
        ["'postgresql.hba-file': cannot read 'pg_hba.conf': permission denied"]
    );
    // Whoever does not want them says so.
    let none = [("postgresql.hba-file", "")];
    assert_eq!(
        said(&forbidden, &none),
        [
            "without 'postgresql.hba-file', every client is passed on to the backend, with TLS or without"
        ]
    );
}

#[test]
fn rules_need_no_dialect() {
    let source = Memory::of([("rules", "host all all all md5 clientcert=1")]);
    let mut builder = Builder::new(Settings::default());
    let flag = Origin::Flag("--postgresql.hba-file".into());
    builder.set("postgresql.hba-file", "rules", flag.clone());
    complete(&source, &mut builder);
    let problems = builder.unchecked().expect_err("wrong");
    assert_eq!(
        problems.to_string(),
        "rules:1: clientcert can only be configured for \"hostssl\" rows"
    );
    let mut builder = Builder::new(Settings::default());
    builder.set("postgresql.hba-file", "none", flag);
    complete(&source, &mut builder);
    let problems = builder.unchecked().expect_err("wrong");
    assert_eq!(
        problems.to_string(),
        "--postgresql.hba-file: cannot read 'none': no such file or directory"
    );
    let mut builder = Builder::new(Settings::default());
    complete(&source, &mut builder);
    let (settings, notes) = builder.unchecked().expect("nothing to read");
    assert_eq!((settings.postgresql.hba, notes), (None, Vec::new()));
}

#[test]
fn a_backend_that_asks_the_system_who_is_there_would_see_tlsport() {
    let rules = "host all all all scram-sha-256\n";
    let source = Memory::of([(NAME, ""), ("pg_hba.conf", rules)]);
    let warned = "! --backend: over its unix socket the server takes every client for the user that tlsport runs as: its \
                  pg_hba.conf must have neither 'peer' nor 'trust' for 'local'";
    assert_eq!(said(&source, &[("backend", "unix:///run/b")]), [warned]);
    assert_eq!(said(&source, &[("backend", "tcp://127.0.0.1:1")]), [""; 0]);
}

#[test]
fn what_is_hardly_a_file_of_rules_is_not_read_to_its_end() {
    let rules = "horse\n".repeat(1000);
    let source = Memory::of([(NAME, ""), ("pg_hba.conf", &rules)]);
    let said = said(&source, &[]);
    assert_eq!(said.len(), 20);
    assert_eq!(
        said[19],
        "pg_hba.conf:20: invalid connection type \"horse\" (the rest was not looked at)"
    );
}

#[test]
fn no_line_of_a_private_key_gets_into_a_message() {
    let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for (files, expected) in [
        (
            [(NAME, key), ("x", "")],
            "postgresql.conf: this is a PEM file",
        ),
        (
            [(NAME, "include 'x'"), ("x", key)],
            "postgresql.conf:1: cannot read included file 'x': this is a PEM file",
        ),
        (
            [(NAME, "hba_file = 'x'"), ("x", key)],
            "cannot read 'x': this is a PEM file",
        ),
        (
            [
                (NAME, "ssl = on\nssl_sni = on\nhosts_file = 'x'"),
                ("x", key),
            ],
            "cannot read 'x': this is a PEM file",
        ),
    ] {
        let said = said(&Memory::of(files), &[]).join("\n");
        assert!(said.contains(expected) && !said.contains("c2Vj"), "{said}");
    }
}

#[test]
fn a_data_directory_that_is_closed_hides_what_alter_system_has_set() {
    let source = Memory(
        [
            (NAME, Some(b"data_directory = 'd'".to_vec())),
            ("d/postgresql.auto.conf", None),
        ]
        .into(),
    );
    assert_eq!(
        said(&source, &[("backend", "service://echo")])[0],
        "! cannot read 'd/postgresql.auto.conf': permission denied: what ALTER SYSTEM has set does not count"
    );
}

#[test]
fn server_names_have_what_their_line_gives_and_nothing_else() {
    let conf = "ssl = on\nssl_sni = on\nssl_ca_file = 'ca'\nssl_crl_file = 'crl'\nssl_passphrase_command = 'x'\n";
    let hosts =
        "a.example,/no_sni/ a.crt a.key\nb.example b.crt b.key own \"echo a,ssl.cafile=b\" on\n";
    let strict = Memory::of([(NAME, conf), ("pg_hosts.conf", hosts)]);
    let found = settings(&strict, &[]).settings().clone();
    assert_eq!(found.unknown_name.value, UnknownName::Refuse);
    assert_eq!(found.no_name.value, UnknownName::Refuse);
    let names: Vec<&str> = found
        .names
        .iter()
        .map(|name| &name.value.name[..])
        .collect();
    assert_eq!(names, ["a.example", "/no_sni/", "b.example"]);
    let policy = found.policy_of(&found.names[0]);
    assert_eq!(policy.key_files[0].value, Path::new("a.key"));
    assert_eq!(policy.cert_files[0].value, Path::new("a.crt"));
    assert_eq!(
        (policy.ca_files.len(), &policy.passphrase_command.value),
        (0, &None)
    );
    assert_eq!(policy.crl_file.value.as_deref(), Some(Path::new("crl")));
    let policy = found.policy_of(&found.names[2]);
    assert_eq!(policy.ca_files[0].value, Path::new("own"));
    assert_eq!(
        policy.passphrase_command.value.as_deref(),
        Some("echo a,ssl.cafile=b")
    );
    assert!(policy.passphrase_reload.value);

    let hosts = format!("{hosts}* d.crt d.key\n");
    let open = Memory::of([(NAME, conf), ("pg_hosts.conf", &hosts)]);
    let found = settings(&open, &[]).settings().clone();
    assert_eq!(found.unknown_name.value, UnknownName::Default);
    assert_eq!(found.policy.key_files[0].value, Path::new("d.key"));
    assert_eq!((found.names.len(), found.policy.ca_files.len()), (3, 0));

    // Off, missing or empty, the file is not used.
    for (conf, hosts) in [
        ("ssl = on\nssl_sni = off", "broken"),
        ("ssl_sni = on", "broken"),
        ("ssl = on\nssl_sni = on", "# empty"),
    ] {
        let source = Memory::of([(NAME, conf), ("pg_hosts.conf", hosts)]);
        let builder = settings(&source, &[]);
        assert!(builder.settings().names.is_empty());
        assert!(builder.unchecked().is_ok(), "{conf}");
    }
}

#[test]
fn files_of_other_systems_are_told_apart() {
    let none = Path::new("x.conf");
    for text in [
        "shared_buffers = 128MB",
        "# x\n\nlisten_addresses = '*'",
        "SSL_CERT_FILE = 'x'",
        "ssl_cert_file = a.b # wrong, and PostgreSQL's",
        "tlsport.backend = 'tcp://h:1'",
    ] {
        assert!(recognise(none, text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "[ssl]\nkeyfile = server.pem",
        "[server]\nendpoint = ssl://h",
        "port = 5432",
        "ssl = on",
        "#shared_buffers = 1",
        "listen 443;",
        "-----BEGIN X-----\nshared_buffers = 1",
    ] {
        assert!(!recognise(none, text.as_bytes()), "{text}");
    }
    assert!(recognise(Path::new("/etc/postgresql.conf"), b""));
    assert!(recognise(Path::new("postgresql-16.conf"), b"[ssl]"));
    let arangodb = Memory::of([("a.conf", "[ssl]\nlisten_addresses = x")]);
    let mut builder = Builder::new(Settings::default());
    read(None, &arangodb, Path::new("a.conf"), &mut builder);
    assert_eq!(builder.settings().policy.alpn.value, ["http/1.1"]);
}

#[test]
fn settings_that_a_real_server_may_have_are_never_taken_for_slips() {
    for name in OTHERS.split_whitespace() {
        assert_eq!(names::slip(name), None, "{name}");
        assert!(names::known(name).is_none(), "{name}");
    }
    let text: String = OTHERS
        .split_whitespace()
        .map(|name| format!("{name} = 1\n"))
        .collect();
    let source = Memory::of([(NAME, &text)]);
    let count = OTHERS.split_whitespace().count();
    assert_eq!(
        said(&source, &[])[0],
        format!("{NAME}: {count} settings are no concern of tlsport and were left alone")
    );
}

/// A source whose every file is the same.
struct Everywhere(Vec<u8>);

impl Source for Everywhere {
    fn read(&self, _path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.0.clone()))
    }

    fn list(&self, _directory: &Path) -> io::Result<Option<Vec<std::ffi::OsString>>> {
        Ok(Some(vec!["a.conf".into(), "b.conf".into()]))
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

#[test]
fn files_that_include_each_other_come_to_an_end() {
    for text in [
        "include 'a'",
        "include_dir 'a'",
        "include_dir a",
        "include_dir 'a'\ninclude_if_exists 'b'\ninclude 'c'\nssl = on\nssl_sni = on\n",
    ] {
        let said = said(&Everywhere(text.into()), &[]);
        assert!(said.len() < 100, "{text}: {}", said.len());
    }
}

/// Names of ours with a value, good or bad.
fn line() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = names::NAMES.iter().map(|(name, _)| *name).collect();
    let own: Vec<String> = TABLE
        .iter()
        .map(|record| format!("tlsport.{}", own::plain(record.name)))
        .collect();
    let names = prop::sample::select(names).prop_map(String::from);
    let name = prop_oneof![names, prop::sample::select(own), "[a-z_.]{1,9}"];
    let value = prop_oneof![
        "'[^'\n]{0,9}'",
        "[a-z0-9]{1,6}",
        Just("'a, b'".to_owned()),
        Just("on".to_owned())
    ];
    (name, value).prop_map(|(name, value)| format!("{name} = {value}\n"))
}

proptest! {
    #[test]
    fn no_configuration_is_too_odd(
        lines in prop::collection::vec(line(), 0..8),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        for content in [lines.concat().into_bytes(), bytes] {
            let source = Memory([(NAME, Some(content.clone())), ("pg_hba.conf", Some(content.clone()))].into());
            let _ = settings(&source, &[]).finish();
            let _ = settings(&Everywhere(content), &[]).finish();
        }
    }

    #[test]
    fn what_is_set_can_be_shown_and_given_back(lines in prop::collection::vec(line(), 0..8)) {
        let text = lines.concat();
        let builder = settings(&Memory::of([(NAME, &text)]), &[]);
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
}

#[test]
fn the_options_of_server_names_may_be_set_for_one() {
    for option in [
        "ssl.certfile",
        "ssl.cafile",
        "ssl.passphrase-command",
        "ssl.passphrase-command-supports-reload",
    ] {
        assert!(
            find(option).is_some_and(|record| record.per_name),
            "{option}"
        );
    }
}

/// What servers of 10 to 18 have besides.
const OTHERS: &str = "
allow_alter_system allow_in_place_tablespaces allow_system_table_mods archive_cleanup_command archive_command
archive_library archive_mode archive_timeout array_nulls autovacuum autovacuum_analyze_scale_factor
autovacuum_analyze_threshold autovacuum_freeze_max_age autovacuum_max_workers
autovacuum_multixact_freeze_max_age autovacuum_naptime autovacuum_vacuum_cost_delay
autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor autovacuum_vacuum_insert_threshold
autovacuum_vacuum_max_threshold autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold autovacuum_work_mem
autovacuum_worker_slots backend_flush_after backslash_quote backtrace_functions bgwriter_delay
bgwriter_flush_after bgwriter_lru_maxpages bgwriter_lru_multiplier block_size bonjour bonjour_name
bytea_output check_function_bodies checkpoint_completion_target checkpoint_flush_after checkpoint_segments
checkpoint_timeout checkpoint_warning client_connection_check_interval client_encoding client_min_messages
cluster_name commit_delay commit_siblings commit_timestamp_buffers compute_query_id config_file
constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost createrole_self_grant
cursor_tuple_fraction data_checksums data_directory_mode data_sync_retry datestyle db_user_namespace
deadlock_timeout debug_assertions debug_copy_parse_plan_trees debug_discard_caches debug_io_direct
debug_logical_replication_streaming debug_parallel_query debug_pretty_print debug_print_parse debug_print_plan
debug_print_rewritten debug_raw_expression_coverage_test debug_write_read_parse_plan_trees
default_statistics_target default_table_access_method default_tablespace default_text_search_config
default_toast_compression default_transaction_deferrable default_transaction_isolation
default_transaction_read_only default_with_oids dynamic_library_path dynamic_shared_memory_type
effective_cache_size effective_io_concurrency enable_async_append enable_bitmapscan enable_distinct_reordering
enable_gathermerge enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort
enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
enable_partitionwise_join enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort
enable_tidscan escape_string_warning event_source event_triggers exit_on_error extension_control_path
extension_destdir external_pid_file extra_float_digits file_copy_method force_parallel_mode
from_collapse_limit fsync full_page_writes geqo geqo_effort geqo_generations geqo_pool_size geqo_seed
geqo_selection_bias geqo_threshold gin_fuzzy_search_limit gin_pending_list_limit gss_accept_delegation
hash_mem_multiplier hot_standby hot_standby_feedback huge_page_size huge_pages huge_pages_status
icu_validation_level idle_in_transaction_session_timeout idle_replication_slot_timeout idle_session_timeout
ignore_checksum_failure ignore_invalid_pages ignore_system_indexes in_hot_standby integer_datetimes
intervalstyle io_combine_limit io_max_combine_limit io_max_concurrency io_method io_workers is_superuser jit
jit_above_cost jit_debugging_support jit_dump_bitcode jit_expressions jit_inline_above_cost
jit_optimize_above_cost jit_profiling_support jit_provider jit_tuple_deforming join_collapse_limit
krb_caseins_users krb_server_keyfile krb_srvname lc_collate lc_ctype lc_messages lc_monetary lc_numeric
lc_time lo_compat_privileges local_preload_libraries lock_timeout log_autovacuum_min_duration log_checkpoints
log_connections log_destination log_directory log_disconnections log_duration log_error_verbosity
log_executor_stats log_file_mode log_filename log_hostname log_line_prefix log_lock_failure log_lock_failures
log_lock_waits log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages
log_parameter_max_length log_parameter_max_length_on_error log_parser_stats log_planner_stats
log_recovery_conflict_waits log_replication_commands log_rotation_age log_rotation_size
log_startup_progress_interval log_statement log_statement_sample_rate log_statement_stats log_temp_files
log_timezone log_transaction_sample_rate log_truncate_on_rotation logging_collector logical_decoding_work_mem
maintenance_io_concurrency maintenance_work_mem max_active_replication_origins max_connections
max_files_per_process max_function_args max_identifier_length max_index_keys max_locks_per_transaction
max_logical_replication_workers max_notify_queue_pages max_parallel_apply_workers_per_subscription
max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather max_pred_locks_per_page
max_pred_locks_per_relation max_pred_locks_per_transaction max_prepared_transactions max_replication_slots
max_slot_wal_keep_size max_stack_depth max_standby_archive_delay max_standby_streaming_delay
max_sync_workers_per_subscription max_wal_senders max_wal_size max_worker_processes md5_password_warnings
min_dynamic_shared_memory min_parallel_index_scan_size min_parallel_table_scan_size min_wal_size
multixact_member_buffers multixact_offset_buffers notify_buffers num_os_semaphores oauth_validator_libraries
old_snapshot_threshold operator_precedence_warning parallel_leader_participation parallel_setup_cost
parallel_tuple_cost password_encryption plan_cache_mode post_auth_delay pre_auth_delay primary_conninfo
primary_slot_name promote_trigger_file quote_all_identifiers random_page_cost recovery_end_command
recovery_init_sync_method recovery_min_apply_delay recovery_prefetch recovery_target recovery_target_action
recovery_target_inclusive recovery_target_lsn recovery_target_name recovery_target_time
recovery_target_timeline recovery_target_xid recursive_worktable_factor remove_temp_files_after_crash
replacement_sort_tuples reserved_connections restart_after_crash restore_command
restrict_nonsystem_relation_kind role row_security scram_iterations search_path seed segment_size
send_abort_for_crash send_abort_for_kill seq_page_cost serializable_buffers server_encoding server_version
server_version_num session_authorization session_preload_libraries session_replication_role shared_buffers
shared_memory_size shared_memory_size_in_huge_pages shared_memory_type shared_preload_libraries
sql_inheritance standard_conforming_strings statement_timeout stats_fetch_consistency stats_temp_directory
subtransaction_buffers summarize_wal superuser_reserved_connections sync_replication_slots
synchronize_seqscans synchronized_standby_slots synchronous_commit synchronous_standby_names syslog_facility
syslog_ident syslog_sequence_numbers syslog_split_messages tcp_keepalives_count tcp_keepalives_idle
tcp_keepalives_interval tcp_user_timeout temp_buffers temp_file_limit temp_tablespaces timezone
timezone_abbreviations trace_connection_negotiation trace_notify trace_recovery_messages trace_sort
track_activities track_activity_query_size track_commit_timestamp track_cost_delay_timing track_counts
track_functions track_io_timing track_wal_io_timing transaction_buffers transaction_deferrable
transaction_isolation transaction_read_only transaction_timeout transform_null_equals unix_socket_group
unix_socket_permissions update_process_title vacuum_buffer_usage_limit vacuum_cleanup_index_scale_factor
vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss
vacuum_defer_cleanup_age vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age
vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
vacuum_multixact_freeze_table_age vacuum_truncate wal_block_size wal_buffers wal_compression
wal_consistency_checking wal_decode_buffer_size wal_init_zero wal_keep_segments wal_keep_size wal_level
wal_log_hints wal_receiver_create_temp_slot wal_receiver_status_interval wal_receiver_timeout wal_recycle
wal_retrieve_retry_interval wal_segment_size wal_sender_timeout wal_skip_threshold wal_summary_keep_time
wal_sync_method wal_writer_delay wal_writer_flush_after work_mem xmlbinary xmloption zero_damaged_pages
";
