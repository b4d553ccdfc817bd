/* Starting a process: the image is checked as a whole, then the process is put together, then its thread runs.
 *
 * Every step leaves a record that process_undo() can take apart, so there is one way back from each of them. The thread starts last: no message of a
 * process comes before all of it is there. */
#include "process_start.h"

#include <assert.h>
#include <string.h>

#include "elf.h"
#include "fill.h"
#include "ledger.h"
#include "report.h"

/* Whether the pages of a part of an image may be the module's own frames: nobody writes to them, and they hold nothing but the part. */
static bool start_is_shared(const char *bytes, uint64_t size_bytes, const struct image_segment *part)
{
    uint64_t end = part->file_offset + part->file_bytes;
    uint64_t page_end = layout_page_up(end);
    if (part->kind == IMAGE_DATA || layout_page_up(part->memory_bytes) != layout_page_up(part->file_bytes)) return false;
    for (uint64_t at = end; at < page_end && at < size_bytes; at++)
        if (bytes[at] != 0) return false;
    return true;
}

/* Checks a module's image and keeps what it says: a module never changes. */
static enum status start_read_image(struct pager *pager, const struct module *module)
{
    if (module->image.entry != 0) return STATUS_OK;
    if (module->size_bytes == 0 || module->kind == MODULE_DATA) return STATUS_BAD_IMAGE;
    const void *view;
    uint64_t pages = module_pages(module);
    enum status status = seam_view_open(module->first_frame, pages, &view);
    if (status != STATUS_OK) return status;
    struct module *row = &pager->modules[module - pager->modules];
    struct refusal refusal = { 0 };
    status = image_parse(view, module->size_bytes, LAYOUT_IMAGE_LIMIT, &row->image, &refusal);
    for (uint32_t i = 0; i < row->image.count_segments; i++) {
        const struct image_segment *part = &row->image.segments[i];
        row->is_shared[part->kind] = start_is_shared(view, module->size_bytes, part);
    }
    seam_view_close(view, pages);
    if (status != STATUS_OK)
        report("process: refused name=%.*s status=%s where=%llu reason=\"%s\"", (int)module->name.count, module->name.first, status_name(status),
               (unsigned long long)refusal.where, refusal.reason);
    return status;
}

enum status process_add_segment(struct process *process, enum segment_kind kind, const struct fill *fill, uint64_t first, uint64_t limit,
                                const struct fill_source *source)
{
    struct segment segment = { .first = first, .limit = limit, .fill = fill, .frame = FRAME_FRESH, .kind = kind };
    segment.protection = segment_rules_of(kind)->protection;
    if (fill->frame_step != 0) segment.frame = (uint32_t)source->first_frame.number;
    enum status status = segment_reserve(&process->segments, 1);
    if (status == STATUS_OK && segment.fill->set != nullptr) {
        segment.pages = layout_pages(first, limit);
        status = quota_check(&process->family->pages, segment_charge(&segment));
        if (status == STATUS_OK) status = segment.fill->set(process->space, &segment, first, limit, source);
    }
    if (status == STATUS_OK) segment_insert(&process->segments, &segment);
    return status;
}

static enum status start_add_image(struct process *process, const struct module *module)
{
    const struct image *image = &module->image;
    static const enum segment_kind kinds[IMAGE_KINDS] = {
        [IMAGE_CODE] = SEGMENT_CODE, [IMAGE_DATA] = SEGMENT_DATA, [IMAGE_RODATA] = SEGMENT_RODATA,
    };
    for (uint32_t i = 0; i < image->count_segments; i++) {
        const struct image_segment *part = &image->segments[i];
        frame_id_t first_frame = { module->first_frame.number + (part->file_offset >> PAGE_SHIFT) };
        struct fill_source source = { .first_frame = first_frame, .file_bytes = part->file_bytes };
        uint64_t limit = part->address + (image_segment_pages(part) << PAGE_SHIFT);
        const struct fill *fill = module->is_shared[part->kind] ? &fill_image_shared : segment_rules_of(kinds[part->kind])->fill;
        enum status status = process_add_segment(process, kinds[part->kind], fill, part->address, limit, &source);
        if (status != STATUS_OK) return status;
    }
    process->break_first = process->break_address = image->image_limit;
    process->autogen_low = LAYOUT_AUTOGEN_TOP;
    process->autogen_protection = PROTECTION_WRITE | (process->is_write_execute ? PROTECTION_EXECUTE : PROTECTION_READ);
    return STATUS_OK;
}

