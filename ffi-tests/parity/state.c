/* An SSL_CTX in words: all that libssl tells of it, and its answer to one ClientHello. */
#include "parity.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static const char *version_name(int version)
{
    switch (version) {
    case 0: return "open";
    case SSL3_VERSION: return "SSLv3";
    case TLS1_VERSION: return "TLSv1";
    case TLS1_1_VERSION: return "TLSv1.1";
    case TLS1_2_VERSION: return "TLSv1.2";
    case TLS1_3_VERSION: return "TLSv1.3";
    default: return "?";
    }
}

/*
 * A fixed-version method has no bounds of its own: a fresh SSL says which version it speaks. The
 * negotiating method says the highest there is, for which there is no fixed-version method.
 */
static void read_versions(SSL_CTX *context, SSL *ssl, struct report *report)
{
    bool fixed = SSL_version(ssl) < TLS1_3_VERSION;
    int min = fixed ? SSL_version(ssl) : (int)SSL_CTX_get_min_proto_version(context);
    int max = fixed ? SSL_version(ssl) : (int)SSL_CTX_get_max_proto_version(context);
    report_add(report, "versions", "%s to %s", version_name(min), version_name(max));
}

static void read_suites(struct report *report, const char *name, STACK_OF(SSL_CIPHER) *suites)
{
    struct text text = {0};
    for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++) {
        text_add(&text, i ? ":%s" : "%s", SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i)));
    }
    report_take(report, name, &text);
}

static void read_ciphers(SSL_CTX *context, SSL *ssl, struct report *report)
{
    read_suites(report, "ciphers", SSL_CTX_get_ciphers(context));
    STACK_OF(SSL_CIPHER) *usable = SSL_get1_supported_ciphers(ssl);
    read_suites(report, "ciphers within reach", usable);
    sk_SSL_CIPHER_free(usable);
    report_add(report, "security level", "%d", SSL_CTX_get_security_level(context));
}

static void add_certificate(struct text *text, X509 *certificate)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    MUST(X509_digest(certificate, EVP_sha256(), hash, &length) == 1);
    text_add(text, " %02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

/* Every identity with its chain, leaf first. */
static void read_identities(SSL_CTX *context, struct report *report)
{
    struct text text = {0};
    long there = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);
    while (there == 1) {
        STACK_OF(X509) *chain = NULL;
        SSL_CTX_get0_chain_certs(context, &chain);
        text_add(&text, "[");
        add_certificate(&text, SSL_CTX_get0_certificate(context));
        for (int i = 0; i < sk_X509_num(chain); i++) {
            add_certificate(&text, sk_X509_value(chain, i));
        }
        text_add(&text, SSL_CTX_check_private_key(context) == 1 ? " with key ]" : " no key ]");
        there = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT);
    }
    SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);
    report_take(report, "identities", &text);
}

static int count_authorities(X509_STORE *store)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get1_objects(store);
    int count = sk_X509_OBJECT_num(objects);
    sk_X509_OBJECT_pop_free(objects, X509_OBJECT_free);
    return count;
#else
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
#endif
}

static void read_trust(SSL_CTX *context, struct report *report)
{
    struct text text = {0};
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(context);
    for (int i = 0; i < sk_X509_NAME_num(names); i++) {
        char name[256];
        X509_NAME_oneline(sk_X509_NAME_value(names, i), name, sizeof name);
        text_add(&text, "%s;", name);
    }
    report_take(report, "CA names", &text);
    report_add(report, "CAs", "%d", count_authorities(SSL_CTX_get_cert_store(context)));
    report_add(report, "verify mode", "%d", SSL_CTX_get_verify_mode(context));
    report_add(report, "verify depth", "%d", SSL_CTX_get_verify_depth(context));
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    report_add(report, "verify flags", "%#lx", X509_VERIFY_PARAM_get_flags(param));
}

static void read_resumption(SSL_CTX *context, struct report *report)
{
    report_add(report, "session mode", "%#lx", SSL_CTX_get_session_cache_mode(context));
    report_add(report, "session cache size", "%ld", SSL_CTX_sess_get_cache_size(context));
    report_add(report, "session timeout", "%ld", SSL_CTX_get_timeout(context));
    report_add(report, "tickets", "%zu", SSL_CTX_get_num_tickets(context));
    report_add(report, "early data", "%u, %u", SSL_CTX_get_max_early_data(context),
               SSL_CTX_get_recv_max_early_data(context));
}

