/* The same policy through tlsport, onto an SSL_CTX as a host would bring it. */
#include "parity.h"

#include <stdio.h>
#include <string.h>

#include <tlsport.h>

static bool set(tlsport_settings *settings, const char *name, const char *value)
{
    return !value || tlsport_settings_set(settings, name, value) == TLSPORT_OK;
}

static bool settings_say(tlsport_settings *settings, const struct policy *policy)
{
    char number[16];
    const char *alpn = policy->alpn ? policy->alpn : DEFAULT_ALPN;
    bool http1_first = strcmp(alpn, "http/1.1,h2") == 0;
    snprintf(number, sizeof number, "%d", policy->protocol);
    return set(settings, "ssl.keyfile", keyfile_path(policy->keyfile)) &&
           set(settings, "ssl.protocol", policy->protocol ? number : NULL) &&
           set(settings, "ssl.options", policy->options) &&
           set(settings, "ssl.cipher-list", policy->ciphers) &&
           set(settings, "ssl.ecdh-curve", policy->curve) &&
           set(settings, "ssl.session-cache", policy->session_cache ? "true" : NULL) &&
           set(settings, "ssl.alpn", http1_first ? DEFAULT_ALPN : alpn) &&
           set(settings, "ssl.prefer-http1-in-alpn", http1_first ? "true" : NULL) &&
           set(settings, "ssl.cafile", policy->cafile ? cafile_path() : NULL) &&
           set(settings, "ssl.cafile-mode", "original");
}

SSL_CTX *our_context(const struct policy *policy, enum making making, struct text *why)
{
    int protocol = policy->protocol ? policy->protocol : DEFAULT_PROTOCOL;
    const SSL_METHOD *method = method_of(protocol, making);
    SSL_CTX *context = SSL_CTX_new(method ? method : TLS_server_method());
    tlsport_settings *settings = tlsport_settings_new();
    MUST(context && settings);
    if (!settings_say(settings, policy) ||
        tlsport_settings_apply(settings, context) != TLSPORT_OK) {
        text_add(why, "%s", tlsport_last_error());
        SSL_CTX_free(context);
        context = NULL;
    }
    tlsport_settings_free(settings);
    return context;
}
