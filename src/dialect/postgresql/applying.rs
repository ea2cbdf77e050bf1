//! What becomes of the settings that were read: options of ours, endpoints, identities.
//!
//! Without `ssl = on` the settings about TLS are looked at and not taken, as a server does not open the files they name.
//! Our own options, behind `tlsport.`, come a layer above all others.

use super::hosts::{self, Host};
use super::names::{NAMES, Take};
use super::reading::{Given, Reading};
use super::values;
use super::words::{self, Outcome};
use crate::dialect::file::beside;
use crate::error::Error;
use crate::settings::{Note, ServerName, Settings, find, quoted};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

/// Bounds of `authentication_timeout`, in seconds.
const TIMEOUTS: (u32, u32) = (1, 600);

const PORT: u32 = 5432;

/// What a hosts file replaces.
const OF_HOSTS: &[&str] = &[
    "ssl.cafile",
    "ssl.certfile",
    "ssl.keyfile",
    "ssl.passphrase-command",
    "ssl.passphrase-command-supports-reload",
];

/// What settings about TLS are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    On,
    /// Identities are those of a hosts file.
    Hosts,
}

impl Reading<'_, '_> {
    /// Goes through all that was given.
    pub(super) fn apply(&mut self) {
        self.builder.begin_layer();
        // What cannot be read may well have been meant to switch it on.
        let on = self.switch("ssl").unwrap_or(true);
        self.endpoints(if on { "postgres" } else { "postgres+tcp" });
        self.timeout();
        let sni = self.switch("ssl_sni").unwrap_or(true);
        let tls = match on {
            false => Tls::Off,
            true if sni && self.hosts() => Tls::Hosts,
            true => Tls::On,
        };
        let mut idle = 0;
        for (name, take) in NAMES {
            if let Some(given) = self.given(name) {
                idle += usize::from(!self.take(*take, &given, tls));
            }
        }
        match tls {
            Tls::On => {
                self.default_file("ssl_cert_file", "ssl.certfile", "server.crt");
                self.default_file("ssl_key_file", "ssl.keyfile", "server.key");
            }
            Tls::Off if idle > 0 => self.say_off(idle),
            Tls::Off | Tls::Hosts => {}
        }
        self.rules("hba_file", "postgresql.hba-file", "pg_hba.conf");
        self.rules("ident_file", "postgresql.ident-file", "pg_ident.conf");
        self.builder.begin_layer();
        for (record, given) in std::mem::take(&mut self.own) {
            self.set(record.name, &given, &given.value);
        }
    }

    fn set(&mut self, option: &str, given: &Given, value: &str) {
        let origin = given.origin.clone();
        self.builder.set_as(option, &given.name, value, origin);
    }

    /// Says what is wrong with a value.
    fn wrong(&mut self, given: &Given, why: &str) {
        self.problem(&given.origin, &format!("'{}': {why}", given.name));
    }

    /// The same, where an option is missing for that, which is not said besides.
    fn missing(&mut self, option: &'static str, given: &Given, why: &str) {
        let text = format!("{}: '{}': {why}", given.origin, given.name);
        self.builder.unread_option(option, Error::settings(text));
    }

    /// A boolean that is off unless given; `None` when it is wrong, which was said.
    fn switch(&mut self, name: &str) -> Option<bool> {
        let Some(given) = self.given(name) else {
            return Some(false);
        };
        let read = values::switch(&given.value);
        read.map_err(|why| self.wrong(&given, &why)).ok()
    }

    /// Takes a setting that is an option of ours. Whether it has an effect comes back.
    fn take(&mut self, take: Take, given: &Given, tls: Tls) -> bool {
        let value = &given.value;
        let (option, value) = match take {
            Take::Part => return true,
            Take::ReadOnly => {
                self.wrong(given, "it cannot be changed");
                return true;
            }
            Take::Gone => {
                if value.trim() != "0" {
                    let value = quoted(value);
                    let why = format!(
                        "{value} is not 0, the only value left, as nothing is renegotiated"
                    );
                    self.wrong(given, &why);
                }
                return true;
            }
            Take::Text(option) => (option, Ok(value.clone())),
            Take::Word(option) if value.is_empty() => (option, Err("it cannot be empty".into())),
            Take::Word(option) => (option, Ok(value.clone())),
            Take::Switch(option) => (option, values::switch(value).map(|on| on.to_string())),
            Take::File(option) => (option, self.path(value)),
            Take::DhParams => ("ssl.dh-params", self.dh_params(value)),
        };
        let value = match value {
            Ok(value) => value,
            Err(why) => {
                self.missing(option, given, &why);
                return true;
            }
        };
        let taken = match tls {
            Tls::Off => false,
            Tls::On => true,
            Tls::Hosts => !OF_HOSTS.contains(&option),
        };
        if taken {
            self.set(option, given, &value);
        } else if let Some(Err(why)) =
            find(option).map(|record| (record.set)(&mut Settings::default(), &value, &given.origin))
        {
            self.wrong(given, &why);
        }
        taken
    }

