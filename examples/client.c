/*
 * client.c: connects to a server, looks whether it is the right one, tells what was agreed on,
 * and joins it to standard input and output.
 *
 *   cc -o client examples/client.c $(pkg-config --cflags --libs tlsport)
 *   printf 'GET / HTTP/1.0\r\n\r\n' | ./client example.org 443
 *   ./client --cafile pki/ca.pem --set ssl.protocol=6 localhost 8530
 *
 * --insecure takes whoever answers, for tests alone. The end of the input is told to the
 * server; the program ends when the server has ended as well. It fails when the stream was cut.
 */
#include <tlsport.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
    "usage: client [--insecure] [--cafile FILE] [--set NAME=VALUE]... HOST PORT\n";

static int fail(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    return -1;
}

static int fail_tlsport(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, tlsport_last_error());
    return -1;
}

/* ---- Connecting --------------------------------------------------------------------------- */

/* A socket that is connected to one of the host's addresses. */
static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int fd = -1;
    int refused = getaddrinfo(host, port, &hints, &found);
    if (refused != 0) {
        fprintf(stderr, "client: %s: %s\n", host, gai_strerror(refused));
        return -1;
    }
    for (struct addrinfo *each = found; each != NULL && fd == -1; each = each->ai_next) {
        fd = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (fd != -1 && connect(fd, each->ai_addr, each->ai_addrlen) == -1) {
            int why = errno;
            close(fd);
            errno = why;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd == -1 ? fail(host) : fd;
}

static void print_fact(const char *name, const char *text)
{
    if (text != NULL) {
        fprintf(stderr, "%-10s %s\n", name, text);
    }
}

static int print_facts(tlsport_channel *channel)
{
    tlsport_facts facts = {.size = sizeof facts};
    if (tlsport_channel_facts(channel, &facts) != TLSPORT_OK) {
        return fail_tlsport("facts");
    }
    print_fact("protocol", facts.protocol);
    print_fact("cipher", facts.cipher);
    print_fact("group", facts.group);
    print_fact("alpn", facts.alpn);
    print_fact("server", facts.peer_subject);
    print_fact("issuer", facts.peer_issuer);
    print_fact("until", facts.peer_not_after);
    print_fact("verified", facts.peer_verified);
    return 0;
}

/* ---- Input to server, server to output ---------------------------------------------------- */

struct pipe {
    char bytes[16384]; /* of the input, on their way to the server */
    size_t filled, sent;
    int input_ended;
    int closed; /* and the server knows */
};

static int write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, len);
        if (written == -1 && errno != EINTR) {
            return fail("standard output");
        }
        bytes += written > 0 ? written : 0;
        len -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

/* Sends what waits; after the end of the input, says so. */
static int send_input(tlsport_channel *channel, struct pipe *pipe)
{
    while (pipe->sent < pipe->filled) {
        ptrdiff_t taken = tlsport_channel_write(channel, pipe->bytes + pipe->sent,
                                                pipe->filled - pipe->sent);
        if (taken == TLSPORT_WANT_WRITE || taken == TLSPORT_WANT_READ) {
            return 0;
        }
        if (taken < 0) {
            return fail_tlsport("to the server");
        }
        pipe->sent += (size_t)taken;
    }
    if (pipe->input_ended && !pipe->closed) {
        int status = tlsport_channel_close(channel);
        if (status != TLSPORT_OK && status != TLSPORT_WANT_WRITE) {
            return fail_tlsport("to the server");
        }
        pipe->closed = status == TLSPORT_OK;
    }
    return 0;
}

/* Reads until there is nothing more for now. 1 when the server has ended. */
static int receive_output(tlsport_channel *channel)
{
    char bytes[16384];
    for (;;) {
        ptrdiff_t got = tlsport_channel_read(channel, bytes, sizeof bytes);
        if (got == TLSPORT_WANT_READ || got == TLSPORT_WANT_WRITE) {
            return 0;
        }
        if (got < 0) {
            return fail_tlsport("from the server");
        }
        if (got == 0) {
            return 1;
        }
        if (write_all(bytes, (size_t)got) == -1) {
            return -1;
        }
    }
}

