/*
 * duo.h: a client and a server, a channel each, joined by sockets (pair.h: an SSL each):
 *
 *   struct duo duo = duo_new((struct duo_terms){.protocol = "6"});
 *   if (duo_handshake(&duo)) { ... }
 *   duo_free(&duo);
 *
 * The sockets do not block, and are waited for as tlsport_channel_wants says: a want that is
 * wrong makes the test wait for what does not come, and fail. With `wire`, there is a man in
 * the middle, who hands on so many bytes and no more, and may change one.
 */
#ifndef DUO_H
#define DUO_H

#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

struct duo_terms {
    const char *protocol;    /* as "ssl.protocol" has it: "5" is TLS 1.2, "6" 1.3; null is both */
    const char *keyfile;     /* of the certificates; null is server.pem */
    const char *cafile;      /* likewise; null is ca.pem */
    const char *server_name; /* whom the client expects; null is localhost */
    const char *server[8];   /* more settings: name, value, name, value */
    const char *client[8];
    int wire;
};

struct duo {
    tlsport_context *contexts[2];
    tlsport_channel *client;
    tlsport_channel *server;
    int client_fd;
    int server_fd;
    int near; /* the ends of who is in the middle: near the client, near the server */
    int far;
};

/* Whose bytes the man in the middle hands on. */
enum duo_way { DUO_TO_SERVER, DUO_TO_CLIENT };

static inline tlsport_settings *duo_settings(const char *protocol, const char *const more[8])
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", protocol ? protocol : "9"));
    for (int i = 0; i < 8 && more[i] != NULL; i += 2) {
        CHECK_OK(tlsport_settings_set(settings, more[i], more[i + 1]));
    }
    return settings;
}

/* A context of the settings, which are given back, with a file for one more of them. */
static inline tlsport_context *duo_context(tlsport_context *(*make)(tlsport_settings *),
                                           tlsport_settings *settings, const char *name,
                                           const char *file)
{
    tlsport_context *context;
    CHECK_OK(tlsport_settings_set(settings, name, check_pki(file)));
    context = make(settings);
    if (!CHECK(context != NULL)) {
        check_say_last_error();
    }
    tlsport_settings_free(settings);
    return context;
}

static inline tlsport_context *duo_server_context(struct duo_terms terms)
{
    return duo_context(tlsport_context_new, duo_settings(terms.protocol, terms.server),
                       "ssl.keyfile", terms.keyfile ? terms.keyfile : "server.pem");
}

static inline tlsport_context *duo_client_context(struct duo_terms terms)
{
    return duo_context(tlsport_context_new_client, duo_settings(terms.protocol, terms.client),
                       "ssl.cafile", terms.cafile ? terms.cafile : "ca.pem");
}

static inline void duo_set_blocking(int fd, int blocks)
{
    int flags = fcntl(fd, F_GETFL);
    CHECK_INT(fcntl(fd, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK), 0);
}

static inline void duo_sockets(int *one, int *other)
{
    int ends[2] = {-1, -1};
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    duo_set_blocking(ends[0], 0);
    duo_set_blocking(ends[1], 0);
    *one = ends[0];
    *other = ends[1];
}

/* Channels of contexts that are there already, which stay the caller's. */
static inline struct duo duo_over(tlsport_context *server, tlsport_context *client,
                                    struct duo_terms terms)
{
    struct duo duo = {{NULL, NULL}, NULL, NULL, -1, -1, -1, -1};
    const char *name = terms.server_name ? terms.server_name : "localhost";
    if (terms.wire) {
        duo_sockets(&duo.client_fd, &duo.near);
        duo_sockets(&duo.far, &duo.server_fd);
    } else {
        duo_sockets(&duo.client_fd, &duo.server_fd);
    }
    duo.server = tlsport_channel_accept(server, duo.server_fd);
    if (!CHECK(duo.server != NULL)) {
        check_say_last_error();
    }
    duo.client = tlsport_channel_connect(client, duo.client_fd, name);
    if (!CHECK(duo.client != NULL)) {
        check_say_last_error();
    }
    return duo;
}

static inline struct duo duo_new(struct duo_terms terms)
{
    tlsport_context *server = duo_server_context(terms);
    tlsport_context *client = duo_client_context(terms);
    struct duo duo = duo_over(server, client, terms);
    duo.contexts[0] = server;
    duo.contexts[1] = client;
    return duo;
}

static inline void duo_close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static inline void duo_free(struct duo *duo)
{
    tlsport_channel_free(duo->client);
    tlsport_channel_free(duo->server);
    tlsport_context_free(duo->contexts[0]);
    tlsport_context_free(duo->contexts[1]);
    duo_close_fd(&duo->client_fd);
    duo_close_fd(&duo->server_fd);
    duo_close_fd(&duo->near);
    duo_close_fd(&duo->far);
}

static inline int is_want(ptrdiff_t status)
{
    return status == TLSPORT_WANT_READ || status == TLSPORT_WANT_WRITE;
}

