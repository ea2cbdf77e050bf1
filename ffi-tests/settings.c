/* Settings: set, added to, loaded, read back, reported; and what may be said in them. */
#include "check.h"

#include <pthread.h>

static tlsport_settings *with(const char *name, const char *value)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, name, value));
    return settings;
}

static void a_setting_is_read_back_by_any_of_its_names(void)
{
    tlsport_settings *settings = with("ssl.cipher-list", "HIGH:!aNULL");
    CHECK_STR(tlsport_settings_get(settings, "ssl.cipher-list"), "HIGH:!aNULL");
    CHECK_STR(tlsport_settings_get(settings, "server.ssl-cipher-list"), "HIGH:!aNULL");
    CHECK_STR(tlsport_settings_get(settings, "ssl.cafile"), "");
    CHECK_OK(tlsport_last_status());
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "5");
    tlsport_settings_free(settings);
}

static void setting_replaces_and_adding_adds(void)
{
    tlsport_settings *settings = with("ssl.keyfile", "a.pem");
    CHECK_OK(tlsport_settings_add(settings, "ssl.keyfile", "b.pem"));
    CHECK_STR(tlsport_settings_get(settings, "ssl.keyfile"), "a.pem\nb.pem");
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", "c.pem"));
    CHECK_STR(tlsport_settings_get(settings, "ssl.keyfile"), "c.pem");
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "6"));
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "9");
    CHECK_STATUS(tlsport_settings_add(settings, "ssl.protocol", "5"), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "'ssl.protocol' takes one value");
    tlsport_settings_free(settings);
}

static void a_wrong_value_is_refused_at_once_and_changes_nothing(void)
{
    tlsport_settings *settings = with("ssl.cafile-mode", "original");
    CHECK_STATUS(tlsport_settings_set(settings, "ssl.cafile-mode", "maybe"),
                 TLSPORT_ERROR_SETTINGS);
    CHECK_STR(tlsport_last_error(),
              "'ssl.cafile-mode': 'maybe' is not one of require, request, original");
    CHECK_STR(tlsport_settings_get(settings, "ssl.cafile-mode"), "original");
    CHECK_STATUS(tlsport_settings_set(settings, "ssl.kefyile", "x"), TLSPORT_ERROR_SETTINGS);
    CHECK_STR(tlsport_last_error(),
              "unknown option 'ssl.kefyile': did you mean 'ssl.keyfile'?");
    CHECK_NULL(tlsport_settings_get(settings, "ssl.kefyile"), TLSPORT_ERROR_SETTINGS);
    CHECK_STATUS(tlsport_settings_set(settings, "ssl.alpn", "\xff"), TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(), "tlsport_settings_set: 'value' is not UTF-8");
    tlsport_settings_free(settings);
}

static const char configuration[] = "# a comment\n"
                                    "[server]\n"
                                    "endpoint = ssl://127.0.0.1:8530\n"
                                    "[ssl]\n"
                                    "protocol = 6\n"
                                    "session-cache = true\n"
                                    "[database]\n"
                                    "directory = /somewhere\n";

static void a_file_is_loaded_over_what_was_set(void)
{
    const char *path = check_write("arangod.conf", configuration);
    tlsport_settings *settings = with("ssl.protocol", "9");
    REQUIRE_OK(tlsport_settings_load(settings, NULL, path));
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "6");
    CHECK_STR(tlsport_settings_get(settings, "ssl.session-cache"), "true");
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "5"));
    REQUIRE_OK(tlsport_settings_load(settings, "arangodb", path));
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "6");
    CHECK_HAS(tlsport_settings_report(settings, TLSPORT_REPORT_TEXT), "arangod.conf:5");
    tlsport_settings_free(settings);
}

