//! The one model that every dialect ends in: plain data, defaults, and the origin of every value.
//!
//! Nothing here opens a file or asks libssl: that is `tls`'s work, from a finished [`Settings`]. Values that only
//! libssl can judge (cipher strings, option names, groups) are kept as the user wrote them. Read next: `table`
//! (every option, once), `builder` (how layers of options become `Settings`), `check` (what holds between them).

mod address;
mod backend;
mod backend_tls;
mod builder;
mod change;
mod check;
mod degrade;
mod endpoint;
pub mod hba;
mod note;
mod origin;
mod own;
mod server_name;
mod table;
mod value;

pub use address::Address;
pub(crate) use address::{KDB_SOCKETS, host, kdb_socket};
pub use backend::{Backend, Service, Way};
pub use backend_tls::{BackendTls, SslMode, SslNegotiation, Verification};
pub use builder::Builder;
pub(crate) use builder::{complaint, remark};
pub use check::{check, check_client, check_policy};
pub use endpoint::{Accept, Endpoint, ServerMode, Spoken};
pub use note::{Level, Note};
pub use origin::{Origin, Setting};
pub use own::Own;
pub use server_name::NO_NAME;
pub(crate) use server_name::server_name;
pub use table::{Form, Group, Record, TABLE, find, nearest};
pub(crate) use table::{nearest_word, slip_of};
pub(crate) use value::quoted;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything a server needs to know before it opens a socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where to listen.
    pub endpoints: Vec<Setting<Endpoint>>,
    /// Where the plain bytes go, of whatever has no backend of its own.
    pub backend: Setting<Option<Backend>>,
    /// Backends for what is spoken; each once.
    pub backends: Vec<Setting<(Spoken, Backend)>>,
    /// TLS on the way there.
    pub backend_tls: BackendTls,
    /// How a backend is told of each client.
    pub proxy_protocol: Setting<ProxyProtocol>,
    /// Worker threads; 0 means one a core.
    pub threads: Setting<usize>,
    /// How long a worker without work looks for more before it sleeps.
    pub busy_poll: Setting<Duration>,
    /// The TLS policy of every TLS endpoint, and of clients that name no server or an unlisted one.
    pub policy: Policy,
    /// What becomes of a start where TLS cannot be set up.
    pub unusable: Setting<Unusable>,
    /// Server names with identities of their own.
    pub names: Vec<Setting<ServerName>>,
    /// What a client gets that asks for an unlisted server name.
    pub unknown_name: Setting<UnknownName>,
    /// What a client gets that asks for none, unless [`NO_NAME`] is listed.
    pub no_name: Setting<UnknownName>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Ceilings.
    pub limits: Limits,
    /// Sockets.
    pub tcp: Tcp,
    /// What endpoints ask of their clients that speak PostgreSQL's protocol.
    pub postgresql: PostgreSql,
    /// The same of MySQL's.
    pub mysql: MySql,
}

/// How a backend is told of a client, before anything that the client says: by the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Not at all.
    Off,
    /// By a line with its address.
    V1,
    /// By a block with its address and what it negotiated.
    V2,
}

