//! The status page from outside: the built daemon, looked at by curl, the openssl program and a browser.

mod browser;
mod chromium;
mod daemon;
mod peers;