static void a_file_of_another_system_brings_its_defaults(void)
{
    const char *path = check_write("postgresql.conf", "ssl = on\nssl_ciphers = 'HIGH'\n"
                                                      "tlsport.threads = 2\nwork_mem = 4MB\n");
    tlsport_settings *settings = with("ssl.groups", "X25519");
    REQUIRE_OK(tlsport_settings_load(settings, NULL, path));
    CHECK_STR(tlsport_settings_get(settings, "ssl.cipher-list"), "HIGH");
    CHECK_STR(tlsport_settings_get(settings, "threads"), "2");
    CHECK_STR(tlsport_settings_get(settings, "ssl.groups"), "X25519");
    CHECK_STR(tlsport_settings_get(settings, "ssl.alpn"), "postgresql");
    CHECK_STR(tlsport_settings_get(settings, "ssl.min-protocol"), "TLSv1.2");
    CHECK_HAS(tlsport_settings_get(settings, "server.endpoint"), "postgres://127.0.0.1:5432");
    tlsport_settings_free(settings);
}

static void every_mistake_of_a_file_is_a_line_and_nothing_is_taken(void)
{
    const char *path = check_write("wrong.conf", "[ssl]\nprotocol = 77\nkefyile = a\n"
                                                 "session-cache = true\noptions = 0x1x\n");
    tlsport_settings *settings = with("ssl.protocol", "9");
    CHECK_STATUS(tlsport_settings_load(settings, "arangodb", path), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "wrong.conf:2: 'ssl.protocol': '77'");
    CHECK_HAS(tlsport_last_error(), "wrong.conf:3: unknown option 'ssl.kefyile'");
    CHECK_HAS(tlsport_last_error(), "wrong.conf:5: 'ssl.options'");
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "9");
    CHECK_STR(tlsport_settings_get(settings, "ssl.session-cache"), "false");
    tlsport_settings_free(settings);
}

static void a_file_that_cannot_be_read_is_named(void)
{
    const char *path = check_write("odd.txt", "hello\n");
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_STATUS(tlsport_settings_load(settings, NULL, "/nonexistent/arangod.conf"),
                 TLSPORT_ERROR_IO);
    CHECK_STR(tlsport_last_error(), "cannot read configuration '/nonexistent/arangod.conf': "
                                    "no such file or directory");
    CHECK_STATUS(tlsport_settings_load(settings, NULL, "/"), TLSPORT_ERROR_IO);
    CHECK_HAS(tlsport_last_error(), "is a directory");
    CHECK_STATUS(tlsport_settings_load(settings, NULL, ""), TLSPORT_ERROR_IO);
    CHECK_STATUS(tlsport_settings_load(settings, NULL, path), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "cannot tell its dialect: name it, one of arangodb, krakend, manticore, postgresql");
    CHECK_STATUS(tlsport_settings_load(settings, "horse", path), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "the dialect 'horse' is not one of arangodb, kdb, krakend, manticore, postgresql");
    tlsport_settings_free(settings);
}

