/* Connections that a client opens, as kdb+'s hopen does. */
#include "q.h"

#include <errno.h>
#include <sys/epoll.h>

/* Why the last call failed, in so many words. */
static void said(const char *part)
{
    CHECK_HAS(tlsport_last_error(), part);
    CHECK(strstr(tlsport_last_error(), "secret") == NULL);
}

static int is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* ---- Open --------------------------------------------------------------------------------- */

static void a_connection_is_opened_and_a_query_answered(void)
{
    struct q q = {.credentials = "me:secret"};
    tlsport_facts facts = {.size = sizeof facts};
    tlsport_channel *channel;
    char *destination;
    tlsport_client *client;
    tlsport_settings *settings = q_settings();
    q_start(&q);
    destination = strdup(q_destination(q.port, ":me:secret"));
    client = tlsport_client_new(settings, destination, NULL);
    memset(destination, 'x', strlen(destination));
    free(destination);
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", "/nonexistent"));
    tlsport_settings_free(settings);
    channel = q_open_and_free(client);
    REQUIRE(channel != NULL);
    CHECK_MEM(q.hello, "me:secret\3\0", 11);
    CHECK_INT(q.hello_len, 11);
    CHECK_INT(tlsport_channel_capability(channel), 3);
    CHECK(is_blocking(tlsport_channel_fd(channel)));
    CHECK_INT(tlsport_channel_timeout_ms(channel), -1);
    CHECK_INT(tlsport_channel_wants(channel), TLSPORT_WANTS_READ);
    CHECK_OK(tlsport_channel_handshake(channel));
    CHECK_OK(tlsport_channel_facts(channel, &facts));
    CHECK_STR(facts.peer_verified, "ok");
    CHECK_HAS(tlsport_channel_kdb_facts(channel, TLSPORT_KDB_CERT), " GMT\";1b;0)");
    CHECK(tlsport_channel_ssl(channel) != NULL);
    q_ask(channel);
    CHECK_INT(tlsport_channel_has_pending(channel), 0);
    q_end(channel);
    q_stop(&q);
}

static void a_session_is_resumed_by_the_next_connection(void)
{
    struct q q = {.port = 0};
    tlsport_client *client;
    q_start(&q);
    client = q_client(q.port, "");
    for (int round = 0; round < 2; round++) {
        tlsport_facts facts = {.size = sizeof facts};
        tlsport_channel *channel = tlsport_client_open(client);
        REQUIRE(channel != NULL);
        CHECK_OK(tlsport_channel_facts(channel, &facts));
        CHECK_INT(facts.resumed, round);
        q_ask(channel);
        q_end(channel);
    }
    tlsport_client_free(client);
    q_stop(&q);
}

static void the_socket_is_the_callers_to_limit(void)
{
    struct q q = {.port = 0};
    struct timeval limit = {0, 50000};
    tlsport_channel *channel;
    char byte;
    int fd;
    q_start(&q);
    channel = q_open_and_free(q_client(q.port, ""));
    REQUIRE(channel != NULL);
    fd = tlsport_channel_fd(channel);
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    CHECK_STATUS(tlsport_channel_read(channel, &byte, 1), TLSPORT_WANT_READ);
    CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_STATUS(tlsport_channel_read(channel, &byte, 1), TLSPORT_WANT_READ);
    q_ask(channel);
    q_end(channel);
    q_stop(&q);
}

/* A client on these terms besides a string with a user and a password. */
static tlsport_client *on_terms(struct q *q, tlsport_client_terms terms)
{
    tlsport_settings *settings = q_settings();
    const char *destination = q_destination(q->port, ":you:no");
    terms.size = sizeof terms;
    tlsport_client *client = tlsport_client_new(settings, destination, &terms);
    tlsport_settings_free(settings);
    return client;
}

