//! OpenSSL's error queue of this thread: cleared before a call whose failure will be asked about, drained after it.
//!
//! The texts are OpenSSL's own one-line form, `error:0A0000C1:SSL routines::no shared cipher`. Not here: what a
//! failed handshake means (`failure`), and messages with our own words in front.

use super::sys;
use crate::error::Error;
use openssl::error::ErrorStack;
use std::fmt;
use std::os::raw::c_ulong;

/// ArangoDB formats into 122 bytes, one of them the end of the string.
const LONGEST_IN_A_MESSAGE: usize = 121;
/// Longer than any entry without its data.
const LONGEST_LINE: usize = 255;

/// Empties the queue, so that what it holds later belongs to the next call.
pub(crate) fn clear() {
    sys::clear_errors();
}

/// Takes everything out of the queue, oldest first.
pub(crate) fn drain() -> Queue {
    let mut entries = Vec::new();
    while let Some(raw) = sys::take_error() {
        entries.push(Entry {
            code: raw.code,
            function: raw.function,
            file: raw.file,
            line: raw.line,
            data: raw.data,
        });
    }
    Queue { entries }
}

/// What the queue held: the oldest entry first, which is the nearest to the cause.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    code: c_ulong,
    /// OpenSSL's function, which before OpenSSL 3 is told by the code.
    function: String,
    file: String,
    line: u32,
    data: String,
}

impl Queue {
    /// Every entry.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The first entry as it stands in ArangoDB's messages: OpenSSL's line, at most 121 characters.
    pub(crate) fn first(&self) -> String {
        match self.entries.first() {
            Some(entry) => sys::error_line(entry.code, LONGEST_IN_A_MESSAGE),
            None => "no reason given".to_owned(),
        }
    }

    /// The first entry's reason in words, with the text that was added to it.
    pub(crate) fn reason(&self) -> String {
        match self.entries.first() {
            Some(entry) => entry.reason(),
            None => "no reason given".to_owned(),
        }
    }

    /// The same of the last entry: where it went wrong, rather than why.
    pub(crate) fn last_reason(&self) -> String {
        self.entries
            .last()
            .map_or_else(|| self.reason(), Entry::reason)
    }

    /// Every entry as `ERR_print_errors` prints it, a line each: with the thread in front, and with its place in OpenSSL.
    pub(crate) fn dump(&self) -> String {
        let thread = sys::thread_in_words();
        let lines = self.entries.iter().map(|entry| entry.dump(&thread));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Keeps what it held beside an error's message.
    pub(crate) fn beside(&self, error: Error) -> Error {
        error.caused_by(self.to_string()).dumped(self.dump())
    }

    /// Whether any entry is of this library and reason.
    pub(crate) fn has(&self, library: i32, reason: i32) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.library() == library && entry.reason_code() == reason)
    }
}

impl Entry {
    /// The library it is of (`ERR_GET_LIB`).
    pub(crate) fn library(&self) -> i32 {
        openssl_sys::ERR_GET_LIB(self.code)
    }

    /// The number of its reason within the library (`ERR_GET_REASON`).
    pub(crate) fn reason_code(&self) -> i32 {
        openssl_sys::ERR_GET_REASON(self.code)
    }

    /// Its reason in words.
    pub(crate) fn words(&self) -> String {
        match sys::error_reason(self.code) {
            Some(words) => words.to_owned(),
            None => format!("reason({})", self.reason_code()),
        }
    }

    /// Its reason in words, with the text that was added to it.
    pub(crate) fn reason(&self) -> String {
        let words = self.words();
        if self.data.is_empty() {
            words
        } else {
            format!("{words}: {}", self.data)
        }
    }

    /// OpenSSL's line, with the text that was added to it.
    pub(crate) fn line(&self) -> String {
        let line = sys::error_line(self.code, LONGEST_LINE);
        if self.data.is_empty() {
            line
        } else {
            format!("{line}:{}", self.data)
        }
    }
}

impl Entry {
    fn dump(&self, thread: &str) -> String {
        let Entry {
            function,
            file,
            line,
            data,
            ..
        } = self;
        let mut said = sys::error_line(self.code, LONGEST_LINE);
        // `error:CODE:LIBRARY::REASON`
        if let Some(place) = said.find("::").filter(|_| !function.is_empty()) {
            said.insert_str(place + 1, function);
        }
        format!("{thread}:{said}:{file}:{line}:{data}")
    }
}

impl From<ErrorStack> for Queue {
    fn from(stack: ErrorStack) -> Queue {
        let entry = |error: &openssl::error::Error| Entry {
            code: error.code(),
            function: match cfg!(openssl3) {
                true => error.function().unwrap_or_default().to_string(),
                false => String::new(),
            },
            file: error.file().to_string(),
            line: error.line(),
            data: error.data().unwrap_or_default().to_owned(),
        };
        Queue {
            entries: stack.errors().iter().map(entry).collect(),
        }
    }
}

impl fmt::Display for Queue {
    /// Every entry, a line each: for the debug level and for [`Error::caused_by`](crate::error::Error::caused_by).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&entry.line())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::x509::X509;

    #[test]
    fn texts_are_in_openssls_own_form() {
        let queue = X509::from_pem(b"").map_or_else(Queue::from, |_| Queue::default());
        if cfg!(openssl3) {
            assert_eq!(queue.first(), "error:0480006C:PEM routines::no start line");
        }
        assert!(
            queue.reason().starts_with("no start line"),
            "{}",
            queue.reason()
        );
        assert!(queue.to_string().starts_with("error:"));
    }

    #[test]
    fn a_dump_is_what_openssl_prints() {
        let queue = X509::from_pem(b"").map_or_else(Queue::from, |_| Queue::default());
        let dump = queue.dump();
        let (thread, rest) = dump.split_once(':').expect("a thread");
        assert!(thread.chars().all(|c| c.is_ascii_hexdigit()), "{dump}");
        assert!(rest.starts_with("error:"), "{dump}");
        if cfg!(openssl3) {
            let words = "error:0480006C:PEM routines:get_name:no start line:";
            assert!(rest.starts_with(words), "{dump}");
            assert_eq!(thread.len(), 2 * size_of::<libc::pthread_t>());
        }
        let place: Vec<&str> = rest.split(':').skip(5).collect();
        assert!(place[0].ends_with(".c"), "{dump}");
        assert!(place[1].parse::<u32>().is_ok_and(|line| line > 0), "{dump}");
    }

    #[test]
    fn a_text_in_a_message_is_as_long_as_arangodbs_at_most() {
        assert!(sys::error_line(0x0480_006c, 20).len() <= 20);
        assert_eq!(Queue::default().first(), "no reason given");
    }

    #[test]
    fn what_is_drained_or_cleared_is_gone() {
        let left_behind = || X509::from_pem(b"").map_err(|stack| stack.put()).is_err();
        assert!(left_behind());
        assert!(!drain().entries().is_empty());
        assert!(drain().entries().is_empty());
        assert!(left_behind());
        clear();
        assert!(drain().entries().is_empty());
    }
}
