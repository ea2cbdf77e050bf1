/* Many threads at once: what may be shared, what is refused, and what is called exactly once. */
#include "peer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { CALLERS = 8, IDS = 64 };

/* What the threads of a test share. */
struct board {
    tlsport_server *server;
    tlsport_settings *settings;
    uint64_t ids[IDS]; /* of connections, living or not */
    tlsport_conn *conns[IDS];
    uint64_t next;
    uint64_t opened;
    uint64_t closed;
    uint64_t asked;    /* calls that were TLSPORT_OK */
    uint64_t refused;  /* that were not */
    uint64_t called;   /* with a connection */
    uint64_t too_late; /* without one */
    uint64_t lines;    /* of the log */
    uint64_t served;   /* exchanges of clients */
    int stop;
    uint16_t port;
};

static int open_and_tell(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    uint64_t number = COUNT(board->next) % IDS;
    board->ids[number] = tlsport_conn_id(conn);
    board->conns[number] = conn;
    COUNT(board->opened);
    return TLSPORT_CONTINUE;
}

static int echo(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    (void)user;
    CHECK_INT(tlsport_conn_write(conn, bytes, len), (ptrdiff_t)len);
    return TLSPORT_CONTINUE;
}

static void count_close(void *user, tlsport_conn *conn, int status)
{
    struct board *board = user;
    (void)conn;
    (void)status;
    COUNT(board->closed);
}

static const tlsport_callbacks callbacks = {
    .size = sizeof callbacks, .open = open_and_tell, .data = echo, .close = count_close};

/* Starts a server that echoes. */
static void start(struct board *board, const tlsport_callbacks *with)
{
    board->settings = server_settings();
    board->server = tlsport_server_new(board->settings, with, board);
    if (!CHECK(board->server != NULL)) {
        check_say_last_error();
        exit(1);
    }
    board->port = server_port(board->server);
}

/* How long the test goes on, in milliseconds. */
static int64_t a_while(void)
{
    return is_under_valgrind() ? 2000 : 500;
}

static void run(pthread_t *thread, void *(*body)(void *), void *argument)
{
    CHECK_INT(pthread_create(thread, NULL, body, argument), 0);
}

static void join(pthread_t thread)
{
    CHECK_INT(pthread_join(thread, NULL), 0);
}

