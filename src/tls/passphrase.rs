//! The passphrase of an encrypted key: from a command, or from whoever sits at the terminal.

use super::sys;
use crate::error::{Error, reason};
use crate::settings::{Passphrase, Policy};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// PostgreSQL's, which is libcrypto's.
const PROMPT: &str = "Enter PEM pass phrase:";

/// As much as libcrypto takes (`PEM_BUFSIZE`).
const LONGEST: usize = 1024;

/// How long a command may take: nobody else is served by the thread that waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// When a policy's files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// At the start, where somebody may sit at the terminal.
    Start,
    /// While a server is running.
    Reload,
}

/// Where the passphrase of a key may come from.
pub(super) enum Asked<'a> {
    /// A command prints it.
    Command(&'a str),
    /// libcrypto asks at the terminal.
    Terminal,
    /// Nobody is asked.
    Nobody,
}

impl<'a> Asked<'a> {
    /// Who is asked for that of `file`.
    ///
    /// # Errors
    /// It could be had at the start alone.
    pub(super) fn of(
        policy: &'a Policy,
        occasion: Occasion,
        file: &Path,
    ) -> Result<Asked<'a>, Error> {
        let command = policy.passphrase_command.value.as_deref();
        let starts = occasion == Occasion::Start;
        match (command, policy.passphrase.value) {
            (Some(command), _) if starts || policy.passphrase_reload.value => {
                Ok(Asked::Command(command))
            }
            (None, Passphrase::Prompt) if starts => Ok(Asked::Terminal),
            (None, Passphrase::Refuse) => Ok(Asked::Nobody),
            _ => Err(Error::settings(format!(
                "private key file \"{}\" cannot be reloaded because it requires a passphrase",
                file.display()
            ))),
        }
    }
}

/// A passphrase, wiped when it is dropped.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        sys::cleanse(&mut self.0);
    }
}

/// The first line that `command` prints. In it, `%p` stands for the prompt and `%%` for a percent sign.
///
/// # Errors
/// That it could not be run, failed, or took too long. Nothing that it printed is told.
pub(super) fn from_command(command: &str) -> Result<Secret, Error> {
    let failed = |why: String| {
        // Not the command: some have the passphrase in it.
        Error::settings(format!(
            "cannot get a passphrase by the command for it: {why}"
        ))
    };
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(expanded(command))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(reason(&error)))?;
    let until = Instant::now() + PATIENCE;
    let line = first_line(&mut child, until);
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                break Err(format!("it did not end within {PATIENCE:?}"));
            }
            Err(error) => break Err(reason(&error)),
        }
    };
    let status = ended.map_err(failed)?;
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    match line {
        Some(line) if line.bytes().len() <= LONGEST => Ok(line),
        Some(_) => Err(failed(format!(
            "it printed a line of more than {LONGEST} bytes"
        ))),
        None => Err(failed("what it printed could not be read".into())),
    }
}

/// What the child prints up to the end of the line. Read aside, as it may print nothing and not end.
fn first_line(child: &mut Child, until: Instant) -> Option<Secret> {
    let mut output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut line, mut byte) = (Secret(Vec::with_capacity(LONGEST + 1)), [0]);
        let result = loop {
            match output.read(&mut byte) {
                Ok(1) if byte[0] != b'\n' && line.0.len() <= LONGEST => line.0.push(byte[0]),
                Ok(_) => break Some(line),
                Err(_) => break None,
            }
        };
        byte = [0];
        let _ = (byte, sender.send(result)); // nobody waits any more
        let _ = std::io::copy(&mut output, &mut std::io::sink()); // it is not to die of a closed pipe
    });
    let mut line = receiver
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .ok()??;
    while line.0.last() == Some(&b'\r') {
        line.0.pop();
    }
    Some(line)
}

fn expanded(command: &str) -> String {
    let (mut text, mut rest) = (String::new(), command.chars());
    while let Some(letter) = rest.next() {
        match letter {
            '%' => match rest.next() {
                Some('p') => text.push_str(PROMPT),
                Some('%') => text.push('%'),
                Some(other) => text.extend(['%', other]),
                None => text.push('%'),
            },
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &str) -> Vec<u8> {
        from_command(command)
            .expect("a passphrase")
            .bytes()
            .to_vec()
    }

    #[test]
    fn the_first_line_counts_without_its_end() {
        assert_eq!(line("printf 'secret1\\r\\nmore\\n'"), b"secret1");
        assert_eq!(line("printf secret1"), b"secret1");
        assert_eq!(line("true"), b"");
        assert_eq!(line("yes secret1 | head -n 100000"), b"secret1");
    }

    #[test]
    fn the_prompt_stands_where_it_is_asked_for() {
        assert_eq!(
            line("echo '%p 100%% %x %'"),
            b"Enter PEM pass phrase: 100% %x %"
        );
    }

    #[test]
    fn a_command_that_fails_says_so_and_not_what_it_printed() {
        let said = |command| from_command(command).err().expect("failed").to_string();
        assert_eq!(
            said("echo secret1; exit 3"),
            "cannot get a passphrase by the command for it: it ended with exit status: 3"
        );
        let long = said("head -c 2000 /dev/zero | tr '\\0' x");
        assert!(
            long.ends_with("it printed a line of more than 1024 bytes"),
            "{long}"
        );
    }
}
