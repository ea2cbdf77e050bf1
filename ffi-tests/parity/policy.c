/* A policy in words. */
#include "parity.h"

#include <string.h>

static void part(struct text *text, const char *name, const char *value)
{
    if (value && strlen(value) > 48) {
        text_add(text, " %s='%.45s...'", name, value);
    } else if (value) {
        text_add(text, " %s='%s'", name, value);
    }
}

void policy_describe(const struct policy *policy, struct text *text)
{
    text_add(text, "protocol=%d", policy->protocol ? policy->protocol : DEFAULT_PROTOCOL);
    part(text, "options", policy->options);
    part(text, "cipher-list", policy->ciphers);
    part(text, "ecdh-curve", policy->curve);
    part(text, "alpn", policy->alpn);
    text_add(text, "%s%s%s", policy->session_cache ? " session-cache" : "",
             policy->cafile ? " cafile" : "", policy->keyfile == EC_ALONE ? " ec" : "");
}
