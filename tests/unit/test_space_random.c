/* Random operations on two spaces that share frames, against the naive model.
 *
 * Ranges of any length, also over the ends of tables of every level and with alignments that make large leaves. One space is active, and a program
 * reads its pages at random, so every missing invalidation shows. */
#include "fill_page.h"
#include "space_model.h"

constexpr unsigned OPERATIONS = 480;
constexpr unsigned SEEDS = 10;

/* What one operation works on. */
struct target {
    unsigned s, window, page, count;
    struct user_span span;
};

static const uint32_t attribute_choices[] = {
    ATTRIBUTE_READ, ATTRIBUTE_WRITE, ATTRIBUTE_EXECUTE, ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE | ATTRIBUTE_WRITE_EXECUTE,
};
static uint32_t random_attributes(void) { return attribute_choices[random_below(sizeof attribute_choices / sizeof attribute_choices[0])]; }

/* Lengths: one page, some, up to two steps and more, or whole lowest tables (for large leaves). Sixty operations in turn stay in one window. */
static struct target random_target(unsigned operation)
{
    struct target target = { .s = (unsigned)random_below(MODEL_SPACES), .window = operation / 60 % MODEL_WINDOWS };
    target.page = (unsigned)random_below(MODEL_PAGES);
    unsigned limits[] = { 1, 8, 100, MODEL_PAGES };
    unsigned choice = (unsigned)random_below(5);
    if (choice < 4) {
        unsigned left = MODEL_PAGES - target.page;
        target.count = 1 + (unsigned)random_below(limits[choice] < left ? limits[choice] : left);
    } else {
        unsigned to_table = (unsigned)(-(model_windows[target.window] >> PAGE_SHIFT) & (FORMAT_TABLE_PAGES - 1));
        target.page = to_table + FORMAT_TABLE_PAGES * (unsigned)random_below(2);
        target.count = FORMAT_TABLE_PAGES;
    }
    cr_assert_eq(user_span_check(model_address(target.window, target.page), target.count, &target.span), STATUS_OK);
    return target;
}

static bool target_has_entry(const struct target *target, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (model.pages[target->s][target->window][target->page + i].frame != 0) return true;
    return false;
}

static struct user_span span_from(const struct target *target, uint64_t done)
{
    return (struct user_span){ { target->span.first.address + done * PAGE_BYTES }, target->count - done };
}

/* What frames_check must say of a step. */
static enum status frames_expected(uint64_t first, unsigned count)
{
    for (uint64_t i = first; i < first + count; i++)
        if (i >= MODEL_FRAMES || !model.is_user[i]) return STATUS_BAD_FRAME;
    return STATUS_OK;
}

/* What a step of map may answer: progress over what is free and of users, or what stands in the way of the step. */
static void check_map(const struct target *target, unsigned done, uint64_t first, enum status status, uint64_t done_now)
{
    unsigned left = target->count - done, step = left < STEP_PAGES ? left : (unsigned)STEP_PAGES;
    if (status == STATUS_OK || status == STATUS_AGAIN) {
        cr_assert(done_now > 0 && done_now <= left && (done_now == left) == (status == STATUS_OK));
        cr_assert(!target_has_entry(target, done, (unsigned)done_now) && frames_expected(first, (unsigned)done_now) == STATUS_OK);
        return;
    }
    cr_assert_eq(done_now, 0);
    if (status == STATUS_ALREADY_MAPPED) cr_assert(target_has_entry(target, done, left));
    else cr_assert(status == STATUS_BAD_FRAME && frames_expected(first, left) == STATUS_BAD_FRAME, "map: %s", status_name(status));
    cr_assert(target_has_entry(target, done, step) || frames_expected(first, step) != STATUS_OK || step < left, "refused without a reason");
}

static void try_map(const struct target *target)
{
    uint32_t attributes = random_attributes();
    uint32_t first = model.pool + (uint32_t)random_below(MODEL_POOL);
    if (random_below(3) == 0) first = model.pool + 512 * (uint32_t)random_below(4);
    if (random_below(20) == 0) first = (uint32_t)random_below(MODEL_FRAMES + 100);
    for (unsigned done = 0; done < target->count;) {
        uint64_t done_now = 0;
        enum status status = space_map(model.spaces[target->s], span_from(target, done), (frame_t){ first + done }, attributes, &done_now);
        check_map(target, done, first + done, status, done_now);
        if (done_now == 0) return;
        for (unsigned i = done; i < done + done_now; i++)
            model_set(target->s, target->window, target->page + i, first + i, attributes);
        done += (unsigned)done_now;
    }
}

