//! What must hold between settings. Every complaint names the origins involved.

use super::{Note, Settings};
use crate::error::Error;

/// Complaints and remarks about a whole set of settings.
pub fn check(settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    check_but(settings, &[])
}

/// The same, without asking for options that were given but could not be read.
pub(super) fn check_but(settings: &Settings, unread: &[&str]) -> (Vec<Error>, Vec<Note>) {
    let mut problems = Vec::new();
    if settings.endpoints.is_empty() && !unread.contains(&"server.endpoint") {
        problems.push(Error::settings(
            "no endpoints have been specified, giving up, please use the '--server.endpoint' option",
        ));
    }
    (problems, Vec::new())
}
