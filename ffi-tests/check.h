/*
 * check.h: the kit of these tests. A subject is one program; its table of tests is its main:
 *
 *   static void a_null_handle_is_refused(void)
 *   {
 *       CHECK_STATUS(tlsport_settings_set(NULL, "a", "b"), TLSPORT_ERROR_USAGE);
 *   }
 *
 *   CHECK_MAIN(TEST(a_null_handle_is_refused))
 *
 * A CHECK that fails says file, line, expression, what was expected and what came, counts, and
 * the test goes on; REQUIRE leaves the test. Arguments are evaluated once. A test also fails
 * when it leaves more descriptors open than it found. CHECK may be used on any thread, REQUIRE
 * and SKIP in the test itself only. Arguments of the program name the tests to run.
 *
 * Certificates are in the folder check_pki names; ffi-tests/run makes them, and says which.
 */
#ifndef CHECK_H
#define CHECK_H

#include "tlsport.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct check_test {
    const char *name;
    void (*run)(void);
};

static int check_failures;
static const char *check_skipped;

#define TEST(function) {#function, function}

/* Is true where the condition holds, so that a test can say more or leave. */
#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition) ? 1 : 0)

/* Numbers that are the same. */
#define CHECK_INT(got, expected) \
    check_int(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(expected))

/* The same bits. */
#define CHECK_BITS(got, expected) \
    check_bits(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(expected))

/* Texts that are the same; null is one of its own. */
#define CHECK_STR(got, expected) check_str(__FILE__, __LINE__, #got, (got), (expected))

/* A text with that in it. */
#define CHECK_HAS(got, part) check_has(__FILE__, __LINE__, #got, (got), (part))

