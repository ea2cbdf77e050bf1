//! Sends back what comes.

use crate::conn::{Opened, Service, Verdict};

/// Sends every byte back, and closes after the client has finished sending.
#[derive(Debug, Default)]
pub struct Echo;

impl Echo {
    /// An echo for one connection.
    pub fn new() -> Echo {
        Echo
    }
}

impl Service for Echo {
    fn open(&mut self, _opened: &Opened<'_>, _out: &mut Vec<u8>) -> Verdict {
        Verdict::Continue
    }

    fn data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Verdict {
        out.extend_from_slice(input);
        Verdict::Continue
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Verdict {
        Verdict::Finish
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_in_order_and_the_end_ends_it() {
        let mut echo = Echo::new();
        let mut out = Vec::new();
        let opened = Opened {
            id: 1,
            endpoint: "http+tcp://127.0.0.1:1",
            peer: "127.0.0.1:2",
            facts: None,
        };
        assert_eq!(echo.open(&opened, &mut out), Verdict::Continue);
        assert!(out.is_empty(), "an echo says nothing first");
        assert_eq!(echo.data(b"one ", &mut out), Verdict::Continue);
        assert_eq!(echo.data(&[0, 255, b'\n'], &mut out), Verdict::Continue);
        assert_eq!(out, b"one \x00\xff\n");
        assert_eq!(echo.end(&mut out), Verdict::Finish);
    }
}
