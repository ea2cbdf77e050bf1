/*
 * Handles that are none: freed before, of another type, not aligned. Every function that takes
 * a handle sees it, says so, and touches nothing, which valgrind and AddressSanitizer witness.
 * What a function refuses besides is in the subject of its handle.
 */
#include "check.h"

#include <sys/socket.h>

/* Refused, with one of two reasons. */
#define REFUSED(call) (void)(CHECK_STATUS(call, TLSPORT_ERROR_USAGE) && says_why())
#define REFUSED_WITH_NULL(call) (void)(CHECK_NULL(call, TLSPORT_ERROR_USAGE) && says_why())

static int says_why(void)
{
    const char *text = tlsport_last_error();
    if (strstr(text, "is no handle") != NULL) {
        return 1;
    }
    return CHECK_HAS(text, "was freed, or is something else");
}

/* An address at which no handle can be. */
static void *beside(void *handle)
{
    return (char *)handle + 1;
}

static int answer(void *user, tlsport_conn *conn, void *arg)
{
    (void)user;
    (void)conn;
    (void)arg;
    return TLSPORT_CONTINUE;
}

/* ---- Every function of a type, with a handle that is none --------------------------------- */

static void no_settings(tlsport_settings *bad, tlsport_context *good)
{
    struct ssl_ctx_st *ssl_ctx = tlsport_context_ssl_ctx(good);
    REFUSED_WITH_NULL(tlsport_settings_copy(bad));
    REFUSED(tlsport_settings_load(bad, NULL, "arangod.conf"));
    REFUSED(tlsport_settings_set(bad, "ssl.protocol", "5"));
    REFUSED(tlsport_settings_add(bad, "ssl.protocol", "5"));
    REFUSED_WITH_NULL(tlsport_settings_get(bad, "ssl.protocol"));
    REFUSED_WITH_NULL(tlsport_settings_report(bad, TLSPORT_REPORT_TEXT));
    REFUSED(tlsport_settings_apply(bad, ssl_ctx));
    REFUSED(tlsport_settings_apply_client(bad, ssl_ctx));
    REFUSED_WITH_NULL(tlsport_context_new(bad));
    REFUSED_WITH_NULL(tlsport_context_new_client(bad));
    REFUSED_WITH_NULL(tlsport_server_new(bad, NULL, NULL));
    REFUSED_WITH_NULL(tlsport_client_new(bad, "tls://localhost:5000", NULL));
    tlsport_settings_free(bad);
}

static void no_context(tlsport_context *bad, int fd)
{
    REFUSED_WITH_NULL(tlsport_context_ssl_ctx(bad));
    REFUSED_WITH_NULL(tlsport_channel_accept(bad, fd));
    REFUSED_WITH_NULL(tlsport_channel_connect(bad, fd, "localhost"));
    REFUSED_WITH_NULL(tlsport_channel_connect_insecure(bad, fd, "localhost"));
    tlsport_context_free(bad);
}

static void no_channel(tlsport_channel *bad)
{
    char byte = 0;
    tlsport_facts facts = {.size = sizeof facts};
    REFUSED(tlsport_channel_handshake(bad));
    REFUSED(tlsport_channel_read(bad, &byte, 1));
    REFUSED(tlsport_channel_write(bad, &byte, 1));
    REFUSED(tlsport_channel_flush(bad));
    REFUSED(tlsport_channel_close(bad));
    CHECK_INT(tlsport_channel_wants(bad), 0);
    CHECK_INT(tlsport_channel_has_pending(bad), 0);
    CHECK_INT(tlsport_channel_fd(bad), -1);
    CHECK_INT(tlsport_channel_timeout_ms(bad), -1);
    REFUSED(tlsport_channel_capability(bad));
    REFUSED(tlsport_channel_facts(bad, &facts));
    REFUSED_WITH_NULL(tlsport_channel_kdb_facts(bad, TLSPORT_KDB_CERT));
    REFUSED_WITH_NULL(tlsport_channel_ssl(bad));
    tlsport_channel_free(bad);
}

