//! The records of `pg_hba.conf`, in the server's words where they are wrong.
//!
//! What only the server can know, who is a member of which role, is refused rather than passed over: a record that was
//! skipped would let in whom it keeps out. Which record fits whom is for `settings::hba`.

use super::pattern;
use super::words::{Line, Word};
use crate::settings::hba::{
    AddressPattern, AuthMethod, ClientCert, ClientName, NamePattern, Rule, RuleKind,
};
use crate::settings::nearest_word;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every method of any version.
const METHODS: &[&str] = &[
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "sspi",
    "ident",
    "peer",
    "ldap",
    "radius",
    "cert",
    "pam",
    "bsd",
    "oauth",
];

/// Methods that a map is for.
const MAPPED: &[&str] = &["ident", "peer", "gss", "sspi", "cert", "oauth"];

/// The options that are looked at. All others are the server's.
const OURS: &[&str] = &["clientcert", "clientname", "map"];

/// The record on a line.
pub(super) fn rule(line: &Line) -> Result<Rule, String> {
    let mut columns = line.columns.iter();
    let kind = kind(&single(columns.next(), &KIND)?.text)?;
    let databases = names(columns.next(), "database specification", database)?;
    let users = names(columns.next(), "role specification", user)?;
    let address = match kind {
        RuleKind::Local => AddressPattern::All,
        _ => address(single(columns.next(), &ADDRESS)?, || {
            single(columns.next(), &MASK)
        })?,
    };
    let method = method(&single(columns.next(), &METHOD)?.text, kind)?;
    let mut rule = Rule {
        kind,
        databases,
        users,
        address,
        method,
        client_cert: ClientCert::Off,
        client_name: ClientName::Cn,
        map: None,
        origin: line.origin.clone(),
    };
    for word in columns.flatten() {
        option(&mut rule, &word.text)?;
    }
    Ok(rule)
}

/// A column of one word, as the messages call it: when there are several, and when there is none.
struct Column(&'static str, &'static str);

const KIND: Column = Column("connection type", "connection type");
const ADDRESS: Column = Column("host address", "IP address specification");
const MASK: Column = Column(
    "netmask",
    "netmask specification: specify an address range in CIDR notation, or provide a separate netmask",
);
const METHOD: Column = Column("authentication type", "authentication method");

/// The one word of a column.
fn single<'a>(column: Option<&'a Vec<Word>>, called: &Column) -> Result<&'a Word, String> {
    match column.map(Vec::as_slice) {
        Some([word]) => Ok(word),
        Some(_) => Err(format!("multiple values specified for {}", called.0)),
        None => Err(format!("end-of-line before {}", called.1)),
    }
}

fn kind(text: &str) -> Result<RuleKind, String> {
    Ok(match text {
        "local" => RuleKind::Local,
        "host" => RuleKind::Host,
        "hostssl" => RuleKind::HostSsl,
        "hostnossl" => RuleKind::HostNoSsl,
        "hostgssenc" => RuleKind::HostGss,
        "hostnogssenc" => RuleKind::HostNoGss,
        _ => return Err(format!("invalid connection type \"{text}\"")),
    })
}

fn names(
    column: Option<&Vec<Word>>,
    what: &str,
    one: fn(&Word) -> Result<NamePattern, String>,
) -> Result<Vec<NamePattern>, String> {
    let words = column.ok_or_else(|| format!("end-of-line before {what}"))?;
    words.iter().map(one).collect()
}

fn database(word: &Word) -> Result<NamePattern, String> {
    if word.is("sameuser") {
        Ok(NamePattern::SameUser)
    } else if word.is("replication") {
        Ok(NamePattern::Replication)
    } else if word.is("samerole") || word.is("samegroup") {
        let text = &word.text;
        Err(format!(
            "'{text}' asks which roles the user is a member of, which the server alone knows: name the databases, or \
             leave this record to the server's own pg_hba.conf"
        ))
    } else {
        anybody(word)
    }
}

