/* The journal of the pager's records. See journal.h.
 *
 * An entry is a head and the words. A head that is damaged is noticed by its check, a word that is damaged by the sum of its record, once it is put back. There
 * are a few entries in most changes, and they are looked through; many are found by lists, so that a change of many rows costs each of them the same. A
 * journal that is full commits by itself, which only a change of very many records brings about. */
#include "journal.h"

#include <assert.h>
#include <string.h>

constexpr uint64_t WEIGHT = 0x9e3779b97f4a7c15; /* 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, 3, 6.4), odd */
/* The head of an entry: how many words, where the first lies in the window, and a check of both. */
constexpr unsigned COUNT_BITS = 10; /* a page has 512 */
constexpr unsigned FIRST_BITS = 38;
constexpr unsigned PLACE_BITS = COUNT_BITS + FIRST_BITS;

static struct journal *journal;
static uint64_t *window;
static uint64_t window_words;
/* What has been saved since the last commit: a bit for each entry, by its first word. Where the bit is not set, no entry need be looked for. */
static uint64_t saved;

/* Where there are many, by their heads: places in `entry` + 1, of which each leads to the next; 0: none. Those of the first `listed` words are in it. */
constexpr uint64_t FEW_WORDS = 64;
constexpr uint32_t LISTS = 512;
static uint16_t list[LISTS], list_next[JOURNAL_WORDS];
static uint64_t listed;
static_assert(JOURNAL_WORDS <= UINT16_MAX);

static inline uint64_t saved_bit(uint64_t first) { return (uint64_t)1 << first % 64; }

void journal_open(struct journal *opened, char *first, uint64_t bytes)
{
    journal = opened;
    window = (uint64_t *)first;
    window_words = opened != nullptr ? bytes / sizeof(uint64_t) : 0;
    saved = listed = 0;
    if (opened != nullptr && opened->sequence == 0) opened->sequence = 1;
}

