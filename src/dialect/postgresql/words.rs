//! The shape that `pg_hba.conf`, `pg_ident.conf` and `pg_hosts.conf` have in common: columns between blanks, lists between
//! commas, double quotes, comments, lines that go on behind a backslash, and files in files.
//!
//! What the columns mean is not known here.

use super::files::{Files, Include};
use crate::dialect::Source;
use crate::dialect::file::beside;
use crate::error::Error;
use crate::settings::{Builder, Origin, quoted};
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;
use std::sync::Arc;

/// A word of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether it begins with a quote, so that it is no keyword.
    pub(super) quoted: bool,
}

impl Word {
    /// Whether it is a keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text == keyword
    }
}

/// A line that holds something: its columns, of which each has a word at least.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) columns: Vec<Vec<Word>>,
    pub(super) origin: Origin,
}

/// More words than any such file has, with all that it includes.
const MOST_WORDS: usize = 100_000;

/// With so many lines wrong, a file is something else.
pub(super) const MOST_ERRORS: usize = 20;

/// Reads the lines of a file, and of those that it includes. What is wrong becomes a problem of the builder; with any,
/// or without the file, there are no lines.
pub(super) fn read(source: &dyn Source, path: &Path, builder: &mut Builder) -> Outcome {
    let mut reader = Reader {
        files: Files::new(source),
        builder,
        lines: Vec::new(),
        words_left: MOST_WORDS,
        errors: 0,
    };
    match reader.files.text(path) {
        Ok(Some(text)) => reader.file(path, &text, 0),
        Ok(None) => return Outcome::Missing,
        Err(why) => return Outcome::Unreadable(why),
    }
    match reader.errors {
        0 => Outcome::Lines(reader.lines),
        _ => Outcome::Wrong,
    }
}

/// What became of reading.
pub(super) enum Outcome {
    Lines(Vec<Line>),
    /// There is no such file.
    Missing,
    /// The file itself could not be read, for the reason given. Nothing was said of it yet.
    Unreadable(String),
    /// What is wrong was said.
    Wrong,
}

struct Reader<'a, 'b> {
    files: Files<'a>,
    builder: &'b mut Builder,
    lines: Vec<Line>,
    words_left: usize,
    errors: usize,
}

impl Reader<'_, '_> {
    fn file(&mut self, path: &Path, text: &str, depth: usize) {
        let shared: Arc<Path> = Arc::from(path);
        for (line, text) in logical_lines(text) {
            let origin = Origin::File {
                path: Arc::clone(&shared),
                line,
            };
            let done =
                self.columns(path, &text, depth)
                    .and_then(|columns| match include(&columns) {
                        Some((include, name)) => self.include(include, name, path, depth),
                        None if columns.is_empty() => Ok(()),
                        None => {
                            let origin = origin.clone();
                            self.lines.push(Line { columns, origin });
                            Ok(())
                        }
                    });
            if let Err(why) = done {
                self.errors += 1;
                self.builder
                    .problem(Error::settings(format!("{origin}: {why}")));
            }
            if self.errors >= MOST_ERRORS || self.words_left == 0 {
                return;
            }
        }
    }

    fn include(
        &mut self,
        include: Include,
        name: &str,
        from: &Path,
        depth: usize,
    ) -> Result<(), String> {
        for (path, text) in self.files.included(include, name, from, depth)? {
            if self.errors < MOST_ERRORS && self.words_left > 0 {
                self.file(&path, &text, depth + 1);
            }
        }
        Ok(())
    }

    /// The columns of a line, with the words of files in the place of `@file`.
    fn columns(&mut self, path: &Path, line: &str, depth: usize) -> Result<Vec<Vec<Word>>, String> {
        let mut letters = line.chars().peekable();
        let mut columns = Vec::new();
        loop {
            let mut column = Vec::new();
            let mut more = true;
            while more {
                let Some((word, comma)) = word(&mut letters)? else {
                    break;
                };
                self.add(word, path, depth, &mut column)?;
                more = comma;
            }
            if column.is_empty() {
                return Ok(columns);
            }
            columns.push(column);
        }
    }

    fn add(
        &mut self,
        word: Word,
        path: &Path,
        depth: usize,
        column: &mut Vec<Word>,
    ) -> Result<(), String> {
        let Some(name) = word.text.strip_prefix('@').filter(|_| !word.quoted) else {
            return self.push(word, column);
        };
        if name.is_empty() {
            return self.push(word, column);
        }
        let before = column.len();
        for (path, text) in self.files.included(Include::File, name, path, depth)? {
            for (_, line) in logical_lines(&text) {
                let mut letters = line.chars().peekable();
                while let Some((word, _)) = self::word(&mut letters)? {
                    self.add(word, &path, depth + 1, column)?;
                }
            }
        }
        if column.len() == before {
            // The original takes the next column in its place.
            let path = beside(path, name);
            return Err(format!("there is no name in '{}'", path.display()));
        }
        Ok(())
    }

