//! PostgreSQL's host-based access rules (`pg_hba.conf`) and user name maps (`pg_ident.conf`), as far as TLS goes: who
//! may come in how, and whose certificate has to name whom. Plain data and the search in it; the text is `dialect`'s.
//!
//! Order counts, as in the original: the first record that fits a connection decides, and nothing after it.

use super::Origin;
use regex_lite::Regex;
use std::net::IpAddr;

/// All records, and the maps they may name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hba {
    /// In the order of the file.
    pub records: Vec<Rule>,
    /// The lines of `pg_ident.conf`, in its order.
    pub maps: Vec<IdentLine>,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which connections it is for.
    pub kind: RuleKind,
    /// Which databases.
    pub databases: Vec<NamePattern>,
    /// Which users.
    pub users: Vec<NamePattern>,
    /// Which addresses; a unix socket has none.
    pub address: AddressPattern,
    /// What is done with whom it fits.
    pub method: AuthMethod,
    /// What of the client's certificate is asked for besides: see [`Rule::asks`].
    pub client_cert: ClientCert,
    /// Which name in the certificate is the client's.
    pub client_name: ClientName,
    /// The map between that name and the user's.
    pub map: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// The first column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// `local`: unix sockets.
    Local,
    /// `host`: TCP, with TLS or without.
    Host,
    /// `hostssl`: TCP with TLS.
    HostSsl,
    /// `hostnossl`: TCP without TLS.
    HostNoSsl,
    /// `hostgssenc`: never here, where there is no GSSAPI encryption.
    HostGss,
    /// `hostnogssenc`: as `host`, here.
    HostNoGss,
}

/// One word of the columns of databases and users.
#[derive(Clone, Debug)]
pub enum NamePattern {
    /// `all`. As a database, it is not for physical replication.
    All,
    /// `sameuser`: the database that is called like the user.
    SameUser,
    /// `replication`: connections for physical replication.
    Replication,
    /// Exactly this.
    Name(String),
    /// `/REGEX`.
    Matches(Regex),
}

impl PartialEq for NamePattern {
    fn eq(&self, other: &NamePattern) -> bool {
        match (self, other) {
            (NamePattern::Name(one), NamePattern::Name(other)) => one == other,
            (NamePattern::Matches(one), NamePattern::Matches(other)) => {
                one.as_str() == other.as_str()
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// The fourth column, and the fifth where it is a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressPattern {
    /// `all`, and what `local` records have.
    All,
    /// Networks: the address and how many of its bits count. More than one for a host name, which is looked up when the
    /// file is read.
    Networks(Vec<(IpAddr, u8)>),
}

/// The method, as far as it is decided here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `cert`: the certificate is the proof.
    Cert,
    /// `reject`
    Reject,
    /// Any other, by its name: the server's business.
    Other(String),
}

/// `clientcert=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCert {
    /// Not asked for.
    #[default]
    Off,
    /// `verify-ca`: there has to be one.
    VerifyCa,
    /// `verify-full`: it has to name the user as well.
    VerifyFull,
}

/// `clientname=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientName {
    /// The subject's common name.
    #[default]
    Cn,
    /// The whole subject, in RFC 2253's form.
    Dn,
}

/// A line of `pg_ident.conf`.
#[derive(Clone, Debug)]
pub struct IdentLine {
    /// Which map it belongs to.
    pub map: String,
    /// The name in the certificate, exactly or as a pattern.
    pub system: SystemName,
    /// Whom it may be: anybody, a user, in whose name `\1` is the pattern's first group, or users that fit a pattern.
    pub user: NamePattern,
    /// Where it stands.
    pub origin: Origin,
}

impl PartialEq for IdentLine {
    fn eq(&self, other: &IdentLine) -> bool {
        let text = |line: &IdentLine| match &line.system {
            SystemName::Exactly(name) => name.clone(),
            SystemName::Matches(regex) => format!("/{}", regex.as_str()),
        };
        (&self.map, text(self), &self.user) == (&other.map, text(other), &other.user)
    }
}

/// The second column of `pg_ident.conf`.
#[derive(Clone, Debug)]
pub enum SystemName {
    /// The name itself.
    Exactly(String),
    /// `/REGEX`.
    Matches(Regex),
}

/// A connection as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The client's address; `None` on a unix socket.
    pub address: Option<IpAddr>,
    /// Whether it has TLS.
    pub tls: bool,
    /// The user it asks to be.
    pub user: &'a str,
    /// The database it asks for.
    pub database: &'a str,
    /// Whether it asks for physical replication.
    pub replication: bool,
}

