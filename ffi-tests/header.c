/*
 * Compile-only: the header alone, before anything else is included, as the strictest compiler
 * wants it. header.cc is the same text for C++; ffi-tests/run sees to the flags.
 */
#include "tlsport.h"
#include "tlsport.h"

#if defined(OPENSSL_VERSION_NUMBER) || defined(HEADER_SSL_H) || defined(OPENSSL_SSL_H)
#error "tlsport.h must not include a header of OpenSSL"
#endif

/* Types of the header as a caller writes them. */
int header_stands_alone(tlsport_settings *settings);
int header_stands_alone(tlsport_settings *settings)
{
    tlsport_facts facts = {sizeof facts, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    tlsport_totals totals = {sizeof totals, 0, 0, 0, 0, 0, 0, 0, 0};
    tlsport_callbacks callbacks = {sizeof callbacks, 0, 0, 0, 0, 0};
    struct ssl_ctx_st *(*lender)(tlsport_context *) = tlsport_context_ssl_ctx;
    uint64_t bits = 0;
    ptrdiff_t count = TLSPORT_WANT_READ;
    return lender != 0 && facts.size + totals.size + callbacks.size > 0 && count < 0 &&
           tlsport_options_parse(TLSPORT_VERSION, &bits) == TLSPORT_OK &&
           tlsport_settings_set(settings, "ssl.protocol", "5") == TLSPORT_OK;
}
