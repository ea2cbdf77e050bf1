//! The one error type of the crate.
//!
//! A message says what was tried, on which thing, and why it failed: lower case, no full stop, the user's
//! values in single quotes. [`Kind`] says what the caller can do about it. The layer that knows a name adds it,
//! once, with [`Error::context`]; what libssl or the system said stays readable as the cause.

use std::collections::HashSet;
use std::fmt;

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The command line or a function was used wrongly.
    Usage,
    /// A setting, or a file a setting names, is wrong.
    Settings,
    /// The system refused: a file, a socket, a descriptor.
    Io,
    /// libssl refused, or the handshake failed on our side.
    Tls,
    /// The peer did something the protocol does not allow.
    Peer,
    /// The stream was cut without a close-notify.
    Closed,
    /// A deadline passed.
    Timeout,
    /// A promise inside this crate was broken: please report it.
    Internal,
}

/// What went wrong, in one line, with its cause.
#[derive(Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    cause: Option<String>,
    dump: Option<String>,
}

impl Error {
    /// An error with a whole message of its own.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            cause: None,
            dump: None,
        }
    }

    /// A wrong setting, by itself.
    pub fn settings(message: impl Into<String>) -> Error {
        Error::new(Kind::Settings, message)
    }

    /// What the system refused while `tried` was being done.
    pub fn io(tried: impl fmt::Display, cause: &std::io::Error) -> Error {
        Error::new(Kind::Io, format!("{tried}: {}", reason(cause)))
    }

    /// Puts what was being done, or on which thing, in front of the message.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same in other words.
    #[must_use]
    pub fn reworded(mut self, message: impl Into<String>) -> Error {
        self.message = message.into();
        self
    }

    /// Keeps the text of whoever refused (libssl's error queue) beside the message.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Error {
        self.cause = Some(cause.into());
        self
    }

    /// Keeps libssl's error queue as libssl prints it, besides.
    #[must_use]
    pub(crate) fn dumped(mut self, dump: String) -> Error {
        self.dump = Some(dump);
        self
    }

    /// libssl's error queue as libssl prints it (`ERR_print_errors`), a line an entry, where it has a part in this.
    pub fn dump(&self) -> Option<&str> {
        self.dump.as_deref()
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The text of whoever refused, when there is more of it than the message tells; libssl's queue is a line an entry.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The system's reason in the words of `strerror`, without Rust's "(os error N)".
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

/// Everything that is wrong, reported in one go.
#[derive(Debug)]
pub struct Problems(pub Vec<Error>);

impl Problems {
    /// `value`, when nothing was wrong.
    ///
    /// # Errors
    /// The collected errors, when there are any.
    pub fn or<T>(errors: Vec<Error>, value: T) -> Result<T, Problems> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Problems(errors))
        }
    }
}

/// What is wrong, each once: a server name, or an endpoint, that inherits it does not say it again.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    pub(crate) list: Vec<Error>,
    said: HashSet<String>,
}

impl Distinct {
    pub(crate) fn add(&mut self, errors: impl IntoIterator<Item = Error>) {
        for error in errors {
            if self.said.insert(error.to_string()) {
                self.list.push(error);
            }
        }
    }
}

impl From<Error> for Problems {
    fn from(error: Error) -> Problems {
        Problems(vec![error])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_tried_on_which_thing_and_why() {
        let missing = std::io::Error::from_raw_os_error(libc::ENOENT);
        let error = Error::io("cannot read certificate chain 'site.pem'", &missing)
            .context("arangod.conf:3");
        let said = error.to_string();
        assert_eq!(
            said,
            "arangod.conf:3: cannot read certificate chain 'site.pem': no such file or directory"
        );
    }

    #[test]
    fn problems_are_one_line_each() {
        let both = Problems(vec![Error::settings("a"), Error::settings("b")]);
        assert_eq!(both.to_string(), "a\nb");
    }
}
