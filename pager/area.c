/* The mmap area: lists of regions, runs of regions. See area.h. */
#include "area.h"

#include <assert.h>

/* --- Lists --- */

static void list_add(struct directory *directory, uint64_t index, unsigned orders)
{
    struct area *area = directory->area;
    if (orders == 0) return;
    uint32_t *head = &area->list[orders];
    struct region_page *page = directory_page(directory, index);
    page->next = *head;
    page->previous = 0;
    if (*head != 0) directory_page(directory, *head - 1)->previous = (uint32_t)index + 1;
    *head = (uint32_t)index + 1;
    area->lists |= 1u << orders;
}

static void list_remove(struct directory *directory, uint64_t index, unsigned orders)
{
    struct area *area = directory->area;
    if (orders == 0) return;
    const struct region_page *page = directory_page(directory, index);
    if (page->next != 0) directory_page(directory, page->next - 1)->previous = page->previous;
    if (page->previous != 0) directory_page(directory, page->previous - 1)->next = page->next;
    else area->list[orders] = page->next;
    if (area->list[orders] == 0) area->lists &= ~(1u << orders);
}

/* After a change of what is free in a region that was in the list of `before`. */
static void list_move(struct directory *directory, uint64_t index, unsigned before)
{
    unsigned orders = region_orders(&directory_at(directory, index)->descriptor);
    if (orders == before) return;
    list_remove(directory, index, before);
    list_add(directory, index, orders);
}

/* --- Regions --- */

static void region_flag(struct region *region, uint32_t flag, bool is_set)
{
    uint32_t flags = region_flags(&region->descriptor);
    region_set_flags(&region->descriptor, is_set ? flags | flag : flags & ~flag);
}

static bool region_is_empty(const struct region *region)
{
    return region_free_pages(&region->descriptor) == REGION_PAGES - 1 && !(region_flags(&region->descriptor) & REGION_FIRST_USED);
}

static enum status area_begin(struct directory *directory)
{
    if (directory->area != nullptr) return STATUS_OK;
    struct area *area = (struct area *)(directory->slot->base + SLOT_AREA);
    enum status status = slot_page_take(directory->slot, area);
    if (status != STATUS_OK) return status;
    for (uint32_t i = 0; i < DIRECTORY_REGIONS; i++) area->free[i / 64] |= (uint64_t)1 << i % 64;
    directory->area = area;
    return STATUS_OK;
}

/* Makes region `index`, of which pages [first, limit) are taken. A region that is taken whole has no book. */
static enum status area_open(struct directory *directory, uint64_t index, uint32_t first, uint32_t limit)
{
    enum status status = directory_add(directory, index);
    if (status != STATUS_OK) return status;
    bool is_whole = limit - first == REGION_PAGES;
    if (!is_whole) status = directory_add_book(directory, index);
    if (status != STATUS_OK) {
        directory_remove(directory, index);
        return status;
    }

    // Commit: nothing below may fail.
    struct area *area = directory->area;
    area->free[index / 64] &= ~((uint64_t)1 << index % 64);
    area->count_regions++;
    if (is_whole) return STATUS_OK;
    struct region *region = directory_at(directory, index);
    struct region_book *book = &directory_page(directory, index)->book;
    if (first == 0 && limit > 0) region_flag(region, REGION_FIRST_USED, true);
    if (first > 0) region_free(&region->descriptor, book, 0, first);
    if (limit < REGION_PAGES) region_free(&region->descriptor, book, limit, REGION_PAGES - limit);
    list_add(directory, index, region_orders(&region->descriptor));
    return STATUS_OK;
}

static void area_close(struct directory *directory, uint64_t index)
{
    struct area *area = directory->area;
    list_remove(directory, index, region_orders(&directory_at(directory, index)->descriptor));
    directory_remove(directory, index);
    area->free[index / 64] |= (uint64_t)1 << index % 64;
    area->count_regions--;
    if (area->spare == index + 1) area->spare = 0;
}

/* The first region from `index` on whose address is a multiple of `align` regions. */
static uint64_t index_align(uint64_t index, uint64_t align)
{
    return index + (-(index + (LAYOUT_MMAP_FIRST >> REGION_SHIFT)) & (align - 1));
}

/* The bits of a word whose regions are at such addresses. */
static uint64_t word_aligned(uint64_t word, uint64_t align)
{
    uint64_t first = index_align(word * 64, align) - word * 64;
    if (first >= 64) return 0;
    return (align < 64 ? UINT64_MAX / (((uint64_t)1 << align) - 1) : 1) << first;
}

