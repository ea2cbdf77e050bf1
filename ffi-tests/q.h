/*
 * q.h: a server of kdb+'s IPC in this process, as far as clients need one: it takes the hello,
 * and answers every query with the long 2. And clients for it.
 */
#ifndef Q_H
#define Q_H

#include "peer.h"

#include <fcntl.h>
#include <poll.h>

/* What 1+1 is asked with, and answered. */
static const unsigned char Q_QUERY[17] = {1,  1, 0, 0, 17, 0, 0,   0,  10,
                                          0, 3, 0, 0, 0,  '1', '+', '1'};
static const unsigned char Q_ANSWER[17] = {1, 2, 0, 0, 17, 0, 0, 0, 0xf9, 2, 0, 0, 0, 0, 0, 0, 0};

struct q {
    tlsport_server *server;
    uint16_t port;
    const char *credentials; /* whom it lets in; null is everybody */
    int is_mute;             /* it answers no hello */
    char hello[128];         /* the last one, the capability in it as it came */
    size_t hello_len;
    pthread_mutex_t lock;
};

static inline int q_hello(struct q *q, tlsport_conn *conn, const char *bytes, size_t len)
{
    unsigned char capability;
    size_t known = q->credentials == NULL ? 0 : strlen(q->credentials);
    CHECK(len > 0 && len < sizeof q->hello && bytes[len - 1] == '\0');
    pthread_mutex_lock(&q->lock);
    memcpy(q->hello, bytes, len);
    q->hello_len = len;
    pthread_mutex_unlock(&q->lock);
    if (q->is_mute) {
        return TLSPORT_CONTINUE;
    }
    if (q->credentials != NULL && (len < known || memcmp(bytes, q->credentials, known) != 0)) {
        return TLSPORT_FINISH;
    }
    capability = len > 1 && bytes[len - 2] <= 6 ? (unsigned char)bytes[len - 2] : 0;
    CHECK_OK(tlsport_conn_set_user(conn, q));
    CHECK_INT(tlsport_conn_write(conn, &capability, 1), 1);
    return TLSPORT_CONTINUE;
}

static inline int q_data(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    if (tlsport_conn_user(conn) == NULL) {
        return q_hello(user, conn, bytes, len);
    }
    CHECK_INT(len, sizeof Q_QUERY);
    CHECK_MEM(bytes, Q_QUERY, sizeof Q_QUERY);
    CHECK_INT(tlsport_conn_write(conn, Q_ANSWER, sizeof Q_ANSWER), sizeof Q_ANSWER);
    return TLSPORT_CONTINUE;
}

/* Serves there, with a certificate of the tests. */
static inline void q_start_at(struct q *q, const char *endpoint, const char *keyfile)
{
    tlsport_settings *settings = server_settings();
    tlsport_callbacks callbacks = {.size = sizeof callbacks, .data = q_data};
    pthread_mutex_init(&q->lock, NULL);
    CHECK_OK(tlsport_settings_set(settings, "server.endpoint", endpoint));
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki(keyfile)));
    q->server = tlsport_server_new(settings, &callbacks, q);
    tlsport_settings_free(settings);
    if (!CHECK(q->server != NULL)) {
        check_say_last_error();
        exit(1);
    }
    q->port = server_port(q->server);
}

static inline void q_start(struct q *q)
{
    q_start_at(q, "kdb+tcps://127.0.0.1:0", "server.pem");
}

static inline void q_stop(struct q *q)
{
    tlsport_server_free(q->server);
}

/* ---- Clients ------------------------------------------------------------------------------ */

/* Settings of a client that trusts the CA of the tests. */
static inline tlsport_settings *q_settings(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", check_pki("ca.pem")));
    return settings;
}

/* A client of these settings, which are given back. */
static inline tlsport_client *q_client_of(tlsport_settings *settings, const char *destination,
                                          const tlsport_client_terms *terms)
{
    tlsport_client *client = tlsport_client_new(settings, destination, terms);
    tlsport_settings_free(settings);
    if (!CHECK(client != NULL)) {
        check_say_last_error();
        exit(1);
    }
    return client;
}

/* "tcps://127.0.0.1:PORT" and more, until the thread's next call. */
static inline const char *q_destination(uint16_t port, const char *more)
{
    static __thread char text[128];
    snprintf(text, sizeof text, "tcps://127.0.0.1:%d%s", port, more);
    return text;
}

static inline tlsport_client *q_client(uint16_t port, const char *more)
{
    return q_client_of(q_settings(), q_destination(port, more), NULL);
}

/* Opens a connection and gives the client back. */
static inline tlsport_channel *q_open_and_free(tlsport_client *client)
{
    tlsport_channel *channel = tlsport_client_open(client);
    tlsport_client_free(client);
    if (!CHECK(channel != NULL)) {
        check_say_last_error();
    }
    return channel;
}

static inline int q_is_want(ptrdiff_t status)
{
    return status == TLSPORT_WANT_READ || status == TLSPORT_WANT_WRITE;
}

/* Waits as a channel says; 0 when its time has come first. */
static inline int q_wait(tlsport_channel *channel)
{
    int wants = tlsport_channel_wants(channel);
    int limit = tlsport_channel_timeout_ms(channel);
    struct pollfd entry = {tlsport_channel_fd(channel),
                           (short)(((wants & TLSPORT_WANTS_READ) ? POLLIN : 0) |
                                   ((wants & TLSPORT_WANTS_WRITE) ? POLLOUT : 0)),
                           0};
    CHECK(entry.fd >= 0);
    CHECK(entry.events != 0);
    int ready = poll(&entry, 1, limit == -1 ? CHECK_DEADLINE_MS : limit);
    CHECK(ready >= 0 && (ready > 0 || limit != -1));
    return ready;
}

/* Asks for 1+1 and looks at the answer; for channels that block and those that do not. */
static inline void q_ask(tlsport_channel *channel)
{
    unsigned char got[sizeof Q_ANSWER];
    size_t filled = 0;
    ptrdiff_t moved;
    while (q_is_want(moved = tlsport_channel_write(channel, Q_QUERY, sizeof Q_QUERY)) &&
           q_wait(channel)) {
    }
    if (!CHECK_INT(moved, sizeof Q_QUERY)) {
        check_say_last_error();
        return;
    }
    while (filled < sizeof got) {
        moved = tlsport_channel_read(channel, got + filled, sizeof got - filled);
        if (moved > 0) {
            filled += (size_t)moved;
        } else if (!q_is_want(moved) || !q_wait(channel)) {
            CHECK_INT(moved, sizeof got);
            check_say_last_error();
            return;
        }
    }
    CHECK_MEM(got, Q_ANSWER, sizeof got);
}

/* Ends in good order, hears the server do so, and gives the channel back. */
static inline void q_end(tlsport_channel *channel)
{
    char byte;
    ptrdiff_t got;
    CHECK_OK(tlsport_channel_close(channel));
    while (q_is_want(got = tlsport_channel_read(channel, &byte, 1)) && q_wait(channel)) {
    }
    CHECK_INT(got, 0);
    tlsport_channel_free(channel);
}

#endif
