//! Which congestion control our TCP sockets have (`TCP_CONGESTION`): what the settings name, else the system's.
//!
//! Where that is BBR, connections between loopback addresses are excepted: it measures the path and spreads packets
//! over time, by which nothing is won on a path that loses none, and up to a sixth of the CPU time of bulk is lost.
//!
//! A listener hands its own down to what it accepts, so it costs no call a connection there.

use crate::error::{Error, reason};
use crate::settings::{Setting, complaint, quoted};
use once_cell::sync::OnceCell;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io;
use std::net::SocketAddr;

/// Every Linux has it.
const WITHIN_A_HOST: &str = "reno";

/// The congestion control of a socket, where it is not to be the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Congestion {
    /// What the settings name.
    Chosen(String),
    /// What costs less between loopback addresses.
    WithinAHost,
}

impl Congestion {
    /// That of a socket with this address at either end.
    pub(super) fn of(chosen: Option<&str>, address: &SocketAddr) -> Option<Congestion> {
        Congestion::beside(chosen, address, system_paces())
    }

    fn beside(chosen: Option<&str>, address: &SocketAddr, paces: bool) -> Option<Congestion> {
        match chosen {
            Some(name) => Some(Congestion::Chosen(name.to_owned())),
            None => (address.ip().is_loopback() && paces).then_some(Congestion::WithinAHost),
        }
    }

    /// Gives it to a socket that is not connected yet. Only a choice that is refused is a failure.
    pub(super) fn set(&self, socket: &Socket) -> io::Result<()> {
        match self {
            Congestion::Chosen(name) => socket.set_tcp_congestion(name.as_bytes()),
            Congestion::WithinAHost => {
                let _ = socket.set_tcp_congestion(WITHIN_A_HOST.as_bytes());
                Ok(())
            }
        }
    }
}

/// Whether the system's congestion control is BBR, of whatever version.
fn system_paces() -> bool {
    static PACES: OnceCell<bool> = OnceCell::new();
    *PACES.get_or_init(|| {
        let name = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
        name.is_ok_and(|name| name.starts_with("bbr"))
    })
}

/// Whether the system has this congestion control, and lets us have it.
///
/// # Errors
/// Why not, and what there is.
pub(crate) fn check(chosen: &Setting<Option<String>>) -> Result<(), Error> {
    let Some(name) = chosen.value.as_deref() else {
        return Ok(());
    };
    let Err(error) = try_out(name) else {
        return Ok(());
    };
    let name = quoted(name);
    let why = match error.raw_os_error() {
        Some(libc::ENOENT) => match names("available") {
            Some(names) => format!("{name} is not one of {names}"),
            None => format!("{name} is unknown to the system"),
        },
        Some(libc::EPERM) => match names("allowed") {
            Some(names) => format!("{name} is not one of those allowed: {names}"),
            None => format!("{name} is not allowed"),
        },
        _ => format!("cannot set {name} on a socket: {}", reason(&error)),
    };
    Err(complaint(&chosen.origin, "tcp.congestion", &why))
}

fn try_out(name: &str) -> io::Result<()> {
    let socket = |domain| Socket::new(domain, Type::STREAM, Some(Protocol::TCP));
    let socket = socket(Domain::IPV4).or_else(|_| socket(Domain::IPV6))?;
    socket.set_tcp_congestion(name.as_bytes())
}

/// The names the system lists, as messages list them.
fn names(which: &str) -> Option<String> {
    let path = format!("/proc/sys/net/ipv4/tcp_{which}_congestion_control");
    let list = fs::read_to_string(path).ok()?;
    let names: Vec<&str> = list.split_whitespace().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::socket::Socket as Connected;
    use crate::net::{Backend, Place, bind};
    use crate::settings::{Address, Origin, Settings};
    use socket2::SockRef;
    use std::net::TcpListener;

    /// Every system has this one, and hardly any as its own.
    const RENO: &str = "reno";

    fn chosen(name: &str) -> Setting<Option<String>> {
        let flag = Origin::Flag("--tcp.congestion".into());
        Setting::new(Some(name.into()), flag)
    }

    fn congestion_of(socket: &Connected) -> String {
        let Connected::Tcp(stream) = socket else {
            panic!("it is a unix socket");
        };
        let name = SockRef::from(stream).tcp_congestion().expect("a name");
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    #[test]
    fn accepted_connections_have_what_was_chosen() {
        let mut tcp = Settings::default().tcp;
        tcp.congestion = chosen(RENO);
        let place = Place::Tcp("127.0.0.1:0".parse().expect("an address"));
        let (listeners, place) = bind(&place, None, &tcp, 1).expect("a port");
        let Place::Tcp(address) = place else {
            panic!("it is {place}");
        };
        let _client = std::net::TcpStream::connect(address).expect("a connection");
        let (accepted, _) = listeners[0].accept().expect("the connection");
        assert_eq!(congestion_of(&accepted), RENO);
    }

    #[test]
    fn connections_to_the_backend_have_what_was_chosen() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let address = Address::Tcp {
            host: address.ip().to_string(),
            port: address.port(),
        };
        let mut tcp = Settings::default().tcp;
        let by_default = Backend::resolve(&address, &tcp).expect("an address");
        tcp.congestion = chosen(RENO);
        let backend = Backend::resolve(&address, &tcp).expect("an address");
        let socket = backend.connect(0, false).expect("a connection");
        assert_eq!(congestion_of(&socket), RENO);
        let socket = by_default.connect(0, false).expect("a connection");
        let own = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
        let own = own.expect("the system's");
        let expected = if own.starts_with("bbr") {
            RENO
        } else {
            own.trim()
        };
        assert_eq!(congestion_of(&socket), expected);
    }

    #[test]
    fn only_between_loopback_addresses_a_system_that_paces_is_not_followed() {
        for (address, local) in [
            ("127.0.0.9:1", true),
            ("[::1]:1", true),
            ("0.0.0.0:1", false),
            ("192.0.2.1:1", false),
        ] {
            let address = address.parse().expect("an address");
            let expected = local.then_some(Congestion::WithinAHost);
            assert_eq!(Congestion::beside(None, &address, true), expected);
            assert_eq!(Congestion::beside(None, &address, false), None);
            let chosen = Congestion::beside(Some("cubic"), &address, true);
            assert_eq!(chosen, Some(Congestion::Chosen("cubic".into())));
        }
    }

    #[test]
    fn an_unknown_one_is_named_with_those_there_are() {
        assert!(check(&chosen(RENO)).is_ok());
        assert!(check(&Setting::default()).is_ok());
        let error = check(&chosen("horse")).expect_err("no such thing");
        let text = error.to_string();
        assert!(
            text.starts_with("--tcp.congestion: 'horse' is not one of ") && text.contains(RENO),
            "{text}"
        );
    }
}