/* The lowest of `count` regions side by side that are not there, the first at a multiple of `align`, a power of two; DIRECTORY_REGIONS: there are none. A
 * word at a time. */
static uint64_t area_find_run(const struct area *area, uint64_t count, uint64_t align)
{
    uint64_t run = 0; /* free ones up to this word */
    for (uint64_t word = 0; word < AREA_WORDS; word++) {
        uint64_t bits = area->free[word];
        uint64_t below = ~bits == 0 ? 64 : (unsigned)__builtin_ctzll(~bits);
        uint64_t first = index_align(word * 64 - run, align);
        if (first + count <= word * 64 + below) return first;
        uint64_t inside = bits;
        for (uint64_t left = count < 64 ? count : 64; left > 1; left -= left / 2) inside &= inside >> left / 2;
        inside &= word_aligned(word, align);
        if (count < 64 && inside != 0) return word * 64 + (unsigned)__builtin_ctzll(inside);
        run = ~bits == 0 ? run + 64 : (unsigned)__builtin_clzll(~bits);
    }
    return DIRECTORY_REGIONS;
}

/* --- Taking and giving --- */

/* Pages of region `index` that lie in [first, limit). */
static inline uint32_t part_first(uint64_t index, uint64_t first)
{
    return first > directory_address(index) ? (uint32_t)((first >> PAGE_SHIFT) % REGION_PAGES) : 0;
}
static inline uint32_t part_limit(uint64_t index, uint64_t limit)
{
    return limit < directory_address(index + 1) ? (uint32_t)((limit >> PAGE_SHIFT) % REGION_PAGES) : REGION_PAGES;
}

/* Gives pages [first, limit) of a region with a book back to it. */
static void block_give(struct directory *directory, uint64_t index, uint32_t first, uint32_t limit)
{
    struct area *area = directory->area;
    struct region *region = directory_at(directory, index);
    unsigned before = region_orders(&region->descriptor);
    if (first == 0) region_flag(region, REGION_FIRST_USED, false);
    bool is_freed = region_free(&region->descriptor, &directory_page(directory, index)->book, first, limit - first);
    assert(is_freed);
    (void)is_freed;
    list_move(directory, index, before);
    if (!region_is_empty(region)) return;
    if (area->spare != 0) {
        area_close(directory, index);
    } else {
        area->spare = (uint32_t)index + 1;
        directory_remove_map(directory, index);
    }
}

/* Takes `count` pages, one block at most, of the fullest region that has them. */
static bool block_take(struct directory *directory, uint32_t count, uint32_t *page)
{
    struct area *area = directory->area;
    unsigned order = count == 1 ? 0 : 32 - (unsigned)__builtin_clz(count - 1);
    uint32_t lists = area->lists >> (order + 1);
    if (lists == 0) return false;
    uint64_t index = area->list[order + 1 + (unsigned)__builtin_ctz(lists)] - 1;
    struct region *region = directory_at(directory, index);
    unsigned before = region_orders(&region->descriptor);
    uint32_t first = region_allocate(&region->descriptor, &directory_page(directory, index)->book, count);
    assert(first != REGION_NONE);
    list_move(directory, index, before);
    if (area->spare == index + 1) area->spare = 0;
    *page = (uint32_t)index * REGION_PAGES + first;
    return true;
}

/* --- Stacks --- */

/* Fills a stack as far as the regions have something, so that lower addresses come first. */
static void stack_fill(struct directory *directory, struct page_stack *stack, uint32_t count)
{
    uint32_t taken[PAGE_STACK_HIGH];
    uint32_t got = 0;
    while (stack->count + got < PAGE_STACK_HIGH && block_take(directory, count, &taken[got])) got++;
    for (uint32_t i = stack->count; i-- > 0;) stack->page[i + got] = stack->page[i];
    for (uint32_t i = 0; i < got; i++) stack->page[got - 1 - i] = taken[i];
    stack->count += got;
}

/* Gives all that lies in stacks back to the regions; whether there was anything. */
static bool stack_empty_all(struct directory *directory)
{
    bool is_any = false;
    for (unsigned order = 0; order < PAGE_STACKS; order++) {
        struct page_stack *stack = &directory->area->stack[order];
        for (; stack->count > 0; is_any = true) {
            uint32_t page = stack->page[--stack->count];
            block_give(directory, page / REGION_PAGES, page % REGION_PAGES, page % REGION_PAGES + (1u << order));
        }
    }
    return is_any;
}

