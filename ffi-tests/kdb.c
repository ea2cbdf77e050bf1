/* What is told of connections as kdb+ tells it, and certificates as kdb+ takes them. */
#include "duo.h"

static struct duo_terms asking(const char *keyfile)
{
    struct duo_terms terms = {.server = {"ssl.cafile", check_pki("ca.pem"), "ssl.verify-client",
                                         "request"}};
    if (keyfile != NULL) {
        terms.client[0] = "ssl.keyfile";
        terms.client[1] = check_pki(keyfile);
    }
    return terms;
}

static void the_oldest_form_is_two_lines(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = "6"});
    CHECK(tlsport_channel_kdb_facts(duo.client, TLSPORT_KDB_CURRENT) == NULL);
    CHECK_INT(tlsport_last_status(), TLSPORT_ERROR_USAGE);
    CHECK(duo_handshake(&duo));
    CHECK_HAS(tlsport_channel_kdb_facts(duo.client, TLSPORT_KDB_CURRENT),
              "CURRENT_CIPHER   | TLS_");
    CHECK_HAS(tlsport_channel_kdb_facts(duo.client, TLSPORT_KDB_CURRENT),
              "\nCURRENT_PROTOCOL | TLSv1.3");
    duo_free(&duo);
}

static void newer_forms_have_the_certificates_of_the_peer_and_of_ours(void)
{
    struct duo duo = duo_new(asking(NULL));
    tlsport_facts facts = {.size = sizeof facts};
    char expected[1024];
    CHECK(duo_handshake(&duo));
    CHECK_OK(tlsport_channel_facts(duo.client, &facts));
    CHECK_INT(facts.peer_verify_error, 0);
    snprintf(expected, sizeof expected,
             "\nPROTOCOL| `TLSv1.3\nCERT    | `SUBJECT`ISSUER`SERIALNUMBER`NOTVALIDBEFORE"
             "`NOTVALIDAFTER`VERIFIED`VERIFYERROR!(\"%s\";\"%s\";",
             facts.peer_subject_one_line, facts.peer_issuer_one_line);
    CHECK_HAS(tlsport_channel_kdb_facts(duo.client, TLSPORT_KDB_CERT), expected);
    CHECK_HAS(tlsport_channel_kdb_facts(duo.client, TLSPORT_KDB_CERT), " GMT\";1b;0)");

    /* The client has shown none, and the server has what it was seen with. */
    CHECK(strstr(tlsport_channel_kdb_facts(duo.server, TLSPORT_KDB_CERT), "CERT") == NULL);
    snprintf(expected, sizeof expected,
             "\nLOCAL_CERT| `SUBJECT`ISSUER`SERIALNUMBER`NOTVALIDBEFORE`NOTVALIDAFTER!(\"%s\";",
             facts.peer_subject_one_line);
    CHECK_HAS(tlsport_channel_kdb_facts(duo.server, TLSPORT_KDB_LOCAL_CERT), expected);
    duo_free(&duo);
}

static void a_form_that_there_is_not_is_refused(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK(duo_handshake(&duo));
    for (int form = -1; form < 5; form += 4) {
        CHECK(tlsport_channel_kdb_facts(duo.client, form) == NULL);
        CHECK_INT(tlsport_last_status(), TLSPORT_ERROR_USAGE);
    }
    CHECK_HAS(tlsport_last_error(), "3 is no form of kdb+'s facts");
    duo_free(&duo);
}

static char warned[512];

static void keep_warning(void *user, int level, const char *line)
{
    (void)user;
    if (level == TLSPORT_LOG_WARN) {
        snprintf(warned, sizeof warned, "%s", line);
    }
}

static void an_expired_certificate_is_accepted_where_that_is_asked_for(void)
{
    struct duo_terms terms = asking("expired-client.pem");
    struct duo duo = duo_new(terms);
    tlsport_facts facts = {.size = sizeof facts};
    int client;
    int server;
    duo_shake(&duo, &client, &server);
    CHECK_INT(server, TLSPORT_ERROR_TLS);
    duo_free(&duo);

    terms.server[4] = "kdb-accept-expired";
    terms.server[5] = "true";
    duo = duo_new(terms);
    CHECK_OK(tlsport_log_set(keep_warning, NULL, TLSPORT_LOG_WARN));
    CHECK(duo_handshake(&duo));
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
    CHECK_HAS(warned, "accepted a certificate that has expired");
    CHECK_OK(tlsport_channel_facts(duo.server, &facts));
    CHECK_INT(facts.peer_verify_error, 10);
    CHECK_STR(facts.peer_verified, "certificate has expired");
    CHECK_HAS(tlsport_channel_kdb_facts(duo.server, TLSPORT_KDB_CERT), ";0b;10)");
    duo_free(&duo);
}

static void a_certificate_that_is_asked_for_alone_may_be_anybodys(void)
{
    struct duo_terms terms = asking("other/client.pem");
    struct duo duo;
    tlsport_facts facts = {.size = sizeof facts};
    terms.server[3] = "request-unverified";
    duo = duo_new(terms);
    CHECK(duo_handshake(&duo));
    CHECK_OK(tlsport_channel_facts(duo.server, &facts));
    CHECK_INT(facts.peer_verify_error, 20);
    CHECK_HAS(facts.peer_subject_one_line, "/CN=");
    CHECK_HAS(tlsport_channel_kdb_facts(duo.server, TLSPORT_KDB_CERT), ";0b;20)");
    duo_free(&duo);
}

CHECK_MAIN(TEST(the_oldest_form_is_two_lines),
           TEST(newer_forms_have_the_certificates_of_the_peer_and_of_ours),
           TEST(a_form_that_there_is_not_is_refused),
           TEST(an_expired_certificate_is_accepted_where_that_is_asked_for),
           TEST(a_certificate_that_is_asked_for_alone_may_be_anybodys))
