/* A policy put onto an SSL_CTX of the program's own. */
#include "pair.h"
#include "peer.h"

#include <sys/wait.h>

static tlsport_settings *policy(void)
{
    tlsport_settings *settings = tlsport_settings_new();
    CHECK_OK(tlsport_settings_set(settings, "ssl.keyfile", check_pki("server.pem")));
    CHECK_OK(tlsport_settings_set(settings, "ssl.protocol", "9"));
    return settings;
}

static void set(tlsport_settings *settings, const char *name, const char *value)
{
    CHECK_OK(tlsport_settings_set(settings, name, value));
}

/* The call is refused because of how it was used, in these words. */
#define CHECK_REFUSED(settings, ssl_ctx, why) \
    do { \
        CHECK_STATUS(tlsport_settings_apply(settings, ssl_ctx), TLSPORT_ERROR_USAGE); \
        CHECK_STR(tlsport_last_error(), \
                  "tlsport_settings_apply: cannot apply settings to this SSL_CTX: " why); \
    } while (0)

static void an_ssl_ctx_has_the_policy_and_serves(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_method()), *client = pair_client();
    set(settings, "ssl.options", "NO_TICKET|CIPHER_SERVER_PREFERENCE");
    set(settings, "ssl.min-protocol", "TLSv1.2");
    set(settings, "ssl.cipher-list", "ECDHE-ECDSA-AES256-GCM-SHA384");
    set(settings, "ssl.session-cache", "true");
    set(settings, "ssl.session-cache-size", "100");
    set(settings, "ssl.session-timeout", "60s");
    set(settings, "ssl.cafile", check_pki("ca.pem"));
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    uint64_t bits = SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE;
    CHECK_BITS(SSL_CTX_get_options(mine) & bits, bits);
    CHECK_INT(SSL_CTX_get_min_proto_version(mine), TLS1_2_VERSION);
    CHECK_INT(SSL_CTX_get_session_cache_mode(mine), SSL_SESS_CACHE_SERVER);
    CHECK_INT(SSL_CTX_sess_get_cache_size(mine), 100);
    CHECK_INT(SSL_CTX_get_timeout(mine), 60);
    CHECK_INT(SSL_CTX_get_verify_mode(mine), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    CHECK_STR(pair_meet(client, mine), "server: peer did not return a certificate");
    SSL_CTX_free(client);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

static void settings_may_be_freed_before_the_first_connection(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_server_method()), *client = pair_client();
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    tlsport_settings_free(settings);
    CHECK_STR(pair_meet(client, mine), NULL);
    CHECK_STR(pair_meet(client, mine), NULL);
    SSL_CTX_free(client);
    SSL_CTX_free(mine);
}

static void wrong_settings_leave_it_untouched(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_server_method());
    uint64_t options = SSL_CTX_get_options(mine);
    set(settings, "ssl.options", "NO_TICKET");
    set(settings, "ssl.min-protocol", "TLSv1.3");
    set(settings, "ssl.ciphersuites", "nothing-like-it");
    CHECK_STATUS(tlsport_settings_apply(settings, mine), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "cannot set SSL ciphersuites 'nothing-like-it'");
    CHECK_BITS(SSL_CTX_get_options(mine), options);
    CHECK(SSL_CTX_get_min_proto_version(mine) != TLS1_3_VERSION);
    CHECK(SSL_CTX_get0_certificate(mine) == NULL);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

static void what_it_cannot_be_put_onto_is_said(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *datagrams = SSL_CTX_new(DTLS_method()), *client = SSL_CTX_new(TLS_client_method());
    CHECK_REFUSED(settings, datagrams, "it is for DTLS");
    CHECK_REFUSED(settings, client, "it is for clients alone");
    CHECK_STATUS(tlsport_settings_apply(settings, NULL), TLSPORT_ERROR_USAGE);
    SSL_CTX_free(client);
    SSL_CTX_free(datagrams);
    tlsport_context *context = tlsport_context_new(settings);
    REQUIRE(context != NULL);
    CHECK_REFUSED(settings, tlsport_context_ssl_ctx(context), "it has a policy of tlsport's already");
    tlsport_context_free(context);
    tlsport_settings_free(settings);
}

