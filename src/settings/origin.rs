//! Who set a value: carried along so that messages and `tlsport show` can say so.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The dialect's default.
    #[default]
    BuiltIn,
    /// A line of a file, counted from 1.
    File {
        /// The file as it was named by the user.
        path: Arc<Path>,
        /// The line in it.
        line: usize,
    },
    /// An environment variable.
    Environment(Arc<str>),
    /// A flag of the command line, with its dashes.
    Flag(Arc<str>),
    /// A call of the embedding program.
    Program,
}

impl Origin {
    /// Whether both are the same, or in the same file.
    pub(super) fn is_beside(&self, other: &Origin) -> bool {
        match (self, other) {
            (Origin::File { path, .. }, Origin::File { path: others, .. }) => path == others,
            _ => self == other,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built in"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::Flag(name) => f.write_str(name),
            Origin::Program => f.write_str("the program"),
        }
    }
}

/// A value and who set it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A default.
    pub const fn built_in(value: T) -> Setting<T> {
        Setting {
            value,
            origin: Origin::BuiltIn,
        }
    }

    /// A value somebody chose.
    pub fn new(value: T, origin: Origin) -> Setting<T> {
        Setting { value, origin }
    }

    /// Whether somebody chose it, rather than the dialect's default.
    pub fn is_chosen(&self) -> bool {
        self.origin != Origin::BuiltIn
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
