/* Channels in the caller's own loop, and over blocking sockets: everything but whom one trusts. */
#include "duo.h"

#include <pthread.h>
#include <sys/time.h>

static const char *const VERSIONS[] = {"5", "6"}; /* as "ssl.protocol" has TLS 1.2 and TLS 1.3 */
static const char *const VERSION_NAMES[] = {"TLSv1.2", "TLSv1.3"};

static void a_handshake_is_done_in_both_versions(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i]});
        tlsport_facts facts = {.size = sizeof facts};
        CHECK_STATUS(tlsport_channel_facts(duo.client, &facts), TLSPORT_ERROR_USAGE);
        CHECK_STR(facts.protocol, NULL);
        CHECK(duo_handshake(&duo));
        CHECK_OK(tlsport_channel_handshake(duo.client));
        CHECK_OK(tlsport_channel_facts(duo.server, &facts));
        CHECK_STR(facts.protocol, VERSION_NAMES[i]);
        CHECK_STR(facts.server_name, "localhost");
        CHECK_STR(facts.peer_subject, NULL);
        CHECK_INT(facts.resumed, 0);
        CHECK(facts.bits >= 128);
        CHECK_OK(tlsport_channel_facts(duo.client, &facts));
        CHECK_STR(facts.protocol, VERSION_NAMES[i]);
        CHECK(facts.cipher != NULL && facts.cipher_standard != NULL);
        CHECK_HAS(facts.peer_pem, "-----BEGIN CERTIFICATE-----\n");
        CHECK_STR(facts.peer_verified, "ok");
        duo_free(&duo);
    }
}

static void bytes_arrive_as_they_were_sent_in_pieces_of_every_size(void)
{
    const size_t chunks[] = {1, 7, 16384, 1 << 20};
    const size_t totals[] = {500, 5000, 300000, 3 << 20};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i]});
            /* The handshake is done by writing and reading. */
            duo_send(&duo, duo.client, duo.server, totals[j], chunks[j]);
            duo_send(&duo, duo.server, duo.client, totals[j], chunks[j]);
            duo_free(&duo);
        }
    }
}

static void a_handshake_gets_through_byte_by_byte(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i], .wire = 1});
        int client = TLSPORT_WANT_WRITE;
        int server = TLSPORT_WANT_READ;
        size_t moved = 1;
        while (moved > 0 && (is_want(client) || is_want(server))) {
            client = is_want(client) ? tlsport_channel_handshake(duo.client) : client;
            server = is_want(server) ? tlsport_channel_handshake(duo.server) : server;
            moved = duo_carry(&duo, DUO_TO_SERVER, 1) + duo_carry(&duo, DUO_TO_CLIENT, 1);
        }
        CHECK_INT(client, TLSPORT_OK);
        CHECK_INT(server, TLSPORT_OK);
        duo_free(&duo);
    }
}