/// A user, or those of a pattern, or all.
pub(super) fn user(word: &Word) -> Result<NamePattern, String> {
    if word.text.starts_with('+') && !word.quoted {
        let text = crate::settings::quoted(&word.text);
        return Err(format!(
            "{text} asks who is a member of that role, which the server alone knows: name the users, or leave this \
             line to the server's own file"
        ));
    }
    anybody(word)
}

fn anybody(word: &Word) -> Result<NamePattern, String> {
    if word.is("all") {
        return Ok(NamePattern::All);
    }
    match word.text.strip_prefix('/') {
        Some(text) => pattern::compile(text).map(NamePattern::Matches),
        None => Ok(NamePattern::Name(word.text.clone())),
    }
}

fn address<'a>(
    word: &Word,
    mask: impl FnOnce() -> Result<&'a Word, String>,
) -> Result<AddressPattern, String> {
    if word.is("all") {
        return Ok(AddressPattern::All);
    }
    if word.is("samehost") || word.is("samenet") {
        let text = &word.text;
        return Err(format!(
            "'{text}' stands for addresses of the server's machine, which are not looked up: write them"
        ));
    }
    let text = &word.text;
    let (host, bits) = match text.split_once('/') {
        Some((host, bits)) => (host, Some(bits)),
        None => (&text[..], None),
    };
    let networks = match (host.parse::<IpAddr>(), bits) {
        (Ok(address), Some(bits)) => vec![(address, prefix(address, bits, text)?)],
        (Ok(address), None) => vec![(address, mask_bits(address, &mask()?.text)?)],
        (Err(_), _) if is_like_an_address(host) => {
            return Err(format!("invalid IP address \"{host}\""));
        }
        (Err(_), Some(_)) => {
            return Err(format!(
                "specifying both host name and CIDR mask is invalid: \"{text}\""
            ));
        }
        (Err(_), None) if host.eq_ignore_ascii_case("localhost") => vec![
            (Ipv4Addr::LOCALHOST.into(), 32),
            (Ipv6Addr::LOCALHOST.into(), 128),
        ],
        (Err(_), None) => {
            let text = crate::settings::quoted(text);
            return Err(format!(
                "the host name {text} would have to be looked up for every client, which is not done: write its addresses"
            ));
        }
    };
    Ok(AddressPattern::Networks(networks))
}

/// Nobody's name: figures and dots, or with a colon.
fn is_like_an_address(host: &str) -> bool {
    host.contains(':') || host.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn prefix(address: IpAddr, bits: &str, text: &str) -> Result<u8, String> {
    let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse::<u8>().ok().filter(|_| digits);
    bits.filter(|bits| *bits <= width(address))
        .ok_or_else(|| format!("invalid CIDR mask in address \"{text}\""))
}

/// How many bits a mask has, which the server does not ask to be in one piece.
fn mask_bits(address: IpAddr, text: &str) -> Result<u8, String> {
    let mask: IpAddr = text
        .parse()
        .map_err(|_| format!("invalid IP mask \"{text}\""))?;
    let (ones, all) = match (address, mask) {
        (IpAddr::V4(_), IpAddr::V4(mask)) => {
            let bits = mask.to_bits();
            (bits.leading_ones(), bits.count_ones())
        }
        (IpAddr::V6(_), IpAddr::V6(mask)) => {
            let bits = mask.to_bits();
            (bits.leading_ones(), bits.count_ones())
        }
        _ => return Err("IP address and mask do not match".into()),
    };
    match u8::try_from(ones) {
        Ok(bits) if ones == all => Ok(bits),
        _ => Err(format!(
            "invalid IP mask \"{text}\": its bits are not in one piece"
        )),
    }
}

fn method(text: &str, kind: RuleKind) -> Result<AuthMethod, String> {
    if !METHODS.contains(&text) {
        let near = nearest_word(text, METHODS.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!(": did you mean \"{near}\"?"));
        return Err(format!("invalid authentication method \"{text}\"{hint}"));
    }
    let local = kind == RuleKind::Local;
    match text {
        "cert" if kind != RuleKind::HostSsl => {
            Err("cert authentication is only supported on hostssl connections".into())
        }
        "peer" if !local => Err("peer authentication is only supported on local sockets".into()),
        "gss" if local => Err("gssapi authentication is not supported on local sockets".into()),
        "cert" => Ok(AuthMethod::Cert),
        "reject" => Ok(AuthMethod::Reject),
        _ => Ok(AuthMethod::Other(text.to_owned())),
    }
}

fn option(rule: &mut Rule, text: &str) -> Result<(), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!(
            "authentication option not in name=value format: {text}"
        ));
    };
    match name {
        "clientcert" | "clientname" if rule.kind != RuleKind::HostSsl => Err(format!(
            "{name} can only be configured for \"hostssl\" rows"
        )),
        "clientcert" => {
            rule.client_cert = client_cert(value, &rule.method)?;
            Ok(())
        }
        "clientname" => {
            rule.client_name = match value {
                "CN" => ClientName::Cn,
                "DN" => ClientName::Dn,
                _ => return Err(format!("invalid value for clientname: \"{value}\"")),
            };
            Ok(())
        }
        "map" => {
            let mapped = match &rule.method {
                AuthMethod::Cert => true,
                AuthMethod::Reject => false,
                AuthMethod::Other(name) => MAPPED.contains(&&name[..]),
            };
            if !mapped {
                return Err(
                    "authentication option \"map\" is only valid for authentication methods ident, peer, gssapi, sspi, \
                     and cert"
                        .into(),
                );
            }
            rule.map = Some(value.to_owned());
            Ok(())
        }
        _ => match slip(name) {
            Some(near) => Err(format!(
                "unrecognized authentication option name: \"{name}\": did you mean \"{near}\"?"
            )),
            None => Ok(()),
        },
    }
}

