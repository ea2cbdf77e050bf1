/*
 * The reference: the calls that ArangoDB 3.x makes, in its order, and nothing else.
 *
 * Some of them are deprecated, and a few are gone from the newest OpenSSL; what stands in for
 * those does what they did.
 */
#include "parity.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rand.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

const SSL_METHOD *method_of(int protocol, enum making making)
{
    (void)making; /* an OpenSSL without fixed-version methods */
    switch (protocol) {
    case 2:
        return TLS_method();
    case 3:
#if !defined(OPENSSL_NO_SSL3_METHOD) && OPENSSL_VERSION_NUMBER < 0x40000000L
        return making == FIXED_METHOD ? SSLv3_method() : TLS_server_method();
#else
        return NULL;
#endif
#if !defined(OPENSSL_NO_TLS1_METHOD) && OPENSSL_VERSION_NUMBER < 0x40000000L
    case 4:
        return making == FIXED_METHOD ? TLSv1_server_method() : TLS_server_method();
#endif
#if !defined(OPENSSL_NO_TLS1_2_METHOD) && OPENSSL_VERSION_NUMBER < 0x40000000L
    case 5:
        return making == FIXED_METHOD ? TLSv1_2_method() : TLS_server_method();
#endif
    default:
        return TLS_server_method();
    }
}

/* libssl has no fixed-version method for TLS 1.3. */
static bool set_range(SSL_CTX *context, int protocol, enum making making)
{
    int version = 0;
    switch (protocol) {
    case 3: version = SSL3_VERSION; break;
    case 4: version = TLS1_VERSION; break;
    case 5: version = TLS1_2_VERSION; break;
    case 6: version = TLS1_3_VERSION; break;
    default: return true;
    }
    if (making == FIXED_METHOD && method_of(protocol, FIXED_METHOD) != TLS_server_method()) {
        return true;
    }
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_max_proto_version(context, version) == 1;
}

/* A curve is a key first, so that what is no curve of such keys, as X25519, is refused. */
static bool set_curve(SSL_CTX *context, const char *name)
{
    int nid = OBJ_sn2nid(name);
    if (nid == NID_undef) {
        return false;
    }
    EC_KEY *key = EC_KEY_new_by_curve_name(nid);
    if (!key) {
        return false;
    }
    EC_KEY_free(key);
    if (SSL_CTX_set1_groups(context, &nid, 1) != 1) {
        return false;
    }
    SSL_CTX_set_options(context, SSL_OP_SINGLE_ECDH_USE);
    return true;
}

static bool set_session_id_context(SSL_CTX *context)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    MUST(RAND_bytes(id, sizeof id) == 1);
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (unsigned char)letters[id[i] % (sizeof letters - 1)];
    }
    return SSL_CTX_set_session_id_context(context, id, sizeof id) == 1;
}

static bool load_authorities(SSL_CTX *context)
{
    if (SSL_CTX_load_verify_locations(context, cafile_path(), NULL) != 1) {
        return false;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(cafile_path());
    if (!names) {
        return false;
    }
    SSL_CTX_set_client_CA_list(context, names);
    return true;
}

/* `user` is the list that is agreed on, each name after its length. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *length,
                           const unsigned char *offered, unsigned offered_length, void *user)
{
    (void)ssl;
    const unsigned char *list = user;
    unsigned char *chosen = NULL;
    unsigned list_length = (unsigned)strlen((const char *)list);
    int found = SSL_select_next_proto(&chosen, length, list, list_length, offered, offered_length);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void set_alpn(SSL_CTX *context, const char *alpn)
{
    static char h2_first[] = "\x02h2\x08http/1.1";
    static char http1_first[] = "\x08http/1.1\x02h2";
    static char http1_alone[] = "\x08http/1.1";
    if (strcmp(alpn, "h2,http/1.1") == 0) {
        SSL_CTX_set_alpn_select_cb(context, select_protocol, h2_first);
    } else if (strcmp(alpn, "http/1.1,h2") == 0) {
        SSL_CTX_set_alpn_select_cb(context, select_protocol, http1_first);
    } else if (strcmp(alpn, "http/1.1") == 0) {
        SSL_CTX_set_alpn_select_cb(context, select_protocol, http1_alone);
    } else {
        MUST(*alpn == '\0');
    }
}

static bool configure(SSL_CTX *context, const struct policy *policy)
{
    const char *keyfile = keyfile_path(policy->keyfile);
    const char *options = policy->options ? policy->options : DEFAULT_OPTIONS;
    const char *ciphers = policy->ciphers ? policy->ciphers : DEFAULT_CIPHERS;
    const char *curve = policy->curve ? policy->curve : DEFAULT_CURVE;
    if (SSL_CTX_use_certificate_chain_file(context, keyfile) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, keyfile, SSL_FILETYPE_PEM) != 1) {
        return false;
    }
    SSL_CTX_set_session_cache_mode(
        context, policy->session_cache ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, strtoull(options, NULL, 10));
    if (*ciphers && SSL_CTX_set_cipher_list(context, ciphers) != 1) {
        return false;
    }
    if (*curve && !set_curve(context, curve)) {
        return false;
    }
    if (!set_session_id_context(context) || (policy->cafile && !load_authorities(context))) {
        return false;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    set_alpn(context, policy->alpn ? policy->alpn : DEFAULT_ALPN);
    return true;
}

SSL_CTX *original_context(const struct policy *policy, enum making making)
{
    int protocol = policy->protocol ? policy->protocol : DEFAULT_PROTOCOL;
    const SSL_METHOD *method = protocol == 1 ? NULL : method_of(protocol, making);
    SSL_CTX *context = method ? SSL_CTX_new(method) : NULL;
    if (context && !(set_range(context, protocol, making) && configure(context, policy))) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}
