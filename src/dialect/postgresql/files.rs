//! Files that include others, in the three ways that all of PostgreSQL's have, and where that ends.

use crate::dialect::Source;
use crate::dialect::file::{beside, text};
use crate::error::reason;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How many files may be read for one purpose.
const MOST_FILES: usize = 200;

/// How deep they may include each other: `CONF_FILE_MAX_DEPTH`.
const DEEPEST: usize = 10;

/// Reads files for one purpose.
pub(super) struct Files<'a> {
    source: &'a dyn Source,
    /// How many more.
    left: usize,
}

/// How others are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    /// `include`
    File,
    /// `include_if_exists`
    FileIfExists,
    /// `include_dir`
    Directory,
}

impl Include {
    /// The one that a word stands for.
    pub(super) fn of(word: &str) -> Option<Include> {
        match word {
            "include" => Some(Include::File),
            "include_if_exists" => Some(Include::FileIfExists),
            "include_dir" => Some(Include::Directory),
            _ => None,
        }
    }
}

impl<'a> Files<'a> {
    pub(super) fn new(source: &'a dyn Source) -> Files<'a> {
        Files {
            source,
            left: MOST_FILES,
        }
    }

    /// The text of a file; what is none has a U+FFFD in its place. `None` when there is no such file.
    pub(super) fn text(&mut self, path: &Path) -> Result<Option<String>, String> {
        let bytes = match self.source.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => return Err(reason(&error)),
        };
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| format!("more than {MOST_FILES} files are read"))?;
        text(&bytes).map(Some)
    }

    /// The files, each with its text, that are included by the file `from`, which is included itself `depth` times.
    pub(super) fn included(
        &mut self,
        include: Include,
        name: &str,
        from: &Path,
        depth: usize,
    ) -> Result<Vec<(PathBuf, String)>, String> {
        let what = match include {
            Include::Directory => "directory",
            Include::File | Include::FileIfExists => "file",
        };
        let failed = |path: &Path, why: String| {
            format!("cannot read included {what} '{}': {why}", path.display())
        };
        let path = beside(from, name);
        if name.trim().is_empty() {
            return Err(format!("no {what} to include is named"));
        }
        if depth >= DEEPEST {
            return Err(failed(&path, "maximum nesting depth exceeded".into()));
        }
        let missing = || "no such file or directory".to_owned();
        if include == Include::Directory {
            let mut files = Vec::new();
            for file in self.directory(&path).map_err(|why| failed(&path, why))? {
                let found = self.text(&file).and_then(|text| text.ok_or_else(missing));
                files.push((file.clone(), found.map_err(|why| failed(&file, why))?));
            }
            return Ok(files);
        }
        match self.text(&path) {
            Ok(Some(text)) => Ok(vec![(path, text)]),
            Ok(None) if include == Include::FileIfExists => Ok(Vec::new()),
            Ok(None) => Err(failed(&path, missing())),
            Err(why) => Err(failed(&path, why)),
        }
    }

    /// The configuration files of a directory, in the order of their names.
    fn directory(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let names = self.source.list(path).map_err(|error| reason(&error))?;
        let mut names = names.ok_or("no such file or directory")?;
        names.retain(|name| is_configuration(name));
        names.sort_unstable();
        Ok(names.into_iter().map(|name| path.join(name)).collect())
    }
}

fn is_configuration(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() > ".conf".len() && name.ends_with(b".conf") && !name.starts_with(b".")
}
