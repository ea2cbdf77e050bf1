//! Who may come in: what the rules of `pg_hba.conf` make of a start-up packet, an address and a certificate.
//!
//! The order of the checks, their messages and their codes are those of the original's `ClientAuthentication` and
//! `CheckCertAuth`. Passwords and whatever else a method asks for are the backend's business.

use super::message::Refusal;
use super::startup::Startup;
use crate::preface::{Guest, Subject};
use crate::settings::hba::{AuthMethod, ClientCert, ClientName, Hba, Rule, Visit};
use std::sync::Arc;

/// What one endpoint asks of its clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    /// Whether there is TLS.
    pub(crate) tls: bool,
    /// The rules; without any, everybody is let through to the backend.
    pub(crate) hba: Option<Arc<Hba>>,
}

impl Gate {
    /// Whether a client may go on to the backend. What the log is to hear of one that may is left in `remark`.
    pub(super) fn admit(
        &self,
        startup: &Startup,
        guest: &Guest,
        remark: &mut Option<String>,
    ) -> Result<(), Refusal> {
        let Some(hba) = &self.hba else {
            return Ok(());
        };
        if !startup.exact {
            let text = "names of users and databases have to be UTF-8, and at most 63 bytes long";
            return Err(Refusal::new("08P01", text));
        }
        let visit = Visit {
            address: guest.address,
            tls: guest.shown.is_some(),
            user: &startup.user,
            database: &startup.database,
            replication: startup.replication,
        };
        let Some(rule) = hba.rule(&visit) else {
            return Err(unwanted(Verdict::Unlisted, startup, guest));
        };
        let shown = guest.shown.as_ref();
        let subject = shown.and_then(|shown| shown.subject.as_ref());
        let asked = rule.asks();
        if asked != ClientCert::Off {
            if !shown.is_some_and(|shown| shown.verifies) {
                let text = "client certificates can only be checked if a root certificate store is available";
                return Err(Refusal::new("F0000", text));
            }
            if subject.is_none() {
                let text = "connection requires a valid client certificate";
                return Err(Refusal::new("28000", text));
            }
        }
        if rule.method == AuthMethod::Reject {
            return Err(unwanted(Verdict::Rejected, startup, guest));
        }
        if asked == ClientCert::VerifyFull {
            let failed = || failed(&rule.method, &startup.user);
            let subject = subject.ok_or_else(failed)?;
            named(hba, rule, subject, &startup.user, remark)
                .map_err(|why| failed().because(why))?;
        }
        Ok(())
    }
}

/// Whether the certificate names the user. With the method `cert` that is the proof, of which the log hears, even if
/// the user is refused then.
fn named(
    hba: &Hba,
    rule: &Rule,
    subject: &Subject,
    user: &str,
    remark: &mut Option<String>,
) -> Result<(), String> {
    let (kind, name) = match rule.client_name {
        ClientName::Cn => ("CN", subject.common_name.as_deref().unwrap_or_default()),
        ClientName::Dn => ("DN", &subject.distinguished_name[..]),
    };
    if name.is_empty() {
        return Err(format!(
            "certificate authentication failed for user \"{user}\": client certificate contains no user name"
        ));
    }
    if rule.method == AuthMethod::Cert {
        // Its letters are printable and ASCII: what is not was escaped as RFC 2253 has it.
        let identity = String::from_utf8_lossy(&subject.distinguished_name);
        *remark = Some(format!(
            "connection authenticated: identity=\"{identity}\" method=cert ({})",
            rule.origin
        ));
    }
    // A name that is no text is nobody's: what would stand for its bytes could be somebody's.
    let text = std::str::from_utf8(name).map_err(|_| format!("the {kind} is no text"))?;
    hba.names(rule.map.as_deref(), text, user).map_err(|why| match rule.method {
        AuthMethod::Cert => why,
        _ => format!(
            "{why}: certificate validation (clientcert=verify-full) failed for user \"{user}\": {kind} mismatch"
        ),
    })
}

/// What is wrong with the names in a certificate, before anybody compares them.
pub(super) fn flaw(subject: &Subject) -> Option<&'static str> {
    let common_name = subject.common_name.as_deref().unwrap_or_default();
    if common_name.contains(&0) {
        return Some("SSL certificate's common name contains embedded null");
    }
    if subject.distinguished_name.contains(&0) {
        return Some("SSL certificate's distinguished name contains embedded null");
    }
    None
}

/// Why the rules let nobody in.
#[derive(Clone, Copy)]
enum Verdict {
    Unlisted,
    Rejected,
}

/// No rule, or one against it: who, from where, with TLS or without.
fn unwanted(verdict: Verdict, startup: &Startup, guest: &Guest) -> Refusal {
    let begin = match (verdict, startup.replication) {
        (Verdict::Unlisted, false) => "no pg_hba.conf entry for",
        (Verdict::Unlisted, true) => "no pg_hba.conf entry for replication connection from",
        (Verdict::Rejected, false) => "pg_hba.conf rejects connection for",
        (Verdict::Rejected, true) => "pg_hba.conf rejects replication connection for",
    };
    let host = match guest.address {
        Some(address) => address.to_string(),
        None => "[local]".into(),
    };
    let database = match startup.replication {
        true => String::new(),
        false => format!("database \"{}\", ", startup.database),
    };
    let encryption = match guest.shown {
        Some(_) => "SSL encryption",
        None => "no encryption",
    };
    let user = &startup.user;
    let text = format!("{begin} host \"{host}\", user \"{user}\", {database}{encryption}");
    Refusal::new("28000", text)
}

/// The certificate does not name the user: in the words of the method that the rule has besides.
fn failed(method: &AuthMethod, user: &str) -> Refusal {
    let name = match method {
        AuthMethod::Cert => "certificate",
        AuthMethod::Reject => "reject",
        AuthMethod::Other(name) => name.as_str(),
    };
    let (code, words) = match name {
        "trust" => ("28000", "\"trust\""),
        "password" | "md5" | "scram-sha-256" => ("28P01", "password"),
        "ident" => ("28000", "Ident"),
        "peer" => ("28000", "Peer"),
        "gss" => ("28000", "GSSAPI"),
        "sspi" => ("28000", "SSPI"),
        "pam" => ("28000", "PAM"),
        "bsd" => ("28000", "BSD"),
        "ldap" => ("28000", "LDAP"),
        "radius" => ("28000", "RADIUS"),
        "oauth" => ("28000", "OAuth bearer"),
        other => ("28000", other),
    };
    Refusal::new(
        code,
        format!("{words} authentication failed for user \"{user}\""),
    )
}
