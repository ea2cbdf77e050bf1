use super::*;
use crate::settings::{Builder, Origin, Settings, TABLE};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

/// Files in memory; those without content cannot be read.
pub(super) struct Memory(pub(super) BTreeMap<&'static str, Option<Vec<u8>>>);

impl Memory {
    pub(super) fn of<const N: usize>(files: [(&'static str, &str); N]) -> Memory {
        let files = files.map(|(name, text)| (name, Some(text.as_bytes().to_vec())));
        Memory(files.into())
    }
}

impl Source for Memory {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match path.to_str().and_then(|path| self.0.get(path)) {
            None => Ok(None),
            Some(Some(bytes)) => Ok(Some(bytes.clone())),
            Some(None) => Err(io::Error::from_raw_os_error(libc::EACCES)),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Option<Vec<OsString>>> {
        let files = self.0.keys().map(Path::new);
        let inside = files.filter(|file| file.parent() == Some(directory));
        let names: Vec<_> = inside
            .filter_map(|file| Some(file.file_name()?.to_owned()))
            .collect();
        Ok((!names.is_empty()).then_some(names))
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Everything wrong with `a.conf`, but for what it lacks.
fn errors(name: Option<&str>, source: &Memory) -> Vec<String> {
    let mut all = all_errors(name, source);
    all.retain(|text| !text.starts_with("no "));
    all
}

fn all_errors(name: Option<&str>, source: &Memory) -> Vec<String> {
    let mut builder = Builder::new(Settings::default());
    read(name, source, Path::new("a.conf"), &mut builder);
    let problems = builder
        .finish()
        .map_or_else(|problems| problems.0, |_| Vec::new());
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_of_each_can_be_given_back() {
    let of_files = DIALECTS
        .iter()
        .map(|dialect| (dialect.name, dialect.defaults));
    let others = OF_ENVIRONMENT
        .iter()
        .map(|dialect| (dialect.name, dialect.defaults));
    for (name, defaults) in of_files.chain(others) {
        let defaults = defaults();
        for record in TABLE {
            for (text, origin) in (record.get)(&defaults) {
                let of = format!("{name}: {record:?}");
                assert_eq!(origin, Origin::BuiltIn, "{of}");
                let mut again = Settings::default();
                let set = (record.set)(&mut again, &text, &Origin::Program);
                assert_eq!(set, Ok(()), "{of}");
                assert_eq!((record.get)(&again)[0].0, text, "{of}");
            }
        }
    }
}

#[test]
fn what_a_file_that_cannot_be_read_may_hold_is_not_called_missing() {
    let missing = Memory::of([]);
    assert_eq!(all_errors(None, &missing).len(), 1);
    let empty = Memory::of([("a.conf", "")]);
    assert_eq!(all_errors(Some("arangodb"), &empty).len(), 2);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let missing = Memory::of([]);
    assert_eq!(
        errors(None, &missing),
        ["cannot read configuration 'a.conf': no such file or directory"]
    );
    let forbidden = Memory([("a.conf", None)].into());
    assert_eq!(
        errors(None, &forbidden),
        ["cannot read configuration 'a.conf': permission denied"]
    );
    let sibling = Memory([("a.conf", Some(b"[ssl]".to_vec())), ("a.conf.local", None)].into());
    assert_eq!(
        errors(None, &sibling),
        ["cannot read configuration 'a.conf.local': permission denied"]
    );
    let included = Memory([("a.conf", Some(b"@include b".to_vec())), ("b.conf", None)].into());
    assert_eq!(
        errors(Some("arangodb"), &included),
        ["a.conf:1: cannot read included file 'b.conf': permission denied"]
    );
}

#[test]
fn a_dialect_is_named_or_recognised() {
    let other = Memory::of([("a.conf", "tls_cert_file = 'server.crt'\n")]);
    assert_eq!(
        errors(None, &other),
        [
            "'a.conf': cannot tell its dialect: name it, one of arangodb, krakend, manticore, postgresql"
        ]
    );
    assert_eq!(
        errors(Some("oracle"), &other),
        [
            "'a.conf': the dialect 'oracle' is not one of arangodb, kdb, krakend, manticore, postgresql"
        ]
    );
    assert_eq!(
        errors(Some("kdb"), &other),
        ["'a.conf': the dialect 'kdb' has no file: the environment says what holds"]
    );
    for text in [
        "[ssl]",
        "# x\n\n[server]\n",
        "ssl.keyfile = a",
        "\u{feff}[database]",
    ] {
        let source = Memory::of([("a.conf", text)]);
        assert_eq!(errors(None, &source), [""; 0], "{text}");
    }
}

#[test]
fn a_line_without_end_is_refused_and_the_next_one_read() {
    let text = format!("[ssl]\nkeyfile = {}\nprotocol = 8\n", "x".repeat(20_000));
    let said = errors(None, &Memory::of([("a.conf", &text)]));
    assert_eq!(said[0], "a.conf:2: the line is longer than 16384 bytes");
    assert!(said[1].starts_with("a.conf:3: 'ssl.protocol': '8' is not"));
}

#[test]
fn no_line_of_a_private_key_gets_into_a_message() {
    let text = "[ssl]\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        errors(None, &Memory::of([("a.conf", text)])),
        ["a.conf:2: this is a PEM file and not a configuration"]
    );
}

#[test]
fn what_is_hardly_a_configuration_is_not_read_to_its_end() {
    let said = errors(
        Some("arangodb"),
        &Memory::of([("a.conf", &"word\n".repeat(1000))]),
    );
    assert_eq!(said.len(), 21);
    assert_eq!(
        said[20],
        "a.conf:20: this is hardly a configuration: the rest was not read"
    );
}

#[test]
fn including_comes_to_an_end() {
    let round = Memory::of([("a.conf", "@include b"), ("b.conf", "@include b")]);
    assert_eq!(
        errors(Some("arangodb"), &round),
        ["b.conf:1: recursive include of file 'b.conf'"]
    );
    let chain = (0..100).map(|link| {
        let name = if link == 0 {
            "a.conf".into()
        } else {
            format!("{link}.conf")
        };
        let name: &'static str = name.leak();
        (name, Some(format!("@include {}", link + 1).into_bytes()))
    });
    assert_eq!(
        errors(Some("arangodb"), &Memory(chain.collect())),
        ["64.conf:1: more than 64 files are included"]
    );
}

#[test]
fn options_that_a_real_server_may_have_are_never_taken_for_slips() {
    let real = [
        "server.authentication",
        "server.authentication-system-only",
        "server.authentication-timeout",
        "server.authentication-unix-sockets",
        "server.allow-use-database",
        "server.descriptors-minimum",
        "server.early-connections",
        "server.ensure-whitespace-metrics-format",
        "server.export-metrics-api",
        "server.export-read-write-metrics",
        "server.failure-point",
        "server.flush-interval",
        "server.gid",
        "server.harden",
        "server.io-threads",
        "server.jwt-secret",
        "server.jwt-secret-folder",
        "server.jwt-secret-keyfile",
        "server.local-authentication",
        "server.maintenance-actions-block",
        "server.maximal-queue-size",
        "server.maximal-threads",
        "server.minimal-threads",
        "server.number-of-shards",
        "server.options-api",
        "server.prio1-size",
        "server.rest-server",
        "server.scheduler-queue-size",
        "server.session-timeout",
        "server.statistics",
        "server.statistics-history",
        "server.storage-engine",
        "server.support-info-api",
        "server.telemetrics-api",
        "server.threads",
        "server.uid",
        "server.unavailability-queue-fill-grade",
        "server.validate-utf8-strings",
        "server.username",
        "server.password",
        "server.disable-authentication",
        "server.allow-method-override",
        "server.hide-product-header",
        "server.default-api-compatibility",
        "server.disable-statistics",
        "server.request-timeout",
        "server.connection-timeout",
        "server.ask-jwt-secret",
        "http.allow-method-override",
        "http.compress-response-threshold",
        "http.hide-product-header",
        "http.permanently-redirect-root",
        "http.redirect-root-to",
        "http.return-queue-time-header",
        "http.trusted-origin",
        "http.handle-content-encoding-for-unauthenticated-requests",
        "vst.maxsize",
        "network.io-threads",
        "network.max-open-connections",
        "network.protocol",
        "network.verify-hosts",
        "network.idle-connection-ttl",
        "agency.endpoint",
        "agency.my-address",
        "cluster.agency-endpoint",
        "cluster.my-address",
        "cluster.my-advertised-endpoint",
        "log.level",
        "log.file",
        "scheduler.threads",
        "dispatcher.report-interval",
        "replication.connect-timeout",
        "replication.request-timeout",
        "backup.local-path",
        "rclone.executable",
        "audit.queue",
        "ttl.frequency",
        "foxx.queues",
        "frontend.trusted-proxy",
        "javascript.v8-contexts",
        "transaction.streaming-idle-timeout",
        "daemon",
        "pid-file",
        "supervisor",
        "working-directory",
        "console",
        "gid",
        "uid",
        "define",
        "log",
        "config",
        "configuration",
        "version",
        "hund",
        "fortune",
        "default-language",
        "honor-nsswitch",
        "no-server",
        "check-configuration",
        "icu-language",
        "upgrade",
        "temp.path",
        "nonce.size",
        "random.generator",
        "cache.size",
        "query.memory-limit",
        "rocksdb.block-cache-size",
        "wal.sync-interval",
        "arangosearch.threads",
    ];
    for name in real {
        let text = format!("{name} = 1\n[ssl]\n");
        let text: &'static str = text.leak();
        assert_eq!(
            errors(None, &Memory::of([("a.conf", text)])),
            [""; 0],
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn no_file_is_too_odd(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "(\\[?[a-z:]{0,5}\\]?|@include [ab]|(ssl\\.)?[a-z-]{0,9} ?= ?[@a-z0-9#\" ]{0,9}|\n){0,20}",
    ) {
        for content in [bytes, text.into_bytes()] {
            let source = Memory([("a.conf", Some(content.clone())), ("b.conf", Some(content))].into());
            errors(Some("arangodb"), &source);
            errors(None, &source);
        }
    }
}
