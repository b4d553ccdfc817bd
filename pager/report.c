/* Reports: the pager's lines, put together in one place so that their form is one. See report.h.
 *
 * Who reads them: tools, tests, people, in this order. Keys and their order stay; new keys come at the end. */
#include "report.h"

#include <format.h>
#include <stdarg.h>

#include "segment.h"

void report(const char *format, ...)
{
    char line[REPORT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(line, sizeof(line), format, arguments);
    va_end(arguments);
    seam_log(line, length < sizeof(line) ? length : sizeof(line) - 1);
}

static unsigned long long wide(uint64_t number) { return number; }

static const char *report_access(uint64_t access)
{
    if (access & FAULT_WRITE) return "write";
    return access & FAULT_EXECUTE ? "execute" : "read";
}

static const char *report_segment(const struct segment *segment)
{
    return segment != nullptr ? segment_rules_of(segment->kind)->name : "none";
}

void report_resolved(const struct fault_view *view, const char *action, uint64_t frame, uint64_t pages)
{
    const uint64_t *word = view->message->word;
    uint64_t cost = word[5] != 0 ? seam_cycles() - word[5] : 0;
    report("fault: pid=%u tid=%llu addr=0x%llx access=%s ip=0x%llx segment=%s action=%s frame=0x%llx pages=%llu cost=%llu", view->process->number,
           wide(word[4]), wide(word[1]), report_access(word[0]), wide(word[2]), report_segment(view->segment), action, wide(frame), wide(pages), wide(cost));
}

void report_fatal(const struct fault_view *view, enum process_end reason)
{
    const uint64_t *word = view->message->word;
    const struct segment *nearest = view->segment != nullptr ? view->segment : segment_nearest(&view->process->segments, word[1]);
    report("fault: pid=%u tid=%llu addr=0x%llx access=%s ip=0x%llx segment=%s nearest=%s(0x%llx-0x%llx) action=end reason=%s", view->process->number,
           wide(word[4]), wide(word[1]), report_access(word[0]), wide(word[2]), report_segment(view->segment), report_segment(nearest),
           wide(nearest != nullptr ? nearest->first : 0), wide(nearest != nullptr ? nearest->limit : 0), process_end_name(reason));
}

void report_overflow(const struct fault_view *view, const struct segment *stack, uint64_t high)
{
    report("stack: pid=%u tid=%llu first=0x%llx limit=0x%llx high=0x%llx pages=%llu", view->process->number, wide(view->message->word[4]),
           wide(stack->first), wide(stack->limit), wide(high), wide(stack->pages));
}

/* Names of the processor's vectors: AMD64 Architecture Programmer's Manual vol. 2, 8.2 (the same on 32-bit processors). */
static const char *report_vector(uint64_t vector)
{
    static const char *const names[] = {
        [0] = "divide-error", [1] = "debug", [3] = "breakpoint", [4] = "overflow", [5] = "bound-range", [6] = "invalid-opcode",
        [7] = "device-not-available", [10] = "invalid-tss", [11] = "segment-not-present", [12] = "stack-fault", [13] = "general-protection",
        [14] = "page-fault", [16] = "x87-floating-point", [17] = "alignment-check", [19] = "simd-floating-point", [21] = "control-protection",
    };
    if (vector >= sizeof(names) / sizeof(names[0]) || names[vector] == nullptr) return "reserved";
    return names[vector];
}

void report_shortage(const struct pager *pager, const struct process *toucher, const struct process *chosen)
{
    const struct quota *quota = &toucher->family->pages;
    report("memory: short pid=%u ends=%u pages=%llu family=%u charged=%llu guarantee=%llu limit=%llu free=%llu promised=%llu", toucher->number,
           chosen->number, wide(process_charge(chosen)), (uint32_t)(toucher->family - pager->family), wide(quota->charged), wide(quota->guarantee),
           wide(quota->limit), wide(pool_free(quota->pool)), wide(quota->pool->promised));
}

void report_exception(const struct fault_view *view)
{
    const uint64_t *word = view->message->word;
    uint64_t vector = word[0] >> 8 & 0xff;
    report("fault: pid=%u tid=%llu exception=%s vector=%llu error=0x%llx ip=0x%llx segment=%s action=end reason=exception", view->process->number,
           wide(word[4]), report_vector(vector), wide(vector), wide(word[0] >> 32), wide(word[2]), report_segment(view->segment));
}

void report_handle(const struct fault_view *view, enum status status)
{
    const uint64_t *word = view->message->word;
    report("fault: pid=%u tid=%llu handle=0x%llx ip=0x%llx action=%s status=%s", view->process->number, wide(word[4]), wide(word[1]), wide(word[2]),
           status == STATUS_OK ? "map" : "refuse", status_name(status));
}

static const char *report_request_name(uint32_t label)
{
    switch (label) {
#define PROTOCOL(number, name, in, out, text) case PROTOCOL_##name: return #name;
#include "protocol.def"
#undef PROTOCOL
    default: return "unknown";
    }
}

void report_request(uint32_t process_number, const struct pager_message *message, enum status status, bool is_deferred, uint64_t word0)
{
    const uint64_t *word = message->word;
    report("request: pid=%u name=%s w0=0x%llx w1=0x%llx w2=0x%llx bytes=%u status=%s result=0x%llx", process_number,
           report_request_name(tag_label(message->tag)), wide(word[0]), wide(word[1]), wide(word[2]), tag_length(message->tag),
           is_deferred ? "deferred" : status_name(status), wide(status == STATUS_OK ? word0 : 0));
}
