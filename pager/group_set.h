/* Sets of group ids: which groups a process belongs to.
 *
 * An entry is a 32-bit word: the id in the low 31 bits, and a bit that says that one is there. Two lie in the set itself, further ones in a linked list of
 * pages, each a hash table of 1022 entries (1023 where pointers have 32 bits) behind one word that holds the link and the count. Most processes have no page.
 *
 * Nothing here takes or gives memory: who inserts brings a page if group_set_wants_page() asks for one, who removes gets an emptied one back.
 *
 * Invariants (group_set_check):
 *  1. No id is there twice; `count` is the number of ids, a page's count that of its own.
 *  2. No page is empty. From an id's home to where it lies, no entry is empty: a search may stop at the first empty one. */
#ifndef QUIRE_PAGER_GROUP_SET_H
#define QUIRE_PAGER_GROUP_SET_H

#include <stdint.h>

#include "abi/memory.h"
#include "abi/status.h"

constexpr uint32_t GROUP_PRESENT = (uint32_t)1 << 31; /* in an entry, and in a message word that names a group */
constexpr uint32_t GROUP_ID_LAST = GROUP_PRESENT - 1;
constexpr uint32_t GROUP_NONE = 0;
constexpr unsigned GROUP_SET_INLINE = 2;
constexpr uint32_t GROUP_PAGE_SLOTS = (PAGE_BYTES - sizeof(uintptr_t)) / sizeof(uint32_t);

struct group_page {
    uintptr_t next_and_count; /* pages are aligned: the low 12 bits are free */
    uint32_t entry[GROUP_PAGE_SLOTS];
};
static_assert(sizeof(struct group_page) == PAGE_BYTES);
static_assert(GROUP_PAGE_SLOTS == (sizeof(void *) == 8 ? 1022 : 1023));

struct group_set {
    uint32_t entry[GROUP_SET_INLINE]; /* GROUP_PRESENT | id, or GROUP_NONE */
    uint32_t count;
    struct group_page *pages;
};

/* Every `group` below is an entry: GROUP_PRESENT | id. */
bool group_set_contains(const struct group_set *set, uint32_t group);
/* Whether the two have a group in common: looks each entry of the smaller set up in the other. */
bool group_set_meets(const struct group_set *one, const struct group_set *other);

/* Whether the next group_set_insert() needs a page. */
bool group_set_wants_page(const struct group_set *set);
/* Adds a group that is not there. `page`: zeroed, when group_set_wants_page(), else nullptr; it is the set's from then on. */
void group_set_insert(struct group_set *set, uint32_t group, struct group_page *page);
/* Takes a group out that is there. Returns the page that is empty now and the set's no more, or nullptr. */
struct group_page *group_set_remove(struct group_set *set, uint32_t group);
/* Empties the set. Returns its first page; group_page_next() leads to the others, as long as nobody writes to them. */
struct group_page *group_set_clear(struct group_set *set);
struct group_page *group_page_next(const struct group_page *page);

/* The smallest group above `after` (GROUP_NONE: of all), or GROUP_NONE when there is none. Looks at every entry. */
uint32_t group_set_next(const struct group_set *set, uint32_t after);

uint32_t group_set_count_pages(const struct group_set *set);
/* The invariants above hold. */
bool group_set_check(const struct group_set *set);

#endif
