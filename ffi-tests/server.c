/* A server with callbacks: when each is called, what they may do, and how connections end. */
#include "peer.h"

#include <sys/resource.h>
#include <sys/un.h>

enum { CLOSES = 16 };

/* What the callbacks of a test share. Written by the server's threads, read by the test. */
struct board {
    int opened;
    int ended;
    int drained; /* `writable` */
    int closed;
    int status[CLOSES]; /* of each close, in order */
    int thread_checks;
    uint64_t id;
    tlsport_conn *conn;
    tlsport_server *server;
    long left; /* bytes still to be written */
};

static void note_close(void *user, tlsport_conn *conn, int status)
{
    struct board *board = user;
    CHECK_STATUS(tlsport_conn_write(conn, "late", 4), TLSPORT_ERROR_CLOSED);
    int number = SEEN(board->closed);
    if (number < CLOSES) {
        board->status[number] = status;
    }
    COUNT(board->closed);
}

static int note_open(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    board->id = tlsport_conn_id(conn);
    board->conn = conn;
    COUNT(board->opened);
    return TLSPORT_CONTINUE;
}

static int echo(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    (void)user;
    CHECK_INT(tlsport_conn_write(conn, bytes, len), (ptrdiff_t)len);
    return TLSPORT_CONTINUE;
}

static tlsport_callbacks echoing(void)
{
    tlsport_callbacks callbacks = {.size = sizeof callbacks};
    callbacks.open = note_open;
    callbacks.data = echo;
    callbacks.close = note_close;
    return callbacks;
}

/* A server of these settings, which are freed. */
static tlsport_server *start_with(tlsport_settings *settings, const tlsport_callbacks *callbacks,
                                  struct board *board)
{
    tlsport_server *server = tlsport_server_new(settings, callbacks, board);
    tlsport_settings_free(settings);
    board->server = server;
    CHECK(server != NULL);
    if (server == NULL) {
        check_say_last_error();
        exit(1);
    }
    return server;
}

static tlsport_server *start(const tlsport_callbacks *callbacks, struct board *board)
{
    return start_with(server_settings(), callbacks, board);
}

/* A client says that and hears the same. */
static void exchange(struct peer *peer, const char *text)
{
    char got[64];
    CHECK(peer_say(peer, text, strlen(text)));
    CHECK(peer_hear_all(peer, got, strlen(text)));
    CHECK_MEM(got, text, strlen(text));
}

/* ---- What callbacks are called for ---------------------------------------------------------- */

static int look_around(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    tlsport_facts facts = {.size = sizeof facts};
    CHECK_OK(tlsport_conn_facts(conn, &facts));
    CHECK_STR(facts.protocol, "TLSv1.3");
    CHECK_STR(facts.server_name, "localhost");
    CHECK(facts.bits >= 128);
    CHECK(facts.peer_subject == NULL);
    CHECK_HAS(tlsport_conn_kdb_facts(conn, TLSPORT_KDB_CERT), "\nPROTOCOL| `TLSv1.3");
    CHECK(tlsport_conn_kdb_facts(conn, 9) == NULL);
    CHECK_HAS(tlsport_conn_peer(conn), "127.0.0.1:");
    CHECK_HAS(tlsport_conn_endpoint(conn), "http+ssl://127.0.0.1:");
    CHECK(tlsport_conn_user(conn) == NULL);
    CHECK_OK(tlsport_conn_set_user(conn, board));
    CHECK(tlsport_conn_user(conn) == board);
    return note_open(user, conn);
}

static void what_a_client_says_reaches_the_callbacks_and_what_they_write_the_client(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.open = look_around;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = {peer_dial(server_port(server)), SSL_new(peer_context())};
    SSL_set_fd(peer.ssl, peer.fd);
    SSL_set_tlsext_host_name(peer.ssl, "localhost");
    CHECK_INT(SSL_connect(peer.ssl), 1);
    exchange(&peer, "hello");
    exchange(&peer, "again");
    CHECK(board.id != 0);
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_OK);
    tlsport_totals totals = {.size = sizeof totals};
    CHECK_OK(tlsport_server_totals(server, &totals));
    CHECK_INT(totals.accepted, 1);
    CHECK_INT(totals.handshakes_full, 1);
    CHECK_INT(totals.bytes_in, 10);
    CHECK_INT(totals.bytes_out, 10);
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_INT(board.opened, 1);
    CHECK_INT(board.closed, 1);
}

