//! What must hold between settings. Every complaint names the origins involved.

use super::{Note, Settings};
use crate::error::Error;

/// Complaints and remarks about a whole set of settings.
pub fn check(_settings: &Settings) -> (Vec<Error>, Vec<Note>) {
    (Vec::new(), Vec::new())
}
