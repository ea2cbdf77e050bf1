//! JSON with the line of every value: RFC 8259 and no more, to a depth that no configuration needs.
//!
//! A mistake ends the reading, as nothing behind it can be trusted, and is told with line and column. Keys that are given
//! twice are kept: whoever looks for one finds both. Read next: `members`.

use crate::settings::quoted;

/// How deep lists and objects may stand in each other.
const DEEPEST: usize = 128;

/// A value, and the line where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// A value. A number is as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A key of an object, the line where it stands, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// What is wrong, and where; lines and columns are counted from 1, columns in letters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) why: String,
}

impl Value {
    /// What kind of value it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Reads a text that is one value.
pub(super) fn read(text: &str) -> Result<Node, Mistake> {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        depth: 0,
    };
    let node = reader.value()?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.expected("the end of the file")),
    }
}

/// How far a text is read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The line of `at`.
    line: usize,
    depth: usize,
}

/// A place in the text, to come back to if something is wrong with what begins there.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    line: usize,
}

/// The letters that RFC 8259 calls whitespace.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.at += length;
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        taken
    }

    /// The next letter that is not blank.
    fn peek(&mut self) -> Option<char> {
        let blanks = self.rest().len() - self.rest().trim_start_matches(BLANKS).len();
        self.take(blanks);
        self.rest().chars().next()
    }

    /// Takes a sign, if it is the next.
    fn takes(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(sign);
        if found {
            self.take(sign.len_utf8());
        }
        found
    }

    /// Where we are.
    fn place(&self) -> Place {
        Place {
            at: self.at,
            line: self.line,
        }
    }

    /// What is wrong here.
    fn wrong(&self, why: impl Into<String>) -> Mistake {
        self.wrong_at(self.place(), why)
    }

    fn wrong_at(&self, Place { at, line }: Place, why: impl Into<String>) -> Mistake {
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Mistake {
            line,
            column: before[start..].chars().count() + 1,
            why: why.into(),
        }
    }

    /// Something else stands here than what has to.
    fn expected(&self, what: &str) -> Mistake {
        let got = match self.rest().chars().next() {
            Some(letter) => quoted(letter.encode_utf8(&mut [0; 4])),
            None => "the end of the file".to_owned(),
        };
        let hint = self.hint().unwrap_or_default();
        self.wrong(format!("expected {what}, got {got}{hint}"))
    }

    /// What is often meant by what stands here.
    fn hint(&self) -> Option<&'static str> {
        let rest = self.rest();
        let before = self.text[..self.at].trim_end_matches(BLANKS);
        if rest.starts_with("{{") || before.ends_with('{') && rest.starts_with('{') {
            Some(
                ": a template of the flexible configuration is not filled in here, what comes of it is read (FC_OUT names \
                 that file)",
            )
        } else if rest.starts_with(['/', '#']) {
            Some(
                ": there are no comments in JSON, but a key that begins with '@', '$', '_' or '#' is left alone",
            )
        } else if rest.starts_with(['}', ']']) && before.ends_with(',') {
            Some(": the comma before it is one too many")
        } else {
            None
        }
    }

    fn value(&mut self) -> Result<Node, Mistake> {
        let sign = self.peek();
        let line = self.line;
        let value = match sign {
            Some('{') => self.deeper(Reader::object)?,
            Some('[') => self.deeper(Reader::list)?,
            Some('"') => Value::Text(self.text()?),
            Some('-' | '0'..='9') => Value::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node { line, value })
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, Mistake>,
    ) -> Result<Value, Mistake> {
        if self.depth == DEEPEST {
            let why = format!("lists and objects stand in each other more than {DEEPEST} deep");
            return Err(self.wrong(why));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Mistake> {
        self.take(1);
        let mut members = Vec::new();
        if self.takes('}') {
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some('"') {
                return Err(self.expected("a key in double quotes"));
            }
            let line = self.line;
            let key = self.text()?;
            if !self.takes(':') {
                return Err(self.expected("':' behind a key"));
            }
            let node = self.value()?;
            members.push(Member { key, line, node });
            if self.takes('}') {
                return Ok(Value::Object(members));
            }
            if !self.takes(',') {
                return Err(self.expected("',' or '}' behind a value"));
            }
        }
    }

    fn list(&mut self) -> Result<Value, Mistake> {
        self.take(1);
        let mut nodes = Vec::new();
        if self.takes(']') {
            return Ok(Value::List(nodes));
        }
        loop {
            nodes.push(self.value()?);
            if self.takes(']') {
                return Ok(Value::List(nodes));
            }
            if !self.takes(',') {
                return Err(self.expected("',' or ']' behind a value"));
            }
        }
    }

    fn word(&mut self) -> Result<Value, Mistake> {
        let letters = |c: char| c.is_ascii_alphanumeric();
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(letters).len();
        let value = match &rest[..length] {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(self.expected("a value")),
        };
        self.take(length);
        Ok(value)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        self.takes_of(&['-']);
        if !self.takes_of(&['0']) {
            self.digits()?;
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.wrong("a number does not begin with 0"));
        }
        if self.takes_of(&['.']) {
            self.digits()?;
        }
        if self.takes_of(&['e', 'E']) {
            self.takes_of(&['+', '-']);
            self.digits()?;
        }
        Ok(self.text[start..self.at].to_owned())
    }

    /// Takes one of some signs, if it stands here.
    fn takes_of(&mut self, signs: &[char]) -> bool {
        let found = self.rest().starts_with(signs);
        if found {
            self.take(1);
        }
        found
    }

    fn digits(&mut self) -> Result<(), Mistake> {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if length == 0 {
            return Err(self.expected("a digit"));
        }
        self.take(length);
        Ok(())
    }

    /// What stands between double quotes.
    fn text(&mut self) -> Result<String, Mistake> {
        let opening = self.place();
        let endless = |reader: &Self| reader.wrong_at(opening, "this text does not end");
        self.take(1);
        let mut text = String::new();
        loop {
            let special = |c: char| c == '"' || c == '\\' || u32::from(c) < 0x20;
            let Some(length) = self.rest().find(special) else {
                return Err(endless(self));
            };
            text.push_str(self.take(length));
            match self.rest().as_bytes()[0] {
                b'"' => {
                    self.take(1);
                    return Ok(text);
                }
                b'\\' => text.push(self.escaped()?),
                b'\n' | b'\r' => return Err(endless(self)),
                control => {
                    let why = format!("this letter is written \\u{control:04x} in a text");
                    return Err(self.wrong(why));
                }
            }
        }
    }

    /// The letter that a backslash and what follows stand for.
    fn escaped(&mut self) -> Result<char, Mistake> {
        let backslash = self.place();
        let unknown = |reader: &Self| reader.wrong_at(backslash, "no letter is written like this");
        self.take(1);
        let letter = self.rest().chars().next();
        let plain = match letter {
            Some('"' | '\\' | '/') => letter,
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => None,
            _ => return Err(unknown(self)),
        };
        self.take(1);
        if let Some(plain) = plain {
            return Ok(plain);
        }
        let Some(first) = self.code() else {
            return Err(unknown(self));
        };
        let code = match first {
            0xd800..0xdc00 => {
                let second = self.rest().starts_with("\\u").then(|| {
                    self.take(2);
                    self.code()
                });
                match second.flatten() {
                    Some(second @ 0xdc00..0xe000) => {
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => return Err(unknown(self)),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| unknown(self))
    }

    /// Four hexadecimal digits.
    fn code(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok();
        self.take(4);
        code.filter(|_| hexadecimal)
    }
}

#[cfg(test)]
mod tests;