impl Hba {
    /// The first record that fits.
    pub fn rule(&self, visit: &Visit<'_>) -> Option<&Rule> {
        self.records.iter().find(|rule| rule.fits(visit))
    }

    /// Whether a certificate of this name may be this user, by the map of that name or, without one, by being the same.
    ///
    /// # Errors
    /// The log's words for why not.
    pub fn names(&self, map: Option<&str>, name: &str, user: &str) -> Result<(), String> {
        let Some(map) = map else {
            if name == user {
                return Ok(());
            }
            return Err(format!(
                "provided user name ({user}) and authenticated user name ({name}) do not match"
            ));
        };
        let mut lines = self.maps.iter().filter(|line| line.map == map);
        if lines.any(|line| line.fits(name, user)) {
            return Ok(());
        }
        Err(format!(
            "no match in usermap \"{map}\" for user \"{user}\" authenticated as \"{name}\""
        ))
    }
}

impl Rule {
    /// What of the client's certificate is asked for in all: `cert` is about nothing else.
    pub fn asks(&self) -> ClientCert {
        match self.method {
            AuthMethod::Cert => ClientCert::VerifyFull,
            _ => self.client_cert,
        }
    }

    fn fits(&self, visit: &Visit<'_>) -> bool {
        let kind = match (self.kind, visit.address) {
            (RuleKind::Local, address) => address.is_none(),
            (_, None) | (RuleKind::HostGss, _) => false,
            (RuleKind::Host | RuleKind::HostNoGss, _) => true,
            (RuleKind::HostSsl, _) => visit.tls,
            (RuleKind::HostNoSsl, _) => !visit.tls,
        };
        kind && self.address.fits(visit.address)
            && self.databases.iter().any(|word| word.is_database_of(visit))
            && self.users.iter().any(|word| word.is_user(visit.user))
    }
}

impl NamePattern {
    fn is_database_of(&self, visit: &Visit<'_>) -> bool {
        match self {
            NamePattern::Replication => visit.replication,
            _ if visit.replication => false, // a connection without a database
            NamePattern::All => true,
            NamePattern::SameUser => visit.database == visit.user,
            NamePattern::Name(name) => name == visit.database,
            NamePattern::Matches(regex) => regex.is_match(visit.database),
        }
    }

    fn is_user(&self, user: &str) -> bool {
        match self {
            NamePattern::All => true,
            NamePattern::Name(name) => name == user,
            NamePattern::Matches(regex) => regex.is_match(user),
            NamePattern::SameUser | NamePattern::Replication => false,
        }
    }
}

impl AddressPattern {
    fn fits(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (AddressPattern::All, _) => true,
            (AddressPattern::Networks(_), None) => false,
            (AddressPattern::Networks(networks), Some(address)) => networks
                .iter()
                .any(|(network, bits)| is_within(address, *network, *bits)),
        }
    }
}

/// Whether the first `bits` of two addresses of one family are the same.
fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let off = 32 - u32::from(bits.min(32));
            let differ = address.to_bits() ^ network.to_bits();
            differ.checked_shr(off).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let off = 128 - u32::from(bits.min(128));
            let differ = address.to_bits() ^ network.to_bits();
            differ.checked_shr(off).unwrap_or(0) == 0
        }
        _ => false,
    }
}

