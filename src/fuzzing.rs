//! What fuzz targets drive that nobody else can reach. Only there for them: see `fuzz/`.

use crate::preface::postgresql::{Gate, PostgreSql};
use crate::preface::{Decision, Guest, Manticore, Preface, Shown, Then};
use std::sync::Arc;

/// Plays a client of PostgreSQL's protocol, `piece` bytes at a time, and checks what has to hold whatever it says.
///
/// # Panics
/// If it does not.
pub fn postgresql(piece: usize, tls: bool, before: &[u8], inside: &[u8]) {
    let gate = Gate { tls, hba: None };
    play(&mut PostgreSql::new(Arc::new(gate)), piece, before, inside);
}

/// The same with a client of Manticore Search's ports.
///
/// # Panics
/// As [`postgresql`].
pub fn manticore(piece: usize, tls: bool, https: bool, before: &[u8], inside: &[u8]) {
    play(&mut Manticore::new(tls, https), piece, before, inside);
}

fn play(machine: &mut dyn Preface, piece: usize, before: &[u8], inside: &[u8]) {
    let mut guest = Guest {
        address: Some([192, 0, 2, 7].into()),
        shown: None,
    };
    let (mut seen, mut rest) = (Vec::new(), before);
    loop {
        let decision = machine.look(&seen, &guest);
        let _ = machine.remark();
        match decision {
            Decision::More if rest.is_empty() => {
                return machine.ended(&seen);
            }
            Decision::More => {
                let room = machine.longest() - seen.len();
                assert!(room > 0, "it wants more than it said");
                let (next, behind) = rest.split_at(rest.len().min(piece).min(room));
                seen.extend_from_slice(next);
                rest = behind;
            }
            Decision::Pass => return,
            Decision::Tls => {
                assert!(guest.shown.is_none(), "TLS inside TLS");
                guest.shown = Some(Shown::default());
                (seen, rest) = (Vec::new(), inside);
            }
            Decision::Answer(answer) => {
                assert!(answer.taken <= seen.len() && answer.say.len() < 64 * 1024);
                seen.drain(..answer.taken);
                match answer.then {
                    Then::GoOn => assert!(answer.taken > 0, "it would never end"),
                    Then::End => return,
                    Then::Tls => {
                        assert!(guest.shown.is_none(), "TLS inside TLS");
                        guest.shown = Some(Shown::default());
                        (seen, rest) = (Vec::new(), inside);
                    }
                }
            }
        }
    }
}