/// What one TLS endpoint, or one server name on it, asks of libssl.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In whose words messages about it are.
    pub words: Words,
    /// PEM files with a chain (leaf first) and its key.
    pub key_files: Vec<Setting<PathBuf>>,
    /// PEM files with the chains, in the order of the key files, where those have the keys alone.
    pub cert_files: Vec<Setting<PathBuf>>,
    /// Which files may hold a key.
    pub key_permissions: Setting<KeyPermissions>,
    /// Whether the certificate is sent without the rest of its chain.
    pub original_chain: Setting<bool>,
    /// Whether somebody is asked for the passphrase of an encrypted key, where no command is.
    pub passphrase: Setting<Passphrase>,
    /// Shell command that prints the passphrase of an encrypted key; `%p` stands for the prompt.
    pub passphrase_command: Setting<Option<String>>,
    /// Whether that command is run for a reload as well.
    pub passphrase_reload: Setting<bool>,
    /// PEM files of the CAs that client certificates are checked against.
    pub ca_files: Vec<Setting<PathBuf>>,
    /// Directory of CAs under hashed names, which libssl looks into for each certificate.
    pub ca_dir: Setting<Option<PathBuf>>,
    /// Whether the CAs of the system are trusted besides; `None` where none are named, by clients alone.
    pub system_ca: Setting<Option<bool>>,
    /// What CAs that are named mean for clients, where nothing else says so.
    pub ca_file_mode: Setting<CaFileMode>,
    /// ArangoDB's switch for required client certificates.
    pub require_peer_certificate: Setting<bool>,
    /// Whether client certificates are asked for, when set by name; beats the two above.
    pub verify_client: Setting<Option<VerifyClient>>,
    /// What a client of ours looks at of the server's certificate.
    pub verify_server: Setting<Verification>,
    /// Whether certificates are accepted that have expired, and are good otherwise: kdb+'s rule.
    pub accept_expired: Setting<bool>,
    /// PEM file of certificate revocation lists.
    pub crl_file: Setting<Option<PathBuf>>,
    /// Directory of hashed revocation lists (`HHHHHHHH.rN`).
    pub crl_dir: Setting<Option<PathBuf>>,
    /// ArangoDB's protocol selector.
    pub protocol: Setting<Protocol>,
    /// Lowest version, when set by name; beats `protocol`'s.
    pub min_protocol: Setting<Option<Version>>,
    /// Highest version, when set by name; beats `protocol`'s.
    pub max_protocol: Setting<Option<Version>>,
    /// The `SSL_OP_*` mask, as written.
    pub options: Setting<OptionMask>,
    /// Which OpenSSL's numbering the mask was written for.
    pub options_era: Setting<OptionsEra>,
    /// OpenSSL cipher string for TLS 1.2 and older, untouched; empty leaves libssl's (or openssl.cnf's) own.
    pub cipher_list: Setting<String>,
    /// TLS 1.3 suites in OpenSSL's names; `None` leaves libssl's (or openssl.cnf's) own.
    pub ciphersuites: Setting<Option<String>>,
    /// Groups in OpenSSL's syntax; empty leaves libssl's (or openssl.cnf's) own.
    pub groups: Setting<String>,
    /// Parameters of finite-field Diffie-Hellman, for suites of TLS 1.2 and older that need them.
    pub dh_params: Setting<DhParams>,
    /// Security level 0 to 5; `None` leaves libssl's own.
    pub security_level: Setting<Option<u32>>,
    /// Whether the server's order of ciphers decides; `None` leaves it to the mask.
    pub prefer_server_ciphers: Setting<Option<bool>>,
    /// Protocol names accepted by ALPN, best first, as listed; empty turns ALPN off. What counts is
    /// [`Policy::alpn_order`].
    ///
    /// The default is `http/1.1` alone and not ArangoDB's `h2, http/1.1`: the backend gets the bytes as they are,
    /// and one that speaks HTTP/1.1 only would break under every browser and curl, which prefer `h2`.
    pub alpn: Setting<Vec<String>>,
    /// What a client gets that offers protocols by ALPN, and none of ours.
    pub alpn_mismatch: Setting<AlpnMismatch>,
    /// Moves `http/1.1` in front of `h2`.
    pub prefer_http1_in_alpn: Setting<bool>,
    /// Whether sessions are kept on the server (by id).
    pub session_cache: Setting<bool>,
    /// How many sessions the cache holds.
    pub session_cache_size: Setting<u32>,
    /// How long a session may be resumed.
    pub session_timeout: Setting<Duration>,
    /// Whether session tickets are given out; `None` leaves it to the mask.
    pub session_tickets: Setting<Option<bool>>,
    /// How many TLS 1.3 tickets a full handshake gives out; `None` leaves libssl's own (2).
    pub num_tickets: Setting<Option<u32>>,
    /// File of ticket keys shared by processes and kept across restarts.
    pub ticket_keys: Setting<Option<PathBuf>>,
    /// Commands handed to libssl's `SSL_CONF_cmd` after everything else, in order.
    pub conf: Vec<Setting<(String, String)>>,
    /// Section of openssl.cnf applied first, by `SSL_CTX_config`.
    pub config_section: Setting<Option<String>>,
}