/* The order of stores is what the journal is about. */
static inline void in_order(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

static inline uint64_t weight_of(uint64_t word) { return (2 * word + 1) * WEIGHT; }

static inline uint64_t sum_of(const uint64_t *words, uint64_t at, uint64_t count)
{
    uint64_t sum = 0;
    uint64_t weight = weight_of(at);
#pragma clang loop unroll_count(4)
    for (uint64_t i = 0; i < count; i++, weight += 2 * WEIGHT) sum += words[i] * weight;
    return sum;
}

uint64_t journal_sum(const char *base, const void *first, uint64_t bytes)
{
    return sum_of(first, (uint64_t)((const char *)first - base) / sizeof(uint64_t), bytes / sizeof(uint64_t));
}

/* --- Entries --- */

constexpr uint64_t SLOT_WORDS = SLOT_BYTES / sizeof(uint64_t);

static inline struct record *record_of(uint64_t word) { return (struct record *)(window + word / SLOT_WORDS * SLOT_WORDS); }
static inline uint64_t head_make(uint64_t first, uint64_t count)
{
    uint64_t place = first << COUNT_BITS | count;
    return place | place * WEIGHT >> PLACE_BITS << PLACE_BITS;
}
static inline uint64_t head_first(uint64_t head) { return head % ((uint64_t)1 << PLACE_BITS) >> COUNT_BITS; }
static inline uint64_t head_count(uint64_t head) { return head % (1 << COUNT_BITS); }

static inline void entry_append(uint64_t first, uint64_t count)
{
    uint64_t *entry = journal->entry + journal->used;
    const uint64_t *from = window + first;
    *entry++ = head_make(first, count);
#pragma clang loop unroll_count(4)
    for (uint64_t i = 0; i < count; i++) entry[i] = from[i];
    in_order();
    journal->used += 1 + count; /* invariant 1 */
    in_order();
}
static_assert(offsetof(struct record, magic) == 0 && PAGE_BYTES / sizeof(uint64_t) < 1 << COUNT_BITS);

static inline void record_keep_sum(struct record *record)
{
    if (record->sequence == journal->sequence) return;
    record->before = record->sum;
    in_order();
    record->sequence = journal->sequence;
}

static bool few_have(uint64_t head)
{
    for (uint64_t at = 0; at < journal->used; at += 1 + head_count(journal->entry[at]))
        if (journal->entry[at] == head) return true;
    return false;
}

static uint16_t *list_of(uint64_t head) { return &list[head * WEIGHT >> 32 & (LISTS - 1)]; }

static bool journal_has(uint64_t head)
{
    if (journal->used <= FEW_WORDS) return few_have(head);
    if (listed == 0) memset(list, 0, sizeof(list));
    for (; listed < journal->used; listed += 1 + head_count(journal->entry[listed])) {
        uint16_t *first = list_of(journal->entry[listed]);
        list_next[listed] = *first;
        *first = (uint16_t)(listed + 1);
    }
    uint32_t at = *list_of(head);
    while (at != 0 && journal->entry[at - 1] != head) at = list_next[at - 1];
    return at != 0;
}

__attribute__((noinline)) static void save_any(struct record *record, uint64_t first, uint64_t count)
{
    if ((saved & saved_bit(first)) && journal_has(head_make(first, count))) return; /* invariant 2 */
    assert(count < 1 << COUNT_BITS);
    if (journal->used + 1 + count > JOURNAL_WORDS) journal_commit();
    saved |= saved_bit(first);
    record_keep_sum(record);
    entry_append(first, count);
}

/* Most of what is saved is a row of a segment, and nothing else in its message: four words, without a call or a loop. */
void journal_save(const void *what, size_t bytes)
{
    constexpr uint64_t row = 4;
    uint64_t offset = (uintptr_t)what - (uintptr_t)window;
    uint64_t first = offset / sizeof(uint64_t);
    if (first >= window_words) return;
    struct record *record = record_of(first);
    if (record->magic != RECORD_MAGIC) return; /* invariant 3 */
    uint64_t count = (offset + bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) - first;
    if (count != row || (saved & saved_bit(first)) || journal->used + 1 + row > JOURNAL_WORDS) {
        save_any(record, first, count);
        return;
    }
    saved |= saved_bit(first);
    record_keep_sum(record);
    entry_append(first, row);
}

/* By how much a sum changes with `count` words from place `at` on. Their weights are those of the first one and so many steps more: so the differences are
 * added up, and those sums once more, and two multiplications do. */
static inline uint64_t change_of(const uint64_t *words, const uint64_t *old, uint64_t at, uint64_t count)
{
    uint64_t all = 0, steps = 0;
#pragma clang loop unroll(disable)
    for (uint64_t i = count; i-- > 0;) {
        steps += all;
        all += words[i] - old[i];
    }
    return all * weight_of(at) + steps * 2 * WEIGHT;
}

/* Not part of journal_save(), which comes to it only when the journal is full. */
__attribute__((noinline)) void journal_commit(void)
{
    struct journal *kept = journal;
    if (kept == nullptr || kept->used == 0) return;
    const uint64_t *limit = kept->entry + kept->used;
    for (const uint64_t *entry = kept->entry; entry < limit; entry += 1 + head_count(*entry)) {
        uint64_t first = head_first(*entry), place = first % SLOT_WORDS;
        struct record *record = record_of(first);
        if (place != 0 && record->magic == RECORD_MAGIC) record->sum += change_of(window + first, entry + 1, place, head_count(*entry));
    }
    in_order();
    kept->used = 0;
    in_order();
    kept->sequence++;
    saved = listed = 0;
}

void journal_make_room(uint64_t words)
{
    if (journal != nullptr && journal->used + words > JOURNAL_WORDS) journal_commit();
}

void journal_admit(struct record *record, uint64_t magic, uint64_t sum)
{
    if (journal != nullptr) {
        if (journal->used + 2 > JOURNAL_WORDS) journal_commit();
        record_keep_sum(record);
        entry_append((uint64_t)((uint64_t *)record - window), 1);
    }
    record->sum = sum;
    record->magic = magic;
}

/* Whether an entry may be put back: its head is right, and its words are there. */
static bool entry_check(const uint64_t *entry, uint64_t left)
{
    uint64_t first = head_first(*entry), count = head_count(*entry), limit = first + count;
    if (*entry != head_make(first, count) || count == 0 || count >= left || limit > window_words) return false;
    if ((limit - 1) / SLOT_WORDS != first / SLOT_WORDS) return false;
    for (uint64_t page = first * sizeof(uint64_t) / PAGE_BYTES; page <= (limit - 1) * sizeof(uint64_t) / PAGE_BYTES; page++)
        if (!seam_page_is_taken((char *)window + page * PAGE_BYTES)) return false;
    return true;
}

bool journal_undo(void)
{
    bool is_whole = journal->used <= JOURNAL_WORDS;
    for (uint64_t at = 0; is_whole && at < journal->used;) {
        const uint64_t *entry = journal->entry + at;
        is_whole = entry_check(entry, journal->used - at);
        if (!is_whole) break;
        memcpy(window + head_first(*entry), entry + 1, head_count(*entry) * sizeof(uint64_t));
        struct record *record = record_of(head_first(*entry));
        if (record->sequence == journal->sequence) record->sum = record->before;
        at += 1 + head_count(*entry);
    }
    in_order();
    journal->used = 0;
    journal->sequence++;
    saved = listed = 0;
    return is_whole;
}
