/* shortcut.h: what load.c leaves out of a client's handshake, so that the server is the busier of the two. */
#ifndef SHORTCUT_H
#define SHORTCUT_H

#include <stdbool.h>

/* Off at first: libssl then does all that a client has to do. */
extern bool shortcut_taken;

#endif