static void what_a_string_cannot_say_is_said_beside_it(void)
{
    struct q q = {.port = 0};
    const char *const hellos[] = {"me:secret\3", "you:no\1", "you:no\6", "you:no"};
    const long capabilities[] = {0, 1, 6, -1};
    tlsport_channel *channel;
    tlsport_client_terms older = {.size = sizeof older - 1};
    tlsport_settings *settings = q_settings();
    q_start(&q);
    for (int i = 0; i < 4; i++) {
        channel = q_open_and_free(on_terms(
            &q, (tlsport_client_terms){.credentials = i == 0 ? "me:secret" : NULL,
                                       .capability = capabilities[i]}));
        REQUIRE(channel != NULL);
        CHECK_INT(q.hello_len, strlen(hellos[i]) + 1);
        CHECK_MEM(q.hello, hellos[i], strlen(hellos[i]) + 1);
        CHECK_INT(tlsport_channel_capability(channel), i == 0 ? 3 : i == 3 ? 0 : capabilities[i]);
        tlsport_channel_free(channel);
    }
    for (int i = 0; i < 4; i++) {
        const long wrong[] = {7, 257, -2, -257};
        tlsport_client_terms terms = {.capability = wrong[i]};
        CHECK_NULL(on_terms(&q, terms), TLSPORT_ERROR_USAGE);
    }
    CHECK_NULL(tlsport_client_new(settings, q_destination(q.port, ""), &older),
               TLSPORT_ERROR_USAGE);
    said("'client_terms.size' is 39 and not sizeof(tlsport_client_terms)");
    tlsport_settings_free(settings);
    q_stop(&q);
}

static void strings_that_cannot_be_read_are_refused_without_what_may_be_a_password(void)
{
    const char *const strings[] = {
        "tcp://h:1:me:secret", "tcps://h:secret", "tcps://me:secret@h:1", "tcps://secret", "secret",
        "", "unixs://secret", "https://me:secret@h:1", "tcps://h:70000:me:secret"};
    tlsport_settings *settings = q_settings();
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        CHECK_NULL(tlsport_client_new(settings, strings[i], NULL), TLSPORT_ERROR_USAGE);
        said("tlsport_client_new: cannot ");
    }
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", "/nonexistent"));
    CHECK_NULL(tlsport_client_new(settings, "tcps://h:1:me:secret", NULL),
               TLSPORT_ERROR_SETTINGS);
    said("'/nonexistent'");
    tlsport_settings_free(settings);
}

static void a_connection_without_a_hello_has_no_capability(void)
{
    tlsport_settings *settings = server_settings();
    tlsport_server *server;
    tlsport_channel *channel;
    char text[64];
    char got[5];
    CHECK_OK(tlsport_settings_set(settings, "backend", "service://echo"));
    server = tlsport_server_new(settings, NULL, NULL);
    tlsport_settings_free(settings);
    REQUIRE(server != NULL);
    snprintf(text, sizeof text, "tls://127.0.0.1:%d", server_port(server));
    channel = q_open_and_free(q_client_of(q_settings(), text, NULL));
    REQUIRE(channel != NULL);
    CHECK_STATUS(tlsport_channel_capability(channel), TLSPORT_ERROR_USAGE);
    said("was not opened with kdb+'s hello");
    CHECK_INT(tlsport_channel_write(channel, "hello", 5), 5);
    CHECK_INT(tlsport_channel_read(channel, got, 5), 5);
    q_end(channel);
    tlsport_server_free(server);
}

/* ---- In a loop ---------------------------------------------------------------------------- */

static void a_loop_of_the_callers_opens_as_well(void)
{
    const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        struct q q = {.port = 0};
        tlsport_facts facts = {.size = sizeof facts};
        tlsport_client *client;
        tlsport_channel *channel;
        char text[64];
        int status;
        q_start(&q);
        snprintf(text, sizeof text, "tcps://%s:%d", hosts[i], q.port);
        client = q_client_of(q_settings(), text, NULL);
        channel = tlsport_client_begin(client);
        tlsport_client_free(client);
        REQUIRE(channel != NULL);
        while (q_is_want(status = tlsport_channel_handshake(channel))) {
            CHECK_STATUS(tlsport_channel_facts(channel, &facts), TLSPORT_ERROR_USAGE);
            CHECK_NULL(tlsport_channel_ssl(channel), TLSPORT_ERROR_USAGE);
            CHECK_STATUS(tlsport_channel_capability(channel), TLSPORT_ERROR_USAGE);
            said("the handshake is not done");
            CHECK_INT(tlsport_channel_has_pending(channel), 0);
            CHECK(tlsport_channel_timeout_ms(channel) > 0);
            if (!q_wait(channel)) {
                break;
            }
        }
        REQUIRE_OK(status);
        CHECK(!is_blocking(tlsport_channel_fd(channel)));
        CHECK_INT(tlsport_channel_timeout_ms(channel), -1);
        CHECK_INT(tlsport_channel_capability(channel), 3);
        q_ask(channel);
        q_end(channel);
        q_stop(&q);
    }
}