static void callbacks_that_are_null_take_bytes_and_finish_at_the_end(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = {.size = sizeof callbacks};
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    CHECK(peer_say(&peer, "hello", 5));
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    peer_leave(&peer);
    tlsport_server_free(server);
}

static void an_older_program_knows_fewer_callbacks(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.size = offsetof(tlsport_callbacks, close);
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "hello");
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_INT(board.opened, 1);
    CHECK_INT(board.closed, 0);

    tlsport_settings *settings = server_settings();
    callbacks.size = 0;
    CHECK_NULL(tlsport_server_new(settings, &callbacks, NULL), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "'callbacks.size' is 0");
    tlsport_settings_free(settings);
}

/* ---- Much to say ---------------------------------------------------------------------------- */

static int write_what_is_left(struct board *board, tlsport_conn *conn)
{
    static const char bytes[65536];
    while (board->left > 0) {
        size_t len = board->left < 65536 ? (size_t)board->left : sizeof bytes;
        ptrdiff_t taken = tlsport_conn_write(conn, bytes, len);
        if (taken == TLSPORT_WANT_WRITE) {
            return TLSPORT_CONTINUE;
        }
        CHECK(taken > 0);
        board->left -= (long)taken;
    }
    return TLSPORT_FINISH;
}

static int begin_to_write(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return write_what_is_left(user, conn);
}

static int go_on_writing(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    COUNT(board->drained);
    return write_what_is_left(board, conn);
}

/* AddressSanitizer keeps what was freed, to see who touches it. */
#if defined(__SANITIZE_ADDRESS__)
enum { KEEPS_FREED = 1 };
#else
enum { KEEPS_FREED = 0 };
#endif

/* The most memory the process ever had, in KiB. */
static long most_memory(void)
{
    char line[128];
    long most = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &most) == 1) {
            break;
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return most;
}

static void a_hundred_megabytes_go_to_a_slow_reader_without_being_kept(void)
{
    long size = is_under_valgrind() ? 8000000 : 100000000;
    struct board board = {.left = size};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = begin_to_write;
    callbacks.writable = go_on_writing;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    char byte;
    long before = most_memory();
    CHECK(peer_say(&peer, "go", 2));
    CHECK_INT(peer_hear(&peer, &byte, 1), 1);
    /* The reader sleeps: nothing is written any more, soon. */
    tlsport_totals totals = {.size = sizeof totals};
    uint64_t last = UINT64_MAX;
    int64_t still = check_now_ms();
    while (check_now_ms() - still < 100) {
        CHECK_OK(tlsport_server_totals(server, &totals));
        if (totals.bytes_out != last) {
            last = totals.bytes_out;
            still = check_now_ms();
        }
        check_nap();
    }
    CHECK(totals.bytes_out < (uint64_t)size);
    uint64_t count = 1;
    CHECK_INT(peer_hear_end(&peer, &count), 0);
    CHECK_INT(count, size);
    CHECK(board.drained >= size / (1 << 20) - 1);
    CHECK(KEEPS_FREED || most_memory() - before < 16 * 1024);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_OK);
    peer_leave(&peer);
    tlsport_server_free(server);
}

static void *say_much(void *argument)
{
    static const char bytes[65536];
    struct peer *peer = argument;
    long size = is_under_valgrind() ? 8000000 : 100000000;
    peer_without_sigpipe();
    for (long said = 0; said < size; said += (long)sizeof bytes) {
        CHECK(peer_say(peer, bytes, sizeof bytes));
    }
    return NULL;
}

static int pause_for_now(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    struct board *board = user;
    (void)bytes;
    CHECK_INT(board->thread_checks, 0); /* not called while paused */
    board->left += (long)len;
    if (board->opened == 1) {
        board->opened++;
        board->thread_checks = 1;
        CHECK_OK(tlsport_conn_pause(conn));
    }
    return TLSPORT_CONTINUE;
}

static int resume_now(void *user, tlsport_conn *conn, void *arg)
{
    struct board *board = user;
    CHECK(arg == &board->id);
    board->thread_checks = 0;
    CHECK_OK(tlsport_conn_resume(conn));
    return TLSPORT_CONTINUE;
}