static void no_client(tlsport_client *bad)
{
    REFUSED_WITH_NULL(tlsport_client_open(bad));
    REFUSED_WITH_NULL(tlsport_client_begin(bad));
    REFUSED_WITH_NULL(tlsport_client_request(bad, "GET", 3, 0));
    tlsport_client_free(bad);
}

static void no_answer(tlsport_answer *bad)
{
    size_t len;
    REFUSED(tlsport_answer_status(bad));
    REFUSED_WITH_NULL(tlsport_answer_header(bad, "Date"));
    REFUSED_WITH_NULL(tlsport_answer_head(bad, &len));
    REFUSED_WITH_NULL(tlsport_answer_body(bad, &len));
    REFUSED_WITH_NULL(tlsport_answer_channel(bad));
    tlsport_answer_free(bad);
}

static void no_server(tlsport_server *bad, tlsport_settings *good)
{
    tlsport_totals totals = {.size = sizeof totals};
    REFUSED_WITH_NULL(tlsport_server_endpoint(bad, 0));
    REFUSED(tlsport_server_reload(bad, good));
    REFUSED(tlsport_server_drain(bad, 0));
    REFUSED(tlsport_server_wait(bad, 0));
    REFUSED(tlsport_server_totals(bad, &totals));
    REFUSED(tlsport_server_call(bad, 1, answer, NULL));
    tlsport_server_free(bad);
}

static void no_conn(tlsport_conn *bad)
{
    tlsport_facts facts = {.size = sizeof facts};
    CHECK_STATUS(tlsport_conn_write(bad, "a", 1), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_pause(bad), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_resume(bad), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_close(bad), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_set_user(bad, &facts), TLSPORT_ERROR_USAGE);
    CHECK(tlsport_conn_user(bad) == NULL);
    CHECK_INT(tlsport_conn_id(bad), 0);
    CHECK_NULL(tlsport_conn_peer(bad), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_conn_endpoint(bad), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_conn_facts(bad, &facts), TLSPORT_ERROR_USAGE);
}

/* ---- One handle of each type -------------------------------------------------------------- */

struct handles {
    tlsport_settings *settings;
    tlsport_context *context;
    int ends[2];
    tlsport_channel *channel;
    tlsport_server *server;
    tlsport_client *client;
};

static struct handles made(void)
{
    struct handles all = {.settings = tlsport_settings_new()};
    CHECK_OK(tlsport_settings_set(all.settings, "ssl.keyfile", check_pki("server.pem")));
    CHECK_OK(tlsport_settings_set(all.settings, "server.endpoint", "ssl://127.0.0.1:0"));
    CHECK_OK(tlsport_settings_set(all.settings, "backend", "service://echo"));
    CHECK_OK(tlsport_settings_set(all.settings, "threads", "1"));
    all.context = tlsport_context_new(all.settings);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, all.ends), 0);
    all.channel = tlsport_channel_accept(all.context, all.ends[0]);
    all.server = tlsport_server_new(all.settings, NULL, NULL);
    all.client = tlsport_client_new(all.settings, "tls://127.0.0.1:1", NULL);
    CHECK(all.context != NULL && all.channel != NULL && all.server != NULL && all.client != NULL);
    return all;
}

static void freed(struct handles *all)
{
    tlsport_client_free(all->client);
    tlsport_server_free(all->server);
    tlsport_channel_free(all->channel);
    close(all->ends[0]);
    close(all->ends[1]);
    tlsport_context_free(all->context);
    tlsport_settings_free(all->settings);
}

static void a_handle_that_was_freed_is_refused(void)
{
    struct handles stale = made();
    freed(&stale);
    struct handles living = made();
    no_settings(stale.settings, living.context);
    no_context(stale.context, living.ends[1]);
    no_channel(stale.channel);
    no_client(stale.client);
    no_answer((void *)stale.client);
    no_server(stale.server, living.settings);
    freed(&living);
}

