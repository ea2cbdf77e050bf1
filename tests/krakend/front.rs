//! The daemon by a `krakend.json`.

use crate::support::pki::Key;
use crate::support::{Launch, Pki};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Where tests listen: the file can only name a port that may be taken.
const ENDPOINT: &str = "gateway://127.0.0.1:0";

/// An object with the members of another one besides its own.
pub(crate) fn with(mut object: Value, more: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    object
}

/// The two keys of a pair: the certificate in one file, its key in another, as the gateway has them.
pub(crate) fn pair(pki: &Pki, name: &str, kind: Key) -> Value {
    split(pki, &pki.issue_server("both.pem", name, kind))
}

/// The same of a keyfile that is there.
pub(crate) fn split(pki: &Pki, keyfile: &str) -> Value {
    let text = fs::read_to_string(keyfile).unwrap();
    let (chain, key) = text.split_at(text.find("-----BEGIN PRIVATE").unwrap());
    let number = fs::read_dir(pki.directory()).unwrap().count();
    let chain = pki.write(&format!("cert-{number}.pem"), chain);
    let key = pki.write(&format!("key-{number}.pem"), key);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    json!({ "public_key": chain, "private_key": key })
}

/// A file with these members, for a launch that listens nowhere yet.
pub(crate) fn file(pki: &Pki, members: &Value) -> Launch {
    let text = with(json!({ "version": 3 }), members).to_string();
    Launch::new().config(&pki.write("krakend.json", text), 0)
}

/// A front whose `tls` has a pair for localhost, and these members.
pub(crate) fn tls(pki: &Pki, more: &Value) -> Launch {
    let pair = pair(pki, "localhost", Key::Ecdsa);
    edge(pki, &json!({ "tls": with(pair, more) }))
}

/// A front by a file with these members.
pub(crate) fn edge(pki: &Pki, members: &Value) -> Launch {
    file(pki, members).endpoint(ENDPOINT)
}
