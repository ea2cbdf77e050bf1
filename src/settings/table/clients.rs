//! What clients have to show.

use super::{Form, Group, PLAIN, Record, add_file, listed, put, shown};

const BASE: Record = Record {
    group: Group::Clients,
    per_name: true,
    ..PLAIN
};

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "ssl.cafile",
        aliases: &["server.cafile", "tls.cafile"],
        value: "FILE",
        form: Form::Repeated,
        help: "PEM file of the CAs that client certificates are checked against, any number of times; ssl.cafile-mode says \
               whether one is asked for.",
        set: |settings, text, origin| add_file(&mut settings.policy.ca_files, text, origin),
        get: |settings| listed(&settings.policy.ca_files),
        clear: |settings| settings.policy.ca_files.clear(),
        ..BASE
    },
    Record {
        name: "ssl.capath",
        value: "DIRECTORY",
        help: "Directory of CAs under hashed names ('openssl rehash') that client certificates are checked against as well; \
               ssl.cafile-mode goes for it, too. libssl looks into it as needed; a CA that is taken away counts until a \
               reload.",
        set: |settings, text, origin| put(&mut settings.policy.ca_dir, text, origin),
        get: |settings| shown(&settings.policy.ca_dir),
        ..BASE
    },
    Record {
        name: "ssl.system-ca",
        value: "true|false",
        form: Form::Switch,
        help: "Checks client certificates against the CAs of the system too (OpenSSL's default paths), as KrakenD does: \
               whoever has a certificate of any public CA comes in. Who has to show one, other options say.",
        set: |settings, text, origin| put(&mut settings.policy.system_ca, text, origin),
        get: |settings| shown(&settings.policy.system_ca),
        ..BASE
    },
    Record {
        name: "ssl.cafile-mode",
        value: "require|request|original",
        help: "What ssl.cafile alone does: 'require' serves only clients with a certificate of these CAs, as ArangoDB's \
               manual says; 'request' asks, and lets in who has none, as PostgreSQL; 'original' never asks, as \
               ArangoDB's community server.",
        set: |settings, text, origin| put(&mut settings.policy.ca_file_mode, text, origin),
        get: |settings| shown(&settings.policy.ca_file_mode),
        ..BASE
    },
    Record {
        name: "ssl.require-peer-certificate",
        aliases: &["tls.require-peer-certificate"],
        value: "true|false",
        form: Form::Switch,
        help: "Serves only clients with a certificate of the CAs in ssl.cafile, whatever ssl.cafile-mode says.",
        set: |settings, text, origin| {
            put(&mut settings.policy.require_peer_certificate, text, origin)
        },
        get: |settings| shown(&settings.policy.require_peer_certificate),
        ..BASE
    },
    Record {
        name: "ssl.verify-client",
        value: "none|request-unverified|request|require",
        help: "Whether clients are asked for a certificate: never; asked, though they may have none (or with request-unverified \
               a bad one, too); or required. Decides alone, whatever ssl.cafile-mode says.",
        set: |settings, text, origin| put(&mut settings.policy.verify_client, text, origin),
        get: |settings| shown(&settings.policy.verify_client),
        ..BASE
    },
    Record {
        name: "ssl.verify-server",
        value: "name|chain|none",
        per_name: false,
        help: "What clients (tlsport connect, and those of the library) look at of a server's certificate: CA and name; the CA \
               alone, as kdb+'s SSL_VERIFY_SERVER=YES; or nothing.",
        set: |settings, text, origin| put(&mut settings.policy.verify_server, text, origin),
        get: |settings| shown(&settings.policy.verify_server),
        ..BASE
    },
    Record {
        name: "kdb-accept-expired",
        value: "true|false",
        form: Form::Switch,
        per_name: false,
        help: "Accepts certificates that have expired and are good otherwise, of clients and of servers, as kdb+ promises; each \
               use is warned about. A client with one does not count as verified.",
        set: |settings, text, origin| {
            put(&mut settings.policy.accept_expired, text, origin)?;
            put(
                &mut settings.backend_tls.policy.accept_expired,
                text,
                origin,
            )
        },
        get: |settings| shown(&settings.policy.accept_expired),
        ..BASE
    },
    Record {
        name: "ssl.crl-file",
        value: "FILE",
        help: "PEM file of revocation lists. One from each CA in a client's chain has to be there.",
        set: |settings, text, origin| put(&mut settings.policy.crl_file, text, origin),
        get: |settings| shown(&settings.policy.crl_file),
        ..BASE
    },
    Record {
        name: "ssl.crl-dir",
        value: "DIRECTORY",
        help: "Directory of revocation lists under hashed names, as 'openssl rehash' makes them.",
        per_name: false,
        set: |settings, text, origin| put(&mut settings.policy.crl_dir, text, origin),
        get: |settings| shown(&settings.policy.crl_dir),
        ..BASE
    },
    Record {
        name: "postgresql.hba-file",
        value: "FILE",
        help: "PostgreSQL's pg_hba.conf, for endpoints that speak its protocol: who may come in, with TLS or without, and \
               whose certificate is checked. Methods but cert and reject are the backend's.",
        per_name: false,
        set: |settings, text, origin| put(&mut settings.postgresql.hba_file, text, origin),
        get: |settings| shown(&settings.postgresql.hba_file),
        ..BASE
    },
    Record {
        name: "postgresql.ident-file",
        value: "FILE",
        help: "PostgreSQL's pg_ident.conf, for the maps that postgresql.hba-file names.",
        per_name: false,
        set: |settings, text, origin| put(&mut settings.postgresql.ident_file, text, origin),
        get: |settings| shown(&settings.postgresql.ident_file),
        ..BASE
    },
];