/* Pushes a run that is given back; false: no stack takes it. */
static bool stack_push(struct directory *directory, uint64_t first, uint64_t count)
{
    struct page_stack *stack = page_stack_of(directory->area->stack, count);
    uint64_t page = (first - LAYOUT_MMAP_FIRST) >> PAGE_SHIFT;
    return stack != nullptr && (page & (count - 1)) == 0 && page % REGION_PAGES != 0 && page_stack_push(stack, (uint32_t)page);
}

/* From a stack, or, where there is none or it stays empty, from a region. */
static bool run_take(struct directory *directory, uint32_t count, uint32_t *page)
{
    struct page_stack *stack = page_stack_of(directory->area->stack, count);
    if (stack == nullptr) return block_take(directory, count, page);
    bool is_taken = page_stack_pop(stack, page);
    if (stack->count < PAGE_STACK_LOW) stack_fill(directory, stack, count);
    return is_taken || page_stack_pop(stack, page);
}

/* Gives a range back to its regions. */
static void parts_give(struct directory *directory, uint64_t first, uint64_t limit)
{
    for (uint64_t index = directory_index(first); index <= directory_index(limit - 1); index++) {
        uint32_t begin = part_first(index, first), end = part_limit(index, limit);
        struct region_descriptor *descriptor = &directory_at(directory, index)->descriptor;
        if (region_flags(descriptor) & REGION_HAS_BOOK) {
            block_give(directory, index, begin, end);
            continue;
        }
        uint32_t given = region_free_pages(descriptor) + end - begin;
        assert(given <= REGION_PAGES);
        if (given == REGION_PAGES) area_close(directory, index);
        else region_set_free(descriptor, given, 0); /* not to be had before all of it is */
    }
}

void area_give(struct directory *directory, uint64_t first, uint64_t limit)
{
    struct area *area = directory->area;
    area->pages -= (limit - first) >> PAGE_SHIFT;
    if (!stack_push(directory, first, (limit - first) >> PAGE_SHIFT)) parts_give(directory, first, limit);
    if (area->pages > 0) return;
    /* Nothing is taken: one region stays, without a map, which the stacks may hold. */
    if (area->count_regions > 1) stack_empty_all(directory);
    if (directory->count_maps > 0) directory_remove_map(directory, area_next(directory, 0));
}

static enum status area_take_part(struct directory *directory, uint64_t index, uint32_t first, uint32_t limit)
{
    struct region *region = directory_at(directory, index);
    if (region->descriptor.end == 0) return area_open(directory, index, first, limit);
    if (!(region_flags(&region->descriptor) & REGION_HAS_BOOK)) return STATUS_EXISTS;
    unsigned before = region_orders(&region->descriptor);
    if (!region_reserve(&region->descriptor, &directory_page(directory, index)->book, first, limit - first)) return STATUS_EXISTS;
    list_move(directory, index, before);
    if (directory->area->spare == index + 1) directory->area->spare = 0;
    return STATUS_OK;
}

static enum status area_take_parts(struct directory *directory, uint64_t first, uint64_t limit)
{
    struct area *area = directory->area;
    uint32_t spare = area->spare;
    for (uint64_t index = directory_index(first); index <= directory_index(limit - 1); index++) {
        enum status status = area_take_part(directory, index, part_first(index, first), part_limit(index, limit));
        if (status == STATUS_OK) continue;
        if (index > directory_index(first)) parts_give(directory, first, directory_address(index));
        if (area->spare != 0 && spare == 0) area_close(directory, area->spare - 1); /* it was not there before */
        return status;
    }
    area->pages += (limit - first) >> PAGE_SHIFT;
    return STATUS_OK;
}

/* The way back from what failed before there was any region. */
static void area_end(struct directory *directory)
{
    if (directory->area != nullptr && directory->area->count_regions == 0) area_release(directory);
}

static enum status area_take_run(struct directory *directory, uint64_t count, uint64_t align, uint64_t *address)
{
    uint64_t index = area_find_run(directory->area, (count + REGION_PAGES - 1) / REGION_PAGES, align);
    if (index == DIRECTORY_REGIONS) return STATUS_LIMIT;
    *address = directory_address(index);
    return area_take_parts(directory, *address, *address + (count << PAGE_SHIFT));
}

/* Up to one block: from what there is, then with what lies in stacks, then from a new region. */
static enum status area_take_block(struct directory *directory, uint32_t count, uint64_t *address)
{
    struct area *area = directory->area;
    uint32_t page;
    bool is_taken = run_take(directory, count, &page);
    if (!is_taken && stack_empty_all(directory)) is_taken = run_take(directory, count, &page);
    if (!is_taken) {
        uint64_t index = area_find_run(area, 1, 1);
        if (index == DIRECTORY_REGIONS) return STATUS_LIMIT;
        enum status status = area_open(directory, index, 0, 0);
        if (status != STATUS_OK) return status;
        is_taken = run_take(directory, count, &page);
        assert(is_taken);
    }
    area->pages += count;
    *address = LAYOUT_MMAP_FIRST + ((uint64_t)page << PAGE_SHIFT);
    return STATUS_OK;
}

