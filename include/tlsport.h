/*
 * tlsport.h: the TLS endpoint of ArangoDB and its like for C programs, on the libssl they
 * already link.
 *
 * Four ways to use it, each with a complete program in examples/:
 *
 *   tlsport_settings_apply    puts a policy onto an SSL_CTX of yours                     (apply.c)
 *   tlsport_channel_accept    one TLS connection in your own event loop                  (poll.c)
 *   tlsport_server_new        our event loop, your protocol                              (server.c)
 *   tlsport_channel_connect   the client's side of a connection                          (client.c)
 *
 * Compile with `pkg-config --cflags --libs tlsport`. No header of OpenSSL is included here;
 * where one of its types is named, it is yours to include if you want to do something with it.
 *
 *
 * THE RULES
 *
 * Handles. Every object is an opaque handle, made by a function with _new, _copy, _accept or
 * _connect in its name and given back once, by the _free of its type; only a tlsport_conn is
 * made and freed by its server. Freeing null does nothing. A handle that was freed already, or
 * is of another type, is refused with TLSPORT_ERROR_USAGE for as long as nothing new stands at
 * its address; that is a net under a mistake, not a licence to make it. _free then does nothing
 * but log an error, as for a handle in use.
 *
 * Null. A null pointer is never followed: it is refused with TLSPORT_ERROR_USAGE, or means what
 * the function's comment says it means.
 *
 * Status. A function that returns int returns TLSPORT_OK (0) or a negative number of enum
 * tlsport_status. Reading and writing return a count of bytes, or such a negative number. A
 * function that returns a pointer returns null when it failed. The reason is kept for the
 * calling thread: tlsport_last_status, tlsport_last_error and tlsport_last_openssl_errors tell
 * it until the thread's next call of a function that can fail. errno is left in any state.
 *
 * Wants. TLSPORT_WANT_READ and TLSPORT_WANT_WRITE are not errors: nothing more can be done
 * before the socket is readable or writable, then the same call is made again. They leave no
 * error text.
 *
 * Output parameters come last and are written only on success.
 *
 * Text is UTF-8 and ends with a NUL; a path is bytes that end with a NUL, taken as they are.
 * What a peer sent is escaped in texts. A const char * that a function returns is lent: by a
 * handle, until the next call on it; by a function without a handle, until the thread's next
 * call of the same function. Memory is never given away: nothing that tlsport returns is for
 * free(3). Where there is none left, the process ends with a line that says so.
 *
 * Threads. A handle is used by one thread at a time, any thread; a second one that comes at the
 * same time is refused with TLSPORT_ERROR_USAGE. A tlsport_context and a tlsport_server may be
 * used by many at once. Nothing here may be used in a child process after fork(2) without exec,
 * nor in a signal handler.
 *
 * Callbacks get your pointer first. What they are lent is theirs until they return. They must
 * return: an exception that leaves one ends the process with a line that names the callback, a
 * longjmp out of one is undefined.
 *
 * OpenSSL. tlsport links the libssl your program links. It starts the library once, reads
 * openssl.cnf unless the process had it read before, never cleans up, and changes nothing else
 * that is global: no locks, no memory functions, no engines. A call may empty the calling
 * thread's error queue, and leaves nothing of its own in it. Whoever wants libssl started in a
 * special way calls OPENSSL_init_ssl before the first call here.
 *
 * Settings have the names and values of `tlsport serve`: docs/SETTINGS.md, or `tlsport show`.
 *
 * Versions. What this header promises holds for every libtlsport.so.0: numbers keep their
 * meaning, functions their types; what comes later comes at the end.
 */
#ifndef TLSPORT_H
#define TLSPORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; tlsport_version() tells that of the library. */
#define TLSPORT_VERSION "0.1.0"
#define TLSPORT_VERSION_NUMBER 0x000100 /* 0xMMmmpp */

/* Whoever drops the result of these has not looked whether they worked. */
#if defined(__GNUC__)
#define TLSPORT_CHECK __attribute__((warn_unused_result))
#else
#define TLSPORT_CHECK
#endif

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct ssl_st;     /* OpenSSL's SSL */

