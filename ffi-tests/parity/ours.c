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

/* The SSL_CTX of a tlsport_context, kept beyond it. */
static SSL_CTX *context_of_tlsport_s_own(tlsport_settings *settings)
{
    tlsport_context *made = tlsport_context_new(settings);
    SSL_CTX *context = made ? tlsport_context_ssl_ctx(made) : NULL;
    MUST(!context || SSL_CTX_up_ref(context) == 1);
    tlsport_context_free(made);
    return context;
}

/* An SSL_CTX as a host has it, with the settings on it. */
static SSL_CTX *context_of_a_host(tlsport_settings *settings, const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method ? method : TLS_server_method());
    MUST(context);
    if (tlsport_settings_apply(settings, context) != TLSPORT_OK) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

SSL_CTX *our_context(const struct policy *policy, enum making making, struct text *why)
{
    int protocol = policy->protocol ? policy->protocol : DEFAULT_PROTOCOL;
    SSL_CTX *context = NULL;
    tlsport_settings *settings = tlsport_settings_new();
    MUST(settings);
    if (settings_say(settings, policy)) {
        context = making == OF_ITS_OWN ? context_of_tlsport_s_own(settings)
                                       : context_of_a_host(settings, method_of(protocol, making));
    }
    if (!context) {
        text_add(why, "%s", tlsport_last_error());
    }
    tlsport_settings_free(settings);
    return context;
}
