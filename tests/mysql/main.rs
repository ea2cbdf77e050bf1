//! MySQL's endpoints from outside: the built daemon between clients of MySQL and MariaDB and a real MariaDB.
//!
//! What passwords of MySQL 8 need has a server in Python behind it (`sha2.py`), as Debian has no MySQL.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod connectors;
mod front;
mod server;
mod sha2;
mod wire;

mod backend_tls;
mod compression;
mod degraded;
mod introduction;
mod opening;
mod passwords;
mod plain_clients;
mod refusals;
mod sha2_passwords;
mod tls;
mod traffic;