static void a_dialect_without_a_file_is_read_from_the_environment(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    REQUIRE(setenv("KX_SSL_CIPHER_LIST", "HIGH", 1) == 0);
    REQUIRE(setenv("SSL_VERIFY_CLIENT", "IFPRESENT", 1) == 0);
    REQUIRE_OK(tlsport_settings_load(settings, "kdb", NULL));
    CHECK_STR(tlsport_settings_get(settings, "ssl.cipher-list"), "HIGH");
    CHECK_STR(tlsport_settings_get(settings, "backend.cipher-list"), "HIGH");
    CHECK_STR(tlsport_settings_get(settings, "ssl.verify-client"), "request");
    CHECK_STR(tlsport_settings_get(settings, "kdb-accept-expired"), "true");
    CHECK_HAS(tlsport_settings_report(settings, TLSPORT_REPORT_TEXT), "SSL_VERIFY_CLIENT| IFPRESENT");
    REQUIRE(setenv("SSL_VERIFY_CLIENT", "perhaps", 1) == 0);
    CHECK_STATUS(tlsport_settings_load(settings, "kdb", NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_STR(tlsport_last_error(), "environment variable SSL_VERIFY_CLIENT: 'perhaps' is not one of NO, YES, "
                                    "REQUESTONLY, IFPRESENT");
    CHECK_STATUS(tlsport_settings_load(settings, "kdb", "kdb.conf"), TLSPORT_ERROR_SETTINGS);
    CHECK_STATUS(tlsport_settings_load(settings, "postgresql", NULL), TLSPORT_ERROR_USAGE);
    REQUIRE(unsetenv("KX_SSL_CIPHER_LIST") == 0);
    REQUIRE(unsetenv("SSL_VERIFY_CLIENT") == 0);
    tlsport_settings_free(settings);
}

static void a_path_is_bytes(void)
{
    const char *path = check_write("\xff.conf", configuration);
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_load(settings, "arangodb", path));
    tlsport_settings_free(settings);
}

static void a_copy_is_changed_apart(void)
{
    tlsport_settings *settings = with("ssl.protocol", "6");
    tlsport_settings *copy = tlsport_settings_copy(settings);
    CHECK_OK(tlsport_settings_set(copy, "ssl.protocol", "9"));
    CHECK_STR(tlsport_settings_get(settings, "ssl.protocol"), "6");
    tlsport_settings_free(settings);
    CHECK_STR(tlsport_settings_get(copy, "ssl.protocol"), "9");
    tlsport_settings_free(copy);
}

static void a_freed_handle_is_refused_and_freeing_it_again_does_nothing(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    tlsport_settings_free(settings);
    CHECK_STATUS(tlsport_settings_set(settings, "ssl.protocol", "9"), TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(),
              "tlsport_settings_set: the settings handle was freed, or is something else");
    tlsport_settings_free(settings);
    tlsport_settings_free(NULL);
}

static void a_report_has_what_libssl_makes_of_the_settings(void)
{
    tlsport_settings *settings = with("ssl.keyfile", check_pki("server.pem"));
    const char *text = tlsport_settings_report(settings, TLSPORT_REPORT_TEXT);
    CHECK_OK(tlsport_last_status());
    CHECK_HAS(text, "ssl.protocol");
    CHECK_HAS(text, "What OpenSSL makes of it");
    CHECK_HAS(text, tlsport_openssl_version());
    const char *json = tlsport_settings_report(settings, TLSPORT_REPORT_JSON);
    CHECK_HAS(json, "\"min_protocol\": \"TLSv1.2\"");
    CHECK_HAS(json, "\"notes\": []");
    CHECK_NULL(tlsport_settings_report(settings, 2), TLSPORT_ERROR_USAGE);
    CHECK_NULL(tlsport_settings_report(settings, -1), TLSPORT_ERROR_USAGE);
    tlsport_settings_free(settings);
}

static void a_report_of_wrong_settings_tells_what_can_be_told(void)
{
    tlsport_settings *settings = with("ssl.cipher-list", "nothing-like-it");
    const char *json = tlsport_settings_report(settings, TLSPORT_REPORT_JSON);
    CHECK_INT(tlsport_last_status(), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(json, "\"openssl\": null");
    CHECK_HAS(json, "\"value\": \"nothing-like-it\"");
    CHECK_HAS(tlsport_last_error(), "cannot set SSL cipher list 'nothing-like-it'");
    CHECK_HAS(tlsport_last_openssl_errors(), "no cipher match");
    tlsport_settings_free(settings);
}

static int stop;

static void *report_until_stopped(void *settings)
{
    while (!__sync_fetch_and_add(&stop, 0)) {
        (void)tlsport_settings_report(settings, TLSPORT_REPORT_TEXT);
    }
    return NULL;
}

static void a_second_thread_is_refused_meanwhile(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, report_until_stopped, settings) == 0);
    CHECK_SOON(tlsport_settings_set(settings, "ssl.protocol", "9") == TLSPORT_ERROR_USAGE);
    CHECK_STR(tlsport_last_error(),
              "tlsport_settings_set: the settings handle is in use by another call");
    __sync_fetch_and_add(&stop, 1);
    pthread_join(thread, NULL);
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    tlsport_settings_free(settings);
}

