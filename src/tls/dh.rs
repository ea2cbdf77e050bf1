//! Parameters of finite-field Diffie-Hellman.

use super::files;
use super::queue::Queue;
use crate::error::Error;
use crate::settings::DhParams;
use openssl::bn::BigNum;
use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::Params;

/// Larger than any parameters.
const LARGEST_FILE: u64 = 1 << 20;

/// The parameters that were chosen, if any were.
///
/// # Errors
/// A file that cannot be read, or holds none that are safe.
pub(super) fn read(chosen: &DhParams) -> Result<Option<Dh<Params>>, Error> {
    match chosen {
        DhParams::None => Ok(None),
        DhParams::BuiltIn => built_in().map(Some).map_err(|stack| {
            let why = Queue::from(stack).first();
            Error::settings(why).context("cannot make the parameters of Diffie-Hellman")
        }),
        DhParams::File(file) => {
            let tried = || format!("could not load DH parameters file \"{}\"", file.display());
            let content = files::read(file, LARGEST_FILE)
                .map_err(|why| Error::settings(why.to_string()).context(tried()))?;
            let params = Dh::params_from_pem(&content.bytes)
                .map_err(|stack| Error::settings(Queue::from(stack).first()).context(tried()))?;
            match params.check_key() {
                Ok(true) => Ok(Some(params)),
                _ => {
                    super::queue::clear();
                    let why =
                        "invalid DH parameters: p is not a safe prime, or g no generator for it";
                    Err(Error::settings(why).context(tried()))
                }
            }
        }
    }
}

/// The group of 2048 bits of RFC 3526.
fn built_in() -> Result<Dh<Params>, ErrorStack> {
    Dh::from_pqg(
        BigNum::get_rfc3526_prime_2048()?,
        None,
        BigNum::from_u32(2)?,
    )
}
