/* The header alone in C++: see header.c, whose text this is. */
#include "header.c"