/// In whose words messages are, where the original's are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Words {
    #[default]
    ArangoDb,
    PostgreSql,
    KrakenD,
    Kdb,
}

/// Which files may hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPermissions {
    /// Any that can be read; one that everybody can read is warned about.
    Any,
    /// PostgreSQL's rule: a regular file of ours or root's, which no others can read.
    Private,
}

/// What becomes of a start where TLS cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It fails.
    Refuse,
    /// Endpoints that can do without TLS go on without, as Manticore Search's.
    Degrade,
}

/// Who is asked for a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passphrase {
    /// Nobody: an encrypted key is an error.
    Refuse,
    /// Whoever sits at the terminal, at the start alone.
    Prompt,
}

/// Parameters of finite-field Diffie-Hellman.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DhParams {
    /// None, so that suites which need them are not used.
    None,
    /// The group of 2048 bits of RFC 3526 (number 14).
    BuiltIn,
    /// Those of a PEM file.
    File(PathBuf),
}

/// What a client gets that offers protocols by ALPN, and none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlpnMismatch {
    /// The handshake goes on without one.
    Ignore,
    /// The alert `no_application_protocol`.
    Refuse,
}

/// What `ssl.cafile` alone means for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaFileMode {
    /// Only clients with certificates of these CAs are served: the manual's words, and our default.
    Require,
    /// Clients are asked, and may have none: what PostgreSQL does.
    Request,
    /// The CAs' names are announced and nothing is requested: what ArangoDB's community server does.
    Original,
}

/// Whether clients are asked for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyClient {
    /// Never asked.
    None,
    /// Asked; neither absence nor a bad one ends the handshake.
    RequestUnverified,
    /// Asked; absence is fine, a bad one ends the handshake.
    Request,
    /// Asked; absence or a bad one ends the handshake.
    Require,
}

impl Policy {
    /// What a client takes of a policy: what somebody chose. Everything else is libssl's own, and not the dialect's
    /// default, which is a server's.
    #[must_use]
    pub fn of_client(&self) -> Policy {
        // kdb+ has the same variables for both sides.
        if self.words == Words::Kdb {
            return self.clone();
        }
        fn chosen<T: Clone>(setting: &Setting<T>, otherwise: T) -> Setting<T> {
            match setting.is_chosen() {
                true => setting.clone(),
                false => Setting::built_in(otherwise),
            }
        }
        Policy {
            protocol: chosen(&self.protocol, Protocol(9)),
            options: chosen(&self.options, OptionMask::default()),
            cipher_list: chosen(&self.cipher_list, String::new()),
            groups: chosen(&self.groups, String::new()),
            alpn: chosen(&self.alpn, Vec::new()),
            ..self.clone()
        }
    }

    /// Whether CAs were named, in a file or a directory.
    pub fn names_cas(&self) -> bool {
        !self.ca_files.is_empty() || self.ca_dir.is_some()
    }

    /// What the three settings about client certificates come to.
    pub fn verify(&self) -> VerifyClient {
        if let Some(chosen) = self.verify_client.value {
            return chosen;
        }
        match self.ca_file_mode.value {
            _ if self.require_peer_certificate.value => VerifyClient::Require,
            _ if !self.names_cas() => VerifyClient::None,
            CaFileMode::Require => VerifyClient::Require,
            CaFileMode::Request => VerifyClient::Request,
            CaFileMode::Original => VerifyClient::None,
        }
    }

    /// The protocol names accepted by ALPN in the order that counts: as listed, with `http/1.1` moved in front of
    /// `h2` where that is asked for.
    pub fn alpn_order(&self) -> Vec<String> {
        let mut names = self.alpn.value.clone();
        let place = |wanted| names.iter().position(|name| name == wanted);
        match (place("h2"), place("http/1.1")) {
            (Some(h2), Some(http1)) if self.prefer_http1_in_alpn.value && h2 < http1 => {
                names[h2..=http1].rotate_right(1);
            }
            _ => {}
        }
        names
    }
}