static void cas_of_the_settings_that_nobody_would_ask_are_refused(void)
{
#ifdef SSL_CTX_get0_verify_cert_store /* 1.1.1 does not tell */
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_method());
    X509_STORE *store = X509_STORE_new();
    CHECK_INT(SSL_CTX_set1_verify_cert_store(mine, store), 1);
    X509_STORE_free(store);
    CHECK_STATUS(tlsport_settings_apply_client(settings, mine), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "a store for verifying (SSL_CTX_set1_verify_cert_store)");
    CHECK_OK(tlsport_settings_apply(settings, mine));
    set(settings, "ssl.cafile", check_pki("ca.pem"));
    SSL_CTX *other = SSL_CTX_new(TLS_method());
    CHECK_INT(SSL_CTX_set1_verify_cert_store(other, SSL_CTX_get_cert_store(mine)), 1);
    CHECK_STATUS(tlsport_settings_apply(settings, other), TLSPORT_ERROR_USAGE);
    /* One that the settings themselves say is theirs. */
    CHECK_INT(SSL_CTX_set0_verify_cert_store(other, NULL), 1);
    char command[600];
    snprintf(command, sizeof command, "VerifyCAFile=%s", check_pki("ca.pem"));
    set(settings, "ssl.conf", command);
    CHECK_OK(tlsport_settings_apply(settings, other));
    SSL_CTX_free(other);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
#else
    SKIP("this libssl does not tell of the store");
#endif
}

static void one_that_has_had_connections_is_refused(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_method()), *client = pair_client();
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    CHECK_STR(pair_meet(client, mine), NULL);
    CHECK_REFUSED(settings, mine, "it has had connections already");
    /* On either side, and with whatever end. */
    CHECK_STATUS(tlsport_settings_apply_client(settings, client), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "it has had connections already");
    SSL_CTX *unlucky = SSL_CTX_new(TLS_method());
    CHECK_HAS(pair_meet(client, unlucky), "server: ");
    CHECK_REFUSED(settings, unlucky, "it has had connections already");
    SSL_CTX_free(unlucky);
    SSL_CTX_free(client);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

static void one_that_has_a_policy_is_refused(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_server_method()), *client = pair_client();
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    CHECK_REFUSED(settings, mine, "it has a policy of tlsport's already");
    CHECK_STR(pair_meet(client, mine), NULL);
    SSL_CTX_free(client);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

static int nobody_is_refused(int verified, X509_STORE_CTX *store)
{
    (void)verified;
    (void)store;
    return 1;
}

static int tell_nothing(char *to, int size, int writing, void *user)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)user;
    return -1;
}

static void modes_and_callbacks_stay(void)
{
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(mine, SSL_MODE_RELEASE_BUFFERS);
    long mode = SSL_CTX_get_mode(mine);
    SSL_CTX_set_verify(mine, SSL_VERIFY_NONE, nobody_is_refused);
    set(settings, "ssl.cafile", check_pki("ca.pem"));
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    CHECK_INT(SSL_CTX_get_mode(mine), mode);
    CHECK(SSL_CTX_get_verify_callback(mine) == nobody_is_refused);
    CHECK(SSL_CTX_get_default_passwd_cb(mine) == NULL);
    SSL_CTX_free(mine);
    mine = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_default_passwd_cb(mine, tell_nothing);
    REQUIRE_OK(tlsport_settings_apply(settings, mine));
    CHECK(SSL_CTX_get_default_passwd_cb(mine) == tell_nothing);
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

/* Writes the server's key encrypted. */
static const char *encrypted_key(void)
{
    const char *path = check_scratch("encrypted.key");
    FILE *in = fopen(check_pki("server.pem"), "r"), *out = fopen(path, "w");
    EVP_PKEY *key = in ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
    unsigned char word[] = "secret";
    if (out == NULL || key == NULL ||
        PEM_write_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), (char *)word, 6, NULL, NULL) != 1) {
        ERR_print_errors_fp(stdout);
        exit(2);
    }
    EVP_PKEY_free(key);
    fclose(in);
    fclose(out);
    return path;
}