/* A socket that takes little is a writer who is told how much, and whose rest is not forgotten. */
static void what_a_full_socket_does_not_take_waits_and_is_told(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = "6"});
    int small = 4096;
    size_t len = 8 << 20;
    unsigned char *bytes = calloc(1, len);
    unsigned char *back = malloc(len);
    ptrdiff_t taken;
    size_t got = 0;
    REQUIRE(bytes != NULL && back != NULL);
    CHECK(duo_handshake(&duo));
    CHECK_INT(setsockopt(duo.server_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    taken = tlsport_channel_write(duo.server, bytes, len);
    CHECK(taken > 0 && taken < (ptrdiff_t)len);
    CHECK_INT(tlsport_channel_wants(duo.server), TLSPORT_WANTS_READ | TLSPORT_WANTS_WRITE);
    CHECK_STATUS(tlsport_channel_write(duo.server, bytes, len), TLSPORT_WANT_WRITE);
    CHECK_STATUS(tlsport_channel_flush(duo.server), TLSPORT_WANT_WRITE);
    CHECK_STATUS(tlsport_channel_close(duo.server), TLSPORT_WANT_WRITE);
    CHECK_STATUS(tlsport_channel_write(duo.server, bytes, 1), TLSPORT_ERROR_USAGE);
    while (got < (size_t)taken) {
        ptrdiff_t more = duo_read(&duo, duo.client, back + got, len - got);
        if (!CHECK(more > 0)) {
            break;
        }
        got += (size_t)more;
    }
    CHECK_INT(got, taken);
    CHECK_MEM(back, bytes, got);
    CHECK_OK(tlsport_channel_close(duo.server));
    CHECK_INT(duo_read(&duo, duo.client, back, 1), 0);
    free(bytes);
    free(back);
    duo_free(&duo);
}

static void each_direction_ends_by_itself(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i]});
        char byte;
        CHECK(duo_handshake(&duo));
        CHECK_OK(tlsport_channel_close(duo.client));
        CHECK_OK(tlsport_channel_close(duo.client));
        CHECK_INT(duo_read(&duo, duo.server, &byte, 1), 0);
        CHECK_INT(tlsport_channel_read(duo.server, &byte, 1), 0);
        CHECK_INT(tlsport_channel_wants(duo.server), 0);
        CHECK_INT(tlsport_channel_wants(duo.client), TLSPORT_WANTS_READ);
        /* What has ended is one direction: the other goes on. */
        duo_send(&duo, duo.server, duo.client, 100000, 5000);
        CHECK_OK(tlsport_channel_close(duo.server));
        CHECK_INT(duo_read(&duo, duo.client, &byte, 1), 0);
        CHECK_INT(tlsport_channel_wants(duo.client), 0);
        CHECK_INT(tlsport_channel_wants(duo.server), 0);
        duo_free(&duo);
    }
}

static void an_end_without_a_close_notify_is_a_cut(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i]});
        char bytes[100];
        CHECK(duo_handshake(&duo));
        CHECK_INT(tlsport_channel_write(duo.client, "last", 4), 4);
        CHECK_INT(shutdown(duo.client_fd, SHUT_WR), 0);
        CHECK_INT(duo_read(&duo, duo.server, bytes, sizeof bytes), 4);
        CHECK_STATUS(tlsport_channel_read(duo.server, bytes, 1), TLSPORT_ERROR_CLOSED);
        CHECK_STR(tlsport_last_error(), "stream cut without a close-notify");
        CHECK_STATUS(tlsport_channel_read(duo.server, bytes, 1), TLSPORT_ERROR_CLOSED);
        CHECK_INT(tlsport_channel_wants(duo.server), 0);
        duo_free(&duo);
    }
}

/*
 * Lets so many bytes of one direction through, then ends it, as whoever pulls a plug in the
 * middle does. Tells how many the whole story has.
 */
static size_t cut_after(const char *version, enum duo_way way, size_t limit)
{
    /* Unlike others, a signature by RSA is always of the same length. */
    struct duo_terms terms = {.protocol = version, .keyfile = "rsa.pem", .wire = 1};
    struct duo duo = duo_new(terms);
    tlsport_channel *speaker = way == DUO_TO_SERVER ? duo.client : duo.server;
    tlsport_channel *hearer = way == DUO_TO_SERVER ? duo.server : duo.client;
    enum duo_way back = way == DUO_TO_SERVER ? DUO_TO_CLIENT : DUO_TO_SERVER;
    int hearers_end = way == DUO_TO_SERVER ? duo.far : duo.near;
    ptrdiff_t said = TLSPORT_WANT_WRITE;
    ptrdiff_t heard = TLSPORT_WANT_READ;
    size_t carried = 0;
    int ended = 0;
    char bytes[64];
    for (int i = 0; i < 100 && is_want(heard); i++) {
        if (is_want(said)) {
            said = tlsport_channel_write(speaker, "story", 5);
        }
        if (said == 5) {
            said = tlsport_channel_close(speaker);
        }
        heard = tlsport_channel_read(hearer, bytes, sizeof bytes);
        if (heard == 5) {
            heard = tlsport_channel_read(hearer, bytes, sizeof bytes);
        }
        carried += duo_carry(&duo, way, limit - carried);
        duo_carry(&duo, back, SIZE_MAX);
        if (carried == limit && !ended) {
            ended = 1;
            CHECK_INT(shutdown(hearers_end, SHUT_WR), 0);
        }
    }
    if (limit == SIZE_MAX || heard == 0) {
        CHECK_INT(heard, 0);
    } else if (!CHECK_STATUS(heard, TLSPORT_ERROR_CLOSED)) {
        printf("    cut after %zu bytes\n", limit);
    }
    duo_free(&duo);
    return heard == 0 ? carried : 0;
}

