//! Server names with keyfiles and options of their own: `NAME=FILE[,OPTION=VALUE]...`.

use super::own::{Own, option};
use super::value::quoted;
use super::{Origin, Policy, Record, ServerName, Setting, Settings};
use std::path::PathBuf;

/// What stands in the place of a name for clients that send none: PostgreSQL's word. No server is called so.
pub const NO_NAME: &str = "/no_sni/";

/// Takes one value of `ssl.server-name-indication`; a name that is there already gets another keyfile.
pub(super) fn add(settings: &mut Settings, text: &str, origin: &Origin) -> Result<(), String> {
    let added = parse(text)?;
    let known = settings
        .names
        .iter_mut()
        .find(|known| known.value.name == added.name);
    match known {
        Some(known) => merge(&mut known.value, added),
        None => {
            settings.names.push(Setting::new(added, origin.clone()));
            Ok(())
        }
    }
}

fn merge(known: &mut ServerName, added: ServerName) -> Result<(), String> {
    for file in added.key_files {
        if known.key_files.contains(&file) {
            let file = file.display();
            return Err(format!("'{file}' is given twice for '{}'", known.name));
        }
        known.key_files.push(file);
    }
    for (record, value) in added.overrides {
        let before = known.overrides.iter().find(|(other, _)| *other == record);
        match before {
            Some((_, other)) if *other == value => {}
            Some(_) => return Err(twice(record, &known.name)),
            None => known.overrides.push((record, value)),
        }
    }
    Ok(())
}

fn twice(record: &Record, name: &str) -> String {
    format!("'{}' is given twice for '{name}'", record.name)
}

fn parse(text: &str) -> Result<ServerName, String> {
    let (name, rest) = text
        .split_once('=')
        .ok_or_else(|| format!("{} is not NAME=FILE", quoted(text)))?;
    let name = server_name(name.trim())?;
    let (file, parts) = Own::cut(rest);
    let file = file.trim();
    if file.is_empty() || file.contains('\0') {
        return Err(format!("a keyfile is missing for '{name}'"));
    }
    let mut parsed = ServerName {
        name,
        key_files: vec![PathBuf::from(file)],
        overrides: Vec::new(),
    };
    for part in parts {
        let (record, value) = option(part)?;
        if !record.per_name {
            return Err(format!(
                "'{}' cannot be set for one server name",
                record.name
            ));
        }
        if parsed.overrides.iter().any(|(other, _)| *other == record) {
            return Err(twice(record, &parsed.name));
        }
        parsed.overrides.push((record, value));
    }
    Ok(parsed)
}

/// A name as clients send it: lower case, no address, no wildcard. [`NO_NAME`] is one too.
pub(crate) fn server_name(text: &str) -> Result<String, String> {
    let in_order = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let shown = quoted(text);
    if text == NO_NAME {
        return Ok(text.to_owned());
    }
    if text.contains('*') {
        return Err(format!(
            "{shown} cannot be matched: server names are exact (a wildcard may stand in the certificate)"
        ));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!("{shown} is an address, which no client sends"));
    }
    let long = text.len() > 253;
    let gap = text.split('.').any(str::is_empty);
    if long || gap || !text.chars().all(in_order) {
        return Err(format!("{shown} is not a server name"));
    }
    Ok(text.to_ascii_lowercase())
}

/// As it can be read again: a value a keyfile, the options behind the first.
pub(super) fn write(name: &Setting<ServerName>) -> Vec<(String, Origin)> {
    let ServerName {
        name: host,
        key_files,
        overrides,
    } = &name.value;
    let mut values: Vec<String> = key_files
        .iter()
        .map(|file| format!("{host}={}", file.display()))
        .collect();
    if let Some(first) = values.first_mut() {
        for (record, value) in overrides {
            first.push_str(&format!(",{}={value}", record.name));
        }
    }
    let origin = |value| (value, name.origin.clone());
    values.into_iter().map(origin).collect()
}

impl Settings {
    /// The policy of one server name: the general one with the name's keyfiles and options in its place.
    pub fn policy_of(&self, name: &Setting<ServerName>) -> Policy {
        let mut own = Settings {
            policy: self.policy.clone(),
            ..Settings::default()
        };
        own.policy.key_files = name
            .value
            .key_files
            .iter()
            .map(|file| Setting::new(file.clone(), name.origin.clone()))
            .collect();
        // Whether keys stand alone is said of each name.
        own.policy.cert_files.clear();
        for (record, _) in &name.value.overrides {
            (record.clear)(&mut own);
        }
        for (record, value) in &name.value.overrides {
            let set = (record.set)(&mut own, value, &name.origin);
            debug_assert_eq!(set, Ok(()), "overrides were tried when they were read");
        }
        own.policy
    }
}
