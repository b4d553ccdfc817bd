/* What recovery has to know of devices. */
#ifndef QUIRE_PAGER_REQUEST_DEVICE_H
#define QUIRE_PAGER_REQUEST_DEVICE_H

#include "pager.h"

/* For a pager that takes over, once the segments are there: pages of a device that were being mapped go, if nothing came of it. */
void device_undo(const struct pager *pager);

#endif
