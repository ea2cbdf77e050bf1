//! TLS to the backend: libpq's `sslmode` and its company, and what a client chooses of TLS.

use super::super::value::{Value, alpn, quoted};
use super::super::{SslMode, address};
use super::{Form, Group, PLAIN, Record, add_file, listed, push_file, put, put_parsed, shown};

const BASE: Record = Record {
    group: Group::Backend,
    ..PLAIN
};

pub(super) const RECORDS: &[Record] = &[
    Record {
        name: "backend.sslmode",
        value: "disable|prefer|require|verify-ca|verify-full",
        help: "libpq's word for how much TLS there has to be: with a certificate for the right name (verify-full), of the \
               right CA (verify-ca), or any (require); or none if the backend has none (prefer), or in any case (disable).",
        set: |settings, text, origin| {
            if text.eq_ignore_ascii_case("allow") {
                return Err(format!(
                    "{} is not offered, as the refusal after which it goes over to TLS is said to the client: prefer asks \
                     for TLS first, and require, verify-ca and verify-full insist on it",
                    quoted(text)
                ));
            }
            put_parsed(&mut settings.backend_tls.mode, SslMode::parse(text), origin)
        },
        get: |settings| shown(&settings.backend_tls.mode),
        ..BASE
    },
    Record {
        name: "backend.sslnegotiation",
        value: "postgres|direct",
        help: "How postgres+tls:// comes to TLS: by asking for it first (SSLRequest), or at once, which PostgreSQL takes \
               since 17.",
        set: |settings, text, origin| put(&mut settings.backend_tls.negotiation, text, origin),
        get: |settings| shown(&settings.backend_tls.negotiation),
        ..BASE
    },
    Record {
        name: "backend.cafile",
        value: "FILE",
        form: Form::Repeated,
        help: "PEM file of the CAs that the backend's certificate is checked against, in place of the system's; any number of \
               times. As in libpq, prefer and require check it as well then, as verify-ca does.",
        set: |settings, text, origin| {
            add_file(&mut settings.backend_tls.policy.ca_files, text, origin)
        },
        get: |settings| listed(&settings.backend_tls.policy.ca_files),
        clear: |settings| settings.backend_tls.policy.ca_files.clear(),
        ..BASE
    },
    Record {
        name: "backend.capath",
        value: "DIRECTORY",
        help: "Directory of CAs under hashed names ('openssl rehash') that the backend's certificate is checked against, in place \
               of the system's, or as well as those of backend.cafile. A CA that is taken away counts until a reload.",
        set: |settings, text, origin| put(&mut settings.backend_tls.policy.ca_dir, text, origin),
        get: |settings| shown(&settings.backend_tls.policy.ca_dir),
        ..BASE
    },
    Record {
        name: "backend.system-ca",
        value: "true|false",
        form: Form::Switch,
        help: "Checks the backend's certificate against the CAs of the system (OpenSSL's default paths) as well as those of \
               backend.cafile. Unset, the system's count where none are named.",
        set: |settings, text, origin| put(&mut settings.backend_tls.policy.system_ca, text, origin),
        get: |settings| shown(&settings.backend_tls.policy.system_ca),
        ..BASE
    },
    Record {
        name: "backend.crl-file",
        value: "FILE",
        help: "PEM file of revocation lists. One from each CA in the backend's chain has to be there.",
        set: |settings, text, origin| put(&mut settings.backend_tls.policy.crl_file, text, origin),
        get: |settings| shown(&settings.backend_tls.policy.crl_file),
        ..BASE
    },
    Record {
        name: "backend.server-name",
        value: "NAME",
        help: "Whom the backend's certificate has to be for, and who is asked for by SNI, if that is not the host in backend. \
               An address is looked for among the certificate's addresses, and not sent.",
        set: |settings, text, origin| {
            let name = (!text.is_empty()).then(|| address::host(text)).transpose();
            put_parsed(&mut settings.backend_tls.server_name, name, origin)
        },
        get: |settings| shown(&settings.backend_tls.server_name),
        ..BASE
    },
    Record {
        name: "backend.certfile",
        value: "FILE",
        help: "PEM file with the certificate that the backend is shown, and the rest of its chain, where backend.keyfile has \
               the private key alone.",
        set: |settings, text, origin| {
            settings.backend_tls.policy.cert_files.clear();
            push_file(&mut settings.backend_tls.policy.cert_files, text, origin)
        },
        get: |settings| listed(&settings.backend_tls.policy.cert_files),
        ..BASE
    },
    Record {
        name: "backend.keyfile",
        value: "FILE",
        help: "PEM file with the unencrypted private key for the backend and, unless they are in backend.certfile, the \
               certificate and the rest of its chain.",
        set: |settings, text, origin| {
            settings.backend_tls.policy.key_files.clear();
            push_file(&mut settings.backend_tls.policy.key_files, text, origin)
        },
        get: |settings| listed(&settings.backend_tls.policy.key_files),
        ..BASE
    },
    Record {
        name: "backend.min-protocol",
        value: "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3",
        help: "Lowest version to speak with the backend; empty leaves it to libssl and its openssl.cnf.",
        set: |settings, text, origin| {
            put(&mut settings.backend_tls.policy.min_protocol, text, origin)
        },
        get: |settings| shown(&settings.backend_tls.policy.min_protocol),
        ..BASE
    },
    Record {
        name: "backend.max-protocol",
        value: "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3",
        help: "Highest version to speak with the backend; unset leaves it to libssl and its openssl.cnf.",
        set: |settings, text, origin| {
            put(&mut settings.backend_tls.policy.max_protocol, text, origin)
        },
        get: |settings| shown(&settings.backend_tls.policy.max_protocol),
        ..BASE
    },
    Record {
        name: "backend.mirror-version",
        value: "true|false",
        form: Form::Switch,
        help: "Speaks with the backend the version of TLS that the client speaks, and no other. Clients without TLS leave \
               the choice to the backend.",
        set: |settings, text, origin| put(&mut settings.backend_tls.mirror_version, text, origin),
        get: |settings| shown(&settings.backend_tls.mirror_version),
        ..BASE
    },
    Record {
        name: "backend.cipher-list",
        value: "STRING",
        help: "Ciphers of TLS 1.2 and older for the backend in OpenSSL's cipher list format; empty leaves them to libssl and \
               its openssl.cnf.",
        set: |settings, text, origin| {
            put(&mut settings.backend_tls.policy.cipher_list, text, origin)
        },
        get: |settings| shown(&settings.backend_tls.policy.cipher_list),
        ..BASE
    },
    Record {
        name: "backend.ciphersuites",
        value: "NAME[:NAME]...",
        help: "Cipher suites of TLS 1.3 for the backend, best first, by OpenSSL's names.",
        set: |settings, text, origin| {
            put(&mut settings.backend_tls.policy.ciphersuites, text, origin)
        },
        get: |settings| shown(&settings.backend_tls.policy.ciphersuites),
        ..BASE
    },
    Record {
        name: "backend.groups",
        value: "NAME[:NAME]...",
        help: "Groups for the key exchange with the backend, best first, by OpenSSL's names; empty leaves them to libssl and its \
               openssl.cnf.",
        set: |settings, text, origin| put(&mut settings.backend_tls.policy.groups, text, origin),
        get: |settings| shown(&settings.backend_tls.policy.groups),
        ..BASE
    },
    Record {
        name: "backend.alpn",
        value: "NAME[,NAME]...",
        help: "Protocols to offer a tls:// backend by ALPN, best first, of which it may choose any or none. Unset, the one that the \
               client has agreed on, which the backend has to speak unless it is http/1.1.",
        set: |settings, text, origin| {
            put_parsed(&mut settings.backend_tls.policy.alpn, alpn(text), origin)
        },
        get: |settings| shown(&settings.backend_tls.policy.alpn),
        ..BASE
    },
    Record {
        name: "backend.session-reuse",
        value: "true|false",
        form: Form::Switch,
        help: "Whether connections to the backend resume sessions of earlier ones, which spares both sides most of the \
               handshake.",
        set: |settings, text, origin| put(&mut settings.backend_tls.session_reuse, text, origin),
        get: |settings| shown(&settings.backend_tls.session_reuse),
        ..BASE
    },
];
