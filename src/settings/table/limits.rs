//! How long things may take and how many there may be.

use super::{Group, PLAIN, Record, put, shown};

const BASE: Record = Record {
    group: Group::Limits,
    ..PLAIN
};

const TIME: Record = Record {
    value: "TIME",
    ..BASE
};

const NUMBER: Record = Record { value: "N", ..BASE };

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "timeout.handshake",
        help: "How long a client has from connecting to the end of its handshake; 0 means for ever.",
        set: |settings, text, origin| put(&mut settings.timeouts.handshake, text, origin),
        get: |settings| shown(&settings.timeouts.handshake),
        ..TIME
    },
    Record {
        name: "timeout.connect",
        help: "How long the backend has to accept a connection; 0 means for ever.",
        set: |settings, text, origin| put(&mut settings.timeouts.connect, text, origin),
        get: |settings| shown(&settings.timeouts.connect),
        ..TIME
    },
    Record {
        name: "timeout.idle",
        help: "How long a connection may carry no byte in either direction; 0 means for ever.",
        set: |settings, text, origin| put(&mut settings.timeouts.idle, text, origin),
        get: |settings| shown(&settings.timeouts.idle),
        ..TIME
    },
    Record {
        name: "timeout.keep-alive",
        help: "How long a client may be silent once it was answered, or before it has said anything; 0 means as long as \
               timeout.idle. An answer may take longer.",
        set: |settings, text, origin| put(&mut settings.timeouts.keep_alive, text, origin),
        get: |settings| shown(&settings.timeouts.keep_alive),
        ..TIME
    },
    Record {
        name: "timeout.drain",
        help: "How long open connections have to end by themselves once the server stops; 0 means for ever.",
        set: |settings, text, origin| put(&mut settings.timeouts.drain, text, origin),
        get: |settings| shown(&settings.timeouts.drain),
        ..TIME
    },
    Record {
        name: "limit.connections",
        help: "Connections at a time; 0 means any number.",
        set: |settings, text, origin| put(&mut settings.limits.connections, text, origin),
        get: |settings| shown(&settings.limits.connections),
        ..NUMBER
    },
    Record {
        name: "limit.handshakes",
        help: "Handshakes in progress at a time; 0 means any number.",
        set: |settings, text, origin| put(&mut settings.limits.handshakes, text, origin),
        get: |settings| shown(&settings.limits.handshakes),
        ..NUMBER
    },
    Record {
        name: "limit.per-address",
        help: "Connections of one client address at a time; 0 means any number.",
        set: |settings, text, origin| put(&mut settings.limits.per_address, text, origin),
        get: |settings| shown(&settings.limits.per_address),
        ..NUMBER
    },
];
