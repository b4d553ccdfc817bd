/* The victim's messages: see victim.c. Shared by the victim, the suite that asks it, and the subjects that attack it. */
#ifndef QUIRE_VICTIM_H
#define QUIRE_VICTIM_H

#include <stdint.h>

#define VICTIM_NAME "victim"

enum victim_request : uint32_t {
    VICTIM_BEAT = 1, /* reply: word 0 how often it was asked, word 1 how many of its pages are not as it left them */
};

constexpr uint64_t VICTIM_STOP = 1; /* notification */

#endif
