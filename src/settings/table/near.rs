//! Which option a misspelt name meant.

use super::TABLE;

/// The known name nearest to a misspelt one, when there is one near enough to be meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let (near, distance) = TABLE
        .iter()
        .flat_map(|record| {
            let names = std::iter::once(&record.name).chain(record.aliases);
            names.map(move |known| (record.name, *known))
        })
        .map(|(meant, known)| (meant, distance(&name, known)))
        .min_by_key(|(_, distance)| *distance)?;
    if distance <= tolerance(&name) {
        return Some(near);
    }
    same_last_part(&name)
}

/// One slip in four letters, three at most.
fn tolerance(name: &str) -> usize {
    (name.len() / 4).min(3)
}

/// The one option that is called the same in another section, or in none.
fn same_last_part(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let mut same = TABLE
        .iter()
        .filter(|record| last(record.name) == last(name));
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
            ("tls.min-protocol", "ssl.min-protocol"),
            ("server.kefile", "ssl.keyfile"),
            ("tmeout.idle", "timeout.idle"),
        ] {
            assert_eq!(nearest(written), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_name_that_is_like_no_other_is_left_alone() {
        for written in ["", ".", "database.directory", "rocksdb.block-size", "x"] {
            assert_eq!(nearest(written), None, "{written}");
        }
    }
}