/* The descriptor changes from the look-up's to one address' to the next one's. */
static void epoll_finds_descriptors_that_change(void)
{
    struct q q = {.port = 0};
    int set = epoll_create1(0);
    tlsport_channel *channel;
    tlsport_client *client;
    char text[64];
    int status;
    q_start(&q);
    snprintf(text, sizeof text, "tcps://localhost:%d", q.port);
    client = q_client_of(q_settings(), text, NULL);
    for (int round = 0; round < 20; round++) {
        channel = tlsport_client_begin(client);
        REQUIRE(channel != NULL);
        while (q_is_want(status = tlsport_channel_handshake(channel))) {
            int fd = tlsport_channel_fd(channel);
            int wants = tlsport_channel_wants(channel);
            struct epoll_event event = {.events = 0};
            event.events |= (wants & TLSPORT_WANTS_READ) ? (uint32_t)EPOLLIN : 0;
            event.events |= (wants & TLSPORT_WANTS_WRITE) ? (uint32_t)EPOLLOUT : 0;
            if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) != 0) {
                CHECK_INT(errno, ENOENT);
                CHECK_INT(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
            }
            CHECK_INT(epoll_wait(set, &event, 1, tlsport_channel_timeout_ms(channel)), 1);
        }
        CHECK_OK(status);
        tlsport_channel_free(channel);
    }
    tlsport_client_free(client);
    close(set);
    q_stop(&q);
}

static void reading_and_writing_go_on_with_the_opening(void)
{
    struct q q = {.port = 0};
    tlsport_client *client;
    tlsport_channel *channel;
    char byte;
    ptrdiff_t got;
    q_start(&q);
    client = q_client(q.port, "");
    channel = tlsport_client_begin(client);
    REQUIRE(channel != NULL);
    CHECK_INT(tlsport_channel_write(channel, "", 0), 0);
    q_ask(channel);
    q_end(channel);
    channel = tlsport_client_begin(client);
    REQUIRE(channel != NULL);
    while (q_is_want(got = tlsport_channel_read(channel, &byte, 1)) &&
           tlsport_channel_timeout_ms(channel) != -1) {
        int flushed = tlsport_channel_flush(channel);
        CHECK(flushed == TLSPORT_OK || flushed == TLSPORT_WANT_WRITE);
        /* It may be open by now, and then there is nothing to wait for. */
        if (tlsport_channel_timeout_ms(channel) != -1 && !q_wait(channel)) {
            break;
        }
    }
    CHECK_STATUS(got, TLSPORT_WANT_READ);
    q_ask(channel);
    q_end(channel);
    tlsport_client_free(client);
    q_stop(&q);
}

static void an_opening_can_be_given_up(void)
{
    struct q q = {.is_mute = 1};
    tlsport_client *client;
    char byte;
    q_start(&q);
    client = q_client(q.port, "");
    for (int closes = 0; closes < 2; closes++) {
        tlsport_channel *channel = tlsport_client_begin(client);
        REQUIRE(channel != NULL);
        CHECK(q_is_want(tlsport_channel_handshake(channel)));
        CHECK(q_wait(channel));
        CHECK(q_is_want(tlsport_channel_handshake(channel)));
        for (int i = 0; closes && i < 2; i++) {
            CHECK_OK(tlsport_channel_close(channel));
            CHECK_INT(tlsport_channel_fd(channel), -1);
            CHECK_INT(tlsport_channel_wants(channel), 0);
            CHECK_INT(tlsport_channel_timeout_ms(channel), -1);
            CHECK_OK(tlsport_channel_flush(channel));
            CHECK_STATUS(tlsport_channel_read(channel, &byte, 1), TLSPORT_ERROR_USAGE);
            CHECK_STATUS(tlsport_channel_handshake(channel), TLSPORT_ERROR_USAGE);
            said("the channel was closed before its handshake was done");
        }
        tlsport_channel_free(channel);
    }
    tlsport_client_free(client);
    q_stop(&q);
}

/* ---- What comes to nothing ---------------------------------------------------------------- */

/* Both ways to open come to this. */
static void fails(tlsport_client *client, int status, const char *why)
{
    tlsport_channel *channel;
    int came;
    CHECK_NULL(tlsport_client_open(client), status);
    said(why);
    channel = tlsport_client_begin(client);
    if (channel == NULL) {
        CHECK_INT(tlsport_last_status(), status);
        said(why);
        tlsport_client_free(client);
        return;
    }
    while (q_is_want(came = tlsport_channel_handshake(channel))) {
        q_wait(channel);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(came, status);
        said(why);
        CHECK_INT(tlsport_channel_wants(channel), 0);
        CHECK_INT(tlsport_channel_fd(channel), -1);
        CHECK_INT(tlsport_channel_timeout_ms(channel), -1);
        CHECK_INT(tlsport_channel_has_pending(channel), 0);
        came = i == 0 ? tlsport_channel_flush(channel) : tlsport_channel_close(channel);
    }
    CHECK_STATUS(came, status);
    tlsport_channel_free(channel);
    tlsport_client_free(client);
}

