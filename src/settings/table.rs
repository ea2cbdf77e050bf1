//! Every option, once: name, old names, form, help, how it is set and read back.
//!
//! Flags, configuration files, `show`, the manual and the C surface are all derived from this table.

use super::{Origin, Settings};

/// One option.
pub struct Record {
    /// `section.name`, ArangoDB's where ArangoDB has it.
    pub name: &'static str,
    /// Older names, accepted everywhere the name is.
    pub aliases: &'static [&'static str],
    /// Under which heading help shows it.
    pub group: Group,
    /// What a value looks like in help.
    pub value: &'static str,
    /// How it may be written.
    pub form: Form,
    /// One or two sentences.
    pub help: &'static str,
    /// Whether it may follow a server name's keyfile, for that name alone.
    pub per_name: bool,
    /// Takes a value; the error says why not, without naming the option.
    pub set: fn(&mut Settings, &str, &Origin) -> Result<(), String>,
    /// The values in effect, each with who set it.
    pub get: fn(&Settings) -> Vec<(String, Origin)>,
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
    Limits,
}

/// Every option.
pub static TABLE: &[Record] = &[];

/// The record of an option, by its name or an older one.
pub fn find(name: &str) -> Option<&'static Record> {
    TABLE
        .iter()
        .find(|record| record.name == name || record.aliases.contains(&name))
}

/// The known name nearest to a misspelt one.
pub fn nearest(_name: &str) -> Option<&'static str> {
    None
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
