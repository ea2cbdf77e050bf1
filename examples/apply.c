/*
 * apply.c: an echo server on plain OpenSSL whose TLS policy comes from tlsport. The SSL_CTX and
 * the loop are the program's own, as in a program that speaks TLS already.
 *
 *   cc -o apply examples/apply.c $(pkg-config --cflags --libs tlsport libssl libcrypto)
 *   tlsport certs --out pki --host localhost
 *   ./apply 8530 1 --ssl.keyfile=pki/server.pem --ssl.protocol=9
 *   openssl s_client -quiet -CAfile pki/ca.pem -connect localhost:8530
 *
 * Settings are flags as `tlsport serve` has them, or a configuration file of any dialect, in
 * the order in which they count.
 */
#include <tlsport.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
    "usage: apply PORT CONNECTIONS [CONFIGURATION | --OPTION=VALUE]...\n"
    "echoes what comes over TLS on PORT, and ends after CONNECTIONS connections (0: never);\n"
    "PORT 0 takes any, and says which\n";

/* What tlsport has to tell of a policy that is weaker than it looks. */
static void log_line(void *user, int level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "apply: %s\n", line);
}

static int fail(const char *what)
{
    fprintf(stderr, "apply: %s: %s\n", what, strerror(errno));
    return -1;
}

static int fail_tlsport(const char *what)
{
    fprintf(stderr, "apply: %s:\n%s\n", what, tlsport_last_error());
    return -1;
}

/* Takes a flag, or a file. An option that takes several values gets one more. */
static int take_argument(tlsport_settings *settings, const char *argument)
{
    char name[64];
    const char *value = strchr(argument, '=');
    if (strncmp(argument, "--", 2) != 0) {
        return tlsport_settings_load(settings, NULL, argument);
    }
    if (value == NULL || (size_t)(value - argument) - 2 >= sizeof name) {
        fprintf(stderr, "apply: '%s' is not --OPTION=VALUE\n", argument);
        return TLSPORT_ERROR_USAGE;
    }
    snprintf(name, sizeof name, "%.*s", (int)(value - argument) - 2, argument + 2);
    int status = tlsport_settings_add(settings, name, value + 1);
    if (status == TLSPORT_ERROR_USAGE) { /* it takes one value */
        status = tlsport_settings_set(settings, name, value + 1);
    }
    return status;
}

/* An SSL_CTX with the policy of the arguments, or null. */
static SSL_CTX *make_ssl_ctx(int count, char **arguments)
{
    tlsport_settings *settings = tlsport_settings_new();
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());
    int status = TLSPORT_OK;
    for (int i = 0; i < count && status == TLSPORT_OK; i++) {
        status = take_argument(settings, arguments[i]);
    }
    if (status == TLSPORT_OK) {
        status = tlsport_settings_apply(settings, ssl_ctx);
    }
    tlsport_settings_free(settings);
    if (status == TLSPORT_OK) {
        return ssl_ctx;
    }
    fail_tlsport("these settings cannot be used");
    SSL_CTX_free(ssl_ctx);
    return NULL;
}

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t length)
{
    const int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(fd, address, length) == 0 && listen(fd, 16) == 0;
}

/* A socket for IPv6 and IPv4, or for IPv4 alone where there is no other. */
static int listen_on(uint16_t port)
{
    const int off = 0;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd != -1 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
        bind_and_listen(fd, (struct sockaddr *)&six, sizeof six)) {
        return fd;
    }
    if (fd != -1) {
        close(fd);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd != -1 && bind_and_listen(fd, (struct sockaddr *)&four, sizeof four)) {
        return fd;
    }
    fail("cannot listen");
    if (fd != -1) {
        close(fd);
    }
    return -1;
}

static void say_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address;
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) == 0) {
        int is_four = address.any.sa_family == AF_INET;
        in_port_t port = is_four ? address.four.sin_port : address.six.sin6_port;
        printf("listening on port %d\n", ntohs(port));
        fflush(stdout);
    }
}

/* Why a call on an SSL failed. */
static void fail_ssl(const char *what, SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    unsigned long entry = ERR_get_error();
    if (entry != 0) {
        char text[256];
        ERR_error_string_n(entry, text, sizeof text);
        fprintf(stderr, "apply: %s: %s\n", what, text);
    } else if (error == SSL_ERROR_SYSCALL && errno != 0) {
        fail(what);
    } else {
        fprintf(stderr, "apply: %s: the client went away\n", what);
    }
    ERR_clear_error();
}

/* Sends back what comes until the client ends, then ends as well. */
static void echo(SSL *ssl)
{
    char bytes[16384];
    int got, sent;
    printf("%s, %s\n", SSL_get_version(ssl), SSL_get_cipher_name(ssl));
    fflush(stdout);
    while ((got = SSL_read(ssl, bytes, sizeof bytes)) > 0) {
        if ((sent = SSL_write(ssl, bytes, got)) <= 0) {
            fail_ssl("cannot write", ssl, sent);
            return;
        }
    }
    if (SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN) {
        SSL_shutdown(ssl);
    } else {
        fail_ssl("cannot read", ssl, got);
    }
}

static void serve(SSL_CTX *ssl_ctx, int fd)
{
    SSL *ssl = SSL_new(ssl_ctx);
    int result;
    ERR_clear_error();
    errno = 0;
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        fprintf(stderr, "apply: no memory for a connection\n");
    } else if ((result = SSL_accept(ssl)) == 1) {
        echo(ssl);
    } else {
        fail_ssl("handshake", ssl, result);
    }
    SSL_free(ssl);
}

/* A number from 0 to `most`, or -1. */
static long number(const char *text, long most)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *text == '\0' || *end != '\0' || value < 0 || value > most ? -1 : value;
}

int main(int argc, char **argv)
{
    long port = argc < 3 ? -1 : number(argv[1], UINT16_MAX);
    long left = argc < 3 ? -1 : number(argv[2], 1000000);
    if (port == -1 || left == -1) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (tlsport_log_set(log_line, NULL, TLSPORT_LOG_WARN) != TLSPORT_OK) {
        fail_tlsport("no log");
        return 1;
    }
    SSL_CTX *ssl_ctx = make_ssl_ctx(argc - 3, argv + 3);
    if (ssl_ctx == NULL) {
        return 3;
    }
    int status = 0;
    int listener = listen_on((uint16_t)port);
    if (listener == -1) {
        SSL_CTX_free(ssl_ctx);
        return 1;
    }
    say_port(listener);
    for (int for_ever = left == 0; for_ever || left > 0; left -= !for_ever) {
        int fd = accept(listener, NULL, NULL);
        if (fd == -1) {
            fail("cannot accept");
            status = 1;
            break;
        }
        serve(ssl_ctx, fd);
        close(fd);
    }
    close(listener);
    SSL_CTX_free(ssl_ctx);
    return status;
}
