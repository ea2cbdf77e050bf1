//! Cipher suites by their numbers at IANA, with OpenSSL's names, in the order in which Go prefers them.
//!
//! Only whether a suite is in the list counts: since Go 1.17 the order is Go's own. Those of TLS 1.3 are not for the list
//! to choose. Read next: `choices`.

/// The suites of TLS 1.3, which are always all there.
pub(super) const OF_TLS_1_3: &[(u16, &str)] = &[
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
];

/// The others, best first.
pub(super) const OLDER: &[Suite] = &[
    suite(0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    suite(0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    suite(0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    suite(0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
    suite(0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    suite(0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"),
    suite(0xc009, "ECDHE-ECDSA-AES128-SHA"),
    suite(0xc013, "ECDHE-RSA-AES128-SHA"),
    suite(0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    suite(0xc014, "ECDHE-RSA-AES256-SHA"),
    suite(0x009c, "AES128-GCM-SHA256"),
    suite(0x009d, "AES256-GCM-SHA384"),
    suite(0x002f, "AES128-SHA"),
    suite(0x0035, "AES256-SHA"),
    rare(0xc012, "ECDHE-RSA-DES-CBC3-SHA"),
    rare(0x000a, "DES-CBC3-SHA"),
    suite(0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    suite(0xc027, "ECDHE-RSA-AES128-SHA256"),
    suite(0x003c, "AES128-SHA256"),
    rare(0xc007, "ECDHE-ECDSA-RC4-SHA"),
    rare(0xc011, "ECDHE-RSA-RC4-SHA"),
    rare(0x0005, "RC4-SHA"),
];

/// How many of them there are where nobody has listed any.
const DEFAULT: usize = 6;

/// The two of which HTTP/2 needs one.
pub(super) const FOR_HTTP2: [u16; 2] = [0xc02f, 0xc02b];

/// A suite of TLS 1.2 or older.
pub(super) struct Suite {
    pub(super) id: u16,
    pub(super) name: &'static str,
    /// Whether builds of OpenSSL have it only if somebody has asked for that.
    pub(super) rare: bool,
}

const fn suite(id: u16, name: &'static str) -> Suite {
    let rare = false;
    Suite { id, name, rare }
}

const fn rare(id: u16, name: &'static str) -> Suite {
    let rare = true;
    Suite { id, name, rare }
}

/// The suites of TLS 1.3 as OpenSSL's list.
pub(super) fn of_tls_1_3() -> String {
    joined(OF_TLS_1_3.iter().map(|(_, name)| *name))
}

/// The list that holds where nobody has made one.
pub(super) fn default_list() -> String {
    joined(OLDER[..DEFAULT].iter().map(|suite| suite.name))
}

/// Names as OpenSSL's list.
pub(super) fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_once() {
        let mut ids: Vec<u16> = OLDER.iter().map(|suite| suite.id).collect();
        ids.extend(OF_TLS_1_3.iter().map(|(id, _)| id));
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!((ids.len(), count), (25, 25));
    }

    #[test]
    fn the_default_has_what_http_2_needs() {
        let default = &OLDER[..DEFAULT];
        for id in FOR_HTTP2 {
            assert!(default.iter().any(|suite| suite.id == id));
        }
        assert!(default.iter().all(|suite| !suite.rare));
        assert_eq!(
            default_list(),
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
             ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
        );
    }
}