/* Every record and every message is cut somewhere; only the whole is a clean end. */
static void a_stream_that_is_cut_anywhere_is_never_taken_for_one_that_ended(void)
{
    for (int i = 0; i < 2; i++) {
        for (int way = DUO_TO_SERVER; way <= DUO_TO_CLIENT; way++) {
            size_t whole = cut_after(VERSIONS[i], (enum duo_way)way, SIZE_MAX);
            CHECK(whole > 200);
            for (size_t limit = 0; limit < whole; limit += limit < 12 ? 1 : 41) {
                CHECK_INT(cut_after(VERSIONS[i], (enum duo_way)way, limit), 0);
            }
            CHECK_INT(cut_after(VERSIONS[i], (enum duo_way)way, whole - 1), 0);
        }
    }
}

static void a_cut_in_the_handshake_says_whose_end_it_was(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK_INT(shutdown(duo.client_fd, SHUT_WR), 0);
    CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), "handshake: the client closed the connection");
    duo_free(&duo);
    duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_WANT_READ);
    CHECK_INT(shutdown(duo.server_fd, SHUT_WR), 0);
    CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_ERROR_CLOSED);
    CHECK_STR(tlsport_last_error(), "handshake: the server closed the connection");
    duo_free(&duo);
}

/* A loop that is edge-triggered is told of bytes and of the end behind them at once. */
static void an_end_that_stands_behind_bytes_is_found_by_the_same_call(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i], .wire = 1});
        char byte;
        CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_WANT_READ);
        duo_carry(&duo, DUO_TO_SERVER, SIZE_MAX);
        CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_WANT_READ);
        CHECK_INT(duo_carry(&duo, DUO_TO_CLIENT, 50), 50);
        CHECK_INT(shutdown(duo.near, SHUT_WR), 0);
        CHECK_STATUS(tlsport_channel_read(duo.client, &byte, 1), TLSPORT_ERROR_CLOSED);
        duo_free(&duo);
    }
}

static void a_flipped_bit_is_found_and_the_peer_told(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i], .wire = 1});
        unsigned char record[200];
        ssize_t len;
        char byte;
        CHECK(duo_handshake(&duo));
        /* Tickets of TLS 1.3 are out of the way. */
        CHECK_INT(tlsport_channel_write(duo.server, "x", 1), 1);
        CHECK_INT(duo_read(&duo, duo.client, &byte, 1), 1);
        CHECK_INT(tlsport_channel_write(duo.client, "truth", 5), 5);
        len = recv(duo.near, record, sizeof record, 0);
        REQUIRE(len > 10);
        record[len - 3] ^= 0x10;
        CHECK_INT(send(duo.far, record, (size_t)len, 0), len);
        CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 1), TLSPORT_ERROR_PEER);
        CHECK_STR(tlsport_last_error(), "read: decryption failed or bad record mac");
        CHECK_HAS(tlsport_last_openssl_errors(), "error:");
        CHECK_STATUS(tlsport_channel_write(duo.server, "x", 1), TLSPORT_ERROR_PEER);
        CHECK_STR(tlsport_last_error(), "read: decryption failed or bad record mac");
        CHECK_STATUS(duo_read(&duo, duo.client, &byte, 1), TLSPORT_ERROR_PEER);
        CHECK_HAS(tlsport_last_error(), "read: the server sent ");
        CHECK_HAS(tlsport_last_error(), "alert bad record mac");
        duo_free(&duo);
    }
}

static void what_is_no_tls_is_the_peers_mistake(void)
{
    const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    CHECK(send(duo.client_fd, request, sizeof request - 1, 0) > 0);
    CHECK_STATUS(tlsport_channel_handshake(duo.server), TLSPORT_ERROR_PEER);
    CHECK_STR(tlsport_last_error(), "handshake: http request");
    duo_free(&duo);
}

