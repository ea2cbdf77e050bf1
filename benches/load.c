/* load.c: makes work for a TLS server on 127.0.0.1 and reads what the server paid for it.
 *
 *     load WORK --port N [--tls 1.2|1.3|none] [--key EC|RSA] [--verify FILE] [--conns N] [--ms N] [--pid N]...
 *          [--rate N] [--processes N]
 *
 * WORK is one of
 *     full      connect, handshake, one 64-byte echo, clean close; again and again on each of the connections
 *     resumed   the same with the session of the connection before
 *     echo      64-byte round trips on connections that stay open
 *     down, up  requests of 8 MiB on connections that stay open
 *     hold      open all the connections, one echo each, and leave them idle
 *     crowd     the same, say "ready", keep them until standard input ends, and see that all of them are alive
 *
 * After a warm-up every lane parks, the CPU clocks of the processes given by --pid are read, the lanes run for the
 * milliseconds given and park again, and the clocks are read once more: nothing outside the measured work is counted.
 * One line of `name value` pairs is printed. Any failure (another protocol, cipher or group than asked for, a session
 * that is not resumed, a wrong byte, a reset, a stall) ends the program with a message and no figures.
 *
 * Every lane begins anew as soon as it is done. With --rate, that many operations a second begin in all, evenly; one
 * that finds no lane free waits, and its waiting is counted as time it took. With --processes, as many of this program
 * work at once, each with --conns lanes; the times are those of the first. The time of a connection ends with its echo.
 *
 * The certificate and its signature are not checked: the server is what is measured, so it must be the busier one.
 * With --verify they are, by the authority in that file: that is what a client waits for. With --tls none there is no
 * TLS at all; then there is nothing to verify, and `resumed` is `full`. */
#define _GNU_SOURCE
#include "crew.h"
#include "meter.h"
#include "shortcut.h"
#include "wire.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum work { FULL, RESUMED, ECHO, DOWN, UP, HOLD, CROWD };
static const char *const work_names[] = {"full", "resumed", "echo", "down", "up", "hold", "crowd", NULL};

enum state { PARKED, CONNECTING, ASKING, WAITING, CLOSING };

struct lane {
    struct wire wire;
    enum state state;
    bool open;
    bool offered; /* a session, to be resumed */
    SSL_SESSION *session;
    struct request request;
    uint64_t to_send, to_receive; /* bytes left of this request */
    uint64_t began, answered;     /* ns */
};

#define BULK (8u << 20)

static enum work work;
static uint16_t port;
static int version = TLS1_3_VERSION; /* 0: no TLS */
static const char *authority;        /* a file; NULL: nothing is verified */
static const char *key_name = "EC"; /* of the server's certificate, as libcrypto calls it */
static long lane_count = 16;
static double seconds = 0.5;
static uint64_t interval; /* ns from the beginning of one operation to that of the next; 0: no pace */
static int processes = 1;

static SSL_CTX *context; /* NULL: no TLS */
static const SSL_CIPHER *cipher; /* of the first handshake, and so of all */
static bool group_checked;
static int epoll;
static struct lane *lanes;
static long running;      /* lanes that are not parked */
static uint64_t deadline; /* no operation begins after it */
static bool paced;        /* operations begin when they are due, not when a lane is free */
static uint64_t due;      /* with a pace: when the next operation begins */
static uint64_t operations;
static uint64_t *samples; /* ns of each operation of the measured phase */
static size_t sample_room;
static unsigned char scratch[256 * 1024];

static uint64_t now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* --- the client's side of TLS ------------------------------------------------------------------------------------- */

static int accept_any_chain(X509_STORE_CTX *store, void *unused)
{
    (void)store, (void)unused;
    return 1;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct lane *lane = SSL_get_app_data(ssl);
    SSL_SESSION_free(lane->session);
    lane->session = session;
    return 1;
}

