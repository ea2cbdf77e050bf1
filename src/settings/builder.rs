//! How layers of options become [`Settings`]: a later layer beats an earlier one, a repeated option's list is
//! replaced whole, and everything wrong is collected.

use super::check::check_but;
use super::hba::Hba;
use super::value::quoted;
use super::{
    Endpoint, Form, Note, Origin, Record, ServerName, Setting, Settings, TABLE, find, nearest,
};
use crate::error::{Error, Problems};
use std::sync::Arc;

/// Collects options, layer by layer, then hands out the finished settings.
pub struct Builder {
    settings: Settings,
    problems: Vec<Error>,
    notes: Vec<Note>,
    /// What is wrong with the rules of who may come in.
    of_rules: Vec<Error>,
    /// What the layer at work has set, and where first.
    layer: Vec<(&'static Record, Origin)>,
    /// What could not be read, so that nobody complains of its absence as well.
    unread: Unread,
}

/// What was given and could not be read.
#[derive(Default)]
pub(super) struct Unread {
    /// A whole file.
    file: bool,
    /// Options whose value is wrong.
    options: Vec<&'static str>,
}

impl Unread {
    /// Whether an option that is not set may have been given all the same.
    pub(super) fn may_hold(&self, name: &str) -> bool {
        self.file || self.options.contains(&name)
    }
}

/// The option that lists server names.
const NAMES: &str = "ssl.server-name-indication";

/// Names of one setting: whoever gives both in one layer contradicts themselves.
const SAME_SETTING: &[(&str, &str)] = &[("ssl.ecdh-curve", "ssl.groups")];

impl Builder {
    /// Starts from a dialect's defaults.
    pub fn new(base: Settings) -> Builder {
        Builder {
            settings: base,
            problems: Vec::new(),
            notes: Vec::new(),
            of_rules: Vec::new(),
            layer: Vec::new(),
            unread: Unread::default(),
        }
    }

    /// Goes over to another dialect's defaults. What somebody has chosen so far stays.
    pub(crate) fn rebase(&mut self, base: Settings) {
        let earlier = std::mem::replace(&mut self.settings, base);
        for record in TABLE.iter().filter(|record| record.name != NAMES) {
            let values = (record.get)(&earlier).into_iter();
            let mut chosen = values.filter(|(_, origin)| *origin != Origin::BuiltIn);
            let first = chosen.next();
            if first.is_some() {
                (record.clear)(&mut self.settings);
            }
            for (value, origin) in first.into_iter().chain(chosen) {
                if let Err(why) = (record.set)(&mut self.settings, &value, &origin) {
                    self.problem(complaint(&origin, record.name, &why));
                }
            }
        }
        // As one text they would be cut at their commas, where they need not be.
        if !earlier.names.is_empty() {
            self.settings.names = earlier.names;
        }
    }

    /// Begins a layer that beats the ones before: a file, its `.local` sibling, the flags.
    pub fn begin_layer(&mut self) {
        self.layer.clear();
    }

    /// Takes one option, by any of its names.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) {
        self.set_as(name, name, value, origin);
    }

    /// The same for an option that whoever wrote it knows by another name, which messages tell.
    pub(crate) fn set_as(&mut self, option: &str, name: &str, value: &str, origin: Origin) {
        let Some(record) = find(option) else {
            self.problem(unknown(name, &origin));
            return;
        };
        match self.earlier(record).cloned() {
            None => (record.clear)(&mut self.settings),
            Some(_) if record.form == Form::Repeated => {}
            Some(first) => {
                self.problem(twice(name, &origin, &first));
                return;
            }
        }
        if let Some((other, first)) = self.contradiction(record) {
            let why = format!("says the same as '{other}' ({first}): give one of them");
            self.problem(complaint(&origin, name, &why));
        }
        self.layer.push((record, origin.clone()));
        if let Err(why) = (record.set)(&mut self.settings, value, &origin) {
            self.problem(complaint(&origin, name, &why));
            self.unread.options.push(record.name);
        }
    }

    /// Takes a server name as it is, rather than as a text.
    pub(crate) fn add_server_name(&mut self, name: ServerName, origin: Origin) {
        if let Some(record) = find(NAMES).filter(|record| self.earlier(record).is_none()) {
            (record.clear)(&mut self.settings);
            self.layer.push((record, origin.clone()));
        }
        self.settings.names.push(Setting::new(name, origin));
    }

    /// Takes the rules that `postgresql.hba-file` was found to hold, in place of any before.
    pub(crate) fn set_rules(&mut self, rules: Option<Hba>) {
        self.settings.postgresql.hba = rules.map(Arc::new);
    }

