//! The C programs, built once, and the certificates that all subjects present.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::setup::KEYS;

/// Who runs where, as `taskset` says it, and with how many threads.
#[derive(Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) server: String,
    /// The load generator and the backend.
    pub(crate) load: String,
    /// Workers of the server, and processes of the load.
    pub(crate) threads: u32,
}

impl Layout {
    /// One thread on a core of its own, the load on another.
    pub(crate) fn apart() -> Self {
        Layout {
            server: "0".into(),
            load: "1".into(),
            threads: 1,
        }
    }

    /// So many threads on as many cores as the larger number of them, `most`; the load on the others, or on the same
    /// where there are too few.
    pub(crate) fn several(threads: u32, most: u32) -> Self {
        let cores = cores();
        let (server, load) = if Layout::has_room(most) {
            (format!("0-{}", most - 1), format!("{most}-{}", cores - 1))
        } else {
            (format!("0-{}", cores - 1), format!("0-{}", cores - 1))
        };
        Layout {
            server,
            load,
            threads,
        }
    }

    /// Whether the load has cores of its own beside so many threads.
    pub(crate) fn has_room(threads: u32) -> bool {
        cores() >= 2 * threads
    }
}

/// A folder of our own under the target folder, with the programs in it.
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Build what is needed.
    pub(crate) fn build() -> Result<Self, String> {
        if cores() < 2 {
            return Err("two cores are needed: one for the server, one for the load".into());
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("daemon");
        // What the servers of the last run have left behind.
        let _ = std::fs::remove_dir_all(folder.join("run"));
        std::fs::create_dir_all(folder.join("run"))
            .map_err(|err| format!("make '{}': {err}", folder.display()))?;
        let tools = Tools { folder };
        tools.compile("yardstick", &["wire"])?;
        tools.compile("relay", &["wire"])?;
        tools.compile("load", &["wire", "meter", "crew", "shortcut"])?;
        for (name, kind) in KEYS {
            tools.certify(name, kind)?;
        }
        Ok(tools)
    }

    fn compile(&self, name: &str, with: &[&str]) -> Result<(), String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
        let sources = [&[name], with].concat();
        run(Command::new("cc")
            .args(["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(self.path(name))
            .args(
                sources
                    .iter()
                    .map(|source| folder.join(format!("{source}.c"))),
            )
            .args(["-lssl", "-lcrypto"]))
    }

    /// A certificate of an authority of its own: chain, key, and both in one file.
    fn certify(&self, name: &str, kind: &[&str]) -> Result<(), String> {
        let path = |what: &str| self.path(&format!("{what}-{name}.pem"));
        let (chain, key) = (path("chain"), path("key"));
        let (authority, authority_key) = (path("authority"), path("authority-key"));
        let request = |subject: &str, key: &Path, certificate: &Path| {
            let mut command = Command::new("openssl");
            command
                .args(["req", "-x509", "-nodes", "-days", "30", "-newkey"])
                .args(kind)
                .args(["-subj", subject, "-keyout"])
                .arg(key)
                .arg("-out")
                .arg(certificate);
            command
        };
        run(&mut request("/CN=authority", &authority_key, &authority))?;
        run(request("/CN=localhost", &key, &chain)
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-CA")
            .arg(&authority)
            .arg("-CAkey")
            .arg(&authority_key))?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|err| format!("read '{}': {err}", path.display()))
        };
        let both = [read(&chain)?, read(&key)?].concat();
        std::fs::write(path("server"), both)
            .map_err(|err| format!("write '{}': {err}", path("server").display()))
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same as text, for a command line or a configuration.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// Cores that this process may use.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// Say how far it has come, where somebody watches.
pub(crate) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{text:<79}\r");
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|err| format!("run '{name}': {err}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "'{name}' failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
