/*
 * A server with callbacks. Clients say lines:
 *
 *   count 1000000        the numbers up to that, as fast as the client reads them
 *   prime 999999000001   "yes" or "no", found out by another thread
 *   quit
 *
 * Build it, and try it:
 *
 *   cc -std=c99 -D_POSIX_C_SOURCE=200809L -pthread server.c -o server \
 *       $(pkg-config --cflags --libs tlsport)
 *   tlsport certs --out pki --host localhost
 *   ./server ssl://localhost:8530 pki/server.pem
 *   openssl s_client -quiet -CAfile pki/ca.pem -connect localhost:8530
 *
 * SIGTERM or Ctrl-C lets clients end for ten seconds, then closes what is left.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlsport.h>

enum { LONGEST_LINE = 100, DRAIN_MS = 10000 };

/* ---- Questions for another thread --------------------------------------------------------- */

struct question {
    struct question *next;
    uint64_t conn_id; /* who asked, and may be gone when there is an answer */
    uint64_t number;
    int is_prime;
};

/* The thread that thinks, and what it has to think about: the callbacks' `user`. */
struct thinker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct question *first, **last;
    tlsport_server *server;
    int stop;
};

static void ask(struct thinker *thinker, uint64_t conn_id, uint64_t number)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        abort();
    }
    question->conn_id = conn_id;
    question->number = number;
    pthread_mutex_lock(&thinker->lock);
    *thinker->last = question;
    thinker->last = &question->next;
    pthread_cond_signal(&thinker->changed);
    pthread_mutex_unlock(&thinker->lock);
}

/* The next question; null when there shall be none any more. */
static struct question *next_question(struct thinker *thinker)
{
    pthread_mutex_lock(&thinker->lock);
    while (thinker->first == NULL && !thinker->stop) {
        pthread_cond_wait(&thinker->changed, &thinker->lock);
    }
    struct question *question = thinker->first;
    if (question != NULL) {
        thinker->first = question->next;
        if (thinker->first == NULL) {
            thinker->last = &thinker->first;
        }
    }
    pthread_mutex_unlock(&thinker->lock);
    return question;
}

static int is_prime(uint64_t number)
{
    for (uint64_t divisor = 2; divisor <= number / divisor; divisor++) {
        if (number % divisor == 0) {
            return 0;
        }
    }
    return number > 1;
}

static int answer(void *user, tlsport_conn *conn, void *arg);

static void *think(void *argument)
{
    struct thinker *thinker = argument;
    struct question *question;
    while ((question = next_question(thinker)) != NULL) {
        question->is_prime = is_prime(question->number);
        if (tlsport_server_call(thinker->server, question->conn_id, answer, question) !=
            TLSPORT_OK) {
            free(question); /* the server is over, and `answer` is not called */
        }
    }
    return NULL;
}

/* ---- Clients -------------------------------------------------------------------------------- */

/* What we keep of a connection: its user pointer. */
struct client {
    char *input; /* what it said and we have not obeyed yet */
    size_t input_len;
    uint64_t counted, count_to;
    char line[LONGEST_LINE]; /* on its way to it */
    size_t line_len, line_sent;
    int waits; /* for the other thread */
};

/* Gives the line to the connection; 0 when not all of it fits: `writable` goes on. */
static int send_line(tlsport_conn *conn, struct client *client)
{
    while (client->line_sent < client->line_len) {
        ptrdiff_t taken = tlsport_conn_write(conn, client->line + client->line_sent,
                                             client->line_len - client->line_sent);
        if (taken < 0) {
            return 0;
        }
        client->line_sent += (size_t)taken;
    }
    return 1;
}

static void say(struct client *client, const char *text)
{
    client->line_len = (size_t)snprintf(client->line, sizeof client->line, "%s\n", text);
    client->line_sent = 0;
}

/* Does what one line asks for. */
static int obey(struct thinker *thinker, tlsport_conn *conn, struct client *client,
                const char *line)
{
    unsigned long long number;
    if (sscanf(line, "count %llu", &number) == 1) {
        client->counted = 0;
        client->count_to = number;
    } else if (sscanf(line, "prime %llu", &number) == 1) {
        client->waits = 1;
        ask(thinker, tlsport_conn_id(conn), number);
        return tlsport_conn_pause(conn); /* one question at a time: TCP holds back the others */
    } else if (strcmp(line, "quit") == 0) {
        return tlsport_conn_close(conn);
    } else {
        say(client, "say: count NUMBER, prime NUMBER or quit");
    }
    return TLSPORT_OK;
}

/* Takes the next whole line of what the client said; 0 when there is none. */
static int take_line(struct client *client, char *line)
{
    char *end = client->input_len == 0 ? NULL : memchr(client->input, '\n', client->input_len);
    if (end == NULL) {
        return 0;
    }
    size_t len = (size_t)(end - client->input);
    size_t kept = len < LONGEST_LINE - 1 ? len : LONGEST_LINE - 1;
    memcpy(line, client->input, kept);
    line[kept] = '\0';
    line[strcspn(line, "\r")] = '\0';
    client->input_len -= len + 1;
    memmove(client->input, end + 1, client->input_len);
    return 1;
}