/* Learns the frames of a fill: each one nobody's before, and zero. Then writes to it. */
static void fill_learn(const struct target *target, unsigned first, unsigned count, uint32_t attributes)
{
    for (unsigned i = first; i < first + count; i++) {
        struct host_translation found;
        cr_assert(host_walk(model.spaces[target->s]->root, target->span.first.address + i * PAGE_BYTES, &found));
        uint32_t frame = found.frame.number;
        cr_assert(!model.is_user[frame] && frame_is_zero(frame), "frame %u has an owner or old content", frame);
        memset(arch_frame_pointer(found.frame), (int)(i | 1), PAGE_BYTES);
        model.is_user[frame] = true;
        unsigned order = frame_order(frame_find(found.frame));
        cr_assert(order == 0 || order == 9);
        model.blocks[frame] = frame >> order << order;
        model_set(target->s, target->window, target->page + i, frame, attributes);
    }
}

static void try_fill(const struct target *target)
{
    uint32_t attributes = random_attributes();
    for (unsigned done = 0; done < target->count;) {
        uint64_t done_now = 0;
        unsigned left = target->count - done;
        enum status status = space_fill(model.spaces[target->s], span_from(target, done), attributes, &done_now);
        if (status == STATUS_ALREADY_MAPPED) {
            cr_assert(target_has_entry(target, done, left < STEP_PAGES ? left : (unsigned)STEP_PAGES));
            return;
        }
        cr_assert_eq(status, done_now == left ? STATUS_OK : STATUS_AGAIN, "fill: %s", status_name(status));
        cr_assert(done_now > 0 && done_now <= STEP_PAGES && !target_has_entry(target, done, (unsigned)done_now));
        fill_learn(target, done, (unsigned)done_now, attributes);
        done += (unsigned)done_now;
    }
}

/* After a step that may have split large leaves. */
static void learn_breaks(const struct target *target, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        uint32_t frame = model.pages[target->s][target->window][target->page + i].frame;
        if (frame != 0) model_learn_breaks(frame);
    }
}

static void try_unmap(const struct target *target)
{
    uint64_t flags = random_below(2) ? UNMAP_FREE : UNMAP_KEEP;
    for (uint64_t done = 0; done < target->count;) {
        struct unmap_result result;
        enum status status = space_unmap(model.spaces[target->s], span_from(target, done), flags, &result);
        cr_assert(result.done_pages > 0 && result.done_pages <= target->count - done);
        cr_assert_eq(status, done + result.done_pages == target->count ? STATUS_OK : STATUS_AGAIN);
        uint64_t unmapped = 0, freed = 0;
        learn_breaks(target, done, result.done_pages);
        for (uint64_t i = done; i < done + result.done_pages; i++) {
            unsigned page = target->page + (unsigned)i;
            if (model.pages[target->s][target->window][page].frame == 0) continue;
            unmapped++;
            freed += model_clear(target->s, target->window, page, flags & UNMAP_FREE);
        }
        cr_assert_eq(result.unmapped_pages, unmapped);
        cr_assert_eq(result.freed_frames, freed, "freed %lu, expected %lu", result.freed_frames, freed);
        done += result.done_pages;
    }
}

static void try_protect(const struct target *target)
{
    uint32_t attributes = random_attributes();
    for (uint64_t done = 0; done < target->count;) {
        uint64_t done_now, changed, expected = 0;
        enum status status = space_protect(model.spaces[target->s], span_from(target, done), attributes, &done_now, &changed);
        cr_assert(done_now > 0 && done_now <= target->count - done);
        cr_assert_eq(status, done + done_now == target->count ? STATUS_OK : STATUS_AGAIN);
        learn_breaks(target, done, done_now);
        for (uint64_t i = done; i < done + done_now; i++) {
            struct model_page *page = &model.pages[target->s][target->window][target->page + i];
            if (page->frame == 0 || page->attributes == attributes) continue;
            expected++;
            page->attributes = attributes;
        }
        cr_assert_eq(changed, expected);
        done += done_now;
    }
}

