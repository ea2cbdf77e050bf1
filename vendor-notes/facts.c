/* What a libssl does with the versions and cipher strings that tlsport's dialects bring, tried out in memory.
   Compiled and run by `facts`, which adds the table of SSL_OP_* bits of the headers it finds. */

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_LEVEL (-1)

static const struct { const char *name; unsigned long long bits; } OPTIONS[] = {
#include "option-bits.h"
    {NULL, 0}
};

static const struct { const char *name; int number; } VERSIONS[] = {
    {"SSLv3", SSL3_VERSION}, {"TLSv1", TLS1_VERSION}, {"TLSv1.1", TLS1_1_VERSION},
    {"TLSv1.2", TLS1_2_VERSION}, {"TLSv1.3", TLS1_3_VERSION},
};

static const struct { const char *system, *list; } LISTS[] = {
    {"ArangoDB", "HIGH:!EXPORT:!aNULL@STRENGTH"},
    {"PostgreSQL", "HIGH:MEDIUM:+3DES:!aNULL"},
    {"kdb+",
     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
     "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
     "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
     "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:"
     "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA:"
     "DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-ECDSA-DES-CBC3-SHA:ECDHE-RSA-DES-CBC3-SHA:"
     "EDH-RSA-DES-CBC3-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:"
     "AES256-SHA:DES-CBC3-SHA:!DSS"},
    {"KrakenD, all it can name",
     "RC4-SHA:DES-CBC3-SHA:AES128-SHA:AES256-SHA:AES128-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:"
     "ECDHE-ECDSA-RC4-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-RC4-SHA:"
     "ECDHE-RSA-DES-CBC3-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256:"
     "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:"
     "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:"
     "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"Manticore, which sets none", NULL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void need(int done, const char *what)
{
    if (!done) {
        fprintf(stderr, "facts: %s\n", what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

/* The section of openssl.cnf that libssl applies to every context. */
static void print_system_default(const char *path)
{
    CONF *conf = NCONF_new(NULL);
    const char *section = NULL;
    STACK_OF(CONF_VALUE) *lines = NULL;
    if (NCONF_load(conf, path, NULL) > 0) {
        const char *steps[] = {"ssl_conf", "system_default"};
        section = NCONF_get_string(conf, NULL, "openssl_conf");
        for (size_t i = 0; i < COUNT(steps) && section != NULL; i++)
            section = NCONF_get_string(conf, section, steps[i]);
        if (section != NULL)
            lines = NCONF_get_section(conf, section);
    }
    if (lines == NULL)
        printf("system_default: none\n");
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);
        printf("system_default: %s = %s\n", line->name, line->value);
    }
    NCONF_free(conf);
    ERR_clear_error();
}

static void print_library(void)
{
    char *path = CONF_get1_default_config_file();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL, "SSL_CTX_new");
    printf("library: %s\n", OpenSSL_version(OPENSSL_VERSION));
    printf("built: %s\n", OpenSSL_version(OPENSSL_CFLAGS));
    printf("openssl.cnf: %s\n", path);
    print_system_default(path);
    printf("security level: %d\n", SSL_CTX_get_security_level(ctx));
    printf("lowest, highest version: %#lx, %#lx (0: any)\n", SSL_CTX_get_min_proto_version(ctx),
           SSL_CTX_get_max_proto_version(ctx));
    printf("options: %#llx\n", (unsigned long long)SSL_CTX_get_options(ctx));
    SSL_CTX_free(ctx);
    OPENSSL_free(path);
}

static void print_options(void)
{
    for (int bit = 0; bit < 64; bit++)
        for (size_t i = 0; OPTIONS[i].name != NULL; i++)
            if (OPTIONS[i].bits == 1ULL << bit)
                printf("option bit %d: %s\n", bit, OPTIONS[i].name);
}

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    need(EVP_PKEY_keygen_init(maker) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(maker, 2048) > 0 &&
             EVP_PKEY_keygen(maker, &key) > 0,
         "making a key");
    EVP_PKEY_CTX_free(maker);
    return key;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"facts", -1, -1, 0);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    need(X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name) &&
             X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()) > 0,
         "making a certificate");
    X509_NAME_free(name);
    return certificate;
}