static void a_wrong_password_is_refused_by_the_server(void)
{
    struct q q = {.credentials = "me:secret"};
    q_start(&q);
    fails(q_client(q.port, ":you:secret"), TLSPORT_ERROR_PEER,
          "the server closed the connection in place of an answer");
    q_stop(&q);
}

/* A socket that listens on a port and accepts nobody by itself. */
static int listens(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(fd, 8), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void where_nobody_listens_nothing_is_opened(void)
{
    uint16_t port;
    close(listens(&port));
    fails(q_client(port, ":me:secret"), TLSPORT_ERROR_IO, "connection refused");
}

/* A call that waits for a limit, and one that is waited for by this program. */
static void wait_in_vain(tlsport_client *client, const char *why)
{
    CHECK_NULL(tlsport_client_open(client), TLSPORT_ERROR_TIMEOUT);
    said(why);
}

static void loop_in_vain(tlsport_client *client, const char *why)
{
    tlsport_channel *channel = tlsport_client_begin(client);
    REQUIRE(channel != NULL);
    while (q_is_want(tlsport_channel_handshake(channel))) {
        q_wait(channel);
    }
    CHECK_STATUS(tlsport_channel_handshake(channel), TLSPORT_ERROR_TIMEOUT);
    said(why);
    tlsport_channel_free(channel);
}

/*
 * Both are over when the limit has passed, and not much later; on a busy machine one try of
 * three has to show it.
 */
static void times_out(uint16_t port, const char *why)
{
    const int64_t limit = 150;
    void (*const ways[])(tlsport_client *, const char *) = {wait_in_vain, loop_in_vain};
    tlsport_settings *settings = q_settings();
    tlsport_client *client;
    CHECK_OK(tlsport_settings_set(settings, "timeout.handshake", "150ms"));
    client = q_client_of(settings, q_destination(port, ":me:secret"), NULL);
    for (int way = 0; way < 2; way++) {
        int in_time = is_under_valgrind();
        for (int i = 0; i < 3 && (i == 0 || !in_time); i++) {
            int64_t began = check_now_ms();
            int64_t took;
            ways[way](client, why);
            took = check_now_ms() - began;
            CHECK(took >= limit);
            in_time |= took < limit + 50;
        }
        CHECK(in_time);
    }
    tlsport_client_free(client);
}

static void a_limit_passes_when_it_says(void)
{
    struct q q = {.is_mute = 1};
    uint16_t port;
    int listener = listens(&port);
    times_out(port, "timed out after 150ms, in the handshake");
    close(listener);
    q_start(&q);
    times_out(q.port, "timed out after 150ms, waiting for the answer to the hello");
    q_stop(&q);
}

/* ---- Certificates ------------------------------------------------------------------------- */

static char warned[1024];

static void keep_warnings(void *user, int level, const char *line)
{
    (void)user;
    if (level <= TLSPORT_LOG_WARN) {
        strncat(warned, line, sizeof warned - strlen(warned) - 1);
    }
}

struct verified {
    const char *keyfile;
    const char *name;  /* a setting more, and its value */
    const char *value;
    const char *why;   /* null is none */
    const char *warns; /* likewise */
};

static void a_server_is_verified_as_far_as_the_settings_say(void)
{
    const struct verified cases[] = {
        {"server.pem", NULL, NULL, NULL, NULL},
        {"two.pem", NULL, NULL, "IP address mismatch", NULL},
        {"two.pem", "ssl.verify-server", "chain", NULL, "whomever it is for"},
        {"other/server.pem", "ssl.verify-server", "chain", "local issuer", "whomever it is for"},
        {"other/server.pem", "ssl.verify-server", "none", NULL, "reads everything"},
        {"expired.pem", NULL, NULL, "has expired", NULL},
        {"expired.pem", "kdb-accept-expired", "true", NULL, "has expired"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct verified *it = &cases[i];
        struct q q = {.port = 0};
        tlsport_settings *settings = q_settings();
        tlsport_client *client;
        q_start_at(&q, "kdb+tcps://127.0.0.1:0", it->keyfile);
        if (it->name != NULL) {
            CHECK_OK(tlsport_settings_set(settings, it->name, it->value));
        }
        warned[0] = '\0';
        CHECK_OK(tlsport_log_set(keep_warnings, NULL, TLSPORT_LOG_WARN));
        client = q_client_of(settings, q_destination(q.port, ":me:secret"), NULL);
        if (it->why == NULL) {
            tlsport_channel *channel = q_open_and_free(client);
            REQUIRE(channel != NULL);
            q_ask(channel);
            q_end(channel);
        } else {
            fails(client, TLSPORT_ERROR_TLS, it->why);
        }
        CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
        if (it->warns != NULL) {
            CHECK_HAS(warned, it->warns);
            CHECK(strstr(warned, "secret") == NULL);
        } else {
            CHECK_STR(warned, "");
        }
        q_stop(&q);
    }
}

static void the_certificate_may_have_to_be_for_somebody_else(void)
{
    struct q q = {.port = 0};
    const char *const names[] = {"two.example", "localhost"};
    q_start_at(&q, "kdb+tcps://127.0.0.1:0", "two.pem");
    for (int i = 0; i < 2; i++) {
        tlsport_client_terms terms = {.server_name = names[i]};
        tlsport_client *client = on_terms(&q, terms);
        REQUIRE(client != NULL);
        if (i == 0) {
            tlsport_channel_free(q_open_and_free(client));
        } else {
            fails(client, TLSPORT_ERROR_TLS, "hostname mismatch");
        }
    }
    CHECK_NULL(on_terms(&q, (tlsport_client_terms){.server_name = "a b"}), TLSPORT_ERROR_USAGE);
    q_stop(&q);
}

static void kdbs_own_variables_are_enough(void)
{
    struct q q = {.port = 0};
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_channel *channel;
    setenv("KX_SSL_CA_CERT_FILE", check_pki("ca.pem"), 1);
    setenv("SSL_CA_CERT_FILE", check_pki("other/ca.pem"), 1);
    setenv("SSL_VERIFY_SERVER", "YES", 1);
    CHECK_OK(tlsport_settings_load(settings, "kdb", NULL));
    unsetenv("KX_SSL_CA_CERT_FILE");
    unsetenv("SSL_CA_CERT_FILE");
    unsetenv("SSL_VERIFY_SERVER");
    CHECK_STR(tlsport_settings_get(settings, "ssl.verify-server"), "chain");
    q_start_at(&q, "kdb+tcps://127.0.0.1:0", "two.pem");
    channel = q_open_and_free(q_client_of(settings, q_destination(q.port, ""), NULL));
    REQUIRE(channel != NULL);
    q_ask(channel);
    q_end(channel);
    q_stop(&q);
}

/* ---- Unix sockets ------------------------------------------------------------------------- */

static void unix_sockets_are_opened_by_path_by_name_and_by_port(void)
{
    char *directory = strdup(check_scratch("sockets"));
    char endpoints[3][160];
    char destinations[3][160];
    int number = (int)getpid() % 30000 + 1;
    snprintf(endpoints[0], sizeof endpoints[0], "kdb+unixs://%s", check_scratch("q.sock"));
    snprintf(destinations[0], sizeof destinations[0], "unixs://%s", check_scratch("q.sock"));
    snprintf(endpoints[1], sizeof endpoints[1], "kdb+unixs://@tlsport-test-%d", number);
    snprintf(destinations[1], sizeof destinations[1], "unixs://@tlsport-test-%d", number);
    snprintf(endpoints[2], sizeof endpoints[2], "kdb+unixs://@%s/kx.%d", directory, number);
    snprintf(destinations[2], sizeof destinations[2], ":unixs://%d:me:secret", number);
    for (int i = 0; i < 3; i++) {
        struct q q = {.port = 0};
        tlsport_client_terms terms = {.size = sizeof terms, .socket_directory = directory};
        tlsport_channel *channel;
        q_start_at(&q, endpoints[i], "server.pem");
        channel = q_open_and_free(q_client_of(q_settings(), destinations[i], &terms));
        REQUIRE(channel != NULL);
        CHECK_MEM(q.hello, i == 2 ? "me:secret\3" : "\3", i == 2 ? 11 : 2);
        q_ask(channel);
        q_end(channel);
        q_stop(&q);
        fails(q_client_of(q_settings(), destinations[i], &terms), TLSPORT_ERROR_IO,
              i == 0 ? "no such file" : "connection refused");
    }
    free(directory);
}

/* ---- Threads ------------------------------------------------------------------------------ */

enum { THREADS = 6, ROUNDS = 5 };

static void *open_and_ask(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        tlsport_channel *channel = tlsport_client_open(argument);
        if (CHECK(channel != NULL)) {
            q_ask(channel);
            q_end(channel);
        } else {
            check_say_last_error();
        }
    }
    return NULL;
}

static void many_threads_open_by_one_client(void)
{
    struct q q = {.port = 0};
    pthread_t threads[THREADS];
    tlsport_client *client;
    q_start(&q);
    client = q_client(q.port, ":me:secret");
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, open_and_ask, client), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    tlsport_client_free(client);
    q_stop(&q);
}

