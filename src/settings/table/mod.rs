//! Every option, once: name, old names, form, help, how it is set and read back.
//!
//! Flags, configuration files, `show`, the manual and the C surface are all derived from [`TABLE`]. One file a
//! heading of the help; `near` finds the option that a misspelt name meant.

mod backend;
mod clients;
mod endpoints;
mod identity;
mod limits;
mod near;
mod protocol;
mod resumption;

pub use near::nearest;
pub(crate) use near::{nearest_word, slip_of};

use super::value::{Value, quoted};
use super::{Origin, Setting, Settings};
use std::path::PathBuf;

/// One option.
#[derive(Clone, Copy)]
pub struct Record {
    /// `section.name`, ArangoDB's where ArangoDB has it.
    pub name: &'static str,
    /// Older and newer names, accepted everywhere the name is.
    pub aliases: &'static [&'static str],
    /// Under which heading help shows it.
    pub group: Group,
    /// What a value looks like in help; words between bars are all there are.
    pub value: &'static str,
    /// How it may be written.
    pub form: Form,
    /// One or two sentences.
    pub help: &'static str,
    /// Whether it may follow a server name's keyfile, for that name alone.
    pub per_name: bool,
    /// Takes a value; the error repeats it and says why not, without naming the option.
    pub set: fn(&mut Settings, &str, &Origin) -> Result<(), String>,
    /// The values in effect, each with who set it.
    pub get: fn(&Settings) -> Vec<(String, Origin)>,
    /// Empties the list of a repeated option, for a layer that replaces it.
    pub(super) clear: fn(&mut Settings),
}

/// How an option may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A boolean that may stand without a value.
    Switch,
    /// One value.
    Value,
    /// Any number of values; a later layer replaces an earlier one's list.
    Repeated,
}

/// Headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Group {
    Endpoints,
    Identity,
    Clients,
    Protocol,
    Resumption,
    Backend,
    Limits,
}

impl Group {
    /// Every heading, in the order of the help.
    pub const ALL: [Group; 7] = [
        Group::Endpoints,
        Group::Identity,
        Group::Clients,
        Group::Protocol,
        Group::Resumption,
        Group::Backend,
        Group::Limits,
    ];

    /// The heading in words.
    pub fn title(self) -> &'static str {
        match self {
            Group::Endpoints => "Endpoints and backend",
            Group::Identity => "Certificates and names",
            Group::Clients => "Client certificates",
            Group::Protocol => "Protocol, ciphers and options",
            Group::Resumption => "Session resumption",
            Group::Backend => "TLS to the backend",
            Group::Limits => "Times and limits",
        }
    }
}

/// Every option, heading by heading.
pub static TABLE: &[Record] = &joined::<COUNT>(GROUPS);

const GROUPS: &[&[Record]] = &[
    endpoints::RECORDS,
    identity::RECORDS,
    clients::RECORDS,
    protocol::RECORDS,
    resumption::RECORDS,
    backend::RECORDS,
    limits::RECORDS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// The lists behind each other. A `const fn` has neither iterators nor `concat`.
const fn joined<const N: usize>(groups: &[&[Record]]) -> [Record; N] {
    let mut all = [PLAIN; N];
    let (mut next, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[next] = groups[group][index];
            next += 1;
            index += 1;
        }
        group += 1;
    }
    all
}

/// What most records have in common; each file fills in its group.
const PLAIN: Record = Record {
    name: "",
    aliases: &[],
    group: Group::Endpoints,
    value: "",
    form: Form::Value,
    help: "",
    per_name: false,
    set: |_, _, _| Ok(()),
    get: |_| Vec::new(),
    clear: |_| {},
};

/// The record of an option, by its name or another it is known by.
pub fn find(name: &str) -> Option<&'static Record> {
    TABLE
        .iter()
        .find(|record| record.name == name || record.aliases.contains(&name))
}

/// Reads `text` into a setting.
fn put<T: Value>(slot: &mut Setting<T>, text: &str, origin: &Origin) -> Result<(), String> {
    put_parsed(slot, T::parse(text), origin)
}

/// Puts what a parser of its own made of a text.
fn put_parsed<T>(
    slot: &mut Setting<T>,
    parsed: Result<T, String>,
    origin: &Origin,
) -> Result<(), String> {
    *slot = Setting::new(parsed?, origin.clone());
    Ok(())
}

/// Adds a file to a list that has each once; no text adds none.
fn add_file(list: &mut Vec<Setting<PathBuf>>, text: &str, origin: &Origin) -> Result<(), String> {
    if list.iter().any(|known| known.value.as_os_str() == text) {
        return Err(format!("{} is given twice", quoted(text)));
    }
    push_file(list, text, origin)
}

/// Adds a file to a list; no text adds none.
fn push_file(list: &mut Vec<Setting<PathBuf>>, text: &str, origin: &Origin) -> Result<(), String> {
    let file = Option::<PathBuf>::parse(text)?;
    list.extend(file.map(|file| Setting::new(file, origin.clone())));
    Ok(())
}

/// A setting's value and who set it; nothing while it is unset.
fn shown<T: Value>(slot: &Setting<T>) -> Vec<(String, Origin)> {
    let text = slot.value.write();
    text.map(|text| (text, slot.origin.clone()))
        .into_iter()
        .collect()
}

/// A list's values, each with who set it.
fn listed<T: Value>(list: &[Setting<T>]) -> Vec<(String, Origin)> {
    list.iter().flat_map(shown).collect()
}

impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests;
