//! What fuzz targets drive that nobody else can reach. Only there for them, see `fuzz/`, and for tests that know better
//! what to say.

use crate::preface::mysql::{Mediator, Next, Rules, ServerTls};
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

/// Reads a ClientHello from bytes that are none, or one that ends early.
pub fn client_hello(records: &[u8]) {
    crate::tls::read_hello(records);
}

/// Reads an answer to a request of HTTP, `piece` bytes at a time: to the same end as at once.
///
/// # Panics
/// If it is not.
pub fn http_answer(piece: usize, bytes: &[u8]) {
    let in_pieces = crate::client::read_answer(bytes, piece);
    let whole = crate::client::read_answer(bytes, bytes.len());
    assert_eq!(in_pieces.is_some(), whole.is_some());
    if let (Some(in_pieces), Some(whole)) = (in_pieces, whole) {
        assert!(in_pieces.head == whole.head && in_pieces.body == whole.body);
    }
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

/// Mediates between a client and a server of MySQL's protocol who say anything at all, in turns of any length, and
/// checks what has to hold whatever they say: TLS only where it is asked for, and once; nothing lost, made up or held
/// without bounds; nobody let in without TLS who has to have it.
///
/// # Panics
/// If it does not.
pub fn mysql(rules: u8, turns: &[(bool, &[u8])]) {
    let rules = Rules {
        offers_tls: rules & 1 != 0,
        requires_tls: rules & 2 != 0,
        server_tls: [ServerTls::No, ServerTls::Prefer, ServerTls::Require]
            [usize::from(rules >> 2) % 3],
    };
    let mut mediator = Mediator::new(rules);
    let (mut from_client, mut from_server) = (0, 0);
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    let (mut client_tls, mut server_tls) = (false, false);
    for (client, said) in turns {
        let room = match client {
            true => mediator.room_for_client(),
            false => mediator.room_for_server(),
        };
        assert!(room < 256 * 1024, "it would hold that much");
        let said = &said[..said.len().min(room)];
        if *client {
            mediator.hear_client(said);
            from_client += said.len();
        } else {
            mediator.hear_server(said);
            from_server += said.len();
        }
        loop {
            let (client, server) = mediator.told();
            to_client.append(client);
            to_server.append(server);
            let _ = mediator.remark();
            assert!(to_client.len() <= from_server + 128 && to_server.len() <= from_client + 36);
            assert!(client_tls || !rules.requires_tls || to_server.is_empty());
            match mediator.next() {
                Next::Hear => break,
                Next::SecureClient => {
                    assert!(rules.offers_tls && !client_tls, "TLS that nobody offered");
                    assert!(to_server.is_empty());
                    client_tls = true;
                    drop(mediator.take_hello());
                    from_client = 0;
                    mediator.client_is_secure();
                }
                Next::SecureServer => {
                    assert!(rules.server_tls != ServerTls::No && !server_tls);
                    assert!(matches!(to_server.len(), 9 | 36), "more than a request");
                    server_tls = true;
                    to_server.clear();
                    mediator.server_is_secure();
                }
                Next::End => return,
                Next::Open => {
                    let (client, server) = mediator.into_rest();
                    assert_eq!(to_client.len() + client.len(), from_server);
                    assert_eq!(to_server.len() + server.len(), from_client);
                    return;
                }
            }
        }
    }
    mediator.client_ended();
    assert_eq!(mediator.next(), Next::End);
}
