/* The client's side of channels: whom one trusts, what is sent of it, and coming back. */
#include "duo.h"

#include <openssl/ssl.h>

static const char *const VERSIONS[] = {"5", "6"}; /* as "ssl.protocol" has TLS 1.2 and TLS 1.3 */

/* A client that goes away from a server, who hears of it by an alert. */
static void refused(struct duo_terms terms, const char *why, const char *alert)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo;
        int client;
        terms.protocol = VERSIONS[i];
        duo = duo_new(terms);
        client = TLSPORT_WANT_WRITE;
        while (is_want(client)) {
            int server = tlsport_channel_handshake(duo.server);
            if (server != TLSPORT_OK && !CHECK_STATUS(server, TLSPORT_WANT_READ)) {
                break;
            }
            client = tlsport_channel_handshake(duo.client);
        }
        CHECK_STATUS(client, TLSPORT_ERROR_TLS);
        CHECK_HAS(tlsport_last_error(), "handshake: the server's certificate: ");
        CHECK_HAS(tlsport_last_error(), why);
        CHECK_HAS(tlsport_last_openssl_errors(), "certificate verify failed");
        CHECK_INT(tlsport_channel_wants(duo.client), 0);
        CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_ERROR_PEER);
        CHECK_HAS(tlsport_last_error(), "handshake: the client sent ");
        CHECK_HAS(tlsport_last_error(), alert);
        duo_free(&duo);
    }
}

static void accepted(const char *server_name)
{
    for (int i = 0; i < 2; i++) {
        struct duo_terms terms = {.protocol = VERSIONS[i], .server_name = server_name};
        struct duo duo = duo_new(terms);
        if (!CHECK(duo_handshake(&duo))) {
            printf("    as '%s'\n", server_name);
        }
        duo_free(&duo);
    }
}

static void a_server_is_who_its_certificate_says(void)
{
    accepted("localhost");
    accepted("LOCALHOST");
    accepted("localhost.");
    accepted("127.0.0.1");
    accepted("::1");
    accepted("[::1]");
}

static void another_name_or_address_is_refused(void)
{
    refused((struct duo_terms){.server_name = "two.example"}, "hostname mismatch",
            "alert bad certificate");
    refused((struct duo_terms){.keyfile = "two.pem"}, "hostname mismatch",
            "alert bad certificate");
    refused((struct duo_terms){.server_name = "127.0.0.2"}, "IP address mismatch",
            "alert bad certificate");
    refused((struct duo_terms){.server_name = "::2"}, "IP address mismatch",
            "alert bad certificate");
}

static void a_certificate_that_is_over_is_refused(void)
{
    refused((struct duo_terms){.keyfile = "expired.pem"}, "certificate has expired",
            "alert certificate expired");
}

static void a_certificate_of_another_ca_is_refused(void)
{
    refused((struct duo_terms){.cafile = "other/ca.pem"}, "unable to get local issuer certificate",
            "alert unknown ca");
    refused((struct duo_terms){.keyfile = "other/server.pem"},
            "unable to get local issuer certificate", "alert unknown ca");
}

/* ---- What is sent, and what is not looked at ---------------------------------------------- */

static void what_no_certificate_can_be_for_is_refused_at_once(void)
{
    const char *const names[] = {"", ".", "*.example.org", ".example.org", "a b", "a:443", "127.1",
                                 "https://a", "\xff", "fe80::1%lo"};
    tlsport_context *context = duo_client_context((struct duo_terms){.protocol = NULL});
    int ends[2];
    duo_sockets(&ends[0], &ends[1]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_NULL(tlsport_channel_connect(context, ends[0], names[i]), TLSPORT_ERROR_USAGE);
        CHECK_NULL(tlsport_channel_connect_insecure(context, ends[0], names[i]),
                   TLSPORT_ERROR_USAGE);
    }
    CHECK_NULL(tlsport_channel_connect(context, ends[0], "a b"), TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(),
              "tlsport_channel_connect: 'a b' is not a host name or address");
    close(ends[0]);
    close(ends[1]);
    tlsport_context_free(context);
}

