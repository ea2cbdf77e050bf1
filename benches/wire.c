/* wire.c: see wire.h. */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Records of the wire whose turn it is; one for the whole process, so that an idle connection holds nothing. */
static unsigned char stage[256 * 1024];
static size_t stage_len;

/* --- the BIO: recv and send with a memory of what the socket said ------------------------------------------------ */

static ssize_t receive(struct wire *wire, void *buf, size_t len)
{
    if (!wire->readable)
        return WIRE_WAIT;
    ssize_t n = recv(wire->fd, buf, len, 0);
    if (n == 0)
        wire->ended = true;
    if (n < 0 && errno != EAGAIN)
        return WIRE_FAILED;
    if (n < (ssize_t)len && !wire->hung_up)
        wire->readable = false; /* empty: the next bytes, or a FIN, come with a new event */
    return n < 0 ? WIRE_WAIT : n;
}

static unsigned char *copy(const unsigned char *bytes, size_t len)
{
    unsigned char *own = malloc(len);
    if (own == NULL)
        die("cannot keep %zu bytes: out of memory", len);
    return memcpy(own, bytes, len);
}

static int last; /* MSG_MORE while the FIN follows at once: it takes the bytes along in its own segment */

/* Send, and keep what the socket does not take. */
static void send_or_keep(struct wire *wire, const unsigned char *bytes, size_t len)
{
    ssize_t n = send(wire->fd, bytes, len, MSG_NOSIGNAL | last);
    if (n < 0 && errno != EAGAIN)
        wire->failed = true;
    size_t sent = n < 0 ? 0 : (size_t)n;
    unsigned char *rest = sent < len && !wire->failed ? copy(bytes + sent, len - sent) : NULL;
    free(wire->rest);
    wire->rest = rest;
    wire->rest_len = rest ? len - sent : 0;
}

void wire_flush(struct wire *wire)
{
    if (stage_len > 0)
        send_or_keep(wire, stage, stage_len);
    stage_len = 0;
}

void wire_push(struct wire *wire, const void *buf, size_t len)
{
    send_or_keep(wire, buf, len);
}

void wire_hold(struct wire *wire)
{
    if (stage_len == 0 || SSL_version(wire->ssl) != TLS1_3_VERSION)
        return; /* before TLS 1.3 the client waits for what is written last */
    wire->held = copy(stage, stage_len);
    wire->held_len = stage_len;
    stage_len = 0;
}

static void take_held(struct wire *wire)
{
    memcpy(stage, wire->held, wire->held_len);
    stage_len = wire->held_len;
    free(wire->held);
    wire->held = NULL;
}

static int bio_read(BIO *bio, char *buf, int len)
{
    BIO_clear_retry_flags(bio);
    ssize_t n = receive(BIO_get_data(bio), buf, (size_t)len);
    if (n == WIRE_WAIT)
        BIO_set_retry_read(bio);
    return n < 0 ? -1 : (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len)
{
    struct wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wire->held)
        take_held(wire);
    if (stage_len + (size_t)len > sizeof stage)
        wire_flush(wire);
    if (wire->failed)
        return -1;
    if (wire->rest) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(stage + stage_len, buf, (size_t)len);
    stage_len += (size_t)len;
    return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    struct wire *wire = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF)
        return wire->ended;
    return command == BIO_CTRL_FLUSH; /* done by us, once a turn */
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO *bio_over(struct wire *wire)
{
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        BIO_meth_set_create(method, bio_create);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    BIO *bio = BIO_new(method);
    if (bio == NULL)
        die("cannot make a BIO: out of memory");
    BIO_set_data(bio, wire);
    return bio;
}

/* --- contexts and sockets ---------------------------------------------------------------------------------------- */

void wire_tune(SSL_CTX *context)
{
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!SSL_CTX_set1_groups_list(context, "X25519:P-256"))
        die("cannot set the groups");
}

SSL_CTX *wire_server_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        die("cannot make a context");
    wire_tune(context);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (!SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM") ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"))
        die("cannot set the ciphers");
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die("cannot load certificate '%s' and key '%s'", certificate, key);
    return context;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("cannot make a socket: %s", strerror(errno));
    return fd;
}

static int bind_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("listen on '%s': the path is too long", path);
    strcpy(address.sun_path, path);
    int fd = new_socket(AF_UNIX);
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static int bind_port(uint16_t port)
{
    int fd = new_socket(AF_INET), on = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

int wire_listen(const char *address)
{
    int fd = address[0] == '/' ? bind_path(address) : bind_port((uint16_t)number(address));
    if (fd < 0 || listen(fd, 4096) != 0)
        die("listen on '%s': %s", address, strerror(errno));
    return fd;
}

static void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int wire_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
        die("accept: %s", strerror(errno));
    if (fd >= 0)
        no_delay(fd);
    return fd;
}