/* What both ways of taking begin with. */
static enum status area_check_count(struct directory *directory, uint64_t count)
{
    if (count > (LAYOUT_MMAP_MOST >> PAGE_SHIFT) - area_pages(directory)) return STATUS_LIMIT;
    return area_begin(directory);
}

/* What does not lie ready. */
__attribute__((noinline)) static enum status area_take_slow(struct directory *directory, uint64_t count, uint64_t *address)
{
    enum status status = area_check_count(directory, count);
    if (status != STATUS_OK) return status;
    status = count > AREA_BLOCK_PAGES ? area_take_run(directory, count, 1, address) : area_take_block(directory, (uint32_t)count, address);
    if (status != STATUS_OK) area_end(directory);
    return status;
}

enum status area_take(struct directory *directory, uint64_t count, uint64_t *address)
{
    struct area *area = directory->area;
    struct page_stack *stack = area != nullptr ? page_stack_of(area->stack, count) : nullptr;
    if (stack == nullptr || stack->count <= PAGE_STACK_LOW) return area_take_slow(directory, count, address);
    if (count > (LAYOUT_MMAP_MOST >> PAGE_SHIFT) - area->pages) return STATUS_LIMIT;
    area->pages += count;
    *address = LAYOUT_MMAP_FIRST + ((uint64_t)stack->page[--stack->count] << PAGE_SHIFT);
    return STATUS_OK;
}

/* What is aligned to a block is the beginning of one, whose end goes back at once: its region has a book. */
enum status area_take_aligned(struct directory *directory, uint64_t count, uint64_t align, uint64_t *address)
{
    assert(count > 0 && align > 0 && (align & (align - 1)) == 0);
    if (align <= count && align <= REGION_PAGES) return area_take(directory, count, address);
    if (align > AREA_BLOCK_PAGES) {
        enum status status = area_check_count(directory, count);
        if (status != STATUS_OK) return status;
        status = area_take_run(directory, count, align / REGION_PAGES, address);
        if (status != STATUS_OK) area_end(directory);
        return status;
    }
    enum status status = area_take(directory, align, address);
    if (status == STATUS_OK) area_give(directory, *address + (count << PAGE_SHIFT), *address + (align << PAGE_SHIFT));
    return status;
}

enum status area_take_at(struct directory *directory, uint64_t first, uint64_t limit)
{
    assert(first < limit && (first | limit) % PAGE_BYTES == 0 && first >= LAYOUT_MMAP_FIRST && limit <= LAYOUT_MMAP_LIMIT);
    enum status status = area_check_count(directory, (limit - first) >> PAGE_SHIFT);
    if (status != STATUS_OK) return status;
    status = area_take_parts(directory, first, limit);
    if (status == STATUS_EXISTS && stack_empty_all(directory)) status = area_take_parts(directory, first, limit);
    uint64_t spare = directory->area->spare != 0 ? directory_address(directory->area->spare - 1) : 0;
    if (status == STATUS_EXISTS && spare >= first && spare < limit) { /* the first page of an empty region is in the way, which nobody has */
        area_close(directory, directory_index(spare));
        status = area_take_parts(directory, first, limit);
    }
    if (status != STATUS_OK) area_end(directory);
    return status;
}

enum status area_take_again(struct directory *directory, uint64_t first, uint64_t limit)
{
    enum status status = area_check_count(directory, (limit - first) >> PAGE_SHIFT);
    uint64_t index = directory_index(first);
    for (; status == STATUS_OK && index <= directory_index(limit - 1); index++) {
        struct region *region = directory_at(directory, index);
        uint32_t begin = part_first(index, first), end = part_limit(index, limit);
        if (region->descriptor.end != 0 && begin == 0 && !(region_flags(&region->descriptor) & REGION_FIRST_USED)) {
            region_flag(region, REGION_FIRST_USED, true);
            if (directory->area->spare == index + 1) directory->area->spare = 0;
            begin = 1;
        }
        if (begin < end) status = area_take_part(directory, index, begin, end);
    }
    if (status == STATUS_OK) directory->area->pages += (limit - first) >> PAGE_SHIFT;
    else if (index > directory_index(first) + 1) parts_give(directory, first, directory_address(index - 1));
    return status;
}

