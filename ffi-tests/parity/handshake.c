/* A client and a server over memory, and what both saw, message for message. */
#include "parity.h"

#include <string.h>

#include <openssl/err.h>

/* One end of a connection. */
struct side {
    SSL *ssl;
    bool ended;         /* the handshake, well or not */
    struct text result; /* of the handshake */
    struct text seen;   /* the messages, from the server's side; the alerts, from the client's */
};

/* ---- Messages ----------------------------------------------------------------------------- */

static unsigned long hash(const unsigned char *bytes, size_t length)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 16777619u;
    }
    return sum;
}

static size_t number(const unsigned char *bytes)
{
    return ((size_t)bytes[0] << 8) | bytes[1];
}

/* The types of a ServerHello's extensions, in their order. */
static void add_extensions(struct text *seen, const unsigned char *hello, size_t length)
{
    size_t at = 4 + 2 + 32;
    if (at >= length) {
        return;
    }
    at += 1 + (size_t)hello[at] + 2 + 1 + 2;
    text_add(seen, "(");
    for (; at + 4 <= length; at += 4 + number(hello + at + 2)) {
        text_add(seen, " %zx", number(hello + at));
    }
    text_add(seen, " )");
}

/* The ASN.1 INTEGER of a number that is not 0: a byte more where its highest bit is set. */
static int integer_length(uint32_t number)
{
    int length = 1;
    for (; number > 0x7f; number >>= 8) {
        length++;
    }
    return length;
}

/*
 * The lifetime, and how much of a session there is: sealed in the ticket, or kept and the ticket
 * its id. In TLS 1.3 the session has the ticket's age_add, a random number: one of few bytes takes
 * less, and now and then the sealed session a block of the cipher less. So the bytes of the
 * ticket itself are not the same each time; those of the session without that number are.
 */
static void add_ticket(struct text *seen, const unsigned char *message, size_t length, SSL *ssl)
{
    enum { AGE_ADD = 4 + 4, KEPT = AGE_ADD + 4 + 1 + 8 + 2 + SSL_MAX_SSL_SESSION_ID_LENGTH + 2 };
    int session = i2d_SSL_SESSION(SSL_get_session(ssl), NULL);
    MUST(session > 0 && length >= AGE_ADD + 4);
    if (SSL_version(ssl) == TLS1_3_VERSION) {
        const unsigned char *age = message + AGE_ADD;
        session -= integer_length((uint32_t)number(age) << 16 | (uint32_t)number(age + 2));
    }
    text_add(seen, "(%lx, %s, %d bytes of session)", hash(message + 4, 4),
             length > KEPT ? "sealed" : "kept", session);
}

/* What of a message is the same each time; random bytes, keys and signatures are not. */
static void add_handshake(struct text *seen, const unsigned char *message, size_t length, SSL *ssl)
{
    int type = message[0];
    text_add(seen, " %d", type);
    switch (type) {
    case SSL3_MT_SERVER_HELLO:
        add_extensions(seen, message, length);
        break;
    case SSL3_MT_NEWSESSION_TICKET: add_ticket(seen, message, length, ssl); break;
    case SSL3_MT_ENCRYPTED_EXTENSIONS:
    case SSL3_MT_CERTIFICATE:
    case SSL3_MT_CERTIFICATE_REQUEST:
        text_add(seen, "(%zu bytes, %lx)", length, hash(message, length));
        break;
    default:
        break;
    }
}

static void see(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl,
                void *user)
{
    (void)version;
    struct side *side = user;
    const unsigned char *message = bytes;
    bool is_server = SSL_is_server(ssl);
    if (type == SSL3_RT_ALERT && length == 2 && (is_server || sent)) {
        text_add(&side->seen, "%s alert %d/%d", sent ? ">" : "<", message[0], message[1]);
    } else if (type == SSL3_RT_CHANGE_CIPHER_SPEC && is_server) {
        text_add(&side->seen, "%s ccs", sent ? ">" : "<");
    } else if (type == SSL3_RT_HANDSHAKE && is_server && length >= 4) {
        text_add(&side->seen, "%s", sent ? ">" : "<");
        /* A client's ClientHello, Certificate and so on are its own matter. */
        if (sent) {
            add_handshake(&side->seen, message, length, ssl);
        } else {
            text_add(&side->seen, " %d", message[0]);
        }
    } else {
        return;
    }
    text_add(&side->seen, " ");
}

/* ---- Steps -------------------------------------------------------------------------------- */

static void begin(struct side *side, SSL_CTX *context, BIO *in, BIO *out, bool is_server)
{
    *side = (struct side){.ssl = SSL_new(context)};
    MUST(side->ssl && BIO_up_ref(in) && BIO_up_ref(out));
    SSL_set_bio(side->ssl, in, out);
    if (is_server) {
        SSL_set_accept_state(side->ssl);
    } else {
        SSL_set_connect_state(side->ssl);
    }
    SSL_set_msg_callback(side->ssl, see);
    SSL_set_msg_callback_arg(side->ssl, side);
}

static void end(struct side *side)
{
    SSL_free(side->ssl);
    text_free(&side->result);
    text_free(&side->seen);
    ERR_clear_error();
}

/* What a call came to: done, wants, or an error by its reason. */
static void add_result(struct text *text, const SSL *ssl, int done)
{
    switch (done > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, done)) {
    case SSL_ERROR_NONE: text_add(text, "done"); break;
    case SSL_ERROR_WANT_READ: text_add(text, "wants more"); break;
    case SSL_ERROR_ZERO_RETURN: text_add(text, "closed"); break;
    case SSL_ERROR_SYSCALL: text_add(text, "cut: "); text_add_reason(text); break;
    default: text_add_reason(text); break;
    }
}

