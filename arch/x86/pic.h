/* The two 8259 interrupt controllers, whose 16 lines come through the local APIC's first pin (AMD64 manual vol. 2, 16.5: ExtINT). */
#ifndef QUIRE_PIC_H
#define QUIRE_PIC_H

#include <stdint.h>

constexpr uint32_t PIC_VECTOR = 40, PIC_LINES = 16; /* vectors [40, 56) */

/* Gives the lines their vectors and closes all. */
void pic_initialise(void);
/* The vector's interrupt has come: closes its line and tells the controllers that it was seen. False: it was spurious, no line asked. */
bool pic_take(unsigned line);

#endif
