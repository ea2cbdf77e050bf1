//! What a server says first: its version, and what it is capable of.

/// `CLIENT_SSL`, in the second byte of the capabilities.
pub(super) const SSL: u8 = 0x08;

/// The only version of the protocol that servers still speak.
const VERSION: u8 = 10;

/// What comes between the server's version and its capabilities: the number of the connection, half of the scramble,
/// and a zero byte.
const BETWEEN: usize = 4 + 8 + 1;

/// The byte of a greeting that says whether there is TLS.
///
/// # Errors
/// What is wrong with the greeting.
pub(super) fn tls_byte(greeting: &mut [u8]) -> Result<&mut u8, String> {
    match greeting.first() {
        Some(&VERSION) => {}
        Some(other) => {
            return Err(format!(
                "version {other} of MySQL's protocol is not supported, only {VERSION} is"
            ));
        }
        None => return Err("its greeting is empty".into()),
    }
    let end = greeting.iter().position(|byte| *byte == 0);
    let byte = end.and_then(|end| greeting.get_mut(end + 1 + BETWEEN + 1));
    byte.ok_or_else(|| "its greeting is cut short".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_that_is_none_is_told_apart() {
        let short = b"\x0a8.0.36\0\x01\0\0\0scramble\0\xff";
        for (greeting, why) in [
            (&b""[..], "its greeting is empty"),
            (b"\x0a8.0.36", "its greeting is cut short"),
            (short, "its greeting is cut short"),
            (
                b"\x093.21\0",
                "version 9 of MySQL's protocol is not supported, only 10 is",
            ),
            (
                b"SSH-2.0-OpenSSH",
                "version 83 of MySQL's protocol is not supported, only 10 is",
            ),
        ] {
            assert_eq!(tls_byte(&mut greeting.to_vec()), Err(why.into()));
        }
        let mut whole = [&short[..], &[0xf7]].concat();
        assert_eq!(tls_byte(&mut whole), Ok(&mut 0xf7));
    }
}