/* A policy, and endpoints if it is a server's. */
typedef struct tlsport_settings tlsport_settings;
/* An SSL_CTX of ours. Shared: any number of threads at once. */
typedef struct tlsport_context tlsport_context;
/* One TLS connection over a socket of yours. */
typedef struct tlsport_channel tlsport_channel;
/* Endpoints that are served by threads of ours. Shared: any number of threads at once. */
typedef struct tlsport_server tlsport_server;
/* One connection of a server, lent to its callbacks. */
typedef struct tlsport_conn tlsport_conn;


/* ---- Status and errors -------------------------------------------------------------------- */

/*
 * What a call came to. Numbers are never used again for something else; new ones come at the
 * end.
 */
enum tlsport_status {
    TLSPORT_OK = 0,
    TLSPORT_WANT_READ = -1,      /* again once the socket is readable */
    TLSPORT_WANT_WRITE = -2,     /* again once the socket is writable */
    TLSPORT_ERROR_USAGE = -3,    /* a function was used wrongly: null, a freed handle, ... */
    TLSPORT_ERROR_SETTINGS = -4, /* a setting, or a file that a setting names, is wrong */
    TLSPORT_ERROR_IO = -5,       /* the system refused: a file, a socket, a descriptor */
    TLSPORT_ERROR_TLS = -6,      /* libssl refused, or the handshake failed on our side */
    TLSPORT_ERROR_PEER = -7,     /* the peer broke the protocol, or refused us by an alert */
    TLSPORT_ERROR_CLOSED = -8,   /* the stream was cut: it ended without the peer's close-notify */
    TLSPORT_ERROR_TIMEOUT = -9,  /* a time limit passed */
    TLSPORT_ERROR_INTERNAL = -10 /* a promise inside tlsport was broken: please report it */
};

/*
 * What the calling thread's last call that can fail came to: TLSPORT_OK, a want, or an error.
 * Functions that return void or lend constant text leave it alone.
 */
int tlsport_last_status(void);

/*
 * The error of the calling thread's last call that can fail, in words: what was tried, on which
 * thing, and why not. Several that were found together, as in a configuration file, are a line
 * each, the last one without its end. Empty when it did not fail. Lent until the thread's next
 * call that can fail; never null.
 */
const char *tlsport_last_error(void);

/*
 * What libssl had queued when the calling thread's last call failed, in OpenSSL's own format
 * (`error:0A0000C1:SSL routines::no shared cipher`), oldest first, a line each, the last one
 * without its end. Empty when there was nothing. Lent as the above; never null.
 */
const char *tlsport_last_openssl_errors(void);

/*
 * A status as the name of its constant, "TLSPORT_ERROR_IO"; "unknown status" for other numbers.
 * Constant, never null.
 */
const char *tlsport_status_name(int status);


/* ---- Library ------------------------------------------------------------------------------ */

/* The version of this library, "0.1.0". Constant, never null. */
const char *tlsport_version(void);

/* The libssl in use, as OpenSSL_version(3) has it. Constant, never null. */
const char *tlsport_openssl_version(void);

/*
 * Starts libssl and reads openssl.cnf strictly: a file with a mistake, which libssl would pass
 * over, is TLSPORT_ERROR_SETTINGS. Called by whatever needs it, so calling it is only of use to
 * hear of the mistake early. Any thread, any number of times.
 */
TLSPORT_CHECK int tlsport_start(void);


/* ---- Log ---------------------------------------------------------------------------------- */

/* How much a line matters. */
enum tlsport_log_level {
    TLSPORT_LOG_OFF = 0,
    TLSPORT_LOG_ERROR = 1, /* something of ours failed */
    TLSPORT_LOG_WARN = 2,  /* a policy is weaker than it looks; a backend is away */
    TLSPORT_LOG_INFO = 3,  /* endpoints, failed handshakes of clients (at most ten a second) */
    TLSPORT_LOG_DEBUG = 4, /* a line for each connection */
    TLSPORT_LOG_TRACE = 5
};

/*
 * Takes one line without its end, lent for the call. Called by any thread, by several at once;
 * it must not call tlsport.
 */
