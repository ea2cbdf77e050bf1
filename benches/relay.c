/* relay.c: the least a TLS proxy can cost on this libssl: one worker that carries bytes between TLS clients and a plain
 * backend, with half-close both ways.
 *
 *     relay PORT BACKEND CERTIFICATE KEY
 *
 * On top of what wire.c does: tickets leave with the first data, bulk moves 240 KiB at a time towards the client and
 * 64 KiB towards the backend, an idle connection holds no buffer. No timeouts, no limits, no log, no fairness: what a
 * proxy costs above this is its comfort and its safety. */
#define _GNU_SOURCE
#include "wire.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { DOWN_AT_ONCE = 240 * 1024, UP_AT_ONCE = 64 * 1024 }; /* the first: what fits wire.c's stage as records */

struct pair {
    struct wire client, backend;
    bool opened;                /* the handshake is done and the backend called */
    bool up_ended, down_ended;  /* the end of the stream was passed on */
    bool dead;
    struct pair *next_dead;
};

static unsigned char scratch[DOWN_AT_ONCE];
static SSL_CTX *context;
static uint16_t backend_port;
static int epoll;
static struct pair *dead; /* freed after the batch of events that may still name them */

/* Client to backend. Returns false if the connection failed. */
static bool pump_up(struct pair *pair)
{
    while (!pair->up_ended && pair->backend.rest == NULL) {
        size_t len = 0;
        ssize_t n = 1;
        while (len < UP_AT_ONCE && (n = wire_read(&pair->client, scratch + len, UP_AT_ONCE - len)) > 0)
            len += (size_t)n;
        if (len > 0)
            wire_push(&pair->backend, scratch, len);
        if (n == 0) {
            wire_finish(&pair->backend);
            pair->up_ended = true;
        }
        if (n < 0)
            return n == WIRE_WAIT;
    }
    return true;
}

/* Backend to client: as much as one send takes, until either side has had enough. */
static bool pump_down(struct pair *pair)
{
    while (!pair->down_ended && pair->client.rest == NULL) {
        ssize_t n = wire_read(&pair->backend, scratch, sizeof scratch);
        if (n < 0)
            return n == WIRE_WAIT;
        if (n == 0) {
            wire_finish(&pair->client);
            pair->down_ended = true;
        }
        for (ssize_t done = 0; done < n;) {
            ssize_t written = wire_write(&pair->client, scratch + done, (size_t)(n - done));
            if (written <= 0)
                return false; /* the stage was empty, so this is no want */
            done += written;
        }
        wire_flush(&pair->client);
    }
    return true;
}

/* Go as far as both sockets let us; false when the pair is finished, well or not. */
static bool serve(struct pair *pair)
{
    if (!pair->opened) {
        int result = wire_handshake(&pair->client);
        if (result != 1) {
            wire_flush(&pair->client);
            return result == WIRE_WAIT && !pair->client.failed;
        }
        wire_hold(&pair->client);
        wire_open(&pair->backend, wire_connect(backend_port, NULL), NULL, false, epoll, pair);
        pair->opened = true; /* and on: what does not go out while it connects is kept */
    }
    if (!pump_up(pair) || !pump_down(pair))
        return false;
    wire_flush(&pair->client);
    if (pair->client.failed || pair->backend.failed)
        return false;
    bool said_all = pair->client.rest == NULL && pair->backend.rest == NULL;
    return !(pair->up_ended && pair->down_ended && said_all);
}

static void turn(struct pair *pair)
{
    if (serve(pair))
        return;
    wire_flush(&pair->client);
    wire_close(&pair->client);
    if (pair->opened)
        wire_close(&pair->backend);
    pair->dead = true;
    pair->next_dead = dead;
    dead = pair;
}

static void accept_all(int listener)
{
    for (int fd; (fd = wire_accept(listener)) >= 0;) {
        struct pair *pair = calloc(1, sizeof *pair);
        if (pair == NULL)
            die("cannot take a connection: out of memory");
        wire_open(&pair->client, fd, context, true, epoll, pair);
    }
}

static void free_dead(void)
{
    while (dead) {
        struct pair *next = dead->next_dead;
        free(dead);
        dead = next;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("usage: relay PORT BACKEND CERTIFICATE KEY");
    backend_port = (uint16_t)number(argv[2]);
    context = wire_server_context(argv[3], argv[4]);
    raise_file_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = wire_listen(argv[1]);
    struct epoll_event event = {.events = EPOLLIN}, events[64];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        die("cannot watch the listening socket");
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            struct wire *wire = events[i].data.ptr;
            if (wire == NULL) {
                accept_all(listener);
                continue;
            }
            struct pair *pair = wire->owner;
            if (pair == NULL || pair->dead)
                continue;
            wire_event(wire, events[i].events);
            turn(pair);
        }
        free_dead();
    }
}
