/*
 * hopen.c: asks a server of kdb+ something, as q does with hopen, and prints the answer.
 *
 *   cc -o hopen examples/hopen.c $(pkg-config --cflags --libs tlsport)
 *   export KX_SSL_CA_CERT_FILE=$HOME/certs/ca.pem
 *   ./hopen tcps://localhost:5000 1+1
 *   KDB_CREDENTIALS=user:password ./hopen --loop tcps://localhost:5000 '.z.p'
 *
 * Certificates and how the server is verified are said by kdb+'s variables; --set NAME=VALUE
 * says more, as --set timeout.connect=250ms. With --loop the connection is opened in a loop of
 * this program's, where others could have their turn; without, it is waited for. Numbers,
 * texts and errors are printed as they are, everything else as the bytes that came.
 */
#include <tlsport.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 8, LONGEST = 1 << 20 };

/* Types of messages: a query that is to be answered, and its answer. */
enum { QUERY = 1, ANSWER = 2 };

/* Types of values, as the first byte of a body tells them. */
enum { LONG_ATOM = 0xf9, INT_ATOM = 0xfa, CHARS = 0x0a, KDB_ERROR = 0x80 };

static const char usage[] =
    "usage: hopen [--loop] [--set NAME=VALUE]... tcps://HOST:PORT[:USER:PASSWORD] QUERY\n";

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "hopen: %s: %s\n", what, why);
    return -1;
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* Waits for what the channel wants, and no longer than until it wants to be called again. */
static int wait_for(tlsport_channel *channel)
{
    int wants = tlsport_channel_wants(channel);
    struct pollfd entry = {.fd = tlsport_channel_fd(channel),
                           .events = (short)((wants & TLSPORT_WANTS_READ ? POLLIN : 0) |
                                             (wants & TLSPORT_WANTS_WRITE ? POLLOUT : 0))};
    if (poll(&entry, 1, tlsport_channel_timeout_ms(channel)) == -1 && errno != EINTR) {
        return fail("poll", strerror(errno));
    }
    return 0;
}

/* Opens a connection in a loop. */
static tlsport_channel *open_in_loop(tlsport_client *client)
{
    tlsport_channel *channel = tlsport_client_begin(client);
    int status = TLSPORT_OK;
    while (channel != NULL && (status = tlsport_channel_handshake(channel)) != TLSPORT_OK) {
        int wants = status == TLSPORT_WANT_READ || status == TLSPORT_WANT_WRITE;
        if (!wants || wait_for(channel) == -1) {
            /* Why is told by tlsport_last_error, which no _free touches. */
            tlsport_channel_free(channel);
            return NULL;
        }
    }
    return channel;
}

/* ---- Messages ----------------------------------------------------------------------------- */

/* These do as well for a channel that does not block as for one that does. */

static int write_all(tlsport_channel *channel, const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ptrdiff_t taken = tlsport_channel_write(channel, bytes, len);
        if (taken >= 0) {
            bytes += taken;
            len -= (size_t)taken;
        } else if ((taken != TLSPORT_WANT_READ && taken != TLSPORT_WANT_WRITE) ||
                   wait_for(channel) == -1) {
            return fail("to the server", tlsport_last_error());
        }
    }
    return 0;
}

static int read_all(tlsport_channel *channel, unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ptrdiff_t got = tlsport_channel_read(channel, bytes, len);
        if (got > 0) {
            bytes += got;
            len -= (size_t)got;
        } else if (got == 0) {
            return fail("from the server", "it has ended");
        } else if ((got != TLSPORT_WANT_READ && got != TLSPORT_WANT_WRITE) ||
                   wait_for(channel) == -1) {
            return fail("from the server", tlsport_last_error());
        }
    }
    return 0;
}

/* A number of so many bytes, the least first or last. */
static unsigned long long number(const unsigned char *bytes, size_t len, int least_first)
{
    unsigned long long sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = sum << 8 | bytes[least_first ? len - 1 - i : i];
    }
    return sum;
}