enum status area_reserve_cut(struct directory *directory, uint64_t at, bool both_stay)
{
    uint64_t index = directory_index(at);
    if (at % REGION_BYTES == 0 || index >= DIRECTORY_REGIONS) return STATUS_OK;
    struct region *region = directory_at(directory, index);
    if (region->descriptor.end == 0) return STATUS_OK;
    bool is_whole = !(region_flags(&region->descriptor) & REGION_HAS_BOOK);
    assert(!is_whole || region_free_pages(&region->descriptor) == 0);
    enum status status = directory_add_book(directory, index);
    if (status == STATUS_OK && is_whole) region_flag(region, REGION_FIRST_USED, true);
    return status == STATUS_OK && both_stay ? directory_add_map(directory, index) : status;
}

void area_trim(struct directory *directory)
{
    struct area *area = directory->area;
    if (area == nullptr) return;
    if (area->pages == 0) {
        area_release(directory);
        return;
    }
    stack_empty_all(directory);
    if (area->spare != 0) area_close(directory, area->spare - 1);
}

void area_release(struct directory *directory)
{
    struct area *area = directory->area;
    if (area == nullptr) return;
    stack_empty_all(directory);
    if (area->spare != 0) area_close(directory, area->spare - 1);
    assert(area->pages == 0 && area->count_regions == 0);
    slot_page_give(directory->slot, area);
    directory->area = nullptr;
}

uint64_t area_next(const struct directory *directory, uint64_t index)
{
    if (directory->area == nullptr || index >= DIRECTORY_REGIONS) return DIRECTORY_REGIONS;
    uint64_t taken = ~directory->area->free[index / 64] >> index % 64 << index % 64;
    for (uint64_t word = index / 64;;) {
        if (taken != 0) {
            uint64_t found = word * 64 + (unsigned)__builtin_ctzll(taken);
            return found < DIRECTORY_REGIONS ? found : DIRECTORY_REGIONS;
        }
        if (++word == AREA_WORDS) return DIRECTORY_REGIONS;
        taken = ~directory->area->free[word];
    }
}

/* --- The check --- */

static bool list_has(const struct directory *directory, uint64_t index, unsigned orders)
{
    uint32_t at = directory->area->list[orders];
    for (uint32_t steps = 0; at != 0 && steps <= DIRECTORY_REGIONS; steps++, at = directory_page(directory, at - 1)->next)
        if (at == index + 1) return true;
    return false;
}

/* A run in a stack is in use in its book, and aligned. */
static bool stack_check(const struct directory *directory, uint32_t page, uint32_t count)
{
    uint64_t index = page / REGION_PAGES;
    if (index >= DIRECTORY_REGIONS || page % count != 0) return false;
    if (!(region_flags(&directory_at(directory, index)->descriptor) & REGION_HAS_BOOK)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!region_page_is_used(&directory_page(directory, index)->book, page % REGION_PAGES + i)) return false;
    return true;
}

const char *area_check(const struct directory *directory)
{
    const struct area *area = directory->area;
    uint32_t count = 0;
    uint64_t used = 0;
    for (uint64_t index = 0; index < DIRECTORY_REGIONS; index++) {
        const struct region *region = directory_at(directory, index);
        bool is_there = area != nullptr && !(area->free[index / 64] >> index % 64 & 1);
        if (is_there != (region->descriptor.end != 0)) return "a region that is not described";
        if (!is_there) continue;
        count++;
        if (region_first(&region->descriptor) != directory_address(index)) return "a region at another place";
        used += REGION_PAGES - region_free_pages(&region->descriptor);
        if (!(region_flags(&region->descriptor) & REGION_HAS_BOOK)) continue;
        used -= !(region_flags(&region->descriptor) & REGION_FIRST_USED);
        if (!region_check(&region->descriptor, &directory_page(directory, index)->book)) return "the book of a region";
        unsigned orders = region_orders(&region->descriptor);
        if (orders > 0 && !list_has(directory, index, orders)) return "a region in no list";
        if (region_is_empty(region) != (area->spare == index + 1)) return "an empty region";
    }
    if (area == nullptr) return nullptr;
    for (unsigned order = 0; order < PAGE_STACKS_MOST; order++) {
        const struct page_stack *stack = &area->stack[order];
        if (stack->count > (order < PAGE_STACKS ? PAGE_STACK_HIGH : 0)) return "a page stack";
        used -= (uint64_t)stack->count << order;
        for (uint32_t i = 0; i < stack->count; i++)
            if (!stack_check(directory, stack->page[i], 1u << order)) return "a run in a page stack";
    }
    if (used != area->pages) return "pages that are taken";
    return count == area->count_regions ? nullptr : "count of regions";
}
