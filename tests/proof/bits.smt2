; The facts about bits that tests/proof/bits.h gives to Frama-C, each for words of 64 bits: the negation has no model.
;   z3 bits.smt2      says "unsat" once for each, and nothing else
(set-logic QF_BV)
(define-sort word () (_ BitVec 64))
(declare-const x word)
(declare-const y word)
(declare-const i word)
(declare-const k word)
(define-fun bit ((w word) (at word)) Bool (= ((_ extract 0 0) (bvlshr w at)) #b1))
(define-fun wide ((w word)) (_ BitVec 65) ((_ zero_extend 1) w))
(define-fun below ((w word) (limit word)) Bool (bvult w limit))

; and_bounds
(push)
(assert (not (and (bvule (bvand x y) x) (bvule (bvand x y) y))))
(check-sat)
(pop)

; or_bounds
(push)
(assert (not (and (bvule x (bvor x y)) (bvule y (bvor x y)) (bvule (wide (bvor x y)) (bvadd (wide x) (wide y))))))
(check-sat)
(pop)

; shift_right_bounds
(push)
(assert (not (bvule (bvlshr x k) x)))
(check-sat)
(pop)

; shift_one
(push)
(assert (not (=> (bvule k (_ bv5 64)) (and (bvule (_ bv1 64) (bvshl (_ bv1 64) k)) (bvule (bvshl (_ bv1 64) k) (_ bv32 64))))))
(check-sat)
(pop)

; bit_and
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit (bvand x y) i) (and (bit x i) (bit y i))))))
(check-sat)
(pop)

; bit_shift
(push)
(assert (not (=> (and (below i (_ bv64 64)) (below k (_ bv64 64)) (below (bvadd i k) (_ bv64 64))) (= (bit (bvlshr x k) i) (bit x (bvadd i k))))))
(check-sat)
(pop)

; bit_shift_out
(push)
(assert (not (=> (and (below i (_ bv64 64)) (below k (_ bv64 64)) (not (below (bvadd i k) (_ bv64 64)))) (not (bit (bvlshr x k) i)))))
(check-sat)
(pop)

; bit_pairs
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit #x5555555555555555 i) (= (bvurem i (_ bv2 64)) (_ bv0 64))))))
(check-sat)
(pop)

; bit_fours
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit #x1111111111111111 i) (= (bvurem i (_ bv4 64)) (_ bv0 64))))))
(check-sat)
(pop)

; bit_eights
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit #x0101010101010101 i) (= (bvurem i (_ bv8 64)) (_ bv0 64))))))
(check-sat)
(pop)

; bit_sixteens
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit #x0001000100010001 i) (= (bvurem i (_ bv16 64)) (_ bv0 64))))))
(check-sat)
(pop)

; bit_thirty_twos
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit #x0000000100000001 i) (= (bvurem i (_ bv32 64)) (_ bv0 64))))))
(check-sat)
(pop)

; bit_one
(push)
(assert (not (=> (below i (_ bv64 64)) (= (bit (_ bv1 64) i) (= i (_ bv0 64))))))
(check-sat)
(pop)
