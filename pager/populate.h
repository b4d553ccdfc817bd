/* Populating: pages that come before they are touched.
 *
 * A step brings what one message may, so that nobody waits long for it, and says how far it got; an error is told by the step that begins with it. It is
 * FILL_STEP_PAGES, or one large page: to zero that takes longer, and there is no less of it. */
#ifndef QUIRE_PAGER_POPULATE_H
#define QUIRE_PAGER_POPULATE_H

#include "process.h"

/* Brings the pages of [first, limit) that are not there, as many as a step may, of a range which lies in segments; *done: bytes from `first` on whose
 * pages are there now. `large_only`: whole large pages only, of which none is there in smaller ones (ALREADY_MAPPED). NO_MEMORY, LIMIT: nothing was done. */
enum status populate(struct process *process, uint64_t first, uint64_t limit, bool large_only, uint64_t *done);

#endif