static void make_context(void)
{
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        die("cannot make a context");
    wire_tune(context);
    if (authority == NULL) {
        SSL_CTX_set_cert_verify_callback(context, accept_any_chain, NULL);
        shortcut_taken = true;
    } else if (SSL_CTX_load_verify_locations(context, authority, NULL) != 1) {
        die("cannot load the authority '%s'", authority);
    }
    SSL_CTX_set_verify(context, authority ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (!SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"))
        die("cannot set the ciphers");
    if (work == RESUMED) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
}

/* --- one lane ---------------------------------------------------------------------------------------------------- */

static bool one_connection_each(void)
{
    return work == FULL || work == RESUMED;
}

static void park(struct lane *lane)
{
    lane->state = PARKED;
    running--;
}

static void connect_lane(struct lane *lane)
{
    /* A crowd leaves the ports of the usual address to others: a search among few free ones would take them long. */
    const char *source = work == CROWD ? "127.0.0.2" : NULL;
    wire_open(&lane->wire, wire_connect(port, source), context, false, epoll, lane);
    lane->open = true;
    lane->state = CONNECTING;
    if (context == NULL)
        return;
    SSL_set_app_data(lane->wire.ssl, lane);
    if (authority && !SSL_set1_host(lane->wire.ssl, "localhost"))
        die("cannot ask for a name: out of memory");
    lane->offered = lane->session != NULL;
    if (lane->offered)
        SSL_set_session(lane->wire.ssl, lane->session);
}

static void check_key(SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == NULL || !EVP_PKEY_is_a(X509_get0_pubkey(certificate), key_name))
        die("handshake: the server's key is not '%s'", key_name);
}

/* What was negotiated must be the same on every connection; the driver compares it between servers. */
static void check_negotiated(struct lane *lane)
{
    SSL *ssl = lane->wire.ssl;
    if (SSL_version(ssl) != version)
        die("handshake: '%s' was negotiated", SSL_get_version(ssl));
    if (cipher == NULL) {
        cipher = SSL_get_current_cipher(ssl);
        check_key(ssl);
    }
    if (SSL_get_current_cipher(ssl) != cipher)
        die("handshake: '%s' after '%s'", SSL_get_cipher_name(ssl), SSL_CIPHER_get_name(cipher));
    bool resumed = SSL_session_reused(ssl);
    if (resumed != lane->offered)
        die("handshake: the session was %s", resumed ? "resumed" : "not resumed");
    if (version == TLS1_3_VERSION || !resumed) { /* a resumed TLS 1.2 session has no key exchange */
        if (SSL_get_negotiated_group(ssl) != NID_X25519)
            die("handshake: the group is %ld and not X25519", (long)SSL_get_negotiated_group(ssl));
        group_checked = true;
    }
}

static void begin(struct lane *lane)
{
    static const char asks[] = {ASK_ECHO, ASK_ECHO, ASK_ECHO, ASK_DOWN, ASK_UP, ASK_ECHO, ASK_ECHO};
    static uint64_t serial;
    lane->began = now();
    if (!lane->open)
        connect_lane(lane);
    else
        lane->state = ASKING;
    memset(&lane->request, (int)(++serial % 251), sizeof lane->request);
    lane->request.ask = asks[work];
    lane->request.len = BULK;
    lane->to_send = sizeof lane->request + (work == UP ? BULK : 0);
    lane->to_receive = work == DOWN ? BULK : sizeof lane->request;
}

/* With a pace: whether an operation should have begun by now. */
static bool is_due(uint64_t time)
{
    return due <= time && due < deadline;
}

static void count(struct lane *lane)
{
    if (operations == sample_room) {
        sample_room = sample_room ? 2 * sample_room : 4096;
        samples = realloc(samples, sample_room * sizeof *samples);
        if (samples == NULL)
            die("cannot keep the samples: out of memory");
    }
    uint64_t end = now();
    samples[operations++] = lane->answered - lane->began;
    if (!paced && end < deadline) {
        begin(lane);
    } else if (paced && is_due(end)) {
        begin(lane);
        lane->began = due;
        due += interval;
    } else {
        park(lane);
    }
}

/* Send what is left of the request: 1 when it is out. */
static ssize_t ask(struct lane *lane)
{
    while (lane->to_send > 0) {
        uint64_t done = sizeof lane->request + (work == UP ? BULK : 0) - lane->to_send;
        const void *from = scratch;
        uint64_t len = lane->to_send < sizeof scratch ? lane->to_send : sizeof scratch;
        if (done < sizeof lane->request) {
            from = (const char *)&lane->request + done;
            len = sizeof lane->request - done;
        }
        ssize_t n = wire_write(&lane->wire, from, len);
        if (n <= 0)
            return n;
        lane->to_send -= (uint64_t)n;
    }
    return 1;
}

/* Read the answer: 1 when it is all there and right. */
static ssize_t await(struct lane *lane)
{
    while (lane->to_receive > 0) {
        ssize_t n = wire_read(&lane->wire, scratch, sizeof scratch);
        if (n == 0)
            return WIRE_FAILED;
        if (n < 0)
            return n;
        if ((uint64_t)n > lane->to_receive)
            die("answer: %zd bytes where %lu were due", n, (unsigned long)lane->to_receive);
        if (work != DOWN) {
            size_t done = sizeof lane->request - lane->to_receive;
            if (memcmp((char *)&lane->request + done, scratch, (size_t)n) != 0)
                die("answer: not the bytes that were sent");
        }
        lane->to_receive -= (uint64_t)n;
    }
    return 1;
}

/* One step from the lane's state to the next: above 0 to go on at once, WIRE_WAIT to wait for an event. */
static ssize_t step(struct lane *lane)
{
    ssize_t n = 0;
    switch (lane->state) {
    case PARKED: /* a TLS 1.3 ticket, or a server that gives up */
        if (!lane->open)
            return WIRE_WAIT;
        n = wire_read(&lane->wire, scratch, sizeof scratch);
        if (n >= 0)
            die("an idle connection %s", n ? "had something to say" : "was closed");
        return n;
    case CONNECTING:
        if (context) {
            if ((n = wire_handshake(&lane->wire)) != 1)
                return n;
            check_negotiated(lane);
        }
        lane->state = ASKING;
        return 1;
    case ASKING:
        if ((n = ask(lane)) == 1)
            lane->state = WAITING;
        return n;
    case WAITING:
        if ((n = await(lane)) != 1)
            return n;
        lane->answered = now();
        if (!one_connection_each()) {
            count(lane);
            return 1;
        }
        wire_finish(&lane->wire);
        lane->state = CLOSING;
        return 1;
    case CLOSING:
        if ((n = wire_read_end(&lane->wire)) != 0)
            return n;
        wire_close(&lane->wire);
        lane->open = false;
        count(lane);
        return WIRE_WAIT;
    }
    return WIRE_FAILED;
}

static void turn(struct lane *lane)
{
    static const char *const state_names[] = {"idle", "handshake", "asking", "waiting for the answer", "closing"};
    ssize_t n;
    while ((n = step(lane)) > 0)
        continue;
    wire_flush(&lane->wire);
    if (n == WIRE_FAILED || n == 0 || lane->wire.failed)
        die("%s: the connection failed: %s", state_names[lane->state], errno ? strerror(errno) : "closed early");
}

/* --- phases ------------------------------------------------------------------------------------------------------ */

static void start(struct lane *lane)
{
    running++;
    begin(lane);
    if (lane->state == ASKING)
        turn(lane);
}

/* With a pace: begin what is due on lanes that are free. */
static void keep_pace(int timer)
{
    static const struct itimerspec never;
    static long next;
    uint64_t ticks;
    if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
        die("cannot read the timer: %s", strerror(errno));
    if (due >= deadline)
        timerfd_settime(timer, 0, &never, NULL); /* a stall must not go unnoticed for its ticks */
    while (running < lane_count && is_due(now())) {
        while (lanes[next].state != PARKED)
            next = (next + 1) % lane_count;
        due += interval;
        start(&lanes[next]);
    }
}

static void run_until_parked(int timer)
{
    struct epoll_event events[256];
    while (running > 0 || (timer >= 0 && due < deadline)) {
        int n = epoll_wait(epoll, events, 256, 5000);
        if (n == 0)
            die("stalled: %ld of %ld connections made no progress for 5 seconds", running, lane_count);
        for (int i = 0; i < n; i++) {
            struct wire *wire = events[i].data.ptr;
            errno = 0;
            if (wire == NULL) {
                keep_pace(timer);
                continue;
            }
            wire_event(wire, events[i].events);
            turn(wire->owner);
        }
    }
}

/* Let the lanes from `first` to before `last` work until `deadline`, at least one operation each. */
static void run_lanes(long first, long last)
{
    for (long i = first; i < last; i++)
        start(&lanes[i]);
    run_until_parked(-1);
}

/* The same with a pace. */
static void run_paced(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct timespec every = {.tv_sec = (time_t)(interval / 1000000000), .tv_nsec = (long)(interval % 1000000000)};
    struct itimerspec times = {.it_value = every, .it_interval = every};
    struct epoll_event event = {.events = EPOLLIN};
    prctl(PR_SET_TIMERSLACK, 1);
    due = now() + interval;
    if (timer < 0 || timerfd_settime(timer, 0, &times, NULL) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0)
        die("cannot make a timer: %s", strerror(errno));
    run_until_parked(timer);
    close(timer);
}

/* Let all of them work for `duration` seconds; returns the time it took in ns. */
static uint64_t run(double duration, bool with_pace)
{
    uint64_t start = now();
    operations = 0;
    paced = with_pace;
    deadline = start + (uint64_t)(duration * 1e9);
    if (paced)
        run_paced();
    else
        run_lanes(0, lane_count);
    uint64_t took = now() - start;
    usleep(3000); /* the server closes what we have closed */
    return took;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void measure(void)
{
    run(0.03, false); /* warm up */
    for (long i = 0; i < lane_count && work == RESUMED; i++)
        if (lanes[i].session == NULL)
            die("the server gave no session to resume");
    crew_meet();
    uint64_t cpu = meter_cpu(), own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    crew_meet();
    uint64_t wall = run(seconds, interval > 0);
    own = crew_sum(read_clock(CLOCK_PROCESS_CPUTIME_ID) - own);
    cpu = meter_cpu() - cpu;
    uint64_t sum = crew_sum(operations);
    if (operations == 0)
        die("nothing was done in %.3f seconds", seconds);
    qsort(samples, operations, sizeof *samples, by_size);
    if (crew_leads())
        printf("operations %lu bytes %lu wall_ns %lu cpu_ns %lu load_cpu_ns %lu p50_ns %lu p99_ns %lu", sum,
               work == DOWN || work == UP ? sum * BULK : 0, wall, cpu, own, samples[operations / 2],
               samples[operations * 99 / 100]);
}

/* One operation on every lane, a few at a time: a burst of SYNs is not what is measured. */
static void visit(long first)
{
    enum { AT_ONCE = 128 };
    deadline = 0;
    for (; first < lane_count; first += AT_ONCE)
        run_lanes(first, first + AT_ONCE < lane_count ? first + AT_ONCE : lane_count);
}

static void hold(void)
{
    const long warm = 128; /* what the server allocates once is not counted */
    if (lane_count <= warm)
        die("hold: more than %ld connections are needed", warm);
    run_lanes(0, warm);
    long before = meter_pss();
    visit(warm);
    usleep(2000000); /* a server may give back what it no longer needs once it is left alone */
    long after = meter_pss();
    uint64_t cpu = meter_cpu(), wall = now();
    usleep((useconds_t)(seconds * 1e6));
    cpu = meter_cpu() - cpu;
    wall = now() - wall;
    visit(0); /* all of them are alive */
    printf("operations %ld pss_kib %ld wall_ns %lu cpu_ns %lu", lane_count - warm, after - before, wall, cpu);
}

static void crowd(void)
{
    visit(0);
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, scratch, sizeof scratch) > 0)
        continue;
    visit(0); /* all of them are alive */
    printf("operations %ld wall_ns 0 cpu_ns 0", lane_count);
}

