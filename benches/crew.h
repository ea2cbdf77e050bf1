/* crew.h: several processes of one load generator at the same time, for a server that one cannot keep busy. */
#ifndef CREW_H
#define CREW_H

#include <stdbool.h>
#include <stdint.h>

enum { CREW_MOST = 16 };

/* Go on as `count` processes; when one of them fails, all end. */
void crew_start(int count);
/* Whether this is the process that measures and prints. */
bool crew_leads(void);
/* Wait until all of them are here. */
void crew_meet(void);
/* The sum of what they give, known when it returns. */
uint64_t crew_sum(uint64_t own);
/* Before the last meeting: from now on the others may end. */
void crew_dismiss(void);

#endif
