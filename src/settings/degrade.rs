//! Going on without TLS where it cannot be set up: what Manticore Search does, and nobody else.

use super::{Endpoint, Group, Note, Origin, Policy, Settings, Unusable, VerifyClient};

/// What endpoints are said to do.
const WITHOUT: &str =
    "TLS is unusable, and clients are served without it, as 'ssl.unusable' is 'degrade'";

impl Settings {
    /// Whether TLS that cannot be set up is done without.
    fn may_degrade(&self) -> bool {
        *self.unusable == Unusable::Degrade
    }

    /// Does without TLS on the endpoints that have no certificate, and says so.
    pub(crate) fn degrade_keyless(&mut self) -> Vec<Note> {
        let mut notes = Vec::new();
        if !self.may_degrade() {
            return notes;
        }
        let before = self.clone();
        for endpoint in &mut self.endpoints {
            let policy = before.of_endpoint(endpoint).policy;
            let may = policy.key_files.is_empty() && policy.verify() != VerifyClient::Require;
            let without = endpoint.accept.without_tls();
            let Some(accept) = without.filter(|_| may && endpoint.accept.has_tls()) else {
                continue;
            };
            notes.push(Note::warn(format!(
                "endpoint '{}' ({}): SSL init error: there is no certificate: {WITHOUT}",
                endpoint.value, endpoint.origin
            )));
            endpoint.value.accept = accept;
        }
        notes
    }

    /// Whether one of these endpoints does without the TLS that was `asked` for, and did not so `before`.
    pub(crate) fn degrades_anew(&self, asked: &Settings, before: &Settings) -> bool {
        let known = |endpoint: &Endpoint| {
            let same =
                |one: &Endpoint| one.address == endpoint.address && one.accept == endpoint.accept;
            before.endpoints.iter().any(|one| same(one))
        };
        let mut endpoints = self.endpoints.iter().zip(&asked.endpoints);
        endpoints.any(|(now, asked)| now.accept != asked.accept && !known(now))
    }

    /// Endpoints that spoke TLS `before`, and do so no more.
    pub(crate) fn lost_tls(&self, before: &Settings) -> Vec<Note> {
        let had = |endpoint: &Endpoint| {
            let same = |one: &Endpoint| one.address == endpoint.address && one.accept.has_tls();
            before.endpoints.iter().any(|one| same(one))
        };
        let lost = self
            .endpoints
            .iter()
            .filter(|e| !e.accept.has_tls() && had(e));
        lost.map(|endpoint| {
            let (name, origin) = (&endpoint.value, &endpoint.origin);
            Note::warn(format!(
                "endpoint '{name}' ({origin}): there is no TLS any more"
            ))
        })
        .collect()
    }

    /// Does without TLS towards clients, if every endpoint can. One whose clients have to show a certificate cannot.
    pub(crate) fn degraded(&self) -> Option<(Settings, Note)> {
        if !self.may_degrade() {
            return None;
        }
        let mut settings = self.clone();
        let mut names = Vec::new();
        for endpoint in &mut settings.endpoints {
            if endpoint.accept.has_tls() {
                if self.of_endpoint(endpoint).policy.verify() == VerifyClient::Require {
                    return None;
                }
                names.push(format!("'{}'", endpoint.value));
            }
            endpoint.value.accept = endpoint.accept.without_tls()?;
            let own = &mut endpoint.value.own.0;
            own.retain(|(record, _)| !is_of_clients_tls(record.group));
        }
        settings.names.clear();
        settings.policy = Policy {
            words: self.policy.words,
            ..Policy::default()
        };
        let origin = &self.unusable.origin;
        let place = match origin {
            Origin::BuiltIn | Origin::Program => String::new(),
            origin => format!(" ({origin})"),
        };
        let text = format!("endpoints {}: {WITHOUT}{place}", names.join(", "));
        Some((settings, Note::warn(text)))
    }
}

fn is_of_clients_tls(group: Group) -> bool {
    matches!(
        group,
        Group::Identity | Group::Clients | Group::Protocol | Group::Resumption
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoints: &[&str], unusable: &str) -> Settings {
        let mut settings = Settings::default();
        settings.set("ssl.unusable", unusable).expect("known");
        for endpoint in endpoints {
            settings.add("server.endpoint", endpoint).expect(endpoint);
        }
        settings
    }

    #[test]
    fn only_what_can_do_without_tls_does_and_only_where_that_was_asked_for() {
        let all = [
            "mysql://h",
            "manticore+https://h,ssl.verify-client=request",
            "sphinx://h:1",
        ];
        assert!(settings(&all, "refuse").degraded().is_none());
        let (without, _) = settings(&all, "degrade").degraded().expect("all can");
        assert!(
            without
                .endpoints
                .iter()
                .all(|e| !e.accept.has_tls() && e.own.0.is_empty())
        );
        assert!(
            settings(&["mysql://h", "ssl://h"], "degrade")
                .degraded()
                .is_none()
        );
    }

    #[test]
    fn without_a_certificate_an_endpoint_does_without_tls_and_says_so() {
        let all = ["mysql://h", "mysql://h:1,ssl.keyfile=a.pem", "ssl://h"];
        let mut settings = settings(&all, "degrade");
        let notes = settings.degrade_keyless();
        let tls: Vec<bool> = settings
            .endpoints
            .iter()
            .map(|e| e.accept.has_tls())
            .collect();
        assert_eq!(tls, [false, true, true]);
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].text.contains("there is no certificate"),
            "{}",
            notes[0].text
        );
    }

    #[test]
    fn who_has_to_show_a_certificate_is_never_served_without_tls() {
        let all = ["mysql://h", "mysql://h:1,ssl.verify-client=require"];
        let mut settings = settings(&all, "degrade");
        assert!(settings.degraded().is_none());
        settings.degrade_keyless();
        let tls = settings.endpoints.iter().map(|e| e.accept.has_tls());
        assert_eq!(tls.collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn an_endpoint_that_has_lost_its_tls_is_named() {
        let before = settings(&["mysql://h", "mysql://h:1", "sphinx://h:2"], "refuse");
        let now = settings(&["mysql+tcp://h", "mysql://h:1", "sphinx://h:2"], "refuse");
        let notes = now.lost_tls(&before);
        assert_eq!(notes.len(), 1);
        let text = "endpoint 'mysql+tcp://h:3306' (the program): there is no TLS any more";
        assert_eq!(notes[0].text, text);
    }

    #[test]
    fn an_endpoint_degrades_anew_unless_it_was_without_tls_before() {
        let asked = settings(&["mysql://h,ssl.keyfile=a.pem", "mysql://h:1"], "degrade");
        let mut before = asked.clone();
        before.degrade_keyless();
        let mut same = asked.clone();
        assert_eq!(same.degrade_keyless().len(), 1);
        assert!(!same.degrades_anew(&asked, &before));
        for more in [["mysql://h", "mysql://h:1"], ["mysql://h:1", "mysql://h:2"]] {
            let asked = settings(&more, "degrade");
            let mut now = asked.clone();
            now.degrade_keyless();
            assert!(now.degrades_anew(&asked, &before), "{more:?}");
        }
    }
}