static void bytes_that_libssl_holds_are_told_of(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i], .wire = 1});
        char bytes[100];
        CHECK_INT(tlsport_channel_has_pending(duo.server), 0);
        CHECK(duo_handshake(&duo));
        CHECK_INT(tlsport_channel_has_pending(duo.server), 0);
        CHECK_INT(tlsport_channel_write(duo.client, "ab", 2), 2);
        CHECK_INT(tlsport_channel_write(duo.client, "cd", 2), 2);
        CHECK_INT(tlsport_channel_write(duo.client, "ef", 2), 2);
        /* Two records and the beginning of a third. */
        CHECK(duo_carry(&duo, DUO_TO_SERVER, 2 * (5 + 2 + 17) + 20) > 60);
        CHECK_INT(tlsport_channel_read(duo.server, bytes, 1), 1);
        CHECK_INT(tlsport_channel_has_pending(duo.server), 1);
        CHECK_INT(tlsport_channel_has_pending(duo.server), 1);
        CHECK_INT(tlsport_channel_read(duo.server, bytes, 1), 1);
        CHECK_INT(tlsport_channel_has_pending(duo.server), 1);
        CHECK_INT(tlsport_channel_read(duo.server, bytes, sizeof bytes), 2);
        /* What is not whole is nothing to be read without the socket. */
        CHECK_INT(tlsport_channel_has_pending(duo.server), 0);
        CHECK_STATUS(tlsport_channel_read(duo.server, bytes, sizeof bytes), TLSPORT_WANT_READ);
        CHECK_INT(duo_read(&duo, duo.server, bytes, sizeof bytes), 2);
        CHECK_MEM(bytes, "ef", 2);
        /* The end as well is something to be read. */
        CHECK_INT(tlsport_channel_write(duo.client, "g", 1), 1);
        CHECK_OK(tlsport_channel_close(duo.client));
        CHECK_INT(duo_read(&duo, duo.server, bytes, sizeof bytes), 1);
        CHECK_INT(tlsport_channel_has_pending(duo.server), 1);
        CHECK_INT(tlsport_channel_read(duo.server, bytes, 1), 0);
        CHECK_INT(tlsport_channel_has_pending(duo.server), 0);
        duo_free(&duo);
    }
}

static void a_channel_that_gives_up_its_handshake_says_no_more(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    char byte;
    CHECK_INT(tlsport_channel_wants(duo.client), TLSPORT_WANTS_READ | TLSPORT_WANTS_WRITE);
    CHECK_INT(tlsport_channel_wants(duo.server), TLSPORT_WANTS_READ);
    CHECK_OK(tlsport_channel_close(duo.client));
    CHECK_INT(tlsport_channel_wants(duo.client), 0);
    CHECK_STATUS(tlsport_channel_handshake(duo.client), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_read(duo.client, &byte, 1), TLSPORT_ERROR_USAGE);
    CHECK_STATUS(tlsport_channel_write(duo.client, "x", 1), TLSPORT_ERROR_USAGE);
    CHECK_OK(tlsport_channel_flush(duo.client));
    duo_free(&duo);
}

static void an_older_and_smaller_facts_struct_is_filled_as_far_as_it_goes(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = "6"});
    tlsport_facts facts;
    unsigned char *bytes = (unsigned char *)&facts;
    size_t known = offsetof(tlsport_facts, peer_serial);
    CHECK(duo_handshake(&duo));
    memset(&facts, 0x55, sizeof facts);
    facts.size = known;
    CHECK_OK(tlsport_channel_facts(duo.client, &facts));
    CHECK_STR(facts.protocol, "TLSv1.3");
    CHECK_HAS(facts.peer_issuer, "CN=");
    for (size_t i = known; i < sizeof facts; i++) {
        CHECK_INT(bytes[i], 0x55);
    }
    for (facts.size = 0; facts.size < 30; facts.size++) {
        CHECK_STATUS(tlsport_channel_facts(duo.client, &facts), TLSPORT_ERROR_USAGE);
    }
    duo_free(&duo);
}

/* ---- Blocking sockets --------------------------------------------------------------------- */

struct reader {
    tlsport_channel *channel;
    size_t received;
    size_t wrong;
    int end;
    int closed;
};

