//! ArangoDB's configuration files, from 2.x to 4.x: `arangod.conf`, its `.local` sibling, and what they include.
//!
//! The names are those of tlsport's own table, so this reads tlsport's own options as well. Options of ArangoDB
//! that have nothing to do with its endpoints are left alone: one note counts them. A name that is like one of
//! ours is an error, so that a misspelt option is never left alone. Line shapes are `ini`'s.

use super::ini::{self, Edition, Line};
use super::{Dialect, Source};
use crate::error::{Error, reason};
use crate::settings::{Builder, Note, Origin, Record, Settings, find, quoted, slip_of};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const DIALECT: Dialect = Dialect {
    name: "arangodb",
    recognise,
    defaults: Settings::default,
    read,
};

/// Sections in which every option is ours: an unknown one is an error.
const OURS: &[&str] = &["ssl", "tls", "tcp", "timeout", "limit", "backend"];

/// Sections that only ArangoDB's files have, or ours.
const TELLING: &[&str] = &[
    "ssl",
    "tls",
    "tcp",
    "timeout",
    "limit",
    "server",
    "http",
    "database",
    "javascript",
    "foxx",
    "rocksdb",
    "cluster",
    "agency",
    "frontend",
    "scheduler",
];

/// Options about connections that the backend goes on keeping, not tlsport.
const BACKENDS: &[&str] = &["http.keep-alive-timeout", "server.keep-alive-timeout"];

/// How many files may be included in all.
const MOST_INCLUDES: usize = 64;

/// A file with so many lines that are none of ours is something else.
const MOST_UNREADABLE: usize = 20;

/// A longer line is no setting.
const LONGEST_LINE: usize = 16 << 10;

fn recognise(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    if name.starts_with("arangod") && (name.ends_with(".conf") || name.ends_with(".local")) {
        return true;
    }
    let text = String::from_utf8_lossy(bytes);
    text.trim_start_matches('\u{feff}')
        .lines()
        .any(|text| match ini::line(text) {
            Line::Section(name, _) => TELLING.contains(&name),
            Line::Assignment(name, _) => find(name).is_some(),
            _ => false,
        })
}

fn read(source: &dyn Source, path: &Path, bytes: &[u8], builder: &mut Builder) {
    let mut reader = Reader {
        source,
        builder,
        included: BTreeSet::new(),
        left_alone: BTreeMap::new(),
    };
    reader.builder.begin_layer();
    reader.file(path, bytes);
    let mut local = path.as_os_str().to_owned();
    local.push(".local");
    let local = PathBuf::from(local);
    match source.read(&local) {
        Ok(Some(bytes)) => {
            reader.builder.begin_layer();
            reader.file(&local, &bytes);
        }
        Ok(None) => {}
        Err(error) => {
            let tried = format!("cannot read configuration '{}'", local.display());
            reader.builder.unread_file(Error::io(tried, &error));
        }
    }
    reader.count_left_alone(path);
}

/// What is kept while a file, its sibling and their includes are read.
struct Reader<'a> {
    source: &'a dyn Source,
    builder: &'a mut Builder,
    /// What was included: every file is once at most, as in ArangoDB.
    included: BTreeSet<PathBuf>,
    /// How many options were not ours, by section.
    left_alone: BTreeMap<String, usize>,
}

/// Where in a file we are.
struct Place {
    path: Arc<Path>,
    line: usize,
    /// `None` below a heading that could not be read.
    section: Option<String>,
    edition: Edition,
    unreadable: usize,
}

impl Place {
    fn origin(&self) -> Origin {
        Origin::File {
            path: Arc::clone(&self.path),
            line: self.line,
        }
    }

    fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::settings(format!("{}: {why}", self.origin()))
    }
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, bytes: &[u8]) {
        let mut place = Place {
            path: Arc::from(path),
            line: 0,
            section: Some(String::new()),
            edition: Edition::Any,
            unreadable: 0,
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for line in bytes.split(|byte| *byte == b'\n') {
            place.line += 1;
            if line.starts_with(b"-----BEGIN ") {
                // Not a line of it is for a message: it may be a key.
                let why = "this is a PEM file and not a configuration";
                return self.builder.unread_file(place.error(why));
            }
            match text(line) {
                Ok(text) => self.line(&mut place, text),
                Err(why) => self.unreadable(&mut place, &why),
            }
            if place.unreadable == MOST_UNREADABLE {
                let why = "this is hardly a configuration: the rest was not read";
                return self.builder.unread_file(place.error(why));
            }
        }
    }

    fn line(&mut self, place: &mut Place, text: &str) {
        match ini::line(text) {
            Line::Blank => {}
            Line::Section(name, edition) => {
                place.section = Some(name.to_owned());
                place.edition = edition;
            }
            Line::Include(name) => self.include(place, name),
            Line::Assignment(name, value) => self.assignment(place, name, value),
            Line::Unreadable => {
                let text = text.trim();
                if text.starts_with('[') {
                    place.section = None;
                }
                let text = quoted(text);
                let why = format!("{text} is neither [SECTION], nor NAME = VALUE, nor a comment");
                self.unreadable(place, &why);
            }
        }
    }

    fn unreadable(&mut self, place: &mut Place, why: &str) {
        place.unreadable += 1;
        self.builder.problem(place.error(why));
    }

    fn assignment(&mut self, place: &Place, name: &str, value: &str) {
        let name = match &place.section {
            _ if name.contains('.') => name.to_owned(),
            Some(section) if section.is_empty() => name.to_owned(),
            Some(section) => format!("{section}.{name}"),
            None => return,
        };
        if place.edition == Edition::Community && find(&name).is_some() {
            let why = "left alone, as tlsport follows the Enterprise Edition's sections";
            let text = format!("{}: '{name}': {why}", place.origin());
            return self.builder.note(Note::info(text));
        }
        if BACKENDS.contains(&name.as_str()) {
            let text = format!(
                "{}: '{name}' is the backend's and was left alone; 'timeout.idle' ends idle connections here",
                place.origin()
            );
            return self.builder.note(Note::info(text));
        }
        match find(&name) {
            Some(record) => self.set(place, record, &name, value),
            None if is_ours(&name) => self.builder.set(&name, value, place.origin()),
            None => {
                let section = name.split_once('.').map_or("", |(section, _)| section);
                *self.left_alone.entry(section.to_owned()).or_default() += 1;
            }
        }
    }

    fn set(&mut self, place: &Place, record: &Record, name: &str, value: &str) {
        let (value, unset) = ini::substitute(value, |name| self.source.env(name));
        let origin = place.origin();
        for variable in unset {
            let variable = quoted(variable);
            let why = format!("{origin}: '{name}': the environment variable {variable} is not set");
            if value.is_empty() {
                // Nothing at all may mean an open door: an empty ssl.cafile asks nobody for a certificate.
                return self.builder.problem(Error::settings(why));
            }
            let why = format!("{why}, so nothing stands in its place ('@@' is a plain '@')");
            self.builder.note(Note::warn(why));
        }
        if let Some(sign) = kept_sign(record, &value) {
            let text = format!("{origin}: '{name}': the {sign} is part of the value");
            self.builder.note(Note::warn(text));
        }
        self.builder.set(name, &value, origin);
    }

    fn include(&mut self, place: &Place, name: &str) {
        let name = match name.ends_with(".conf") {
            true => name.to_owned(),
            false => format!("{name}.conf"),
        };
        let beside = place.path.parent().unwrap_or(Path::new("")).join(&name);
        let found = [PathBuf::from(&name), beside].into_iter().find_map(|path| {
            match self.source.read(&path) {
                Ok(None) => None,
                Ok(Some(bytes)) => Some(Ok((path, bytes))),
                Err(error) => Some(Err(reason(&error))),
            }
        });
        let why = match found {
            Some(Ok((path, _))) if self.included.contains(&path) => {
                format!("recursive include of file '{}'", path.display())
            }
            Some(Ok(_)) if self.included.len() == MOST_INCLUDES => {
                format!("more than {MOST_INCLUDES} files are included")
            }
            Some(Ok((path, bytes))) => {
                self.included.insert(path.clone());
                return self.file(&path, &bytes);
            }
            Some(Err(why)) => format!("cannot read included file '{name}': {why}"),
            None => format!("cannot read included file '{name}': no such file or directory"),
        };
        self.builder.unread_file(place.error(why));
    }

    fn count_left_alone(&mut self, path: &Path) {
        let count: usize = self.left_alone.values().sum();
        if count == 0 {
            return;
        }
        let named = |section: &String| match section.is_empty() {
            true => "without section".to_owned(),
            false => section.clone(),
        };
        let sections: Vec<String> = self.left_alone.keys().map(named).collect();
        self.builder.note(Note::info(format!(
            "{}: {count} {} no concern of tlsport and {} left alone ({})",
            path.display(),
            if count == 1 {
                "option is"
            } else {
                "options are"
            },
            if count == 1 { "was" } else { "were" },
            sections.join(", ")
        )));
    }
}

/// A line as text. A comment may be in any encoding.
fn text(line: &[u8]) -> Result<&str, String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("the line is longer than {LONGEST_LINE} bytes"));
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok(text),
        Err(_) if line.trim_ascii_start().starts_with(b"#") => Ok(""),
        Err(_) => Err("the line is not UTF-8 text".into()),
    }
}

/// Whether an unknown name is a mistake rather than another part's option.
fn is_ours(name: &str) -> bool {
    let section = name.split_once('.').map_or("", |(section, _)| section);
    OURS.contains(&section) || slip_of(name).is_some()
}

/// What was meant for a reader, and ArangoDB takes for part of the value: quotes, or a comment behind a text.
fn kept_sign(record: &Record, value: &str) -> Option<&'static str> {
    let mut scratch = Settings::default();
    let set = (record.set)(&mut scratch, value, &Origin::Program);
    let texts = (record.get)(&scratch);
    let keeps = |sign: &str| set.is_ok() && texts.iter().any(|(text, _)| text.contains(sign));
    let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
    if quoted && keeps("\"") {
        Some("pair of quotes")
    } else if keeps(" #") {
        Some("text from '#' on")
    } else {
        None
    }
}
