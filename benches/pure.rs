//! What needs no socket and no libssl: settings, a dialect, the endpoint grammar, the option mask, the buffer, the
//! status page.
//!
//! None of it is on the path of a connection's bytes; the figures are here so that nobody makes start-up, reload or
//! the page slow without seeing it. What a connection costs is measured in `daemon`.

#![allow(missing_docs)] // of the function that criterion_group makes

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tlsport::conn::{Opened, Service as _, Totals};
use tlsport::dialect::{self, Source};
use tlsport::io::{Buffer, CAPACITY};
use tlsport::service::status::{Overview, StatusPage};
use tlsport::settings::{
    Builder, Endpoint, MaskPart, OptionMask, OptionsEra, Settings, find, nearest,
};
use tlsport::tls::options;

const FILE: &str = "\
# the policy of a site
backend = tcp://127.0.0.1:9000
threads = 2

[server]
endpoint = ssl://0.0.0.0:8530
endpoint = ssl://[::]:8530
endpoint = tcp://127.0.0.1:8529

[ssl]
keyfile = @HOME@/pki/server.pem
cafile = @HOME@/pki/ca.pem
protocol = 9
session-cache = true
options = 2147485776
cipher-list = HIGH:!aNULL@STRENGTH
groups = X25519:P-256

[timeout]
handshake = 10
";

/// A file system of one file.
struct OneFile;

impl Source for OneFile {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(path.ends_with("arangod.conf").then(|| FILE.into()))
    }

    fn env(&self, _: &str) -> Option<String> {
        Some("/home/arango".into())
    }
}

fn settings(criterion: &mut Criterion) {
    criterion.bench_function("settings/a file of thirteen options", |bench| {
        let path = Path::new("arangod.conf");
        bench.iter(|| {
            let mut builder = Builder::new(Settings::default());
            dialect::read(None, black_box(&OneFile), path, &mut builder);
            builder.finish().expect("these settings are good")
        });
    });
    criterion.bench_function("settings/find an option", |bench| {
        bench.iter(|| find(black_box("ssl.session-cache")));
    });
    criterion.bench_function("settings/suggest a name", |bench| {
        bench.iter(|| nearest(black_box("ssl.sesion-cache")));
    });
}

fn endpoints(criterion: &mut Criterion) {
    for text in [
        "ssl://127.0.0.1:8530",
        "http+ssl://[2001:db8::7]:8530/",
        "unix:///run/tlsport.sock",
        "ssl://[::1:8530",
    ] {
        criterion.bench_function(&format!("endpoint/{text}"), |bench| {
            bench.iter(|| black_box(text).parse::<Endpoint>());
        });
    }
}

fn masks(criterion: &mut Criterion) {
    let number = OptionMask(vec![MaskPart::Number(0x8000_0850)]);
    let name = OptionMask(vec![MaskPart::Name("SSL_OP_ALL".into())]);
    for (title, mask) in [("number", number), ("name", name)] {
        criterion.bench_function(&format!("mask/{title}"), |bench| {
            bench.iter(|| options::resolve(black_box(&mask), OptionsEra::Current));
        });
    }
    criterion.bench_function("mask/to names", |bench| {
        bench.iter(|| options::names(black_box(0x8000_0850)));
    });
}

/// What libssl's records go through on their way to the socket: sixteen at a time.
fn buffer(criterion: &mut Criterion) {
    const RECORD: usize = 16 * 1024 + 22;
    let record = vec![0; RECORD];
    let mut buffer = Buffer::new(CAPACITY);
    let mut group = criterion.benchmark_group("buffer");
    group.throughput(Throughput::Bytes(16 * RECORD as u64));
    group.bench_function("sixteen records in, all out", |bench| {
        bench.iter(|| {
            for _ in 0..16 {
                buffer.append(black_box(&record));
            }
            buffer.consume(16 * RECORD);
        });
    });
    group.finish();
}

fn status_page(criterion: &mut Criterion) {
    const HEAD: &str = "Host: localhost:8530\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 \
         Firefox/128.0\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\n\
         Accept-Encoding: gzip, deflate, br\r\nDNT: 1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";
    let overview = Arc::new(Overview::new(None, 2, Totals::default));
    for path in ["/", "/json", "/healthz"] {
        let request = format!("GET {path} HTTP/1.1\r\n{HEAD}");
        for (title, piece) in [("whole", request.len()), ("7 bytes at a time", 7)] {
            criterion.bench_function(&format!("status {path}/{title}"), |bench| {
                let mut out = Vec::new();
                bench.iter(|| answer(&overview, request.as_bytes(), piece, &mut out));
            });
        }
    }
}

/// One request on a connection of its own, which comes in pieces.
fn answer(overview: &Arc<Overview>, request: &[u8], piece: usize, out: &mut Vec<u8>) {
    let mut page = StatusPage::new(Arc::clone(overview), "");
    let opened = Opened {
        id: 1,
        endpoint: "http+tcp://[::]:8530",
        peer: "[::1]:51234",
        facts: None,
    };
    out.clear();
    page.open(&opened, out);
    for part in request.chunks(piece) {
        page.data(part, out);
    }
    assert!(out.starts_with(b"HTTP/1.1 200 "), "the page answers");
}

criterion_group!(pure, settings, endpoints, masks, buffer, status_page);
criterion_main!(pure);
