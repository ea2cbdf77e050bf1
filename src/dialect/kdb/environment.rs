//! The variables of the environment. One with `KX_` in front beats the same without, which other programs on OpenSSL read
//! as well; what is empty is not set.

use super::words::{PROTOCOLS, SSL3, VERIFY_CLIENT, VERIFY_SERVER, Word, word};
use crate::dialect::Source;
use crate::error::Error;
use crate::settings::{Builder, Note, Origin};

/// What somebody has put into a variable.
pub(super) struct Given {
    /// Its whole name.
    pub(super) variable: String,
    pub(super) value: String,
}

impl Given {
    pub(super) fn origin(&self) -> Origin {
        Origin::Environment(self.variable.as_str().into())
    }
}

/// The variable that counts under a name; of those that are empty, `empty` hears.
pub(super) fn given(source: &dyn Source, name: &str, mut empty: impl FnMut(&str)) -> Option<Given> {
    for variable in [format!("KX_{name}"), name.to_owned()] {
        match source.env(&variable) {
            None => {}
            Some(value) if value.is_empty() => empty(&variable),
            Some(value) => return Some(Given { variable, value }),
        }
    }
    None
}

/// Takes variables for options.
pub(super) struct Reading<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) builder: &'a mut Builder,
}

impl<'a> Reading<'a> {
    pub(super) fn new(source: &'a dyn Source, builder: &'a mut Builder) -> Reading<'a> {
        Reading { source, builder }
    }

    /// Goes through all of them.
    pub(super) fn apply(&mut self) {
        let client = self.one_of("SSL_VERIFY_CLIENT", VERIFY_CLIENT);
        if let Some((given, (_, mode))) = &client {
            self.set(given, &["ssl.verify-client"], mode);
        }
        let server = self.verify_server();
        self.files(server != "NO");
        if let Some(list) = self.given("SSL_CIPHER_LIST") {
            self.set_value(&list, &["ssl.cipher-list", "backend.cipher-list"]);
        }
        if let Some(suites) = self.given("SSL_CIPHERSUITES") {
            self.set_value(&suites, &["ssl.ciphersuites", "backend.ciphersuites"]);
        }
        self.lowest_version();
        self.highest_version();
    }

    /// kdb+'s word for what is asked of servers. Where nobody has chosen, it is more here than there.
    fn verify_server(&mut self) -> &'static str {
        let Some((given, (word, (of_client, of_backend)))) =
            self.one_of("SSL_VERIFY_SERVER", VERIFY_SERVER)
        else {
            return "HOSTIP";
        };
        self.set(&given, &["ssl.verify-server"], of_client);
        self.set(&given, &["backend.sslmode"], of_backend);
        word
    }

    fn lowest_version(&mut self) {
        let Some((given, (word, version))) = self.one_of("SSL_MINPROTOCOL", PROTOCOLS) else {
            return;
        };
        if word == SSL3 {
            let why = "SSLv3 is not spoken here, the lowest version is libssl's own";
            let text = format!("{}: {why}", given.origin());
            self.builder.note(Note::info(text));
        }
        let options = ["ssl.min-protocol", "backend.min-protocol"];
        self.set(&given, &options, version.unwrap_or_default());
    }

    fn highest_version(&mut self) {
        let Some((given, (word, version))) = self.one_of("SSL_MAXPROTOCOL", PROTOCOLS) else {
            return;
        };
        if word == SSL3 {
            return self.wrong(&given, "'SSLv3' leaves no version that is spoken here");
        }
        let options = ["ssl.max-protocol", "backend.max-protocol"];
        self.set(&given, &options, version.unwrap_or_default());
    }

    /// A variable that has to be one of some words; nothing where it is another, which is told.
    fn one_of<T: Copy>(&mut self, name: &str, words: &[Word<T>]) -> Option<(Given, Word<T>)> {
        let given = self.given(name)?;
        match word(&given.value, words) {
            Ok(word) => Some((given, word)),
            Err(why) => {
                self.wrong(&given, &why);
                None
            }
        }
    }

    pub(super) fn given(&mut self, name: &str) -> Option<Given> {
        given(self.source, name, |variable| {
            let origin = Origin::Environment(variable.into());
            let text = format!("{origin}: it is empty, which is taken for unset");
            self.builder.note(Note::info(text));
        })
    }

    /// Gives options the value of the variable.
    pub(super) fn set_value(&mut self, given: &Given, options: &[&str]) {
        self.set(given, options, &given.value);
    }

    fn set(&mut self, given: &Given, options: &[&str], value: &str) {
        for option in options {
            let Given { variable, .. } = given;
            self.builder.set_as(option, variable, value, given.origin());
        }
    }

    fn wrong(&mut self, given: &Given, why: &str) {
        let text = format!("{}: {why}", given.origin());
        self.builder.problem(Error::settings(text));
    }
}