typedef void tlsport_log_callback(void *user, int level, const char *line);

/*
 * Sends lines of `level` and above to `callback`, with `user`; null or TLSPORT_LOG_OFF turns
 * logging off, which is how it begins. Once it returns, the callback before it is not called
 * again. Secrets are never logged. Any thread, though not from the callback itself.
 * TLSPORT_ERROR_USAGE for another level, and in a program whose Rust part logs elsewhere
 * already.
 */
TLSPORT_CHECK int tlsport_log_set(tlsport_log_callback *callback, void *user, int level);


/* ---- Settings ----------------------------------------------------------------------------- */

/* ArangoDB's defaults, nothing loaded. */
TLSPORT_CHECK tlsport_settings *tlsport_settings_new(void);

/* Settings like these, which can be changed apart from them. */
TLSPORT_CHECK tlsport_settings *tlsport_settings_copy(const tlsport_settings *settings);

/* Gives settings back. What was made of them goes on. Null does nothing. */
void tlsport_settings_free(tlsport_settings *settings);

/*
 * Reads a configuration file, whose values replace those set so far. `dialect` is one of
 * tlsport_dialect_name; null recognises it. Everything that is wrong in the file is reported at
 * once, a line each with file and line number, and the settings stay as they were. Names in the
 * file that are not about TLS or endpoints are passed over. What nobody has set becomes its
 * system's default. The dialect "kdb" has no file: with `path` null, the variables of the
 * environment are read (KX_SSL_CERT_FILE and so on), and mistakes name the variable.
 */
TLSPORT_CHECK int tlsport_settings_load(tlsport_settings *settings, const char *dialect,
                                        const char *path);

/*
 * Sets an option ("ssl.cipher-list"), in place of all that was set for it before; a repeated
 * option has then one value. A value that is wrong by itself is TLSPORT_ERROR_SETTINGS now, and
 * changes nothing; what only libssl can judge is judged where the settings are used.
 */
TLSPORT_CHECK int tlsport_settings_set(tlsport_settings *settings, const char *name,
                                       const char *value);

/*
 * Adds a value to an option that takes several ("server.endpoint", "ssl.keyfile");
 * TLSPORT_ERROR_USAGE for one that takes a single value. Else as tlsport_settings_set.
 */
TLSPORT_CHECK int tlsport_settings_add(tlsport_settings *settings, const char *name,
                                       const char *value);

/*
 * The value of an option as text; several are a line each. Empty where none is set. Null for a
 * name that is no option's. Lent by the settings.
 */
const char *tlsport_settings_get(tlsport_settings *settings, const char *name);

/* What tlsport_settings_report prints. */
enum tlsport_report_format {
    TLSPORT_REPORT_TEXT = 0, /* for people */
    TLSPORT_REPORT_JSON = 1  /* one object: "settings", "openssl", "notes" */
};

/*
 * What `tlsport show` prints: every setting and who set it, what libssl makes of them, and
 * remarks. Where something is wrong, the part that can be told is told, "openssl" is null in
 * JSON, and tlsport_last_status and tlsport_last_error say what is wrong. Null for null
 * settings or another format. Lent by the settings.
 */
const char *tlsport_settings_report(tlsport_settings *settings, int format);