static void an_address_is_not_sent_as_a_name(void)
{
    struct duo duo = duo_new((struct duo_terms){.server_name = "127.0.0.1"});
    tlsport_facts facts = {.size = sizeof facts};
    CHECK(duo_handshake(&duo));
    CHECK_OK(tlsport_channel_facts(duo.server, &facts));
    CHECK_STR(facts.server_name, NULL);
    duo_free(&duo);
}

static char warned[256];

static void keep_warning(void *user, int level, const char *line)
{
    (void)user;
    if (level == TLSPORT_LOG_WARN) {
        snprintf(warned, sizeof warned, "%s", line);
    }
}

static void an_insecure_client_takes_whoever_answers_and_is_warned_of(void)
{
    const char *const names[] = {NULL, "nobody.example", "127.0.0.2"};
    const char *const sent[] = {NULL, "nobody.example", NULL};
    for (int i = 0; i < 3; i++) {
        struct duo_terms terms = {.keyfile = "other/server.pem"};
        struct duo duo = duo_new(terms);
        tlsport_facts facts = {.size = sizeof facts};
        warned[0] = '\0';
        tlsport_channel_free(duo.client);
        CHECK_OK(tlsport_log_set(keep_warning, NULL, TLSPORT_LOG_WARN));
        duo.client = tlsport_channel_connect_insecure(duo.contexts[1], duo.client_fd, names[i]);
        CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
        CHECK_HAS(warned, "certificate is not looked at");
        CHECK(duo_handshake(&duo));
        CHECK_OK(tlsport_channel_facts(duo.server, &facts));
        CHECK_STR(facts.server_name, sent[i]);
        CHECK_OK(tlsport_channel_facts(duo.client, &facts));
        CHECK_STR(facts.peer_verified, "unable to get local issuer certificate");
        CHECK_HAS(facts.peer_subject, "CN=");
        duo_free(&duo);
    }
}

/* ---- Certificates of clients -------------------------------------------------------------- */

static struct duo_terms asking(const char *protocol, const char *keyfile)
{
    struct duo_terms terms = {.protocol = protocol,
                               .server = {"ssl.cafile", check_pki("ca.pem")}};
    if (keyfile != NULL) {
        terms.client[0] = "ssl.keyfile";
        terms.client[1] = check_pki(keyfile);
    }
    return terms;
}

static void a_clients_certificate_is_told_to_the_server(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new(asking(VERSIONS[i], "client.pem"));
        tlsport_facts facts = {.size = sizeof facts};
        CHECK(duo_handshake(&duo));
        CHECK_OK(tlsport_channel_facts(duo.server, &facts));
        CHECK_HAS(facts.peer_subject, "CN=");
        CHECK_HAS(facts.peer_not_after, "GMT");
        CHECK_STR(facts.peer_verified, "ok");
        CHECK_HAS(facts.peer_pem, "-----END CERTIFICATE-----\n");
        CHECK(facts.peer_serial != NULL && strlen(facts.peer_serial) > 2);
        duo_free(&duo);
    }
}

/*
 * In TLS 1.3 the client's handshake is done by then, and the server may be gone: still it is
 * the alert that is told, and no broken pipe.
 */
static void a_server_that_refuses_the_client_is_heard(void)
{
    const char *const keyfiles[] = {NULL, "other/client.pem", "expired-client.pem"};
    const char *const alerts[][2] = {
        {"alert handshake failure", "alert certificate required"},
        {"alert unknown ca", "alert unknown ca"},
        {"alert certificate expired", "alert certificate expired"},
    };
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 6; j++) {
            struct duo duo = duo_new(asking(VERSIONS[i], keyfiles[j % 3]));
            ptrdiff_t said = TLSPORT_WANT_WRITE;
            int client;
            int server;
            char byte;
            duo_shake(&duo, &client, &server);
            CHECK_INT(server, TLSPORT_ERROR_TLS);
            tlsport_channel_free(duo.server);
            duo.server = NULL;
            duo_close_fd(&duo.server_fd);
            /* Whether it is by reading or by writing that the client finds out. */
            if (client == TLSPORT_OK) {
                said = j < 3 ? tlsport_channel_read(duo.client, &byte, 1)
                             : tlsport_channel_write(duo.client, "x", 1);
                CHECK_STATUS(said, TLSPORT_ERROR_PEER);
            } else {
                CHECK_INT(client, TLSPORT_ERROR_PEER);
                CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_ERROR_PEER);
            }
            CHECK_HAS(tlsport_last_error(), ": the server sent ");
            CHECK_HAS(tlsport_last_error(), alerts[j % 3][i]);
            duo_free(&duo);
        }
    }
}

