//! Settings changed option by option by the program that holds them, without layers: the last word counts.

use super::builder::{complaint, unknown};
use super::value::quoted;
use super::{Form, Origin, Record, Settings, find};
use crate::error::{Error, Kind};

impl Settings {
    /// Sets an option, by any of its names, in place of all that was set for it before.
    ///
    /// # Errors
    /// A name that is no option's, or a value that is wrong by itself; nothing has changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let record = named(name)?;
        let mut changed = self.clone();
        (record.clear)(&mut changed);
        changed.take(record, name, value)?;
        *self = changed;
        Ok(())
    }

    /// Adds a value to an option that takes several.
    ///
    /// # Errors
    /// As [`Settings::set`]; an option that takes one value.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let record = named(name)?;
        if record.form != Form::Repeated {
            let text = format!("{} takes one value: set it", quoted(name));
            return Err(Error::new(Kind::Usage, text));
        }
        let mut changed = self.clone();
        changed.take(record, name, value)?;
        *self = changed;
        Ok(())
    }

    /// The values of an option in effect, by any of its names.
    ///
    /// # Errors
    /// A name that is no option's.
    pub fn get(&self, name: &str) -> Result<Vec<String>, Error> {
        let values = (named(name)?.get)(self).into_iter();
        Ok(values.map(|(value, _)| value).collect())
    }

    fn take(&mut self, record: &Record, name: &str, value: &str) -> Result<(), Error> {
        (record.set)(self, value, &Origin::Program)
            .map_err(|why| complaint(&Origin::BuiltIn, name, &why))
    }
}

fn named(name: &str) -> Result<&'static Record, Error> {
    find(name).ok_or_else(|| unknown(name, &Origin::BuiltIn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_replaces_and_adding_adds() {
        let mut settings = Settings::default();
        settings.set("ssl.keyfile", "a.pem").unwrap();
        settings.add("ssl.keyfile", "b.pem").unwrap();
        assert_eq!(settings.get("ssl.keyfile").unwrap(), ["a.pem", "b.pem"]);
        settings.set("server.keyfile", "c.pem").unwrap();
        assert_eq!(settings.get("ssl.keyfile").unwrap(), ["c.pem"]);
        settings.set("ssl.protocol", "5").unwrap();
        settings.set("ssl.protocol", "6").unwrap();
        assert_eq!(settings.policy.protocol.number(), 6);
        assert!(settings.policy.protocol.is_chosen());
    }

    #[test]
    fn what_is_wrong_is_told_without_a_place_and_changes_nothing() {
        let mut settings = Settings::default();
        settings.set("ssl.keyfile", "a.pem").unwrap();
        let before = settings.clone();
        let said = [
            settings.set("ssl.cafile-mode", "maybe"),
            settings.set("ssl.kefyile", "b.pem"),
            settings.add("ssl.keyfile", "a.pem"),
            settings.add("ssl.protocol", "5"),
        ]
        .map(|result| result.unwrap_err().to_string());
        assert_eq!(
            said,
            [
                "'ssl.cafile-mode': 'maybe' is not one of require, request, original",
                "unknown option 'ssl.kefyile': did you mean 'ssl.keyfile'?",
                "'ssl.keyfile': 'a.pem' is given twice",
                "'ssl.protocol' takes one value: set it",
            ]
        );
        assert_eq!(settings, before);
        assert!(settings.get("ssl.horse").is_err());
    }
}