/*
 * Puts the policy of a server onto an SSL_CTX of yours, as the original system's own calls
 * would: protocol versions, options, ciphers, groups, chain and key, client certificates,
 * session cache and its id context, ALPN, server names. The SSL_CTX stays yours. What the
 * policy does not speak of (modes, your callbacks, your verify callback, your ticket keys
 * unless "ssl.ticket-keys" is set, your chain and key unless "ssl.keyfile" is) stays as it is.
 * Options and ciphers that were set before are replaced, or joined where OpenSSL joins them
 * (SSL_CTX_set_options).
 *
 * Everything is tried first on an SSL_CTX of ours, so that settings which are wrong leave yours
 * untouched (TLSPORT_ERROR_SETTINGS). TLSPORT_ERROR_USAGE for one that has had connections or
 * such a policy already, one for DTLS or for clients, one of tlsport_context_ssl_ctx, one whose
 * method has a fixed version which is not the policy's, and one with a store for verifying of
 * its own (SSL_CTX_set1_verify_cert_store), which OpenSSL would ask in place of "ssl.cafile".
 * The session cache, where it is on, is the SSL_CTX's own. Where clients are verified,
 * SSL_CTX_set_session_ticket_cb is taken to refuse tickets of clients whose certificate has
 * expired since; server names take SSL_CTX_set_client_hello_cb; "kdb-accept-expired" and
 * "ssl.verify-client" request-unverified take the verify callback. SSL_get_verify_result tells
 * what that has passed over, 10 for a certificate that has expired: whose SSL_CTX it is has to
 * warn of it, as nobody else does. A connection that asks for a
 * listed name goes on in an SSL_CTX of ours (SSL_get_SSL_CTX): what OpenSSL asks of that alone,
 * as the callback of SSL_CTX_set_cert_verify_callback, is not asked of yours then.
 */
TLSPORT_CHECK int tlsport_settings_apply(tlsport_settings *settings, struct ssl_ctx_st *ssl_ctx);

/*
 * Puts the policy of a client onto an SSL_CTX of yours. As tlsport_context_new_client says,
 * with the liberties of tlsport_settings_apply. The server's certificate is verified; its name
 * is yours to set for each SSL (SSL_set1_host). Suites by which a server shows none are taken
 * out of the list.
 */
TLSPORT_CHECK int tlsport_settings_apply_client(tlsport_settings *settings,
                                                struct ssl_ctx_st *ssl_ctx);


/* ---- What settings may say ---------------------------------------------------------------- */

/* The name of the dialect with this number, counted from 0; null past the last one. Constant. */
const char *tlsport_dialect_name(size_t number);

/* The name of the option with this number, counted from 0; null past the last one. Constant. */
const char *tlsport_option_name(size_t number);

/*
 * The suites that a cipher string comes to, OpenSSL's names in order of preference, joined by
 * ':', as `openssl ciphers` prints them. `cipher_list` is for TLS 1.2 and older, `ciphersuites`
 * for TLS 1.3; null is libssl's own. Null when libssl can make nothing of a string. Lent until
 * the thread's next call of this function.
 */
const char *tlsport_ciphers(const char *cipher_list, const char *ciphersuites);

/*
 * The bits of an SSL_OP_* mask written as "ssl.options" takes it: a number, names with or
 * without SSL_OP_, or several of them joined by '|' or ','.
 */
TLSPORT_CHECK int tlsport_options_parse(const char *mask, uint64_t *bits);

/*
 * The names of the bits of a mask in the libssl in use, joined by '|'; a bit without a name is
 * a hexadecimal number, so that tlsport_options_parse takes all of it. Empty for 0. Lent until
 * the thread's next call of this function.
 */
const char *tlsport_options_names(uint64_t bits);


/* ---- Contexts ----------------------------------------------------------------------------- */

/*
 * An SSL_CTX of ours with the policy of a server; needs "ssl.keyfile". The settings may be
 * changed or freed afterwards. Null with TLSPORT_ERROR_SETTINGS, everything that is wrong a
 * line each.
 */
TLSPORT_CHECK tlsport_context *tlsport_context_new(tlsport_settings *settings);

/*
 * An SSL_CTX of ours with the policy of a client. Of the settings it takes what was set, not
 * ArangoDB's defaults, which are a server's: versions, options, ciphers, groups; "ssl.alpn" as
 * what to offer; "ssl.keyfile" as the client's certificate; "ssl.cafile" as the only CAs to
 * trust, the system's where none is set; revocation lists. The server's certificate is always
 * verified; suites by which it shows none are not offered.
 */
TLSPORT_CHECK tlsport_context *tlsport_context_new_client(tlsport_settings *settings);

/*
 * The SSL_CTX itself, for what only OpenSSL offers. Lent: SSL_CTX_up_ref before keeping it.
 * Changing it while connections are made with it is a race in OpenSSL.
 */
struct ssl_ctx_st *tlsport_context_ssl_ctx(tlsport_context *context);