static int read_input(struct pipe *pipe)
{
    ssize_t got = read(STDIN_FILENO, pipe->bytes, sizeof pipe->bytes);
    if (got == -1) {
        return errno == EINTR || errno == EAGAIN ? 0 : fail("standard input");
    }
    pipe->filled = (size_t)got;
    pipe->sent = 0;
    pipe->input_ended = got == 0;
    return 0;
}

static int wait_for(tlsport_channel *channel, int fd, struct pipe *pipe)
{
    int wants = tlsport_channel_wants(channel);
    int is_empty = pipe->sent == pipe->filled && !pipe->input_ended;
    struct pollfd entries[2] = {
        {.fd = fd,
         .events = (short)((wants & TLSPORT_WANTS_READ ? POLLIN : 0) |
                           (wants & TLSPORT_WANTS_WRITE ? POLLOUT : 0))},
        {.fd = is_empty ? STDIN_FILENO : -1, .events = POLLIN},
    };
    if (poll(entries, 2, -1) == -1) {
        return errno == EINTR ? 0 : fail("poll");
    }
    return entries[1].revents != 0 ? read_input(pipe) : 0;
}

static int join(tlsport_channel *channel, int fd)
{
    static struct pipe pipe;
    for (;;) {
        int ended;
        if (send_input(channel, &pipe) == -1 || (ended = receive_output(channel)) == -1) {
            return -1;
        }
        if (ended) {
            /* Who is at the other end has gone: that we end as well is mere politeness. */
            int status = tlsport_channel_close(channel);
            (void)status;
            return 0;
        }
        if (wait_for(channel, fd, &pipe) == -1) {
            return -1;
        }
    }
}

/* ---- Beginning ---------------------------------------------------------------------------- */

static int talk(tlsport_context *context, const char *host, const char *port, int insecure)
{
    int result = -1;
    tlsport_channel *channel = NULL;
    int fd = connect_to(host, port);
    if (fd == -1) {
        return -1;
    }
    channel = insecure ? tlsport_channel_connect_insecure(context, fd, host)
                       : tlsport_channel_connect(context, fd, host);
    /* As long as the socket blocks, each call waits: once that is over, there is the loop. */
    if (channel == NULL || tlsport_channel_handshake(channel) != TLSPORT_OK) {
        fail_tlsport(host);
    } else if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
        fail(host);
    } else if (print_facts(channel) == 0) {
        result = join(channel, fd);
    }
    tlsport_channel_free(channel);
    close(fd);
    return result;
}

static int set(tlsport_settings *settings, char *assignment)
{
    char *value = strchr(assignment, '=');
    if (value == NULL) {
        return TLSPORT_ERROR_USAGE;
    }
    *value = '\0';
    return tlsport_settings_set(settings, assignment, value + 1);
}

int main(int argc, char **argv)
{
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_context *context = NULL;
    int insecure = 0;
    int status = TLSPORT_OK;
    int i;
    for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0 && status == TLSPORT_OK; i++) {
        if (strcmp(argv[i], "--insecure") == 0) {
            insecure = 1;
        } else if (strcmp(argv[i], "--cafile") == 0 && i + 1 < argc) {
            status = tlsport_settings_set(settings, "ssl.cafile", argv[++i]);
        } else if (strcmp(argv[i], "--set") == 0 && i + 1 < argc) {
            status = set(settings, argv[++i]);
        } else {
            break;
        }
    }
    if (status == TLSPORT_OK && argc - i != 2) {
        fputs(usage, stderr);
        tlsport_settings_free(settings);
        return 2;
    }
    if (status == TLSPORT_OK) {
        context = tlsport_context_new_client(settings);
    }
    tlsport_settings_free(settings);
    if (context == NULL) {
        fail_tlsport("settings");
        return 1;
    }
    int result = talk(context, argv[i], argv[i + 1], insecure);
    tlsport_context_free(context);
    return result == 0 ? 0 : 1;
}