/* Comes, says something, goes, and comes again, in one of several ways. */
static void *come_and_go(void *argument)
{
    struct board *board = argument;
    char got[5];
    peer_without_sigpipe();
    for (int turn = 0; !SEEN(board->stop); turn++) {
        struct peer peer = peer_open(board->port);
        if (peer_say(&peer, "hello", 5) && peer_hear_all(&peer, got, 5)) {
            CHECK_MEM(got, "hello", 5);
            COUNT(board->served);
        }
        if (turn % 3 == 0) {
            peer_end(&peer);
            peer_hear_end(&peer, NULL);
        }
        peer_leave(&peer);
    }
    return NULL;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static int count_call(void *user, tlsport_conn *conn, void *arg)
{
    struct board *board = user;
    CHECK(arg == board);
    if (conn == NULL) {
        COUNT(board->too_late);
        return TLSPORT_CONTINUE;
    }
    uint64_t number = COUNT(board->called);
    CHECK(tlsport_conn_id(conn) != 0);
    return number % 7 == 0 ? TLSPORT_FINISH : TLSPORT_CONTINUE;
}

static void *call_anybody(void *argument)
{
    struct board *board = argument;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    while (!SEEN(board->stop)) {
        uint64_t id = SEEN(board->ids[seed % IDS]);
        int status = tlsport_server_call(board->server, id, count_call, board);
        if (status == TLSPORT_OK) {
            COUNT(board->asked);
        } else {
            CHECK_INT(status, TLSPORT_ERROR_CLOSED);
            COUNT(board->refused);
        }
        seed = seed * 1103515245U + 12345U;
        if (seed % 16 == 0) {
            check_nap();
        }
    }
    return NULL;
}

static void each_call_is_made_once_whatever_becomes_of_its_connection(void)
{
    struct board board = {0};
    pthread_t callers[CALLERS], clients[2];
    start(&board, &callbacks);
    for (int i = 0; i < CALLERS; i++) {
        run(&callers[i], call_anybody, &board);
    }
    for (int i = 0; i < 2; i++) {
        run(&clients[i], come_and_go, &board);
    }
    CHECK_SOON(SEEN(board.called) > 100 && SEEN(board.too_late) > 100);
    /* The server goes, and calls go on. */
    CHECK_OK(tlsport_server_drain(board.server, 20));
    CHECK_OK(tlsport_server_wait(board.server, -1));
    CHECK_SOON(SEEN(board.refused) > 100);
    COUNT(board.stop);
    for (int i = 0; i < CALLERS; i++) {
        join(callers[i]);
    }
    for (int i = 0; i < 2; i++) {
        join(clients[i]);
    }
    tlsport_server_free(board.server);
    tlsport_settings_free(board.settings);
    CHECK_INT(board.called + board.too_late, board.asked);
    CHECK_INT(board.closed, board.opened);
}

static void no_call_is_made_after_the_server_was_freed(void)
{
    for (int round = 0; round < 20; round++) {
        struct board board = {0};
        int asked = 0;
        start(&board, &callbacks);
        struct peer peer = peer_open(board.port);
        CHECK_SOON(SEEN(board.opened) == 1);
        for (; asked < 500; asked++) {
            CHECK_OK(tlsport_server_call(board.server, board.ids[0], count_call, &board));
        }
        tlsport_server_free(board.server);
        CHECK_INT(board.called + board.too_late, asked);
        CHECK_INT(board.closed, 1);
        peer_leave(&peer);
        tlsport_settings_free(board.settings);
    }
}

/* A server with two clients, and two threads beside it that do something else. */
static void start_beside(struct board *board, pthread_t threads[4], void *(*beside)(void *))
{
    start(board, &callbacks);
    for (int i = 0; i < 4; i += 2) {
        run(&threads[i], beside, board);
        run(&threads[i + 1], come_and_go, board);
    }
}

static void stop_beside(struct board *board, pthread_t threads[4])
{
    COUNT(board->stop);
    for (int i = 0; i < 4; i++) {
        join(threads[i]);
    }
    tlsport_server_free(board->server);
    tlsport_settings_free(board->settings);
}

static void *use_wrongly(void *argument)
{
    struct board *board = argument;
    for (uint64_t turn = 0; !SEEN(board->stop); turn++) {
        tlsport_conn *conn = board->conns[turn % IDS];
        CHECK_INT(tlsport_conn_write(conn, "x", 1), TLSPORT_ERROR_USAGE);
        CHECK_INT(tlsport_conn_close(conn), TLSPORT_ERROR_USAGE);
        COUNT(board->refused);
        if (turn % 64 == 0) {
            check_nap();
        }
    }
    return NULL;
}

static void connections_are_not_disturbed_by_threads_that_use_them_wrongly(void)
{
    struct board board = {0};
    pthread_t threads[4];
    start_beside(&board, threads, use_wrongly);
    CHECK_SOON(SEEN(board.served) > 20 && SEEN(board.refused) > 1000);
    stop_beside(&board, threads);
    CHECK_INT(board.opened, board.closed);
}

/* ---- Changes under load --------------------------------------------------------------------- */

static int write_for_ever(void *user, tlsport_conn *conn)
{
    static char bytes[65536];
    (void)user;
    while (tlsport_conn_write(conn, bytes, sizeof bytes) > 0) {
    }
    return TLSPORT_CONTINUE;
}

static int begin_for_ever(void *user, tlsport_conn *conn)
{
    open_and_tell(user, conn);
    return write_for_ever(user, conn);
}

static void *hear_all(void *argument)
{
    struct board *board = argument;
    struct peer peer = peer_open(board->port);
    CHECK_INT(peer_hear_end(&peer, &board->served), -1); /* in the middle of an answer */
    peer_leave(&peer);
    return NULL;
}

static void a_server_drains_while_callbacks_write(void)
{
    struct board board = {0};
    tlsport_callbacks endless = callbacks;
    pthread_t clients[4];
    endless.open = begin_for_ever;
    endless.writable = write_for_ever;
    start(&board, &endless);
    for (int i = 0; i < 4; i++) {
        run(&clients[i], hear_all, &board);
    }
    CHECK_SOON(SEEN(board.opened) == 4);
    CHECK_OK(tlsport_server_drain(board.server, 100));
    CHECK_OK(tlsport_server_wait(board.server, CHECK_DEADLINE_MS));
    CHECK_INT(board.closed, 4);
    for (int i = 0; i < 4; i++) {
        join(clients[i]);
    }
    tlsport_server_free(board.server);
    tlsport_settings_free(board.settings);
}

static void a_server_is_reloaded_under_load(void)
{
    struct board board = {0};
    pthread_t clients[3];
    start(&board, &callbacks);
    for (int i = 0; i < 3; i++) {
        run(&clients[i], come_and_go, &board);
    }
    int64_t until = check_now_ms() + a_while();
    for (int turn = 0; turn < 10 || check_now_ms() < until; turn++) {
        CHECK_OK(tlsport_settings_set(board.settings, "ssl.protocol", turn % 2 ? "5" : "9"));
        CHECK_OK(tlsport_server_reload(board.server, board.settings));
        CHECK_INT(server_port(board.server), board.port);
        check_nap();
    }
    COUNT(board.stop);
    for (int i = 0; i < 3; i++) {
        join(clients[i]);
    }
    tlsport_totals totals = {.size = sizeof totals};
    CHECK_OK(tlsport_server_totals(board.server, &totals));
    CHECK(board.served > 0);
    CHECK_INT(totals.handshakes_failed, 0);
    tlsport_server_free(board.server);
    tlsport_settings_free(board.settings);
    CHECK_INT(board.opened, board.closed);
}

static void *reload_often(void *argument)
{
    struct board *board = argument;
    tlsport_settings *settings = server_settings();
    while (!SEEN(board->stop)) {
        int status = tlsport_server_reload(board->server, settings);
        CHECK(status == TLSPORT_OK || status == TLSPORT_ERROR_USAGE);
        if (status != TLSPORT_OK) {
            CHECK_HAS(tlsport_last_error(), "the server is about to end");
        }
    }
    tlsport_settings_free(settings);
    return NULL;
}

static void reloads_and_a_drain_at_once_end_in_a_server_that_is_over(void)
{
    for (int round = 0; round < 5; round++) {
        struct board board = {0};
        pthread_t reloaders[2];
        start(&board, &callbacks);
        for (int i = 0; i < 2; i++) {
            run(&reloaders[i], reload_often, &board);
        }
        check_nap();
        CHECK_OK(tlsport_server_drain(board.server, -1));
        CHECK_OK(tlsport_server_wait(board.server, CHECK_DEADLINE_MS));
        CHECK_INT(peer_dial(board.port), -1);
        COUNT(board.stop);
        for (int i = 0; i < 2; i++) {
            join(reloaders[i]);
        }
        tlsport_server_free(board.server);
        tlsport_settings_free(board.settings);
    }
}

static void count_line(void *user, int level, const char *line)
{
    struct board *board = user;
    CHECK(level >= TLSPORT_LOG_ERROR && level <= TLSPORT_LOG_TRACE);
    CHECK(line[0] != '\0');
    COUNT(board->lines);
}

static void the_log_goes_elsewhere_under_load(void)
{
    struct board board = {0};
    pthread_t clients[3];
    start(&board, &callbacks);
    for (int i = 0; i < 3; i++) {
        run(&clients[i], come_and_go, &board);
    }
    int64_t until = check_now_ms() + a_while();
    for (int turn = 0; turn < 100 || check_now_ms() < until; turn++) {
        struct board own = {0}; /* nobody writes to it once the callback was replaced */
        CHECK_OK(tlsport_log_set(count_line, &own, TLSPORT_LOG_TRACE));
        if (turn == 0) {
            CHECK_SOON(SEEN(own.lines) > 0);
        }
        CHECK_OK(tlsport_log_set(turn % 2 ? NULL : count_line, &board, TLSPORT_LOG_DEBUG));
        memset(&own, 0, sizeof own);
    }
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
    COUNT(board.stop);
    for (int i = 0; i < 3; i++) {
        join(clients[i]);
    }
    tlsport_server_free(board.server);
    tlsport_settings_free(board.settings);
}

/* ---- Side by side --------------------------------------------------------------------------- */

static void two_servers_in_one_process_keep_to_themselves(void)
{
    struct board one = {0}, other = {0};
    pthread_t clients[2];
    start(&one, &callbacks);
    start(&other, &callbacks);
    CHECK(one.port != other.port);
    run(&clients[0], come_and_go, &one);
    run(&clients[1], come_and_go, &other);
    CHECK_SOON(SEEN(one.opened) > 5 && SEEN(other.opened) > 5);
    for (int i = 0; i < IDS; i++) {
        uint64_t id = SEEN(one.ids[i]);
        for (int k = 0; id != 0 && k < IDS; k++) {
            CHECK(SEEN(other.ids[k]) != id);
        }
    }
    CHECK_OK(tlsport_server_call(other.server, one.ids[0], count_call, &other));
    CHECK_SOON(SEEN(other.too_late) == 1);
    COUNT(one.stop);
    join(clients[0]);
    tlsport_server_free(one.server);
    uint64_t served = SEEN(other.served);
    CHECK_SOON(SEEN(other.served) > served + 3);
    COUNT(other.stop);
    join(clients[1]);
    tlsport_server_free(other.server);
    tlsport_settings_free(one.settings);
    tlsport_settings_free(other.settings);
    CHECK_INT(one.opened, one.closed);
    CHECK_INT(other.opened, other.closed);
}

static void *change_settings(void *argument)
{
    struct board *board = argument;
    while (!SEEN(board->stop)) {
        int status = tlsport_settings_set(board->settings, "ssl.cipher-list", "HIGH");
        if (status == TLSPORT_OK) {
            COUNT(board->served);
        } else {
            CHECK_INT(status, TLSPORT_ERROR_USAGE);
            CHECK_HAS(tlsport_last_error(), "in use by another call");
            COUNT(board->refused);
        }
        tlsport_context *context = tlsport_context_new(board->settings);
        CHECK(context != NULL || tlsport_last_status() == TLSPORT_ERROR_USAGE);
        tlsport_context_free(context);
    }
    return NULL;
}

static void settings_that_two_threads_use_at_once_refuse_the_second(void)
{
    struct board board = {.settings = server_settings()};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        run(&threads[i], change_settings, &board);
    }
    CHECK_SOON(SEEN(board.served) > 10 && SEEN(board.refused) > 10);
    COUNT(board.stop);
    for (int i = 0; i < 3; i++) {
        join(threads[i]);
    }
    CHECK_STR(tlsport_settings_get(board.settings, "ssl.cipher-list"), "HIGH");
    tlsport_settings_free(board.settings);
}

