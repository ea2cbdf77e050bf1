/*
 * That the comparison can fail: two contexts of the original's, one of them changed by one call,
 * have to differ in the fact that the call is about. Every fact of a state has such a call.
 */
#include "parity.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

typedef void plant(SSL_CTX *context);

static void other_option(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

/* Clients may renegotiate unless told otherwise before OpenSSL 3.0, and only if told so since. */
static void other_renegotiation(SSL_CTX *context)
{
#ifdef SSL_OP_ALLOW_CLIENT_RENEGOTIATION
    SSL_CTX_set_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
#else
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
#endif
}

static void other_signatures(SSL_CTX *context)
{
    MUST(SSL_CTX_set1_sigalgs_list(context, "ECDSA+SHA384") == 1);
}

static void no_encrypt_then_mac(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC);
}

static void newer_versions(SSL_CTX *context)
{
    MUST(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
}

static void older_versions(SSL_CTX *context)
{
    MUST(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1);
}

static void other_order(SSL_CTX *context)
{
    MUST(SSL_CTX_set_cipher_list(context, "AES128-SHA256:AES256-SHA256") == 1);
}

static void other_suites(SSL_CTX *context)
{
    MUST(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1);
}

static void higher_level(SSL_CTX *context)
{
    SSL_CTX_set_security_level(context, 3);
}

static void other_identity(SSL_CTX *context)
{
    const char *file = keyfile_path(RSA_WITH_CHAIN);
    MUST(SSL_CTX_use_certificate_chain_file(context, file) == 1);
    MUST(SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1);
}

static void other_names(SSL_CTX *context)
{
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(cafile_path()));
}

static void other_store(SSL_CTX *context)
{
    MUST(SSL_CTX_load_verify_locations(context, cafile_path(), NULL) == 1);
}

static void ask(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
}

