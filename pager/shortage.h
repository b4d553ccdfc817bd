/* Shortage: a page was touched that its family may not have. There is nobody to tell, so a process ends; which one is decided here.
 *
 *   fewer pages ahead --> its own family pays --> what members keep for later is given back --> the member that is charged most ends --> the fault again
 *
 * The steps come in this order, each only when the one before was not enough. By then every request of the family that wanted more was answered
 * NO_MEMORY or LIMIT, and who asked for an alarm has been told. Of members that are charged the same the one that was started last ends. That is
 * decided by numbers that the log tells; neither who touched the page nor chance has a part in it. Other families lose nothing by it. */
#ifndef QUIRE_PAGER_SHORTAGE_H
#define QUIRE_PAGER_SHORTAGE_H

#include "pager.h"

/* The members of a family give back what they keep for later: regions and runs of their areas that nothing uses, pages of endpoints that have ended.
 * False: there was nothing. */
bool shortage_trim(const struct pager *pager, const struct family *family);
/* The running member of a family that is charged most; of several the youngest. */
struct process *shortage_choose(const struct pager *pager, const struct family *family);
/* Ends the one that is to end, when the family of `toucher` can have no page more. False: it is the toucher, which has not ended yet. */
bool shortage_end_another(struct pager *pager, const struct process *toucher);

#endif
