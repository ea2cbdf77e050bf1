//! Names of hosts, as the system looks them up.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of a host, each once, in the resolver's order. May wait for as long as the system does.
///
/// # Errors
/// What the system says, and `NotFound` where the name has no address.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses)
}