/* Reads slowly until the end, and ends as well. */
static void *read_all(void *arg)
{
    struct reader *reader = arg;
    unsigned char bytes[50000];
    ptrdiff_t got;
    while ((got = tlsport_channel_read(reader->channel, bytes, sizeof bytes)) > 0) {
        for (ptrdiff_t i = 0; i < got; i++) {
            reader->wrong += bytes[i] != duo_byte(reader->received + (size_t)i);
        }
        if ((reader->received + (size_t)got) >> 20 != reader->received >> 20) {
            check_nap();
        }
        reader->received += (size_t)got;
    }
    reader->end = (int)got;
    reader->closed = tlsport_channel_close(reader->channel);
    return NULL;
}

static void over_blocking_sockets_every_call_waits(void)
{
    /* Under valgrind a fiftieth of it takes long enough. */
    size_t total = getenv("LD_PRELOAD") == NULL ? 100u << 20 : 2u << 20;
    unsigned char *bytes = malloc(total);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < total; i++) {
        bytes[i] = duo_byte(i);
    }
    for (int i = 0; i < 2; i++) {
        struct duo duo = duo_new((struct duo_terms){.protocol = VERSIONS[i]});
        struct reader reader = {duo.client, 0, 0, -100, -100};
        pthread_t thread;
        char byte;
        duo_set_blocking(duo.client_fd, 1);
        duo_set_blocking(duo.server_fd, 1);
        CHECK_INT(pthread_create(&thread, NULL, read_all, &reader), 0);
        CHECK_OK(tlsport_channel_handshake(duo.server));
        CHECK_INT(tlsport_channel_write(duo.server, bytes, total), total);
        CHECK_INT(tlsport_channel_wants(duo.server), TLSPORT_WANTS_READ);
        CHECK_OK(tlsport_channel_close(duo.server));
        CHECK_INT(tlsport_channel_read(duo.server, &byte, 1), 0);
        pthread_join(thread, NULL);
        CHECK_INT(reader.received, total);
        CHECK_INT(reader.wrong, 0);
        CHECK_INT(reader.end, 0);
        CHECK_INT(reader.closed, TLSPORT_OK);
        duo_free(&duo);
    }
    free(bytes);
}

static void the_time_limit_of_a_blocking_socket_ends_in_a_want(void)
{
    struct duo duo = duo_new((struct duo_terms){.protocol = NULL});
    struct timeval limit = {0, 50000};
    int64_t begun;
    char byte;
    CHECK(duo_handshake(&duo));
    duo_set_blocking(duo.server_fd, 1);
    CHECK_INT(setsockopt(duo.server_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    begun = check_now_ms();
    CHECK_STATUS(tlsport_channel_read(duo.server, &byte, 1), TLSPORT_WANT_READ);
    CHECK(check_now_ms() - begun >= 50);
    CHECK_INT(tlsport_channel_write(duo.client, "x", 1), 1);
    CHECK_INT(tlsport_channel_read(duo.server, &byte, 1), 1);
    duo_free(&duo);
}

CHECK_MAIN(TEST(a_handshake_is_done_in_both_versions),
           TEST(bytes_arrive_as_they_were_sent_in_pieces_of_every_size),
           TEST(a_handshake_gets_through_byte_by_byte),
           TEST(what_a_full_socket_does_not_take_waits_and_is_told),
           TEST(each_direction_ends_by_itself),
           TEST(an_end_without_a_close_notify_is_a_cut),
           TEST(a_stream_that_is_cut_anywhere_is_never_taken_for_one_that_ended),
           TEST(a_cut_in_the_handshake_says_whose_end_it_was),
           TEST(an_end_that_stands_behind_bytes_is_found_by_the_same_call),
           TEST(a_flipped_bit_is_found_and_the_peer_told),
           TEST(what_is_no_tls_is_the_peers_mistake),
           TEST(bytes_that_libssl_holds_are_told_of),
           TEST(a_channel_that_gives_up_its_handshake_says_no_more),
           TEST(an_older_and_smaller_facts_struct_is_filled_as_far_as_it_goes),
           TEST(over_blocking_sockets_every_call_waits),
           TEST(the_time_limit_of_a_blocking_socket_ends_in_a_want))