static void *use_openssl(void *argument)
{
    struct board *board = argument;
    unsigned char digest[EVP_MAX_MD_SIZE];
    while (!SEEN(board->stop)) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        CHECK(context != NULL);
        CHECK_INT(SSL_CTX_set_cipher_list(context, "no such cipher"), 0);
        CHECK(ERR_peek_error() != 0); /* the host's own queue is the host's */
        ERR_clear_error();
        CHECK_INT(SSL_CTX_set_cipher_list(context, "HIGH"), 1);
        CHECK_INT(SSL_CTX_use_PrivateKey_file(context, check_pki("server.pem"), SSL_FILETYPE_PEM),
                  1);
        CHECK_INT(RAND_bytes(digest, sizeof digest), 1);
        CHECK_INT(EVP_Digest("abc", 3, digest, NULL, EVP_sha256(), NULL), 1);
        CHECK_INT(digest[0], 0xba);
        SSL_CTX_free(context);
        COUNT(board->lines);
    }
    OPENSSL_thread_stop();
    return NULL;
}

static void a_host_uses_openssl_itself_meanwhile(void)
{
    struct board board = {0};
    pthread_t threads[4];
    start_beside(&board, threads, use_openssl);
    CHECK_SOON(SEEN(board.lines) > 50 && SEEN(board.served) > 20);
    stop_beside(&board, threads);
    /* libssl is still there for the host. */
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    CHECK(context != NULL);
    SSL_CTX_free(context);
}

