/*
 * The table, and the tests. TLSPORT_PARITY=full tries every combination, which takes minutes;
 * TLSPORT_PARITY=short a small part, for slow machinery such as valgrind.
 */
#include "parity.h"

#include "../check.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MOST_PRINTED = 60 };

static struct total {
    size_t policies;
    size_t states;
    size_t handshakes;
    size_t differences;
} total;

static enum { SHORT, USUAL, FULL } size = USUAL;

/* ---- Comparing ---------------------------------------------------------------------------- */

/* Where two long texts part, with a little before. */
static const char *from_difference(const char *text, const char *other)
{
    size_t same = 0;
    while (text[same] && text[same] == other[same]) {
        same++;
    }
    return text + (same > 40 ? same - 40 : 0);
}

static void differs(void *user, const char *name, const char *original, const char *ours)
{
    const struct place *place = user;
    if (departure_explains(place, name, original, ours)) {
        return;
    }
    if (total.differences++ < MOST_PRINTED) {
        struct text row = {0};
        policy_describe(place->policy, &row);
        printf("%s | %s | %s | %s:\n  original '%.160s'\n  tlsport  '%.160s'\n", text_get(&row),
               place->pairing->name, place->client ? place->client->name : "state", name,
               from_difference(original, ours), from_difference(ours, original));
        text_free(&row);
    }
}

/* Who made a context, and how. */
enum { BY_ORIGINAL, BY_US, MAKERS };

static const struct pairing pairings[] = {
    {"negotiating method", RANGE_OF_VERSIONS, RANGE_OF_VERSIONS},
    {"fixed-version method", FIXED_METHOD, FIXED_METHOD},
    {"negotiating method beside the original's fixed one", FIXED_METHOD, RANGE_OF_VERSIONS},
    {"context of tlsport's own", RANGE_OF_VERSIONS, OF_ITS_OWN},
};

/* The contexts of one policy, of each maker, and what is known of them. */
struct contexts {
    struct made {
        bool is_tried;
        SSL_CTX *context; /* null where it was refused */
        struct text why;  /* by tlsport */
        struct report report;
    } made[MAKERS][MAKINGS];
};

static bool is_tried(const struct policy *policy, int maker, enum making making,
                     bool with_clients)
{
    int protocol = policy->protocol ? policy->protocol : DEFAULT_PROTOCOL;
    switch (making) {
    case RANGE_OF_VERSIONS:
        return true;
    case FIXED_METHOD:
        return method_of(protocol, making) != method_of(protocol, RANGE_OF_VERSIONS);
    default:
        return maker == BY_US && with_clients;
    }
}

static void make(const struct policy *policy, bool with_clients, struct contexts *contexts)
{
    for (int maker = 0; maker < MAKERS; maker++) {
        for (int i = 0; i < MAKINGS; i++) {
            enum making making = (enum making)i;
            struct made *made = &contexts->made[maker][making];
            made->is_tried = is_tried(policy, maker, making, with_clients);
            if (made->is_tried) {
                made->context = maker == BY_ORIGINAL ? original_context(policy, making)
                                                     : our_context(policy, making, &made->why);
            }
        }
    }
}

static void free_all(struct contexts *contexts)
{
    for (int maker = 0; maker < MAKERS; maker++) {
        for (int making = 0; making < MAKINGS; making++) {
            SSL_CTX_free(contexts->made[maker][making].context);
            text_free(&contexts->made[maker][making].why);
        }
    }
}

static void compare(struct place place, const struct contexts *contexts)
{
    for (size_t i = 0; i < COUNT(pairings); i++) {
        place.pairing = &pairings[i];
        const struct made *original = &contexts->made[BY_ORIGINAL][place.pairing->original];
        const struct made *ours = &contexts->made[BY_US][place.pairing->ours];
        if (!original->is_tried || !ours->is_tried) {
            continue;
        }
        if (original->context && ours->context) {
            report_compare(&original->report, &ours->report, differs, &place);
        } else if (original->context || ours->context) {
            differs(&place, "made", original->context ? "made" : "refused",
                    ours->context ? "made" : text_get(&ours->why));
        }
    }
}

/* The state without a client, or what comes of that client. */
static void try_client(const struct policy *policy, struct contexts *contexts,
                       const struct client *client)
{
    for (int maker = 0; maker < MAKERS; maker++) {
        for (int making = 0; making < MAKINGS; making++) {
            struct made *made = &contexts->made[maker][making];
            if (made->context && client) {
                handshake_try(client, made->context, &made->report);
                total.handshakes++;
            } else if (made->context) {
                state_read(made->context, &made->report);
                total.states++;
            }
        }
    }
    compare((struct place){.policy = policy, .client = client}, contexts);
    for (int maker = 0; maker < MAKERS; maker++) {
        for (int making = 0; making < MAKINGS; making++) {
            report_free(&contexts->made[maker][making].report);
        }
    }
}