/* ---- Agreements --------------------------------------------------------------------------- */

static void a_session_is_resumed_and_the_facts_say_so(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo_terms terms = {.protocol = VERSIONS[i]};
        tlsport_context *server = duo_server_context(terms);
        tlsport_context *client = duo_client_context(terms);
        SSL_SESSION *session = NULL;
        for (int round = 0; round < 2; round++) {
            struct duo duo = duo_over(server, client, terms);
            SSL *ssl = tlsport_channel_ssl(duo.client);
            tlsport_facts facts = {.size = sizeof facts};
            char byte;
            if (session != NULL) {
                CHECK_INT(SSL_set_session(ssl, session), 1);
            }
            CHECK(duo_handshake(&duo));
            /* What the server says first comes behind its tickets. */
            CHECK_INT(tlsport_channel_write(duo.server, "x", 1), 1);
            CHECK_INT(duo_read(&duo, duo.client, &byte, 1), 1);
            CHECK_OK(tlsport_channel_facts(duo.client, &facts));
            CHECK_INT(facts.resumed, round);
            CHECK_OK(tlsport_channel_facts(duo.server, &facts));
            CHECK_INT(facts.resumed, round);
            CHECK_OK(tlsport_channel_close(duo.client));
            CHECK_INT(duo_read(&duo, duo.server, &byte, 1), 0);
            SSL_SESSION_free(session);
            session = SSL_get1_session(ssl);
            duo_free(&duo);
        }
        SSL_SESSION_free(session);
        tlsport_context_free(server);
        tlsport_context_free(client);
    }
}

static void the_protocol_above_is_agreed_on(void)
{
    struct duo_terms terms = {.server = {"ssl.alpn", "h2,http/1.1"},
                               .client = {"ssl.alpn", "http/1.1"}};
    struct duo duo = duo_new(terms);
    tlsport_facts facts = {.size = sizeof facts};
    CHECK(duo_handshake(&duo));
    CHECK_OK(tlsport_channel_facts(duo.client, &facts));
    CHECK_STR(facts.alpn, "http/1.1");
    CHECK_OK(tlsport_channel_facts(duo.server, &facts));
    CHECK_STR(facts.alpn, "http/1.1");
    duo_free(&duo);
}

static void sides_without_a_version_in_common_part_with_an_alert(void)
{
    struct duo_terms terms = {.server = {"ssl.protocol", "6"}, .client = {"ssl.protocol", "5"}};
    struct duo duo = duo_new(terms);
    int client;
    int server;
    duo_shake(&duo, &client, &server);
    CHECK_INT(server, TLSPORT_ERROR_TLS);
    CHECK_INT(client, TLSPORT_ERROR_PEER);
    CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_ERROR_PEER);
    CHECK_HAS(tlsport_last_error(), "the server sent tlsv1 alert protocol version");
    CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_ERROR_TLS);
    CHECK_HAS(tlsport_last_error(), "unsupported protocol");
    duo_free(&duo);
}

static void a_server_that_speaks_no_tls_is_told_of(void)
{
    const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK(send(duo.server_fd, answer, sizeof answer - 1, 0) > 0);
    CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_ERROR_PEER);
    CHECK_STR(tlsport_last_error(), "handshake: wrong version number");
    duo_free(&duo);
}

CHECK_MAIN(TEST(a_server_is_who_its_certificate_says), TEST(another_name_or_address_is_refused),
           TEST(a_certificate_that_is_over_is_refused),
           TEST(a_certificate_of_another_ca_is_refused),
           TEST(what_no_certificate_can_be_for_is_refused_at_once),
           TEST(an_address_is_not_sent_as_a_name),
           TEST(an_insecure_client_takes_whoever_answers_and_is_warned_of),
           TEST(a_clients_certificate_is_told_to_the_server),
           TEST(a_server_that_refuses_the_client_is_heard),
           TEST(a_session_is_resumed_and_the_facts_say_so),
           TEST(the_protocol_above_is_agreed_on),
           TEST(sides_without_a_version_in_common_part_with_an_alert),
           TEST(a_server_that_speaks_no_tls_is_told_of))
