/*
 * channel.c: what a tlsport_channel costs beside an SSL on its socket (SSL_set_fd), with the same
 * policy: CPU time of both ends, in one process, over a pair of sockets.
 *
 *   channel KEYFILE [ROUNDS]
 *
 * Rounds alternate; what is printed are medians, and the median of the rounds' ratios.
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <tlsport.h>
#include <unistd.h>

enum { MOST_ROUNDS = 101, TRIPS = 20000, SMALL = 64, CHUNK = 65536, CHUNKS = 1024 };

/* One end of a connection, of either kind. */
struct end {
    SSL *ssl;
    tlsport_channel *channel;
};

struct link {
    int fds[2];
    struct end client, server;
};

static SSL_CTX *server_ssl_ctx, *client_ssl_ctx;
static tlsport_context *server_context, *client_context;
static unsigned char bytes[CHUNK];

static void fail(const char *what)
{
    fprintf(stderr, "channel: %s: %s\n", what, tlsport_last_error());
    exit(1);
}

static void need(int holds, const char *what)
{
    if (!holds) {
        fail(what);
    }
}

static void write_all(struct end *end, size_t len)
{
    if (end->ssl != NULL) {
        need(SSL_write(end->ssl, bytes, (int)len) == (int)len, "SSL_write");
        return;
    }
    for (size_t done = 0; done < len;) {
        ptrdiff_t taken = tlsport_channel_write(end->channel, bytes + done, len - done);
        need(taken > 0, "tlsport_channel_write");
        done += (size_t)taken;
    }
}

static void read_all(struct end *end, size_t len)
{
    for (size_t done = 0; done < len;) {
        ptrdiff_t got = end->ssl != NULL ? SSL_read(end->ssl, bytes, (int)(len - done))
                                         : tlsport_channel_read(end->channel, bytes, len - done);
        need(got > 0, "reading");
        done += (size_t)got;
    }
}

/* Both ends take turns until both are done: the sockets do not wait. */
static void shake(struct link *link)
{
    for (int client = 0, server = 0; !client || !server;) {
        if (link->client.ssl != NULL) {
            client = SSL_do_handshake(link->client.ssl) == 1;
            server = SSL_do_handshake(link->server.ssl) == 1;
        } else {
            client = tlsport_channel_handshake(link->client.channel) == TLSPORT_OK;
            server = tlsport_channel_handshake(link->server.channel) == TLSPORT_OK;
        }
    }
}

static struct link open_link(int of_ours)
{
    struct link link = {.fds = {-1, -1}};
    int room = 4 * CHUNK;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, link.fds) == 0, "socketpair");
    for (int i = 0; i < 2; i++) {
        setsockopt(link.fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
    if (of_ours) {
        link.client.channel = tlsport_channel_connect_insecure(client_context, link.fds[0], NULL);
        link.server.channel = tlsport_channel_accept(server_context, link.fds[1]);
        need(link.client.channel != NULL && link.server.channel != NULL, "channels");
    } else {
        link.client.ssl = SSL_new(client_ssl_ctx);
        link.server.ssl = SSL_new(server_ssl_ctx);
        need(SSL_set_fd(link.client.ssl, link.fds[0]) && SSL_set_fd(link.server.ssl, link.fds[1]),
             "SSL_set_fd");
        SSL_set_connect_state(link.client.ssl);
        SSL_set_accept_state(link.server.ssl);
    }
    shake(&link);
    write_all(&link.server, 1); /* behind the tickets */
    read_all(&link.client, 1);
    return link;
}

static void close_link(struct link *link)
{
    SSL_free(link->client.ssl);
    SSL_free(link->server.ssl);
    tlsport_channel_free(link->client.channel);
    tlsport_channel_free(link->server.channel);
    close(link->fds[0]);
    close(link->fds[1]);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds for the small round trips. */
static double trips(struct link *link)
{
    double begun = cpu_seconds();
    for (int i = 0; i < TRIPS; i++) {
        write_all(&link->client, SMALL);
        read_all(&link->server, SMALL);
        write_all(&link->server, SMALL);
        read_all(&link->client, SMALL);
    }
    return cpu_seconds() - begun;
}

/* Seconds for bytes in bulk, one way. */
static double bulk(struct link *link)
{
    double begun = cpu_seconds();
    for (int i = 0; i < CHUNKS; i++) {
        write_all(&link->server, CHUNK);
        read_all(&link->client, CHUNK);
    }
    return cpu_seconds() - begun;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

static void compare(const char *what, double (*run)(struct link *), int rounds, double units,
                    const char *unit)
{
    static double bare[MOST_ROUNDS], ours[MOST_ROUNDS], ratio[MOST_ROUNDS];
    struct link links[2] = {open_link(0), open_link(1)};
    for (int i = 0; i < rounds; i++) {
        int first = i % 2;
        double seconds[2];
        seconds[first] = run(&links[first]);
        seconds[!first] = run(&links[!first]);
        bare[i] = seconds[0] / units;
        ours[i] = seconds[1] / units;
        ratio[i] = seconds[1] / seconds[0];
    }
    printf("| %-32s | %10.3f | %7.3f | %5.2f | %s\n", what, median(bare, rounds),
           median(ours, rounds), median(ratio, rounds), unit);
    close_link(&links[0]);
    close_link(&links[1]);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 21;
    tlsport_settings *settings = tlsport_settings_new();
    if (argc < 2 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: channel KEYFILE [ROUNDS, at most %d]\n", MOST_ROUNDS);
        return 2;
    }
    need(tlsport_settings_set(settings, "ssl.protocol", "6") == TLSPORT_OK, "settings");
    client_context = tlsport_context_new_client(settings);
    need(tlsport_settings_set(settings, "ssl.keyfile", argv[1]) == TLSPORT_OK, "settings");
    server_context = tlsport_context_new(settings);
    need(client_context != NULL && server_context != NULL, "contexts");
    server_ssl_ctx = SSL_CTX_new(TLS_server_method());
    client_ssl_ctx = SSL_CTX_new(TLS_client_method());
    need(tlsport_settings_apply(settings, server_ssl_ctx) == TLSPORT_OK, "settings");
    printf("| CPU time of both ends            | SSL_set_fd | channel | ratio\n");
    compare("64-byte round trip, both ends", trips, rounds, TRIPS / 1e6, "us");
    compare("bulk, one way", bulk, rounds, (double)CHUNK * CHUNKS / (1 << 30), "s/GiB");
    tlsport_context_free(client_context);
    tlsport_context_free(server_context);
    SSL_CTX_free(client_ssl_ctx);
    SSL_CTX_free(server_ssl_ctx);
    tlsport_settings_free(settings);
    return 0;
}