static void try_policy(const struct policy *policy, bool with_clients)
{
    struct contexts contexts = {0};
    size_t count = 0;
    const struct client *all = clients(&count);
    total.policies++;
    make(policy, with_clients, &contexts);
    try_client(policy, &contexts, NULL);
    for (size_t i = 0; with_clients && i < count; i++) {
        try_client(policy, &contexts, &all[i]);
    }
    free_all(&contexts);
}

/* ---- The table ---------------------------------------------------------------------------- */

#define LEVEL_0 "HIGH:!aNULL:@SECLEVEL=0"
#define KDB                                                                                       \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"    \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"      \
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:"              \
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:"                     \
    "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:" \
    "DHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:"          \
    "ECDHE-ECDSA-DES-CBC3-SHA:ECDHE-RSA-DES-CBC3-SHA:EDH-RSA-DES-CBC3-SHA:AES128-GCM-SHA256:"     \
    "AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA:!DSS"
#define KRAKEND                                                                                   \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"      \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305"

/* 0 stands for a protocol that is not set. */
static const int protocols[] = {0, 1, 2, 3, 4, 5, 6, 9};

static const char *const ciphers[] = {
    NULL,
    "",
    "ALL",
    DEFAULT_CIPHERS,
    "HIGH:!aNULL",
    "HIGH:MEDIUM:+3DES:!aNULL", /* PostgreSQL's */
    KDB,
    KRAKEND,
    "ALL:@SECLEVEL=0",
    LEVEL_0,
    "HIGH:!EXPORT:!aNULL:@STRENGTH:@SECLEVEL=0",
    "NULL-SHA256:@SECLEVEL=0",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "no-such-cipher", /* both refuse */
};

static const char *const curves[] = {
    NULL, "", "prime256v1", "secp384r1", "X25519", "X448", "no-such-curve"};

static const char *const alpns[] = {"", "http/1.1", "http/1.1,h2"};

/* The defaults of 2.x, and those of 3.6 and later. */
static const struct policy of_2_x = {.protocol = 4,
                                     .options = "12582912",
                                     .ciphers = "",
                                     .curve = "",
                                     .alpn = ""};
static const struct policy of_3_6 = {.protocol = 9};

enum { FIRST_BITS = 5, BITS = 36, COMBINATIONS = 8, MASKS = FIRST_BITS + BITS + COMBINATIONS };

/* Masks in decimal, null for none: a few, every bit by itself, and combinations. */
static const char *mask(size_t number)
{
    static const unsigned long long few[FIRST_BITS] = {
        0, 0, 0x80000850, 0x80000bff /* OpenSSL 1.0's SSL_OP_ALL */, 0x00c00000 /* 2.x's */};
    static const unsigned long long combinations[COMBINATIONS] = {
        0x80000850 | SSL_OP_NO_TICKET,
        0x80000850 | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE,
        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA,
        SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1,
        SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3,
        SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_ENCRYPT_THEN_MAC,
        0xffffffff,
    };
    static char texts[MASKS][24];
    unsigned long long bits = 0;
    if (number < FIRST_BITS) {
        bits = few[number];
    } else if (number < FIRST_BITS + BITS) {
        bits = 1ull << (number - FIRST_BITS);
    } else {
        bits = combinations[number - FIRST_BITS - BITS];
    }
    snprintf(texts[number], sizeof texts[number], "%llu", bits);
    return number == 0 ? NULL : texts[number];
}

/*
 * Whether a combination is left out of the table. The usual one has every protocol with every
 * mask and cipher string, and the session cache on with every other; single bits meet two cipher
 * strings, and protocols that are refused, or not set, little.
 */
static bool is_left_out(int protocol, size_t mask_number, size_t cipher, int cache)
{
    bool is_bit = mask_number >= FIRST_BITS && mask_number < FIRST_BITS + BITS;
    bool is_usual = !ciphers[cipher] || strcmp(ciphers[cipher], LEVEL_0) == 0;
    bool is_brief = protocol <= 1 || !method_of(protocol, RANGE_OF_VERSIONS);
    switch (size) {
    case SHORT:
        return (mask_number + 7 * cipher + 2 * (size_t)cache) % 397 != (size_t)protocol;
    case USUAL:
        return (mask_number + cipher) % 2 != (size_t)cache ||
               ((is_bit || is_brief) && !is_usual) || (is_bit && is_brief);
    default:
        return false;
    }
}