static void a_hundred_megabytes_come_from_a_client_that_was_paused_by_tcp(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = pause_for_now;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    pthread_t thread;
    long before = most_memory();
    CHECK_INT(pthread_create(&thread, NULL, say_much, &peer), 0);
    tlsport_totals totals = {.size = sizeof totals};
    uint64_t last = UINT64_MAX;
    int64_t still = check_now_ms();
    while (check_now_ms() - still < 100) {
        CHECK_OK(tlsport_server_totals(server, &totals));
        if (totals.bytes_in != last || totals.bytes_in == 0) {
            last = totals.bytes_in;
            still = check_now_ms();
        }
        check_nap();
    }
    CHECK(totals.bytes_in <= 260 * 1024); /* the one call that paused */
    CHECK_OK(tlsport_server_call(server, board.id, resume_now, &board.id));
    CHECK_INT(pthread_join(thread, NULL), 0);
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    CHECK(board.left >= (is_under_valgrind() ? 8000000 : 100000000));
    CHECK(KEEPS_FREED || most_memory() - before < 16 * 1024);
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_INT(board.status[0], TLSPORT_OK);
}

static int write_too_much(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    static char much[3 << 20];
    (void)user;
    (void)bytes;
    (void)len;
    CHECK_INT(tlsport_conn_write(conn, much, 5), 5);
    CHECK_INT(tlsport_conn_write(conn, much, sizeof much), (1 << 20) - 5);
    CHECK_INT(tlsport_conn_write(conn, much, 0), 0);
    CHECK_STATUS(tlsport_conn_write(conn, much, 1), TLSPORT_WANT_WRITE);
    return TLSPORT_FINISH;
}

static void a_write_takes_a_megabyte_and_says_so(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = write_too_much;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    uint64_t count = 0;
    CHECK(peer_say(&peer, "go", 2));
    CHECK_INT(peer_hear_end(&peer, &count), 0);
    CHECK_INT(count, 1 << 20);
    peer_leave(&peer);
    tlsport_server_free(server);
}

/* ---- Ends ----------------------------------------------------------------------------------- */

static int go_on_after_the_end(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    COUNT(board->ended);
    board->left = 3000000;
    return write_what_is_left(board, conn);
}

static void a_client_that_has_ended_still_hears_a_long_answer(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.end = go_on_after_the_end;
    callbacks.writable = go_on_writing;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    uint64_t count = 0;
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, &count), 0);
    CHECK_INT(count, 3000000);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_OK);
    CHECK_INT(board.ended, 1);
    peer_leave(&peer);
    tlsport_server_free(server);
}

static int close_now(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    (void)user;
    CHECK_INT(tlsport_conn_write(conn, bytes, len), (ptrdiff_t)len);
    CHECK_OK(tlsport_conn_close(conn));
    CHECK_OK(tlsport_conn_close(conn));
    CHECK_STATUS(tlsport_conn_write(conn, "more", 4), TLSPORT_ERROR_CLOSED);
    return TLSPORT_CONTINUE;
}

static void a_callback_closes_its_own_connection(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = close_now;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "bye");
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_OK);
    peer_leave(&peer);
    tlsport_server_free(server);
}

static int answer_nonsense(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    (void)user;
    CHECK_INT(tlsport_conn_write(conn, bytes, len), (ptrdiff_t)len);
    return 7;
}

struct lines {
    int complaints;
    const char *part;
};

static void look_for(void *user, int level, const char *line)
{
    struct lines *lines = user;
    if (level == TLSPORT_LOG_ERROR && strstr(line, lines->part) != NULL) {
        COUNT(lines->complaints);
    }
}

static void a_wrong_verdict_is_logged_and_cuts_the_connection(void)
{
    struct board board = {0};
    struct lines lines = {0, "callback 'data' answered 7"};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = answer_nonsense;
    CHECK_OK(tlsport_log_set(look_for, &lines, TLSPORT_LOG_ERROR));
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    CHECK(peer_say(&peer, "x", 1));
    CHECK_INT(peer_hear_end(&peer, NULL), -1);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_ERROR_USAGE);
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
    CHECK_INT(lines.complaints, 1);
}