static void step(struct side *side)
{
    if (side->ended) {
        return;
    }
    ERR_clear_error();
    int done = SSL_do_handshake(side->ssl);
    if (done == 1 || SSL_get_error(side->ssl, done) != SSL_ERROR_WANT_READ) {
        side->ended = true;
        add_result(&side->result, side->ssl, done);
    }
}

static bool shake_hands(struct side *client, struct side *server)
{
    for (int round = 0; round < 10 && !(client->ended && server->ended); round++) {
        step(client);
        step(server);
    }
    return SSL_is_init_finished(client->ssl) && SSL_is_init_finished(server->ssl);
}

static int read_some(struct side *side)
{
    char bytes[16];
    ERR_clear_error();
    return SSL_read(side->ssl, bytes, sizeof bytes);
}

/* A word each way, with which the client also reads its tickets. */
static void talk(struct side *client, struct side *server, struct report *report)
{
    struct text said = {0};
    ERR_clear_error();
    SSL_write(client->ssl, "ping", 4);
    add_result(&said, server->ssl, read_some(server));
    ERR_clear_error();
    SSL_write(server->ssl, "pong", 4);
    text_add(&said, ", ");
    add_result(&said, client->ssl, read_some(client));
    report_take(report, "talk", &said);
}

static void renegotiate(struct side *client, struct side *server, struct report *report)
{
    struct text text = {0};
    int heard = 0;
    int done = 0;
    ERR_clear_error();
    MUST(SSL_renegotiate(client->ssl) == 1);
    for (int round = 0; round < 6 && done != 1; round++) {
        ERR_clear_error();
        done = SSL_do_handshake(client->ssl);
        heard = read_some(server);
    }
    add_result(&text, server->ssl, heard);
    ERR_clear_error();
    text_add(&text, SSL_renegotiate_pending(client->ssl) ? ", pending" : ", over");
    text_add(&text, ", client's call %d", done);
    report_take(report, "renegotiation", &text);
}

static void part(const struct client *client, struct side *ours, struct side *server,
                 struct report *report)
{
    struct text text = {0};
    ERR_clear_error();
    if (client->cuts) {
        BIO_set_mem_eof_return(SSL_get_rbio(server->ssl), 0);
    } else {
        SSL_shutdown(ours->ssl);
    }
    add_result(&text, server->ssl, read_some(server));
    report_take(report, "end", &text);
}

/* ---- A connection ------------------------------------------------------------------------- */

static void add_facts(struct side *client, struct side *server, struct report *report)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_length = 0;
    unsigned id_length = 0;
    int digest = NID_undef;
    int signature = NID_undef;
    SSL *ssl = server->ssl;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
    SSL_get_peer_signature_nid(client->ssl, &digest);
    SSL_get_peer_signature_type_nid(client->ssl, &signature);
    SSL_SESSION_get_id(SSL_get_session(ssl), &id_length);
    report_add(report, "version", "%s", SSL_get_version(ssl));
    report_add(report, "cipher", "%s", SSL_get_cipher_name(ssl));
    report_add(report, "group", "%ld", SSL_get_shared_group(ssl, 0));
    report_add(report, "signature", "%s with %s", OBJ_nid2sn(signature),
               OBJ_nid2sn(digest));
    report_add(report, "alpn", "%.*s", (int)alpn_length, (const char *)alpn);
    report_add(report, "resumed", "%s", SSL_session_reused(ssl) ? "yes" : "no");
    report_add(report, "extended secret", "%d", (int)SSL_get_extms_support(ssl));
    report_add(report, "client verified", "%ld", SSL_get_verify_result(ssl));
    report_add(report, "session id length", "%u", id_length);
}

/* Leaves the session in `session`, null if there is none to resume. */
static void connect_once(const struct client *client, SSL_CTX *server_context,
                         SSL_SESSION **session, struct report *report)
{
    struct side ours;
    struct side server;
    BIO *to_server = BIO_new(BIO_s_mem());
    BIO *to_client = BIO_new(BIO_s_mem());
    MUST(to_server && to_client);
    begin(&ours, client->context, to_client, to_server, false);
    begin(&server, server_context, to_server, to_client, true);
    if (*session) {
        MUST(SSL_set_session(ours.ssl, *session) == 1);
        SSL_SESSION_free(*session);
        *session = NULL;
    }
    if (client->bytes) {
        ours.ended = true;
        BIO_write(to_server, client->bytes, (int)client->length);
        BIO_set_mem_eof_return(to_server, 0);
    }
    if (shake_hands(&ours, &server)) {
        add_facts(&ours, &server, report);
        talk(&ours, &server, report);
        if (client->renegotiates) {
            renegotiate(&ours, &server, report);
        }
        part(client, &ours, &server, report);
        *session = SSL_get1_session(ours.ssl);
    }
    report_take(report, "server", &server.result);
    report_take(report, "client", &ours.result);
    report_take(report, "messages", &server.seen);
    report_take(report, "client's alerts", &ours.seen);
    end(&ours);
    end(&server);
    BIO_free(to_server);
    BIO_free(to_client);
}

void handshake_try(const struct client *client, SSL_CTX *server, struct report *report)
{
    SSL_SESSION *session = NULL;
    connect_once(client, server, &session, report);
    bool again = session && SSL_SESSION_is_resumable(session);
    report_add(report, "resumable", "%s", again ? "yes" : "no");
    if (again) {
        report->prefix = "again: ";
        connect_once(client, server, &session, report);
        report->prefix = NULL;
    }
    SSL_SESSION_free(session);
}
