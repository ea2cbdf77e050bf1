//! How clients come back without a full handshake.

use super::super::value::{Value, quoted, within};
use super::{Form, Group, PLAIN, Record, put, put_parsed, shown};
use std::time::Duration;

const BASE: Record = Record {
    group: Group::Resumption,
    ..PLAIN
};

/// More tickets than any client asks for; libssl sends them all at once.
const MOST_TICKETS: u32 = 16;

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "ssl.session-cache",
        aliases: &["server.ssl-cache", "tls.session-cache"],
        value: "true|false",
        form: Form::Switch,
        help: "Keeps sessions on the server, shared by all workers. Tickets have a switch of their own \
               (ssl.session-tickets).",
        set: |settings, text, origin| put(&mut settings.policy.session_cache, text, origin),
        get: |settings| shown(&settings.policy.session_cache),
        ..BASE
    },
    Record {
        name: "ssl.session-cache-size",
        value: "N",
        help: "How many sessions the cache holds before the oldest go.",
        set: |settings, text, origin| {
            let size = u32::parse(text).and_then(|size| within(size, 1, i32::MAX as u32));
            put_parsed(&mut settings.policy.session_cache_size, size, origin)
        },
        get: |settings| shown(&settings.policy.session_cache_size),
        ..BASE
    },
    Record {
        name: "ssl.session-timeout",
        value: "TIME",
        help: "How long a session may be resumed, from the cache or by a ticket.",
        set: |settings, text, origin| {
            let timeout = Duration::parse(text).and_then(|time| match time.subsec_nanos() {
                0 if !time.is_zero() => Ok(time),
                _ => Err(format!(
                    "{} is not a number of whole seconds above 0",
                    quoted(text)
                )),
            });
            put_parsed(&mut settings.policy.session_timeout, timeout, origin)
        },
        get: |settings| shown(&settings.policy.session_timeout),
        ..BASE
    },
    Record {
        name: "ssl.session-tickets",
        value: "true|false",
        form: Form::Switch,
        help: "Whether sessions are handed to clients as tickets; unset leaves it to ssl.options (SSL_OP_NO_TICKET).",
        set: |settings, text, origin| put(&mut settings.policy.session_tickets, text, origin),
        get: |settings| shown(&settings.policy.session_tickets),
        ..BASE
    },
    Record {
        name: "ssl.num-tickets",
        value: "N",
        help: "Tickets a client gets with a full TLS 1.3 handshake. Unset, two, as libssl has it; from OpenSSL 3.0 on the \
               second waits until the client is told a second thing, or nothing for some ms. Each costs some 10 us \
               and 250 bytes; with 0 TLS 1.3 resumes nothing.",
        set: |settings, text, origin| {
            let number = Option::<u32>::parse(text)
                .and_then(|number| number.map(|n| within(n, 0, MOST_TICKETS)).transpose());
            put_parsed(&mut settings.policy.num_tickets, number, origin)
        },
        get: |settings| shown(&settings.policy.num_tickets),
        ..BASE
    },
    Record {
        name: "ssl.ticket-keys",
        value: "FILE",
        help: "File with the keys of tickets, so that tickets outlive a restart and count in every process that \
               reads it: 80 bytes a line, as 'openssl rand -hex 80' makes them. The first key seals, all open; a \
               reload takes over what has changed.",
        set: |settings, text, origin| put(&mut settings.policy.ticket_keys, text, origin),
        get: |settings| shown(&settings.policy.ticket_keys),
        ..BASE
    },
];
