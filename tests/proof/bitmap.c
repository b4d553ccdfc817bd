/* The pure functions of the tiered bitmap (microkernel/bitmap_tiers.h): no shift too long, no index out of a table, results within their bounds,
 * and what runs_double and runs_find say about each bit.
 *
 * Proved: runs_double, runs_find, order_tier, order_run, run_bits, run_words, run_is_set, run_flip */
#include "builtins.h"

#include "bits.h"
#include "bitmap.h"

/*@ requires order <= 5;
    assigns \nothing;
    ensures \result <= runs;
    ensures order == 0 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 1 < 64 && bit(runs, i + 1) && i % 2 == 0);
    ensures order == 1 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 2 < 64 && bit(runs, i + 2) && i % 4 == 0);
    ensures order == 2 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 4 < 64 && bit(runs, i + 4) && i % 8 == 0);
    ensures order == 3 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 8 < 64 && bit(runs, i + 8) && i % 16 == 0);
    ensures order == 4 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 16 < 64 && bit(runs, i + 16) && i % 32 == 0);
    ensures order == 5 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> bit(runs, i) && i + 32 < 64 && bit(runs, i + 32) && i % 64 == 0); */
static inline uint64_t runs_double(uint64_t runs, unsigned order);

/*@ requires order <= 6;
    assigns \nothing;
    ensures \result <= mask;
    ensures order == 0 ==> \result == mask;
    ensures order == 1 ==> \forall integer i; 0 <= i < 64 ==> (bit(\result, i) <==> i % 2 == 0 && i + 1 < 64 && bit(mask, i) && bit(mask, i + 1));
    ensures order == 2 ==> \forall integer i; 0 <= i < 64 ==> bit(\result, i) ==> i % 4 == 0;
    ensures order == 3 ==> \forall integer i; 0 <= i < 64 ==> bit(\result, i) ==> i % 8 == 0;
    ensures order == 4 ==> \forall integer i; 0 <= i < 64 ==> bit(\result, i) ==> i % 16 == 0;
    ensures order == 5 ==> \forall integer i; 0 <= i < 64 ==> bit(\result, i) ==> i % 32 == 0;
    ensures order == 6 ==> \forall integer i; 0 <= i < 64 ==> bit(\result, i) ==> i % 64 == 0; */
static inline uint64_t runs_find(uint64_t mask, unsigned order);

/*@ requires order <= 18;
    assigns \nothing;
    ensures order < 9 ==> \result == 0;
    ensures 9 <= order < 18 ==> \result == 1;
    ensures order == 18 ==> \result == 2; */
static inline unsigned order_tier(unsigned order);

/*@ requires order <= 18;
    assigns \nothing;
    ensures \result == order % 9; */
static inline unsigned order_run(unsigned order);

/*@ requires order <= 9;
    assigns \nothing;
    ensures order == 0 ==> \result == 1;
    ensures order == 1 ==> \result == 3;
    ensures order == 2 ==> \result == 0xf;
    ensures order == 3 ==> \result == 0xff;
    ensures order == 4 ==> \result == 0xffff;
    ensures order == 5 ==> \result == 0xffffffff;
    ensures order >= 6 ==> \result == 0xffffffffffffffff; */
static inline uint64_t run_bits(unsigned order);

/*@ requires order <= 9;
    assigns \nothing;
    ensures order <= 6 ==> \result == 1;
    ensures order == 7 ==> \result == 2;
    ensures order == 8 ==> \result == 4;
    ensures order == 9 ==> \result == 8; */
static inline unsigned run_words(unsigned order);

/* An aligned run ends within the eight words of its node. */
/*@ requires order <= 8 && at < 512;
    requires order == 7 ==> at <= 384;
    requires order == 8 ==> at <= 256;
    requires \valid_read(units + (0..7));
    assigns \nothing;
    ensures \result == 0 || \result == 1;
    ensures order == 6 && at == 0 ==> (\result == 1 <==> units[0] == 0xffffffffffffffff); */
static inline bool run_is_set(const uint64_t *units, unsigned at, unsigned order);

/*@ requires order <= 8 && at < 512;
    requires order == 7 ==> at <= 384;
    requires order == 8 ==> at <= 256;
    requires \valid(units + (0..7));
    assigns units[0..7];
    ensures \forall integer i; 0 <= i < 8 && (i < at / 64 || i > at / 64 + 3) ==> units[i] == \old(units[i]);
    ensures order <= 6 ==> \forall integer i; 0 <= i < 8 && i != at / 64 ==> units[i] == \old(units[i]); */
static inline void run_flip(uint64_t *units, unsigned at, unsigned order);

#include "bitmap_tiers.h"
