//! Which of several identities a client gets by the server name that it asks for: the first whose certificate is for that
//! name, as Go chooses. Identities for the same names belong together, each with another type of key.
//!
//! Names that were listed with keyfiles of their own come before (`names`).

use super::identity::Identity;
use crate::settings::Setting;
use openssl::x509::X509Ref;

/// The names a certificate is for: in lower case and in order, with a `*` where any one label may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CertificateNames(Vec<String>);

impl CertificateNames {
    /// The alternative names of a certificate. What its subject is called counts for nobody any more.
    pub(super) fn of(certificate: &X509Ref) -> CertificateNames {
        let alternative = certificate.subject_alt_names();
        let names = alternative
            .iter()
            .flatten()
            .filter_map(|name| name.dnsname());
        let mut names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
        names.sort_unstable();
        names.dedup();
        CertificateNames(names)
    }

    /// Whether one of them is, or stands for, a name in lower case.
    pub(super) fn hold(&self, asked: &str) -> bool {
        self.0.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => asked
                .split_once('.')
                .is_some_and(|(_, rest)| rest == domain),
            None => name == asked,
        })
    }
}

/// Identities that belong together, in the order of the first of each; nothing where all do.
pub(super) fn groups(
    identities: &[Setting<Identity>],
) -> Vec<(CertificateNames, Vec<Setting<Identity>>)> {
    let mut groups: Vec<(CertificateNames, Vec<Setting<Identity>>)> = Vec::new();
    for identity in identities {
        let names = CertificateNames::of(&identity.leaf);
        match groups.iter_mut().find(|(known, _)| *known == names) {
            Some((_, group)) => group.push(identity.clone()),
            None => groups.push((names, vec![identity.clone()])),
        }
    }
    if groups.len() == 1 {
        groups.clear();
    }
    groups
}

/// Whether two certificates are for different names, so that clients can tell by these which they mean.
pub(super) fn differ(one: &Identity, other: &Identity) -> bool {
    CertificateNames::of(&one.leaf) != CertificateNames::of(&other.leaf)
}

/// The first of each type of key, for clients whose name none is for.
pub(super) fn first_of_each_type(identities: &[Setting<Identity>]) -> Vec<Setting<Identity>> {
    let mut first: Vec<Setting<Identity>> = Vec::new();
    for identity in identities {
        if !first
            .iter()
            .any(|known| known.key_type() == identity.key_type())
        {
            first.push(identity.clone());
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_as_it_is_or_by_a_star_in_place_of_its_first_label() {
        let names = |names: &[&str]| CertificateNames(names.iter().map(|n| (*n).into()).collect());
        for (held, asked, holds) in [
            (&["a.example"][..], "a.example", true),
            (&["a.example"], "b.example", false),
            (&["b.example", "a.example"], "a.example", true),
            (&["*.example"], "a.example", true),
            (&["*.example"], "example", false),
            (&["*.example"], "b.a.example", false),
            (&["*.example"], "*.example", true),
            (&["a*.example"], "ab.example", false),
            (&["*"], "localhost", false),
            (&["*."], "a.", true),
            (&[], "a.example", false),
            (&["a.example"], "", false),
        ] {
            assert_eq!(names(held).hold(asked), holds, "{held:?} {asked}");
        }
    }
}
