//! The C programs, built once, and the certificates that all subjects present.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::subject::Key;

/// Core of the server, and of the load generator with the backend.
pub(crate) const SERVER_CPU: &str = "0";
pub(crate) const LOAD_CPU: &str = "1";

/// A folder of our own under the target folder, with the programs in it.
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Build what is needed.
    pub(crate) fn build() -> Result<Self, String> {
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            return Err("two cores are needed: one for the server, one for the load".into());
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("daemon");
        std::fs::create_dir_all(&folder)
            .map_err(|err| format!("make '{}': {err}", folder.display()))?;
        let tools = Tools { folder };
        for name in ["yardstick", "relay", "load"] {
            tools.compile(name)?;
        }
        for key in Key::ALL {
            tools.certify(key)?;
        }
        Ok(tools)
    }

    fn compile(&self, name: &str) -> Result<(), String> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
        run(Command::new("cc")
            .args(["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(self.path(name))
            .args([sources.join(format!("{name}.c")), sources.join("wire.c")])
            .args(["-lssl", "-lcrypto"]))
    }

    /// A self-signed certificate: chain, key, and both in one file.
    fn certify(&self, kind: Key) -> Result<(), String> {
        let path = |what: &str| self.path(&format!("{what}-{}.pem", kind.name()));
        let (chain, key) = (path("chain"), path("key"));
        run(Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "30", "-newkey"])
            .args(kind.arguments())
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&chain))?;
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