impl IdentLine {
    fn fits(&self, name: &str, user: &str) -> bool {
        match (&self.system, &self.user) {
            (SystemName::Exactly(system), may) => system == name && may.is_user(user),
            (SystemName::Matches(regex), NamePattern::Name(may)) if may.contains("\\1") => {
                // A group that took no part in the match stands for nobody.
                let groups = regex.captures(name);
                let first = groups.as_ref().and_then(|groups| groups.get(1));
                first.is_some_and(|first| may.replacen("\\1", first.as_str(), 1) == user)
            }
            (SystemName::Matches(regex), may) => regex.is_match(name) && may.is_user(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: RuleKind, database: NamePattern, address: AddressPattern) -> Rule {
        Rule {
            kind,
            databases: vec![database],
            users: vec![NamePattern::All],
            address,
            method: AuthMethod::Other("trust".into()),
            client_cert: ClientCert::Off,
            client_name: ClientName::Cn,
            map: None,
            origin: Origin::BuiltIn,
        }
    }

    fn visit(address: &str, tls: bool) -> Visit<'_> {
        Visit {
            address: address.parse().ok(),
            tls,
            user: "alice",
            database: "shop",
            replication: false,
        }
    }

    fn network(text: &str, bits: u8) -> AddressPattern {
        AddressPattern::Networks(vec![(text.parse().expect("an address"), bits)])
    }

    #[test]
    fn the_kind_of_record_is_about_tls_and_sockets() {
        let fits =
            |kind, visit: &Visit<'_>| rule(kind, NamePattern::All, AddressPattern::All).fits(visit);
        let (tls, plain, unix) = (visit("::1", true), visit("::1", false), visit("", false));
        for (kind, expected) in [
            (RuleKind::Local, [false, false, true]),
            (RuleKind::Host, [true, true, false]),
            (RuleKind::HostSsl, [true, false, false]),
            (RuleKind::HostNoSsl, [false, true, false]),
            (RuleKind::HostGss, [false, false, false]),
            (RuleKind::HostNoGss, [true, true, false]),
        ] {
            let found = [&tls, &plain, &unix].map(|visit| fits(kind, visit));
            assert_eq!(found, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_network_is_its_first_bits_and_its_family() {
        for (network_of, bits, address, inside) in [
            ("10.1.0.0", 16, "10.1.255.3", true),
            ("10.1.0.0", 16, "10.2.0.0", false),
            ("0.0.0.0", 0, "203.0.113.1", true),
            ("0.0.0.0", 0, "::1", false),
            ("127.0.0.1", 32, "127.0.0.1", true),
            ("127.0.0.1", 32, "127.0.0.2", false),
            ("2001:db8::", 32, "2001:db8:ffff::1", true),
            ("2001:db8::", 32, "2001:db9::1", false),
            ("::", 0, "::1", true),
            ("::1", 128, "::1", true),
        ] {
            let rule = rule(RuleKind::Host, NamePattern::All, network(network_of, bits));
            assert_eq!(
                rule.fits(&visit(address, false)),
                inside,
                "{network_of}/{bits} {address}"
            );
        }
    }

    #[test]
    fn replication_is_no_database() {
        let mut visit = visit("::1", true);
        let any = rule(RuleKind::Host, NamePattern::All, AddressPattern::All);
        let replication = rule(
            RuleKind::Host,
            NamePattern::Replication,
            AddressPattern::All,
        );
        assert!(any.fits(&visit) && !replication.fits(&visit));
        visit.replication = true;
        assert!(!any.fits(&visit) && replication.fits(&visit));
    }

    #[test]
    fn a_map_names_users_exactly_or_by_the_first_group_of_a_pattern() {
        let line = |map: &str, system, user| IdentLine {
            map: map.into(),
            system,
            user,
            origin: Origin::BuiltIn,
        };
        let user = |name: &str| NamePattern::Name(name.into());
        let regex = |text| SystemName::Matches(Regex::new(text).expect("a pattern"));
        let hba = Hba {
            records: Vec::new(),
            maps: vec![
                line("cn", SystemName::Exactly("web".into()), user("shop")),
                line("mail", regex("^(.*)@example\\.org$"), user("\\1")),
                line("dn", regex("^.*OU=Testing,.*$"), user("tester")),
                line("odd", regex("^x(y)?$"), user("\\1alice")),
                line("any", SystemName::Exactly("root".into()), NamePattern::All),
            ],
        };
        assert_eq!(hba.names(None, "alice", "alice"), Ok(()));
        assert!(hba.names(None, "Alice", "alice").is_err());
        assert_eq!(hba.names(Some("cn"), "web", "shop"), Ok(()));
        assert_eq!(hba.names(Some("mail"), "bob@example.org", "bob"), Ok(()));
        assert!(hba.names(Some("mail"), "bob@example.org", "eve").is_err());
        assert_eq!(hba.names(Some("odd"), "xy", "yalice"), Ok(()));
        assert!(hba.names(Some("odd"), "x", "alice").is_err());
        assert_eq!(hba.names(Some("any"), "root", "bob"), Ok(()));
        assert!(hba.names(Some("any"), "web", "bob").is_err());
        assert_eq!(
            hba.names(Some("dn"), "CN=x,OU=Testing,O=PGDG", "tester"),
            Ok(())
        );
        assert_eq!(
            hba.names(Some("none"), "web", "shop")
                .expect_err("no such map"),
            "no match in usermap \"none\" for user \"shop\" authenticated as \"web\""
        );
    }
}