/* Gives a context back. Its channels go on. Null does nothing. */
void tlsport_context_free(tlsport_context *context);


/* ---- What is known of a connection -------------------------------------------------------- */

/*
 * Filled in by tlsport_channel_facts and tlsport_conn_facts. Begin with `tlsport_facts facts =
 * {.size = sizeof facts};`, so that a later library knows which members there are. Texts are
 * lent by the handle; null stands for what is not there.
 */
typedef struct tlsport_facts {
    size_t size;                   /* sizeof(tlsport_facts) */
    const char *protocol;        /* "TLSv1.3"; without TLS all is null or 0 */
    const char *cipher;          /* OpenSSL's name */
    const char *cipher_standard; /* the RFCs' name */
    const char *group;           /* key exchange group; null where libssl does not tell it */
    const char *server_name;     /* the name the client asked for (SNI) */
    const char *alpn;            /* the protocol agreed on */
    int bits;                    /* strength of the cipher; 0 without encryption */
    int resumed;                 /* 1 for a resumed session */
    /* The peer's certificate; all null where it showed none. */
    const char *peer_subject;    /* RFC 2253 */
    const char *peer_issuer;     /* RFC 2253 */
    const char *peer_serial;     /* hexadecimal */
    const char *peer_not_before; /* as OpenSSL prints times */
    const char *peer_not_after;  /* as OpenSSL prints times */
    const char *peer_verified;   /* "ok", or why verification failed, in OpenSSL's words */
    const char *peer_pem;        /* the certificate itself */
    const char *peer_subject_one_line; /* "/C=US/CN=a.example", as X509_NAME_oneline has it */
    const char *peer_issuer_one_line;  /* likewise */
    long peer_verify_error;      /* SSL_get_verify_result: 0 is "ok"; 0 as well without one */
} tlsport_facts;

/* Forms of kdb+'s .z.e, for tlsport_channel_kdb_facts and tlsport_conn_kdb_facts. */
enum tlsport_kdb_form {
    TLSPORT_KDB_CURRENT = 0,   /* CURRENT_CIPHER and CURRENT_PROTOCOL, as kdb+ had it first */
    TLSPORT_KDB_CERT = 1,      /* CIPHER, PROTOCOL, and CERT where the peer has shown one */
    TLSPORT_KDB_LOCAL_CERT = 2 /* LOCAL_CERT besides, for ours where one was in use */
};


/* ---- Channels ----------------------------------------------------------------------------- */

/*
 * One TLS connection over a stream socket that you own, in an event loop that you own.
 * Non-blocking sockets answer with wants; on a blocking one each call waits instead, as long as
 * its SO_RCVTIMEO and SO_SNDTIMEO let it. The loop is:
 *
 *   wait for what tlsport_channel_wants says,
 *   read until TLSPORT_WANT_READ, write until TLSPORT_WANT_WRITE
 *
 * Read until a want before waiting: bytes that libssl holds already make no socket readable.
 * SIGPIPE is never raised. An error ends the channel: further calls return it again. The alert
 * that tells the peer is sent as far as the socket takes it at once.
 */

/*
 * The server's side of a connection over `fd`, a connected stream socket. The channel uses `fd`
 * in calls on it and nowhere else; it is yours to close, after the channel was freed or never
 * used again. TLSPORT_ERROR_USAGE for a client's context, TLSPORT_ERROR_IO for what is no
 * stream socket.
 */
TLSPORT_CHECK tlsport_channel *tlsport_channel_accept(tlsport_context *context, int fd);

/*
 * The client's side. `server_name` is the host name or address that the server's certificate
 * must be for; a name is also sent (SNI). Null or empty is TLSPORT_ERROR_USAGE: see
 * tlsport_channel_connect_insecure.
 */
TLSPORT_CHECK tlsport_channel *tlsport_channel_connect(tlsport_context *context, int fd,
                                                       const char *server_name);

/*
 * The client's side, without any look at the server's certificate: whoever sits in between
 * reads everything. `server_name` is sent if it is a name; null sends none. For tests, and for
 * servers that prove themselves otherwise. Each use is logged as a warning.
 */
