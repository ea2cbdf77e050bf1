//! Which keys of `searchd` are given, and which of several lines about one counts: the first, as in the original.
//!
//! Read next: `applying` (what becomes of them).

use super::SEARCHD;
use super::conf::{Found, Part, Reader};
use crate::dialect::Source;
use crate::dialect::file::text;
use crate::dialect::own::{self, PREFIX};
use crate::error::Error;
use crate::settings::{Builder, Note, Origin, Record, nearest_word, quoted};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// With so many parts wrong, a file is something else.
const MOST_ERRORS: usize = 20;

/// The keys that concern us, in alphabetical order.
pub(super) const KEYS: &[&str] = &[
    "client_timeout",
    "listen",
    "network_timeout",
    "read_timeout",
    "sphinxql_timeout",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
];

/// A key as it was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// In lower case.
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// What is kept while a file is read, and then gone through.
pub(super) struct Reading<'a> {
    pub(super) builder: &'a mut Builder,
    pub(super) file: Arc<Path>,
    /// The section that is open, by its kind; of `searchd` the first.
    section: String,
    /// Whether there is a `searchd`.
    found: bool,
    pub(super) listens: Vec<Given>,
    /// The other keys of ours.
    given: BTreeMap<&'static str, Given>,
    /// Options behind `tlsport.`.
    pub(super) own: Vec<(&'static Record, Given)>,
    /// How many keys were not ours, by section.
    left_alone: BTreeMap<String, usize>,
    errors: usize,
}

pub(super) fn read(_source: &dyn Source, path: &Path, bytes: &[u8], builder: &mut Builder) {
    let mut reading = Reading {
        builder,
        file: Arc::from(path),
        section: String::new(),
        found: false,
        listens: Vec::new(),
        given: BTreeMap::new(),
        own: Vec::new(),
        left_alone: BTreeMap::new(),
        errors: 0,
    };
    let text = match text(bytes) {
        Ok(text) => text,
        Err(why) => return reading.unread(None, &why),
    };
    if text.trim_start_matches([' ', '\t']).starts_with("#!") {
        let why = "this is a script, which is not run here: save what it prints, and give that file instead";
        return reading.unread(Some(1), why);
    }
    reading.parts(&text);
    if reading.found {
        reading.count_left_alone();
        reading.apply();
    } else if reading.errors == 0 {
        let file = quoted(&path.display().to_string());
        let why = format!("'{SEARCHD}' config section not found in {file}");
        reading.builder.unread_file(Error::settings(why));
    }
}

impl Reading<'_> {
    /// What was given for a key, if it was not nothing.
    pub(super) fn given(&self, key: &str) -> Option<Given> {
        let given = self.given.get(key);
        given.filter(|given| !given.value.is_empty()).cloned()
    }

    fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: Arc::clone(&self.file),
            line,
        }
    }

    /// Says what is wrong in a place.
    fn problem(&mut self, origin: &Origin, why: &str) {
        self.errors += 1;
        self.builder
            .problem(Error::settings(format!("{origin}: {why}")));
    }

    /// Says why a file, or its rest, was not read.
    fn unread(&mut self, line: Option<usize>, why: &str) {
        let place = match line {
            Some(line) => self.origin(line).to_string(),
            None => self.file.display().to_string(),
        };
        self.errors += 1;
        self.builder
            .unread_file(Error::settings(format!("{place}: {why}")));
    }

    fn parts(&mut self, text: &str) {
        for Found { line, part } in Reader::new(text) {
            match part {
                Ok(Part::Section(kind, name)) => self.begin(kind, name.as_deref(), line),
                Ok(Part::Key(name, value)) if self.section == SEARCHD => {
                    let origin = self.origin(line);
                    self.key(Given {
                        name,
                        value,
                        origin,
                    });
                }
                Ok(Part::Key(..)) => self.leave_alone(),
                // It may have been meant for whatever is called missing else.
                Err(why) => self.unread(Some(line), &why),
            }
            if self.errors >= MOST_ERRORS {
                return self.unread(
                    Some(line),
                    "too many lines are wrong: the rest was not read",
                );
            }
        }
    }

    fn begin(&mut self, kind: String, name: Option<&str>, line: usize) {
        let origin = self.origin(line);
        if let (SEARCHD, Some(name)) = (&kind[..], name) {
            let why = format!(
                "section '{SEARCHD}' has no name: expected '{{', got {}",
                quoted(name)
            );
            self.problem(&origin, &why);
        }
        if kind != SEARCHD {
            if nearest_word(&kind, [SEARCHD].into_iter()).is_some() {
                let kind = quoted(&kind);
                let why = format!("invalid section type {kind}: did you mean '{SEARCHD}'?");
                self.unread(Some(line), &why);
            }
            self.section = kind;
        } else if self.found {
            let why = format!("section '{SEARCHD}' (type='{SEARCHD}') already exists");
            self.problem(&origin, &why);
            self.section.clear();
        } else {
            self.found = true;
            self.section = kind;
        }
    }

    fn key(&mut self, given: Given) {
        let known = KEYS.iter().find(|key| **key == given.name);
        if known.is_none() && !given.name.starts_with(PREFIX) {
            return self.other(&given);
        }
        if given.value.contains('\u{fffd}') {
            let Given {
                name,
                value,
                origin,
            } = &given;
            let why = format!("'{name}': {} is not UTF-8 text", quoted(value));
            return self.problem(origin, &why);
        }
        match known {
            Some(key) if *key == "listen" => self.listens.push(given),
            Some(key) => self.once(key, given),
            None => match own::option(&given.name) {
                Ok((record, _)) => self.own.push((record, given)),
                Err(why) => self.problem(&given.origin, &why),
            },
        }
    }

    /// Of a key that has one value, the first counts.
    fn once(&mut self, key: &'static str, given: Given) {
        match self.given.get(key) {
            None => {
                self.given.insert(key, given);
            }
            Some(first) => {
                let text = format!(
                    "{}: '{key}' is not multi-value: {} will be ignored, as it was given before ({})",
                    given.origin,
                    quoted(&given.value),
                    first.origin
                );
                self.builder.note(Note::warn(text));
            }
        }
    }

    /// A key that is none of ours, and may have been meant to be.
    fn other(&mut self, given: &Given) {
        let name = &given.name;
        let (prefix, behind) = name.split_once('.').unwrap_or(("", name));
        let near = match prefix {
            "" => nearest_word(behind, KEYS.iter().copied()).map(str::to_owned),
            _ => nearest_word(prefix, ["tlsport"].into_iter()).map(|_| format!("{PREFIX}{behind}")),
        };
        if near.is_none() && prefix.is_empty() && !name.starts_with("ssl_") {
            return self.leave_alone();
        }
        let hint = near.map(|near| format!(": did you mean '{near}'?"));
        let hint = hint.unwrap_or_default();
        let why = format!("unknown key name {}{hint}", quoted(name));
        self.problem(&given.origin, &why);
    }

    fn leave_alone(&mut self) {
        *self.left_alone.entry(self.section.clone()).or_default() += 1;
    }

    fn count_left_alone(&mut self) {
        let count: usize = self.left_alone.values().sum();
        let sections: Vec<&str> = self.left_alone.keys().map(String::as_str).collect();
        let what = match count {
            0 => return,
            1 => "1 key is no concern of tlsport and was left alone".to_owned(),
            _ => format!("{count} keys are no concern of tlsport and were left alone"),
        };
        let file = self.file.display();
        let text = format!("{file}: {what} ({})", sections.join(", "));
        self.builder.note(Note::info(text));
    }
}
