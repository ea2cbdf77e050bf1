//! Who the server is: certificates, server names, the protocol inside.

use super::super::value::alpn;
use super::super::{Policy, server_name};
use super::{Form, Group, PLAIN, Record, add_file, listed, push_file, put, put_parsed, shown};

const BASE: Record = Record {
    group: Group::Identity,
    ..PLAIN
};

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "ssl.keyfile",
        aliases: &["server.keyfile", "tls.keyfile"],
        value: "FILE",
        form: Form::Repeated,
        help: "PEM file with the certificate, the rest of its chain, and the unencrypted private key. Of several, a client gets \
               one whose certificate is for the server name it asks for, else the first, of each type of key (RSA, ECDSA, \
               Ed25519 …) the one it can verify.",
        set: |settings, text, origin| {
            let Policy {
                key_files,
                cert_files,
                ..
            } = &mut settings.policy;
            // One private key may be that of several certificates.
            match cert_files.is_empty() {
                true => add_file(key_files, text, origin),
                false => push_file(key_files, text, origin),
            }
        },
        get: |settings| listed(&settings.policy.key_files),
        clear: |settings| settings.policy.key_files.clear(),
        ..BASE
    },
    Record {
        name: "ssl.certfile",
        value: "FILE",
        form: Form::Repeated,
        help: "PEM file with the certificate and the rest of its chain, where ssl.keyfile has the private key alone; as often as \
               ssl.keyfile, and in the same order.",
        per_name: true,
        set: |settings, text, origin| push_file(&mut settings.policy.cert_files, text, origin),
        get: |settings| listed(&settings.policy.cert_files),
        clear: |settings| settings.policy.cert_files.clear(),
        ..BASE
    },
    Record {
        name: "ssl.original-chain",
        aliases: &["original-chain"],
        value: "true|false",
        form: Form::Switch,
        help: "Sends the certificate without the rest of its chain, as Manticore Search does: clients that do not have the \
               CAs in between cannot verify it.",
        per_name: true,
        set: |settings, text, origin| put(&mut settings.policy.original_chain, text, origin),
        get: |settings| shown(&settings.policy.original_chain),
        ..BASE
    },
    Record {
        name: "ssl.unusable",
        value: "refuse|degrade",
        help: "What becomes of a start where TLS cannot be set up, as without a certificate: 'refuse' ends it; 'degrade' \
               goes on as Manticore Search does, and mysql:// and manticore:// clients speak in the clear. A reload is refused \
               in any case.",
        set: |settings, text, origin| put(&mut settings.unusable, text, origin),
        get: |settings| shown(&settings.unusable),
        ..BASE
    },
    Record {
        name: "ssl.key-permissions",
        value: "any|private",
        help: "Which files may hold a private key: any that can be read, or as in PostgreSQL only a regular file of \
               one's own that nobody else can read (0600), or of root's that its group may read (0640).",
        set: |settings, text, origin| put(&mut settings.policy.key_permissions, text, origin),
        get: |settings| shown(&settings.policy.key_permissions),
        ..BASE
    },
    Record {
        name: "ssl.passphrase",
        value: "refuse|prompt",
        help: "What an encrypted private key comes to, unless ssl.passphrase-command is set: an error, or a prompt at \
               the terminal when the server starts.",
        set: |settings, text, origin| put(&mut settings.policy.passphrase, text, origin),
        get: |settings| shown(&settings.policy.passphrase),
        ..BASE
    },
    Record {
        name: "ssl.passphrase-command",
        value: "COMMAND",
        help: "Shell command whose first line of output is the passphrase of encrypted private keys; %p stands for a \
               prompt, %% for %.",
        per_name: true,
        set: |settings, text, origin| put(&mut settings.policy.passphrase_command, text, origin),
        get: |settings| shown(&settings.policy.passphrase_command),
        ..BASE
    },
    Record {
        name: "ssl.passphrase-command-supports-reload",
        value: "true|false",
        form: Form::Switch,
        help: "Runs ssl.passphrase-command for a reload as well, where otherwise an encrypted private key stays the one \
               that was loaded.",
        per_name: true,
        set: |settings, text, origin| put(&mut settings.policy.passphrase_reload, text, origin),
        get: |settings| shown(&settings.policy.passphrase_reload),
        ..BASE
    },
    Record {
        name: "ssl.server-name-indication",
        aliases: &["tls.server-name-indication"],
        value: "NAME=FILE[,OPTION=VALUE]...",
        form: Form::Repeated,
        help: "A keyfile for clients that ask for the server name NAME, which has to match exactly; /no_sni/ is for those \
               that ask for none. Options that follow count for that name alone; the same name again adds a keyfile \
               with another type of key.",
        set: |settings, text, origin| server_name::add(settings, text, origin),
        get: |settings| settings.names.iter().flat_map(server_name::write).collect(),
        clear: |settings| settings.names.clear(),
        ..BASE
    },
    Record {
        name: "ssl.unknown-server-name",
        value: "default|refuse",
        help: "What a client gets that asks for a server name no keyfile was given for: the default keyfile, or \
               the alert unrecognized_name.",
        set: |settings, text, origin| put(&mut settings.unknown_name, text, origin),
        get: |settings| shown(&settings.unknown_name),
        ..BASE
    },
    Record {
        name: "ssl.no-server-name",
        value: "default|refuse",
        help: "What a client gets that asks for no server name, as long as /no_sni/ is not among those in \
               ssl.server-name-indication: the default keyfile, or the alert handshake_failure.",
        set: |settings, text, origin| put(&mut settings.no_name, text, origin),
        get: |settings| shown(&settings.no_name),
        ..BASE
    },
    Record {
        name: "ssl.alpn",
        value: "NAME[,NAME]...",
        help: "Protocols to agree on by ALPN, best first; empty turns ALPN off. List h2 only if the backend speaks \
               HTTP/2: 'h2,http/1.1' is what ArangoDB does.",
        set: |settings, text, origin| put_parsed(&mut settings.policy.alpn, alpn(text), origin),
        get: |settings| shown(&settings.policy.alpn),
        ..BASE
    },
    Record {
        name: "ssl.alpn-mismatch",
        value: "ignore|refuse",
        help: "What a client gets that offers protocols by ALPN, and none of ssl.alpn: a handshake without one, or the \
               alert no_application_protocol.",
        set: |settings, text, origin| put(&mut settings.policy.alpn_mismatch, text, origin),
        get: |settings| shown(&settings.policy.alpn_mismatch),
        ..BASE
    },
    Record {
        name: "ssl.prefer-http1-in-alpn",
        aliases: &["tls.prefer-http1-in-alpn"],
        value: "true|false",
        form: Form::Switch,
        help: "Prefers http/1.1 to h2 where ssl.alpn lists both.",
        set: |settings, text, origin| put(&mut settings.policy.prefer_http1_in_alpn, text, origin),
        get: |settings| shown(&settings.policy.prefer_http1_in_alpn),
        ..BASE
    },
];