    fn push(&mut self, word: Word, column: &mut Vec<Word>) -> Result<(), String> {
        match self.words_left.checked_sub(1) {
            Some(left @ 1..) => self.words_left = left,
            _ => {
                self.words_left = 0;
                return Err(format!(
                    "more than {MOST_WORDS} words: the rest was not read"
                ));
            }
        }
        column.push(word);
        Ok(())
    }
}

/// A line that includes others.
fn include(columns: &[Vec<Word>]) -> Option<(Include, &str)> {
    let [directive, name] = columns else {
        return None;
    };
    let ([directive], [name]) = (&directive[..], &name[..]) else {
        return None;
    };
    let include = Include::of(&directive.text).filter(|_| !directive.quoted)?;
    Some((include, &name.text))
}

/// Lines with their numbers, those that end in a backslash joined with the next.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.split('\n').zip(1..);
    std::iter::from_fn(move || {
        let (first, number) = lines.next()?;
        let mut whole = String::new();
        let mut next = Some(first);
        while let Some(line) = next {
            let line = line.strip_suffix('\r').unwrap_or(line);
            match line.strip_suffix('\\') {
                Some(begun) => {
                    whole.push_str(begun);
                    next = lines.next().map(|(line, _)| line);
                }
                None => {
                    whole.push_str(line);
                    next = None;
                }
            }
        }
        Some((number, whole))
    })
}