static void dialects_and_options_are_counted_from_zero(void)
{
    size_t number = 0;
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_STR(tlsport_dialect_name(0), "arangodb");
    CHECK_STR(tlsport_dialect_name(1), "kdb");
    CHECK_STR(tlsport_dialect_name(2), "krakend");
    CHECK_STR(tlsport_dialect_name(3), "manticore");
    CHECK_STR(tlsport_dialect_name(4), "postgresql");
    CHECK(tlsport_dialect_name(5) == NULL);
    for (; tlsport_option_name(number) != NULL; number++) {
        CHECK(tlsport_settings_get(settings, tlsport_option_name(number)) != NULL);
    }
    CHECK(number > 30);
    CHECK(tlsport_option_name((size_t)-1) == NULL);
    CHECK(tlsport_dialect_name((size_t)-1) == NULL);
    tlsport_settings_free(settings);
}

static void a_cipher_string_comes_to_what_libssl_makes_of_it(void)
{
    const char *list = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
    CHECK_STR(tlsport_ciphers(list, ""), list);
    CHECK_OK(tlsport_last_status());
    CHECK_HAS(tlsport_ciphers(list, "TLS_AES_128_GCM_SHA256"), "TLS_AES_128_GCM_SHA256:ECDHE-");
    CHECK_HAS(tlsport_ciphers(NULL, NULL), "TLS_AES_256_GCM_SHA384");
    CHECK_NULL(tlsport_ciphers("nothing-like-it", NULL), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_openssl_errors(), ":no cipher match");
    CHECK_NULL(tlsport_ciphers(NULL, "nothing-like-it"), TLSPORT_ERROR_SETTINGS);
}

static void a_mask_is_read_and_written(void)
{
    uint64_t bits = 7;
    REQUIRE_OK(tlsport_options_parse("0x4000|SSL_OP_NO_TLSv1, NO_SSLv3", &bits));
    CHECK_BITS(bits, 0x4000 | 0x04000000 | 0x02000000);
    CHECK_STR(tlsport_options_names(bits), "SSL_OP_NO_TICKET|SSL_OP_NO_SSLv3|SSL_OP_NO_TLSv1");
    CHECK_STR(tlsport_options_names(0), "");
    bits = 7;
    CHECK_STATUS(tlsport_options_parse("NO_HORSE", &bits), TLSPORT_ERROR_SETTINGS);
    CHECK_BITS(bits, 7);
}

static void every_bit_survives_its_name(void)
{
    for (int bit = 0; bit < 64; bit++) {
        uint64_t back = 0;
        CHECK_OK(tlsport_options_parse(tlsport_options_names(UINT64_C(1) << bit), &back));
        CHECK_BITS(back, UINT64_C(1) << bit);
    }
    uint64_t all = 0;
    CHECK_OK(tlsport_options_parse(tlsport_options_names(UINT64_MAX), &all));
    CHECK_BITS(all, UINT64_MAX);
}

CHECK_MAIN(TEST(a_setting_is_read_back_by_any_of_its_names),
           TEST(setting_replaces_and_adding_adds),
           TEST(a_wrong_value_is_refused_at_once_and_changes_nothing),
           TEST(a_file_is_loaded_over_what_was_set),
           TEST(a_file_of_another_system_brings_its_defaults),
           TEST(every_mistake_of_a_file_is_a_line_and_nothing_is_taken),
           TEST(a_file_that_cannot_be_read_is_named),
           TEST(a_dialect_without_a_file_is_read_from_the_environment),
           TEST(a_path_is_bytes),
           TEST(a_copy_is_changed_apart),
           TEST(a_freed_handle_is_refused_and_freeing_it_again_does_nothing),
           TEST(a_report_has_what_libssl_makes_of_the_settings),
           TEST(a_report_of_wrong_settings_tells_what_can_be_told),
           TEST(a_second_thread_is_refused_meanwhile),
           TEST(dialects_and_options_are_counted_from_zero),
           TEST(a_cipher_string_comes_to_what_libssl_makes_of_it),
           TEST(a_mask_is_read_and_written),
           TEST(every_bit_survives_its_name))