TLSPORT_CHECK tlsport_channel *tlsport_channel_connect_insecure(tlsport_context *context, int fd,
                                                                const char *server_name);

/*
 * Goes on with the handshake: TLSPORT_OK once it is done, or a want. Reading and writing do it
 * by themselves; it is of use to whoever wants the facts first.
 */
TLSPORT_CHECK int tlsport_channel_handshake(tlsport_channel *channel);

/*
 * Reads at most `len` bytes. The count, at least 1; 0 when the peer has ended its direction in
 * good order; a want; or an error: TLSPORT_ERROR_CLOSED when the stream ended without a
 * close-notify, so that a cut is never taken for an end. `len` of 0 is TLSPORT_ERROR_USAGE.
 */
TLSPORT_CHECK ptrdiff_t tlsport_channel_read(tlsport_channel *channel, void *buf, size_t len);

/*
 * Writes from `buf`. The count that was taken, which may be less than `len`: those bytes need
 * not be kept, the rest is to be written again. TLSPORT_WANT_WRITE when none was taken, because
 * what was taken before has yet to go; before the handshake is done, either want. Of what was
 * taken the last part may still wait for the socket: tlsport_channel_wants tells, and every
 * call sends what it can. `len` of 0 is 0.
 */
TLSPORT_CHECK ptrdiff_t tlsport_channel_write(tlsport_channel *channel, const void *buf,
                                              size_t len);

/*
 * Sends what waits: TLSPORT_OK when nothing waits any more, TLSPORT_WANT_WRITE when something
 * does.
 */
TLSPORT_CHECK int tlsport_channel_flush(tlsport_channel *channel);

/*
 * Ends our direction with a close-notify, after all that was written: TLSPORT_OK once it has
 * gone, or TLSPORT_WANT_WRITE. Reading goes on until the peer has ended as well; writing is
 * TLSPORT_ERROR_USAGE. Before the handshake is done no close-notify can be said: the channel is
 * then over, and the peer sees a cut. It neither shuts nor closes the socket.
 */
TLSPORT_CHECK int tlsport_channel_close(tlsport_channel *channel);

/* What to wait for, joined by |. */
enum tlsport_wants {
    TLSPORT_WANTS_READ = 1, /* the socket to be readable (POLLIN) */
    TLSPORT_WANTS_WRITE = 2 /* the socket to be writable (POLLOUT) */
};

/*
 * What has to happen on the socket before a call can do more, joined of enum tlsport_wants:
 * reading until the peer has ended, writing while something waits to be sent. 0 when the
 * channel is over, or null.
 */
int tlsport_channel_wants(tlsport_channel *channel);

/*
 * 1 when a read would find bytes without the socket, so that waiting for it could be in vain;
 * else 0.
 */
int tlsport_channel_has_pending(tlsport_channel *channel);

/*
 * What was negotiated, and who the peer is. TLSPORT_ERROR_USAGE before the handshake is done.
 * Texts: until the next call of this function on the channel.
 */
TLSPORT_CHECK int tlsport_channel_facts(tlsport_channel *channel, tlsport_facts *facts);

/*
 * The same as kdb+ tells it in .z.e, a line a key, as q prints it; `form` is one of enum
 * tlsport_kdb_form. VERIFIED is 1b where peer_verify_error is 0: certificates are judged, and
 * the verdict told, also where nobody asked for it. Null before the handshake is done. Lent
 * until the next call of this function on the channel.
 */
const char *tlsport_channel_kdb_facts(tlsport_channel *channel, int form);

/*
 * The SSL itself, for what only OpenSSL offers. Lent, and not to be read from, written to or
 * freed.
 */
struct ssl_st *tlsport_channel_ssl(tlsport_channel *channel);

/*
 * Gives a channel back, without a word to the peer: see tlsport_channel_close. Null does
 * nothing.
 */
void tlsport_channel_free(tlsport_channel *channel);


/* ---- Servers ------------------------------------------------------------------------------ */

