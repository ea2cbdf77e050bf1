//! KrakenD's edge from outside: the daemon by a `krakend.json`, before nginx, with curl, nghttp, openssl and scanners as
//! clients.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

// curl, as other tests have it.
#[path = "../manticore/curl.rs"]
mod curl;

mod front;
mod web;

mod backend;
mod certificates;
mod errors;
mod failures;
mod http;
mod reload;
mod scan;
mod suites;
mod versions;
