//! The demo from start to Ctrl-C, with curl and openssl doing what it says to type.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running demo, killed when the test ends early.
struct Demo {
    child: Child,
    /// What it printed before it served.
    said: String,
}

impl Demo {
    fn start(more: &[&str]) -> Demo {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tlsport"))
            .arg("demo")
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C stops") {
            let read = lines.read_line(&mut said).unwrap();
            assert!(
                read > 0,
                "the demo ended after:\n{said}{}",
                rest(&mut child)
            );
        }
        child.stdout = Some(lines.into_inner());
        Demo { child, said }
    }

    /// Runs the commands that the demo says to type, those that begin with `program`.
    fn type_what_it_says(&self, program: &str) -> Vec<String> {
        let said = self.said.lines().map(str::trim);
        let commands: Vec<&str> = said.filter(|line| line.starts_with(program)).collect();
        assert!(!commands.is_empty(), "{}", self.said);
        commands.into_iter().map(run_in_shell).collect()
    }

    /// Presses Ctrl-C and waits for the end.
    fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        status.code().unwrap_or(-1)
    }

    /// The CA's file.
    fn ca(&self) -> String {
        let end = self.said.find("ca.pem").unwrap() + "ca.pem".len();
        let begin = self.said[..end].rfind(' ').unwrap() + 1;
        self.said[begin..end].to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn run_in_shell(command: &str) -> String {
    let done = Command::new("sh")
        .args(["-c", &format!("{command} </dev/null")])
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{command}\n{err}{out}");
    out.into_owned()
}

#[test]
fn what_the_demo_says_to_type_works_and_ctrl_c_leaves_nothing_behind() {
    let demo = Demo::start(&[]);
    let pages = demo.type_what_it_says("curl");
    assert!(pages[0].contains("<html"), "{}", pages[0]);
    assert!(
        pages.iter().any(|page| page.contains("CN=client")),
        "the client is not on the page"
    );
    for said in demo.type_what_it_says("openssl s_client") {
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    let ca = demo.ca();
    assert!(Path::new(&ca).exists());
    assert_eq!(demo.stop(), 0);
    assert!(!Path::new(&ca).parent().unwrap().exists(), "{ca} is left");
}

#[test]
fn a_chosen_directory_is_kept_and_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("pki");
    // Not the default port, which the other test is on.
    let port = free_port().to_string();
    let start = || Demo::start(&["--dir", at.to_str().unwrap(), "--port", &port]);
    assert_eq!(start().stop(), 0);
    let server = fs::read(at.join("server.pem")).unwrap();
    assert_eq!(start().stop(), 0);
    assert_eq!(fs::read(at.join("server.pem")).unwrap(), server);
}

#[test]
fn a_port_that_is_taken_is_an_error_when_it_was_chosen() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = crate::tlsport(&["demo", "--port", &port]).refused(1);
    assert!(
        refused.contains(&port) && refused.contains("address already in use"),
        "{refused}"
    );
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let binary = env!("CARGO_BIN_EXE_tlsport");
    // A port of its own: the demo has to get as far as its first line in the log.
    let demo = format!("timeout -s INT 1 {binary} demo --port {}", free_port());
    let on_a_terminal =
        |environment: &str| run_in_shell(&format!("script -qc '{environment} {demo}' /dev/null"));
    let with = on_a_terminal("TERM=xterm");
    assert!(
        with.contains("\x1b[32mINFO\x1b[0m using endpoint"),
        "{with}"
    );
    let without = on_a_terminal("NO_COLOR=1");
    assert!(
        without.contains(" INFO using endpoint") && !without.contains('\x1b'),
        "{without}"
    );
}

fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap().port()
}
