/* Start: from checked boot information to the first pager, ready to run.
 *
 * The kernel loads exactly one program, the first module, and hands it everything else. The pager's space, from its image upwards: image, a free page as guard,
 * stack, another guard, message buffer, boot information page. */
#include <assert.h>
#include <string.h>

#include "abi/boot_info.h"
#include "arguments.h"
#include "deadline.h"
#include "elf.h"
#include "endpoint.h"
#include "kernel.h"
#include "log.h"
#include "schedule.h"
#include "space.h"

constexpr uint64_t STACK_PAGES = 16;
constexpr uint64_t PAGER_IMAGE_LIMIT = 0x40000000; /* the pager's image ends below 1 GiB */
constexpr uint32_t FIRST_INCARNATION = 1;

/* Keys that the kernel or the pager reads; others are logged. docs/boot.md describes them. */
static const char *const known_keys[] = { "debug-exit", "trace", "end", "stack", "guarantee", "limit", "around", "fill", "waits", "fast", "oom",
                                         "fault_deadline" };

struct start_state {
    const struct boot_source *source;
    struct space *space;
    struct boot_info *info;
    uint64_t text_bytes; /* used of info->text */
};

static void log_arguments(const char *line)
{
    struct argument_cursor cursor = arguments_begin(line, BOOT_ARGUMENTS_LIMIT);
    struct argument argument;
    while (arguments_next(&cursor, &argument)) {
        bool known = false;
        for (size_t i = 0; i < sizeof known_keys / sizeof known_keys[0]; i++) known |= text_span_is(argument.key, known_keys[i]);
        if (argument.form == ARGUMENT_UNTERMINATED || argument.form == ARGUMENT_MALFORMED) {
            log_line("boot", "argument refused text=%.*s", (int)argument.key.count, argument.key.first);
        } else if (!known) {
            log_line("boot", "argument unknown key=%.*s", (int)argument.key.count, argument.key.first);
        }
    }
    struct text_span value;
    if (arguments_find(line, BOOT_ARGUMENTS_LIMIT, "oom", &value)) {
        frame_panics_without = text_span_is(value, "panic");
        if (!frame_panics_without && !text_span_is(value, "status")) log_line("boot", "argument refused text=oom=%.*s", (int)value.count, value.first);
    }
    struct trace_list list = { 0 };
    if (arguments_find(line, BOOT_ARGUMENTS_LIMIT, "trace", &value)) list = arguments_trace(value);
    log_trace = list.bits;
    if (list.count_unknown != 0) log_line("boot", "trace unknown name=%.*s", (int)list.unknown.count, list.unknown.first);
    uint64_t seconds = DEADLINE_SECONDS;
    if (arguments_find(line, BOOT_ARGUMENTS_LIMIT, "fault_deadline", &value)
        && (arguments_number(value, &seconds) != STATUS_OK || seconds > DEADLINE_SECONDS_MOST)) {
        seconds = DEADLINE_SECONDS;
        log_line("boot", "argument refused text=fault_deadline=%.*s", (int)value.count, value.first);
    }
    deadline_begin(log_trace & TRACE_FAULTS, seconds);
}

/* Fills pages of the pager with zeroes; the boot cannot go on without them. */
static void fill(struct space *space, uint64_t address, uint64_t count_pages, uint32_t attributes)
{
    struct user_span span;
    enum status status = user_span_check(address, count_pages, &span);
    while (status == STATUS_OK) {
        uint64_t done = 0;
        status = space_fill(space, span, attributes, &done);
        if (status == STATUS_OK) return;
        if (status != STATUS_AGAIN) break;
        status = user_span_check(span.first.address + done * PAGE_BYTES, span.count_pages - done, &span);
    }
    panic("boot: no memory for the pager status=%s", status_name(status));
}

/* The kernel's view of a filled page, and its frame. */
static void *page_pointer(struct space *space, uint64_t address, frame_t *frame)
{
    struct translation translation;
    enum status status = space_query(space, (user_page_t){ address }, &translation);
    assert(status == STATUS_OK);
    (void)status;
    *frame = translation.frame;
    return arch_frame_pointer(translation.frame);
}

static void load_segment(struct space *space, const char *file, const struct image_segment *segment)
{
    static const uint32_t attributes[IMAGE_KINDS] = { [IMAGE_CODE] = ATTRIBUTE_EXECUTE, [IMAGE_DATA] = ATTRIBUTE_WRITE, [IMAGE_RODATA] = ATTRIBUTE_READ };
    fill(space, segment->address, image_segment_pages(segment), attributes[segment->kind]);
    for (uint64_t offset = 0; offset < segment->file_bytes; offset += PAGE_BYTES) {
        uint64_t left = segment->file_bytes - offset;
        frame_t frame;
        memcpy(page_pointer(space, segment->address + offset, &frame), file + segment->file_offset + offset, left < PAGE_BYTES ? left : PAGE_BYTES);
    }
}

/* Appends a text to the information page; one that does not fit is left empty. Returns its offset. */
static uint32_t add_text(struct start_state *state, const char *text)
{
    size_t length = strlen(text) + 1;
    if (length > BOOT_TEXT_BYTES - state->text_bytes) {
        log_line("boot", "text left out bytes=%lu", (unsigned long)length);
        return BOOT_TEXT_BYTES - 1; /* the last byte is always NUL */
    }
    uint32_t offset = (uint32_t)state->text_bytes;
    memcpy(state->info->text + offset, text, length);
    state->text_bytes += length;
    return offset;
}

