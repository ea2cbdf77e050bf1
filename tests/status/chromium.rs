//! A headless Chromium, driven by its debugging protocol over two pipes: messages are JSON, each ends in a zero byte.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What Debian and others call it.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one tab.
pub(crate) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    /// Events since the last page was opened.
    events: Vec<Value>,
    _profile: TempDir,
}

/// A window, and what its user prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) scheme: &'static str,
}

impl Chromium {
    /// Starts one that trusts a chain with this key (SHA-256 of its SubjectPublicKeyInfo, in base64), on top of what
    /// it trusts by itself. `None`, said aloud, when there is no Chromium here.
    pub(crate) fn start(trusted: &str) -> Option<Chromium> {
        let Some(program) = PROGRAMS.into_iter().find(|program| is_there(program)) else {
            println!("skipped: none of {} is installed", PROGRAMS.join(", "));
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = command(program, &profile, trusted).spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let from = listen(child.stdout.take().unwrap());
        let mut browser = Chromium {
            child,
            to,
            from,
            calls: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        browser.open_tab();
        Some(browser)
    }

    fn open_tab(&mut self) {
        let tab = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let tab = json!({"targetId": tab["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", tab);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Log", "Runtime", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Sets the size of the window and the preferred colours.
    pub(crate) fn set_window(&mut self, window: Window) {
        let size = json!({
            "width": window.width,
            "height": window.height,
            "deviceScaleFactor": 1,
            "mobile": window.width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"name": "prefers-color-scheme", "value": window.scheme});
        self.call("Emulation.setEmulatedMedia", json!({"features": [scheme]}));
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// The browser's name of what was wrong, such as `net::ERR_CERT_AUTHORITY_INVALID`.
    pub(crate) fn open(&mut self, url: &str) -> Result<(), String> {
        self.events.clear();
        let opened = self.call("Page.navigate", json!({"url": url}));
        if let Some(error) = opened["errorText"].as_str() {
            return Err(error.to_owned());
        }
        while self.events_of("Page.loadEventFired").next().is_none() {
            let message = self.receive();
            self.events.push(message);
        }
        Ok(())
    }

    /// What an expression in JavaScript comes to on the page. It is not bound by the page's own policy.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let mut result = self.call("Runtime.evaluate", params);
        assert!(result.get("exceptionDetails").is_none(), "{result}");
        result["result"]["value"].take()
    }

    /// The whole page as a PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let shot = self.call("Page.captureScreenshot", params);
        openssl::base64::decode_block(shot["data"].as_str().unwrap()).unwrap()
    }

    /// The URLs that were fetched for the page, without those that are part of it.
    pub(crate) fn fetched(&self) -> Vec<String> {
        self.events_of("Network.requestWillBeSent")
            .filter_map(|event| event["request"]["url"].as_str())
            .filter(|url| !url.starts_with("data:"))
            .map(str::to_owned)
            .collect()
    }

    /// All that the browser complained of: its console, exceptions, policies, failed requests.
    pub(crate) fn complaints(&self) -> Vec<&Value> {
        [
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Network.loadingFailed",
        ]
        .into_iter()
        .flat_map(|method| self.events_of(method))
        .collect()
    }

    fn events_of(&self, method: &str) -> impl Iterator<Item = &Value> {
        self.events
            .iter()
            .filter(move |event| event["method"] == method)
            .map(|event| &event["params"])
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.to, "{message}\0").unwrap();
        self.to.flush().unwrap();
        loop {
            let mut message = self.receive();
            if message["id"] == self.calls {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn receive(&mut self) -> Value {
        self.from
            .recv_timeout(PATIENCE)
            .expect("the browser did not answer in time, or ended")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It closes its children with it; killed, it would leave them and its profile behind.
        let _ = write!(self.to, "{{\"id\":0,\"method\":\"Browser.close\"}}\0");
        while self.from.recv_timeout(Duration::from_secs(10)).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The browser reads its orders from descriptor 3 and answers on 4; a shell moves the pipes there.
fn command(program: &str, profile: &TempDir, trusted: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            "sh",
        ])
        .arg(program)
        .args([
            "--headless",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--ignore-certificate-errors-spki-list={trusted}"))
        .env("HOME", profile.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Reads messages on a thread of its own, so that waiting for one can have an end.
fn listen(pipe: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(pipe).split(0) {
            let message = message.unwrap_or_default();
            let Ok(message) = serde_json::from_slice(&message) else {
                break;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}
