/* pair.h: a client's SSL and a server's, joined in memory. */
#ifndef PAIR_H
#define PAIR_H

#include "check.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct pair {
    SSL *client;
    SSL *server;
};

static inline struct pair pair_new(SSL_CTX *client, SSL_CTX *server)
{
    struct pair pair = {SSL_new(client), SSL_new(server)};
    BIO *near = NULL, *far = NULL;
    if (pair.client == NULL || pair.server == NULL || BIO_new_bio_pair(&near, 0, &far, 0) != 1) {
        ERR_print_errors_fp(stdout);
        exit(2);
    }
    SSL_set_bio(pair.client, near, near);
    SSL_set_bio(pair.server, far, far);
    SSL_set_connect_state(pair.client);
    SSL_set_accept_state(pair.server);
    return pair;
}

static inline void pair_free(struct pair *pair)
{
    SSL_free(pair->client);
    SSL_free(pair->server);
}

/* One side's next step: 1 when it is done, 0 to go on, -1 when it failed. */
static inline int pair_step(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    if (result == 1) {
        return 1;
    }
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/*
 * Null when both sides' handshakes came to an end; else why not, as the first of them to fail
 * says it: "client: certificate verify failed".
 */
static inline const char *pair_shake(struct pair *pair)
{
    static __thread char said[300];
    for (int i = 0; i < 50; i++) {
        int client = pair_step(pair->client);
        if (client == -1) {
            snprintf(said, sizeof said, "client: %s", ERR_reason_error_string(ERR_peek_error()));
            return said;
        }
        int server = pair_step(pair->server);
        if (server == -1) {
            snprintf(said, sizeof said, "server: %s", ERR_reason_error_string(ERR_peek_error()));
            return said;
        }
        if (client == 1 && server == 1) {
            /* What TLS 1.3 still has to say, tickets first of all, goes before these bytes. */
            char byte;
            int went = SSL_write(pair->server, "!", 1) == 1;
            int came = went && SSL_read(pair->client, &byte, 1) == 1;
            return came ? NULL : "no byte came through";
        }
    }
    return "the handshake went nowhere";
}

/* One connection between the two; see above. */
static inline const char *pair_meet(SSL_CTX *client, SSL_CTX *server)
{
    struct pair pair = pair_new(client, server);
    const char *said = pair_shake(&pair);
    SSL_shutdown(pair.server);
    SSL_shutdown(pair.client);
    pair_free(&pair);
    return said;
}

/* A client that trusts the CA of the tests. */
static inline SSL_CTX *pair_client(void)
{
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(client, check_pki("ca.pem"), NULL) != 1) {
        ERR_print_errors_fp(stdout);
        exit(2);
    }
    return client;
}

#endif