/* A synchronous query: header, and a vector of characters. */
static int ask(tlsport_channel *channel, const char *query)
{
    enum { BEFORE = HEADER + 6 };
    size_t len = strlen(query);
    size_t whole = BEFORE + len;
    unsigned char *message;
    int result;
    if (whole > LONGEST || (message = calloc(1, whole)) == NULL) {
        return fail("query", "it is too long");
    }
    message[0] = 1; /* the least byte comes first */
    message[1] = QUERY;
    message[HEADER] = CHARS;
    for (size_t i = 0; i < 4; i++) {
        message[4 + i] = (unsigned char)(whole >> 8 * i);
        message[HEADER + 2 + i] = (unsigned char)(len >> 8 * i);
    }
    memcpy(message + BEFORE, query, len);
    result = write_all(channel, message, whole);
    free(message);
    return result;
}

static int print(const unsigned char *body, size_t len, int least_first)
{
    if (body[0] == LONG_ATOM && len == 9) {
        printf("%lld\n", (long long)number(body + 1, 8, least_first));
    } else if (body[0] == INT_ATOM && len == 5) {
        printf("%di\n", (int)number(body + 1, 4, least_first));
    } else if (body[0] == CHARS && len >= 6) {
        fwrite(body + 6, 1, len - 6, stdout);
        putchar('\n');
    } else if (body[0] == KDB_ERROR) {
        fprintf(stderr, "'%.*s\n", (int)(len - 1), (const char *)body + 1);
        return -1;
    } else {
        for (size_t i = 0; i < len; i++) {
            printf("%02x", body[i]);
        }
        putchar('\n');
    }
    return 0;
}

/* Reads a message, and prints it if it is the answer. 1 when it was another one. */
static int receive(tlsport_channel *channel)
{
    unsigned char header[HEADER];
    unsigned char *body;
    unsigned long long whole;
    int result = -1;
    if (read_all(channel, header, sizeof header) == -1) {
        return -1;
    }
    whole = number(header + 4, 4, header[0] == 1);
    if (whole <= HEADER || whole > LONGEST || header[2] != 0) {
        return fail("from the server", "a message that this example does not read");
    }
    whole -= HEADER;
    body = malloc((size_t)whole);
    if (body != NULL && read_all(channel, body, (size_t)whole) == 0) {
        result = header[1] == ANSWER ? print(body, (size_t)whole, header[0] == 1) : 1;
    }
    free(body);
    return result;
}

/* A server may say something else first, which nobody has asked for. */
static int receive_answer(tlsport_channel *channel)
{
    int result;
    do {
        result = receive(channel);
    } while (result == 1);
    return result;
}

/* ---- Beginning ---------------------------------------------------------------------------- */

static int talk(tlsport_client *client, int in_loop, const char *query)
{
    int result;
    tlsport_channel *channel = in_loop ? open_in_loop(client) : tlsport_client_open(client);
    if (channel == NULL) {
        fprintf(stderr, "hopen: %s\n", tlsport_last_error());
        return -1;
    }
    result = ask(channel, query) == 0 ? receive_answer(channel) : -1;
    /* The answer is here: whether the server hears that we go does not matter any more. */
    int status = tlsport_channel_close(channel);
    (void)status;
    tlsport_channel_free(channel);
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
    tlsport_client_terms terms = {.size = sizeof terms, .credentials = getenv("KDB_CREDENTIALS")};
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_client *client = NULL;
    int in_loop = 0;
    int i;
    int result;
    int status = tlsport_settings_load(settings, "kdb", NULL);
    for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0 && status == TLSPORT_OK; i++) {
        if (strcmp(argv[i], "--loop") == 0) {
            in_loop = 1;
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
        client = tlsport_client_new(settings, argv[i], &terms);
    }
    tlsport_settings_free(settings);
    if (client == NULL) {
        fail("settings", tlsport_last_error());
        return 1;
    }
    result = talk(client, in_loop, argv[i + 1]);
    tlsport_client_free(client);
    return result == 0 ? 0 : 1;
}
