//! Where to listen, who answers, and how the sockets are made.

use super::super::value::{Value, quoted, within};
use super::super::{Endpoint, Setting, backend};
use super::{Form, Group, PLAIN, Record, listed, put, put_parsed, shown};
use std::time::Duration;

const BASE: Record = Record {
    group: Group::Endpoints,
    ..PLAIN
};

/// Beyond a second, a worker that polls has long been of use to nobody.
const LONGEST_BUSY_POLL: Duration = Duration::from_secs(1);

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "server.endpoint",
        value: "ENDPOINT",
        form: Form::Repeated,
        help: "Where to listen: ssl://HOST:PORT for TLS, tcp:// for plain, tcp+ssl:// for both; postgres://, mysql://, \
               manticore://, sphinx://, gateway://, kdb://; unix:///PATH or unix://@NAME, ssl+unix://. PORT may be FIRST-LAST; IPv6 \
               is in brackets. Own options may follow.",
        set: |settings, text, origin| {
            let endpoint = Endpoint::parse(text)?;
            // The same place twice is no mistake to ArangoDB either.
            if settings
                .endpoints
                .iter()
                .all(|known| known.value != endpoint)
            {
                let origin = origin.clone();
                settings.endpoints.push(Setting::new(endpoint, origin));
            }
            Ok(())
        },
        get: |settings| listed(&settings.endpoints),
        clear: |settings| settings.endpoints.clear(),
        ..BASE
    },
    Record {
        name: "backend",
        value: "[SPOKEN=]BACKEND",
        form: Form::Repeated,
        help: "Where the plain bytes go: tcp://HOST:PORT, unix:///PATH, or a service in this process (service://echo, \
               service://status). With TLS again: tls://HOST:PORT, postgres+tls://, mysql+tls://. Those of one protocol \
               with mysql=, http=, h2= or sphinx= in front.",
        set: backend::add,
        get: backend::write,
        clear: |settings| {
            settings.backend = Setting::default();
            settings.backends.clear();
        },
        ..BASE
    },
    Record {
        name: "backend.proxy-protocol",
        value: "off|v1|v2",
        help: "Tells the backend of each client by the PROXY protocol, before the client's first byte: v1 its address, v2 \
               also its server name, protocols and certificate. The backend has to expect it.",
        set: |settings, text, origin| put(&mut settings.proxy_protocol, text, origin),
        get: |settings| shown(&settings.proxy_protocol),
        ..BASE
    },
    Record {
        name: "mysql.require-secure-transport",
        aliases: &["require-secure-transport"],
        value: "true|false",
        form: Form::Switch,
        help: "Serves clients of mysql:// endpoints only inside TLS or on a unix socket, as MySQL's option of this name.",
        set: |settings, text, origin| {
            put(&mut settings.mysql.require_secure_transport, text, origin)
        },
        get: |settings| shown(&settings.mysql.require_secure_transport),
        ..BASE
    },
    Record {
        name: "threads",
        value: "N",
        help: "Worker threads; 0 means one for each core.",
        set: |settings, text, origin| {
            let threads = u32::parse(text).and_then(|number| within(number, 0, 1024));
            put_parsed(&mut settings.threads, threads.map(|n| n as usize), origin)
        },
        get: |settings| {
            let threads = &settings.threads;
            vec![(threads.value.to_string(), threads.origin.clone())]
        },
        ..BASE
    },
    Record {
        name: "busy-poll",
        value: "TIME",
        help: "How long a worker that has nothing left to do goes on asking for events before it sleeps, such as \
               100us; 1s at most. Answers come sooner, and a thread that is active takes a whole core. 0 sleeps at \
               once.",
        set: |settings, text, origin| {
            let time = Duration::parse(text).and_then(|time| match time {
                time if time <= LONGEST_BUSY_POLL => Ok(time),
                _ => Err(format!(
                    "{} is longer than 1s (a number alone is seconds, us and ms are less)",
                    quoted(text)
                )),
            });
            put_parsed(&mut settings.busy_poll, time, origin)
        },
        get: |settings| shown(&settings.busy_poll),
        ..BASE
    },
    Record {
        name: "tcp.backlog-size",
        aliases: &["server.backlog-size"],
        value: "N",
        help: "Connections that may wait to be accepted; 0 means 10. The system caps it (net.core.somaxconn).",
        set: |settings, text, origin| {
            let backlog = u32::parse(text).and_then(|number| within(number, 0, i32::MAX as u32));
            put_parsed(&mut settings.tcp.backlog, backlog, origin)
        },
        get: |settings| shown(&settings.tcp.backlog),
        ..BASE
    },
    Record {
        name: "tcp.reuse-address",
        aliases: &["server.reuse-address"],
        value: "true|false",
        form: Form::Switch,
        help: "Listens on an address that an earlier process has just left (SO_REUSEADDR).",
        set: |settings, text, origin| put(&mut settings.tcp.reuse_address, text, origin),
        get: |settings| shown(&settings.tcp.reuse_address),
        ..BASE
    },
    Record {
        name: "tcp.reuse-port",
        value: "true|false",
        form: Form::Switch,
        help: "Shares its addresses with other processes of the same user that ask for it as well (SO_REUSEPORT), among which \
               the system deals connections out. A second tlsport on a port is no error then.",
        set: |settings, text, origin| put(&mut settings.tcp.reuse_port, text, origin),
        get: |settings| shown(&settings.tcp.reuse_port),
        ..BASE
    },
    Record {
        name: "tcp.congestion",
        value: "NAME",
        help: "Congestion control of connections from clients and to the backend, such as cubic (TCP_CONGESTION); unset \
               leaves the system's own (net.ipv4.tcp_congestion_control), but takes reno for bbr on loopback addresses.",
        set: |settings, text, origin| put(&mut settings.tcp.congestion, text, origin),
        get: |settings| shown(&settings.tcp.congestion),
        ..BASE
    },
];