/* Every protocol, mask, cipher string and session cache; their state. */
static void try_product(void)
{
    for (size_t p = 0; p < COUNT(protocols); p++) {
        for (size_t m = 0; m < MASKS; m++) {
            for (size_t c = 0; c < COUNT(ciphers); c++) {
                for (int cache = 0; cache < 2; cache++) {
                    if (!is_left_out(protocols[p], m, c, cache)) {
                        try_policy(&(struct policy){.protocol = protocols[p],
                                                    .options = mask(m),
                                                    .ciphers = ciphers[c],
                                                    .session_cache = cache,
                                                    .keyfile = EC_ALONE},
                                   false);
                    }
                }
            }
        }
    }
}

/* A protocol with curves, CAs and keys, and with ALPN; their state. */
static void try_surroundings_of(int protocol)
{
    for (size_t c = 0; c < COUNT(curves); c++) {
        for (int key = 0; key < KEYFILES; key++) {
            for (int cafile = 0; cafile < 2; cafile++) {
                try_policy(&(struct policy){.protocol = protocol,
                                            .ciphers = LEVEL_0,
                                            .curve = curves[c],
                                            .cafile = cafile,
                                            .keyfile = (enum keyfile)key},
                           false);
            }
        }
    }
    for (size_t a = 0; a < COUNT(alpns); a++) {
        try_policy(&(struct policy){.protocol = protocol, .alpn = alpns[a]}, false);
    }
}

static void try_surroundings(void)
{
    try_policy(&of_2_x, false);
    try_policy(&of_3_6, false);
    for (size_t p = 0; p < COUNT(protocols); p++) {
        if (size != SHORT || protocols[p] == 9) {
            try_surroundings_of(protocols[p]);
        }
    }
}

/* Every client with a protocol at both security levels, and all else that a client notices. */
static void try_handshakes_of(int protocol)
{
    static const char *const levels[] = {NULL, LEVEL_0};
    for (size_t c = 0; c < COUNT(levels); c++) {
        for (int cache = 0; cache < 2; cache++) {
            try_policy(&(struct policy){.protocol = protocol,
                                        .ciphers = levels[c],
                                        .session_cache = cache,
                                        .cafile = cache},
                       true);
        }
    }
}

static void try_handshakes_with(int protocol, size_t mask_number)
{
    try_policy(&(struct policy){.protocol = protocol,
                                .options = mask(mask_number),
                                .ciphers = LEVEL_0,
                                .session_cache = mask_number % 3 != 0,
                                .keyfile = EC_ALONE},
               true);
}

/* Every client with every mask, the single bits with all versions alone. */
static void try_handshakes_of_masks(void)
{
    for (size_t m = 1; m < MASKS; m++) {
        bool is_bit = m >= FIRST_BITS && m < FIRST_BITS + BITS;
        try_handshakes_with(9, m);
        if (!is_bit) {
            try_handshakes_with(5, m);
        }
    }
}

static void try_handshakes(void)
{
    if (size == SHORT) {
        try_policy(&(struct policy){.ciphers = LEVEL_0, .keyfile = EC_ALONE}, true);
        try_policy(&(struct policy){.protocol = 9, .session_cache = true, .cafile = true}, true);
        return;
    }
    try_policy(&of_2_x, true);
    for (size_t p = 0; p < COUNT(protocols); p++) {
        if (protocols[p] > 1) {
            try_handshakes_of(protocols[p]);
        }
    }
    try_handshakes_of_masks();
}

/* ---- The tests ---------------------------------------------------------------------------- */

static void begin(void)
{
    const char *wanted = getenv("TLSPORT_PARITY");
    if (wanted) {
        MUST(strcmp(wanted, "short") == 0 || strcmp(wanted, "full") == 0);
        size = strcmp(wanted, "short") == 0 ? SHORT : FULL;
    }
    total = (struct total){0};
    files_make();
    clients_make();
}

static void end(void)
{
    CHECK_INT(total.differences, 0);
    printf("%zu policies, %zu states and %zu handshakes of both sides\n", total.policies,
           total.states, total.handshakes);
    clients_free();
}

static void a_planted_difference_is_seen(void)
{
    begin();
    CHECK_INT(planted_try(), 0);
    clients_free();
}

static void the_state_is_what_the_original_leaves(void)
{
    begin();
    try_product();
    try_surroundings();
    end();
}

static void handshakes_end_as_with_the_original(void)
{
    begin();
    try_handshakes();
    end();
}

static void every_departure_is_met(void)
{
    size_t unmet = departures_print();
    /* The short table, for tools that watch memory, does not meet all. */
    CHECK(unmet == 0 || size == SHORT);
}

CHECK_MAIN(TEST(a_planted_difference_is_seen), TEST(the_state_is_what_the_original_leaves),
           TEST(handshakes_end_as_with_the_original), TEST(every_departure_is_met))