/* What a callback answers. */
enum tlsport_verdict {
    TLSPORT_CONTINUE = 0, /* more is welcome */
    TLSPORT_FINISH = 1    /* send what was written, then close in good order */
};

/*
 * What your protocol does. Begin with `tlsport_callbacks callbacks = {.size = sizeof
 * callbacks};`; a member may be null. All but `close` return enum tlsport_verdict; another
 * number is logged and cuts the connection. The callbacks of one connection are called by one
 * thread, those of several connections by several at once ("threads").
 */
typedef struct tlsport_callbacks {
    size_t size; /* sizeof(tlsport_callbacks) */
    /* A client has come, and its handshake is done. */
    int (*open)(void *user, tlsport_conn *conn);
    /*
     * Bytes came, 260 KiB at most, all of them to be taken. Not called while what was written
     * before waits to be sent, nor while the connection is paused: a client that does not read is
     * not read from. Null takes them and does nothing.
     */
    int (*data)(void *user, tlsport_conn *conn, const void *bytes, size_t len);
    /*
     * The client has ended its direction in good order; after TLSPORT_CONTINUE there can still
     * be written, now and later. Called when `data` would be: not while something waits or the
     * connection is paused. Null is TLSPORT_FINISH.
     */
    int (*end)(void *user, tlsport_conn *conn);
    /*
     * What was written has all been sent: called once for each time there was something, until
     * TLSPORT_FINISH.
     */
    int (*writable)(void *user, tlsport_conn *conn);
    /*
     * The connection is over, and `conn` is no more once this returns. Called once for each
     * `open`, last. TLSPORT_OK when TLSPORT_FINISH was carried out, else why not:
     * TLSPORT_ERROR_CLOSED when the client was cut off, TLSPORT_ERROR_IO when its stream
     * failed, TLSPORT_ERROR_PEER when it broke the protocol, TLSPORT_ERROR_TIMEOUT when it was
     * idle for too long or still open at the end of a drain or in tlsport_server_free,
     * TLSPORT_ERROR_USAGE after a wrong verdict.
     */
    void (*close)(void *user, tlsport_conn *conn, int status);
} tlsport_callbacks;

/*
 * Serves the endpoints of the settings with threads of ours ("threads"; one a core by default),
 * and answers with the callbacks; they are copied. Without callbacks (null) the settings say
 * who answers ("backend"), as in `tlsport serve`; with them the settings may choose nobody
 * else. The threads block signals, so that those of the process reach threads of yours;
 * limits of the process, such as that of open files, stay as they are. The settings may be
 * changed or freed afterwards. Null with everything that is wrong, a line each:
 * TLSPORT_ERROR_SETTINGS, or TLSPORT_ERROR_IO for an address that cannot be had. Nothing is
 * left behind then.
 */
TLSPORT_CHECK tlsport_server *tlsport_server_new(tlsport_settings *settings,
                                                 const tlsport_callbacks *callbacks, void *user);

/*
 * Where it listens, "http+ssl://127.0.0.1:8530", counted from 0, with the port the system chose
 * where 0 was asked for; null past the last one. Lent until the thread's next call of this
 * function.
 */
const char *tlsport_server_endpoint(tlsport_server *server, size_t number);

/*
 * Goes over to other settings, all or nothing: on failure it serves as before. Open connections
 * keep what they have, the next one is on the new terms. Not from a callback.
 */
TLSPORT_CHECK int tlsport_server_reload(tlsport_server *server, tlsport_settings *settings);

/*
 * Accepts nothing more and lets open connections end; those that have not within `limit_ms`
 * milliseconds are closed. -1 waits for ever, 0 closes them at once. Called again, it brings
 * the end nearer, never further away. Returns at once: see tlsport_server_wait. Callbacks may
 * call it.
 */
TLSPORT_CHECK int tlsport_server_drain(tlsport_server *server, int limit_ms);

/*
 * Waits until it has drained, `limit_ms` milliseconds at the most (-1 for ever): TLSPORT_OK, or
 * TLSPORT_ERROR_TIMEOUT. Not from a callback.
 */
TLSPORT_CHECK int tlsport_server_wait(tlsport_server *server, int limit_ms);

