/* shortcut.c: see shortcut.h.
 *
 * libssl finds these functions before libcrypto's. The client then proves nothing: not for use anywhere else. */
#define _GNU_SOURCE
#include "shortcut.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

bool shortcut_taken;

/* The server's signature is taken as good. */
int EVP_DigestVerify(EVP_MD_CTX *c, const unsigned char *signature, size_t len, const unsigned char *bytes, size_t n)
{
    static int (*verify)(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *, size_t);
    if (shortcut_taken)
        return 1;
    if (verify == NULL)
        verify = (int (*)(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *, size_t))dlsym(
            RTLD_NEXT, "EVP_DigestVerify");
    return verify(c, signature, len, bytes, n);
}

/* Every server has one certificate here, so it is parsed once. */
X509 *d2i_X509(X509 **out, const unsigned char **in, long len)
{
    static X509 *(*parse)(X509 **, const unsigned char **, long);
    static X509 *known;
    static unsigned char known_bytes[4096];
    static long known_len;
    if (parse == NULL)
        parse = (X509 * (*)(X509 **, const unsigned char **, long)) dlsym(RTLD_NEXT, "d2i_X509");
    if (!shortcut_taken)
        return parse(out, in, len);
    if (known && len == known_len && memcmp(*in, known_bytes, (size_t)len) == 0) {
        X509_free(*out);
        X509_up_ref(known);
        *in += len;
        return *out = known;
    }
    const unsigned char *start = *in;
    X509 *parsed = parse(out, in, len);
    if (parsed && known == NULL && len <= (long)sizeof known_bytes) {
        X509_up_ref(known = parsed);
        memcpy(known_bytes, start, (size_t)(known_len = len));
    }
    return parsed;
}

/* One key share serves for all handshakes. */
int EVP_PKEY_keygen(EVP_PKEY_CTX *c, EVP_PKEY **out)
{
    static int (*generate)(EVP_PKEY_CTX *, EVP_PKEY **);
    static EVP_PKEY *known;
    if (generate == NULL)
        generate = (int (*)(EVP_PKEY_CTX *, EVP_PKEY **))dlsym(RTLD_NEXT, "EVP_PKEY_keygen");
    if (!shortcut_taken)
        return generate(c, out);
    if (known == NULL && generate(c, &known) != 1)
        return 0;
    EVP_PKEY_up_ref(known);
    *out = known;
    return 1;
}
