/*
 * peer.h: clients of a server under test, which is ours, on libssl alone: blocking, with a limit
 * of CHECK_DEADLINE_MS for whatever they wait for. And what tests of servers need besides.
 */
#ifndef PEER_H
#define PEER_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A client; `ssl` is null while it speaks no TLS. */
struct peer {
    int fd;
    SSL *ssl;
};

/* A peer that is gone shall not end the test; the library has to see to itself. */
static inline void peer_without_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Connects to this port of the loopback, without TLS; -1 when nobody listens. */
static inline int peer_dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval limit = {CHECK_DEADLINE_MS / 1000, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* One context for all peers: any number of threads at once. */
static inline SSL_CTX *peer_context(void)
{
    static SSL_CTX *context;
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&making);
    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
    }
    pthread_mutex_unlock(&making);
    return context;
}

/* Connects and shakes hands; `ssl` is null when that failed. */
static inline struct peer peer_open(uint16_t port)
{
    struct peer peer = {peer_dial(port), NULL};
    if (peer.fd >= 0) {
        peer.ssl = SSL_new(peer_context());
        SSL_set_fd(peer.ssl, peer.fd);
        if (SSL_connect(peer.ssl) != 1) {
            SSL_free(peer.ssl);
            peer.ssl = NULL;
        }
    }
    return peer;
}

/* Says all of it; 0 when the server is gone. */
static inline int peer_say(struct peer *peer, const void *bytes, size_t len)
{
    return peer->ssl != NULL && SSL_write(peer->ssl, bytes, (int)len) == (int)len;
}

/* Hears at most `len` bytes: how many; 0 at an end in good order, -1 at another. */
static inline int peer_hear(struct peer *peer, void *bytes, size_t len)
{
    int got = peer->ssl == NULL ? -1 : SSL_read(peer->ssl, bytes, (int)len);
    if (got > 0) {
        return got;
    }
    return peer->ssl != NULL && SSL_get_error(peer->ssl, got) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* Hears exactly so many bytes. */
static inline int peer_hear_all(struct peer *peer, void *bytes, size_t len)
{
    size_t got = 0;
    while (got < len) {
        int more = peer_hear(peer, (char *)bytes + got, len - got);
        if (more <= 0) {
            return 0;
        }
        got += (size_t)more;
    }
    return 1;
}

/* Hears until the end and drops it: 0 at one in good order, -1 at another. Counts the bytes. */
static inline int peer_hear_end(struct peer *peer, uint64_t *count)
{
    char bytes[16384];
    int got;
    while ((got = peer_hear(peer, bytes, sizeof bytes)) > 0) {
        if (count != NULL) {
            *count += (uint64_t)got;
        }
    }
    return got;
}

/* Ends its direction in good order. */
static inline void peer_end(struct peer *peer)
{
    if (peer->ssl != NULL) {
        SSL_shutdown(peer->ssl);
    }
}

/* Is gone, whatever was said. */
static inline void peer_leave(struct peer *peer)
{
    SSL_free(peer->ssl);
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    peer->ssl = NULL;
    peer->fd = -1;
}

/* Settings of a server on a port that the system chooses. */
static inline tlsport_settings *server_settings(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("server.pem")));
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    CHECK_OK(tlsport_settings_set(settings, "server.endpoint", "ssl://127.0.0.1:0"));
    CHECK_OK(tlsport_settings_set(settings, "threads", "2"));
    return settings;
}

static inline uint16_t server_port(tlsport_server *server)
{
    const char *endpoint = tlsport_server_endpoint(server, 0);
    const char *colon = endpoint == NULL ? NULL : strrchr(endpoint, ':');
    return colon == NULL ? 0 : (uint16_t)atoi(colon + 1);
}

/* Whether everything here runs some ten times slower than it would by itself. */
static inline int is_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Numbers that several threads count. */
#define COUNT(number) __sync_fetch_and_add(&(number), 1)
#define SEEN(number) __sync_fetch_and_add(&(number), 0)

#endif
