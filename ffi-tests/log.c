/* The log: who is called and when, and what is refused. What is logged is for other subjects. */
#include "check.h"

static void count(void *user, int level, const char *line)
{
    (void)level;
    (void)line;
    ++*(int *)user;
}

static void a_level_that_is_none_is_refused(void)
{
    int calls = 0;
    const int levels[] = {-1, 6, 2147483647, -2147483647 - 1};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        CHECK_STATUS(tlsport_log_set(count, &calls, levels[i]), TLSPORT_ERROR_USAGE);
        CHECK_HAS(tlsport_last_error(), "is not one of 0 to 5");
    }
    CHECK_INT(calls, 0);
}

static void every_level_is_taken_and_null_turns_it_off(void)
{
    int calls = 0;
    for (int level = TLSPORT_LOG_OFF; level <= TLSPORT_LOG_TRACE; level++) {
        CHECK_OK(tlsport_log_set(count, &calls, level));
    }
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_TRACE));
    CHECK_OK(tlsport_log_set(NULL, NULL, TLSPORT_LOG_OFF));
}

CHECK_MAIN(TEST(a_level_that_is_none_is_refused), TEST(every_level_is_taken_and_null_turns_it_off))