/// The next word, and whether a comma follows it at once, which makes the one after it part of the same list.
fn word(letters: &mut Peekable<Chars<'_>>) -> Result<Option<(Word, bool)>, String> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r');
    while letters.next_if(|c| is_blank(*c) || *c == ',').is_some() {}
    let mut text = String::new();
    let (mut inside, mut any_quote) = (false, false);
    let starts_with_quote = letters.peek() == Some(&'"');
    let mut comma = false;
    while let Some(letter) = letters.next() {
        match letter {
            // A pair of quotes within quotes is a quote.
            '"' if inside && letters.next_if_eq(&'"').is_some() => text.push('"'),
            '"' => {
                inside = !inside;
                any_quote = true;
            }
            _ if inside => text.push(letter),
            '#' => {
                letters.by_ref().for_each(drop);
                break;
            }
            ',' => {
                comma = true;
                break;
            }
            _ if is_blank(letter) => break,
            _ => text.push(letter),
        }
    }
    if inside {
        return Err(format!("the quotes of {} are not closed", quoted(&text)));
    }
    if text.contains('\u{fffd}') {
        return Err(format!("{} is not UTF-8 text", quoted(&text)));
    }
    let quoted = starts_with_quote;
    let found = any_quote || !text.is_empty();
    Ok(found.then_some((Word { text, quoted }, comma)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::tests::Memory;
    use crate::settings::Settings;
    use proptest::prelude::*;

    /// The lines of `a`, with `|` between columns and `+` between words, and what is wrong.
    fn lines(source: &Memory) -> (Vec<String>, Vec<String>) {
        let mut builder = Builder::new(Settings::default());
        let lines = match read(source, Path::new("a"), &mut builder) {
            Outcome::Lines(lines) => lines,
            Outcome::Unreadable(why) => {
                builder.problem(Error::settings(why));
                Vec::new()
            }
            Outcome::Missing | Outcome::Wrong => Vec::new(),
        };
        let word = |word: &Word| match word.quoted {
            true => format!("'{}'", word.text),
            false => word.text.clone(),
        };
        let column = |column: &Vec<Word>| column.iter().map(word).collect::<Vec<_>>().join("+");
        let line = |line: &Line| {
            let columns: Vec<_> = line.columns.iter().map(column).collect();
            format!("{}: {}", line.origin, columns.join("|"))
        };
        let lines = lines.iter().map(line).collect();
        let problems = builder.unchecked().err().map_or_else(Vec::new, |all| all.0);
        (lines, problems.iter().map(ToString::to_string).collect())
    }

    fn of_text(text: &str) -> Vec<String> {
        let (lines, problems) = lines(&Memory::of([("a", text)]));
        assert_eq!(problems, [""; 0], "{text}");
        lines
    }

    #[test]
    fn a_line_is_columns_of_lists_of_words() {
        for (text, expected) in [
            ("", vec![]),
            ("\n  \t\r\n# a comment\n", vec![]),
            ("a b\tc", vec!["a:1: a|b|c"]),
            ("a,b c", vec!["a:1: a+b|c"]),
            ("a, b c", vec!["a:1: a+b|c"]),
            ("a ,b c", vec!["a:1: a|b|c"]),
            ("a,,b,", vec!["a:1: a+b"]),
            ("a#b c", vec!["a:1: a"]),
            ("\"a b\",\"c,d\" \"#\"", vec!["a:1: 'a b'+'c,d'|'#'"]),
            ("a\"b c\"d", vec!["a:1: ab cd"]),
            ("\"a\"\"b\" \"\"", vec!["a:1: 'a\"b'|''"]),
            ("\"@a\" @", vec!["a:1: '@a'|@"]),
            ("a \\\n b\\\nc\nd", vec!["a:1: a|bc", "a:4: d"]),
            ("# a \\\n b\nc", vec!["a:3: c"]),
            ("a\r\nb\r\n", vec!["a:1: a", "a:2: b"]),
            ("a \\", vec!["a:1: a"]),
            ("\u{feff}a", vec!["a:1: a"]),
            ("include a b", vec!["a:1: include|a|b"]),
            ("\"include\" a", vec!["a:1: 'include'|a"]),
        ] {
            assert_eq!(of_text(text), expected, "{text:?}");
        }
    }

    #[test]
    fn files_stand_for_their_lines_and_their_words() {
        let source = Memory::of([
            (
                "a",
                "x @d/names y\ninclude d/b\ninclude_if_exists none\ninclude_dir d\nz",
            ),
            ("d/names", "one,two # more\nthree \"four\" @more"),
            ("d/more", "five"),
            ("d/b", "b\ninclude c.conf"),
            ("d/c.conf", "c"),
            ("d/.e.conf", "e"),
            ("d/a.conf", "a"),
        ]);
        let expected = [
            "a:1: x|one+two+three+'four'+five|y",
            "d/b:1: b",
            "d/c.conf:1: c",
            "d/a.conf:1: a",
            "d/c.conf:1: c",
            "a:5: z",
        ];
        assert_eq!(lines(&source), (expected.map(String::from).into(), vec![]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let source = Memory::of([
            (
                "a",
                "x \"y\nx @none\ninclude none\ninclude_dir none\nx @empty\ninclude \"\"\ninclude b",
            ),
            ("empty", "# nobody"),
            ("b", "\n\"z"),
        ]);
        let (lines, problems) = lines(&source);
        assert!(lines.is_empty());
        assert_eq!(
            problems,
            [
                "a:1: the quotes of 'y' are not closed",
                "a:2: cannot read included file 'none': no such file or directory",
                "a:3: cannot read included file 'none': no such file or directory",
                "a:4: cannot read included directory 'none': no such file or directory",
                "a:5: there is no name in 'empty'",
                "a:6: no file to include is named",
                "b:2: the quotes of 'z' are not closed",
            ]
        );
    }

    #[test]
    fn what_is_no_text_may_stand_in_a_comment() {
        let of_bytes = |bytes: &[u8]| lines(&Memory([("a", Some(bytes.to_vec()))].into()));
        assert_eq!(of_bytes(b"x # \xe9").0, ["a:1: x"]);
        assert_eq!(of_bytes(b"x\xe9").1, ["a:1: 'x\u{fffd}' is not UTF-8 text"]);
        let (_, problems) = of_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0");
        assert_eq!(problems, ["this is a PEM file and not a configuration"]);
    }

    #[test]
    fn reading_comes_to_an_end() {
        for (text, expected) in [
            ("include a", "maximum nesting depth exceeded"),
            ("@a @a @a", "maximum nesting depth exceeded"),
            (
                "include c\n".repeat(300).as_str(),
                "more than 200 files are read",
            ),
            ("x @b\n".repeat(150).as_str(), "more than 100000 words"),
        ] {
            let words = "w ".repeat(1000);
            let source = Memory::of([("a", text), ("b", &words), ("c", "w")]);
            let (_, problems) = lines(&source);
            assert!(problems[0].contains(expected), "{problems:?}");
            assert!(problems.len() <= MOST_ERRORS, "{}", problems.len());
        }
    }

    proptest! {
        #[test]
        fn no_file_is_too_odd(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "((include(_dir|_if_exists)? )?[ab@\", \\\\#\r]{0,9}\n?){0,20}",
        ) {
            for content in [bytes, text.into_bytes()] {
                lines(&Memory([("a", Some(content.clone())), ("b", Some(content))].into()));
            }
        }
    }
}
