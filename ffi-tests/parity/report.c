/* Facts under names, and the one comparison of them. */
#include "parity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

void must(bool holds, const char *what, const char *file, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: cannot go on without: %s\n", file, line, what);
        ERR_print_errors_fp(stderr);
        exit(2);
    }
}

static void add_arguments(struct text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int needed = vsnprintf(NULL, 0, format, again);
    va_end(again);
    MUST(needed >= 0);
    size_t more = (size_t)needed;
    if (text->length + more + 1 > text->room) {
        text->room = 2 * (text->length + more + 1);
        text->start = realloc(text->start, text->room);
        MUST(text->start);
    }
    vsnprintf(text->start + text->length, more + 1, format, arguments);
    text->length += more;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_arguments(text, format, arguments);
    va_end(arguments);
}

const char *text_get(const struct text *text)
{
    return text->start ? text->start : "";
}

void text_free(struct text *text)
{
    free(text->start);
    *text = (struct text){0};
}

void text_add_reason(struct text *text)
{
    unsigned long error = ERR_get_error();
    if (error == 0) {
        text_add(text, "no error");
    } else {
        const char *reason = ERR_reason_error_string(error);
        text_add(text, "%d %s", ERR_GET_REASON(error), reason ? reason : "");
    }
    ERR_clear_error();
}

void report_take(struct report *report, const char *name, struct text *text)
{
    MUST(report->count < MOST_FACTS);
    if (!text->start) {
        text_add(text, "%s", "");
    }
    struct fact *fact = &report->facts[report->count++];
    const char *prefix = report->prefix ? report->prefix : "";
    MUST(snprintf(fact->name, sizeof fact->name, "%s%s", prefix, name) < (int)sizeof fact->name);
    fact->value = text->start;
    *text = (struct text){0};
}

void report_add(struct report *report, const char *name, const char *format, ...)
{
    struct text text = {0};
    va_list arguments;
    va_start(arguments, format);
    add_arguments(&text, format, arguments);
    va_end(arguments);
    report_take(report, name, &text);
}

void report_free(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->facts[i].value);
    }
    *report = (struct report){0};
}

static const char *find(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->facts[i].name, name) == 0) {
            return report->facts[i].value;
        }
    }
    return NULL;
}

void report_compare(const struct report *left, const struct report *right,
                    differs_callback *differs, void *user)
{
    for (size_t i = 0; i < left->count; i++) {
        const struct fact *fact = &left->facts[i];
        const char *other = find(right, fact->name);
        if (!other || strcmp(fact->value, other) != 0) {
            differs(user, fact->name, fact->value, other ? other : "(nothing)");
        }
    }
    for (size_t i = 0; i < right->count; i++) {
        const struct fact *fact = &right->facts[i];
        if (!find(left, fact->name)) {
            differs(user, fact->name, "(nothing)", fact->value);
        }
    }
}