/* Which callbacks there are. What they do is seen in handshakes. */
static void read_callbacks(SSL_CTX *context, struct report *report)
{
    struct text text = {0};
    struct {
        const char *name;
        bool is_set;
    } callbacks[] = {
        {"verify", SSL_CTX_get_verify_callback(context) != NULL},
        {"info", SSL_CTX_get_info_callback(context) != NULL},
        {"client certificate", SSL_CTX_get_client_cert_cb(context) != NULL},
        {"new session", SSL_CTX_sess_get_new_cb(context) != NULL},
        {"get session", SSL_CTX_sess_get_get_cb(context) != NULL},
        {"remove session", SSL_CTX_sess_get_remove_cb(context) != NULL},
        {"key log", SSL_CTX_get_keylog_callback(context) != NULL},
    };
    for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++) {
        text_add(&text, "%s", callbacks[i].is_set ? callbacks[i].name : "");
    }
    report_take(report, "callbacks", &text);
}

static void read_manners(SSL_CTX *context, struct report *report)
{
    report_add(report, "options", "%#llx", (unsigned long long)SSL_CTX_get_options(context));
    report_add(report, "modes", "%#lx", SSL_CTX_get_mode(context));
    report_add(report, "read ahead", "%ld", SSL_CTX_get_read_ahead(context));
    report_add(report, "quiet shutdown", "%d", SSL_CTX_get_quiet_shutdown(context));
    report_add(report, "largest chain", "%ld", SSL_CTX_get_max_cert_list(context));
}

/* ---- The answer to a ClientHello ---------------------------------------------------------- */

/* A ClientHello that offers every version, suite, group and protocol; made once. */
static const struct text *hello(void)
{
    static struct text hello;
    static unsigned char bytes[2048];
    if (!hello.start) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        MUST(context && SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1);
        MUST(SSL_CTX_set1_groups_list(context, "P-256:X25519:P-384:P-521:X448") == 1);
        const unsigned char *alpn = (const unsigned char *)"\x02h2\x08http/1.1";
        MUST(SSL_CTX_set_alpn_protos(context, alpn, 12) == 0);
        SSL *ssl = SSL_new(context);
        BIO *out = BIO_new(BIO_s_mem());
        MUST(ssl && out);
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
        MUST(SSL_connect(ssl) < 0);
        int length = BIO_read(out, bytes, sizeof bytes);
        MUST(length > 0);
        hello = (struct text){(char *)bytes, (size_t)length, sizeof bytes};
        SSL_free(ssl);
        SSL_CTX_free(context);
        ERR_clear_error();
    }
    return &hello;
}

static void read_groups(SSL *ssl, struct report *report)
{
    struct text text = {0};
    long count = SSL_get_shared_group(ssl, -1);
    for (int i = 0; i < count; i++) {
        long nid = SSL_get_shared_group(ssl, i);
        text_add(&text, i ? ":%s" : "%s", OBJ_nid2sn((int)nid));
    }
    report_take(report, "groups", &text);
}

/* It is random: only whether there is one can be alike. */
static void read_id_context(SSL *ssl, struct report *report)
{
    unsigned length = 0;
    SSL_SESSION *session = SSL_get_session(ssl);
    if (session) {
        SSL_SESSION_get0_id_context(session, &length);
    }
    report_add(report, "session id context", "%s", length ? "set" : "not set");
}

static void read_answer(SSL *ssl, struct report *report)
{
    BIO *in = BIO_new_mem_buf(hello()->start, (int)hello()->length);
    BIO *out = BIO_new(BIO_s_mem());
    MUST(in && out);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    ERR_clear_error();
    int done = SSL_accept(ssl);
    struct text answer = {0};
    if (done < 0 && SSL_get_error(ssl, done) == SSL_ERROR_WANT_READ) {
        const unsigned char *alpn = NULL;
        unsigned length = 0;
        SSL_get0_alpn_selected(ssl, &alpn, &length);
        text_add(&answer, "%s, alpn '%.*s'", SSL_get_version(ssl), (int)length,
                 (const char *)alpn);
    } else {
        text_add_reason(&answer);
    }
    report_take(report, "answer", &answer);
    read_groups(ssl, report);
    read_id_context(ssl, report);
}

void state_read(SSL_CTX *context, struct report *report)
{
    SSL *ssl = SSL_new(context);
    MUST(ssl);
    SSL_set_accept_state(ssl);
    read_manners(context, report);
    read_versions(context, ssl, report);
    read_ciphers(context, ssl, report);
    read_identities(context, report);
    read_trust(context, report);
    read_resumption(context, report);
    read_callbacks(context, report);
    read_answer(ssl, report);
    SSL_free(ssl);
    ERR_clear_error();
}
