//! How layers of options become [`Settings`]: a later layer beats an earlier one, a repeated option's list is
//! replaced whole, and everything wrong is collected.

use super::check::check_but;
use super::value::quoted;
use super::{Form, Note, Origin, Record, Settings, find, nearest};
use crate::error::{Error, Problems};

/// Collects options, layer by layer, then hands out the finished settings.
pub struct Builder {
    settings: Settings,
    problems: Vec<Error>,
    notes: Vec<Note>,
    /// What the layer at work has set, and where first.
    layer: Vec<(&'static Record, Origin)>,
    /// Options whose value could not be read, so that nobody complains of their absence as well.
    unread: Vec<&'static str>,
}

/// Names of one setting: whoever gives both in one layer contradicts themselves.
const SAME_SETTING: &[(&str, &str)] = &[("ssl.ecdh-curve", "ssl.groups")];

impl Builder {
    /// Starts from a dialect's defaults.
    pub fn new(base: Settings) -> Builder {
        Builder {
            settings: base,
            problems: Vec::new(),
            notes: Vec::new(),
            layer: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Begins a layer that beats the ones before: a file, its `.local` sibling, the flags.
    pub fn begin_layer(&mut self) {
        self.layer.clear();
    }

    /// Takes one option, by any of its names.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) {
        let Some(record) = find(name) else {
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
            self.unread.push(record.name);
        }
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

    /// Adds a remark found by a parser.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// What the options taken so far come to, unchecked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The finished settings, after the checks between them.
    ///
    /// # Errors
    /// Everything that is wrong, each with its origin.
    pub fn finish(mut self) -> Result<(Settings, Vec<Note>), Problems> {
        let (problems, notes) = check_but(&self.settings, &self.unread);
        self.problems.extend(problems);
        self.notes.extend(notes);
        Problems::or(self.problems, (self.settings, self.notes))
    }
}

/// `arangod.conf:12: 'ssl.cafile-mode': why`; a flag is named by its origin already.
pub(super) fn complaint(origin: &Origin, name: &str, why: &str) -> Error {
    Error::settings(remark(origin, name, why))
}

/// The text of a [`complaint`], for notes too.
pub(super) fn remark(origin: &Origin, name: &str, why: &str) -> String {
    match origin {
        Origin::Flag(flag) => format!("{flag}: {why}"),
        Origin::BuiltIn => format!("'{name}': {why}"),
        _ => format!("{origin}: '{name}': {why}"),
    }
}

fn unknown(name: &str, origin: &Origin) -> Error {
    let hint = match nearest(name) {
        Some(near) => format!(": did you mean '{near}'?"),
        None => String::new(),
    };
    Error::settings(match origin {
        Origin::Flag(flag) => format!("{flag}: unknown option{hint}"),
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
