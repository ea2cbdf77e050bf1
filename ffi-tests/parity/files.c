/* Which of the tests' certificates servers and clients have. */
#include "parity.h"

#include "../check.h"

static char keyfiles[KEYFILES][512];
static char cafile[512];

static void append(FILE *out, const char *path)
{
    char bytes[4096];
    size_t length = 0;
    FILE *in = fopen(path, "r");
    MUST(in);
    while ((length = fread(bytes, 1, sizeof bytes, in)) > 0) {
        MUST(fwrite(bytes, 1, length, out) == length);
    }
    fclose(in);
}

void files_make(void)
{
    snprintf(cafile, sizeof cafile, "%s", check_pki("ca.pem"));
    /* Its chain is for libssl to find among the CAs, if it has them. */
    snprintf(keyfiles[EC_ALONE], sizeof *keyfiles, "%s", check_pki("server.pem"));
    snprintf(keyfiles[RSA_WITH_CHAIN], sizeof *keyfiles, "%s", check_scratch("rsa-chain.pem"));
    FILE *chain = fopen(keyfiles[RSA_WITH_CHAIN], "w");
    MUST(chain);
    append(chain, check_pki("rsa.pem"));
    append(chain, cafile);
    MUST(fclose(chain) == 0);
}

const char *keyfile_path(enum keyfile keyfile)
{
    return keyfiles[keyfile];
}

const char *cafile_path(void)
{
    return cafile;
}

void identity_use(SSL_CTX *context, enum identity identity)
{
    static const char *const files[] = {
        [NOBODY] = NULL, [KNOWN] = "client.pem", [STRANGER] = "other/client.pem"};
    if (files[identity]) {
        const char *path = check_pki(files[identity]);
        MUST(SSL_CTX_use_certificate_chain_file(context, path) == 1);
        MUST(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1);
    }
}