static void try_page(const struct target *target)
{
    struct model_page *page = &model.pages[target->s][target->window][target->page];
    uint32_t attributes = random_attributes();
    bool is_mapped = page->frame != 0;
    if (random_below(2)) {
        uint32_t frame = model.pool + (uint32_t)random_below(MODEL_POOL + 10);
        enum status expected = is_mapped ? STATUS_ALREADY_MAPPED : frames_expected(frame, 1);
        cr_assert_eq(space_map_page(model.spaces[target->s], target->span.first, (frame_t){ frame }, attributes), expected);
        if (expected == STATUS_OK) model_set(target->s, target->window, target->page, frame, attributes);
    } else {
        frame_t frame;
        enum status status = fill_page(model.spaces[target->s], target->span.first, attributes, &frame);
        cr_assert_eq(status, is_mapped ? STATUS_ALREADY_MAPPED : STATUS_OK);
        if (status == STATUS_OK) {
            fill_learn(target, 0, 1, attributes);
            cr_assert_eq(page->frame, frame.number);
        }
    }
}

static void try_query(const struct target *target)
{
    struct translation translation;
    const struct model_page *page = &model.pages[target->s][target->window][target->page];
    enum status status = space_query(model.spaces[target->s], target->span.first, &translation);
    cr_assert_eq(status, page->frame == 0 ? STATUS_NOT_MAPPED : STATUS_OK);
    unsigned level;
    enum page_state state = space_locate(model.spaces[target->s], target->span.first, &level);
    cr_assert_eq(state == PAGE_PRESENT || state == PAGE_LARGE, status == STATUS_OK);
    if (status != STATUS_OK) return;
    cr_assert_eq(translation.frame.number, page->frame);
    cr_assert_eq(translation.attributes & ATTRIBUTES_ALL, page->attributes);
    cr_assert_eq(translation.page_bytes, (uint64_t)1 << pte_shift(level));
}

static void try_count(const struct target *target)
{
    uint64_t mapped = 0, done = 0, count = 0;
    for (unsigned i = 0; i < target->count; i++) count += model.pages[target->s][target->window][target->page + i].frame != 0;
    while (done < target->count) {
        uint64_t done_now = 0, mapped_now = 0;
        enum status status = space_count(model.spaces[target->s], span_from(target, done), &done_now, &mapped_now);
        cr_assert_eq(status, done + done_now == target->count ? STATUS_OK : STATUS_AGAIN);
        done += done_now;
        mapped += mapped_now;
    }
    cr_assert_eq(mapped, count);
}

/* A program of the active space reads pages at random; what it reads is what the model says. */
static void read_some(unsigned window)
{
    for (unsigned i = 0; i < 24; i++) {
        unsigned page = (unsigned)random_below(MODEL_PAGES);
        uint32_t frame = model.pages[0][window][page].frame;
        void *read = host_load(model_address(window, page));
        cr_assert_eq(read, frame == 0 ? nullptr : arch_frame_pointer((frame_t){ frame }));
    }
}

/* A large leaf where one fits: makes room first. */
static void try_large(const struct target *target)
{
    if (target->count != FORMAT_TABLE_PAGES) return;
    try_unmap(target);
    for (uint32_t first = model.pool; first < model.pool + MODEL_POOL; first += FORMAT_TABLE_PAGES) {
        if (frames_expected(first, FORMAT_TABLE_PAGES) != STATUS_OK || model.blocks[first] != model.blocks[first + FORMAT_TABLE_PAGES - 1]) continue;
        uint64_t done;
        uint32_t attributes = random_attributes();
        cr_assert_eq(space_map(model.spaces[target->s], target->span, (frame_t){ first }, attributes, &done), STATUS_OK);
        for (unsigned i = 0; i < FORMAT_TABLE_PAGES; i++)
            model_set(target->s, target->window, target->page + i, first + i, attributes);
        struct translation translation;
        cr_assert_eq(space_query(model.spaces[target->s], target->span.first, &translation), STATUS_OK);
        cr_assert_eq(translation.page_bytes, FORMAT_TABLE_BYTES);
        return;
    }
}

