/* The compiler's checked arithmetic, as contracts: assumptions of the proofs (tests/proof/README.md). tools/plain_c.py puts these names in. */
#ifndef QUIRE_PROOF_BUILTINS_H
#define QUIRE_PROOF_BUILTINS_H

#include <stdint.h>

/*@ requires \valid(result);
    assigns *result, \result \from one, other;
    ensures \result == (one + other > 18446744073709551615 ? 1 : 0);
    ensures \result == 0 ==> *result == one + other; */
bool proof_add_overflow(uint64_t one, uint64_t other, uint64_t *result);

/*@ requires \valid(result);
    assigns *result, \result \from one, other;
    ensures \result == (one * other > 18446744073709551615 ? 1 : 0);
    ensures \result == 0 ==> *result == one * other; */
bool proof_mul_overflow(uint64_t one, uint64_t other, uint64_t *result);

/* An assert that can fail is a goal that cannot be proved. */
/*@ requires \false;
    assigns \nothing; */
[[noreturn]] void assert_failed(const char *condition, const char *file, int line);

#endif
