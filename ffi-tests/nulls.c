/*
 * Every function of the header with null in every place where it takes a pointer, one at a
 * time. A function of symbols.txt that has no test here does not compile: the table of tests
 * is made of that file. Functions that take no pointer show that they are there.
 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* The call is refused because of its null, in words that begin with the function's name. */
#define REFUSED(call) \
    (void)(CHECK_STATUS(call, TLSPORT_ERROR_USAGE) && check_blames(__FILE__, __LINE__, #call))

/* The same of a function that answers with a pointer. */
#define REFUSED_WITH_NULL(call) \
    (void)(CHECK_NULL(call, TLSPORT_ERROR_USAGE) && check_blames(__FILE__, __LINE__, #call))

/* A function that returns nothing does nothing, and leaves the last status alone. */
#define IGNORED(call) \
    do { \
        CHECK_STATUS(tlsport_options_parse(NULL, NULL), TLSPORT_ERROR_USAGE); \
        call; \
        CHECK_INT(tlsport_last_status(), TLSPORT_ERROR_USAGE); \
    } while (0)

static int check_blames(const char *file, int line, const char *call)
{
    size_t name = strcspn(call, "(");
    const char *text = tlsport_last_error();
    if (strncmp(text, call, name) == 0 && strstr(text, " is null") != NULL) {
        return 1;
    }
    check_failed(file, line, call);
    printf("    expected: %.*s: … is null\n    got:      %s\n", (int)name, call, text);
    return 0;
}

/* ---- Handles to put beside the nulls ------------------------------------------------------ */

static tlsport_settings *server_settings(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("server.pem")));
    CHECK_OK(tlsport_settings_set(settings, "server.endpoint", "ssl://127.0.0.1:0"));
    CHECK_OK(tlsport_settings_set(settings, "threads", "1"));
    return settings;
}

static tlsport_context *context(void)
{
    tlsport_settings *settings = server_settings();
    tlsport_context *made = tlsport_context_new(settings);
    CHECK(made != NULL);
    tlsport_settings_free(settings);
    return made;
}

static tlsport_context *client_context(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_context *made = tlsport_context_new_client(settings);
    CHECK(made != NULL);
    tlsport_settings_free(settings);
    return made;
}

/* A channel over one end of a pair of sockets. */
struct line {
    int ends[2];
    tlsport_context *context;
    tlsport_channel *channel;
};

static struct line line(void)
{
    struct line made = {{-1, -1}, context(), NULL};
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, made.ends), 0);
    made.channel = tlsport_channel_accept(made.context, made.ends[0]);
    CHECK(made.channel != NULL);
    return made;
}

static void cut(struct line *line)
{
    tlsport_channel_free(line->channel);
    tlsport_context_free(line->context);
    close(line->ends[0]);
    close(line->ends[1]);
}

static tlsport_server *server(void)
{
    tlsport_settings *settings = server_settings();
    tlsport_callbacks callbacks = {.size = sizeof callbacks};
    tlsport_server *made = tlsport_server_new(settings, &callbacks, NULL);
    CHECK(made != NULL);
    tlsport_settings_free(settings);
    return made;
}

/* ---- Status, library, log ----------------------------------------------------------------- */

static void null_tlsport_last_status(void)
{
    CHECK_OK(tlsport_start());
    CHECK_INT(tlsport_last_status(), TLSPORT_OK);
}

static void null_tlsport_last_error(void)
{
    CHECK_OK(tlsport_start());
    CHECK_STR(tlsport_last_error(), "");
}

static void null_tlsport_last_openssl_errors(void)
{
    CHECK_OK(tlsport_start());
    CHECK_STR(tlsport_last_openssl_errors(), "");
}

static void null_tlsport_status_name(void)
{
    CHECK_STR(tlsport_status_name(TLSPORT_ERROR_IO), "TLSPORT_ERROR_IO");
}

static void null_tlsport_version(void)
{
    CHECK_STR(tlsport_version(), TLSPORT_VERSION);
}

static void null_tlsport_openssl_version(void)
{
    CHECK_HAS(tlsport_openssl_version(), "OpenSSL ");
}

static void null_tlsport_start(void)
{
    CHECK_OK(tlsport_start());
}

static void swallow(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    (void)text;
}

static void null_tlsport_log_set(void)
{
    int user = 0;
    CHECK_OK(tlsport_log_set(NULL, &user, TLSPORT_LOG_TRACE));
    CHECK_OK(tlsport_log_set(swallow, NULL, TLSPORT_LOG_TRACE));
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
}

