/* Errors of channels: what is no socket, handles and numbers that are wrong, what comes after. */
#include "duo.h"

#include <netinet/in.h>
#include <openssl/err.h>

/* ---- Descriptors -------------------------------------------------------------------------- */

static void no_channel(int fd, const char *why)
{
    tlsport_context *context = duo_server_context((struct duo_terms){.protocol = NULL});
    char expected[200];
    snprintf(expected, sizeof expected, "cannot make a channel: on file descriptor %d: %s", fd,
             why);
    CHECK_NULL(tlsport_channel_accept(context, fd), TLSPORT_ERROR_IO);
    CHECK_STR(tlsport_last_error(), expected);
    tlsport_context_free(context);
}

static void what_is_no_stream_socket_is_refused_at_once(void)
{
    int ends[2];
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    int closed = dup(datagrams);
    REQUIRE(pipe(ends) == 0 && datagrams >= 0 && closed >= 0);
    close(closed);
    no_channel(ends[0], "socket operation on non-socket");
    no_channel(ends[1], "socket operation on non-socket");
    no_channel(datagrams, "protocol wrong type for socket");
    no_channel(closed, "bad file descriptor");
    no_channel(-1, "bad file descriptor");
    no_channel(-2147483647 - 1, "bad file descriptor");
    close(ends[0]);
    close(ends[1]);
    close(datagrams);
}

static void a_socket_without_a_peer_says_so_when_it_is_used(void)
{
    tlsport_context *context = duo_server_context((struct duo_terms){.protocol = NULL});
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    tlsport_channel *channel = tlsport_channel_accept(context, fd);
    REQUIRE(channel != NULL);
    CHECK_STATUS(tlsport_channel_handshake(channel), TLSPORT_ERROR_IO);
    CHECK_STR(tlsport_last_error(), "handshake: transport endpoint is not connected");
    tlsport_channel_free(channel);
    tlsport_context_free(context);
    close(fd);
}

static void a_descriptor_that_was_closed_below_a_channel_is_an_error(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    char byte;
    CHECK(duo_handshake(&duo));
    duo_close_fd(&duo.server_fd);
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 1), TLSPORT_ERROR_IO);
    CHECK_STR(tlsport_last_error(), "read: bad file descriptor");
    duo_free(&duo);
}

static void the_descriptor_stays_the_callers(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK(duo_handshake(&duo));
    tlsport_channel_free(duo.client);
    duo.client = NULL;
    CHECK_INT(send(duo.client_fd, "x", 1, 0), 1);
    duo_free(&duo);
}

/* ---- What follows an error ---------------------------------------------------------------- */

static void an_error_is_told_again_by_every_later_call(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    const char *expected = "stream cut without a close-notify";
    tlsport_facts facts = {.size = sizeof facts};
    char byte;
    CHECK(duo_handshake(&duo));
    CHECK_INT(shutdown(duo.client_fd, SHUT_WR), 0);
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 1), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), expected);
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 1), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), expected);
    CHECK_STATUS(tlsport_channel_write(duo.server, "x", 1), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), expected);
    CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), expected);
    CHECK_STATUS(tlsport_channel_flush(duo.server), TLSPORT_ERROR_CLOSED);
    CHECK_STATUS(tlsport_channel_close(duo.server), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), expected);
    /* Asking what it wants is no call that fails. */
    CHECK_INT(tlsport_channel_wants(duo.server), 0);
    CHECK_INT(tlsport_channel_has_pending(duo.server), 0);
    CHECK_STR(tlsport_last_error(), expected);
    CHECK_OK(tlsport_channel_facts(duo.server, &facts));
    CHECK_STR(tlsport_last_error(), "");
    duo_free(&duo);
}

static void a_peer_that_is_gone_raises_no_signal(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK(duo_handshake(&duo));
    duo_close_fd(&duo.client_fd);
    CHECK_STATUS(tlsport_channel_write(duo.server, "x", 1), TLSPORT_ERROR_IO);
    CHECK_STR(tlsport_last_error(), "write: broken pipe");
    duo_free(&duo);
}

/* ---- Calls that are wrong ----------------------------------------------------------------- */

static void a_context_for_the_other_side_is_refused(void)
{
    tlsport_context *server = duo_server_context((struct duo_terms){.protocol = NULL});
    tlsport_context *client = duo_client_context((struct duo_terms){.protocol = NULL});
    int ends[2];
    duo_sockets(&ends[0], &ends[1]);
    CHECK_NULL(tlsport_channel_accept(client, ends[0]), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "cannot accept with a context for clients");
    CHECK_NULL(tlsport_channel_connect(server, ends[0], "localhost"), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "cannot connect with a context for servers");
    CHECK_NULL(tlsport_channel_connect_insecure(server, ends[0], NULL), TLSPORT_ERROR_USAGE);
    close(ends[0]);
    close(ends[1]);
    tlsport_context_free(server);
    tlsport_context_free(client);
}

