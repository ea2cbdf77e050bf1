//! What a client is told that does not come in: PostgreSQL's ErrorResponse.

/// Why a client does not come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The SQLSTATE.
    code: &'static str,
    text: String,
    detail: Option<&'static str>,
    /// What the log hears besides, and the client does not.
    reason: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Refusal {
        Refusal {
            code,
            text: text.into(),
            detail: None,
            reason: None,
        }
    }

    pub(super) fn with_detail(self, detail: &'static str) -> Refusal {
        Refusal {
            detail: Some(detail),
            ..self
        }
    }

    /// Adds what only the log is to hear.
    pub(super) fn because(self, reason: impl Into<String>) -> Refusal {
        Refusal {
            reason: Some(reason.into()),
            ..self
        }
    }

    /// The log's line. What a client sent stands in it, so it is kept to one line.
    pub(super) fn remark(&self) -> String {
        let text = match &self.reason {
            Some(reason) => format!("{}: {reason}", self.text),
            None => self.text.clone(),
        };
        text.chars()
            .flat_map(|letter| match letter.is_control() {
                true => letter.escape_default().collect::<Vec<_>>(),
                false => vec![letter],
            })
            .collect()
    }

    /// The message: fields with a letter each, every one closed by a zero byte, which no text of ours holds.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut field = |letter: u8, text: &str| {
            fields.push(letter);
            fields.extend(text.bytes().filter(|byte| *byte != 0));
            fields.push(0);
        };
        field(b'S', "FATAL");
        field(b'V', "FATAL");
        field(b'C', self.code);
        field(b'M', &self.text);
        if let Some(detail) = self.detail {
            field(b'D', detail);
        }
        fields.push(0);
        let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
        [b"E", &length.to_be_bytes()[..], &fields].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_error_response_of_version_3() {
        let refusal = Refusal::new("28000", "no").with_detail("why");
        assert_eq!(
            refusal.bytes(),
            b"E\0\0\0\x23SFATAL\0VFATAL\0C28000\0Mno\0Dwhy\0\0"
        );
    }

    #[test]
    fn a_name_with_line_ends_stays_on_its_line_in_the_log() {
        let refusal = Refusal::new("28000", "user \"a\nb\"").because("c\rd");
        assert_eq!(refusal.remark(), "user \"a\\nb\": c\\rd");
    }
}
