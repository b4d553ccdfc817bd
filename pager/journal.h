/* The journal: what the pager's records said before the latest change, so that a change that was cut off can be taken back.
 *
 * Before a word of a record is written, journal_save() copies it to the journal. journal_commit() forgets the copies: from then on the new words count. A
 * pager that is lost in between leaves the copies, and journal_undo() puts them back. The journal lies in pages of its own in the pager's window.
 *
 * Each record has a sum over all its words that matter: word times weight, modulo 2^64, where the weight of a word is odd and says where it stands. So one word
 * changes the sum by (new - old) * weight, whatever else there is, and any change of one word is noticed for certain, because an odd number has an inverse.
 *
 *   save: old words -> journal -> used        write: words of the record        commit: sums, used = 0
 *
 * Invariants:
 *  1. `used` is written after the copy that it counts, and before the word that was copied: one store makes a copy count, one store ends all of them.
 *  2. A word is copied once between two commits; the same words are saved by the same range each time.
 *  3. Nothing is copied of records without RECORD_MAGIC: they are not finished and are taken away as a whole, or they have ended and change no more.
 *  4. A message that changes more than the journal holds is committed between steps that are whole by themselves, and handled again from there on. */
#ifndef QUIRE_PAGER_JOURNAL_H
#define QUIRE_PAGER_JOURNAL_H

#include "slot.h"

constexpr uint64_t RECORD_MAGIC = 0x64726f6365725251; /* "QRrecord": finished, with all its tables */
constexpr uint64_t RECORD_ENDED = 0x6465646e65725251; /* "QRrended": of an ended process; nothing but the record itself counts */
constexpr uint32_t JOURNAL_WORDS = 7168;              /* 56 KiB: the rows of some thousand segments, or of several hundred handles */

struct journal {
    uint64_t used;     /* words of entries */
    uint64_t sequence; /* of the change, from 1 */
    uint64_t entry[JOURNAL_WORDS];
};

/* From now on records in [first, first + bytes), whole slots, are kept by this journal. nullptr: nothing is. */
void journal_open(struct journal *journal, char *first, uint64_t bytes);
/* Copies words of a finished record, unless they were copied since the last commit. `what` lies in one slot. Elsewhere it does nothing. */
void journal_save(const void *what, size_t bytes);
/* What has been written since the last commit stays. */
void journal_commit(void);
/* Goes before a step of a change that may be long: where there is not so much room left what has been written stays, and the rest of the message is a change of
 * its own. Whatever was saved must have been written by now (invariant 4). */
void journal_make_room(uint64_t words);
/* Makes a record that was not finished one that is, or one with tables one without; `sum` is what it now has. Undone as any other change. */
void journal_admit(struct record *record, uint64_t magic, uint64_t sum);
/* Puts back what was written since the last commit. False: the journal is damaged, and what it names is as it was found; its sums tell. */
bool journal_undo(void);

/* The part of a record's sum that some words make; `first` and `bytes` are multiples of 8, `base` begins the slot. */
uint64_t journal_sum(const char *base, const void *first, uint64_t bytes);

#endif