/* --- command line ------------------------------------------------------------------------------------------------ */

static void read_option(const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0)
        port = (uint16_t)number(value);
    else if (strcmp(name, "--tls") == 0 && strcmp(value, "1.2") == 0)
        version = TLS1_2_VERSION;
    else if (strcmp(name, "--tls") == 0 && strcmp(value, "1.3") == 0)
        version = TLS1_3_VERSION;
    else if (strcmp(name, "--tls") == 0 && strcmp(value, "none") == 0)
        version = 0;
    else if (strcmp(name, "--key") == 0)
        key_name = value;
    else if (strcmp(name, "--verify") == 0)
        authority = value;
    else if (strcmp(name, "--conns") == 0)
        lane_count = number(value);
    else if (strcmp(name, "--ms") == 0)
        seconds = (double)number(value) / 1000;
    else if (strcmp(name, "--pid") == 0)
        meter_add((pid_t)number(value));
    else if (strcmp(name, "--rate") == 0 && number(value) > 0)
        interval = 1000000000u / (uint64_t)number(value);
    else if (strcmp(name, "--processes") == 0)
        processes = (int)number(value);
    else
        die("'%s %s' is not an option of load", name, value);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2)
        die("usage: load full|resumed|echo|down|up|hold|crowd --port N [--tls 1.2|1.3|none] [--key EC|RSA] "
            "[--verify FILE] [--conns N] [--ms N] [--pid N]... [--rate N] [--processes N]");
    while (work_names[work] && strcmp(work_names[work], argv[1]) != 0)
        work++;
    if (work_names[work] == NULL)
        die("'%s' is not one of full, resumed, echo, down, up, hold, crowd", argv[1]);
    for (int i = 2; i < argc; i += 2)
        read_option(argv[i], argv[i + 1]);
    if (processes > 1 && (work == HOLD || work == CROWD))
        die("%s: one process is enough", argv[1]);
    raise_file_limit();
    crew_start(processes);
    if (version == 0 && work == RESUMED)
        work = FULL;
    if (version != 0)
        make_context();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    lanes = calloc((size_t)lane_count, sizeof *lanes);
    if (epoll < 0 || lanes == NULL || lane_count == 0)
        die("cannot make %ld lanes", lane_count);
    switch (work) {
    case HOLD: hold(); break;
    case CROWD: crowd(); break;
    default: measure();
    }
    if (crew_leads())
        printf(" protocol %s cipher %s group %s\n", version == 0                ? "none"
                                                   : version == TLS1_3_VERSION ? "TLSv1.3"
                                                                               : "TLSv1.2",
               cipher ? SSL_CIPHER_get_name(cipher) : "-", group_checked ? "X25519" : "-");
    crew_dismiss();
    crew_meet();
    return 0;
}