    fn say_off(&mut self, count: usize) {
        let (place, what) = match self.given("ssl") {
            Some(given) => (given.origin.to_string(), "is off"),
            None => (self.file.display().to_string(), "is not on"),
        };
        let settings = match count {
            1 => "1 setting",
            _ => &format!("{count} settings"),
        };
        let text = format!("{place}: 'ssl' {what}, so {settings} about TLS had no effect");
        self.builder.note(Note::info(text));
    }

    /// A path as a text; a relative one begins in the data directory. Nothing stays nothing.
    fn path(&self, value: &str) -> Result<String, String> {
        if value.is_empty() {
            return Ok(String::new());
        }
        let path = self.directory.join(value);
        path.to_str().map(str::to_owned).ok_or_else(|| {
            let directory = self.directory.display();
            format!("the data directory '{directory}' is no UTF-8 text: give an absolute path")
        })
    }

    fn dh_params(&self, value: &str) -> Result<String, String> {
        if value.is_empty() {
            return Ok("built-in".into());
        }
        // A file of that name is not what these words mean.
        self.path(value).map(|path| match path.as_str() {
            "none" | "built-in" => format!("./{path}"),
            _ => path,
        })
    }

    /// A file in the data directory that is used where none was named.
    fn default_file(&mut self, name: &str, option: &'static str, file: &str) {
        if self.given(name).is_some() {
            return;
        }
        let given = Given::by_default(name, file);
        match self.path(file) {
            Ok(path) => self.set(option, &given, &path),
            Err(why) => self.missing(option, &given, &why),
        }
    }

    fn timeout(&mut self) {
        let Some(given) = self.given("authentication_timeout") else {
            return;
        };
        let (least, most) = TIMEOUTS;
        match values::seconds(&given.value, least, most) {
            Ok(time) => self.set("timeout.handshake", &given, &format!("{}s", time.as_secs())),
            Err(why) => self.wrong(&given, &why),
        }
    }

    fn endpoints(&mut self, scheme: &str) {
        let port = self.given("port").map_or(Ok(PORT), |given| {
            let port = values::whole_number(&given.value, 1, 65535);
            port.map_err(|why| self.missing("server.endpoint", &given, &why))
        });
        let addresses = self
            .given("listen_addresses")
            .unwrap_or_else(|| Given::by_default("listen_addresses", "localhost"));
        // By default there are none: the server behind has its own there.
        let directories = self.given("unix_socket_directories");
        let hosts = self.list(&addresses);
        let sockets = directories.map(|given| (self.list(&given), given));
        let Ok(port) = port else {
            return;
        };
        for host in hosts.iter().flat_map(|host| addresses_of(host)) {
            self.set(
                "server.endpoint",
                &addresses,
                &format!("{scheme}://{host}:{port}"),
            );
        }
        if let Some((sockets, given)) = sockets {
            for directory in sockets {
                self.socket(&given, &directory, port);
            }
        }
    }

    fn list(&mut self, given: &Given) -> Vec<String> {
        values::list(&given.value).unwrap_or_else(|why| {
            self.missing("server.endpoint", given, &why);
            Vec::new()
        })
    }

    fn socket(&mut self, given: &Given, directory: &str, port: u32) {
        let path = match directory.starts_with('@') {
            true => Err(format!(
                "{} is a socket without a file, on which nothing can listen here: name a directory",
                quoted(directory)
            )),
            false => self.path(directory),
        };
        match path {
            Ok(directory) => {
                let directory = directory.trim_end_matches('/');
                let endpoint = format!("postgres+unix://{directory}/.s.PGSQL.{port}");
                self.set("server.endpoint", given, &endpoint);
            }
            Err(why) => self.missing("server.endpoint", given, &why),
        }
    }