static void *open_in_vain(void *argument)
{
    CHECK_NULL(tlsport_client_open(argument), TLSPORT_ERROR_TIMEOUT);
    return NULL;
}

static void a_client_that_is_freed_leaves_its_threads_to_their_opening(void)
{
    uint16_t port;
    int listener = listens(&port);
    tlsport_settings *settings = q_settings();
    tlsport_client *client;
    pthread_t thread;
    int64_t began = check_now_ms();
    int accepted;
    CHECK_OK(tlsport_settings_set(settings, "timeout.handshake", "400ms"));
    client = q_client_of(settings, q_destination(port, ""), NULL);
    CHECK_INT(pthread_create(&thread, NULL, open_in_vain, client), 0);
    accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0);
    tlsport_client_free(client);
    CHECK(is_under_valgrind() || check_now_ms() - began < 400);
    CHECK_NULL(tlsport_client_open(client), TLSPORT_ERROR_USAGE);
    CHECK_INT(pthread_join(thread, NULL), 0);
    close(accepted);
    close(listener);
}

/* ---- The example -------------------------------------------------------------------------- */

static void the_example_asks_and_prints(void)
{
    const char *program = check_path("TLSPORT_EXAMPLES", "hopen");
    const char *const options[] = {"", "--loop"};
    const char *const users[] = {"me:secret", "you"};
    struct q q = {.credentials = "me:secret"};
    char command[1600];
    char line[256];
    if (access(program, X_OK) != 0) {
        SKIP("examples/hopen.c was not compiled: run all subjects");
    }
    q_start(&q);
    for (int i = 0; i < 4; i++) {
        snprintf(command, sizeof command,
                 "KX_SSL_CA_CERT_FILE='%s' KDB_CREDENTIALS=%s exec '%s' %s '%s' 1+1 2>&1",
                 check_pki("ca.pem"), users[i / 2], program, options[i % 2],
                 q_destination(q.port, ""));
        FILE *out = popen(command, "r");
        REQUIRE(out != NULL);
        CHECK(fgets(line, sizeof line, out) != NULL);
        if (i < 2) {
            CHECK_STR(line, "2\n");
            CHECK_INT(pclose(out), 0);
        } else {
            CHECK_HAS(line, "hopen: cannot connect to '127.0.0.1:");
            CHECK(pclose(out) != 0);
        }
    }
    q_stop(&q);
}

CHECK_MAIN(TEST(a_connection_is_opened_and_a_query_answered),
           TEST(a_session_is_resumed_by_the_next_connection),
           TEST(the_socket_is_the_callers_to_limit),
           TEST(what_a_string_cannot_say_is_said_beside_it),
           TEST(strings_that_cannot_be_read_are_refused_without_what_may_be_a_password),
           TEST(a_connection_without_a_hello_has_no_capability),
           TEST(a_loop_of_the_callers_opens_as_well),
           TEST(epoll_finds_descriptors_that_change),
           TEST(reading_and_writing_go_on_with_the_opening), TEST(an_opening_can_be_given_up),
           TEST(a_wrong_password_is_refused_by_the_server),
           TEST(where_nobody_listens_nothing_is_opened), TEST(a_limit_passes_when_it_says),
           TEST(a_server_is_verified_as_far_as_the_settings_say),
           TEST(the_certificate_may_have_to_be_for_somebody_else),
           TEST(kdbs_own_variables_are_enough),
           TEST(unix_sockets_are_opened_by_path_by_name_and_by_port),
           TEST(many_threads_open_by_one_client),
           TEST(a_client_that_is_freed_leaves_its_threads_to_their_opening),
           TEST(the_example_asks_and_prints))
