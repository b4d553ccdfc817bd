/* Faults: a twin touches pages, this program is its pager.
 *
 * fault_bare is the time from one fault message to the next while the pager answers without mapping anything, so that the same load faults again. The others
 * are measured by the twin, around one store to a page that is not there.
 *
 * fault_zero_page_read and fault_zero_page_write are a way that is not taken (docs/adr/0018): who reads a page first gets one that all have, of zeroes; who
 * writes to it then gets a copy. So a page that is read and written costs both, one that is only read the first, and without this either costs fault_fresh. */
#include "bench.h"

enum fill { FILL_EXISTING, FILL_FRESH, FILL_PREZEROED };

constexpr uint64_t TOUCH_FIRST = KIT_FREE;
static uint64_t prezeroed[BENCH_SAMPLES];

static void load_once(uint64_t address)
{
    (void)*(volatile uint64_t *)address;
    for (;;) yield();
}

static void bare(void)
{
    struct twin twin = kit_twin(kit_info->endpoint, 3, PRIORITY_PROGRAM);
    kit_start(&twin, load_once, TOUCH_FIRST);
    struct message message;
    kit_must(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), "fault_bare: receive");
    bench_begin();
    uint64_t last = kit_cycles();
    for (unsigned i = 0; i < BENCH_SAMPLES; i++) {
        message.tag = FAULT_RETRY;
        enum status status = reply_receive(HANDLE_PAGER, &message);
        uint64_t now = kit_cycles();
        bench_sample(last, now);
        last = now;
        if (status != STATUS_OK || (message.tag & TAG_FAULT) == 0 || message.word[1] != TOUCH_FIRST) kit_must(STATUS_BAD_STATE, "fault_bare");
    }
    bench_report("fault_bare");
    kit_must(kernel_thread_destroy(twin.thread), "fault_bare: thread_destroy");
}

/* The twin: one store to each page, then an exception to say that it is done. */
static void touch(uint64_t address)
{
    for (unsigned i = 0; i < BENCH_SAMPLES; i++, address += PAGE_BYTES) {
        uint64_t first = kit_cycles();
        *(volatile uint64_t *)address = i;
        bench_sample(first, kit_cycles());
    }
    __asm__ volatile("ud2");
}

/* The twin: one load from each page, likewise. */
static void look(uint64_t address)
{
    for (unsigned i = 0; i < BENCH_SAMPLES; i++, address += PAGE_BYTES) {
        uint64_t first = kit_cycles();
        (void)*(volatile uint64_t *)address;
        bench_sample(first, kit_cycles());
    }
    __asm__ volatile("ud2");
}

static uint64_t frame_for(enum fill fill, unsigned index)
{
    return fill == FILL_FRESH ? FRAME_FRESH : fill == FILL_PREZEROED ? prezeroed[index] : prezeroed[0];
}

static void resolve_all(const char *name, enum fill fill, uint64_t badge)
{
    struct twin twin = kit_twin(kit_info->endpoint, badge, PRIORITY_PROGRAM);
    if (fill != FILL_FRESH) {
        for (unsigned i = 0; i < (fill == FILL_EXISTING ? 1 : BENCH_SAMPLES); i++) {
            kit_must(kernel_frame_allocate(0, &prezeroed[i]), name);
            kit_must(kernel_frame_zero(prezeroed[i]), name);
        }
    }
    bench_begin();
    kit_start(&twin, touch, TOUCH_FIRST);
    struct message message;
    kit_must(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), name);
    for (unsigned i = 0; tag_label(message.tag) == FAULT_PAGE; i++) {
        kit_must(kernel_resolve(HANDLE_PAGER, message.word[1] | ATTRIBUTE_WRITE, frame_for(fill, i), 1, &message), name);
    }
    bench_report(name);
    kit_must(kernel_thread_destroy(twin.thread), name);
}

/* One page of zeroes for everybody. `is_there`: each page has it already, and is written to. */
static void zero_page(const char *name, bool is_there, uint64_t badge)
{
    struct twin twin = kit_twin(kit_info->endpoint, badge, PRIORITY_PROGRAM);
    uint64_t zero, done;
    kit_must(kernel_frame_allocate(0, &zero), name);
    kit_must(kernel_frame_zero(zero), name);
    for (unsigned i = 0; is_there && i < BENCH_SAMPLES; i++) kit_must(kernel_space_map(twin.space, TOUCH_FIRST + i * PAGE_BYTES, zero, 1, 0, &done), name);
    bench_begin();
    kit_start(&twin, is_there ? touch : look, TOUCH_FIRST);
    struct message message;
    kit_must(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), name);
    while (tag_label(message.tag) == FAULT_PAGE) {
        uint64_t attributes = is_there ? ATTRIBUTE_WRITE : 0;
        kit_must(kernel_resolve(HANDLE_PAGER, message.word[1] | attributes, is_there ? FRAME_COPY : zero, 1, &message), name);
    }
    bench_report(name);
    kit_must(kernel_thread_destroy(twin.thread), name);
}

void bench_faults(void)
{
    bare();
    resolve_all("fault_existing", FILL_EXISTING, 4);
    resolve_all("fault_fresh", FILL_FRESH, 5);
    resolve_all("fault_fresh_prezeroed", FILL_PREZEROED, 6);
    zero_page("fault_zero_page_read", false, 7);
    zero_page("fault_zero_page_write", true, 8);
}
