/* meter.c: see meter.h. */
#define _GNU_SOURCE
#include "meter.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PIDS = 64 };
static pid_t pids[PIDS];
static int pid_count;

void meter_add(pid_t pid)
{
    if (pid_count == PIDS)
        die("more than %d processes", PIDS);
    pids[pid_count++] = pid;
}

uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        die("cannot read a clock: %s", strerror(errno));
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t meter_cpu(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < pid_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(pids[i], &clock) != 0)
            die("cannot find the CPU clock of process %d: is it gone?", pids[i]);
        sum += read_clock(clock);
    }
    return sum;
}

long meter_pss(void)
{
    long sum = 0;
    for (int i = 0; i < pid_count; i++) {
        char path[64], line[256];
        long pss = -1;
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
        FILE *file = fopen(path, "r");
        while (file && pss < 0 && fgets(line, sizeof line, file))
            sscanf(line, "Pss: %ld", &pss);
        if (pss < 0)
            die("cannot read '%s'", path);
        fclose(file);
        sum += pss;
    }
    return sum;
}
