/* meter.h: what the processes of the server have used. */
#ifndef METER_H
#define METER_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Count this process, too. */
void meter_add(pid_t pid);
/* CPU time of all of them in ns: user and system. */
uint64_t meter_cpu(void);
/* Memory of all of them in KiB, shared pages counted in proportion. */
long meter_pss(void);

/* A clock in ns. */
uint64_t read_clock(clockid_t clock);

#endif
