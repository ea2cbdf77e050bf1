//! A configuration file that holds anything at all, read as each system's, or as its environment and its flags.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use tlsport::dialect::{self, Source, kdb};
use tlsport::settings::{Builder, Settings};

/// Every file there is has the same content, and so has every long variable.
struct Everywhere<'a>(&'a [u8]);

impl Everywhere<'_> {
    fn text(&self) -> Option<String> {
        String::from_utf8(self.0.to_vec()).ok()
    }
}

impl Source for Everywhere<'_> {
    fn read(&self, _: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.0.to_vec()))
    }

    fn list(&self, _: &Path) -> io::Result<Option<Vec<OsString>>> {
        Ok(Some(vec!["a.conf".into(), "b.conf".into()]))
    }

    fn env(&self, name: &str) -> Option<String> {
        match name.len() < 4 {
            true => Some("value".to_owned()),
            false => self.text(),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    for name in dialect::names() {
        let mut builder = Builder::new(Settings::default());
        match name {
            "kdb" => {
                dialect::read_environment(name, &Everywhere(input), &mut builder);
                let flag = Everywhere(input).text();
                kdb::listen(Some("1"), flag.as_deref(), &Everywhere(input), &mut builder);
            }
            _ => dialect::read(Some(name), &Everywhere(input), Path::new("any.conf"), &mut builder),
        }
        dialect::complete(&Everywhere(input), &mut builder);
        let _ = builder.finish();
    }
});
