/* What test pagers share. See kit.h. */
#include "kit.h"

#include <format.h>
#include <stdarg.h>
#include <string.h>

constexpr uint64_t STACK_BYTES = 2 * PAGE_BYTES;

const struct boot_info *kit_info;
static unsigned count_twins;
alignas(4096) static char stacks[KIT_TWINS][STACK_BYTES];

[[noreturn]] void assert_failed(const char *condition, const char *file, int line);
[[noreturn]] void _start(const struct boot_info *info);

[[noreturn]] static void end(uint32_t code)
{
    for (;;) (void)kernel_machine_end(code);
}

void kit_log(const char *subsystem, const char *format, ...)
{
    char *buffer = (char *)kit_info->buffer_address;
    constexpr size_t limit = 300;
    size_t length = format_string(buffer, limit, "%s: ", subsystem);
    va_list arguments;
    va_start(arguments);
    length += format_text(buffer + length, limit - length, format, arguments);
    va_end(arguments);
    (void)kernel_log((uint32_t)(length < limit ? length : limit - 1));
}

void assert_failed(const char *condition, const char *file, int line)
{
    kit_log("test", "failed assert file=%s line=%d condition=%s", file, line, condition);
    end(1);
}

void kit_must(enum status status, const char *what)
{
    if (status == STATUS_OK) return;
    kit_log("test", "failed what=\"%s\" status=%s", what, status_name(status));
    end(1);
}

struct twin kit_twin(uint64_t endpoint, uint64_t badge, uint32_t priority)
{
    struct twin twin;
    kit_must(kernel_space_create(endpoint, badge, &twin.space), "twin: space_create");
    for (uint64_t address = kit_info->image_first; address < kit_info->image_limit; address += PAGE_BYTES) {
        uint64_t frame, page_bytes, done;
        uint32_t attributes;
        if (kernel_space_query(kit_info->space, address, &frame, &attributes, &page_bytes) != STATUS_OK) continue;
        kit_must(kernel_space_map(twin.space, address, frame, 1, attributes & (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE), &done), "twin: space_map");
    }
    kit_must(kernel_thread_create(twin.space, badge, FRAME_NONE, priority, THREAD_PLAIN, &twin.thread), "twin: thread_create");
    return twin;
}

void kit_start(const struct twin *twin, void (*function)(uint64_t), uint64_t argument)
{
    if (count_twins == KIT_TWINS) kit_must(STATUS_LIMIT, "twin: stack");
    uint64_t *top = (uint64_t *)(stacks[count_twins++] + STACK_BYTES);
    top[-1] = 0; /* the address that the function would return to: a fault */
    kit_must(kernel_thread_start(twin->thread, (uint64_t)(uintptr_t)function, (uint64_t)(uintptr_t)(top - 1), argument), "twin: thread_start");
}

void _start(const struct boot_info *info)
{
    kit_info = info;
    end(kit_main());
}
