/* wire.h: one non-blocking connection, TLS or plain, for the bare C programs beside it.
 *
 * It does with libssl what a careful program does and nothing else: libssl reads ahead, its records are collected and
 * leave in one send when the caller flushes, a short read means that the socket is empty, so that no second recv has to
 * find out. The sockets are registered once, edge-triggered. Not a library: one thread, one flush after each turn.
 * Read next: yardstick.c, the smallest user. */
#ifndef WIRE_H
#define WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is said over it: a request of 64 bytes. ECHO wants it back; DOWN wants `len` bytes; UP is followed by `len`
 * bytes and wants the request back once they are all there. */
enum ask { ASK_ECHO = 'E', ASK_DOWN = 'D', ASK_UP = 'U' };

struct request {
    char ask;
    char unused[7];
    uint64_t len;
    char filler[48];
};

/* Results below zero of the calls that move bytes; zero is the end of the stream. */
enum { WIRE_WAIT = -1, WIRE_FAILED = -2 };

struct wire {
    int fd;
    SSL *ssl;            /* NULL: plain */
    void *owner;         /* whatever the caller wants to find from an event */
    bool readable;       /* an event said so and no short read has come since */
    bool hung_up;        /* the peer's FIN is in: read until recv returns 0 */
    bool ended;          /* recv returned 0 */
    bool failed;         /* a send failed for good */
    unsigned char *rest; /* what the socket would not take; goes before anything else */
    size_t rest_len;
    bool finishing;      /* FIN once the rest is out */
    unsigned char *held; /* tickets that wait for the first data, to leave in the same send */
    size_t held_len;
};

/* A server context with the policy all subjects share; exits with a message if it cannot be made. */
SSL_CTX *wire_server_context(const char *certificate, const char *key);
void wire_tune(SSL_CTX *context);

/* Listen on a port of 127.0.0.1, or on a Unix socket if `address` is a path; accept returns -1 when nobody waits. */
int wire_listen(const char *address);
int wire_accept(int listener);
/* Begin to connect to 127.0.0.1, from the address `source` unless that is NULL; EPOLLOUT says when it is done. */
int wire_connect(uint16_t port, const char *source);

/* Take over `fd`: `context` NULL for plain; register with `epoll`. */
void wire_open(struct wire *wire, int fd, SSL_CTX *context, bool server, int epoll, void *owner);
void wire_close(struct wire *wire);

/* Tell the wire what epoll said. */
void wire_event(struct wire *wire, uint32_t events);

/* 1 when done, or WIRE_WAIT, WIRE_FAILED. */
int wire_handshake(struct wire *wire);
/* Bytes moved, 0 at the end of the stream (read only), or WIRE_WAIT, WIRE_FAILED. */
ssize_t wire_read(struct wire *wire, void *buf, size_t len);
ssize_t wire_write(struct wire *wire, const void *buf, size_t len);
/* Plain only: send all of it, or keep the rest and go on when epoll says so; not while there is a rest. */
void wire_push(struct wire *wire, const void *buf, size_t len);
/* After the handshake, before a flush: let TLS 1.3 tickets leave with the first data. */
void wire_hold(struct wire *wire);
/* Say that nothing more will be written: close_notify, then FIN. */
void wire_finish(struct wire *wire);
/* After wire_finish: wait for the peer's FIN; 0 when it is in. */
int wire_read_end(struct wire *wire);
/* Send what libssl has written; after every turn, before another wire is touched. */
void wire_flush(struct wire *wire);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
/* Raise the number of open files to what the system allows. */
void raise_file_limit(void);
/* A number from the command line; exits with a message if it is none. */
long number(const char *text);

#endif