/// The option of ours that a name is a slip of.
fn slip(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let near = nearest_word(&lower, OURS.iter().copied());
    near.or_else(|| lower.starts_with("client").then_some("clientcert"))
}

fn client_cert(value: &str, method: &AuthMethod) -> Result<ClientCert, String> {
    match (value, method) {
        ("verify-full", _) => Ok(ClientCert::VerifyFull),
        ("verify-ca", AuthMethod::Cert) => {
            Err("clientcert only accepts \"verify-full\" when using \"cert\" authentication".into())
        }
        ("verify-ca", _) => Ok(ClientCert::VerifyCa),
        _ => Err(format!("invalid value for clientcert: \"{value}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::{self, Outcome};
    use super::*;
    use crate::dialect::tests::Memory;
    use crate::settings::{Builder, Settings};
    use proptest::prelude::*;
    use std::path::Path;

    fn rules(text: &str) -> Vec<Result<Rule, String>> {
        let mut builder = Builder::new(Settings::default());
        match words::read(&Memory::of([("a", text)]), Path::new("a"), &mut builder) {
            Outcome::Lines(lines) => lines.iter().map(rule).collect(),
            _ => Vec::new(),
        }
    }

    fn of(text: &str) -> Result<Rule, String> {
        rules(text).remove(0)
    }

    #[test]
    fn a_record_is_its_columns() {
        let found =
            of("hostssl certdb,\"all\" all 127.0.0.1/32 cert clientname=DN map=dn").unwrap();
        assert_eq!(found.kind, RuleKind::HostSsl);
        let name = |name: &str| NamePattern::Name(name.into());
        assert_eq!(found.databases, [name("certdb"), name("all")]);
        assert_eq!(found.users, [NamePattern::All]);
        let network = ("127.0.0.1".parse().unwrap(), 32);
        assert_eq!(found.address, AddressPattern::Networks(vec![network]));
        assert_eq!(found.method, AuthMethod::Cert);
        assert_eq!(found.asks(), ClientCert::VerifyFull);
        assert_eq!(found.client_name, ClientName::Dn);
        assert_eq!(found.map.as_deref(), Some("dn"));
        assert_eq!(found.origin.to_string(), "a:1");
    }

    #[test]
    fn keywords_count_in_their_own_column_and_without_quotes() {
        let found =
            of("local sameuser,replication,\"replication\" sameuser,\"+x\",all trust").unwrap();
        let name = |name: &str| NamePattern::Name(name.into());
        assert_eq!(
            found.databases,
            [
                NamePattern::SameUser,
                NamePattern::Replication,
                name("replication")
            ]
        );
        assert_eq!(
            found.users,
            [name("sameuser"), name("+x"), NamePattern::All]
        );
        let found = of("local \"/^a,b$\" all trust").unwrap();
        assert_eq!(
            found.databases,
            [anybody(&Word {
                text: "/^a,b$".into(),
                quoted: true
            })
            .unwrap()]
        );
    }

    #[test]
    fn an_address_has_bits_or_a_mask_or_stands_for_some() {
        let networks =
            |text: &str| match of(&format!("host all all {text} trust")).map(|rule| rule.address) {
                Ok(AddressPattern::All) => "all".to_owned(),
                Ok(AddressPattern::Networks(networks)) => {
                    let one = |(address, bits): &(IpAddr, u8)| format!("{address}/{bits}");
                    networks.iter().map(one).collect::<Vec<_>>().join(" ")
                }
                Err(why) => why,
            };
        for (text, expected) in [
            ("all", "all"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.1.2.3/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("::1/128", "::1/128"),
            ("10.0.0.0 255.255.0.0", "10.0.0.0/16"),
            ("0.0.0.0 0.0.0.0", "0.0.0.0/0"),
            ("2001:db8:: ffff:ffff::", "2001:db8::/32"),
            ("localhost", "127.0.0.1/32 ::1/128"),
            ("LocalHost", "127.0.0.1/32 ::1/128"),
            (
                "10.0.0.0/33",
                "invalid CIDR mask in address \"10.0.0.0/33\"",
            ),
            ("10.0.0.0/", "invalid CIDR mask in address \"10.0.0.0/\""),
            (
                "10.0.0.0/+8",
                "invalid CIDR mask in address \"10.0.0.0/+8\"",
            ),
            ("::1/129", "invalid CIDR mask in address \"::1/129\""),
            ("10.0.0.0", "invalid IP mask \"trust\""),
            (
                "10.0.0.0 255.0.255.0",
                "invalid IP mask \"255.0.255.0\": its bits are not in one piece",
            ),
            ("10.0.0.0 ffff::", "IP address and mask do not match"),
            ("10.0.0", "invalid IP address \"10.0.0\""),
            ("::g", "invalid IP address \"::g\""),
            ("010.0.0.0/8", "invalid IP address \"010.0.0.0\""),
            (
                "db.example/32",
                "specifying both host name and CIDR mask is invalid: \"db.example/32\"",
            ),
            ("a,b", "multiple values specified for host address"),
        ] {
            assert_eq!(networks(text), expected, "{text}");
        }
        for name in ["db.example", ".example", "\"all\""] {
            let said = networks(name);
            assert!(said.contains("would have to be looked up"), "{said}");
        }
        for keyword in ["samehost", "samenet"] {
            let said = networks(keyword);
            assert!(said.ends_with("are not looked up: write them"), "{said}");
        }
    }

    #[test]
    fn what_the_server_refuses_is_refused_in_its_words() {
        for (text, why) in [
            ("hostssl", "end-of-line before database specification"),
            ("hostssl all", "end-of-line before role specification"),
            (
                "hostssl all all",
                "end-of-line before IP address specification",
            ),
            (
                "hostssl all all 10.0.0.1",
                "end-of-line before netmask specification: specify an address range in CIDR notation, or provide a \
                 separate netmask",
            ),
            (
                "hostssl all all ::/0",
                "end-of-line before authentication method",
            ),
            (
                "local,host all all trust",
                "multiple values specified for connection type",
            ),
            (
                "hosttls all all ::/0 trust",
                "invalid connection type \"hosttls\"",
            ),
            (
                "host all all ::/0 trust,md5",
                "multiple values specified for authentication type",
            ),
            (
                "host all all ::/0 kerberos",
                "invalid authentication method \"kerberos\"",
            ),
            (
                "host all all ::/0 scram-sha256",
                "invalid authentication method \"scram-sha256\": did you mean \"scram-sha-256\"?",
            ),
            (
                "host all all ::/0 peer",
                "peer authentication is only supported on local sockets",
            ),
            (
                "local all all gss",
                "gssapi authentication is not supported on local sockets",
            ),
            (
                "host all all ::/0 cert",
                "cert authentication is only supported on hostssl connections",
            ),
            (
                "hostnossl all all ::/0 cert",
                "cert authentication is only supported on hostssl connections",
            ),
            (
                "hostssl all all ::/0 md5 clientcert",
                "authentication option not in name=value format: clientcert",
            ),
            (
                "host all all ::/0 md5 clientcert=verify-ca",
                "clientcert can only be configured for \"hostssl\" rows",
            ),
            (
                "hostnossl all all ::/0 md5 clientname=CN",
                "clientname can only be configured for \"hostssl\" rows",
            ),
            (
                "hostssl all all ::/0 cert clientcert=verify-ca",
                "clientcert only accepts \"verify-full\" when using \"cert\" authentication",
            ),
            (
                "hostssl all all ::/0 md5 clientcert=1",
                "invalid value for clientcert: \"1\"",
            ),
            (
                "hostssl all all ::/0 md5 clientcert=0",
                "invalid value for clientcert: \"0\"",
            ),
            (
                "hostssl all all ::/0 md5 clientcert=no-verify",
                "invalid value for clientcert: \"no-verify\"",
            ),
            (
                "hostssl all all ::/0 cert clientname=cn",
                "invalid value for clientname: \"cn\"",
            ),
            (
                "hostssl all all ::/0 md5 map=x",
                "authentication option \"map\" is only valid for authentication methods ident, peer, gssapi, sspi, \
                 and cert",
            ),
            (
                "hostssl all all ::/0 md5 client_cert=verify-ca",
                "unrecognized authentication option name: \"client_cert\": did you mean \"clientcert\"?",
            ),
            (
                "hostssl all all ::/0 cert ClientName=DN",
                "unrecognized authentication option name: \"ClientName\": did you mean \"clientname\"?",
            ),
            (
                "hostssl all all ::/0 cert clientcertificate=verify-full",
                "unrecognized authentication option name: \"clientcertificate\": did you mean \"clientcert\"?",
            ),
        ] {
            assert_eq!(of(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_the_server_alone_knows_is_refused() {
        for text in [
            "host samerole all ::/0 trust",
            "host samegroup all ::/0 trust",
            "host all +admins ::/0 trust",
            "host all alice,+admins ::/0 reject",
        ] {
            let said = of(text).expect_err(text);
            assert!(said.contains("which the server alone knows"), "{said}");
        }
        assert!(of("host all \"+admins\" ::/0 trust").is_ok());
    }

    #[test]
    fn options_of_other_methods_are_the_servers() {
        for text in [
            "host all all ::/0 ldap ldapserver=l.example ldaptls=1 ldapprefix=\"cn=\" ldapsuffix=\",dc=x\"",
            "host all all ::/0 radius radiusservers=\"a,b\" radiussecrets=x",
            "host all all ::/0 pam pamservice=postgresql pam_use_hostname=1",
            "host all all ::/0 gss include_realm=0 krb_realm=X map=m",
            "host all all ::/0 oauth issuer=https://x scope=openid delegate_ident_mapping=1",
            "host all all ::/0 scram-sha-256 future=1",
            "hostssl all all ::/0 scram-sha-256 clientcert=verify-full",
            "hostssl all all ::/0 cert clientcert=verify-full",
            "local all all ident map=m",
        ] {
            assert!(of(text).is_ok(), "{text}: {:?}", of(text));
        }
    }

    proptest! {
        #[test]
        fn no_record_is_too_odd(
            text in "(local|host(ssl)?) [a-z/+,@\"]{0,6} [a-z/+,]{1,6}( [0-9a-f:./]{1,9}){0,2} [a-z0-9-]{1,8}( [a-z=-]{1,9}){0,3}",
            other in ".{0,60}",
        ) {
            for rule in rules(&text).into_iter().chain(rules(&other)) {
                if let Err(why) = rule {
                    prop_assert!(!why.is_empty());
                }
            }
        }
    }
}