static volatile sig_atomic_t signalled_here;
static pthread_t test_thread;

static void on_signal(int number)
{
    (void)number;
    signalled_here = pthread_equal(pthread_self(), test_thread) ? 1 : -1;
}

static void signals_of_the_process_come_to_threads_of_the_program_alone(void)
{
    struct board board = {0};
    struct sigaction action = {0}, before;
    sigset_t set;
    start(&board, &callbacks);
    test_thread = pthread_self();
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, &before);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    /* While we do not take it, nobody does. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    struct peer peer = peer_open(board.port); /* wakes threads of the server */
    peer_leave(&peer);
    CHECK_INT(signalled_here, 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK_INT(signalled_here, 1);
    sigaction(SIGUSR1, &before, NULL);
    tlsport_server_free(board.server);
    tlsport_settings_free(board.settings);
}

CHECK_MAIN(TEST(each_call_is_made_once_whatever_becomes_of_its_connection),
           TEST(no_call_is_made_after_the_server_was_freed),
           TEST(connections_are_not_disturbed_by_threads_that_use_them_wrongly),
           TEST(a_server_drains_while_callbacks_write), TEST(a_server_is_reloaded_under_load),
           TEST(reloads_and_a_drain_at_once_end_in_a_server_that_is_over),
           TEST(the_log_goes_elsewhere_under_load),
           TEST(two_servers_in_one_process_keep_to_themselves),
           TEST(settings_that_two_threads_use_at_once_refuse_the_second),
           TEST(a_host_uses_openssl_itself_meanwhile),
           TEST(signals_of_the_process_come_to_threads_of_the_program_alone))