/* ---- Settings ----------------------------------------------------------------------------- */

static void null_tlsport_settings_new(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK(settings != NULL);
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_copy(void)
{
    REFUSED_WITH_NULL(tlsport_settings_copy(NULL));
}

static void null_tlsport_settings_free(void)
{
    IGNORED(tlsport_settings_free(NULL));
}

static void null_tlsport_settings_load(void)
{
    const char *path = check_write("arangod.conf", "[ssl]\nprotocol = 6\n");
    tlsport_settings *settings = tlsport_settings_new();
    REFUSED(tlsport_settings_load(NULL, "arangodb", path));
    REFUSED(tlsport_settings_load(settings, "arangodb", NULL));
    CHECK_OK(tlsport_settings_load(settings, NULL, path));
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "6");
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_set(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    REFUSED(tlsport_settings_set(NULL, "ssl.protocol", "5"));
    REFUSED(tlsport_settings_set(settings, NULL, "5"));
    REFUSED(tlsport_settings_set(settings, "ssl.protocol", NULL));
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_add(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    REFUSED(tlsport_settings_add(NULL, "server.endpoint", "ssl://127.0.0.1:0"));
    REFUSED(tlsport_settings_add(settings, NULL, "ssl://127.0.0.1:0"));
    REFUSED(tlsport_settings_add(settings, "server.endpoint", NULL));
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_get(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    REFUSED_WITH_NULL(tlsport_settings_get(NULL, "ssl.protocol"));
    REFUSED_WITH_NULL(tlsport_settings_get(settings, NULL));
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_report(void)
{
    REFUSED_WITH_NULL(tlsport_settings_report(NULL, TLSPORT_REPORT_TEXT));
    REFUSED_WITH_NULL(tlsport_settings_report(NULL, TLSPORT_REPORT_JSON));
}

static void null_tlsport_settings_apply(void)
{
    tlsport_settings *settings = server_settings();
    tlsport_context *lender = context();
    REFUSED(tlsport_settings_apply(NULL, tlsport_context_ssl_ctx(lender)));
    REFUSED(tlsport_settings_apply(settings, NULL));
    tlsport_context_free(lender);
    tlsport_settings_free(settings);
}

static void null_tlsport_settings_apply_client(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_context *lender = client_context();
    REFUSED(tlsport_settings_apply_client(NULL, tlsport_context_ssl_ctx(lender)));
    REFUSED(tlsport_settings_apply_client(settings, NULL));
    tlsport_context_free(lender);
    tlsport_settings_free(settings);
}

/* ---- What settings may say ---------------------------------------------------------------- */

static void null_tlsport_dialect_name(void)
{
    CHECK_STR(tlsport_dialect_name(0), "arangodb");
}

static void null_tlsport_option_name(void)
{
    CHECK(tlsport_option_name(0) != NULL);
}

static void null_tlsport_ciphers(void)
{
    CHECK_HAS(tlsport_ciphers(NULL, NULL), "TLS_AES_256_GCM_SHA384");
    CHECK_STR(tlsport_ciphers("AES128-SHA256", ""), "AES128-SHA256");
    CHECK_HAS(tlsport_ciphers("AES128-SHA256", NULL), "TLS_AES_256_GCM_SHA384");
    CHECK_HAS(tlsport_ciphers(NULL, "TLS_AES_128_GCM_SHA256"), "ECDHE");
}

static void null_tlsport_options_parse(void)
{
    uint64_t bits = 7;
    REFUSED(tlsport_options_parse(NULL, &bits));
    CHECK_BITS(bits, 7);
    REFUSED(tlsport_options_parse("0x800", NULL));
}

static void null_tlsport_options_names(void)
{
    CHECK_STR(tlsport_options_names(0), "");
}

/* ---- Contexts ----------------------------------------------------------------------------- */

static void null_tlsport_context_new(void)
{
    REFUSED_WITH_NULL(tlsport_context_new(NULL));
}

static void null_tlsport_context_new_client(void)
{
    REFUSED_WITH_NULL(tlsport_context_new_client(NULL));
}

static void null_tlsport_context_ssl_ctx(void)
{
    REFUSED_WITH_NULL(tlsport_context_ssl_ctx(NULL));
}

static void null_tlsport_context_free(void)
{
    IGNORED(tlsport_context_free(NULL));
}

/* ---- Channels ----------------------------------------------------------------------------- */

static void null_tlsport_channel_accept(void)
{
    REFUSED_WITH_NULL(tlsport_channel_accept(NULL, 0));
}

static void null_tlsport_channel_connect(void)
{
    struct line unused = line();
    tlsport_context *ours = client_context();
    REFUSED_WITH_NULL(tlsport_channel_connect(NULL, unused.ends[1], "localhost"));
    REFUSED_WITH_NULL(tlsport_channel_connect(ours, unused.ends[1], NULL));
    tlsport_context_free(ours);
    cut(&unused);
}

static void null_tlsport_channel_connect_insecure(void)
{
    struct line unused = line();
    tlsport_context *ours = client_context();
    tlsport_channel *channel;
    REFUSED_WITH_NULL(tlsport_channel_connect_insecure(NULL, unused.ends[1], "localhost"));
    channel = tlsport_channel_connect_insecure(ours, unused.ends[1], NULL);
    CHECK(channel != NULL);
    tlsport_channel_free(channel);
    tlsport_context_free(ours);
    cut(&unused);
}

static void null_tlsport_channel_handshake(void)
{
    REFUSED(tlsport_channel_handshake(NULL));
}

static void null_tlsport_channel_read(void)
{
    struct line channel = line();
    char byte;
    REFUSED(tlsport_channel_read(NULL, &byte, 1));
    REFUSED(tlsport_channel_read(channel.channel, NULL, 1));
    cut(&channel);
}

static void null_tlsport_channel_write(void)
{
    struct line channel = line();
    REFUSED(tlsport_channel_write(NULL, "a", 1));
    REFUSED(tlsport_channel_write(channel.channel, NULL, 1));
    CHECK_INT(tlsport_channel_write(channel.channel, NULL, 0), 0);
    cut(&channel);
}

static void null_tlsport_channel_flush(void)
{
    REFUSED(tlsport_channel_flush(NULL));
}

static void null_tlsport_channel_close(void)
{
    REFUSED(tlsport_channel_close(NULL));
}

static void null_tlsport_channel_wants(void)
{
    CHECK_INT(tlsport_channel_wants(NULL), 0);
}

static void null_tlsport_channel_has_pending(void)
{
    CHECK_INT(tlsport_channel_has_pending(NULL), 0);
}

static void null_tlsport_channel_facts(void)
{
    struct line channel = line();
    tlsport_facts facts = {.size = sizeof facts};
    REFUSED(tlsport_channel_facts(NULL, &facts));
    REFUSED(tlsport_channel_facts(channel.channel, NULL));
    cut(&channel);
}

static void null_tlsport_channel_kdb_facts(void)
{
    REFUSED_WITH_NULL(tlsport_channel_kdb_facts(NULL, TLSPORT_KDB_CERT));
}

static void null_tlsport_channel_ssl(void)
{
    REFUSED_WITH_NULL(tlsport_channel_ssl(NULL));
}

static void null_tlsport_channel_free(void)
{
    IGNORED(tlsport_channel_free(NULL));
}

/* ---- Servers ------------------------------------------------------------------------------ */

static void null_tlsport_server_new(void)
{
    tlsport_settings *settings = server_settings();
    tlsport_callbacks callbacks = {.size = sizeof callbacks};
    tlsport_server *made;
    REFUSED_WITH_NULL(tlsport_server_new(NULL, &callbacks, &callbacks));
    made = tlsport_server_new(settings, &callbacks, NULL);
    CHECK(made != NULL);
    tlsport_server_free(made);
    CHECK_OK(tlsport_settings_set(settings, "backend", "service://echo"));
    made = tlsport_server_new(settings, NULL, &callbacks);
    CHECK(made != NULL);
    tlsport_server_free(made);
    tlsport_settings_free(settings);
}

static void null_tlsport_server_endpoint(void)
{
    REFUSED_WITH_NULL(tlsport_server_endpoint(NULL, 0));
}

static void null_tlsport_server_reload(void)
{
    tlsport_server *serving = server();
    tlsport_settings *settings = server_settings();
    REFUSED(tlsport_server_reload(NULL, settings));
    REFUSED(tlsport_server_reload(serving, NULL));
    tlsport_settings_free(settings);
    tlsport_server_free(serving);
}

static void null_tlsport_server_drain(void)
{
    REFUSED(tlsport_server_drain(NULL, 0));
}

static void null_tlsport_server_wait(void)
{
    REFUSED(tlsport_server_wait(NULL, 0));
}

static void null_tlsport_server_totals(void)
{
    tlsport_server *serving = server();
    tlsport_totals totals = {.size = sizeof totals};
    REFUSED(tlsport_server_totals(NULL, &totals));
    REFUSED(tlsport_server_totals(serving, NULL));
    tlsport_server_free(serving);
}

static void null_tlsport_server_free(void)
{
    IGNORED(tlsport_server_free(NULL));
}

static int called_without_connection(void *user, tlsport_conn *conn, void *arg)
{
    CHECK(user == NULL);
    CHECK(conn == NULL);
    CHECK(arg == NULL);
    return TLSPORT_CONTINUE;
}

static void null_tlsport_server_call(void)
{
    tlsport_server *serving = server();
    REFUSED(tlsport_server_call(NULL, 1, called_without_connection, NULL));
    REFUSED(tlsport_server_call(serving, 1, NULL, serving));
    CHECK_OK(tlsport_server_call(serving, UINT64_MAX, called_without_connection, NULL));
    tlsport_server_free(serving);
}

/* ---- Connections of a server -------------------------------------------------------------- */

/* Brings a client, so that `opened` sees a connection. */
static void with_connection(int (*opened)(void *user, tlsport_conn *conn))
{
    tlsport_settings *settings = server_settings();
    tlsport_callbacks callbacks = {.size = sizeof callbacks, .open = opened};
    tlsport_server *serving = tlsport_server_new(settings, &callbacks, NULL);
    tlsport_settings_free(settings);
    REQUIRE(serving != NULL);
    const char *port = strrchr(tlsport_server_endpoint(serving, 0), ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(port + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    tlsport_context *ours = client_context();
    tlsport_channel *channel = tlsport_channel_connect_insecure(ours, client, NULL);
    char byte;
    CHECK_INT(tlsport_channel_read(channel, &byte, 1), 0);
    tlsport_channel_free(channel);
    tlsport_context_free(ours);
    close(client);
    tlsport_server_free(serving);
}

static int write_nothing(void *user, tlsport_conn *conn)
{
    (void)user;
    REFUSED(tlsport_conn_write(conn, NULL, 1));
    CHECK_INT(tlsport_conn_write(conn, NULL, 0), 0);
    return TLSPORT_FINISH;
}

static void null_tlsport_conn_write(void)
{
    REFUSED(tlsport_conn_write(NULL, "a", 1));
    with_connection(write_nothing);
}

static void null_tlsport_conn_pause(void)
{
    REFUSED(tlsport_conn_pause(NULL));
}

static void null_tlsport_conn_resume(void)
{
    REFUSED(tlsport_conn_resume(NULL));
}

static void null_tlsport_conn_close(void)
{
    REFUSED(tlsport_conn_close(NULL));
}

static int set_user_to_null(void *user, tlsport_conn *conn)
{
    CHECK(tlsport_conn_user(conn) == NULL);
    CHECK_OK(tlsport_conn_set_user(conn, &user));
    CHECK(tlsport_conn_user(conn) == &user);
    CHECK_OK(tlsport_conn_set_user(conn, NULL));
    CHECK(tlsport_conn_user(conn) == NULL);
    return TLSPORT_FINISH;
}

static void null_tlsport_conn_set_user(void)
{
    REFUSED(tlsport_conn_set_user(NULL, NULL));
    with_connection(set_user_to_null);
}

static void null_tlsport_conn_user(void)
{
    CHECK(tlsport_conn_user(NULL) == NULL);
}

static void null_tlsport_conn_id(void)
{
    CHECK_INT(tlsport_conn_id(NULL), 0);
}

static void null_tlsport_conn_peer(void)
{
    REFUSED_WITH_NULL(tlsport_conn_peer(NULL));
}

static void null_tlsport_conn_endpoint(void)
{
    REFUSED_WITH_NULL(tlsport_conn_endpoint(NULL));
}

static int ask_for_no_facts(void *user, tlsport_conn *conn)
{
    (void)user;
    REFUSED(tlsport_conn_facts(conn, NULL));
    return TLSPORT_FINISH;
}

static void null_tlsport_conn_facts(void)
{
    tlsport_facts facts = {.size = sizeof facts};
    REFUSED(tlsport_conn_facts(NULL, &facts));
    with_connection(ask_for_no_facts);
}

static void null_tlsport_conn_kdb_facts(void)
{
    REFUSED_WITH_NULL(tlsport_conn_kdb_facts(NULL, TLSPORT_KDB_CERT));
}

int main(int argc, char **argv)
{
    const struct check_test tests[] = {
#include "symbols.inc" /* TEST(null_…), for each line of symbols.txt */
    };
    return check_run(tests, sizeof tests / sizeof tests[0], argc, argv);
}
