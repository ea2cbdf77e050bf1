//! A process that is measured, or that helps: started on a core, watched, killed with all its children.

use std::fs::File;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tools::Tools;

/// A child with its own children, on one core, its output in a file.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Run `words` on the cores `cpu`, with as many open files as are allowed.
    pub(crate) fn start(
        tools: &Tools,
        name: &str,
        cpu: &str,
        words: &[String],
    ) -> Result<Self, String> {
        let log = tools.path(&format!("run/{name}.log"));
        let file = File::create(&log).map_err(|err| format!("make '{}': {err}", log.display()))?;
        let errors = file
            .try_clone()
            .map_err(|err| format!("make '{}': {err}", log.display()))?;
        let child = Command::new("sh")
            .args([
                "-c",
                "ulimit -n $(ulimit -Hn); exec taskset -c \"$@\"",
                "sh",
                cpu,
            ])
            .args(words)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|err| format!("start '{name}': {err}"))?;
        Ok(Process {
            child,
            name: name.to_owned(),
            log,
        })
    }

    /// Wait until it listens: on a port of 127.0.0.1, or on the Unix socket at a path.
    pub(crate) fn wait_for(&mut self, address: &str) -> Result<(), String> {
        let start = Instant::now();
        let listens = || match address.starts_with('/') {
            true => UnixStream::connect(address).is_ok(),
            false => TcpStream::connect(format!("127.0.0.1:{address}")).is_ok(),
        };
        while !listens() {
            let why = if matches!(self.child.try_wait(), Ok(Some(_))) {
                "ended at once"
            } else if start.elapsed() > Duration::from_secs(10) {
                "does not listen after 10 s"
            } else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            return Err(format!("{}: {why}\n{}", self.name, self.last_words()));
        }
        Ok(())
    }

    /// The end of what it printed.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// The process and all that descend from it.
    pub(crate) fn tree(&self) -> Vec<u32> {
        let parents = parents();
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while next < tree.len() {
            let parent = tree[next];
            tree.extend(
                parents
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        tree
    }
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // pid (name) state parent: the name may hold anything, so count from its end.
            let parent = stat
                .rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            Some((pid, parent))
        })
        .collect()
}

impl Drop for Process {
    fn drop(&mut self) {
        let pids: Vec<String> = self.tree().iter().map(u32::to_string).collect();
        let _ = Command::new("kill")
            .arg("-KILL")
            .args(pids)
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}