int wire_connect(uint16_t port, const char *source)
{
    int fd = new_socket(AF_INET), on = 1;
    struct sockaddr_in address = loopback(port), own = loopback(0);
    no_delay(fd);
    if (source && (inet_pton(AF_INET, source, &own.sin_addr) != 1 ||
                   setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
                   bind(fd, (struct sockaddr *)&own, sizeof own) != 0))
        die("cannot connect from '%s': %s", source, strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        die("connect to '127.0.0.1:%u': %s", port, strerror(errno));
    return fd;
}

/* --- one connection ---------------------------------------------------------------------------------------------- */

void wire_open(struct wire *wire, int fd, SSL_CTX *context, bool server, int epoll, void *owner)
{
    *wire = (struct wire){.fd = fd, .owner = owner};
    if (context) {
        BIO *bio = bio_over(wire);
        wire->ssl = SSL_new(context);
        if (wire->ssl == NULL)
            die("cannot make a connection: out of memory");
        SSL_set_bio(wire->ssl, bio, bio);
        if (server)
            SSL_set_accept_state(wire->ssl);
        else
            SSL_set_connect_state(wire->ssl);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = wire};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("cannot watch a socket: %s", strerror(errno));
}

void wire_close(struct wire *wire)
{
    SSL_free(wire->ssl);
    close(wire->fd);
    free(wire->rest);
    free(wire->held);
    *wire = (struct wire){.fd = -1};
}

static void end_sending(struct wire *wire)
{
    shutdown(wire->fd, SHUT_WR);
    wire->finishing = false;
}

void wire_event(struct wire *wire, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        wire->hung_up = wire->readable = true;
    if (events & EPOLLIN)
        wire->readable = true;
    if (events & EPOLLOUT && wire->rest)
        send_or_keep(wire, wire->rest, wire->rest_len);
    if (wire->finishing && wire->rest == NULL)
        end_sending(wire);
}

/* What an SSL call that did not succeed means. */
static int outcome(struct wire *wire, int result)
{
    switch (SSL_get_error(wire->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return WIRE_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return WIRE_FAILED;
    }
}

int wire_handshake(struct wire *wire)
{
    ERR_clear_error();
    int result = SSL_do_handshake(wire->ssl);
    if (result == 1)
        return 1;
    result = outcome(wire, result);
    return result == 0 ? WIRE_FAILED : result;
}

ssize_t wire_read(struct wire *wire, void *buf, size_t len)
{
    if (wire->ssl == NULL)
        return receive(wire, buf, len);
    if (!wire->readable && !SSL_has_pending(wire->ssl) && !SSL_want_write(wire->ssl))
        return WIRE_WAIT; /* nothing in libssl, nothing below it: no need to ask */
    ERR_clear_error();
    int n = SSL_read(wire->ssl, buf, (int)len);
    return n > 0 ? n : outcome(wire, n);
}

ssize_t wire_write(struct wire *wire, const void *buf, size_t len)
{
    if (wire->ssl == NULL) {
        ssize_t n = send(wire->fd, buf, len, MSG_NOSIGNAL);
        return n >= 0 ? n : errno == EAGAIN ? WIRE_WAIT : WIRE_FAILED;
    }
    ERR_clear_error();
    int n = SSL_write(wire->ssl, buf, (int)len);
    return n > 0 ? n : outcome(wire, n);
}

void wire_finish(struct wire *wire)
{
    ERR_clear_error();
    if (wire->ssl)
        SSL_shutdown(wire->ssl);
    last = wire->ssl && SSL_is_server(wire->ssl) ? MSG_MORE : 0; /* the load does as clients do: two segments */
    wire_flush(wire);
    last = 0;
    if (wire->rest == NULL)
        end_sending(wire);
    else
        wire->finishing = true;
}

int wire_read_end(struct wire *wire)
{
    char bytes[256];
    ssize_t n = wire_read(wire, bytes, sizeof bytes);
    if (n == 0 && !wire->ended) /* close_notify is here, the FIN is not */
        n = receive(wire, bytes, sizeof bytes);
    if (n == 0 && wire->ssl) /* libssl forgets that we have said goodbye when a FIN is all that answers, and with it the session */
        SSL_set_shutdown(wire->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return n > 0 ? WIRE_FAILED : (int)n;
}

/* --- odds and ends of a small program ---------------------------------------------------------------------------- */

void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    exit(1);
}

void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

long number(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 0)
        die("'%s' is not a number", text);
    return value;
}
