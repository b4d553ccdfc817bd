/* Between the loop over the cases and their expectations. */
#ifndef QUIRE_CASE_RUN_H
#define QUIRE_CASE_RUN_H

/* Forgets what went before. */
void case_begin(void);
/* What did not hold since case_begin(), as text without double quotes; empty: everything held. */
const char *case_detail(void);

#endif
