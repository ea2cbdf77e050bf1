//! A configuration file that holds anything at all, read as each system's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use tlsport::dialect::{self, Source};
use tlsport::settings::{Builder, Settings};

/// Every file there is has the same content.
struct Everywhere<'a>(&'a [u8]);

impl Source for Everywhere<'_> {
    fn read(&self, _: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.0.to_vec()))
    }

    fn list(&self, _: &Path) -> io::Result<Option<Vec<OsString>>> {
        Ok(Some(vec!["a.conf".into(), "b.conf".into()]))
    }

    fn env(&self, name: &str) -> Option<String> {
        (name.len() < 4).then(|| "value".to_owned())
    }
}

fuzz_target!(|input: &[u8]| {
    for name in dialect::names() {
        let mut builder = Builder::new(Settings::default());
        dialect::read(Some(name), &Everywhere(input), Path::new("any.conf"), &mut builder);
        dialect::complete(&Everywhere(input), &mut builder);
        let _ = builder.finish();
    }
});
