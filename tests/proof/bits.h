/* Facts about bits that the provers of whole numbers do not have: lemmas here, proved for words of 64 bits in bits.smt2 by a prover that does.
 *
 * bit(x, i): bit i of x is set. */
#ifndef QUIRE_PROOF_BITS_H
#define QUIRE_PROOF_BITS_H

/*@ lemma and_bounds: \forall integer x, y; 0 <= x && 0 <= y ==> 0 <= (x & y) && (x & y) <= x && (x & y) <= y;
    lemma or_bounds: \forall integer x, y; 0 <= x && 0 <= y ==> x <= (x | y) && y <= (x | y) && (x | y) <= x + y;
    lemma shift_right_bounds: \forall integer x, k; 0 <= x && 0 <= k ==> 0 <= (x >> k) <= x;
    lemma shift_one: \forall integer k; 0 <= k <= 5 ==> 1 <= (1 << k) <= 32;

    axiomatic bits {
      predicate bit(integer x, integer i);
      axiom bit_and: \forall integer x, y, i; 0 <= i < 64 && 0 <= x && 0 <= y ==> (bit(x & y, i) <==> bit(x, i) && bit(y, i));
      axiom bit_shift: \forall integer x, k, i; 0 <= k && 0 <= i && i + k < 64 && 0 <= x ==> (bit(x >> k, i) <==> bit(x, i + k));
      axiom bit_shift_out: \forall integer x, k, i; 0 <= k < 64 && 0 <= i < 64 && i + k >= 64 && 0 <= x <= 0xffffffffffffffff ==> !bit(x >> k, i);
      axiom bit_pairs: \forall integer i; 0 <= i < 64 ==> (bit(0x5555555555555555, i) <==> i % 2 == 0);
      axiom bit_fours: \forall integer i; 0 <= i < 64 ==> (bit(0x1111111111111111, i) <==> i % 4 == 0);
      axiom bit_eights: \forall integer i; 0 <= i < 64 ==> (bit(0x0101010101010101, i) <==> i % 8 == 0);
      axiom bit_sixteens: \forall integer i; 0 <= i < 64 ==> (bit(0x0001000100010001, i) <==> i % 16 == 0);
      axiom bit_thirty_twos: \forall integer i; 0 <= i < 64 ==> (bit(0x0000000100000001, i) <==> i % 32 == 0);
      axiom bit_one: \forall integer i; 0 <= i < 64 ==> (bit(1, i) <==> i == 0);
    } */

#endif