/*
 * What was counted since the start. Begin with `tlsport_totals totals = {.size = sizeof
 * totals};`.
 */
typedef struct tlsport_totals {
    size_t size; /* sizeof(tlsport_totals) */
    uint64_t accepted;
    uint64_t closed;
    uint64_t refused; /* by a ceiling */
    uint64_t handshakes_full;
    uint64_t handshakes_resumed;
    uint64_t handshakes_failed;
    uint64_t bytes_in;  /* decrypted, from clients */
    uint64_t bytes_out; /* before encryption, to clients */
} tlsport_totals;

/* Fills in what was counted so far. */
TLSPORT_CHECK int tlsport_server_totals(tlsport_server *server, tlsport_totals *totals);

/*
 * Closes what is open, waits for the threads, and gives the server back. From a callback it
 * would wait for itself: then it does nothing but log an error. Null does nothing. To be called
 * before the process exits: OpenSSL's clean-up at exit, where the program had it started with
 * one, waits for no thread.
 */
void tlsport_server_free(tlsport_server *server);

/*
 * Calls `call` on the thread of a connection, as a callback: with the connection, or with null
 * when it is over or was finished, in which case only `arg` is to be seen to. For answers that
 * are made on another thread. Any thread; once for each time this returned TLSPORT_OK, before
 * tlsport_server_free returns. What it returns is a verdict, which counts where there is a
 * connection. It may come while something waits to be sent. TLSPORT_ERROR_CLOSED when the
 * server has drained.
 */
TLSPORT_CHECK int tlsport_server_call(tlsport_server *server, uint64_t conn_id,
                                      int (*call)(void *user, tlsport_conn *conn, void *arg),
                                      void *arg);


/* ---- Connections of a server -------------------------------------------------------------- */

/*
 * For callbacks only: elsewhere, or on another connection's thread, they are
 * TLSPORT_ERROR_USAGE.
 */

/*
 * Writes, after all that was written before. The count that was taken, or TLSPORT_WANT_WRITE
 * when none was because a megabyte waits to be sent: `writable` tells when it has gone.
 * TLSPORT_ERROR_CLOSED in `close`, and after tlsport_conn_close.
 */
TLSPORT_CHECK ptrdiff_t tlsport_conn_write(tlsport_conn *conn, const void *bytes, size_t len);

/*
 * Stops reading from the client, who is stopped by TCP in turn, until tlsport_conn_resume. That
 * the client has ended or is gone is noticed no sooner, unless by writing.
 */
TLSPORT_CHECK int tlsport_conn_pause(tlsport_conn *conn);

/* Reads from the client again. */
TLSPORT_CHECK int tlsport_conn_resume(tlsport_conn *conn);

/* Sends what was written, then closes in good order, whatever the callback answers. */
TLSPORT_CHECK int tlsport_conn_close(tlsport_conn *conn);

/*
 * Gives the connection a pointer of yours, null at first; `close` is where to free what it
 * points to.
 */
TLSPORT_CHECK int tlsport_conn_set_user(tlsport_conn *conn, void *pointer);

/* That pointer. */
void *tlsport_conn_user(tlsport_conn *conn);

/* A number that no other connection of the process has, for tlsport_server_call. 0 for null. */
uint64_t tlsport_conn_id(tlsport_conn *conn);

/*
 * The client's address and port, "203.0.113.9:51234"; "local" over a unix socket. Lent by the
 * connection.
 */
const char *tlsport_conn_peer(tlsport_conn *conn);

/* The endpoint it came by, as tlsport_server_endpoint has it. Lent by the connection. */
const char *tlsport_conn_endpoint(tlsport_conn *conn);

/* What was negotiated, and who the client is. Texts: as long as the connection. */
TLSPORT_CHECK int tlsport_conn_facts(tlsport_conn *conn, tlsport_facts *facts);

/*
 * As tlsport_channel_kdb_facts; without TLS the empty dictionary, "()!()". Lent until the next
 * call of this function on the connection.
 */
const char *tlsport_conn_kdb_facts(tlsport_conn *conn, int form);

#ifdef __cplusplus
}
#endif

#endif