static void close_says_why(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_server *server = start(&callbacks, &board);

    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "cut");
    peer_leave(&peer);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_ERROR_CLOSED);

    peer = peer_open(server_port(server));
    exchange(&peer, "not TLS any more");
    CHECK_INT(write(peer.fd, "nonsense", 8), 8);
    CHECK_SOON(SEEN(board.closed) == 2);
    CHECK_INT(board.status[1], TLSPORT_ERROR_PEER);
    peer_leave(&peer);

    peer = peer_open(server_port(server));
    exchange(&peer, "reset");
    struct linger none = {1, 0};
    setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    peer_leave(&peer);
    CHECK_SOON(SEEN(board.closed) == 3);
    CHECK_INT(board.status[2], TLSPORT_ERROR_IO);

    peer = peer_open(server_port(server));
    exchange(&peer, "still here");
    CHECK_OK(tlsport_server_drain(server, 50));
    CHECK_OK(tlsport_server_wait(server, CHECK_DEADLINE_MS));
    CHECK_INT(board.closed, 4);
    CHECK_INT(board.status[3], TLSPORT_ERROR_TIMEOUT);
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_INT(board.opened, 4);
    CHECK_INT(board.closed, 4);
}

static void a_connection_that_is_idle_is_closed_and_told_as_such(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_settings *settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "timeout.idle", "100ms"));
    tlsport_server *server = start_with(settings, &callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    CHECK_INT(SEEN(board.closed), 1);
    CHECK_INT(board.status[0], TLSPORT_ERROR_TIMEOUT);
    peer_leave(&peer);
    tlsport_server_free(server);
}

static void a_server_that_is_freed_closes_what_is_open(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_server *server = start(&callbacks, &board);
    struct peer peers[8];
    for (int i = 0; i < 8; i++) {
        peers[i] = peer_open(server_port(server));
        exchange(&peers[i], "here");
    }
    tlsport_server_free(server);
    CHECK_INT(board.opened, 8);
    CHECK_INT(board.closed, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(board.status[i], TLSPORT_ERROR_TIMEOUT);
        CHECK_INT(peer_hear_end(&peers[i], NULL), 0);
        peer_leave(&peers[i]);
    }
}

static int drain_twice(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    struct board *board = user;
    (void)conn, (void)bytes, (void)len;
    CHECK_OK(tlsport_server_drain(board->server, 0));
    CHECK_OK(tlsport_server_drain(board->server, -1));
    return TLSPORT_CONTINUE;
}

/* So that tlsport_server_free, which drains as well, does not depend on what callbacks do. */
static void a_second_drain_does_not_put_off_the_end(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = drain_twice;
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    CHECK(peer_say(&peer, "end", 3));
    CHECK_OK(tlsport_server_wait(server, CHECK_DEADLINE_MS));
    peer_leave(&peer);
    tlsport_server_free(server);
}

/* ---- Used wrongly --------------------------------------------------------------------------- */

static int use_another_connection(void *user, tlsport_conn *conn)
{
    struct board *board = user;
    if (board->conn != NULL) {
        CHECK_STATUS(tlsport_conn_write(board->conn, "x", 1), TLSPORT_ERROR_USAGE);
        CHECK_HAS(tlsport_last_error(), "no callback of this connection is running");
    }
    return note_open(user, conn);
}

static void a_connection_is_used_in_its_own_callbacks_alone(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_settings *settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "threads", "1"));
    callbacks.open = use_another_connection;
    tlsport_server *server = start_with(settings, &callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "first");
    tlsport_conn *conn = board.conn;
    tlsport_facts facts = {.size = sizeof facts};
    CHECK_STATUS(tlsport_conn_write(conn, "x", 1), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "the connection is another thread's");
    CHECK_STATUS(tlsport_conn_pause(conn), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_resume(conn), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_close(conn), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_set_user(conn, conn), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_facts(conn, &facts), TLSPORT_ERROR_USAGE);
    CHECK(tlsport_conn_user(conn) == NULL);
    CHECK(tlsport_conn_peer(conn) == NULL);
    CHECK(tlsport_conn_endpoint(conn) == NULL);
    CHECK_INT(tlsport_conn_id(conn), 0);
    struct peer other = peer_open(server_port(server));
    exchange(&other, "second");
    exchange(&peer, "unharmed");
    peer_leave(&peer);
    peer_leave(&other);
    tlsport_server_free(server);
    CHECK_STATUS(tlsport_conn_write(conn, "x", 1), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "freed");
}