/* A context that speaks one version, at a level with all the suites there are, or as the library would. NULL where
   the version is refused outright. */
static SSL_CTX *make_context(const SSL_METHOD *method, int version, int level)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL, "SSL_CTX_new");
    if (!SSL_CTX_set_min_proto_version(ctx, version) || !SSL_CTX_set_max_proto_version(ctx, version)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (level != OWN_LEVEL) {
        SSL_CTX_set_cipher_list(ctx, "ALL");
        SSL_CTX_set_security_level(ctx, level);
    }
    return ctx;
}

/* One end's turn: 1 done, 0 waiting, -1 failed. */
static int step(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    if (result == 1)
        return 1;
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    return text == NULL ? "no reason given" : text;
}

/* "spoken", or whose handshake ended and why. */
static void handshake(int version, int level, EVP_PKEY *key, X509 *certificate)
{
    SSL_CTX *contexts[] = {make_context(TLS_client_method(), version, level),
                           make_context(TLS_server_method(), version, level)};
    const char *sides[] = {"client", "server"};
    if (contexts[0] == NULL || contexts[1] == NULL) {
        printf("not a version to be set");
        return;
    }
    SSL_CTX_use_certificate(contexts[1], certificate);
    SSL_CTX_use_PrivateKey(contexts[1], key);
    SSL *ends[] = {SSL_new(contexts[0]), SSL_new(contexts[1])};
    BIO *client = NULL, *server = NULL;
    need(ends[0] != NULL && ends[1] != NULL && BIO_new_bio_pair(&client, 0, &server, 0), "a pair");
    SSL_set_bio(ends[0], client, client);
    SSL_set_bio(ends[1], server, server);
    SSL_set_connect_state(ends[0]);
    SSL_set_accept_state(ends[1]);

    int done[] = {0, 0};
    for (int turn = 0; turn < 20 && !(done[0] == 1 && done[1] == 1); turn++) {
        int side = turn % 2;
        done[side] = step(ends[side]);
        if (done[side] == -1) {
            printf("refused by the %s, %s", sides[side], reason());
            break;
        }
    }
    if (done[0] == 1 && done[1] == 1)
        printf("spoken");
    for (int side = 0; side < 2; side++) {
        SSL_free(ends[side]);
        SSL_CTX_free(contexts[side]);
    }
}

static void print_versions(void)
{
    EVP_PKEY *key = make_key();
    X509 *certificate = make_certificate(key);
    for (size_t i = 0; i < COUNT(VERSIONS); i++) {
        for (int level = OWN_LEVEL; level <= 2; level++) {
            if (level == OWN_LEVEL)
                printf("%s as it comes: ", VERSIONS[i].name);
            else
                printf("%s at level %d: ", VERSIONS[i].name, level);
            handshake(VERSIONS[i].number, level, key, certificate);
            putchar('\n');
        }
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* What a server can use of a list, in order, and which of the suites it names it has not. */
static void print_list(const char *system, const char *list)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(list == NULL || SSL_CTX_set_cipher_list(ctx, list), list);
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *usable = SSL_get1_supported_ciphers(ssl);
    char names[16384] = ":";
    for (int i = 0; i < sk_SSL_CIPHER_num(usable); i++) {
        const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(usable, i));
        need(strlen(names) + strlen(name) + 2 < sizeof(names), "too many names");
        strcat(strcat(names, name), ":");
    }
    printf("suites of %s: %d %.*s\n", system, sk_SSL_CIPHER_num(usable), (int)strlen(names) - 2,
           names + 1);
    if (list != NULL && strstr(list, "-SHA:") != NULL) {
        char copy[4096], wanted[128];
        snprintf(copy, sizeof(copy), "%s", list);
        for (char *name = strtok(copy, ":"); name != NULL; name = strtok(NULL, ":")) {
            snprintf(wanted, sizeof(wanted), ":%s:", name);
            if (name[0] != '!' && strstr(names, wanted) == NULL)
                printf("suites of %s: without %s\n", system, name);
        }
    }
    sk_SSL_CIPHER_free(usable);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

int main(void)
{
    print_library();
    print_options();
    print_versions();
    for (size_t i = 0; i < COUNT(LISTS); i++)
        print_list(LISTS[i].system, LISTS[i].list);
    return 0;
}
