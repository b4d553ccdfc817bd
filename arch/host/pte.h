/* Entries of the host port are those of x86-64, bit for bit: the tests then run the table algorithm over the very format that the machine reads. */
#include "../x86_64/pte.h"