static int use_the_server(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    struct board *board = user;
    tlsport_settings *settings = server_settings();
    tlsport_totals totals = {.size = sizeof totals};
    CHECK_STATUS(tlsport_server_wait(board->server, 0), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_server_reload(board->server, settings), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "on a thread of the server");
    tlsport_server_free(board->server);
    CHECK_OK(tlsport_server_totals(board->server, &totals));
    CHECK(tlsport_server_endpoint(board->server, 0) != NULL);
    CHECK(tlsport_server_endpoint(board->server, 1) == NULL);
    CHECK_OK(tlsport_server_drain(board->server, -1));
    tlsport_settings_free(settings);
    return echo(user, conn, bytes, len);
}

static void a_callback_may_drain_its_server_but_neither_wait_for_it_nor_free_it(void)
{
    struct board board = {0};
    struct lines lines = {0, "tlsport_server_free: it was called on a thread of the server"};
    tlsport_callbacks callbacks = echoing();
    callbacks.data = use_the_server;
    CHECK_OK(tlsport_log_set(look_for, &lines, TLSPORT_LOG_ERROR));
    tlsport_server *server = start(&callbacks, &board);
    uint16_t port = server_port(server);
    struct peer peer = peer_open(port);
    exchange(&peer, "use it");
    CHECK_STATUS(tlsport_server_wait(server, 20), TLSPORT_ERROR_TIMEOUT);
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    CHECK_OK(tlsport_server_wait(server, CHECK_DEADLINE_MS));
    CHECK_INT(board.status[0], TLSPORT_OK);
    CHECK_INT(peer_dial(port), -1);
    peer_leave(&peer);
    tlsport_server_free(server);
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
    CHECK_INT(lines.complaints, 1);
}

static void a_server_that_cannot_be_is_refused_and_leaves_nothing(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_settings *settings = server_settings();
    CHECK_NULL(tlsport_server_new(settings, NULL, NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "no backend");
    CHECK_OK(tlsport_settings_set(settings, "backend", "service://program"));
    CHECK_NULL(tlsport_server_new(settings, NULL, NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_OK(tlsport_settings_set(settings, "backend", "tcp://127.0.0.1:9"));
    CHECK_NULL(tlsport_server_new(settings, &callbacks, NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "backend 'tcp://127.0.0.1:9'");
    CHECK_OK(tlsport_settings_set(settings, "backend", "service://program"));
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("garbage.pem")));
    CHECK_NULL(tlsport_server_new(settings, &callbacks, NULL), TLSPORT_ERROR_SETTINGS);
    tlsport_settings_free(settings);

    tlsport_server *server = start(&callbacks, &board);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "ssl://127.0.0.1:%u", server_port(server));
    settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "server.endpoint", endpoint));
    CHECK_NULL(tlsport_server_new(settings, &callbacks, NULL), TLSPORT_ERROR_IO);
    CHECK_HAS(tlsport_last_error(), endpoint);
    tlsport_settings_free(settings);
    CHECK_STATUS(tlsport_server_wait(server, -2), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_server_drain(server, -2), TLSPORT_ERROR_USAGE);
    tlsport_server_free(server);
    CHECK_STATUS(tlsport_server_drain(server, 0), TLSPORT_ERROR_USAGE);
    tlsport_server_free(server);
}

static void the_limits_of_the_process_stay_as_they_are(void)
{
    struct board board = {0};
    struct rlimit files[2], core[2];
    tlsport_callbacks callbacks = echoing();
    getrlimit(RLIMIT_NOFILE, &files[0]);
    getrlimit(RLIMIT_CORE, &core[0]);
    tlsport_server *server = start(&callbacks, &board);
    getrlimit(RLIMIT_NOFILE, &files[1]);
    getrlimit(RLIMIT_CORE, &core[1]);
    CHECK_INT(files[1].rlim_cur, files[0].rlim_cur);
    CHECK_INT(core[1].rlim_cur, core[0].rlim_cur);
    tlsport_server_free(server);
}

/* ---- Calls from other threads ---------------------------------------------------------------- */