/* The message buffer with the start information: written in the pager's own buffer and copied; the kernel zeroes the rest. */
static enum status start_add_buffer(const struct pager *pager, struct process *process, const char *text, uint32_t text_bytes, frame_id_t *buffer)
{
    struct start_info *info = (struct start_info *)pager->buffer;
    assert(text_bytes > 0 && text_bytes <= START_TEXT_BYTES && text[text_bytes - 1] == '\0');
    enum status status = seam_frame_allocate(buffer);
    if (status != STATUS_OK) return status;
    *info = (struct start_info){ .magic = START_MAGIC, .text_bytes = text_bytes, .process = process->number,
                                .cycles_per_second = pager->boot->cycles_per_second, .cycles_at_entry = pager->boot->cycles_at_entry };
    for (uint32_t i = 0; i < text_bytes; i++) info->argument_count += text[i] == '\0';
    memcpy(info + 1, text, text_bytes);
    status = seam_frame_copy(*buffer, 0, pager->buffer_frame, 0, (uint32_t)sizeof(*info) + text_bytes);
    struct fill_source source = { .first_frame = *buffer };
    const struct fill *fill = segment_rules_of(SEGMENT_BUFFER)->fill;
    if (status == STATUS_OK) status = process_add_segment(process, SEGMENT_BUFFER, fill, LAYOUT_BUFFER_FIRST, LAYOUT_BUFFER_FIRST + PAGE_BYTES, &source);
    if (status == STATUS_OK) return STATUS_OK;
    enum status undone = seam_frame_free(*buffer);
    assert(undone == STATUS_OK);
    (void)undone;
    return status;
}

enum status process_add_thread(const struct pager *pager, struct process *process, frame_id_t buffer)
{
    enum status status = seam_thread_create(process->space, PROCESS_THREAD_FIRST, buffer, THREAD_VECTORS, process->family->time.purse, &process->first.thread);
    return status == STATUS_OK ? seam_handle_map(process->space, HANDLE_PAGER, pager->endpoint, RIGHT_CALL, process_badge(process)) : status;
}

static enum status start_build(const struct pager *pager, struct process *process, const struct module *module, const char *text,
                               uint32_t text_bytes)
{
    enum status status = seam_space_create(pager->endpoint, process_badge(process), &process->space);
    if (status == STATUS_OK) status = start_add_image(process, module);
    const struct fill *fill = segment_rules_of(SEGMENT_STACK)->fill;
    if (status == STATUS_OK) status = process_add_segment(process, SEGMENT_STACK, fill, LAYOUT_STACK_TOP - pager->stack_bytes, LAYOUT_STACK_TOP, nullptr);
    frame_id_t buffer;
    if (status == STATUS_OK) status = start_add_buffer(pager, process, text, text_bytes, &buffer);
    if (status == STATUS_OK) status = process_add_thread(pager, process, buffer);
    /* An entry point is a function that nobody called: a return address is on its stack, here the zero of a fresh page. */
    if (status == STATUS_OK) status = seam_thread_start(process->first.thread, module->image.entry, LAYOUT_STACK_TOP - sizeof(uint64_t), LAYOUT_BUFFER_FIRST);
    return status;
}

void process_admit(struct pager *pager, struct process *process)
{
    process->state = PROCESS_RUNNING;
    process->badge = process_badge(process);
    ledger_admit(process);
    pager->count_running++;
    watch_tell(pager, process, PROCESS_EVENT_STARTED);
}

void process_tell_start(const struct pager *pager, const struct process *process)
{
    if (!process_is_told(pager, process)) return;
    report("process: started pid=%u name=%s space=0x%llx thread=0x%llx pages=%llu", process->number, process->name,
           (unsigned long long)process->space.number, (unsigned long long)process->first.thread.number, (unsigned long long)process_charge(process));
    if (!(pager->trace & TRACE_PROCESSES)) return;
    const struct segment_table *table = &process->segments;
    for (const struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit))
        report("process: segment pid=%u kind=%s first=0x%llx limit=0x%llx protection=%u pages=%llu fill=%s", process->number,
               segment_rules_of(segment->kind)->name, (unsigned long long)segment->first, (unsigned long long)segment->limit, segment->protection,
               (unsigned long long)segment->pages, segment->fill->name);
}

enum status process_create(struct pager *pager, struct family *family, uint32_t group, const struct module *module, const char *text,
                           uint32_t text_bytes, struct process **process)
{
    enum status status = start_read_image(pager, module);
    if (status != STATUS_OK) return status;
    struct process *made;
    status = process_slot_take(pager, family, &made);
    if (status != STATUS_OK) return status;
    size_t name_bytes = module->name.count < PROCESS_NAME_BYTES ? module->name.count : PROCESS_NAME_BYTES;
    memcpy(made->name, module->name.first, name_bytes);
    made->is_write_execute = module->kind == MODULE_PROGRAM_WX;
    group_set_insert(&made->groups, group, nullptr);
    status = start_build(pager, made, module, text, text_bytes);
    if (status != STATUS_OK) {
        process_undo(pager, made);
        return status;
    }

    // Commit: nothing below may fail.
    process_admit(pager, made);
    *process = made;
    return STATUS_OK;
}
