/* Contexts of ours: what they are made of, what is refused, and their SSL_CTX in use. */
#include "pair.h"

#include <pthread.h>

static tlsport_settings *server_settings(const char *file)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki(file)));
    return settings;
}

/* A server's context, whose settings are gone. */
static tlsport_context *server(const char *file)
{
    tlsport_settings *settings = server_settings(file);
    tlsport_context *context = tlsport_context_new(settings);
    if (!CHECK(context != NULL)) {
        check_say_last_error();
        exit(1);
    }
    tlsport_settings_free(settings);
    return context;
}

static void a_server_is_met_by_a_client_of_libssl(void)
{
    tlsport_context *context = server("server.pem");
    SSL_CTX *client = pair_client();
    CHECK_STR(pair_meet(client, tlsport_context_ssl_ctx(context)), NULL);
    SSL_CTX_set_min_proto_version(client, TLS1_3_VERSION);
    CHECK_HAS(pair_meet(client, tlsport_context_ssl_ctx(context)), "server: ");
    SSL_CTX_free(client);
    tlsport_context_free(context);
}

static void a_server_needs_a_keyfile(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_NULL(tlsport_context_new(settings), TLSPORT_ERROR_SETTINGS);
    CHECK_STR(tlsport_last_error(), "no value specified for '--ssl.keyfile'");
    tlsport_settings_free(settings);
}

static void everything_that_is_wrong_is_a_line(void)
{
    tlsport_settings *settings = server_settings("garbage.pem");
    CHECK_OK(tlsport_settings_set(settings, "ssl.cipher-list", "nothing-like-it"));
    CHECK_OK(tlsport_settings_set(settings, "ssl.verify-client", "require"));
    CHECK_NULL(tlsport_context_new(settings), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "cannot read certificate from '");
    CHECK_HAS(tlsport_last_error(), "\ncannot set SSL cipher list 'nothing-like-it': error:");
    CHECK_HAS(tlsport_last_error(), "'ssl.verify-client': no certificate can be verified without "
                                    "the CAs of 'ssl.cafile'");
    CHECK_HAS(tlsport_last_openssl_errors(), "PEM routines");
    CHECK_HAS(tlsport_last_openssl_errors(), "\nerror:");
    tlsport_settings_free(settings);
}

static void a_client_trusts_the_cas_it_was_given(void)
{
    tlsport_context *near = server("server.pem"), *strange = server("other/server.pem");
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", check_pki("ca.pem")));
    tlsport_context *context = tlsport_context_new_client(settings);
    REQUIRE(context != NULL);
    SSL_CTX *client = tlsport_context_ssl_ctx(context);
    CHECK_STR(pair_meet(client, tlsport_context_ssl_ctx(near)), NULL);
    CHECK_STR(pair_meet(client, tlsport_context_ssl_ctx(strange)),
              "client: certificate verify failed");
    tlsport_context_free(context);
    tlsport_context_free(strange);
    tlsport_context_free(near);
    tlsport_settings_free(settings);
}

static void a_client_that_was_given_none_trusts_the_systems(void)
{
    tlsport_context *near = server("server.pem");
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_context *before = tlsport_context_new_client(settings);
    setenv("SSL_CERT_FILE", check_pki("ca.pem"), 1);
    tlsport_context *after = tlsport_context_new_client(settings);
    unsetenv("SSL_CERT_FILE");
    REQUIRE(before != NULL && after != NULL);
    CHECK_STR(pair_meet(tlsport_context_ssl_ctx(before), tlsport_context_ssl_ctx(near)),
              "client: certificate verify failed");
    CHECK_STR(pair_meet(tlsport_context_ssl_ctx(after), tlsport_context_ssl_ctx(near)), NULL);
    tlsport_context_free(after);
    tlsport_context_free(before);
    tlsport_context_free(near);
    tlsport_settings_free(settings);
}

static void a_client_takes_what_was_set_and_none_of_a_servers_defaults(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
    tlsport_context *context = tlsport_context_new_client(settings);
    REQUIRE(context != NULL && plain != NULL);
    SSL_CTX *ssl_ctx = tlsport_context_ssl_ctx(context);
    CHECK_BITS(SSL_CTX_get_options(ssl_ctx), SSL_CTX_get_options(plain));
    CHECK_INT(SSL_CTX_get_min_proto_version(ssl_ctx), SSL_CTX_get_min_proto_version(plain));
    CHECK_INT(SSL_CTX_get_max_proto_version(ssl_ctx), SSL_CTX_get_max_proto_version(plain));
    CHECK_INT(SSL_CTX_get_verify_mode(ssl_ctx), SSL_VERIFY_PEER);
    tlsport_context_free(context);
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "6"));
    CHECK_OK(tlsport_settings_set(settings, "ssl.options", "NO_TICKET"));
    context = tlsport_context_new_client(settings);
    REQUIRE(context != NULL);
    ssl_ctx = tlsport_context_ssl_ctx(context);
    CHECK_INT(SSL_CTX_get_min_proto_version(ssl_ctx), TLS1_3_VERSION);
    CHECK_BITS(SSL_CTX_get_options(ssl_ctx) & SSL_OP_NO_TICKET, SSL_OP_NO_TICKET);
    tlsport_context_free(context);
    SSL_CTX_free(plain);
    tlsport_settings_free(settings);
}