    /// A file about who may come in: the one that is named, or the first there is where the server looks for it.
    fn rules(&mut self, name: &str, option: &'static str, file: &str) {
        let given = match self.given(name) {
            Some(given) if given.value.is_empty() => {
                return self.missing(option, &given, "no file is named");
            }
            Some(given) => {
                return match self.path(&given.value) {
                    Ok(path) => self.set(option, &given, &path),
                    Err(why) => self.missing(option, &given, &why),
                };
            }
            None => Given::by_default(name, file),
        };
        // One that cannot be read is not to count as none: whoever reads it will say why.
        let mut places = [beside(self.file, file), self.directory.join(file)].into_iter();
        let Some(path) = places.find(|path| !matches!(self.source.read(path), Ok(None))) else {
            return;
        };
        match path.to_str() {
            Some(path) => self.set(option, &given, path),
            None => {
                let why = format!("the path '{}' is no UTF-8 text", path.display());
                self.missing(option, &given, &why);
            }
        }
    }

    /// Identities by server name. Whether they are in the place of the general one comes back.
    fn hosts(&mut self) -> bool {
        let named = self.given("hosts_file");
        let path = match &named {
            Some(given) => self.directory.join(&given.value),
            None => beside(self.file, "pg_hosts.conf"),
        };
        let shown = quoted(&path.display().to_string());
        let lines = match words::read(self.source, &path, self.builder) {
            Outcome::Lines(lines) => lines,
            Outcome::Missing => Vec::new(),
            Outcome::Wrong => return true,
            Outcome::Unreadable(why) => {
                let error = Error::settings(format!("cannot read {shown}: {why}"));
                self.builder.unread_file(error);
                return true;
            }
        };
        if lines.is_empty() {
            let text = format!("{shown} names no hosts, so all are served with 'ssl_cert_file'");
            self.builder.note(Note::warn(text));
            return false;
        }
        let mut hosts = Vec::new();
        for found in hosts::hosts(&lines) {
            match found {
                Ok(host) => hosts.push(host),
                Err((origin, why)) => {
                    let error = Error::settings(format!("{origin}: {why}"));
                    self.builder.unread_file(error);
                }
            }
        }
        self.identities(&hosts);
        true
    }

    fn identities(&mut self, hosts: &[Host]) {
        let default = hosts.iter().find(|host| host.is_default());
        // Some identity has to be in front of the others. Without a default nobody gets to see it.
        let Some(front) = default.or(hosts.first()) else {
            return;
        };
        let set = |reading: &mut Self, option: &str, value: &str| {
            let origin = front.origin.clone();
            reading.builder.set(option, value, origin);
        };
        for (option, value) in self.options(front) {
            set(self, option, &value);
        }
        if default.is_none() {
            set(self, "ssl.unknown-server-name", "refuse");
            set(self, "ssl.no-server-name", "refuse");
        }
        for host in hosts {
            let options = self.options(host);
            let is_key = |option: &str| option == "ssl.keyfile";
            let keys = options.iter().filter(|(option, _)| is_key(option));
            let key_files: Vec<PathBuf> = keys.map(|(_, file)| PathBuf::from(file)).collect();
            let others = options.iter().filter(|(option, _)| !is_key(option));
            let overrides: Vec<_> = others
                .filter_map(|(option, value)| Some((find(option)?, value.clone())))
                .collect();
            for name in &host.names {
                let name = ServerName {
                    name: name.clone(),
                    key_files: key_files.clone(),
                    overrides: overrides.clone(),
                };
                self.builder.add_server_name(name, host.origin.clone());
            }
        }
    }

    /// What a line of the hosts file comes to, but for what is wrong, which is said.
    fn options(&mut self, host: &Host) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        for (option, value) in [
            ("ssl.keyfile", self.path(&host.key)),
            ("ssl.certfile", self.path(&host.certificate)),
            ("ssl.cafile", self.path(&host.authorities)),
            ("ssl.passphrase-command", Ok(host.command.clone())),
            (
                "ssl.passphrase-command-supports-reload",
                Ok(host.reload.to_string()),
            ),
        ] {
            let tried = value.and_then(|value| {
                let record = find(option).ok_or("no such option")?;
                (record.set)(&mut Settings::default(), &value, &host.origin)?;
                Ok(value)
            });
            match tried {
                Ok(value) => options.push((option, value)),
                Err(why) => self.problem(&host.origin, &why),
            }
        }
        options
    }
}

/// What an entry of `listen_addresses` stands for, as hosts of an endpoint.
fn addresses_of(host: &str) -> Vec<String> {
    match host.parse::<IpAddr>() {
        _ if host == "*" => vec!["0.0.0.0".into(), "[::]".into()],
        _ if host.eq_ignore_ascii_case("localhost") => {
            vec!["127.0.0.1".into(), format!("[{}]", Ipv6Addr::LOCALHOST)]
        }
        Ok(IpAddr::V6(address)) => vec![format!("[{address}]")],
        _ => vec![host.to_owned()],
    }
}
