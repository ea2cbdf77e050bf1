//! The list of dialects: one file a system, text in, layers of options and notes out.
//!
//! A dialect opens no file and reads no environment: whatever it needs of the outside comes through [`Source`].
//! Each ends in the options of the one table in `settings`, so that flags, files and defaults mix freely. A new
//! system is one more entry in `DIALECTS`, or in `OF_ENVIRONMENT` if it has no file; nothing else knows its name. Read
//! next: `arangodb`, `kdb`, `krakend`, `manticore`, `postgresql`.

mod arangodb;
mod file;
mod ini;
pub mod kdb;
mod krakend;
mod manticore;
mod own;
mod postgresql;
mod source;

pub use source::{Source, System};

use crate::error::{Error, Kind};
use crate::settings::{Builder, Settings, quoted};
use std::path::Path;

/// One system's way to write settings.
struct Dialect {
    /// What `--dialect` calls it.
    name: &'static str,
    /// Whether a file of that name and content is the system's.
    recognise: fn(&Path, &[u8]) -> bool,
    /// What holds where a file says nothing.
    defaults: fn() -> Settings,
    /// Hands every option of a file, and of those beside it, to the builder.
    read: fn(&dyn Source, &Path, &[u8], &mut Builder),
}

/// The way of a system that has no file: its settings are variables of the environment.
struct OfEnvironment {
    /// What `--dialect` calls it.
    name: &'static str,
    /// What holds where no variable is set.
    defaults: fn() -> Settings,
    /// Hands the options of all variables to the builder.
    read: fn(&dyn Source, &mut Builder),
}

/// The first that recognises a file reads it: those that can tell for certain come first.
static DIALECTS: &[Dialect] = &[
    krakend::DIALECT,
    manticore::DIALECT,
    arangodb::DIALECT,
    postgresql::DIALECT,
];

/// Those without a file.
static OF_ENVIRONMENT: &[OfEnvironment] = &[kdb::DIALECT];

/// The names of the dialects, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    let mut names = names_of_files();
    names.extend(OF_ENVIRONMENT.iter().map(|dialect| dialect.name));
    names.sort_unstable();
    names
}

fn names_of_files() -> Vec<&'static str> {
    let mut names: Vec<_> = DIALECTS.iter().map(|dialect| dialect.name).collect();
    names.sort_unstable();
    names
}

/// Reads a configuration file into layers of their own, on its system's defaults. The dialect is recognised unless it is
/// named. [`complete`] has to follow, once all layers are there.
///
/// Whatever is wrong becomes a problem of the builder, with file and line.
pub fn read(name: Option<&str>, source: &dyn Source, path: &Path, builder: &mut Builder) {
    let shown = quoted(&path.display().to_string());
    if let Some(name) = name.filter(|name| is_without_file(name)) {
        let text =
            format!("{shown}: the dialect '{name}' has no file: the environment says what holds");
        return builder.unread_file(Error::settings(text));
    }
    let bytes = match source.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let why = "no such file or directory";
            let text = format!("cannot read configuration {shown}: {why}");
            return builder.unread_file(Error::new(Kind::Io, text));
        }
        Err(error) => {
            let tried = format!("cannot read configuration {shown}");
            return builder.unread_file(Error::io(tried, &error));
        }
    };
    match choose(name, path, &bytes) {
        Ok(dialect) => {
            builder.rebase((dialect.defaults)());
            (dialect.read)(source, path, &bytes, builder);
        }
        Err(why) => builder.unread_file(Error::settings(format!("{shown}: {why}"))),
    }
}

/// Reads the environment into a layer of its own, on the system's defaults, as the one system does that is named: one
/// without a file. [`complete`] has to follow, once all layers are there.
///
/// Whatever is wrong becomes a problem of the builder, with the name of the variable.
pub fn read_environment(name: &str, source: &dyn Source, builder: &mut Builder) {
    if let Some(dialect) = of_environment(name) {
        builder.rebase((dialect.defaults)());
        return (dialect.read)(source, builder);
    }
    builder.unread_file(match names().contains(&name) {
        true => Error::new(
            Kind::Usage,
            format!("the dialect '{name}' is read from a file, and none is named"),
        ),
        false => Error::settings(unknown(name)),
    });
}

/// Whether a dialect has no file, so that [`read_environment`] is the way to read it.
pub fn is_without_file(name: &str) -> bool {
    of_environment(name).is_some()
}

fn of_environment(name: &str) -> Option<&'static OfEnvironment> {
    OF_ENVIRONMENT.iter().find(|dialect| dialect.name == name)
}

fn unknown(name: &str) -> String {
    let known = names().join(", ");
    format!("the dialect {} is not one of {known}", quoted(name))
}

/// Does what can be done once all layers are there: reads what the settings name and is no matter of libssl's (the rules of
/// PostgreSQL's `pg_hba.conf`), tells which of Manticore's listeners have TLS, and whether a server of kdb+'s needs a
/// certificate.
///
/// Whatever is wrong becomes a problem of the builder, with file and line.
pub fn complete(source: &dyn Source, builder: &mut Builder) {
    kdb::complete(source, builder);
    manticore::complete(builder);
    postgresql::complete(source, builder);
}

fn choose(name: Option<&str>, path: &Path, bytes: &[u8]) -> Result<&'static Dialect, String> {
    let known = names_of_files().join(", ");
    match name {
        Some(name) => DIALECTS
            .iter()
            .find(|dialect| dialect.name == name)
            .ok_or_else(|| unknown(name)),
        None => DIALECTS
            .iter()
            .find(|dialect| (dialect.recognise)(path, bytes))
            .ok_or_else(|| format!("cannot tell its dialect: name it, one of {known}")),
    }
}

#[cfg(test)]
mod tests;