static void nobody_is_asked_for_a_passphrase(void)
{
    char command[600];
    tlsport_settings *settings = policy();
    SSL_CTX *mine = SSL_CTX_new(TLS_server_method());
    snprintf(command, sizeof command, "PrivateKey=%s", encrypted_key());
    set(settings, "ssl.conf", command);
    CHECK_STATUS(tlsport_settings_apply(settings, mine), TLSPORT_ERROR_SETTINGS);
    CHECK_HAS(tlsport_last_error(), "cannot apply SSL_CONF command 'PrivateKey=");
    SSL_CTX_free(mine);
    tlsport_settings_free(settings);
}

static void a_clients_ssl_ctx_verifies_the_server(void)
{
    tlsport_settings *settings = policy(), *trust = tlsport_settings_new();
    SSL_CTX *near = SSL_CTX_new(TLS_server_method()), *mine = SSL_CTX_new(TLS_method());
    REQUIRE_OK(tlsport_settings_apply(settings, near));
    set(trust, "ssl.cafile", check_pki("other/ca.pem"));
    REQUIRE_OK(tlsport_settings_apply_client(trust, mine));
    set(trust, "ssl.cafile", check_pki("ca.pem"));
    SSL_CTX *friendly = SSL_CTX_new(TLS_client_method());
    REQUIRE_OK(tlsport_settings_apply_client(trust, friendly));
    CHECK_STR(pair_meet(mine, near), "client: certificate verify failed");
    CHECK_STR(pair_meet(friendly, near), NULL);
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    CHECK_STATUS(tlsport_settings_apply_client(trust, server), TLSPORT_ERROR_USAGE);
    CHECK_HAS(tlsport_last_error(), "it is for servers alone");
    SSL_CTX_free(server);
    SSL_CTX_free(friendly);
    SSL_CTX_free(mine);
    SSL_CTX_free(near);
    tlsport_settings_free(trust);
    tlsport_settings_free(settings);
}

static int last_ticket(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

/* Whether a session of the first is taken by the second. */
static int resumes(SSL_CTX *client, SSL_CTX *first, SSL_CTX *second)
{
    SSL_SESSION *session = NULL;
    struct pair pair = pair_new(client, first);
    SSL_set_app_data(pair.client, &session);
    CHECK_STR(pair_shake(&pair), NULL);
    SSL_shutdown(pair.server);
    SSL_shutdown(pair.client);
    pair_free(&pair);
    if (!CHECK(session != NULL)) {
        return 0;
    }
    pair = pair_new(client, second);
    SSL_SESSION *again = NULL;
    SSL_set_app_data(pair.client, &again);
    SSL_set_session(pair.client, session);
    CHECK_STR(pair_shake(&pair), NULL);
    int resumed = SSL_session_reused(pair.server);
    pair_free(&pair);
    SSL_SESSION_free(again);
    SSL_SESSION_free(session);
    return resumed;
}

static void ticket_keys_are_libssls_unless_a_file_has_some(void)
{
    char keys[161];
    tlsport_settings *settings = policy();
    SSL_CTX *contexts[4], *client = pair_client();
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, last_ticket);
    memset(keys, 'a', sizeof keys - 1);
    keys[sizeof keys - 1] = '\0';
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            set(settings, "ssl.ticket-keys", check_write("keys", keys));
        }
        contexts[i] = SSL_CTX_new(TLS_server_method());
        REQUIRE_OK(tlsport_settings_apply(settings, contexts[i]));
    }
    CHECK(resumes(client, contexts[0], contexts[0]));
    CHECK(!resumes(client, contexts[0], contexts[1]));
    CHECK(resumes(client, contexts[2], contexts[3]));
    for (int i = 0; i < 4; i++) {
        SSL_CTX_free(contexts[i]);
    }
    SSL_CTX_free(client);
    tlsport_settings_free(settings);
}

