/*
 * The differences that are meant. Each has to be met, so that one which is gone is taken out;
 * whatever is not here is a failure. docs/PARITY.md tells them too.
 */
#include "parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct departure {
    const char *why;
    bool (*is_met)(const struct place *place, const char *name, const char *original,
                   const char *ours);
    bool by_fixed_methods; /* which the newest OpenSSL has no more */
    size_t met;
};

/* These are no curves of an EC_KEY, which the original makes of the name. */
static bool more_groups(const struct place *place, const char *name, const char *original,
                        const char *ours)
{
    const char *curve = place->policy->curve;
    return strcmp(name, "made") == 0 && strcmp(original, "refused") == 0 &&
           strcmp(ours, "made") == 0 && curve &&
           (strcmp(curve, "X25519") == 0 || strcmp(curve, "X448") == 0);
}

static bool is_across(const struct place *place)
{
    return place->pairing->original == FIXED_METHOD && place->pairing->ours == RANGE_OF_VERSIONS;
}

/*
 * A fixed-version method goes on to speak its version, or fails later. Distributions differ in
 * whether TLS 1.0 is within reach above security level 0.
 */
static bool version_off(const struct place *place, const char *name, const char *original,
                        const char *ours)
{
    const struct policy *policy = place->policy;
    int protocol = policy->protocol ? policy->protocol : DEFAULT_PROTOCOL;
    uint64_t options = policy->options ? strtoull(policy->options, NULL, 10) : 0;
    uint64_t bit = protocol == 4 ? SSL_OP_NO_TLSv1 : protocol == 5 ? SSL_OP_NO_TLSv1_2 : 0;
    bool by_level = protocol == 4 && !place->client &&
                    !(policy->ciphers && strstr(policy->ciphers, "SECLEVEL=0"));
    (void)name;
    (void)original;
    (void)ours;
    return is_across(place) && ((options & bit) != 0 || by_level);
}

/* The server's Finished is not among the messages. */
static bool is_unfinished(const char *messages)
{
    return !strstr(messages, "> 20 ");
}

/* Nobody gets through who does not speak the version, or no TLS at all. */
static bool refused_in_other_words(const struct place *place, const char *name,
                                   const char *original, const char *ours)
{
    if (!is_across(place) || !place->client) {
        return false;
    }
    if (strcmp(name, "server") == 0 || strcmp(name, "client") == 0) {
        return strcmp(original, "done") != 0 && strcmp(ours, "done") != 0;
    }
    if (strcmp(name, "client's alerts") == 0) {
        return !strstr(original, "alert 1/") && !strstr(ours, "alert 1/");
    }
    return strcmp(name, "messages") == 0 && is_unfinished(original) && is_unfinished(ours);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* How tlsport reads, writes and keeps sessions, which no client sees. */
static bool manners_of_its_own(const struct place *place, const char *name, const char *original,
                               const char *ours)
{
    static const char *const names[] = {"modes", "read ahead", "session mode", "callbacks"};
    (void)original;
    (void)ours;
    return place->pairing->ours == OF_ITS_OWN && !place->client &&
           is_one_of(name, names, sizeof names / sizeof *names);
}

/* Without a cache and sealed tickets nothing can be resumed, but libssl hands out TLS 1.3 ones. */
static bool no_idle_tickets(const struct place *place, const char *name, const char *original,
                            const char *ours)
{
    static const char *const names[] = {"tickets", "messages", "resumable",
                                        "session id length"};
    const struct policy *policy = place->policy;
    uint64_t options = policy->options ? strtoull(policy->options, NULL, 10) : 0;
    (void)original;
    (void)ours;
    if (place->pairing->ours != OF_ITS_OWN || policy->session_cache ||
        (options & SSL_OP_NO_TICKET) == 0) {
        return false;
    }
    return strncmp(name, "again: ", 7) == 0 ||
           is_one_of(name, names, sizeof names / sizeof *names);
}

static struct departure departures[] = {
    {"ssl.ecdh-curve takes X25519 and X448, which the original refuses", more_groups, false, 0},
    {"a bit, or the security level, that turns the only version off counts; a fixed-version "
     "method does not heed it",
     version_off, true, 0},
    {"who does not speak the only version is refused with the negotiating method's reason and "
     "alert",
     refused_in_other_words, true, 0},
    {"a tlsport_context reads, writes and keeps sessions in its own way", manners_of_its_own,
     false, 0},
    {"a tlsport_context hands out no tickets that nobody could take back", no_idle_tickets, false,
     0},
    {NULL, NULL, false, 0},
};

bool departure_explains(const struct place *place, const char *name, const char *original,
                        const char *ours)
{
    for (struct departure *d = departures; d->why; d++) {
        if (d->is_met(place, name, original, ours)) {
            d->met++;
            return true;
        }
    }
    return false;
}

size_t departures_print(void)
{
    size_t unmet = 0;
    bool have_fixed = method_of(5, FIXED_METHOD) != method_of(5, RANGE_OF_VERSIONS);
    for (const struct departure *d = departures; d->why; d++) {
        printf("%7zu differences: %s\n", d->met, d->why);
        unmet += d->met == 0 && (have_fixed || !d->by_fixed_methods);
    }
    return unmet;
}
