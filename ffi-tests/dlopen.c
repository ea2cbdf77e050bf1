/*
 * A host that loads the library when it wants, and unloads it: a plugin is used like that.
 * A thread that used it outlives the unloading. This program is not linked with the library,
 * hence without check.h.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t used, unloaded;
static int failures;

static void check(int holds, const char *what)
{
    if (!holds) {
        failures++;
        printf("ffi-tests/dlopen.c: %s\n", what);
    }
}

typedef void *make_function(void);
typedef void *from_function(void *);
typedef void free_function(void *);
typedef int set_function(void *, const char *, const char *);
typedef const char *text_function(void);

/* A function of the library. C has no cast from an object's address to a function's: a union. */
union function {
    void *address;
    make_function *make;
    from_function *from;
    free_function *free;
    set_function *set;
    text_function *text;
};

static union function find(void *library, const char *name)
{
    union function found = {.address = dlsym(library, name)};
    if (found.address == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    return found;
}

/* Leaves traces of every kind: libssl's, the library's own of this thread, an error text. */
static void use(void *library)
{
    char keyfile[512];
    void *settings = find(library, "tlsport_settings_new").make();
    snprintf(keyfile, sizeof keyfile, "%s/server.pem", getenv("TLSPORT_PKI"));
    check(find(library, "tlsport_settings_set").set(settings, "ssl.keyfile", keyfile) == 0, "set");
    void *context = find(library, "tlsport_context_new").from(settings);
    check(context != NULL, "a context is made");
    find(library, "tlsport_context_free").free(context);
    find(library, "tlsport_settings_free").free(settings);
    check(find(library, "tlsport_context_new").from(NULL) == NULL, "null is refused");
    check(find(library, "tlsport_last_error").text()[0] != '\0', "and why is told");
}

static void *worker(void *library)
{
    use(library);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL; /* what the library keeps for this thread is taken down after it was unloaded */
}

static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    return library;
}

/* Whoever holds an address in it, such as libssl, may still go there. */
static void check_stays(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    check(library != NULL, "its code stays when it is unloaded");
    if (library != NULL) {
        dlclose(library);
    }
}

int main(void)
{
    const char *path = getenv("TLSPORT_LIBRARY");
    void *library = load(path);
    check(find(library, "tlsport_version").text() != NULL, "it has a version");
    dlclose(library);
    check_stays(path);

    library = load(path);
    pthread_t thread;
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&unloaded, NULL, 2);
    pthread_create(&thread, NULL, worker, library);
    pthread_barrier_wait(&used);
    check(dlclose(library) == 0, "it lets itself be unloaded");
    pthread_barrier_wait(&unloaded);
    pthread_join(thread, NULL);

    library = load(path);
    use(library);
    dlclose(library);
    printf("%s a host loads it, uses it, unloads it and does it again\n",
           failures == 0 ? "ok  " : "FAIL");
    return failures == 0 ? 0 : 1;
}