static void a_clients_certificate_is_asked_for_and_shown(void)
{
    tlsport_settings *settings = server_settings("server.pem");
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", check_pki("ca.pem")));
    tlsport_context *near = tlsport_context_new(settings);
    tlsport_context *without, *with;
    tlsport_settings_free(settings);
    settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.cafile", check_pki("ca.pem")));
    without = tlsport_context_new_client(settings);
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("client.pem")));
    with = tlsport_context_new_client(settings);
    REQUIRE(near != NULL && without != NULL && with != NULL);
    CHECK_STR(pair_meet(tlsport_context_ssl_ctx(without), tlsport_context_ssl_ctx(near)),
              "server: peer did not return a certificate");
    CHECK_STR(pair_meet(tlsport_context_ssl_ctx(with), tlsport_context_ssl_ctx(near)), NULL);
    tlsport_context_free(with);
    tlsport_context_free(without);
    tlsport_context_free(near);
    tlsport_settings_free(settings);
}

static void what_was_made_of_a_context_goes_on_without_it(void)
{
    tlsport_context *context = server("server.pem");
    SSL_CTX *client = pair_client();
    struct pair pair = pair_new(client, tlsport_context_ssl_ctx(context));
    tlsport_context_free(context);
    CHECK_NULL(tlsport_context_ssl_ctx(context), TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(),
              "tlsport_context_ssl_ctx: the context was freed, or is something else");
    CHECK_STR(pair_shake(&pair), NULL);
    pair_free(&pair);
    SSL_CTX_free(client);
}

static void *meet_often(void *context)
{
    SSL_CTX *client = pair_client();
    const char *said = NULL;
    for (int i = 0; i < 20 && said == NULL; i++) {
        said = pair_meet(client, tlsport_context_ssl_ctx(context));
    }
    SSL_CTX_free(client);
    return (void *)(said == NULL ? context : NULL);
}

static void threads_share_a_context(void)
{
    tlsport_context *context = server("server.pem");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, meet_often, context) == 0);
    }
    for (int i = 0; i < 4; i++) {
        void *fine;
        pthread_join(threads[i], &fine);
        CHECK(fine == context);
    }
    tlsport_context_free(context);
}

static int warnings;

static void count_warnings(void *user, int level, const char *line)
{
    (void)user;
    if (level == TLSPORT_LOG_WARN && strstr(line, "'ssl.security-level': '0' lets in") != NULL) {
        __sync_fetch_and_add(&warnings, 1);
    }
}

static void a_policy_that_is_weaker_than_it_looks_is_logged(void)
{
    tlsport_settings *settings = server_settings("server.pem");
    CHECK_OK(tlsport_settings_set(settings, "ssl.security-level", "0"));
    REQUIRE_OK(tlsport_log_set(count_warnings, NULL, TLSPORT_LOG_WARN));
    tlsport_context *context = tlsport_context_new(settings);
    REQUIRE_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
    CHECK_INT(warnings, 1);
    tlsport_context_free(context);
    tlsport_settings_free(settings);
}

static void another_type_of_handle_is_refused(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    void *wrong = settings;
    CHECK_NULL(tlsport_context_ssl_ctx(wrong), TLSPORT_ERROR_USAGE);
    tlsport_context_free(wrong);
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    tlsport_settings_free(settings);
}

CHECK_MAIN(TEST(a_server_is_met_by_a_client_of_libssl),
           TEST(a_server_needs_a_keyfile),
           TEST(everything_that_is_wrong_is_a_line),
           TEST(a_client_trusts_the_cas_it_was_given),
           TEST(a_client_that_was_given_none_trusts_the_systems),
           TEST(a_client_takes_what_was_set_and_none_of_a_servers_defaults),
           TEST(a_clients_certificate_is_asked_for_and_shown),
           TEST(what_was_made_of_a_context_goes_on_without_it),
           TEST(threads_share_a_context),
           TEST(a_policy_that_is_weaker_than_it_looks_is_logged),
           TEST(another_type_of_handle_is_refused))
