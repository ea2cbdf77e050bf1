/* yardstick.c: the least a TLS server can cost on this libssl: one worker that answers the requests of wire.h itself.
 *
 *     yardstick PORT CERTIFICATE KEY    serves until killed
 *     yardstick PORT|PATH               the same without TLS: the backend behind every proxy that is measured
 *
 * No timeouts, no limits, no second connection: what a TLS proxy costs above this is the proxy. */
#define _GNU_SOURCE
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

struct conn {
    struct wire wire;
    struct request request; /* the one being read or answered */
    size_t have;            /* bytes of it that are here */
    size_t echo;            /* bytes of it still to send back */
    uint64_t down, up;      /* bytes still to send, to swallow */
};

static unsigned char scratch[256 * 1024];
static const unsigned char filler[256 * 1024];

/* Take `len` bytes that came in; false if they are no request. */
static bool take(struct conn *conn, const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        size_t n = len;
        if (conn->up > 0) {
            n = n < conn->up ? n : conn->up;
            conn->up -= n;
        } else {
            size_t room = sizeof conn->request - conn->have;
            n = n < room ? n : room;
            memcpy((char *)&conn->request + conn->have, bytes, n);
            conn->have += n;
            if (conn->have < sizeof conn->request)
                return true;
            switch (conn->request.ask) {
            case ASK_DOWN: conn->down = conn->request.len; break;
            case ASK_UP: conn->up = conn->request.len; break;
            case ASK_ECHO: break;
            default: return false;
            }
        }
        bytes += n;
        len -= n;
        if (conn->have == sizeof conn->request && conn->up == 0) {
            conn->echo = conn->request.ask == ASK_DOWN ? 0 : sizeof conn->request;
            conn->have = 0;
        }
    }
    return true;
}

/* Send what is owed: 1 when nothing is left. */
static ssize_t answer(struct conn *conn)
{
    while (conn->echo > 0 || conn->down > 0) {
        const unsigned char *end = (unsigned char *)(&conn->request + 1);
        const unsigned char *from = conn->echo > 0 ? end - conn->echo : filler;
        size_t len = conn->echo > 0 ? conn->echo : conn->down < sizeof filler ? conn->down : sizeof filler;
        ssize_t n = wire_write(&conn->wire, from, len);
        if (n <= 0)
            return n;
        if (conn->echo > 0)
            conn->echo -= (size_t)n;
        else
            conn->down -= (size_t)n;
    }
    return 1;
}

/* Go as far as the socket lets us: WIRE_WAIT, or how it ended. */
static ssize_t serve(struct conn *conn)
{
    for (;;) {
        ssize_t n = answer(conn);
        if (n <= 0)
            return n;
        n = wire_read(&conn->wire, scratch, sizeof scratch);
        if (n <= 0)
            return n;
        if (!take(conn, scratch, (size_t)n))
            return WIRE_FAILED;
    }
}

static void turn(struct conn *conn)
{
    ssize_t result = serve(conn);
    wire_flush(&conn->wire);
    if (result == WIRE_WAIT && !conn->wire.failed)
        return;
    if (result == 0)
        wire_finish(&conn->wire);
    wire_close(&conn->wire);
    free(conn);
}

static void accept_all(int listener, SSL_CTX *context, int epoll)
{
    for (int fd; (fd = wire_accept(listener)) >= 0;) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (conn == NULL)
            die("cannot take a connection: out of memory");
        wire_open(&conn->wire, fd, context, true, epoll, conn);
    }
}

int main(int argc, char **argv)
{
    SSL_CTX *context = NULL;
    if (argc == 4)
        context = wire_server_context(argv[2], argv[3]);
    else if (argc != 2)
        die("usage: yardstick PORT|PATH [CERTIFICATE KEY]");
    raise_file_limit();
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = wire_listen(argv[1]);
    struct epoll_event event = {.events = EPOLLIN}, events[64];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        die("cannot watch the listening socket");
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            struct wire *wire = events[i].data.ptr;
            if (wire == NULL) {
                accept_all(listener, context, epoll);
                continue;
            }
            wire_event(wire, events[i].events);
            turn(wire->owner);
        }
    }
}