/// ArangoDB's protocol selector: one of 1, 2, 3, 4, 5, 6, 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(pub(crate) u8);

/// A protocol version that can bound a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Version {
    Tls1,
    Tls1_1,
    Tls1_2,
    Tls1_3,
}

/// An `SSL_OP_*` mask as written: numbers and names, to be joined once libssl is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionMask(pub Vec<MaskPart>);

/// One part of an [`OptionMask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskPart {
    /// Bits.
    Number(u64),
    /// A name, with its `SSL_OP_` or without.
    Name(String),
}

/// Which OpenSSL's numbering a mask was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionsEra {
    /// The libssl in use: bits are applied as given.
    Current,
    /// OpenSSL 1.0: bits are translated to what they meant then.
    OpenSsl1_0,
}

/// A server name with an identity, and options, of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerName {
    /// Exact name, lower case, or [`NO_NAME`].
    pub name: String,
    /// PEM files with a chain and its key, at most one of each key type.
    pub key_files: Vec<PathBuf>,
    /// Options for this name alone: records that allow it, with their values.
    pub overrides: Vec<(&'static Record, String)>,
}

/// What a client gets that asks for an unlisted server name, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownName {
    /// The default identity.
    Default,
    /// The alert `unrecognized_name`; who asks for none, `handshake_failure`.
    Refuse,
}

/// Deadlines. Zero means none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Timeouts {
    pub handshake: Setting<Duration>,
    pub connect: Setting<Duration>,
    pub idle: Setting<Duration>,
    pub keep_alive: Setting<Duration>,
    pub drain: Setting<Duration>,
}

/// Ceilings. Zero means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: Setting<u32>,
    /// Handshakes in progress.
    pub handshakes: Setting<u32>,
    /// Connections of one address.
    pub per_address: Setting<u32>,
}

/// Sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Length of the accept queue; 0 means 10, and the system caps it.
    pub backlog: Setting<u32>,
    /// SO_REUSEADDR.
    pub reuse_address: Setting<bool>,
    /// SO_REUSEPORT for other processes too.
    pub reuse_port: Setting<bool>,
    /// TCP_CONGESTION, of clients' connections and of those to the backend; `None` leaves the system's own.
    pub congestion: Setting<Option<String>>,
}

impl Settings {
    /// Whether anybody is served by the policy; who has no endpoints of his own has others.
    pub(crate) fn serves_tls(&self) -> bool {
        self.endpoints.is_empty() || self.endpoints.iter().any(|e| e.accept.has_tls())
    }

    /// Takes all that TLS has to do with from other settings.
    pub fn keep_tls_of(&mut self, other: &Settings) {
        if other.policy.key_files.is_empty() {
            // There was none, and there is none now.
            for endpoint in &mut self.endpoints {
                if let Accept::PostgreSql { tls } = &mut endpoint.value.accept {
                    *tls = false;
                }
            }
        }
        let has_own = |settings: &Settings| settings.endpoints.iter().any(|e| !e.own.0.is_empty());
        if has_own(self) || has_own(other) {
            self.endpoints.clone_from(&other.endpoints);
        }
        self.policy = other.policy.clone();
        self.names.clone_from(&other.names);
        self.unknown_name = other.unknown_name.clone();
        // With whom it is spoken is a part of it, where that is a backend.
        if self.tls_backends().next().is_some() || other.tls_backends().next().is_some() {
            self.backend = other.backend.clone();
            self.backends.clone_from(&other.backends);
        }
        self.backend_tls = other.backend_tls.clone();
    }
}

/// What PostgreSQL's protocol has besides TLS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostgreSql {
    /// `pg_hba.conf`; without it every client is the backend's to judge.
    pub hba_file: Setting<Option<PathBuf>>,
    /// `pg_ident.conf`.
    pub ident_file: Setting<Option<PathBuf>>,
    /// What these two hold, once they have been read.
    pub hba: Option<Arc<hba::Hba>>,
}