static int answer(void *user, tlsport_conn *conn, void *arg)
{
    CHECK(conn != NULL);
    CHECK_INT(tlsport_conn_write(conn, arg, strlen(arg)), (ptrdiff_t)strlen(arg));
    (void)user;
    return TLSPORT_FINISH;
}

static int count_call(void *user, tlsport_conn *conn, void *arg)
{
    (void)user;
    if (conn == NULL) {
        COUNT(*(int *)arg);
    }
    return TLSPORT_CONTINUE;
}

static void an_answer_comes_from_another_thread(void)
{
    struct board board = {0};
    int calls = 0;
    char text[] = "from afar";
    char got[sizeof text];
    tlsport_callbacks callbacks = echoing();
    tlsport_server *server = start(&callbacks, &board);
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "question");
    CHECK_OK(tlsport_server_call(server, board.id, answer, text));
    CHECK(peer_hear_all(&peer, got, strlen(text)));
    CHECK_MEM(got, text, strlen(text));
    CHECK_INT(peer_hear_end(&peer, NULL), 0);
    peer_leave(&peer);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_OK(tlsport_server_call(server, board.id, count_call, &calls));
    CHECK_SOON(SEEN(calls) == 1);
    CHECK_OK(tlsport_server_drain(server, -1));
    CHECK_OK(tlsport_server_wait(server, -1));
    CHECK_STATUS(tlsport_server_call(server, board.id, count_call, &calls), TLSPORT_ERROR_CLOSED);
    tlsport_server_free(server);
    CHECK_INT(calls, 1);
}

/* ---- Without TLS, without callbacks, over a unix socket ------------------------------------- */

static int expect_no_facts(void *user, tlsport_conn *conn)
{
    tlsport_facts facts = {.size = sizeof facts, .bits = 1};
    CHECK_OK(tlsport_conn_facts(conn, &facts));
    CHECK(facts.protocol == NULL);
    CHECK_INT(facts.bits, 0);
    CHECK_STR(tlsport_conn_kdb_facts(conn, TLSPORT_KDB_CURRENT), "()!()");
    CHECK_STR(tlsport_conn_peer(conn), "local");
    return note_open(user, conn);
}

static void a_local_client_that_is_gone_raises_no_signal(void)
{
    struct board board = {.left = 3000000};
    tlsport_callbacks callbacks = echoing();
    const char *path = check_scratch("socket");
    char endpoint[600];
    snprintf(endpoint, sizeof endpoint, "unix://%s", path);
    tlsport_settings *settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "server.endpoint", endpoint));
    callbacks.open = expect_no_facts;
    callbacks.data = begin_to_write;
    callbacks.writable = go_on_writing;
    tlsport_server *server = start_with(settings, &callbacks, &board);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(write(fd, "go", 2), 2);
    char byte;
    CHECK_INT(read(fd, &byte, 1), 1);
    close(fd);
    CHECK_SOON(SEEN(board.closed) == 1);
    CHECK_INT(board.status[0], TLSPORT_ERROR_IO);
    tlsport_server_free(server);
}

static void without_callbacks_the_settings_say_who_answers(void)
{
    struct board board = {0};
    tlsport_settings *settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "backend", "service://echo"));
    tlsport_server *server = start_with(settings, NULL, &board);
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "hello");
    peer_leave(&peer);
    tlsport_server_free(server);
}

static void a_reload_is_for_the_next_client_and_all_or_nothing(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_server *server = start(&callbacks, &board);
    uint16_t port = server_port(server);
    struct peer before = peer_open(port);
    exchange(&before, "before");
    tlsport_settings *settings = server_settings();
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "5"));
    CHECK_OK(tlsport_server_reload(server, settings));
    struct peer after = peer_open(port);
    exchange(&after, "after");
    CHECK_STR(SSL_get_version(before.ssl), "TLSv1.3");
    CHECK_STR(SSL_get_version(after.ssl), "TLSv1.2");
    exchange(&before, "still there");
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("garbage.pem")));
    CHECK_STATUS(tlsport_server_reload(server, settings), TLSPORT_ERROR_SETTINGS);
    peer_leave(&after);
    after = peer_open(port);
    exchange(&after, "as before");
    CHECK_OK(tlsport_server_drain(server, 0));
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("server.pem")));
    CHECK_STATUS(tlsport_server_reload(server, settings), TLSPORT_ERROR_USAGE);
    tlsport_settings_free(settings);
    peer_leave(&before);
    peer_leave(&after);
    tlsport_server_free(server);
}