static void lengths_that_cannot_be_are_refused_and_harm_nothing(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    char byte = 'x';
    CHECK(duo_handshake(&duo));
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 0), TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(), "tlsport_channel_read: 'len' is 0");
    CHECK_STATUS(tlsport_channel_read(duo.server, NULL, 0), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_read(duo.server, NULL, 5), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, SIZE_MAX), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_write(duo.server, &byte, SIZE_MAX), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_write(duo.server, NULL, 5), TLSPORT_ERROR_USAGE);
    CHECK_OK(tlsport_channel_write(duo.server, &byte, 0));
    CHECK_OK(tlsport_channel_write(duo.server, NULL, 0));
    CHECK_INT(tlsport_channel_write(duo.server, &byte, 1), 1);
    CHECK_INT(duo_read(&duo, duo.client, &byte, 1), 1);
    duo_free(&duo);
}

/* Only what is asked for is looked at: the memory behind `len` need not be there. */
static void lengths_over_int_max_are_taken(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    size_t len = (size_t)3 << 30;
    char *bytes = calloc(len, 1);
    ptrdiff_t taken;
    if (sizeof(size_t) < 8 || bytes == NULL) {
        free(bytes);
        duo_free(&duo);
        SKIP("there is no room for three gigabytes");
    }
    CHECK(duo_handshake(&duo));
    taken = tlsport_channel_write(duo.server, bytes, len);
    CHECK(taken > 0 && taken < 1 << 26);
    CHECK(duo_read(&duo, duo.client, bytes, len) > 0);
    free(bytes);
    duo_free(&duo);
}

static void a_channel_that_was_freed_is_known_as_such(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    tlsport_channel *gone = duo.server;
    char byte;
    CHECK_STATUS(tlsport_channel_read((tlsport_channel *)duo.contexts[0], &byte, 1),
                 TLSPORT_ERROR_USAGE);
    tlsport_channel_free(gone);
    duo.server = NULL;
    CHECK_STATUS(tlsport_channel_read(gone, &byte, 1), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "the channel was freed");
    CHECK_INT(tlsport_channel_wants(gone), 0);
    CHECK_INT(tlsport_channel_has_pending(gone), 0);
    CHECK_NULL(tlsport_channel_ssl(gone), TLSPORT_ERROR_USAGE);
    tlsport_channel_free(gone);
    duo_free(&duo);
}

static void a_channel_goes_on_without_its_context(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    tlsport_context_free(duo.contexts[0]);
    tlsport_context_free(duo.contexts[1]);
    duo.contexts[0] = NULL;
    duo.contexts[1] = NULL;
    CHECK(duo_handshake(&duo));
    duo_send(&duo, duo.client, duo.server, 1000, 1000);
    duo_free(&duo);
}

/* ---- The error queue ---------------------------------------------------------------------- */

static void nothing_of_ours_is_left_in_the_queue(void)
{
    static const struct {
        const char *name, *value;
    } wrong[] = {{"ssl.keyfile", "/dev/null"},         {"ssl.cafile", "/etc/passwd"},
                 {"ssl.cipher-list", "no such one"},   {"ssl.ciphersuites", "no such one"},
                 {"ssl.groups", "no such one"},        {"ssl.conf", "Groups=no such one"},
                 {"ssl.config-section", "no_such_one"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tlsport_settings *settings = tlsport_settings_new();
        REQUIRE_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("server.pem")));
        REQUIRE_OK(tlsport_settings_set(settings, wrong[i].name, wrong[i].value));
        CHECK_NULL(tlsport_context_new(settings), TLSPORT_ERROR_SETTINGS);
        CHECK_INT(ERR_peek_error(), 0);
        CHECK(tlsport_settings_report(settings, TLSPORT_REPORT_TEXT) != NULL);
        CHECK_INT(ERR_peek_error(), 0);
        tlsport_settings_free(settings);
    }
    tlsport_context *context = duo_server_context((struct duo_terms){.protocol = NULL});
    CHECK_INT(ERR_peek_error(), 0);
    tlsport_context_free(context);
    CHECK_NULL(tlsport_ciphers("no such one", NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_INT(ERR_peek_error(), 0);
}

CHECK_MAIN(TEST(what_is_no_stream_socket_is_refused_at_once),
           TEST(a_socket_without_a_peer_says_so_when_it_is_used),
           TEST(a_descriptor_that_was_closed_below_a_channel_is_an_error),
           TEST(the_descriptor_stays_the_callers),
           TEST(an_error_is_told_again_by_every_later_call),
           TEST(a_peer_that_is_gone_raises_no_signal),
           TEST(a_context_for_the_other_side_is_refused),
           TEST(lengths_that_cannot_be_are_refused_and_harm_nothing),
           TEST(lengths_over_int_max_are_taken), TEST(a_channel_that_was_freed_is_known_as_such),
           TEST(a_channel_goes_on_without_its_context),
           TEST(nothing_of_ours_is_left_in_the_queue))
