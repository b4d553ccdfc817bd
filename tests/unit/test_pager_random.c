/* Random operations of one program against a naive model: an array with one row for each page. Seeds are fixed and logged. */
#include "pager_fixture.h"

constexpr uint32_t PAGES = 6 * REGION_PAGES;
constexpr uint32_t MOST_RESERVED = 1100; /* of them, so that these regions are enough */
constexpr uint32_t LARGE_PAGES = LARGE_PAGE_BYTES / PAGE_BYTES;
constexpr unsigned STEPS = 2500;

struct model_page {
    bool is_reserved;
    bool is_present;
    uint32_t protection;
    uint64_t value;
};

static struct model_page pages[PAGES];
static uint64_t break_bytes;
static uint64_t autogen_bytes;
static uint32_t number;
static uint32_t count_reserved;
static uint64_t state;
static uint64_t count_large; /* touches that met a large page */

/* Under a way of filling: the pages that are there are those that were touched; these and maybe others; all that are reserved. */
enum presence { TOUCHED, MORE, ALL };
static enum presence presence;

static uint64_t draw(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

static uint64_t page_address(uint64_t page) { return LAYOUT_MMAP_FIRST + page * PAGE_BYTES; }

static void reset(void)
{
    memset(pages, 0, sizeof(pages));
    break_bytes = autogen_bytes = count_reserved = 0;
    fixture_child(&number);
}

static uint32_t draw_protection(void)
{
    static const uint32_t choices[] = { PROTECTION_READ, PROTECTION_WRITE, PROTECTION_WRITE, PROTECTION_EXECUTE };
    return choices[draw(4)];
}

/* Where is the pager's choice: anywhere free, aligned, not the first page of a region. */
static void step_map(void)
{
    uint64_t count = draw(8) == 0 ? LARGE_PAGES + draw(LARGE_PAGES / 4) : 1 + draw(20);
    uint32_t protection = draw_protection();
    if (count_reserved + count > MOST_RESERVED) return;
    uint64_t bytes = count * PAGE_BYTES - draw(PAGE_BYTES);
    uint64_t first = (fixture_ok(sim_request(number, PROTOCOL_map, bytes, protection, 0)) - LAYOUT_MMAP_FIRST) / PAGE_BYTES;
    cr_assert(first % REGION_PAGES != 0 && first + count <= PAGES);
    uint64_t aligned = 1;
    while (aligned < count) aligned *= 2;
    cr_assert_eq(first % aligned, 0);
    for (uint64_t i = 0; i < count; i++) {
        cr_assert_not(pages[first + i].is_reserved);
        pages[first + i] = (struct model_page){ .is_reserved = true, .protection = protection };
    }
    count_reserved += (uint32_t)count;
}

/* Three times out of four one that is reserved. */
static uint64_t draw_page(void)
{
    uint64_t page = draw(PAGES);
    bool is_wanted = count_reserved > 0 && draw(4) > 0;
    while (is_wanted && !pages[page].is_reserved) page = draw(PAGES);
    return page;
}

static bool all_reserved(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (!pages[first + i].is_reserved) return false;
    return true;
}

static void step_change(bool is_unmap)
{
    uint64_t count = 1 + draw(12);
    uint64_t first = draw_page();
    if (first + count > PAGES) first = PAGES - count;
    uint32_t protection = draw_protection();
    bool is_good = all_reserved(first, count);
    struct sim_reply reply =
        sim_request(number, is_unmap ? PROTOCOL_unmap : PROTOCOL_protect, page_address(first), count * PAGE_BYTES, is_unmap ? 0 : protection);
    cr_assert_eq(reply.label, is_good ? STATUS_OK : STATUS_NOT_MAPPED);
    if (!is_good) return;
    for (uint64_t i = 0; i < count; i++) {
        if (is_unmap) pages[first + i] = (struct model_page){ 0 };
        else pages[first + i].protection = protection;
    }
    if (is_unmap) count_reserved -= (uint32_t)count;
}

static bool page_is_large(uint64_t page)
{
    uint64_t bytes = 0;
    sim_enter_pager();
    enum status status = seam_space_page_bytes(sim_process(number)->space, page_address(page), &bytes);
    sim_leave_pager();
    cr_assert_eq(status, STATUS_OK);
    return bytes == LARGE_PAGE_BYTES;
}

/* What step_change() says, for a range that is made longer or shorter. Nothing grows into another region, of which the model does not know the first page. */
static void step_resize(void)
{
    uint64_t count = 1 + draw(12), wanted = 1 + draw(20), first = draw_page();
    if (first + count > PAGES) first = PAGES - count;
    uint64_t limit = first + count, end = first + wanted, alike = first;
    if ((limit - 1) / REGION_PAGES != (end - 1) / REGION_PAGES || (wanted > count && count_reserved + wanted - count > MOST_RESERVED)) return;
    while (alike < limit && pages[alike].protection == pages[first].protection) alike++;
    enum status status = STATUS_OK;
    if (!all_reserved(first, count)) status = STATUS_NOT_MAPPED;
    else if (alike < limit) status = STATUS_BAD_LENGTH;
    for (uint64_t page = limit; status == STATUS_OK && page < end; page++)
        if (pages[page].is_reserved) status = STATUS_EXISTS;
    struct sim_reply reply = sim_request(number, PROTOCOL_resize, page_address(first), count * PAGE_BYTES, wanted * PAGE_BYTES - draw(PAGE_BYTES));
    cr_assert_eq(reply.label, status, "%s", status_name(reply.label));
    if (status != STATUS_OK) return;
    for (uint64_t page = limit; page < end; page++) pages[page] = (struct model_page){ .is_reserved = true, .protection = pages[first].protection };
    for (uint64_t page = end; page < limit; page++) pages[page] = (struct model_page){ 0 };
    count_reserved += (uint32_t)(wanted - count);
    bool brings = presence == ALL && end > limit; /* what is made longer comes when it is touched, under each policy */
    if (brings) fixture_ok(sim_request(number, PROTOCOL_populate, page_address(limit), (end - limit) * PAGE_BYTES, 0));
}

static void step_touch(void)
{
    static const uint64_t accesses[] = { FAULT_READ, FAULT_READ, FAULT_READ, FAULT_WRITE, FAULT_WRITE, FAULT_WRITE, FAULT_WRITE, FAULT_EXECUTE };
    uint64_t page = draw_page();
    uint64_t access = accesses[draw(8)];
    struct model_page *model = &pages[page];
    bool is_good = model->is_reserved && !(access == FAULT_WRITE && model->protection != PROTECTION_WRITE)
                   && !(access == FAULT_EXECUTE && model->protection != PROTECTION_EXECUTE);
    if (!is_good && draw(8) != 0) return; /* deaths are dear: fewer of them */
    uint64_t *value = sim_touch(number, page_address(page) + 8 * (page % 512), access);
    cr_assert_eq(value != nullptr, is_good);
    if (!is_good) {
        reset();
        return;
    }
    cr_assert_eq(*value, model->value);
    model->is_present = true;
    count_large += page_is_large(page);
    if (access == FAULT_WRITE) *value = model->value = draw(UINT64_MAX);
}

static void step_break(void)
{
    int64_t delta = (int64_t)draw(10 * PAGE_BYTES) - (int64_t)(5 * PAGE_BYTES);
    struct sim_reply reply = sim_request(number, PROTOCOL_brk, (uint64_t)delta, 0, 0);
    if (delta < 0 && (uint64_t)-delta > break_bytes) {
        cr_assert_eq(reply.label, STATUS_BAD_ARGUMENT);
        return;
    }
    cr_assert_eq(fixture_ok(reply), fixture_image.limit + break_bytes);
    break_bytes += (uint64_t)delta;
}

static void step_autogen(void)
{
    int64_t delta = (int64_t)draw(10 * PAGE_BYTES) - (int64_t)(5 * PAGE_BYTES);
    struct sim_reply reply = sim_request(number, PROTOCOL_autogen_move, (uint64_t)delta, 0, 0);
    if (delta < 0 && (uint64_t)-delta > autogen_bytes) {
        cr_assert_eq(reply.label, STATUS_BAD_ARGUMENT);
        return;
    }
    autogen_bytes += (uint64_t)delta;
    cr_assert_eq(fixture_ok(reply), LAYOUT_AUTOGEN_TOP - autogen_bytes);
}

/* The segments that the model would have, one for each run of pages that are alike. */
static void compare(void)
{
    uint64_t index = 3;
    struct sim_reply reply;
    if (break_bytes > 0) {
        reply = sim_request(number, PROTOCOL_segment_info, index++, 0, 0);
        cr_assert_eq(fixture_ok(reply), SEGMENT_BRK);
        cr_assert_eq(reply.word[4], (break_bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    }
    if (autogen_bytes > 0) {
        reply = sim_request(number, PROTOCOL_segment_info, index++, 0, 0);
        cr_assert_eq(fixture_ok(reply), SEGMENT_AUTOGEN);
        cr_assert_eq(reply.word[4], (autogen_bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    }
    for (uint64_t page = 0; page < PAGES;) {
        if (!pages[page].is_reserved) {
            page++;
            continue;
        }
        uint64_t limit = page;
        uint64_t present = 0;
        while (limit < PAGES && pages[limit].is_reserved && pages[limit].protection == pages[page].protection) present += pages[limit++].is_present;
        reply = sim_request(number, PROTOCOL_segment_info, index++, 0, 0);
        cr_assert_eq(fixture_ok(reply), SEGMENT_MMAP);
        cr_assert_eq(reply.word[1], page_address(page));
        cr_assert_eq(reply.word[2], page_address(limit));
        cr_assert_eq(reply.word[3], pages[page].protection);
        cr_assert(reply.word[4] >= present && reply.word[4] <= limit - page);
        if (presence == TOUCHED) cr_assert_eq(reply.word[4], present);
        if (presence == ALL) cr_assert_eq(reply.word[4], limit - page);
        page = limit;
    }
    cr_assert_eq(fixture_ok(sim_request(number, PROTOCOL_segment_info, index, 0, 0)), SEGMENT_STACK);
    fixture_check();
}

static void run(uint64_t seed, const char *arguments, enum presence wanted)
{
    cr_log_info("seed %lu %s", seed, arguments);
    state = seed;
    presence = wanted;
    count_large = 0;
    fixture_start_with(&(struct sim_options){ .arguments = arguments });
    reset();
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t choice = draw(18);
        if (choice >= 16) step_resize();
        else if (choice < 3) step_map();
        else if (choice < 5) step_change(true);
        else if (choice < 8) step_change(false);
        else if (choice < 14) step_touch();
        else if (choice == 14) step_break();
        else step_autogen();
        if (step % 100 == 99) compare();
    }
}

/* The same deeds, with the same answers, under every way of filling. */
static void runs(uint64_t seed)
{
    run(seed, "around=1", TOUCHED);
    run(seed, "", MORE);
    cr_assert_eq(count_large, 0);
    run(seed, "fill=touched", MORE);
    run(seed, "fill=once", ALL);
    run(seed, "fill=large", MORE);
    cr_assert_gt(count_large, 0);
    run(seed, "fill=large around=1", MORE);
}

Test(pager_random, follows_the_model_1) { runs(0x1234'5678'9abc'def1); }
Test(pager_random, follows_the_model_2) { runs(2); }
Test(pager_random, follows_the_model_3) { runs(3); }
Test(pager_random, follows_the_model_4) { runs(4); }
