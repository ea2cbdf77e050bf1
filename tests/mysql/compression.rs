//! Compression, which begins behind the server's OK and is between client and server alone.

use crate::client::{answer, tool_at};
use crate::connectors::{Client, Connectors};
use crate::front::Scene;
use serde_json::json;

const IN_USE: &str = "SHOW STATUS LIKE 'Compression'";

/// Something that comes out of compression other than it was put in, if anything does.
const LARGE: &str = "SELECT MD5(GROUP_CONCAT(seq, MD5(seq))) FROM test.seq_1_to_20000";

#[test]
fn a_session_may_be_compressed_inside_tls_and_outside() {
    let scene = Scene::new();
    let long = "SET SESSION group_concat_max_len = 10000000";
    let expected = scene.server.answer(&format!("{long}; {LARGE}"));
    for way in ["--ssl", "--skip-ssl"] {
        let client = || {
            let mut client = scene.mariadb();
            client.args([way, "--compress", "test"]);
            client
        };
        assert_eq!(answer(&mut client(), IN_USE), "Compression\tON", "{way}");
        let sum = answer(&mut client(), &format!("{long}; {LARGE}"));
        assert_eq!(sum, expected, "{way}");
        let mut dump = tool_at("mariadb-dump", scene.address(), "native");
        dump.args([way, "--compress", "--skip-lock-tables", "test"]);
        crate::support::program::works(&mut dump);
    }
}

#[test]
fn connectors_compress_as_well() {
    let scene = Scene::new();
    let Some(mut connectors) = Connectors::start() else {
        return;
    };
    for client in [Client::Connector, Client::PureConnector] {
        for way in [client.plain(), client.encrypted()] {
            let mut options = way.clone();
            options["compress"] = json!(true);
            let session = connectors
                .connect(client, scene.address(), "native", &options)
                .unwrap_or_else(|why| panic!("{client:?} {way}: {why}"));
            let on = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Compression'";
            assert_eq!(connectors.value(&session, on), "ON", "{client:?} {way}");
            let repeated = connectors.value(&session, "SELECT REPEAT('tlsport ', 500000)");
            assert!(repeated == "tlsport ".repeat(500_000), "{client:?} {way}");
        }
    }
}
