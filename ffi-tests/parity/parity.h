/*
 * Parity: what tlsport_settings_apply leaves on an SSL_CTX, and how the handshakes with it end,
 * beside what ArangoDB's own calls of OpenSSL leave, for a table of settings.
 *
 * A policy (policy.c) is made into an SSL_CTX by the original's calls (original.c) and by
 * tlsport (ours.c). state.c reads one, handshake.c has clients (clients.c) connect to it; both
 * come to a report, which is a list of named texts (report.c), so that one function compares
 * them. departures.c has what may differ, and why. planted.c proves that the comparison sees
 * differences. main.c has the table.
 */
#ifndef PARITY_H
#define PARITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* ---- report.c ----------------------------------------------------------------------------- */

/* Ends the program when the test itself cannot go on. */
#define MUST(holds) must((holds), #holds, __FILE__, __LINE__)
void must(bool holds, const char *what, const char *file, int line);

/* Text that grows. */
struct text {
    char *start; /* null while it is empty */
    size_t length;
    size_t room;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *text_get(const struct text *text);
void text_free(struct text *text);

/* Facts about a server, each under a name. */
enum { MOST_FACTS = 40 };

struct report {
    const char *prefix; /* of the names that are added; null for none */
    size_t count;
    struct fact {
        char name[32];
        char *value;
    } facts[MOST_FACTS];
};

void report_add(struct report *report, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Moves the text into the report. */
void report_take(struct report *report, const char *name, struct text *text);
void report_free(struct report *report);

/* Calls `differs` for each fact that is not the same in both, or is in one alone. */
typedef void differs_callback(void *user, const char *name, const char *left, const char *right);
void report_compare(const struct report *left, const struct report *right,
                    differs_callback *differs, void *user);

/* The reason of the first error in libssl's queue as text, and empties the queue. */
void text_add_reason(struct text *text);

/* ---- files.c ------------------------------------------------------------------------------ */

/* A keyfile for servers, by its path. */
enum keyfile { RSA_WITH_CHAIN, EC_ALONE, KEYFILES };
const char *keyfile_path(enum keyfile keyfile);
/* The CAs that clients' certificates are of. */
const char *cafile_path(void);

/* Who a client says it is. */
enum identity { NOBODY, KNOWN, STRANGER };
/* Gives a client its certificate and key. */
void identity_use(SSL_CTX *context, enum identity identity);

/* Finds them all. */
void files_make(void);

/* ---- policy.c ----------------------------------------------------------------------------- */

/* What a configuration file says. Null texts are not in it. */
struct policy {
    int protocol;        /* ssl.protocol; 0 is not set */
    const char *options; /* ssl.options, a decimal number */
    const char *ciphers; /* ssl.cipher-list */
    const char *curve;   /* ssl.ecdh-curve */
    const char *alpn;    /* protocols it agrees on, best first, empty for none; null: 3.7's */
    bool session_cache;  /* ssl.session-cache */
    bool cafile;         /* whether there is ssl.cafile */
    enum keyfile keyfile;
};

/* The defaults of ArangoDB 3.2, where the policy does not say. */
enum { DEFAULT_PROTOCOL = 5 };
#define DEFAULT_OPTIONS "2147485776"
#define DEFAULT_CIPHERS "HIGH:!EXPORT:!aNULL@STRENGTH"
#define DEFAULT_CURVE "prime256v1"
#define DEFAULT_ALPN "h2,http/1.1"

/* The policy in a line. */
void policy_describe(const struct policy *policy, struct text *text);

/* ---- original.c, ours.c ------------------------------------------------------------------- */

/*
 * How an SSL_CTX is made. The fixed protocol numbers are the negotiating method with one version
 * as its range in an ArangoDB whose boost::asio knows OpenSSL 1.1, and libssl's fixed-version
 * methods in an older one. A host of tlsport may have either; tlsport_context_new makes one more,
 * which is compared by what its clients see.
 */
enum making { RANGE_OF_VERSIONS, FIXED_METHOD, OF_ITS_OWN, MAKINGS };

/* Null where the original refuses. */
SSL_CTX *original_context(const struct policy *policy, enum making making);
/* Null where tlsport refuses, with the reason in `why`. */
SSL_CTX *our_context(const struct policy *policy, enum making making, struct text *why);

/* The method of a protocol number. Null where libssl has it no more. */
const SSL_METHOD *method_of(int protocol, enum making making);

/* ---- state.c ------------------------------------------------------------------------------ */

/* What an SSL_CTX says of itself, and what it answers to a ClientHello that offers all. */
void state_read(SSL_CTX *context, struct report *report);

/* ---- clients.c, handshake.c --------------------------------------------------------------- */

struct client {
    const char *name;
    int min, max; /* 0: libssl's own */
    const char *ciphers;
    const char *suites;
    const char *groups;
    const char *alpn; /* as the extension has it, each name after its length */
    enum identity identity;
    uint64_t options;
    long modes;
    bool renegotiates; /* asks for a second handshake within the connection */
    bool cuts;         /* leaves without close_notify */
    const char *bytes; /* what it sends instead of a handshake; null for a handshake */
    size_t length;
    SSL_CTX *context;
};

/* The clients, ready to connect. */
struct client *clients(size_t *count);
void clients_make(void);
void clients_free(void);

/* One client and one server: a connection, and another that offers to resume the first. */
void handshake_try(const struct client *client, SSL_CTX *server, struct report *report);

/* ---- departures.c ------------------------------------------------------------------------- */

/* Two ways to make a context of one policy, which are compared. */
struct pairing {
    const char *name;
    enum making original, ours;
};

/* Where a difference was found. */
struct place {
    const struct policy *policy;
    const struct client *client; /* null for the state */
    const struct pairing *pairing;
};

/* Whether the difference is meant. It is counted then. */
bool departure_explains(const struct place *place, const char *name, const char *original,
                        const char *ours);
/* Prints each with how often it was met, and returns how many were not met at all. */
size_t departures_print(void);

/* ---- planted.c ---------------------------------------------------------------------------- */

/* How many planted differences were not seen. Prints each. */
size_t planted_try(void);

#endif