/*
 * Goes on as far as it goes: until the connection takes no more, an answer is awaited, or there is
 * nothing left to do. Every callback ends here.
 */
static int go_on(struct thinker *thinker, tlsport_conn *conn, struct client *client)
{
    char line[LONGEST_LINE];
    while (!client->waits && send_line(conn, client)) {
        if (client->counted < client->count_to) {
            char text[32];
            snprintf(text, sizeof text, "%llu", (unsigned long long)++client->counted);
            say(client, text);
        } else if (!take_line(client, line)) {
            break;
        } else if (obey(thinker, conn, client, line) != TLSPORT_OK) {
            return TLSPORT_FINISH;
        }
    }
    return client->input_len > LONGEST_LINE && !client->waits &&
                   client->line_sent == client->line_len
               ? TLSPORT_FINISH /* that is no line */
               : TLSPORT_CONTINUE;
}

/* ---- Callbacks ------------------------------------------------------------------------------ */

static int on_open(void *user, tlsport_conn *conn)
{
    (void)user;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || tlsport_conn_set_user(conn, client) != TLSPORT_OK) {
        free(client);
        return TLSPORT_FINISH;
    }
    tlsport_facts facts = {.size = sizeof facts};
    if (tlsport_conn_facts(conn, &facts) == TLSPORT_OK) {
        printf("%s: %s\n", tlsport_conn_peer(conn), facts.protocol ? facts.protocol : "no TLS");
    }
    return TLSPORT_CONTINUE;
}

static int on_data(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    struct client *client = tlsport_conn_user(conn);
    char *more = realloc(client->input, client->input_len + len);
    if (more == NULL) {
        return TLSPORT_FINISH;
    }
    client->input = more;
    memcpy(client->input + client->input_len, bytes, len);
    client->input_len += len;
    return go_on(user, conn, client);
}

static int on_writable(void *user, tlsport_conn *conn)
{
    return go_on(user, conn, tlsport_conn_user(conn));
}

/* The other thread knows the answer; `conn` is null when the client has gone meanwhile. */
static int answer(void *user, tlsport_conn *conn, void *arg)
{
    struct question *question = arg;
    int verdict = TLSPORT_CONTINUE;
    if (conn != NULL) {
        struct client *client = tlsport_conn_user(conn);
        client->waits = 0;
        say(client, question->is_prime ? "yes" : "no");
        verdict = tlsport_conn_resume(conn) == TLSPORT_OK ? go_on(user, conn, client)
                                                          : TLSPORT_FINISH;
    }
    free(question);
    return verdict;
}

static void on_close(void *user, tlsport_conn *conn, int status)
{
    (void)user;
    struct client *client = tlsport_conn_user(conn);
    printf("%s: over: %s\n", tlsport_conn_peer(conn), tlsport_status_name(status));
    if (client != NULL) {
        free(client->input);
        free(client);
    }
}

/* ---- The program ---------------------------------------------------------------------------- */

static tlsport_server *start(struct thinker *thinker, const char *endpoint, const char *keyfile)
{
    tlsport_callbacks callbacks = {.size = sizeof callbacks};
    callbacks.open = on_open;
    callbacks.data = on_data;
    callbacks.writable = on_writable;
    callbacks.close = on_close;
    /* `end` is null: when the client has ended and heard everything, so do we. */
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_server *server = NULL;
    if (tlsport_settings_set(settings, "server.endpoint", endpoint) == TLSPORT_OK &&
        tlsport_settings_set(settings, "ssl.keyfile", keyfile) == TLSPORT_OK) {
        server = tlsport_server_new(settings, &callbacks, thinker);
    }
    if (server == NULL) {
        fprintf(stderr, "%s\n", tlsport_last_error());
    }
    tlsport_settings_free(settings);
    return server;
}

static void stop_thinking(struct thinker *thinker)
{
    pthread_mutex_lock(&thinker->lock);
    thinker->stop = 1;
    pthread_cond_signal(&thinker->changed);
    pthread_mutex_unlock(&thinker->lock);
    pthread_join(thinker->thread, NULL);
}

int main(int argc, char **argv)
{
    struct thinker thinker = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    sigset_t stopping;
    int number;
    if (argc != 3) {
        fprintf(stderr, "usage: %s ENDPOINT KEYFILE\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTERM);
    sigaddset(&stopping, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stopping, NULL); /* sigwait takes them, below */

    thinker.last = &thinker.first;
    /* No callback asks anything before the first client has, so the thread may start afterwards. */
    thinker.server = start(&thinker, argv[1], argv[2]);
    if (thinker.server == NULL) {
        return 1;
    }
    pthread_create(&thinker.thread, NULL, think, &thinker);
    const char *endpoint;
    for (size_t i = 0; (endpoint = tlsport_server_endpoint(thinker.server, i)) != NULL; i++) {
        printf("serving %s\n", endpoint);
    }

    sigwait(&stopping, &number);
    printf("stopping\n");
    int drained = tlsport_server_drain(thinker.server, DRAIN_MS) == TLSPORT_OK &&
                  tlsport_server_wait(thinker.server, -1) == TLSPORT_OK;
    stop_thinking(&thinker);
    tlsport_server_free(thinker.server);
    return drained ? 0 : 1;
}
