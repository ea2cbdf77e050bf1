//! What is chosen of TLS in the same words towards clients and towards backends: versions, curves and suites.
//!
//! Read next: `tls`, `client_tls` (the rest of either).

use super::reading::{Given, Object, Reading};
use super::suites::{self, FOR_HTTP2, OF_TLS_1_3, OLDER};
use crate::settings::quoted;

/// The words for versions, and OpenSSL's, lowest first.
const VERSIONS: &[(&str, &str)] = &[
    ("SSL3.0", ""),
    ("TLS10", "TLSv1"),
    ("TLS11", "TLSv1.1"),
    ("TLS12", "TLSv1.2"),
    ("TLS13", "TLSv1.3"),
];

const SSL_3: usize = 0;
const TLS_1_3: usize = 4;

const CURVES: &[(u16, &str)] = &[(25, "P-521"), (24, "P-384"), (23, "P-256"), (29, "X25519")];

/// The curves that hold where nobody has listed any, best first.
pub(super) const DEFAULT_GROUPS: &str = "P-521:P-384:P-256";

/// What HTTP/2 says in Go of a list without the suites that it needs.
const HTTP2_NEEDS: &str = "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher (need at \
    least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)";

/// The options that take what was chosen, of one side.
pub(super) struct Side {
    pub(super) min: &'static str,
    pub(super) max: &'static str,
    pub(super) groups: &'static str,
    pub(super) cipher_list: &'static str,
    /// Whether HTTP/2 is offered, which asks for certain suites.
    pub(super) offers_http2: bool,
}

pub(super) const SERVER: Side = Side {
    min: "ssl.min-protocol",
    max: "ssl.max-protocol",
    groups: "ssl.groups",
    cipher_list: "ssl.cipher-list",
    offers_http2: true,
};

pub(super) const CLIENT: Side = Side {
    min: "backend.min-protocol",
    max: "backend.max-protocol",
    groups: "backend.groups",
    cipher_list: "backend.cipher-list",
    offers_http2: false,
};

impl Reading<'_> {
    /// Takes what is chosen of TLS in an object.
    pub(super) fn choices(&mut self, side: &Side, object: &Object) {
        self.curves(side, object.get("curve_preferences"));
        let suites = self.numbers(object.get("cipher_suites"));
        if let (Some(lowest), Some(suites)) = (self.versions(side, object), suites) {
            self.suites(side, &suites, lowest);
        }
    }

    /// The lowest version that is spoken, where the range is one.
    fn versions(&mut self, side: &Side, object: &Object) -> Option<usize> {
        let min = self.version(object.get("min_version"));
        let max = self.version(object.get("max_version"));
        let low = min.as_ref().map_or(TLS_1_3, |given| given.value);
        let high = max.as_ref().map_or(TLS_1_3, |given| given.value);
        if let Some(max) = max.as_ref().filter(|max| max.value == SSL_3) {
            let why = "'SSL3.0' leaves no version to speak: every handshake would fail";
            self.missing(side.max, max, why);
            return None;
        }
        let low = low.max(SSL_3 + 1);
        if let Some(max) = max.as_ref().filter(|_| high < low) {
            let place = match &min {
                Some(min) => format!("of 'min_version' ({})", min.origin),
                None => "that 'min_version' is unless it is set".to_owned(),
            };
            let (high, low) = (VERSIONS[high].0, VERSIONS[low].0);
            let why = format!("'{high}' is below the '{low}' {place}: every handshake would fail");
            self.missing(side.max, max, &why);
            return None;
        }
        for (option, given) in [(side.min, &min), (side.max, &max)] {
            let Some(given) = given else {
                continue;
            };
            if given.value == SSL_3 {
                self.info(
                    given,
                    "'SSL3.0' comes to TLS10, as nobody speaks SSLv3 any more",
                );
            }
            self.set(option, given, VERSIONS[given.value.max(SSL_3 + 1)].1);
        }
        Some(low)
    }

    fn version(&mut self, given: Option<&Given>) -> Option<Given<usize>> {
        let given = self.filled(given)?;
        let known = VERSIONS.iter().position(|(word, _)| *word == given.value);
        if known.is_none() {
            let words: Vec<&str> = VERSIONS.iter().map(|(word, _)| *word).collect();
            let why = format!(
                "{} is not one of {}, and comes to TLS13",
                quoted(&given.value),
                words.join(", ")
            );
            self.warn(&given, &why);
        }
        Some(given.with(known.unwrap_or(TLS_1_3)))
    }

    fn curves(&mut self, side: &Side, given: Option<&Given>) {
        let Some(given) = self.numbers(given) else {
            return;
        };
        let mut names: Vec<&str> = Vec::new();
        for one in &given.value {
            let Some((id, name)) = CURVES.iter().find(|(id, _)| *id == one.value) else {
                let known = CURVES.iter().map(|(id, name)| format!("{id} ({name})"));
                let known: Vec<String> = known.collect();
                let why = format!("'{}' is not one of {}", one.value, known.join(", "));
                self.wrong(one, &why);
                continue;
            };
            if *id == 29 {
                self.info(
                    one,
                    "29 (X25519) is taken, although KrakenD's linter refuses it",
                );
            }
            if !names.contains(name) {
                names.push(name);
            }
        }
        self.set(side.groups, &given, &names.join(":"));
    }

    /// Which suites there are besides those of TLS 1.3, as long as an older version is spoken.
    fn suites(&mut self, side: &Side, given: &Given<Vec<Given<u16>>>, lowest: usize) {
        let listed = |id: u16| given.value.iter().any(|one| one.value == id);
        for one in &given.value {
            let mut known = OLDER
                .iter()
                .map(|suite| suite.id)
                .chain(OF_TLS_1_3.iter().map(|(id, _)| *id));
            if !known.any(|id| id == one.value) {
                let why = format!("'{}' is no suite that Go has, and is left out", one.value);
                self.warn(one, &why);
            }
        }
        let of_tls_1_3 = OF_TLS_1_3.iter().filter(|(id, _)| listed(*id)).count();
        if lowest == TLS_1_3 {
            let why = "has no effect on TLS 1.3, which always has its three suites, and no older version is spoken";
            return self.info(given, why);
        }
        if (1..OF_TLS_1_3.len()).contains(&of_tls_1_3) {
            self.info(
                given,
                "TLS 1.3 always has its three suites, whichever are listed",
            );
        }
        if side.offers_http2 && !FOR_HTTP2.into_iter().any(listed) {
            return self.missing(side.cipher_list, given, HTTP2_NEEDS);
        }
        let suites: Vec<_> = OLDER.iter().filter(|suite| listed(suite.id)).collect();
        let rare = suites.iter().filter(|suite| suite.rare);
        let rare: Vec<&str> = rare.map(|suite| suite.name).collect();
        if !rare.is_empty() {
            let why = format!(
                "{}: few builds of OpenSSL have that, the others leave it out",
                rare.join(", ")
            );
            self.info(given, &why);
        }
        if suites.is_empty() {
            let lowest = VERSIONS[lowest].0;
            let why = format!("leaves no suite for '{lowest}', which 'min_version' allows");
            return self.missing(side.cipher_list, given, &why);
        }
        let names = suites.iter().map(|suite| suite.name);
        self.set(side.cipher_list, given, &suites::joined(names));
    }
}