static void *wait_for_it(void *argument)
{
    CHECK_OK(tlsport_server_wait(argument, CHECK_DEADLINE_MS));
    return NULL;
}

static void others_use_a_server_while_one_waits_for_it(void)
{
    struct board board = {0};
    tlsport_callbacks callbacks = echoing();
    tlsport_server *server = start(&callbacks, &board);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, wait_for_it, server), 0);
    }
    struct peer peer = peer_open(server_port(server));
    exchange(&peer, "hello");
    tlsport_totals totals = {.size = sizeof totals};
    CHECK_OK(tlsport_server_totals(server, &totals));
    CHECK_OK(tlsport_server_drain(server, 0));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    peer_leave(&peer);
    tlsport_server_free(server);
}

/* ---- The example ---------------------------------------------------------------------------- */

static void the_example_answers_streams_and_drains(void)
{
    const char *program = check_path("TLSPORT_EXAMPLES", "server");
    if (access(program, X_OK) != 0) {
        SKIP("examples/server.c was not compiled: run all subjects");
    }
    char command[1600], line[256];
    int port = 0, status;
    long process = 0;
    snprintf(command, sizeof command, "echo $$; exec '%s' ssl://127.0.0.1:0 '%s'", program,
             check_pki("server.pem"));
    FILE *out = popen(command, "r");
    REQUIRE(out != NULL);
    CHECK(fgets(line, sizeof line, out) != NULL && sscanf(line, "%ld", &process) == 1);
    CHECK(fgets(line, sizeof line, out) != NULL);
    CHECK_INT(sscanf(line, "serving http+ssl://127.0.0.1:%d", &port), 1);
    struct peer peer = peer_open((uint16_t)port);
    const char *asked = "count 2\nprime 999999000001\nprime 15\ncount 100000\n";
    const char *begins = "1\n2\nyes\nno\n1\n2\n3\n";
    char got[64];
    uint64_t count = strlen(begins);
    CHECK(peer_say(&peer, asked, strlen(asked)));
    peer_end(&peer);
    CHECK(peer_hear_all(&peer, got, strlen(begins)));
    CHECK_MEM(got, begins, strlen(begins));
    CHECK_INT(peer_hear_end(&peer, &count), 0);
    CHECK_INT(count, 11 + 588895);
    peer_leave(&peer);
    CHECK_INT(kill((pid_t)process, SIGTERM), 0);
    while (fgets(line, sizeof line, out) != NULL) {
    }
    status = pclose(out);
    CHECK_INT(status, 0);
}

CHECK_MAIN(TEST(what_a_client_says_reaches_the_callbacks_and_what_they_write_the_client),
           TEST(callbacks_that_are_null_take_bytes_and_finish_at_the_end),
           TEST(an_older_program_knows_fewer_callbacks),
           TEST(a_hundred_megabytes_go_to_a_slow_reader_without_being_kept),
           TEST(a_hundred_megabytes_come_from_a_client_that_was_paused_by_tcp),
           TEST(a_write_takes_a_megabyte_and_says_so),
           TEST(a_client_that_has_ended_still_hears_a_long_answer),
           TEST(a_callback_closes_its_own_connection),
           TEST(a_wrong_verdict_is_logged_and_cuts_the_connection),
           TEST(close_says_why),
           TEST(a_connection_that_is_idle_is_closed_and_told_as_such),
           TEST(a_server_that_is_freed_closes_what_is_open),
           TEST(a_second_drain_does_not_put_off_the_end),
           TEST(a_connection_is_used_in_its_own_callbacks_alone),
           TEST(a_callback_may_drain_its_server_but_neither_wait_for_it_nor_free_it),
           TEST(a_server_that_cannot_be_is_refused_and_leaves_nothing),
           TEST(the_limits_of_the_process_stay_as_they_are),
           TEST(an_answer_comes_from_another_thread),
           TEST(a_local_client_that_is_gone_raises_no_signal),
           TEST(without_callbacks_the_settings_say_who_answers),
           TEST(a_reload_is_for_the_next_client_and_all_or_nothing),
           TEST(others_use_a_server_while_one_waits_for_it),
           TEST(the_example_answers_streams_and_drains))