    /// Does without TLS on some endpoints, of those that can.
    pub(crate) fn without_tls(&mut self, which: impl Fn(&Setting<Endpoint>) -> bool) {
        for endpoint in self.settings.endpoints.iter_mut().filter(|e| which(e)) {
            if let Some(accept) = endpoint.accept.without_tls() {
                endpoint.value.accept = accept;
            }
        }
    }

    /// How many problems there are, for [`Builder::of_rules_since`].
    pub(crate) fn problems_so_far(&self) -> usize {
        self.problems.len()
    }

    /// The problems that have come since are of the rules alone.
    pub(crate) fn of_rules_since(&mut self, problems: usize) {
        self.of_rules.extend(self.problems.drain(problems..));
    }

    fn earlier(&self, record: &Record) -> Option<&Origin> {
        let earlier = self.layer.iter().find(|(known, _)| *known == record);
        earlier.map(|(_, origin)| origin)
    }

    /// Another name of the same setting that this layer has used.
    fn contradiction(&self, record: &Record) -> Option<(&'static str, &Origin)> {
        let others = SAME_SETTING.iter().filter_map(|(one, two)| {
            let other = (*one == record.name).then_some(two);
            other.or((*two == record.name).then_some(one))
        });
        others
            .filter_map(|other| Some((*other, self.earlier(find(other)?)?)))
            .next()
    }

    /// Adds a problem found by a parser.
    pub fn problem(&mut self, error: Error) {
        self.problems.push(error);
    }

    /// Adds a problem that kept a whole file from being read: what it may have set is not called missing then.
    pub fn unread_file(&mut self, error: Error) {
        self.unread.file = true;
        self.problem(error);
    }

    /// Adds a problem that kept an option from being given.
    pub(crate) fn unread_option(&mut self, name: &'static str, error: Error) {
        self.was_given(name);
        self.problem(error);
    }

    /// An option was meant to be given, and it was said already why it is not.
    pub(crate) fn was_given(&mut self, name: &'static str) {
        self.unread.options.push(name);
    }

    /// The same, to be changed where no option can say it.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Adds a remark found by a parser.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// What the options taken so far come to, unchecked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings without the checks between them, for layers that are not the last.
    ///
    /// # Errors
    /// Everything that is wrong by itself, each with its origin.
    pub fn unchecked(mut self) -> Result<(Settings, Vec<Note>), Problems> {
        self.problems.append(&mut self.of_rules);
        Problems::or(self.problems, (self.settings, self.notes))
    }

    /// The finished settings, after the checks between them.
    ///
    /// # Errors
    /// Everything that is wrong, each with its origin.
    pub fn finish(mut self) -> Result<(Settings, Vec<Note>), Problems> {
        self.problems.append(&mut self.of_rules);
        let (settings, notes, _) = self.finish_but_rules()?;
        Ok((settings, notes))
    }

    /// The same, with what is wrong with PostgreSQL's rules beside the settings, which have none then: a reload keeps
    /// those before.
    ///
    /// # Errors
    /// Everything else that is wrong.
    pub fn finish_but_rules(mut self) -> Result<(Settings, Vec<Note>, Vec<Error>), Problems> {
        let (problems, notes) = check_but(&self.settings, &self.unread);
        self.problems.extend(problems);
        self.notes.extend(notes);
        Problems::or(self.problems, (self.settings, self.notes, self.of_rules))
    }
}

/// `arangod.conf:12: 'ssl.cafile-mode': why`; a flag is named by its origin already.
pub(crate) fn complaint(origin: &Origin, name: &str, why: &str) -> Error {
    Error::settings(remark(origin, name, why))
}

/// The text of a [`complaint`], for notes too.
pub(crate) fn remark(origin: &Origin, name: &str, why: &str) -> String {
    match origin {
        Origin::Flag(flag) if is_flag_of(flag, name) => format!("{flag}: {why}"),
        Origin::Environment(variable) if **variable == *name => format!("{origin}: {why}"),
        Origin::BuiltIn => format!("{}: {why}", quoted(name)),
        _ => format!("{origin}: {}: {why}", quoted(name)),
    }
}

/// Whether a flag is the option's own, and not one that holds others, as that of an endpoint does.
fn is_flag_of(flag: &str, name: &str) -> bool {
    let option = find(flag.trim_start_matches('-'));
    option.is_none_or(|option| find(name).is_none_or(|named| named == option))
}

