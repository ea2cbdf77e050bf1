//! Which option a misspelt name meant.

use super::{Group, Record, TABLE};

/// The option that a misspelt name most likely meant, if there is one.
pub fn nearest(name: &str) -> Option<&'static str> {
    slip_of(name).or_else(|| same_last_part(name))
}

/// The option whose name is a slip of the pen away.
pub(crate) fn slip_of(name: &str) -> Option<&'static str> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_ascii_lowercase().replace('_', "-");
    let known = TABLE.iter().flat_map(|record| {
        let names = std::iter::once(&record.name).chain(record.aliases);
        names.map(move |known| (record.name, *known))
    });
    let (meant, slips) = known
        .map(|(meant, known)| (meant, distance(&name, known)))
        .min_by_key(|(_, slips)| *slips)?;
    (slips <= tolerance(&name)).then_some(meant)
}

/// No name is half as long, and comparing takes the product of both lengths.
const LONGEST: usize = 100;

/// The one of some words that is nearest to a misspelt one, when it is near enough to be meant.
pub(crate) fn nearest_word<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let (near, distance) = known
        .map(|known| (known, distance(word, known)))
        .min_by_key(|(_, distance)| *distance)?;
    (distance <= tolerance(word)).then_some(near)
}

/// One slip in four letters, three at most.
fn tolerance(name: &str) -> usize {
    (name.len() / 4).min(3)
}

/// The one option that is called the same in another section, or in none. One of TLS to the backend is meant where there
/// is no other.
fn same_last_part(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next();
    let same = TABLE
        .iter()
        .filter(|record| record.name.rsplit('.').next() == last);
    let (to_backend, mut others): (Vec<&Record>, Vec<&Record>) =
        same.partition(|record| record.group == Group::Backend);
    if others.is_empty() {
        others = to_backend;
    }
    let mut same = others.into_iter();
    match (same.next(), same.next()) {
        (Some(record), None) => Some(record.name),
        _ => None,
    }
}

/// How many letters have to be put in, left out, changed or swapped with a neighbour to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut cost = (last[j - 1] + changed).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before_last[j - 2] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_option_that_was_meant() {
        for (written, meant) in [
            ("ssl.kefyile", "ssl.keyfile"),
            ("ssl.cipher_list", "ssl.cipher-list"),
            ("ssl.cafile-mod", "ssl.cafile-mode"),
            ("SSL.Protocol", "ssl.protocol"),
            ("server.endpiont", "server.endpoint"),
            ("thread", "threads"),
            ("keyfile", "ssl.keyfile"),
            ("sslmode", "backend.sslmode"),
            ("postgresql.sslmode", "backend.sslmode"),
            ("backend.cafil", "backend.cafile"),
            ("tls.min-protocol", "ssl.min-protocol"),
            ("server.kefile", "ssl.keyfile"),
            ("tmeout.idle", "timeout.idle"),
        ] {
            assert_eq!(nearest(written), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_name_that_is_like_no_other_is_left_alone() {
        let long = "ssl.keyfile".repeat(10_000) + "s";
        for written in [
            "",
            ".",
            "database.directory",
            "rocksdb.block-size",
            "x",
            &long,
        ] {
            assert_eq!(nearest(written), None, "{written:.20}");
        }
    }

    #[test]
    fn a_word_of_any_length_is_compared_in_no_time() {
        let long = "NO_TICKET".repeat(1_000_000);
        assert_eq!(nearest_word(&long, ["NO_TICKET"].into_iter()), None);
        assert_eq!(
            nearest_word("NO_TICKTE", ["NO_TICKET"].into_iter()),
            Some("NO_TICKET")
        );
    }
}