static void insist(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void less_depth(SSL_CTX *context)
{
    SSL_CTX_set_verify_depth(context, 1);
}

static void check_lists(SSL_CTX *context)
{
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
}

static void no_cache(SSL_CTX *context)
{
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static void small_cache(SSL_CTX *context)
{
    SSL_CTX_sess_set_cache_size(context, 1);
}

static void short_sessions(SSL_CTX *context)
{
    SSL_CTX_set_timeout(context, 1);
}

static void no_tickets(SSL_CTX *context)
{
    MUST(SSL_CTX_set_num_tickets(context, 0) == 1);
}

static void early_data(SSL_CTX *context)
{
    MUST(SSL_CTX_set_max_early_data(context, 1) == 1);
}

static int keep_no_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    (void)session;
    return 0;
}

static void callback(SSL_CTX *context)
{
    SSL_CTX_sess_set_new_cb(context, keep_no_session);
}

static void modes(SSL_CTX *context)
{
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

static void read_ahead(SSL_CTX *context)
{
    SSL_CTX_set_read_ahead(context, 1);
}

static void quiet(SSL_CTX *context)
{
    SSL_CTX_set_quiet_shutdown(context, 1);
}

static void short_chains(SSL_CTX *context)
{
    SSL_CTX_set_max_cert_list(context, 10);
}

static void no_alpn(SSL_CTX *context)
{
    SSL_CTX_set_alpn_select_cb(context, NULL, NULL);
}

static void other_groups(SSL_CTX *context)
{
    MUST(SSL_CTX_set1_groups_list(context, "P-384") == 1);
}

static void no_id_context(SSL_CTX *context)
{
    MUST(SSL_CTX_set_session_id_context(context, NULL, 0) == 1);
}

/* Before OpenSSL 3.0 nothing tolerates it, and the connection is not made at all. */
static void end_tolerated(SSL_CTX *context)
{
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#else
    newer_versions(context);
#endif
}

/* `client` is null for what the state shows. */
static const struct {
    const char *client;
    const char *fact;
    plant *plant;
} plants[] = {
    {NULL, "options", other_option},
    {NULL, "modes", modes},
    {NULL, "read ahead", read_ahead},
    {NULL, "quiet shutdown", quiet},
    {NULL, "largest chain", short_chains},
    {NULL, "versions", newer_versions},
    {NULL, "ciphers", other_order},
    {NULL, "ciphers", other_suites},
    {NULL, "ciphers within reach", older_versions},
    {NULL, "security level", higher_level},
    {NULL, "identities", other_identity},
    {NULL, "CA names", other_names},
    {NULL, "CAs", other_store},
    {NULL, "verify mode", ask},
    {NULL, "verify depth", less_depth},
    {NULL, "verify flags", check_lists},
    {NULL, "session mode", no_cache},
    {NULL, "session cache size", small_cache},
    {NULL, "session timeout", short_sessions},
    {NULL, "tickets", no_tickets},
    {NULL, "early data", early_data},
    {NULL, "callbacks", callback},
    {NULL, "answer", no_alpn},
    {NULL, "groups", other_groups},
    {NULL, "session id context", no_id_context},
    {"any version", "version", older_versions},
    {"TLS 1.2", "server", newer_versions},
    {"TLS 1.2", "client", newer_versions},
    {"TLS 1.2", "cipher", other_order},
    {"any version", "group", other_groups},
    {"TLS 1.2", "signature", other_signatures},
    {"h2 and http/1.1", "alpn", no_alpn},
    {"any version", "messages", ask},
    {"any version", "messages", no_tickets},
    {"any version", "messages", other_store},
    {"TLS 1.2", "messages", short_sessions},
    {"CBC", "messages", no_encrypt_then_mac},
    {"with a stranger's certificate", "server", insist},
    {"with a stranger's certificate", "talk", insist},
    {"with a certificate, TLS 1.2", "client verified", ask},
    {"TLS 1.2, no tickets", "again: resumed", no_cache},
    {"any version", "again: messages", short_sessions},
    {"any version", "resumable", no_tickets},
    {"TLS 1.2, no tickets", "session id length", no_cache},
    {"renegotiating", "renegotiation", other_renegotiation},
    {"leaving without a word, TLS 1.2", "end", end_tolerated},
};

static const size_t plants_count = sizeof plants / sizeof *plants;

static const struct client *client_named(const char *name)
{
    size_t count = 0;
    const struct client *all = clients(&count);
    size_t i = 0;
    while (i < count && strcmp(all[i].name, name) != 0) {
        i++;
    }
    MUST(i < count);
    return &all[i];
}

/* What the callback of report_compare looks for. */
struct search {
    const char *fact;
    bool found;
};

static void look(void *user, const char *name, const char *left, const char *right)
{
    struct search *search = user;
    (void)left;
    (void)right;
    search->found = search->found || !search->fact || strcmp(search->fact, name) == 0;
}

static void examine(SSL_CTX *context, const char *client, struct report *report)
{
    if (client) {
        handshake_try(client_named(client), context, report);
    } else {
        state_read(context, report);
    }
}

/* Whether `fact`, or any where it is null, differs between a context and a changed one. */
static bool differs(const char *client, const char *fact, plant *change)
{
    const struct policy policy = {
        .protocol = 9, .ciphers = "ALL:@SECLEVEL=0", .session_cache = true, .keyfile = EC_ALONE};
    struct search search = {.fact = fact};
    struct report plain = {0};
    struct report changed = {0};
    SSL_CTX *first = original_context(&policy, RANGE_OF_VERSIONS);
    SSL_CTX *second = original_context(&policy, RANGE_OF_VERSIONS);
    MUST(first && second);
    if (change) {
        change(second);
    }
    examine(first, client, &plain);
    examine(second, client, &changed);
    report_compare(&plain, &changed, look, &search);
    report_free(&plain);
    report_free(&changed);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    ERR_clear_error();
    return search.found;
}

static size_t count_facts_without_plant(void)
{
    const struct policy policy = {.protocol = 9};
    struct report report = {0};
    size_t missing = 0;
    SSL_CTX *context = original_context(&policy, RANGE_OF_VERSIONS);
    MUST(context);
    state_read(context, &report);
    for (size_t i = 0; i < report.count; i++) {
        bool planted = false;
        for (size_t j = 0; j < plants_count; j++) {
            planted = planted || strcmp(plants[j].fact, report.facts[i].name) == 0;
        }
        if (!planted) {
            printf("no difference is planted in '%s'\n", report.facts[i].name);
            missing++;
        }
    }
    report_free(&report);
    SSL_CTX_free(context);
    return missing;
}

size_t planted_try(void)
{
    size_t failures = count_facts_without_plant();
    for (size_t i = 0; i < plants_count; i++) {
        const char *client = plants[i].client;
        const char *where = client ? client : "the state";
        bool is_first = i == 0 || client != plants[i - 1].client;
        if (is_first && differs(client, NULL, NULL)) {
            printf("%s: two contexts that were made alike differ\n", where);
            failures++;
        }
        if (!differs(client, plants[i].fact, plants[i].plant)) {
            printf("%s: a planted difference in '%s' goes unseen\n", where, plants[i].fact);
            failures++;
        }
    }
    return failures;
}
