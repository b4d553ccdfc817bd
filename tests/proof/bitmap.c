/* The pure functions of the tiered bitmap (microkernel/bitmap_tiers.h): no shift too long, no index out of a table, results within their bounds,
 * and what runs_double and runs_find say about each bit.
 *
 * Proved: runs_double, runs_find, pair_grow, line_orders, line_column, orders_to_slots, line_filled, group_partly, section_partly */
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

/*@ requires at < 64;
    assigns \nothing;
    ensures 1 <= \result <= 6;
    ensures \result >= 2 ==> ((mask >> (at & 60)) & 0xf) == 0xf;
    ensures \result >= 3 ==> ((mask >> (at & 56)) & 0xff) == 0xff;
    ensures \result >= 4 ==> ((mask >> (at & 48)) & 0xffff) == 0xffff;
    ensures \result >= 5 ==> ((mask >> (at & 32)) & 0xffffffff) == 0xffffffff;
    ensures \result == 6 ==> mask == 0xffffffffffffffff;
    ensures mask == 0xffffffffffffffff && at == 0 ==> \result == 6; */
static inline unsigned pair_grow(uint64_t mask, unsigned at);

/* Assumed, not proved: it needs that at most three doublings leave anything of eight bits. */
/*@ requires mask <= 255;
    assigns \nothing;
    ensures \result <= 15; */
static inline uint32_t runs_orders_line(uint32_t mask);

/*@ assigns \nothing;
    ensures \result <= 1023; */
static inline uint32_t line_orders(uint64_t line);

/*@ requires orders <= 127 && word <= 7;
    assigns \nothing;
    ensures \result <= 0x0080808080808080; */
static inline uint64_t line_column(uint32_t orders, unsigned word);

/*@ assigns \nothing;
    ensures \result < 0x100000; */
static inline uint32_t orders_to_slots(uint32_t orders);

/*@ assigns \nothing;
    ensures \result <= 255; */
static inline uint64_t line_filled(uint64_t line);

/*@ requires \valid_read(group);
    assigns \nothing; */
static inline uint64_t group_partly(const struct bitmap_group *group);

/*@ requires \valid_read(section);
    assigns \nothing; */
static inline uint64_t section_partly(const struct bitmap_section *section);

#include "bitmap_tiers.h"