/// What MySQL's protocol has besides TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySql {
    /// Whether clients are served only inside TLS or on a unix socket.
    pub require_secure_transport: Setting<bool>,
}

impl Default for MySql {
    fn default() -> MySql {
        MySql {
            require_secure_transport: Setting::built_in(false),
        }
    }
}

impl Default for Settings {
    /// The defaults of ArangoDB 3.2, whose manual tlsport follows, and its own where ArangoDB has no such option or
    /// its default would not serve other backends (`Policy::alpn`).
    fn default() -> Settings {
        Settings {
            endpoints: Vec::new(),
            backend: Setting::default(),
            backends: Vec::new(),
            backend_tls: BackendTls::default(),
            proxy_protocol: Setting::built_in(ProxyProtocol::Off),
            threads: Setting::built_in(0),
            busy_poll: Setting::built_in(Duration::ZERO),
            policy: Policy::default(),
            unusable: Setting::built_in(Unusable::Refuse),
            names: Vec::new(),
            unknown_name: Setting::built_in(UnknownName::Default),
            no_name: Setting::built_in(UnknownName::Default),
            timeouts: Timeouts {
                handshake: Setting::built_in(Duration::from_secs(60)),
                connect: Setting::built_in(Duration::from_secs(10)),
                idle: Setting::built_in(Duration::ZERO),
                keep_alive: Setting::built_in(Duration::ZERO),
                drain: Setting::built_in(Duration::from_secs(30)),
            },
            limits: Limits {
                connections: Setting::built_in(0),
                handshakes: Setting::built_in(0),
                per_address: Setting::built_in(0),
            },
            tcp: Tcp {
                backlog: Setting::built_in(64),
                reuse_address: Setting::built_in(true),
                reuse_port: Setting::built_in(false),
                congestion: Setting::default(),
            },
            postgresql: PostgreSql::default(),
            mysql: MySql::default(),
        }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            words: Words::default(),
            key_files: Vec::new(),
            cert_files: Vec::new(),
            original_chain: Setting::built_in(false),
            key_permissions: Setting::built_in(KeyPermissions::Any),
            passphrase: Setting::built_in(Passphrase::Refuse),
            passphrase_command: Setting::default(),
            passphrase_reload: Setting::built_in(false),
            ca_files: Vec::new(),
            ca_dir: Setting::default(),
            system_ca: Setting::default(),
            ca_file_mode: Setting::built_in(CaFileMode::Require),
            require_peer_certificate: Setting::built_in(false),
            verify_client: Setting::default(),
            verify_server: Setting::built_in(Verification::Name),
            accept_expired: Setting::built_in(false),
            crl_file: Setting::default(),
            crl_dir: Setting::default(),
            protocol: Setting::built_in(Protocol(5)),
            min_protocol: Setting::default(),
            max_protocol: Setting::default(),
            options: Setting::built_in(OptionMask(vec![MaskPart::Name("SSL_OP_ALL".into())])),
            options_era: Setting::built_in(OptionsEra::Current),
            cipher_list: Setting::built_in("HIGH:!EXPORT:!aNULL@STRENGTH".into()),
            ciphersuites: Setting::default(),
            groups: Setting::built_in("prime256v1".into()),
            dh_params: Setting::built_in(DhParams::None),
            security_level: Setting::default(),
            prefer_server_ciphers: Setting::default(),
            alpn: Setting::built_in(vec!["http/1.1".into()]),
            alpn_mismatch: Setting::built_in(AlpnMismatch::Ignore),
            prefer_http1_in_alpn: Setting::built_in(false),
            session_cache: Setting::built_in(false),
            session_cache_size: Setting::built_in(20_480),
            session_timeout: Setting::built_in(Duration::from_secs(7200)),
            session_tickets: Setting::default(),
            num_tickets: Setting::default(),
            ticket_keys: Setting::default(),
            conf: Vec::new(),
            config_section: Setting::default(),
        }
    }
}
