/* Shortage: a page was touched that its family may not have, or for which the kernel has no frame. There is nobody to tell, so a process ends; which one is
 * decided here.
 *
 *   fewer pages ahead --> its own family pays --> what members keep for later is given back --> what is going is gone --> one member ends --> the fault again
 *
 * While memory of a member is being taken out in steps (work.h), because it was unmapped or because its process has ended, each such fault brings one step and
 * comes again.
 * The steps come in this order, each only when the one before was not enough. By then every request of the family that wanted more was answered
 * NO_MEMORY or LIMIT, and who asked for an alarm has been told. It is the member that is charged most, of several the one that was started last; but the
 * toucher itself where that one has less than twice as much: among many of one size each touch would end the next of them, for ever. That is decided by
 * numbers that the log tells; chance has no part in it. Other families lose nothing by it. */
#ifndef QUIRE_PAGER_SHORTAGE_H
#define QUIRE_PAGER_SHORTAGE_H

#include "pager.h"

/* The members of a family give back what they keep for later: regions and runs of their areas that nothing uses, pages of endpoints that have ended.
 * False: there was nothing. */
bool shortage_trim(const struct pager *pager, const struct family *family);
/* The running member of a family that is charged most; of several the youngest. */
struct process *shortage_choose(const struct pager *pager, const struct family *family);
/* Ends the one that is to end (above), when the family of `toucher` can have no page more. False: it is the toucher, which has not ended yet. */
bool shortage_end_another(struct pager *pager, const struct process *toucher);

#endif