/* Hands the modules behind the pager's own to the pager. */
static void hand_over_modules(struct start_state *state)
{
    const struct boot_source *source = state->source;
    for (size_t i = 1; i < source->count_modules; i++) {
        const struct boot_source_module *module = &source->modules[i];
        if (state->info->modules == BOOT_MODULES) {
            log_line("boot", "module left out text=%s", module->text);
            continue;
        }
        uint64_t size = module->limit - module->first;
        uint64_t frames = (size + PAGE_BYTES - 1) / PAGE_BYTES;
        frame_t first = physical_to_frame((physical_t){ module->first });
        if (frames != 0 && frame_adopt(first, (uint32_t)frames) != STATUS_OK) panic("boot: module is not in memory of its own text=%s", module->text);
        if (size % PAGE_BYTES != 0) {
            frame_t last = { (uint32_t)(first.number + frames - 1) };
            memset((char *)arch_frame_pointer(last) + size % PAGE_BYTES, 0, PAGE_BYTES - size % PAGE_BYTES);
        }
        uint32_t text = add_text(state, module->text);
        state->info->module[state->info->modules++] = (struct boot_module){ first.number, size, text, 0 };
        log_line("boot", "module first=0x%lx bytes=%lu text=%s", (unsigned long)module->first, (unsigned long)size, module->text);
    }
}

static struct image check_pager_image(const struct boot_source_module *module)
{
    struct image image;
    struct refusal refusal;
    const char *file = arch_frame_pointer(physical_to_frame((physical_t){ module->first }));
    enum status status = image_parse(file, module->limit - module->first, PAGER_IMAGE_LIMIT, &image, &refusal);
    if (status != STATUS_OK) {
        panic("boot: the first module is no pager text=%s status=%s reason=\"%s\" where=%lu", module->text, status_name(status), refusal.reason,
              (unsigned long)refusal.where);
    }
    return image;
}

void kernel_start(const struct boot_source *source, uint64_t cycles_at_entry)
{
    log_arguments(source->arguments);
    log_line("boot", "memory frames=%lu free=%lu", (unsigned long)frame_count_total(), (unsigned long)frame_count_free());
    if (source->left_out_ranges != 0 || source->left_out_modules != 0 || source->truncated_texts != 0) {
        log_line("boot", "left out ranges=%lu modules=%lu texts-cut=%lu", (unsigned long)source->left_out_ranges, (unsigned long)source->left_out_modules,
                 (unsigned long)source->truncated_texts);
    }
    if (source->count_modules == 0) panic("boot: no module, so no pager; the boot loader must load it as the first one");
    struct image image = check_pager_image(&source->modules[0]);

    struct space *space;
    struct endpoint *endpoint;
    struct thread *thread;
    if (space_create(&space) != STATUS_OK || endpoint_create(&endpoint) != STATUS_OK) panic("boot: no memory for the pager");
    space->is_pager = true;
    space->incarnation_tag = (uint64_t)FIRST_INCARNATION << TAG_INCARNATION_SHIFT;
    const char *file = arch_frame_pointer(physical_to_frame((physical_t){ source->modules[0].first }));
    for (uint32_t i = 0; i < image.count_segments; i++) load_segment(space, file, &image.segments[i]);

    uint64_t stack_limit = image.image_limit + (1 + STACK_PAGES) * PAGE_BYTES;
    uint64_t buffer = stack_limit + PAGE_BYTES;
    fill(space, stack_limit - STACK_PAGES * PAGE_BYTES, STACK_PAGES, ATTRIBUTE_WRITE);
    fill(space, buffer, 1, ATTRIBUTE_WRITE);
    fill(space, buffer + PAGE_BYTES, 1, ATTRIBUTE_READ);
    frame_t buffer_frame, info_frame;
    page_pointer(space, buffer, &buffer_frame);

    struct start_state state = { .source = source, .space = space, .info = page_pointer(space, buffer + PAGE_BYTES, &info_frame) };
    if (thread_create(space, buffer_frame, PRIORITY_PAGER, &thread) != STATUS_OK) panic("boot: no memory for the pager");
    handle_fill(handle_row_of(space, HANDLE_PAGER), HANDLE_PAGER, endpoint, RIGHTS_ALL, 0);
    *state.info = (struct boot_info){
        .magic = BOOT_INFO_MAGIC, .version = ABI_VERSION, .incarnation = FIRST_INCARNATION, .space = space->frame.number, .thread = thread->frame.number,
        .endpoint = endpoint_name(endpoint), .buffer_address = buffer, .buffer_frame = buffer_frame.number, .image_first = image.segments[0].address,
        .image_limit = buffer + 2 * PAGE_BYTES, .cycles_per_second = arch_cycles_per_second(), .cycles_at_entry = cycles_at_entry, .trace = log_trace,
    };
    state.info->frames = frame_count_table();
    state.info->arguments_offset = add_text(&state, source->arguments); /* before the modules' lines, which may be more than there is room for */
    hand_over_modules(&state);
    arch_context_start(thread, image.entry, stack_limit, buffer + PAGE_BYTES);
    log_line("boot", "pager starts entry=0x%lx free=%lu", (unsigned long)image.entry, (unsigned long)frame_count_free());
    schedule_ready(thread);
    kernel_switch(nullptr);
}