/* Moves a target to another place; now and then one that is aligned alike, so that tables move. Windows that look alike are moved as a whole. */
static void try_move(const struct target *target)
{
    struct target to = *target;
    to.s = (unsigned)random_below(MODEL_SPACES);
    if (random_below(2)) to.window = (unsigned)random_below(MODEL_WINDOWS);
    if (random_below(2)) to.page = (unsigned)random_below(MODEL_PAGES - to.count + 1);
    if (to.page + to.count > MODEL_PAGES) return;
    to.span = (struct user_span){ { model_address(to.window, to.page) }, to.count };
    uint64_t from_first = target->span.first.address, to_first = to.span.first.address, bytes = target->count * PAGE_BYTES;
    bool is_overlap = target->s == to.s && from_first < to_first + bytes && to_first < from_first + bytes;
    for (uint64_t done = 0; done < target->count;) {
        uint64_t done_now = 0, moved = 0, expected = 0, left = target->count - done;
        enum status status = space_move(model.spaces[target->s], (user_page_t){ from_first + done * PAGE_BYTES }, model.spaces[to.s], span_from(&to, done),
                                        &done_now, &moved);
        if (is_overlap && done == 0) {
            cr_assert_eq(status, STATUS_BAD_ARGUMENT);
            return;
        }
        if (status == STATUS_BAD_ARGUMENT) return; /* what is left overlaps no more or less than before: it does not */
        if (status == STATUS_ALREADY_MAPPED) {
            cr_assert(target_has_entry(&to, (unsigned)done, (unsigned)left));
            return;
        }
        cr_assert_eq(status, done_now == left ? STATUS_OK : STATUS_AGAIN, "move: %s", status_name(status));
        cr_assert(done_now > 0 && done_now <= left && !target_has_entry(&to, (unsigned)done, (unsigned)done_now));
        learn_breaks(target, done, done_now);
        for (uint64_t i = done; i < done + done_now; i++) {
            struct model_page *from = &model.pages[target->s][target->window][target->page + i];
            expected += from->frame != 0;
            model.pages[to.s][to.window][to.page + i] = *from;
            *from = (struct model_page){ 0 };
        }
        cr_assert_eq(moved, expected);
        if (done + done_now < target->count) model_compare_window(to.s, to.window);
        done += done_now;
    }
    model_compare_window(to.s, to.window);
}

static struct model_page *model_page_of(const struct target *target, uint64_t page)
{
    return &model.pages[target->s][target->window][target->page + page];
}

/* One more, or two, show the same frames: now and then a lazy copy, at another place or at one that is aligned alike. */
static void try_share(const struct target *target)
{
    struct target to = *target;
    to.s = (unsigned)random_below(MODEL_SPACES);
    if (random_below(2)) to.window = (unsigned)random_below(MODEL_WINDOWS);
    if (random_below(2)) to.page = (unsigned)random_below(MODEL_PAGES - to.count + 1);
    if (to.page + to.count > MODEL_PAGES) return;
    to.span = (struct user_span){ { model_address(to.window, to.page) }, to.count };
    uint32_t asked = random_attributes(), copy = random_below(2) && !(asked & ATTRIBUTE_WRITE) ? SHARE_COPY : 0;
    uint64_t from_first = target->span.first.address, to_first = to.span.first.address, bytes = target->count * PAGE_BYTES;
    bool is_overlap = target->s == to.s && from_first < to_first + bytes && to_first < from_first + bytes;
    for (uint64_t done = 0; done < target->count;) {
        uint64_t done_now = 0, shared = 0, expected = 0, left = target->count - done;
        enum status status = space_share(model.spaces[target->s], span_from(target, done), model.spaces[to.s],
                                         (user_page_t){ to_first + done * PAGE_BYTES }, asked | copy, &done_now, &shared);
        if (is_overlap && done == 0) cr_assert_eq(status, STATUS_BAD_ARGUMENT);
        if (status == STATUS_BAD_ARGUMENT) return; /* what is left overlaps no more or less than before */
        if (status == STATUS_ALREADY_MAPPED) {
            bool is_free = true;
            for (uint64_t i = done; i < target->count; i++) is_free &= model_page_of(target, i)->frame == 0 || model_page_of(&to, i)->frame == 0;
            cr_assert(!is_free, "refused without a reason");
            return;
        }
        cr_assert_eq(status, done_now == left ? STATUS_OK : STATUS_AGAIN, "share: %s", status_name(status));
        cr_assert(done_now > 0 && done_now <= left);
        learn_breaks(target, done, done_now);
        for (uint64_t i = done; i < done + done_now; i++) {
            struct model_page *from = model_page_of(target, i);
            if (from->frame == 0) continue;
            expected++;
            cr_assert_eq(model_page_of(&to, i)->frame, 0);
            model_set(to.s, to.window, to.page + (unsigned)i, from->frame, from->attributes & asked);
            if (copy && (from->attributes & ATTRIBUTE_WRITE)) from->attributes &= ATTRIBUTE_EXECUTE;
        }
        cr_assert_eq(shared, expected);
        done += done_now;
    }
    model_compare_window(to.s, to.window);
}