/// An option that is none, with the one that may have been meant.
pub(super) fn unknown(name: &str, origin: &Origin) -> Error {
    let hint = match nearest(name) {
        Some(near) => format!(": did you mean '{near}'?"),
        None => String::new(),
    };
    Error::settings(match origin {
        Origin::Flag(flag) => format!("{flag}: unknown option{hint}"),
        Origin::BuiltIn => format!("unknown option {}{hint}", quoted(name)),
        _ => format!("{origin}: unknown option {}{hint}", quoted(name)),
    })
}

fn twice(name: &str, origin: &Origin, first: &Origin) -> Error {
    let place = match (origin, first) {
        (Origin::File { path, .. }, Origin::File { path: other, line }) if path == other => {
            format!(" (first at line {line})")
        }
        (Origin::Flag(flag), Origin::Flag(other)) if flag == other => String::new(),
        _ => format!(" (first {first})"),
    };
    Error::settings(match origin {
        Origin::Flag(flag) => format!("{flag} given twice{place}"),
        _ => format!("{origin}: '{name}' given twice{place}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    fn line(line: usize) -> Origin {
        let path = Arc::from(Path::new("arangod.conf"));
        Origin::File { path, line }
    }

    fn flag(name: &str) -> Origin {
        Origin::Flag(format!("--{name}").into())
    }

    fn problems(builder: Builder) -> Vec<String> {
        let problems = builder.problems.iter();
        problems.map(ToString::to_string).collect()
    }

    #[test]
    fn a_later_layer_beats_an_earlier_one_and_replaces_its_lists() {
        let mut builder = Builder::new(Settings::default());
        builder.begin_layer();
        builder.set("ssl.protocol", "5", line(1));
        builder.set("ssl.keyfile", "a.pem", line(2));
        builder.set("ssl.keyfile", "b.pem", line(3));
        builder.set("ssl.session-cache", "true", line(4));
        builder.begin_layer();
        builder.set("ssl.protocol", "6", flag("ssl.protocol"));
        builder.set("ssl.keyfile", "c.pem", flag("ssl.keyfile"));
        let policy = &builder.settings().policy;
        assert_eq!(policy.protocol.number(), 6);
        assert_eq!(policy.key_files.len(), 1);
        assert_eq!(policy.key_files[0].value, Path::new("c.pem"));
        assert!(policy.session_cache.value);
        assert!(problems(builder).is_empty());
    }

    #[test]
    fn an_option_given_twice_in_a_layer_names_the_first_place() {
        let mut builder = Builder::new(Settings::default());
        builder.begin_layer();
        builder.set("ssl.protocol", "5", line(8));
        builder.set("ssl.protocol", "5", line(30));
        builder.set("server.ssl-protocol", "5", line(31));
        builder.begin_layer();
        builder.set("threads", "1", flag("threads"));
        builder.set("threads", "2", flag("threads"));
        assert_eq!(
            problems(builder),
            [
                "arangod.conf:30: 'ssl.protocol' given twice (first at line 8)",
                "arangod.conf:31: 'server.ssl-protocol' given twice (first at line 8)",
                "--threads given twice",
            ]
        );
    }

    #[test]
    fn a_wrong_value_names_place_option_and_value() {
        let mut builder = Builder::new(Settings::default());
        builder.set("ssl.cafile-mode", "maybe", line(12));
        builder.begin_layer();
        builder.set("ssl.cafile-mode", "maybe", flag("ssl.cafile-mode"));
        builder.begin_layer();
        let variable = Origin::Environment("TLSPORT_MODE".into());
        builder.set("ssl.cafile-mode", "maybe", variable);
        builder.begin_layer();
        builder.set("ssl.cafile-mode", "maybe", Origin::Program);
        assert_eq!(
            problems(builder),
            [
                "arangod.conf:12: 'ssl.cafile-mode': 'maybe' is not one of require, request, original",
                "--ssl.cafile-mode: 'maybe' is not one of require, request, original",
                "environment variable TLSPORT_MODE: 'ssl.cafile-mode': 'maybe' is not one of require, request, original",
                "the program: 'ssl.cafile-mode': 'maybe' is not one of require, request, original",
            ]
        );
    }

    #[test]
    fn an_unknown_option_gets_the_nearest_known_one_if_it_is_near() {
        let mut builder = Builder::new(Settings::default());
        builder.set("ssl.kefyile", "a", line(1));
        builder.set("ssl.horse", "a", line(2));
        builder.set("ssl.cafil", "a", flag("ssl.cafil"));
        assert_eq!(
            problems(builder),
            [
                "arangod.conf:1: unknown option 'ssl.kefyile': did you mean 'ssl.keyfile'?",
                "arangod.conf:2: unknown option 'ssl.horse'",
                "--ssl.cafil: unknown option: did you mean 'ssl.cafile'?",
            ]
        );
    }

    #[test]
    fn two_names_of_one_setting_contradict_each_other_in_a_layer_and_not_across() {
        let mut builder = Builder::new(Settings::default());
        builder.begin_layer();
        builder.set("ssl.ecdh-curve", "prime256v1", line(1));
        builder.begin_layer();
        builder.set("ssl.groups", "X25519:P-256", flag("ssl.groups"));
        assert_eq!(builder.settings().policy.groups.value, "X25519:P-256");
        builder.set("ssl.ecdh-curve", "prime256v1", flag("ssl.ecdh-curve"));
        assert_eq!(
            problems(builder),
            ["--ssl.ecdh-curve: says the same as 'ssl.groups' (--ssl.groups): give one of them"]
        );
    }

    #[test]
    fn other_defaults_leave_what_was_chosen() {
        let mut builder = Builder::new(Settings::default());
        builder.begin_layer();
        builder.set("ssl.keyfile", "a.pem", line(1));
        builder.set("ssl.alpn", "h2", line(2));
        let name = ServerName {
            name: "a.example".into(),
            key_files: vec!["a.pem".into()],
            overrides: vec![(
                find("ssl.passphrase-command").expect("known"),
                "echo a,ssl.cafile=b".into(),
            )],
        };
        builder.add_server_name(name.clone(), line(3));
        let mut base = Settings::default();
        base.set("ssl.cipher-list", "HIGH").expect("a good value");
        base.set("ssl.alpn", "postgresql").expect("a good value");
        base.set("ssl.keyfile", "b.pem").expect("a good value");
        builder.rebase(base);
        let settings = builder.settings();
        assert_eq!(settings.policy.cipher_list.value, "HIGH");
        assert_eq!(settings.policy.alpn.value, ["h2"]);
        assert_eq!(settings.policy.alpn.origin, line(2));
        assert_eq!(settings.policy.key_files.len(), 1);
        assert_eq!(settings.policy.key_files[0].value, Path::new("a.pem"));
        assert_eq!(settings.names, [Setting::new(name, line(3))]);
        assert!(problems(builder).is_empty());
    }

    #[test]
    fn a_wrong_value_is_told_by_the_name_it_was_written_under() {
        let mut builder = Builder::new(Settings::default());
        builder.begin_layer();
        builder.set_as(
            "ssl.min-protocol",
            "ssl_min_protocol_version",
            "1.2",
            line(5),
        );
        assert_eq!(
            problems(builder),
            [
                "arangod.conf:5: 'ssl_min_protocol_version': '1.2' is not one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"
            ]
        );
    }

    #[test]
    fn the_same_endpoint_twice_is_one_endpoint() {
        let mut builder = Builder::new(Settings::default());
        builder.set("server.endpoint", "ssl://localhost", line(1));
        builder.set("server.endpoint", "http+ssl://127.0.0.1:8529/", line(2));
        assert_eq!(builder.settings().endpoints.len(), 1);
        assert!(problems(builder).is_empty());
    }

    #[test]
    fn a_server_name_keeps_its_own_options_and_takes_the_rest_from_the_general_ones() {
        let mut builder = Builder::new(Settings::default());
        let name = "ssl.server-name-indication";
        builder.set("ssl.cafile", "ca.pem", line(1));
        builder.set("ssl.keyfile", "a.pem", line(2));
        builder.set(
            name,
            "A.example=b.pem,ssl.options=0x4|NO_TICKET,ssl.cafile-mode=original",
            line(3),
        );
        builder.set(name, "a.example=c.pem", line(4));
        let settings = builder.settings();
        assert_eq!(settings.names.len(), 1);
        let policy = settings.policy_of(&settings.names[0]);
        let files: Vec<_> = policy
            .key_files
            .iter()
            .map(|file| file.value.as_path())
            .collect();
        assert_eq!(files, [Path::new("b.pem"), Path::new("c.pem")]);
        assert_eq!(policy.options.to_string(), "0x4|NO_TICKET");
        assert_eq!(policy.options.origin, line(3));
        assert_eq!(policy.ca_files[0].value, Path::new("ca.pem"));
        assert_eq!(policy.verify(), crate::settings::VerifyClient::None);
        assert_eq!(
            settings.policy.verify(),
            crate::settings::VerifyClient::Require
        );
    }
}
