//! Choosing a protocol by ALPN: the server's order decides.

/// The first of `ours` that the client offers, as it stands in the client's list (each name after its length).
/// `None` when there is none, or when the list is malformed before it.
pub(super) fn choose<'a>(ours: &[String], offered: &'a [u8]) -> Option<&'a [u8]> {
    ours.iter()
        .find_map(|name| names(offered).find(|offer| *offer == name.as_bytes()))
}

/// The names in a list, up to where it is malformed.
pub(super) fn names(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = list.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        list = rest;
        Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Vec<String> {
        vec!["h2".into(), "http/1.1".into()]
    }

    #[test]
    fn the_order_of_the_server_wins() {
        assert_eq!(choose(&ours(), b"\x08http/1.1\x02h2"), Some(&b"h2"[..]));
    }

    #[test]
    fn nothing_in_common_is_nothing_chosen() {
        assert_eq!(choose(&ours(), b"\x03foo"), None);
        assert_eq!(choose(&[], b"\x02h2"), None);
    }

    #[test]
    fn a_malformed_list_chooses_nothing_beyond_its_fault() {
        assert_eq!(choose(&ours(), b"\x09h2"), None);
        assert_eq!(choose(&ours(), b""), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_chosen_is_ours_and_was_offered(offered: Vec<u8>) {
            if let Some(chosen) = choose(&ours(), &offered) {
                proptest::prop_assert!(ours().iter().any(|name| name.as_bytes() == chosen));
                proptest::prop_assert!(offered.windows(chosen.len()).any(|part| part == chosen));
            }
        }
    }
}
