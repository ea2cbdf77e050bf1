//! Whether a certificate or a revocation list is in its time, and what somebody should hear about it.

use crate::settings::Note;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::x509::X509Ref;

/// Where now lies in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    /// Its time has not come; when it does.
    NotYet(String),
    /// It has so many whole days left, until then.
    Valid(i64, String),
    /// Its time is over since then, so many days ago.
    Over(i64, String),
}

impl Validity {
    /// So few days left are worth a word.
    pub(super) const SOON: i64 = 14;

    /// Days until the end; negative when it has passed.
    pub(super) fn days_left(&self) -> i64 {
        match self {
            Validity::NotYet(_) => i64::MAX,
            Validity::Valid(days, _) => *days,
            Validity::Over(days, _) => -days,
        }
    }

    /// What to say of it, if anything.
    pub(super) fn note(&self, what: &str, soon: i64) -> Option<Note> {
        match self {
            Validity::NotYet(when) => {
                Some(Note::warn(format!("{what} is not valid before {when}")))
            }
            Validity::Over(_, when) => Some(Note::warn(format!("{what} has expired on {when}"))),
            Validity::Valid(days, when) if *days < soon => {
                Some(Note::warn(format!("{what} expires on {when}")))
            }
            Validity::Valid(..) => None,
        }
    }
}

/// Of a certificate.
pub(super) fn of(certificate: &X509Ref) -> Validity {
    let starts = certificate.not_before();
    match now() {
        Some(now) if starts > now.as_ref() => Validity::NotYet(starts.to_string()),
        _ => until(certificate.not_after()),
    }
}

/// Of something that ends.
pub(super) fn until(end: &Asn1TimeRef) -> Validity {
    let when = end.to_string();
    let Some(difference) = now().and_then(|now| now.diff(end).ok()) else {
        return Validity::Over(0, when); // a time that cannot be read is none to rely on
    };
    let (days, seconds) = (i64::from(difference.days), difference.secs);
    if days > 0 || days == 0 && seconds > 0 {
        Validity::Valid(days, when)
    } else {
        Validity::Over(-days, when)
    }
}

fn now() -> Option<Asn1Time> {
    Asn1Time::days_from_now(0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Asn1Time {
        Asn1Time::from_unix(crate::tls::sys::now() + seconds).unwrap()
    }

    #[test]
    fn days_left_are_whole_and_negative_when_over() {
        let day = 24 * 3600;
        assert_eq!(until(&at(2 * day + 60)).days_left(), 2);
        assert_eq!(until(&at(60)).days_left(), 0);
        assert!(matches!(until(&at(-60)), Validity::Over(0, _)));
        assert_eq!(until(&at(-3 * day - 60)).days_left(), -3);
    }

    #[test]
    fn only_what_is_over_or_ends_soon_is_worth_a_word() {
        let day = 24 * 3600;
        assert_eq!(until(&at(30 * day)).note("it", 14), None);
        let soon = until(&at(2 * day)).note("it", 14).unwrap();
        assert!(soon.text.starts_with("it expires on "), "{}", soon.text);
        let over = until(&at(-60)).note("it", 14).unwrap();
        assert!(over.text.starts_with("it has expired on "), "{}", over.text);
    }
}