/* ---- The example ---------------------------------------------------------------------------- */

/* Starts it for `connections` connections, with server.pem and one more flag. */
static FILE *example(int connections, const char *flag)
{
    char command[2200];
    const char *program = check_path("TLSPORT_EXAMPLES", "apply");
    if (access(program, X_OK) != 0) {
        return NULL;
    }
    snprintf(command, sizeof command, "exec '%s' 0 %d '--ssl.keyfile=%s' '%s' 2>&1", program,
             connections, check_pki("server.pem"), flag);
    return popen(command, "r");
}

static void the_example_echoes_with_the_policy_of_its_flags(void)
{
    char line[256], got[5];
    uint64_t count = 0;
    int port = 0, status;
    FILE *out = example(2, "--ssl.min-protocol=TLSv1.3");
    if (out == NULL) {
        SKIP("examples/apply.c was not compiled: run all subjects");
    }
    CHECK(fgets(line, sizeof line, out) != NULL);
    REQUIRE(sscanf(line, "listening on port %d", &port) == 1);
    struct peer plain = {.fd = peer_dial((uint16_t)port)};
    CHECK_INT(write(plain.fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
    CHECK(fgets(line, sizeof line, out) != NULL);
    CHECK_HAS(line, "apply: handshake: error:");
    CHECK_HAS(line, "http request");
    close(plain.fd);
    struct peer peer = peer_open((uint16_t)port);
    CHECK(peer_say(&peer, "hello", 5));
    CHECK(peer_hear_all(&peer, got, sizeof got));
    CHECK_MEM(got, "hello", sizeof got);
    CHECK(fgets(line, sizeof line, out) != NULL);
    CHECK_HAS(line, "TLSv1.3, TLS_");
    peer_end(&peer);
    CHECK_INT(peer_hear_end(&peer, &count), 0);
    peer_leave(&peer);
    status = pclose(out);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static void the_example_says_what_is_wrong_with_its_flags(void)
{
    char line[256];
    FILE *out = example(1, "--ssl.cipher-list=nothing-like-it");
    if (out == NULL) {
        SKIP("examples/apply.c was not compiled: run all subjects");
    }
    CHECK(fgets(line, sizeof line, out) != NULL);
    CHECK_STR(line, "apply: these settings cannot be used:\n");
    CHECK(fgets(line, sizeof line, out) != NULL);
    CHECK_HAS(line, "cannot set SSL cipher list 'nothing-like-it'");
    CHECK_INT(WEXITSTATUS(pclose(out)), 3);
}

CHECK_MAIN(TEST(an_ssl_ctx_has_the_policy_and_serves),
           TEST(settings_may_be_freed_before_the_first_connection),
           TEST(wrong_settings_leave_it_untouched),
           TEST(what_it_cannot_be_put_onto_is_said),
           TEST(cas_of_the_settings_that_nobody_would_ask_are_refused),
           TEST(one_that_has_had_connections_is_refused),
           TEST(one_that_has_a_policy_is_refused),
           TEST(modes_and_callbacks_stay),
           TEST(nobody_is_asked_for_a_passphrase),
           TEST(a_clients_ssl_ctx_verifies_the_server),
           TEST(ticket_keys_are_libssls_unless_a_file_has_some),
           TEST(the_example_echoes_with_the_policy_of_its_flags),
           TEST(the_example_says_what_is_wrong_with_its_flags))