/* Frames that other leaves name are copied, content and all; the others stay. */
static void try_copy(const struct target *target)
{
    for (unsigned i = 0; i < target->count && i < 20; i++) {
        struct model_page *page = model_page_of(target, i);
        uint32_t attributes = random_attributes(), old = page->frame;
        const struct frame_info *info = frame_find((frame_t){ old });
        user_page_t at = { target->span.first.address + i * PAGE_BYTES };
        struct host_translation found;
        bool is_large = host_walk(model.spaces[target->s]->root, at.address, &found) && found.level != 0;
        bool is_own = old != 0 && info->count == 1 && (!is_large || (info->flags & FRAME_FILLED));
        enum status status = space_copy_page(model.spaces[target->s], at, attributes);
        cr_assert_eq(status, old == 0 ? STATUS_NOT_MAPPED : STATUS_OK, "%s", status_name(status));
        if (old == 0) continue;
        model_learn_breaks(old);
        cr_assert(host_walk(model.spaces[target->s]->root, at.address, &found) && found.level == 0);
        page->attributes = attributes;
        cr_assert_eq(found.frame.number == old, is_own);
        if (is_own) continue;
        cr_assert(!model.is_user[found.frame.number]);
        cr_assert_eq(memcmp(arch_frame_pointer(found.frame), arch_frame_pointer((frame_t){ old }), PAGE_BYTES), 0);
        model.counts[old]--;
        model.is_user[found.frame.number] = true;
        model.blocks[found.frame.number] = found.frame.number;
        model_set(target->s, target->window, target->page + i, found.frame.number, attributes);
    }
}

static void (*const operations[])(const struct target *) = {
    try_map, try_fill, try_page, try_query, try_count, try_unmap, try_unmap, try_protect, try_large, try_move, try_move, try_share, try_share, try_copy,
};

static void run_seed(uint64_t seed)
{
    cr_log_info("seed %lu", seed);
    model_begin(seed);
    host_activate(model.spaces[0]->root);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct target target = random_target(i);
        unsigned operation = (unsigned)random_below(sizeof operations / sizeof operations[0]);
        read_some(target.window);
        uint64_t free_before = counters[COUNTER_TABLES_FREED], flushes = host_count(HOST_FLUSHES), invalidations = host_count(HOST_INVALIDATIONS);
        operations[operation](&target);
        bool is_quiet = target.s != 0 || operation < 4; /* not active, or nothing but new entries */
        if (is_quiet) cr_assert(host_count(HOST_FLUSHES) == flushes && host_count(HOST_INVALIDATIONS) == invalidations);
        if (operation < 4) cr_assert_eq(counters[COUNTER_TABLES_FREED], free_before);
        cr_assert_null(host_tlb_stale(), "operation %u left a stale translation", operation);
        model_compare_window(target.s, target.window);
        if (i % 16 == 0) model_compare();
    }
    model_end();
}

Test(space_random, against_the_model)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

/* Twenty operations, every other one with a buffer that does not hear of it. How often a stale translation was seen. */
static unsigned run_deaf(uint64_t seed, void (*take)(const struct target *))
{
    unsigned seen = 0;
    model_begin(seed);
    host_on_flush = nullptr; /* it would find the same, and end the test */
    for (unsigned i = 0; i < 20; i++) {
        struct target target = random_target(i);
        target.s = 0;
        try_fill(&target);
        host_activate(model.spaces[0]->root);
        for (unsigned load = 0; load < 3; load++) host_load(target.span.first.address + random_below(target.count) * PAGE_BYTES);
        host_tlb_is_deaf = i % 2 == 1;
        take(&target);
        if (!host_tlb_is_deaf) cr_assert_null(host_tlb_stale());
        else if (host_tlb_stale() != nullptr) seen++;
        host_tlb_is_deaf = false;
    }
    model_end();
    return seen;
}

/* A kernel that forgets to invalidate is seen (I11), whatever it was that took something away. */
Test(space_random, a_forgotten_invalidation_is_seen)
{
    static void (*const taking[])(const struct target *) = { try_unmap, try_protect, try_move, try_copy };
    for (unsigned kind = 0; kind < sizeof taking / sizeof taking[0]; kind++) {
        unsigned seen = 0;
        for (unsigned round = 0; round < 10; round++) seen += run_deaf(100 * (kind + 1) + round, taking[kind]);
        cr_assert_gt(seen, 10, "operation %u: seen %u times", kind, seen);
    }
}