static void a_handle_of_another_type_is_refused_and_lives_on(void)
{
    struct handles all = made();
    void *settings = all.settings;
    void *context = all.context;
    no_settings(context, all.context);
    no_context(settings, all.ends[1]);
    no_channel(settings);
    no_client(settings);
    no_answer(settings);
    no_server(settings, all.settings);
    no_conn(settings);
    no_settings((void *)all.server, all.context);
    no_context((void *)all.channel, all.ends[1]);
    CHECK_OK(tlsport_settings_set(all.settings, "ssl.protocol", "6"));
    CHECK(tlsport_context_ssl_ctx(all.context) != NULL);
    CHECK(tlsport_server_endpoint(all.server, 0) != NULL);
    freed(&all);
}

static void an_address_where_no_handle_can_be_is_refused(void)
{
    struct handles all = made();
    no_settings(beside(all.settings), all.context);
    no_context(beside(all.context), all.ends[1]);
    no_channel(beside(all.channel));
    no_client(beside(all.client));
    no_answer(beside(all.settings));
    no_server(beside(all.server), all.settings);
    no_conn(beside(all.settings));
    freed(&all);
}

/* The line that a call logged. */
static char line_logged[256];

static void keep_line(void *user, int level, const char *line)
{
    (void)user;
    CHECK_INT(level, TLSPORT_LOG_ERROR);
    snprintf(line_logged, sizeof line_logged, "%s", line);
}

/* Looks at what the call before it logged. */
static void check_logged(const char *line)
{
    CHECK_STR(line_logged, line);
    line_logged[0] = '\0';
}

static void what_cannot_be_given_back_is_logged(void)
{
    struct handles stale = made();
    freed(&stale);
    CHECK_OK(tlsport_log_set(keep_line, NULL, TLSPORT_LOG_ERROR));
    tlsport_settings_free(stale.settings);
    check_logged("tlsport_settings_free: the settings handle was freed, or is something else");
    tlsport_context_free(stale.context);
    check_logged("tlsport_context_free: the context was freed, or is something else");
    tlsport_channel_free(stale.channel);
    check_logged("tlsport_channel_free: the channel was freed, or is something else");
    tlsport_server_free(stale.server);
    check_logged("tlsport_server_free: the server was freed, or is something else");
    tlsport_client_free(stale.client);
    check_logged("tlsport_client_free: the client was freed, or is something else");
    tlsport_answer_free((void *)stale.client);
    check_logged("tlsport_answer_free: the answer was freed, or is something else");
    tlsport_server_free(NULL);
    tlsport_channel_free(NULL);
    check_logged("");
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
}

static void a_result_is_not_written_where_it_cannot_be(void)
{
    struct handles all = made();
    union {
        uint64_t bits;
        char bytes[256];
    } room = {0};
    void *odd = room.bytes + 1;
    CHECK_STATUS(tlsport_options_parse("0x800", odd), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "'bits' is not aligned");
    CHECK_STATUS(tlsport_channel_facts(all.channel, odd), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_server_totals(all.server, odd), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_server_new(all.settings, odd, NULL), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_client_new(all.settings, "tls://h:1", odd), TLSPORT_ERROR_USAGE);
    CHECK_BITS(room.bits, 0);
    freed(&all);
}

static void text_that_is_not_utf8_is_refused(void)
{
    struct handles all = made();
    const char *latin1 = "caf\xe9";
    CHECK_STATUS(tlsport_settings_set(all.settings, latin1, "5"), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "'name' is not UTF-8");
    CHECK_STATUS(tlsport_settings_set(all.settings, "ssl.protocol", latin1), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_settings_add(all.settings, "ssl.keyfile", latin1), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_settings_get(all.settings, latin1), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_settings_load(all.settings, latin1, "x.conf"), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_ciphers(latin1, NULL), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_ciphers(NULL, latin1), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_channel_connect(all.context, all.ends[1], latin1), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_client_new(all.settings, latin1, NULL), TLSPORT_ERROR_USAGE);
    freed(&all);
}

CHECK_MAIN(TEST(a_handle_that_was_freed_is_refused),
           TEST(a_handle_of_another_type_is_refused_and_lives_on),
           TEST(an_address_where_no_handle_can_be_is_refused),
           TEST(what_cannot_be_given_back_is_logged),
           TEST(a_result_is_not_written_where_it_cannot_be), TEST(text_that_is_not_utf8_is_refused))
