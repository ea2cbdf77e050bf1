//! The files: those that variables name, and otherwise kdb+'s, in the directory of libssl's own.

use super::environment::{Given, Reading, given};
use crate::dialect::Source;
use crate::settings::{Builder, Note, Origin, Setting, VerifyClient, Words, quoted};
use std::path::{Path, PathBuf};

/// A variable that names a file or a directory, and what that is called in libssl's directory.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) variable: &'static str,
    name: &'static str,
}

pub(super) const CERTIFICATE: Place = Place {
    variable: "SSL_CERT_FILE",
    name: "server-crt.pem",
};
pub(super) const KEY: Place = Place {
    variable: "SSL_KEY_FILE",
    name: "server-key.pem",
};
pub(super) const CA_FILE: Place = Place {
    variable: "SSL_CA_CERT_FILE",
    name: "cacert.pem",
};
pub(super) const CA_PATH: Place = Place {
    variable: "SSL_CA_CERT_PATH",
    name: "",
};

impl Place {
    /// Where it is when nobody says.
    pub(super) fn otherwise(self, source: &dyn Source) -> Option<PathBuf> {
        let directory = source.openssl_dir()?;
        Some(match self.name {
            "" => directory,
            name => directory.join(name),
        })
    }

    /// What counts, and who said so.
    fn found(self, source: &dyn Source) -> Option<Setting<PathBuf>> {
        let named = given(source, self.variable, |_| {});
        let named = named.map(|given| Setting::new(PathBuf::from(&given.value), given.origin()));
        named.or_else(|| self.otherwise(source).map(Setting::built_in))
    }
}

impl Reading<'_> {
    /// All of them; `verifies` is about servers.
    pub(super) fn files(&mut self, verifies: bool) {
        let certificate = self.given(CERTIFICATE.variable);
        let key = self.given(KEY.variable);
        self.identity(certificate.as_ref(), key.as_ref());
        let file = self.given(CA_FILE.variable);
        let path = self.given(CA_PATH.variable);
        for (named, option, of_backend) in [
            (&file, "ssl.cafile", "backend.cafile"),
            (&path, "ssl.capath", "backend.capath"),
        ] {
            if let Some(named) = named {
                self.set_value(named, &[option]);
                // A CA for the backend would be asked about it although it is not to be verified.
                if verifies {
                    self.set_value(named, &[of_backend]);
                }
            }
        }
        let asks = self.builder.settings().policy.verify() != VerifyClient::None;
        self.usual_authorities(file.is_none(), path.is_none(), asks || verifies, verifies);
    }

    /// A certificate of our own: as a server, and for servers that ask for one. What is not named is shown if it is there.
    fn identity(&mut self, certificate: Option<&Given>, key: Option<&Given>) {
        for (named, option) in [(certificate, "ssl.certfile"), (key, "ssl.keyfile")] {
            if let Some(named) = named {
                self.set_value(named, &[option]);
            }
        }
        let found = (CERTIFICATE.found(self.source), KEY.found(self.source));
        let (Some(certificate), Some(key)) = found else {
            return;
        };
        for file in [&certificate, &key] {
            if !self.source.exists(file) {
                if file.is_chosen() {
                    let (origin, name) = (&file.origin, quoted(&file.display().to_string()));
                    let text =
                        format!("{origin}: there is no {name}: servers are shown no certificate");
                    self.builder.note(Note::info(text));
                }
                return;
            }
        }
        let settings = self.builder.settings_mut();
        for policy in [&mut settings.policy, &mut settings.backend_tls.policy] {
            policy.cert_files = vec![certificate.clone()];
            policy.key_files = vec![key.clone()];
        }
    }

    /// kdb+'s own CAs, where they are there and none are named.
    fn usual_authorities(&mut self, file: bool, path: bool, of_ours: bool, of_backend: bool) {
        let there = |place: &PathBuf| self.source.exists(place);
        let otherwise = |place: Place| place.otherwise(self.source).filter(there);
        let file = file.then(|| otherwise(CA_FILE)).flatten();
        let path = path.then(|| otherwise(CA_PATH)).flatten();
        let settings = self.builder.settings_mut();
        for (policy, wanted) in [
            (&mut settings.policy, of_ours),
            (&mut settings.backend_tls.policy, of_backend),
        ] {
            if wanted {
                policy.ca_files.extend(file.clone().map(Setting::built_in));
            }
            if let (true, Some(path)) = (wanted, &path) {
                policy.ca_dir = Setting::built_in(Some(path.clone()));
            }
        }
    }
}

/// Once all endpoints are known: where there is TLS, a certificate and a key have to be there, and otherwise nobody looks
/// for them. A key that a flag names is not taken for that of kdb+'s own certificate.
pub(in crate::dialect) fn complete(source: &dyn Source, builder: &mut Builder) {
    let settings = builder.settings_mut();
    let serves_tls = settings.serves_tls();
    let policy = &mut settings.policy;
    if policy.words != Words::Kdb || settings.endpoints.is_empty() {
        return;
    }
    let ours =
        |file: &Setting<PathBuf>| matches!(file.origin, Origin::BuiltIn | Origin::Environment(_));
    if !serves_tls {
        policy.cert_files.retain(|file| !ours(file));
        policy.key_files.retain(|file| !ours(file));
        return;
    }
    if policy.key_files.is_empty() {
        policy
            .key_files
            .extend(KEY.otherwise(source).map(Setting::built_in));
    }
    let with_key = policy.key_files.iter().all(ours);
    if !with_key {
        policy.cert_files.retain(Setting::is_chosen);
    } else if policy.cert_files.is_empty() {
        let certificate = CERTIFICATE.otherwise(source);
        policy.cert_files.extend(certificate.map(Setting::built_in));
    }
}

/// What is in effect of a file, for those who ask: what was set, or else what would be looked for.
pub(super) fn in_effect(set: &[Setting<PathBuf>], place: Place, source: &dyn Source) -> String {
    let shown = |path: &Path| path.display().to_string();
    match set {
        [] => place.found(source).map(|file| shown(&file)),
        set => Some(
            set.iter()
                .map(|file| shown(file))
                .collect::<Vec<_>>()
                .join(" "),
        ),
    }
    .unwrap_or_default()
}
