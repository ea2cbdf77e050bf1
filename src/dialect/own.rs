//! Options of tlsport's own in another system's file: behind `tlsport.`, by their name or by the one word that such a
//! file can hold, `tlsport.ssl_session_tickets` for `ssl.session-tickets`.

use crate::settings::{Record, TABLE, find, nearest_word, quoted};

/// What the names of own options begin with.
pub(super) const PREFIX: &str = "tlsport.";

/// The option that a name with its prefix stands for. Whether the name is one word comes with it.
pub(super) fn option(written: &str) -> Result<(&'static Record, bool), String> {
    let name = written.strip_prefix(PREFIX).unwrap_or(written);
    let plain_name = plain(name);
    let record =
        names_of_ours().find_map(|(known, record)| (plain(known) == plain_name).then_some(record));
    if let Some(record) = record.or_else(|| find(name)) {
        return Ok((record, plain_name == name));
    }
    let hint = nearest(name).map(|near| format!(": did you mean '{PREFIX}{near}'?"));
    let hint = hint.unwrap_or_default();
    Err(format!("unknown option {}{hint}", quoted(written)))
}

/// A name as one word.
pub(super) fn plain(name: &str) -> String {
    name.replace(['.', '-'], "_")
}

/// The option that a misspelt name meant.
fn nearest(name: &str) -> Option<String> {
    let all: Vec<String> = names_of_ours().map(|(known, _)| plain(known)).collect();
    let near = nearest_word(&plain(name), all.iter().map(String::as_str));
    near.map(str::to_owned)
}

fn names_of_ours() -> impl Iterator<Item = (&'static str, &'static Record)> {
    TABLE.iter().flat_map(|record| {
        let names = std::iter::once(&record.name).chain(record.aliases);
        names.map(move |name| (*name, record))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_of_ours_is_one_word_and_another_than_the_others() {
        let mut names: Vec<String> = names_of_ours().map(|(name, _)| plain(name)).collect();
        let in_order = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(names.iter().all(|name| name.chars().all(in_order)));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "two options have one name");
    }

    #[test]
    fn an_option_is_found_by_its_word_and_by_its_name() {
        let tickets = find("ssl.session-tickets").expect("an option");
        let backend = find("backend").expect("an option");
        assert_eq!(option("tlsport.ssl_session_tickets"), Ok((tickets, true)));
        assert_eq!(option("tlsport.ssl.session-tickets"), Ok((tickets, false)));
        assert_eq!(option("tlsport.backend"), Ok((backend, true)));
    }

    #[test]
    fn what_is_none_is_told_with_the_nearest() {
        for (written, why) in [
            (
                "tlsport.ssl_kefyile",
                "unknown option 'tlsport.ssl_kefyile': did you mean 'tlsport.ssl_keyfile'?",
            ),
            ("tlsport.ssl_horse", "unknown option 'tlsport.ssl_horse'"),
        ] {
            assert_eq!(option(written), Err(why.to_owned()));
        }
    }
}
