//! What dialects may ask of the outside, and the outside itself.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What a dialect needs of the outside.
pub trait Source {
    /// The bytes of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// What the system says of a file that is there and cannot be read.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// The names of the files in a directory, in no order; `None` when there is no such directory.
    ///
    /// # Errors
    /// What the system says of a directory that is there and cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Option<Vec<OsString>>> {
        let _ = directory;
        Ok(None)
    }

    /// Whether there is something of that name.
    fn exists(&self, path: &Path) -> bool {
        !matches!(self.read(path), Ok(None))
    }

    /// The value of an environment variable that is set. What is no text in it is U+FFFD, so that it is not taken for
    /// something else, and not for unset either.
    fn env(&self, name: &str) -> Option<String>;

    /// The directory of the files of the libssl in use, its `OPENSSLDIR`, where that is known.
    fn openssl_dir(&self) -> Option<PathBuf> {
        None
    }
}

/// The files and the environment of this process.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// The directory of libssl's files, for dialects that look there: nothing here asks libssl.
    pub openssl_dir: Option<PathBuf>,
}

/// No configuration is larger, not even that of a gateway to thousands of services: somebody named a device, or a log.
const LARGEST: u64 = 8 << 20;

/// No directory of configurations holds more.
const MOST_FILES: usize = 10_000;

impl Source for System {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other("larger than 8 MiB"));
        }
        Ok(Some(bytes))
    }

    fn list(&self, directory: &Path) -> io::Result<Option<Vec<OsString>>> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            // What a link leads to counts; one that leads nowhere is for whoever reads it to complain of.
            let directory = fs::metadata(entry.path()).is_ok_and(|found| found.is_dir());
            if directory {
                continue;
            }
            if names.len() == MOST_FILES {
                return Err(io::Error::other(format!("more than {MOST_FILES} files")));
            }
            names.push(entry.file_name());
        }
        Ok(Some(names))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn openssl_dir(&self) -> Option<PathBuf> {
        self.openssl_dir.clone()
    }

    fn env(&self, name: &str) -> Option<String> {
        // The standard library panics on names that cannot be an environment variable's.
        let possible = !name.is_empty() && !name.contains(['=', '\0']);
        let value = possible.then(|| std::env::var_os(name)).flatten();
        value.map(|value| value.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_a_folder_is_an_error() {
        assert!(matches!(
            System::default().read(Path::new("no/such/file")),
            Ok(None)
        ));
        assert!(System::default().read(Path::new("/")).is_err());
    }

    #[test]
    fn a_directory_is_its_files() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.conf"), "").unwrap();
        fs::create_dir(directory.path().join("b.conf")).unwrap();
        let names = System::default().list(directory.path()).unwrap();
        assert_eq!(names, Some(vec!["a.conf".into()]));
        let missing = System::default().list(&directory.path().join("c"));
        assert!(matches!(missing, Ok(None)));
        let file = System::default().list(&directory.path().join("a.conf"));
        assert!(file.is_err());
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let error = System::default()
            .read(Path::new("/dev/zero"))
            .expect_err("endless");
        assert_eq!(error.to_string(), "larger than 8 MiB");
    }

    #[test]
    fn a_name_that_no_variable_can_have_is_unset() {
        assert_eq!(System::default().env(""), None);
        assert_eq!(System::default().env("A=B"), None);
        assert_eq!(System::default().env("A\0B"), None);
    }
}
