//! What somebody should hear about settings that are not wrong.

use std::fmt;

/// A remark about settings, for the log and for `tlsport check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How loud.
    pub level: Level,
    /// One line, in the shape of an error message.
    pub text: String,
}

/// How loud a [`Note`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Probably not what was meant, or weaker than it looks.
    Warn,
    /// Good to know.
    Info,
}

impl Note {
    /// Something that is probably not meant, or weaker than it looks.
    pub fn warn(text: impl Into<String>) -> Note {
        Note {
            level: Level::Warn,
            text: text.into(),
        }
    }

    /// Something good to know.
    pub fn info(text: impl Into<String>) -> Note {
        Note {
            level: Level::Info,
            text: text.into(),
        }
    }
}

impl Note {
    /// Puts it into the log.
    pub fn log(&self) {
        match self.level {
            Level::Warn => log::warn!("{self}"),
            Level::Info => log::info!("{self}"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
