/* One request of HTTP and its answer, and the way to a WebSocket. */
#include "q.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

/* A server that answers every request with the same bytes, and keeps the request. */
struct web {
    tlsport_server *server;
    uint16_t port;
    const char *answer;
    size_t len;
    int goes_on;     /* it waits for more once it has answered */
    int is_upgraded; /* what comes now is echoed */
    char request[1024];
};

/* What a server says to a key, which shows that it knows what it is asked for. */
static void accept_key(const char *request, char accept[29])
{
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    unsigned char hash[SHA_DIGEST_LENGTH];
    char text[128] = "";
    if (CHECK(key != NULL)) {
        snprintf(text, sizeof text, "%.24s%s", key + strlen("Sec-WebSocket-Key: "),
                 "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    }
    CHECK(SHA1((unsigned char *)text, strlen(text), hash) != NULL);
    CHECK_INT(EVP_EncodeBlock((unsigned char *)accept, hash, sizeof hash), 28);
}

static int web_data(void *user, tlsport_conn *conn, const void *bytes, size_t len)
{
    struct web *web = user;
    char accept[29];
    char text[256];
    if (web->is_upgraded) {
        CHECK_INT(tlsport_conn_write(conn, bytes, len), (ptrdiff_t)len);
        return TLSPORT_CONTINUE;
    }
    CHECK(len < sizeof web->request);
    memcpy(web->request, bytes, len);
    web->request[len] = '\0';
    if (web->answer == NULL) {
        web->is_upgraded = 1;
        accept_key(web->request, accept);
        /* The first frame comes with the answer. */
        len = (size_t)snprintf(text, sizeof text,
                               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\nfirst",
                               accept);
        CHECK_INT(tlsport_conn_write(conn, text, len), (ptrdiff_t)len);
        return TLSPORT_CONTINUE;
    }
    CHECK_INT(tlsport_conn_write(conn, web->answer, web->len), (ptrdiff_t)web->len);
    return web->goes_on ? TLSPORT_CONTINUE : TLSPORT_FINISH;
}

static void web_start(struct web *web)
{
    tlsport_settings *settings = server_settings();
    tlsport_callbacks callbacks = {.size = sizeof callbacks, .data = web_data};
    web->server = tlsport_server_new(settings, &callbacks, web);
    tlsport_settings_free(settings);
    if (!CHECK(web->server != NULL)) {
        check_say_last_error();
        exit(1);
    }
    web->port = server_port(web->server);
}

/* Asks it; more settings may be said: name, value. */
static tlsport_answer *ask(struct web *web, const char *scheme, const char *request,
                           size_t body_limit, const char *name, const char *value)
{
    tlsport_settings *settings = q_settings();
    tlsport_client *client;
    tlsport_answer *answer;
    char text[64];
    if (name != NULL) {
        CHECK_OK(tlsport_settings_set(settings, name, value));
    }
    snprintf(text, sizeof text, "%s://127.0.0.1:%d", scheme, web->port);
    client = q_client_of(settings, text, NULL);
    answer = tlsport_client_request(client, request, strlen(request), body_limit);
    tlsport_client_free(client);
    return answer;
}

static const char GET[] = "GET /login.html http/1.1\r\nhost:www.kx.com\r\n\r\n";

/* ---- Answers ------------------------------------------------------------------------------ */

static void a_request_goes_as_it_is_and_the_answer_comes_in_parts(void)
{
    static const char text[] = "HTTP/1.1 404 Not Found\r\nDate: today\r\nX-Odd:  \xe9 \r\n"
                               "Content-Length: 5\r\n\r\na\0b\0c";
    struct web web = {.answer = text, .len = sizeof text - 1};
    tlsport_answer *answer;
    const char *head;
    const char *body;
    size_t len = 0;
    web_start(&web);
    answer = ask(&web, "https", GET, 0, NULL, NULL);
    REQUIRE(answer != NULL);
    CHECK_STR(web.request, GET);
    CHECK_INT(tlsport_answer_status(answer), 404);
    head = tlsport_answer_head(answer, &len);
    CHECK_INT(len, sizeof text - 6);
    CHECK_MEM(head, text, len);
    CHECK_INT(head[len], '\0');
    body = tlsport_answer_body(answer, &len);
    CHECK_INT(len, 5);
    CHECK_MEM(body, "a\0b\0c", 6);
    CHECK(tlsport_answer_head(answer, NULL) == head);
    CHECK(tlsport_answer_body(answer, NULL) == body);
    CHECK_STR(tlsport_answer_header(answer, "DATE"), "today");
    CHECK_STR(tlsport_answer_header(answer, "x-odd"), "\xe9");
    CHECK(tlsport_answer_header(answer, "Server") == NULL);
    CHECK_INT(tlsport_last_status(), TLSPORT_OK);
    CHECK_NULL(tlsport_answer_header(answer, NULL), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_answer_head(answer, (size_t *)(void *)((char *)&len + 1)),
               TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_answer_channel(answer), TLSPORT_ERROR_USAGE);
    CHECK_MEM(body, "a\0b\0c", 6);
    tlsport_answer_free(answer);
    tlsport_server_free(web.server);
}

static void a_body_may_be_empty_or_in_chunks_or_end_with_the_connection(void)
{
    const char *const answers[] = {
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nabcde"};
    for (int i = 0; i < 3; i++) {
        struct web web = {.answer = answers[i], .len = strlen(answers[i]), .goes_on = i < 2};
        tlsport_answer *answer;
        size_t len;
        web_start(&web);
        answer = ask(&web, "https", GET, SIZE_MAX, NULL, NULL);
        REQUIRE(answer != NULL);
        CHECK_STR(tlsport_answer_body(answer, &len), i == 0 ? "" : "abcde");
        CHECK_INT(len, i == 0 ? 0 : 5);
        tlsport_answer_free(answer);
        tlsport_server_free(web.server);
    }
}

/* Fails so. */
static void fails(struct web *web, const char *scheme, const char *request, size_t body_limit,
                  int status, const char *why)
{
    CHECK_NULL(ask(web, scheme, request, body_limit, NULL, NULL), status);
    CHECK_HAS(tlsport_last_error(), why);
}

static void what_is_no_whole_answer_is_none(void)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
    struct web web = {.answer = text, .len = sizeof text - 1};
    web_start(&web);
    fails(&web, "https", GET, 0, TLSPORT_ERROR_CLOSED, "the answer was cut");
    fails(&web, "https", GET, 4, TLSPORT_ERROR_PEER, "request to '127.0.0.1:");
    web.answer = "220 mail";
    web.len = 8;
    fails(&web, "https", GET, 0, TLSPORT_ERROR_PEER, "the answer cannot be read");
    tlsport_server_free(web.server);
}

static void an_answer_that_pauses_for_too_long_is_not_waited_for(void)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
    struct web web = {.answer = text, .len = sizeof text - 1, .goes_on = 1};
    web_start(&web);
    CHECK_NULL(ask(&web, "https", GET, 0, "timeout.idle", "150ms"), TLSPORT_ERROR_TIMEOUT);
    CHECK_HAS(tlsport_last_error(), "timed out after 150ms, waiting for the answer");
    tlsport_server_free(web.server);
}

static void what_cannot_be_asked_is_refused_before_anybody_is_connected_to(void)
{
    struct web nowhere = {.port = 1};
    fails(&nowhere, "tcps", GET, 0, TLSPORT_ERROR_USAGE, "neither https:// nor wss://");
    fails(&nowhere, "https", "GET / HTTP/1.1\r\n", 0, TLSPORT_ERROR_USAGE, "no empty line");
    fails(&nowhere, "https", "", 0, TLSPORT_ERROR_USAGE, "no empty line");
    fails(&nowhere, "https", GET, 0, TLSPORT_ERROR_IO, "connection refused");
}

/* ---- WebSockets --------------------------------------------------------------------------- */

static void a_websocket_is_a_channel_that_outlives_the_answer(void)
{
    struct web web = {.answer = NULL};
    tlsport_answer *answer;
    tlsport_channel *channel;
    char got[5];
    web_start(&web);
    for (int takes = 0; takes < 2; takes++) {
        web.is_upgraded = 0;
        answer = ask(&web, "wss", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 0, NULL, NULL);
        REQUIRE(answer != NULL);
        CHECK_INT(tlsport_answer_status(answer), 101);
        CHECK_HAS(web.request, "Sec-WebSocket-Version: 13\r\n");
        channel = takes ? tlsport_answer_channel(answer) : NULL;
        CHECK(takes == 0 || channel != NULL);
        if (takes) {
            CHECK_NULL(tlsport_answer_channel(answer), TLSPORT_ERROR_USAGE);
        }
        tlsport_answer_free(answer);
    }
    REQUIRE(channel != NULL);
    CHECK_INT(tlsport_channel_has_pending(channel), 1);
    CHECK_INT(tlsport_channel_read(channel, got, sizeof got), 5);
    CHECK_MEM(got, "first", 5);
    CHECK_INT(tlsport_channel_has_pending(channel), 0);
    CHECK_INT(tlsport_channel_write(channel, "hello", 5), 5);
    CHECK_INT(tlsport_channel_read(channel, got, sizeof got), 5);
    CHECK_MEM(got, "hello", 5);
    CHECK_STATUS(tlsport_channel_capability(channel), TLSPORT_ERROR_USAGE);
    q_end(channel);
    tlsport_server_free(web.server);
}

static void a_server_that_does_not_know_the_key_has_agreed_to_nothing(void)
{
    static const char text[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    struct web web = {.answer = text, .len = sizeof text - 1};
    web_start(&web);
    fails(&web, "wss", GET, 0, TLSPORT_ERROR_PEER, "its answer to the key is wrong");
    tlsport_server_free(web.server);
}

CHECK_MAIN(TEST(a_request_goes_as_it_is_and_the_answer_comes_in_parts),
           TEST(a_body_may_be_empty_or_in_chunks_or_end_with_the_connection),
           TEST(what_is_no_whole_answer_is_none),
           TEST(an_answer_that_pauses_for_too_long_is_not_waited_for),
           TEST(what_cannot_be_asked_is_refused_before_anybody_is_connected_to),
           TEST(a_websocket_is_a_channel_that_outlives_the_answer),
           TEST(a_server_that_does_not_know_the_key_has_agreed_to_nothing))
