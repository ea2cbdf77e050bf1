/*
 * poll.c: an echo server in a loop of its own: poll(2), one thread, many clients, a channel
 * each. What is to be learnt is in step() and events().
 *
 *   cc -o poll examples/poll.c $(pkg-config --cflags --libs tlsport)
 *   tlsport certs --out pki --host localhost
 *   ./poll 8530 --ssl.keyfile=pki/server.pem --ssl.protocol=9
 *   openssl s_client -quiet -CAfile pki/ca.pem -connect localhost:8530
 *
 * Settings are flags as `tlsport serve` has them. Ctrl-C or SIGTERM ends it: clients are told
 * by a close-notify that there is nothing more to come.
 */
#include <tlsport.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 1000, ROUNDS = 16 };

struct client {
    tlsport_channel *channel;
    int fd;
    int want;  /* what the last call wanted, or TLSPORT_OK if it was not asked until then */
    int ended; /* the client has said everything */
    size_t filled, sent;
    char bytes[16384];
};

static struct client *clients[CLIENTS];
static struct pollfd entries[CLIENTS + 1]; /* the listener is the last */
static size_t count;
static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int is_want(ptrdiff_t status)
{
    return status == TLSPORT_WANT_READ || status == TLSPORT_WANT_WRITE;
}

/* ---- One client --------------------------------------------------------------------------- */

/* The next thing to do: send back what came, say that we are done, or read. */
static ptrdiff_t next(struct client *client)
{
    ptrdiff_t moved;
    if (client->sent < client->filled) {
        /* Reading waits until all of it was taken: who does not read is not read from. */
        moved = tlsport_channel_write(client->channel, client->bytes + client->sent,
                                      client->filled - client->sent);
        client->sent += moved > 0 ? (size_t)moved : 0;
        return moved;
    }
    if (client->ended) {
        return tlsport_channel_close(client->channel);
    }
    moved = tlsport_channel_read(client->channel, client->bytes, sizeof client->bytes);
    client->filled = moved > 0 ? (size_t)moved : 0;
    client->sent = 0;
    client->ended = moved == 0;
    return client->ended ? 1 : moved;
}

/* Goes on until the socket can do no more, or others are to have their turn. 0 when it is over. */
static int step(struct client *client)
{
    client->want = TLSPORT_OK;
    for (int i = 0; i < ROUNDS; i++) {
        ptrdiff_t status = next(client);
        if (is_want(status)) {
            client->want = (int)status;
            return 1;
        }
        if (status < 0) {
            fprintf(stderr, "poll: client %d: %s\n", client->fd, tlsport_last_error());
            return 0;
        }
        if (status == TLSPORT_OK) { /* of the close: nothing is left to be done */
            return 0;
        }
    }
    return 1;
}

/*
 * What to wait for: to be able to write while something waits to be sent, and to be able to
 * read if that is what is wanted. A client that is not read from is not waited for either.
 */
static short events(const struct client *client)
{
    int wants = tlsport_channel_wants(client->channel);
    int writes = (wants & TLSPORT_WANTS_WRITE) != 0;
    int reads = (wants & TLSPORT_WANTS_READ) != 0 && client->want == TLSPORT_WANT_READ;
    return (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

static struct client *make_client(tlsport_context *context, int fd)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    client->fd = fd;
    client->channel = tlsport_channel_accept(context, fd);
    if (client->channel == NULL) {
        fprintf(stderr, "poll: %s\n", tlsport_last_error());
        free(client);
        return NULL;
    }
    return client;
}

static void drop(size_t place)
{
    struct client *client = clients[place];
    tlsport_channel_free(client->channel);
    close(client->fd);
    free(client);
    count--;
    clients[place] = clients[count];
    entries[place] = entries[count];
}

/* ---- All of them -------------------------------------------------------------------------- */

static void accept_clients(tlsport_context *context, int listener)
{
    int fd;
    while (count < CLIENTS && (fd = accept(listener, NULL, NULL)) != -1) {
        struct client *client = NULL;
        if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0) {
            client = make_client(context, fd);
        }
        if (client == NULL) {
            close(fd);
            return;
        }
        client->want = TLSPORT_WANT_READ;
        clients[count] = client;
        entries[count].revents = 0;
        count++;
    }
}

/* Fills in what is waited for; whether somebody need not wait. */
static int prepare(int listener)
{
    int again = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i].fd = clients[i]->fd;
        entries[i].events = events(clients[i]);
        again |= clients[i]->want == TLSPORT_OK;
    }
    /* With all places taken, who comes is left in the system's queue. */
    entries[count].fd = count < CLIENTS ? listener : -1;
    entries[count].events = POLLIN;
    return again;
}

static int serve(tlsport_context *context, int listener)
{
    while (!stopped) {
        int again = prepare(listener);
        int ready = poll(entries, (nfds_t)count + 1, again ? 0 : -1);
        if (ready == -1 && errno != EINTR) {
            perror("poll: poll");
            return 1;
        }
        if (ready == -1) {
            continue;
        }
        int comes = entries[count].revents != 0;
        for (size_t i = count; i-- > 0;) {
            int turn = entries[i].revents != 0 || clients[i]->want == TLSPORT_OK;
            if (turn && !step(clients[i])) {
                drop(i);
            }
        }
        if (comes) {
            accept_clients(context, listener);
        }
    }
    while (count > 0) {
        /* As far as the socket takes it: nobody is waited for. */
        int status = tlsport_channel_close(clients[count - 1]->channel);
        (void)status;
        drop(count - 1);
    }
    return 0;
}

/* ---- Beginning ---------------------------------------------------------------------------- */

/* A context with the policy of the arguments, --NAME=VALUE each. */
static tlsport_context *make_context(int argc, char **arguments)
{
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_context *context = NULL;
    int status = TLSPORT_OK;
    for (int i = 0; i < argc && status == TLSPORT_OK; i++) {
        char *value = strchr(arguments[i], '=');
        if (strncmp(arguments[i], "--", 2) != 0 || value == NULL) {
            fprintf(stderr, "poll: '%s' is not --NAME=VALUE\n", arguments[i]);
            tlsport_settings_free(settings);
            return NULL;
        }
        *value = '\0';
        status = tlsport_settings_set(settings, arguments[i] + 2, value + 1);
    }
    if (status == TLSPORT_OK) {
        context = tlsport_context_new(settings);
    }
    if (context == NULL) {
        fprintf(stderr, "poll: %s\n", tlsport_last_error());
    }
    tlsport_settings_free(settings);
    return context;
}

/* Listens on this machine's own address, and says where: port 0 is one the system chooses. */
static int listen_on(unsigned long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
        bind(fd, (struct sockaddr *)&address, len) == -1 || listen(fd, 128) == -1 ||
        getsockname(fd, (struct sockaddr *)&address, &len) == -1 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
        perror("poll: listen");
        if (fd != -1) {
            close(fd);
        }
        return -1;
    }
    printf("listening on port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long port = argc < 2 ? 0 : strtoul(argv[1], &end, 10);
    struct sigaction action = {.sa_handler = stop};
    if (end == NULL || end == argv[1] || *end != '\0' || port > UINT16_MAX) {
        fprintf(stderr, "usage: poll PORT [--NAME=VALUE]...\n");
        return 2;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    tlsport_context *context = make_context(argc - 2, argv + 2);
    if (context == NULL) {
        return 1;
    }
    int listener = listen_on(port);
    int status = listener == -1 ? 1 : serve(context, listener);
    if (listener != -1) {
        close(listener);
    }
    tlsport_context_free(context);
    return status;
}
