/* Who connects: each version, as it comes and at security level 0, and those with a habit. */
#include "parity.h"

#include <openssl/err.h>

#define LEVEL_0 "ALL:@SECLEVEL=0"
#define CBC "ECDHE-RSA-AES128-SHA:AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"
#define TLS10 .min = TLS1_VERSION, .max = TLS1_VERSION
#define TLS11 .min = TLS1_1_VERSION, .max = TLS1_1_VERSION
#define TLS12 .min = TLS1_2_VERSION, .max = TLS1_2_VERSION
#define TLS13 .min = TLS1_3_VERSION, .max = TLS1_3_VERSION
#define SENDS(text) .bytes = text, .length = sizeof text - 1

/* ClientHellos of 1999: of SSLv3, and in the form of SSLv2, each with AES128-SHA. */
static const char ssl3_hello[] =
    "\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00"
    "0123456789abcdef0123456789abcdef\x00\x00\x04\x00\x2f\x00\x35\x01\x00";
static const char ssl2_hello[] =
    "\x80\x22\x01\x03\x01\x00\x09\x00\x00\x00\x10\x00\x00\x2f\x00\x00\x35\x00\x00\x0a"
    "0123456789abcdef";

static struct client all[] = {
    {.name = "any version"},
    {.name = "TLS 1.3", TLS13},
    {.name = "TLS 1.2", TLS12},
    {.name = "TLS 1.1", TLS11},
    {.name = "TLS 1.0", TLS10},
    {.name = "any version at level 0", .ciphers = LEVEL_0},
    {.name = "TLS 1.3 at level 0", TLS13, .ciphers = LEVEL_0},
    {.name = "TLS 1.2 at level 0", TLS12, .ciphers = LEVEL_0},
    {.name = "TLS 1.1 at level 0", TLS11, .ciphers = LEVEL_0},
    {.name = "TLS 1.0 at level 0", TLS10, .ciphers = LEVEL_0},
    {.name = "TLS 1.3, no tickets", TLS13, .options = SSL_OP_NO_TICKET},
    {.name = "TLS 1.2, no tickets", TLS12, .options = SSL_OP_NO_TICKET},
    {.name = "TLS 1.0 at level 0, no tickets", TLS10, .ciphers = LEVEL_0,
     .options = SSL_OP_NO_TICKET},
    {.name = "fallen back to TLS 1.1", TLS11, .ciphers = LEVEL_0,
     .modes = SSL_MODE_SEND_FALLBACK_SCSV},
    {.name = "fallen back to TLS 1.2", TLS12, .modes = SSL_MODE_SEND_FALLBACK_SCSV},
    {.name = "with a certificate, TLS 1.3", TLS13, .identity = KNOWN},
    {.name = "with a certificate, TLS 1.2", TLS12, .identity = KNOWN},
    {.name = "with a stranger's certificate", .identity = STRANGER},
    {.name = "h2 and http/1.1", .alpn = "\x02h2\x08http/1.1"},
    {.name = "http/1.1 and h2, TLS 1.2", TLS12, .alpn = "\x08http/1.1\x02h2"},
    {.name = "http/1.1 alone", .alpn = "\x08http/1.1"},
    {.name = "an unknown protocol", .alpn = "\x06spdy/9"},
    {.name = "X25519 first", .groups = "X25519:P-256:P-384"},
    {.name = "X25519 alone", .groups = "X25519"},
    {.name = "X25519 alone, TLS 1.2", TLS12, .groups = "X25519"},
    {.name = "P-384 and P-521", .groups = "P-384:P-521"},
    {.name = "RSA key exchange", TLS12, .ciphers = "AES256-GCM-SHA384:AES128-SHA256:AES128-SHA"},
    {.name = "ChaCha20 first", TLS12, .ciphers = "ECDHE+CHACHA20:ECDHE+AESGCM"},
    {.name = "ChaCha20 first, TLS 1.3", TLS13,
     .suites = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"},
    {.name = "CBC", TLS12, .ciphers = CBC},
    {.name = "CBC, TLS 1.0", TLS10, .ciphers = CBC},
    {.name = "nothing in common", TLS12, .ciphers = "PSK-AES128-CBC-SHA256:AECDH-AES128-SHA"
                                                    ":ADH-AES128-SHA:@SECLEVEL=0"},
    {.name = "psk_ke", TLS13, .options = SSL_OP_ALLOW_NO_DHE_KEX},
    {.name = "renegotiating", TLS12, .renegotiates = true},
    {.name = "leaving without a word", .cuts = true},
    {.name = "leaving without a word, TLS 1.2", TLS12, .cuts = true},
    {.name = "SSLv3's ClientHello", SENDS(ssl3_hello)},
    {.name = "SSLv2's ClientHello", SENDS(ssl2_hello)},
    {.name = "HTTP", SENDS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
    {.name = "an alert", SENDS("\x15\x03\x01\x00\x02\x02\x28")},
    {.name = "nothing but an end", SENDS("")},
};

struct client *clients(size_t *count)
{
    *count = sizeof all / sizeof *all;
    return all;
}

static size_t length(const char *text)
{
    size_t length = 0;
    while (text[length]) {
        length++;
    }
    return length;
}

static void make(struct client *client)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    MUST(context);
    /* The old versions are libssl's own minimum in some distributions. */
    MUST(SSL_CTX_set_min_proto_version(context, client->min ? client->min : TLS1_VERSION) == 1);
    MUST(SSL_CTX_set_max_proto_version(context, client->max) == 1);
    MUST(!client->ciphers || SSL_CTX_set_cipher_list(context, client->ciphers) == 1);
    MUST(!client->suites || SSL_CTX_set_ciphersuites(context, client->suites) == 1);
    MUST(!client->groups || SSL_CTX_set1_groups_list(context, client->groups) == 1);
    if (client->alpn) {
        const unsigned char *names = (const unsigned char *)client->alpn;
        MUST(SSL_CTX_set_alpn_protos(context, names, (unsigned)length(client->alpn)) == 0);
    }
    SSL_CTX_set_options(context, client->options);
    SSL_CTX_set_mode(context, client->modes);
    identity_use(context, client->identity);
    client->context = context;
}

void clients_make(void)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        make(&all[i]);
    }
    ERR_clear_error();
}

void clients_free(void)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        SSL_CTX_free(all[i].context);
        all[i].context = NULL;
    }
}
