//! What a poll's token stands for. A connection's carries a generation, so that an event of one that is gone is not
//! taken for one of its successor in the same place.

use mio::Token;

/// Which of a connection's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Wire,
    Plain,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Somebody has a command.
    Waker,
    /// A listener, by its number.
    Door(u32),
    /// A connection's socket: its number, its generation below [`GENERATIONS`], and the side.
    Conn(u32, u32, Side),
}

/// Generations of connections; the one after them is the listeners'.
pub(super) const GENERATIONS: u32 = (1 << 31) - 1;

const WAKER: Token = Token(usize::MAX);

impl From<Target> for Token {
    fn from(target: Target) -> Token {
        let (number, generation, side) = match target {
            Target::Waker => return WAKER,
            Target::Door(number) => (number, GENERATIONS, Side::Wire),
            Target::Conn(number, generation, side) => (number, generation, side),
        };
        let side = usize::from(side == Side::Plain);
        Token((generation as usize) << 33 | (number as usize) << 1 | side)
    }
}

impl From<Token> for Target {
    fn from(token: Token) -> Target {
        if token == WAKER {
            return Target::Waker;
        }
        let number = (token.0 >> 1 & 0xffff_ffff) as u32;
        let side = if token.0 & 1 == 1 {
            Side::Plain
        } else {
            Side::Wire
        };
        match (token.0 >> 33) as u32 {
            GENERATIONS => Target::Door(number),
            generation => Target::Conn(number, generation, side),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stand_for_what_they_were_made_of() {
        for number in [0, 1, 77, u32::MAX] {
            for generation in [0, 1, GENERATIONS - 1] {
                for side in [Side::Wire, Side::Plain] {
                    let target = Target::Conn(number, generation, side);
                    assert_eq!(Target::from(Token::from(target)), target);
                }
            }
            assert_eq!(
                Target::from(Token::from(Target::Door(number))),
                Target::Door(number)
            );
        }
        assert_eq!(Target::from(Token::from(Target::Waker)), Target::Waker);
    }
}
