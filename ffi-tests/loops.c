/* The examples of channels, against each other: client.c and poll.c, as a user would run them. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

enum { LEN = 3 << 20 };

/* The server in the background, and the port it says. */
static FILE *serve(const char *more, long *process, int *port)
{
    char command[1600];
    char line[256];
    FILE *out;
    snprintf(command, sizeof command, "echo $$; exec '%s' 0 --ssl.keyfile='%s' %s",
             check_path("TLSPORT_EXAMPLES", "poll"), check_pki("server.pem"), more);
    out = popen(command, "r");
    if (!CHECK(out != NULL)) {
        exit(2);
    }
    CHECK(fgets(line, sizeof line, out) != NULL && sscanf(line, "%ld", process) == 1);
    CHECK(fgets(line, sizeof line, out) != NULL &&
          sscanf(line, "listening on port %d", port) == 1);
    return out;
}

static void stop(FILE *out, long process)
{
    CHECK_INT(kill((pid_t)process, SIGTERM), 0);
    CHECK_INT(pclose(out), 0);
}

/* Runs the client with a file as its input; what it answers is in files as well. */
static int run_client(const char *arguments, int port)
{
    char command[3200];
    snprintf(command, sizeof command, "'%s' %s %d <'%s' >'%s' 2>'%s'",
             check_path("TLSPORT_EXAMPLES", "client"), arguments, port, check_scratch("input"),
             check_scratch("output"), check_scratch("facts"));
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *read_file(const char *name, size_t *len)
{
    char *text = calloc(LEN + 2, 1);
    FILE *in = fopen(check_scratch(name), "r");
    if (text == NULL || in == NULL) {
        perror(name);
        exit(2);
    }
    *len = fread(text, 1, LEN + 1, in);
    fclose(in);
    return text;
}

static char *make_input(void)
{
    char *input = malloc(LEN + 1);
    if (input == NULL) {
        exit(2);
    }
    for (size_t i = 0; i < LEN; i++) {
        input[i] = (char)('a' + (i ^ i >> 9) % 26);
    }
    input[LEN] = '\0';
    check_write("input", input);
    return input;
}

static int are_compiled(void)
{
    return access(check_path("TLSPORT_EXAMPLES", "poll"), X_OK) == 0 &&
           access(check_path("TLSPORT_EXAMPLES", "client"), X_OK) == 0;
}

static void what_the_client_sends_comes_back_whole(void)
{
    const char *const numbers[] = {"5", "6"};
    const char *const names[] = {"TLSv1.2", "TLSv1.3"};
    if (!are_compiled()) {
        SKIP("examples were not compiled: run all subjects");
    }
    char *input = make_input();
    for (int i = 0; i < 2; i++) {
        char more[40];
        char arguments[700];
        long process = 0;
        int port = 0;
        size_t len = 0;
        snprintf(more, sizeof more, "--ssl.protocol=%s", numbers[i]);
        snprintf(arguments, sizeof arguments, "--cafile '%s' 127.0.0.1", check_pki("ca.pem"));
        FILE *server = serve(more, &process, &port);
        CHECK_INT(run_client(arguments, port), 0);
        char *output = read_file("output", &len);
        CHECK_INT(len, LEN);
        CHECK_MEM(output, input, len < LEN ? len : LEN);
        free(output);
        output = read_file("facts", &len);
        CHECK_HAS(output, names[i]);
        CHECK_HAS(output, "verified   ok");
        free(output);
        stop(server, process);
    }
    free(input);
}

static void a_client_does_not_talk_to_just_anyone(void)
{
    long process = 0;
    int port = 0;
    size_t len = 0;
    char arguments[700];
    if (!are_compiled()) {
        SKIP("examples were not compiled: run all subjects");
    }
    check_write("input", "hello\n");
    FILE *server = serve("--ssl.protocol=9", &process, &port);
    snprintf(arguments, sizeof arguments, "--cafile '%s' 127.0.0.1", check_pki("other/ca.pem"));
    CHECK_INT(run_client(arguments, port), 1);
    char *output = read_file("facts", &len);
    CHECK_STR(output, "client: 127.0.0.1: handshake: the server's certificate: "
                      "unable to get local issuer certificate\n");
    free(output);
    CHECK_INT(run_client("--insecure 127.0.0.1", port), 0);
    output = read_file("output", &len);
    CHECK_STR(output, "hello\n");
    free(output);
    CHECK_INT(run_client("--set ssl.ciphr=x 127.0.0.1", port), 1);
    CHECK_INT(run_client("--what 127.0.0.1", port), 2);
    stop(server, process);
}

CHECK_MAIN(TEST(what_the_client_sends_comes_back_whole),
           TEST(a_client_does_not_talk_to_just_anyone))