/* Bytes that are the same. */
#define CHECK_MEM(got, expected, len) \
    check_mem(__FILE__, __LINE__, #got, (got), (expected), (len))

/* A call that is fine: a status of TLSPORT_OK, which the library remembers. Else its text. */
#define CHECK_OK(call) check_status(__FILE__, __LINE__, #call, (intmax_t)(call), TLSPORT_OK)

/*
 * A call that answers with that status, and leaves it in tlsport_last_status, with a text in
 * tlsport_last_error where it is an error and none where it is a want.
 */
#define CHECK_STATUS(call, expected) \
    check_status(__FILE__, __LINE__, #call, (intmax_t)(call), (expected))

/* A call that answers with null because of that status, as above. */
#define CHECK_NULL(call, expected) \
    check_null(__FILE__, __LINE__, #call, (call) == NULL, (expected))

/* Leaves the test where the condition does not hold, with what the library says. */
#define REQUIRE(condition) \
    do { \
        if (!check_true(__FILE__, __LINE__, #condition, (condition) ? 1 : 0)) { \
            check_say_last_error(); \
            return; \
        } \
    } while (0)

#define REQUIRE_OK(call) \
    do { \
        if (!CHECK_OK(call)) { \
            return; \
        } \
    } while (0)

/* Leaves the test, which cannot run here. The reason is a text that tells why. */
#define SKIP(reason) \
    do { \
        check_skipped = (reason); \
        return; \
    } while (0)

#define CHECK_MAIN(...) \
    int main(int argc, char **argv) \
    { \
        const struct check_test tests[] = {__VA_ARGS__}; \
        return check_run(tests, sizeof tests / sizeof tests[0], argc, argv); \
    }

/* ---- What the macros are made of ---------------------------------------------------------- */

static inline int check_failed(const char *file, int line, const char *expression)
{
    __sync_fetch_and_add(&check_failures, 1);
    printf("%s:%d: %s\n", file, line, expression);
    return 0;
}

static inline void check_say_last_error(void)
{
    const char *text = tlsport_last_error();
    if (text[0] != '\0') {
        printf("    said:     %s: %s\n", tlsport_status_name(tlsport_last_status()), text);
    }
}

static inline int check_true(const char *file, int line, const char *expression, int holds)
{
    return holds ? 1 : check_failed(file, line, expression);
}

static inline int check_int(const char *file, int line, const char *expression, intmax_t got,
                            intmax_t expected)
{
    if (got == expected) {
        return 1;
    }
    check_failed(file, line, expression);
    printf("    expected: %" PRIdMAX "\n    got:      %" PRIdMAX "\n", expected, got);
    return 0;
}

static inline int check_bits(const char *file, int line, const char *expression, uint64_t got,
                             uint64_t expected)
{
    if (got == expected) {
        return 1;
    }
    check_failed(file, line, expression);
    printf("    expected: 0x%016" PRIx64 "\n    got:      0x%016" PRIx64 "\n", expected, got);
    return 0;
}

static inline int check_str(const char *file, int line, const char *expression, const char *got,
                            const char *expected)
{
    if (got == expected || (got != NULL && expected != NULL && strcmp(got, expected) == 0)) {
        return 1;
    }
    check_failed(file, line, expression);
    printf("    expected: %s%s%s\n", expected ? "\"" : "", expected ? expected : "null",
           expected ? "\"" : "");
    printf("    got:      %s%s%s\n", got ? "\"" : "", got ? got : "null", got ? "\"" : "");
    return 0;
}

static inline int check_has(const char *file, int line, const char *expression, const char *got,
                            const char *part)
{
    if (got != NULL && strstr(got, part) != NULL) {
        return 1;
    }
    check_failed(file, line, expression);
    printf("    expected: a text with \"%s\"\n    got:      %s%s%s\n", part, got ? "\"" : "",
           got ? got : "null", got ? "\"" : "");
    return 0;
}

static inline int check_mem(const char *file, int line, const char *expression, const void *got,
                            const void *expected, size_t len)
{
    const unsigned char *a = got;
    const unsigned char *b = expected;
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) {
            check_failed(file, line, expression);
            printf("    expected: 0x%02x at byte %zu of %zu\n    got:      0x%02x\n", b[i], i, len,
                   a[i]);
            return 0;
        }
    }
    return 1;
}

/* What the last call left for tlsport_last_status and tlsport_last_error. */
static inline int check_left(const char *file, int line, const char *expression, int expected)
{
    int last = tlsport_last_status();
    int says = tlsport_last_error()[0] != '\0';
    int ought = expected < TLSPORT_WANT_WRITE;
    if (last == expected && says == ought) {
        return 1;
    }
    check_failed(file, line, expression);
    printf("    expected: to leave %s and %s text\n    got:      %s, \"%s\"\n",
           tlsport_status_name(expected), ought ? "a" : "no", tlsport_status_name(last),
           tlsport_last_error());
    return 0;
}

static inline int check_status(const char *file, int line, const char *expression, intmax_t got,
                               int expected)
{
    if (got == expected) {
        return check_left(file, line, expression, expected);
    }
    check_failed(file, line, expression);
    printf("    expected: %s\n    got:      %" PRIdMAX "%s%s\n", tlsport_status_name(expected), got,
           got < 0 ? ", " : "", got < 0 ? tlsport_status_name((int)got) : "");
    check_say_last_error();
    return 0;
}

static inline int check_null(const char *file, int line, const char *expression, int is_null,
                             int expected)
{
    if (is_null) {
        return check_left(file, line, expression, expected);
    }
    check_failed(file, line, expression);
    printf("    expected: null\n    got:      a pointer\n");
    return 0;
}

/* ---- What tests need besides --------------------------------------------------------------- */

/* Joins a folder that ffi-tests/run names and a file; a few of them may be held at once. */
static inline const char *check_path(const char *variable, const char *file)
{
    static char paths[8][512];
    static unsigned next;
    const char *folder = getenv(variable);
    char *path = paths[__sync_fetch_and_add(&next, 1) % 8];
    if (folder == NULL) {
        fprintf(stderr, "%s is not set: start the tests by ffi-tests/run\n", variable);
        exit(2);
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, file);
    return path;
}

/* A file of the certificates. */
static inline const char *check_pki(const char *file)
{
    return check_path("TLSPORT_PKI", file);
}

/* A file in an empty folder of this program's own. */
static inline const char *check_scratch(const char *file)
{
    return check_path("TLSPORT_SCRATCH", file);
}

/* Writes a file there and names it. */
static inline const char *check_write(const char *file, const char *text)
{
    const char *path = check_scratch(file);
    FILE *out = fopen(path, "w");
    if (out == NULL || fputs(text, out) == EOF || fclose(out) == EOF) {
        perror(path);
        exit(2);
    }
    return path;
}

/* Milliseconds of a clock that never goes back. */
static inline int64_t check_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets others run for a moment: inside a loop that looks for something, with a deadline. */
static inline void check_nap(void)
{
    struct timespec moment = {0, 2000000};
    nanosleep(&moment, NULL);
}

/* How long a test may wait for what must come; long enough for valgrind on a busy machine. */
#define CHECK_DEADLINE_MS 30000

/* Waits until the condition holds. */
#define CHECK_SOON(condition) \
    do { \
        int64_t check_until = check_now_ms() + CHECK_DEADLINE_MS; \
        while (!(condition) && check_now_ms() < check_until) { \
            check_nap(); \
        } \
        CHECK(condition); \
    } while (0)

static inline int check_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    if (folder == NULL) {
        return 0;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* The function's name as the sentence it is. */
static inline void check_print_name(const char *verdict, const char *name)
{
    printf("%s ", verdict);
    for (; *name != '\0'; name++) {
        putchar(*name == '_' ? ' ' : *name);
    }
}

static inline int check_is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return 1;
        }
    }
    return argc < 2;
}

static inline int check_run_one(const struct check_test *test)
{
    int failures = check_failures;
    int before = check_descriptors();
    check_skipped = NULL;
    test->run();
    int left = check_descriptors() - before;
    if (left > 0) {
        check_failures++;
        printf("%d descriptors were left open\n", left);
    }
    int failed = check_failures != failures;
    check_print_name(failed ? "FAIL" : check_skipped ? "skip" : "ok  ", test->name);
    printf("%s%s\n", check_skipped ? ": " : "", check_skipped ? check_skipped : "");
    fflush(stdout);
    return failed;
}

static inline int check_run(const struct check_test *tests, size_t count, int argc, char **argv)
{
    int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* What is opened once for the whole process is no test's. */
    if (tlsport_start() != TLSPORT_OK) {
        printf("tlsport_start: %s\n", tlsport_last_error());
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (check_is_wanted(tests[i].name, argc, argv)) {
            failed += check_run_one(&tests[i]);
        }
    }
    return failed == 0 ? 0 : 1;
}

#endif
