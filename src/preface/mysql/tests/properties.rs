//! What holds whatever is said.

use super::*;
use proptest::prelude::*;

proptest! {
    /// Both ends count their own packets, and each sees the other's in its own count.
    #[test]
    fn numbers_are_right_on_both_sides_whatever_is_said(
        client_tls: bool,
        server_tls: bool,
        rounds in proptest::collection::vec(
            (1_u8..0xff, proptest::collection::vec(any::<u8>(), 0..40), proptest::collection::vec(any::<u8>(), 0..40)),
            0..140,
        ),
        piece in 1_usize..50,
    ) {
        let rules = onward(client_tls, if server_tls { ServerTls::Require } else { ServerTls::No });
        let mut play = Play::new(rules, Cut::Each(piece));
        play.server_says(&greeting(server_tls));
        play.client_hears(&greeting(client_tls));
        let mut client = 1;
        if client_tls {
            play.client_says(&request(1));
            play.secure();
            client += 1;
        }
        play.client_says(&response(client, client_tls));
        client += 1;
        let mut server = 1;
        if server_tls {
            play.server_hears(&request(1));
            play.secure();
            server += 1;
        }
        if client_tls == server_tls {
            play.opens_with(b"", &response(server, server_tls));
            return Ok(());
        }
        play.server_hears(&response(server, server_tls));
        server += 1;
        for (first, down, up) in rounds {
            let down = [&[first][..], &down].concat();
            play.server_says(&packet(server, &down));
            play.client_hears(&packet(client, &down));
            play.client_says(&packet(client.wrapping_add(1), &up));
            play.server_hears(&packet(server.wrapping_add(1), &up));
            client = client.wrapping_add(2);
            server = server.wrapping_add(2);
        }
        play.server_says(&ok(server));
        play.opens_with(&ok(client), b"");
    }

    #[test]
    fn whatever_is_said_is_mediated_within_bounds(
        rules: u8,
        turns in proptest::collection::vec(
            (any::<bool>(), prop_oneof![
                Just(greeting(true)),
                Just(greeting(false)),
                Just(request(1)),
                Just(response(1, false)),
                Just(response(1, true)),
                Just(response(2, true)),
                Just(packet(1, b"\x05\x08\0\0\0alice\0")),
                (0_u8..6).prop_map(ok),
                (0_u8..6).prop_map(|number| packet(number, b"\x01\x04")),
                (0_u8..6).prop_map(|number| error(number, 1045, "#28000Access denied")),
                proptest::collection::vec(any::<u8>(), 0..40),
            ]),
            0..16,
        ),
        size in 1_usize..100,
    ) {
        let turns: Vec<(bool, &[u8])> = turns.iter()
            .flat_map(|(client, said)| said.chunks(size).map(|piece| (*client, piece)))
            .collect();
        crate::fuzzing::mysql(rules, &turns);
    }
}
