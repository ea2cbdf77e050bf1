//! How layers of options become [`Settings`]: a later layer beats an earlier one, a repeated option's list is
//! replaced whole, and everything wrong is collected.

use super::{Note, Origin, Settings};
use crate::error::{Error, Problems};

/// Collects options, layer by layer, then hands out the finished settings.
pub struct Builder {
    settings: Settings,
    problems: Vec<Error>,
    notes: Vec<Note>,
}

impl Builder {
    /// Starts from a dialect's defaults.
    pub fn new(base: Settings) -> Builder {
        Builder {
            settings: base,
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Begins a layer that beats the ones before: a file, its `.local` sibling, the flags.
    pub fn begin_layer(&mut self) {}

    /// Takes one option.
    pub fn set(&mut self, _name: &str, _value: &str, _origin: Origin) {}

    /// Adds a problem found by a parser.
    pub fn problem(&mut self, error: Error) {
        self.problems.push(error);
    }

    /// Adds a remark found by a parser.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// The finished settings, after the checks between them.
    ///
    /// # Errors
    /// Everything that is wrong, each with its origin.
    pub fn finish(self) -> Result<(Settings, Vec<Note>), Problems> {
        Problems::or(self.problems, (self.settings, self.notes))
    }
}