/* Hands on at most `limit` bytes, and tells how many there were. */
static inline size_t duo_carry(struct duo *duo, enum duo_way way, size_t limit)
{
    int from = way == DUO_TO_SERVER ? duo->near : duo->far;
    int to = way == DUO_TO_SERVER ? duo->far : duo->near;
    unsigned char bytes[16384];
    ssize_t got = recv(from, bytes, limit < sizeof bytes ? limit : sizeof bytes, 0);
    if (got <= 0) {
        return 0;
    }
    CHECK_INT(send(to, bytes, (size_t)got, MSG_NOSIGNAL), got);
    return (size_t)got;
}

static inline short duo_events(tlsport_channel *channel)
{
    int wants = tlsport_channel_wants(channel);
    return (short)(((wants & TLSPORT_WANTS_READ) ? POLLIN : 0) |
                   ((wants & TLSPORT_WANTS_WRITE) ? POLLOUT : 0));
}

/* Waits until one of those sides can go on that are told to be waited for. */
static inline int duo_wait(struct duo *duo, int for_client, int for_server)
{
    struct pollfd entries[2] = {
        {for_client ? duo->client_fd : -1, duo_events(duo->client), 0},
        {for_server ? duo->server_fd : -1, duo_events(duo->server), 0},
    };
    if (duo->near >= 0 &&
        duo_carry(duo, DUO_TO_SERVER, SIZE_MAX) + duo_carry(duo, DUO_TO_CLIENT, SIZE_MAX) > 0) {
        return 1;
    }
    return CHECK(poll(entries, 2, CHECK_DEADLINE_MS) > 0);
}

/* Both handshakes, each until it is done or has failed. */
static inline void duo_shake(struct duo *duo, int *client, int *server)
{
    *client = TLSPORT_WANT_WRITE;
    *server = TLSPORT_WANT_READ;
    do {
        if (is_want(*client)) {
            *client = tlsport_channel_handshake(duo->client);
        }
        if (is_want(*server)) {
            *server = tlsport_channel_handshake(duo->server);
        }
    } while ((is_want(*client) || is_want(*server)) &&
             duo_wait(duo, is_want(*client), is_want(*server)));
}

/* Both handshakes are done. */
static inline int duo_handshake(struct duo *duo)
{
    int client;
    int server;
    duo_shake(duo, &client, &server);
    return CHECK_INT(client, TLSPORT_OK) & CHECK_INT(server, TLSPORT_OK);
}

/* Reads until it is no want, with the other side sending what waits there. */
static inline ptrdiff_t duo_read(struct duo *duo, tlsport_channel *reader, void *buf, size_t len)
{
    tlsport_channel *writer = reader == duo->client ? duo->server : duo->client;
    ptrdiff_t got;
    while (is_want(got = tlsport_channel_read(reader, buf, len))) {
        int waiting = tlsport_channel_flush(writer) == TLSPORT_WANT_WRITE;
        int for_client = reader == duo->client || waiting;
        int for_server = reader == duo->server || waiting;
        if (!duo_wait(duo, for_client, for_server)) {
            break;
        }
    }
    return got;
}

/* The byte at a place of what tests send: two places that are near have different ones. */
static inline unsigned char duo_byte(size_t place)
{
    return (unsigned char)(place ^ (place >> 8) * 31 ^ (place >> 16) * 17);
}

/*
 * Sends `total` bytes, in calls of `chunk` on either side, and looks that they arrive as they
 * were sent. Tells how many writes came to nothing before the other side had read.
 */
static inline size_t duo_send(struct duo *duo, tlsport_channel *from, tlsport_channel *to,
                               size_t total, size_t chunk)
{
    unsigned char *bytes = malloc(chunk);
    size_t sent = 0;
    size_t received = 0;
    size_t waits = 0;
    if (!CHECK(bytes != NULL)) {
        return 0;
    }
    while (received < total) {
        ptrdiff_t moved = TLSPORT_WANT_WRITE;
        ptrdiff_t got;
        size_t wrong = 0;
        if (sent < total) {
            size_t len = total - sent < chunk ? total - sent : chunk;
            for (size_t i = 0; i < len; i++) {
                bytes[i] = duo_byte(sent + i);
            }
            moved = tlsport_channel_write(from, bytes, len);
            if (moved > 0) {
                CHECK(moved <= (ptrdiff_t)len);
                sent += (size_t)moved;
            } else if (CHECK(is_want(moved))) {
                waits++;
            } else {
                check_say_last_error();
                break;
            }
        } else if (!CHECK(tlsport_channel_flush(from) >= TLSPORT_WANT_WRITE)) {
            break;
        }
        got = tlsport_channel_read(to, bytes, chunk);
        if (got > 0) {
            for (size_t i = 0; i < (size_t)got; i++) {
                wrong += bytes[i] != duo_byte(received + i);
            }
            if (!CHECK_INT(wrong, 0)) {
                break;
            }
            received += (size_t)got;
        } else if (!CHECK_STATUS(got, TLSPORT_WANT_READ) ||
                   (moved <= 0 && !duo_wait(duo, 1, 1))) {
            break;
        }
    }
    CHECK_INT(received, total);
    free(bytes);
    return waits;
}

#endif
