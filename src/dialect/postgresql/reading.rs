//! `postgresql.conf`, what it includes, and `postgresql.auto.conf` in the data directory: which settings are given, and
//! which line about each counts.
//!
//! All files come to one list, in which the last line about a setting counts, as in the original; what earlier lines say
//! of it is not looked at. Read next: `applying` (what becomes of them).

use super::conf;
use super::files::{Files, Include};
use super::names;
use crate::dialect::Source;
use crate::dialect::file::{beside, text};
use crate::dialect::own::{self, PREFIX};
use crate::error::Error;
use crate::settings::{Builder, Form, Note, Origin, Record, quoted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// With so many lines wrong, files are something else.
const MOST_ERRORS: usize = 20;

/// What `ALTER SYSTEM` writes.
const AUTOMATIC: &str = "postgresql.auto.conf";

/// A setting as it was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// As it was written, in lower case.
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

impl Given {
    /// What holds where nobody gave anything.
    pub(super) fn by_default(name: &str, value: &str) -> Given {
        Given {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: Origin::BuiltIn,
        }
    }
}

/// What is kept while files are read, and then gone through.
pub(super) struct Reading<'a, 'b> {
    pub(super) source: &'a dyn Source,
    files: Files<'a>,
    pub(super) builder: &'b mut Builder,
    /// The first file.
    pub(super) file: &'a Path,
    /// Where relative paths begin: the data directory, or where the first file is.
    pub(super) directory: PathBuf,
    /// By the setting's name of today.
    given: BTreeMap<&'static str, Given>,
    /// Options behind `tlsport.`.
    pub(super) own: Vec<(&'static Record, Given)>,
    left_alone: BTreeSet<String>,
    /// How many lines were wrong.
    errors: usize,
}

pub(super) fn read(source: &dyn Source, path: &Path, bytes: &[u8], builder: &mut Builder) {
    let mut reading = Reading {
        source,
        files: Files::new(source),
        builder,
        file: path,
        directory: beside(path, ""),
        given: BTreeMap::new(),
        own: Vec::new(),
        left_alone: BTreeSet::new(),
        errors: 0,
    };
    match text(bytes) {
        Ok(text) => reading.read(path, &text, 0),
        Err(why) => {
            let text = format!("{}: {why}", path.display());
            return reading.builder.unread_file(Error::settings(text));
        }
    }
    if let Some(given) = reading.given("data_directory") {
        reading.directory = beside(path, &given.value);
    }
    reading.automatic();
    reading.texts_alone();
    reading.count_left_alone();
    reading.apply();
}

impl Reading<'_, '_> {
    /// What was given for a setting, by its name of today.
    pub(super) fn given(&self, name: &str) -> Option<Given> {
        self.given.get(name).cloned()
    }

    /// Says what is wrong on a line.
    pub(super) fn problem(&mut self, origin: &Origin, why: &str) {
        self.errors += 1;
        self.builder
            .problem(Error::settings(format!("{origin}: {why}")));
    }

    fn read(&mut self, path: &Path, text: &str, depth: usize) {
        let shared: Arc<Path> = Arc::from(path);
        for (text, line) in text.split('\n').zip(1..) {
            let origin = Origin::File {
                path: Arc::clone(&shared),
                line,
            };
            match conf::line(text) {
                Ok(None) => {}
                Ok(Some((name, value))) => match Include::of(&name) {
                    Some(include) => self.include(include, &value, path, depth, &origin),
                    None => self.assignment(Given {
                        name,
                        value,
                        origin,
                    }),
                },
                Err(why) => self.problem(&origin, &why),
            }
            if self.errors >= MOST_ERRORS {
                return self.abandon(path, line);
            }
        }
    }

    /// Says once that files are not read to their end.
    fn abandon(&mut self, path: &Path, line: usize) {
        if self.errors == MOST_ERRORS {
            let why = "too many lines are wrong: the rest was not read";
            let error = Error::settings(format!("{}:{line}: {why}", path.display()));
            self.builder.unread_file(error);
            self.errors += 1;
        }
    }

    fn include(
        &mut self,
        include: Include,
        name: &str,
        from: &Path,
        depth: usize,
        origin: &Origin,
    ) {
        match self.files.included(include, name, from, depth) {
            Ok(files) => {
                for (path, text) in files {
                    if self.errors < MOST_ERRORS {
                        self.read(&path, &text, depth + 1);
                    }
                }
            }
            Err(why) => {
                self.errors += 1;
                let error = Error::settings(format!("{origin}: {why}"));
                self.builder.unread_file(error);
            }
        }
    }

    fn assignment(&mut self, given: Given) {
        if let Some((name, _)) = names::known(&given.name) {
            self.given.insert(name, given);
        } else if given.name.starts_with(PREFIX) {
            self.own_option(given);
        } else if let Some(hint) = names::slip(&given.name) {
            let name = quoted(&given.name);
            let why = format!("unrecognized configuration parameter {name}{hint}");
            self.problem(&given.origin, &why);
        } else {
            self.left_alone.insert(given.name);
        }
    }

    fn own_option(&mut self, given: Given) {
        let (record, readable) = match own::option(&given.name) {
            Ok(found) => found,
            Err(why) => return self.problem(&given.origin, &why),
        };
        if !readable {
            let text = format!(
                "{}: '{}' is a name that no PostgreSQL server reads: '{PREFIX}{}' is one",
                given.origin,
                given.name,
                own::plain(&given.name[PREFIX.len()..])
            );
            self.builder.note(Note::warn(text));
        }
        if record.form != Form::Repeated {
            self.own.retain(|(other, _)| *other != record);
        }
        self.own.push((record, given));
    }

    /// What `ALTER SYSTEM` has set counts more than all files. Who may not look for it does without.
    fn automatic(&mut self) {
        let path = self.directory.join(AUTOMATIC);
        match self.files.text(&path) {
            Ok(Some(text)) if self.errors < MOST_ERRORS => self.read(&path, &text, 0),
            Ok(_) => {}
            Err(why) => {
                let path = path.display();
                let text = format!(
                    "cannot read '{path}': {why}: what ALTER SYSTEM has set does not count"
                );
                self.builder.note(Note::warn(text));
            }
        }
    }

    /// Drops what is no text. Of a setting that is left alone, nobody minds.
    fn texts_alone(&mut self) {
        let is_text = |given: &Given| !given.value.contains('\u{fffd}');
        let mut odd: Vec<Given> = Vec::new();
        self.given.retain(|_, given| {
            let keep = is_text(given);
            odd.extend((!keep).then(|| given.clone()));
            keep
        });
        self.own.retain(|(_, given)| {
            let keep = is_text(given);
            odd.extend((!keep).then(|| given.clone()));
            keep
        });
        for Given {
            name,
            value,
            origin,
        } in odd
        {
            let error = format!("{origin}: '{name}': {} is not UTF-8 text", quoted(&value));
            self.builder.unread_file(Error::settings(error));
        }
    }

    fn count_left_alone(&mut self) {
        let file = self.file.display();
        let text = match self.left_alone.len() {
            0 => return,
            1 => format!("{file}: 1 setting is no concern of tlsport and was left alone"),
            count => {
                format!("{file}: {count} settings are no concern of tlsport and were left alone")
            }
        };
        self.builder.note(Note::info(text));
    }
}
