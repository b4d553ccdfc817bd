/* Starting programs: what a process has when its first instruction runs, and what is refused. */
#include "microkernel/thread.h"

#include "pager_fixture.h"

static unsigned char byte_at(uint32_t number, uint64_t address)
{
    unsigned char *pointer = sim_touch(number, address, FAULT_READ);
    cr_assert_not_null(pointer);
    return *pointer;
}

Test(pager_start, boots_the_programs_and_waits)
{
    fixture_start();
    cr_assert_eq(sim_pager.count_running, 2);
    cr_assert_str_eq(sim_process(INIT)->name, "init");
    cr_assert_str_eq(sim_process(WX)->name, "wx");
    cr_assert(fixture_logged("pager: started incarnation=1 modules=5"));
    cr_assert(fixture_logged("process: started pid=1 name=init"));
    cr_assert_eq(sim_ended(), 0);
    fixture_check();
}

Test(pager_start, image_is_in_memory_with_zero_tails)
{
    fixture_start();
    uint64_t first = SIM_IMAGE_FIRST;
    for (uint64_t i = 0; i < fixture_shape.code_bytes; i++) cr_assert_eq(byte_at(INIT, first + i), sim_image_byte(first + i));
    for (uint64_t i = fixture_shape.code_bytes; i < 2 * PAGE_BYTES; i++) cr_assert_eq(byte_at(INIT, first + i), 0);
    first = fixture_image.data_first;
    for (uint64_t i = 0; i < fixture_shape.data_file_bytes; i++) cr_assert_eq(byte_at(INIT, first + i), sim_image_byte(first + i));
    for (uint64_t i = fixture_shape.data_file_bytes; i < 3 * PAGE_BYTES; i++) cr_assert_eq(byte_at(INIT, first + i), 0, "%lu", i);
    first = fixture_image.rodata_first;
    for (uint64_t i = 0; i < fixture_shape.rodata_bytes; i++) cr_assert_eq(byte_at(INIT, first + i), sim_image_byte(first + i));
    for (uint64_t i = fixture_shape.rodata_bytes; i < PAGE_BYTES; i++) cr_assert_eq(byte_at(INIT, first + i), 0);
    fixture_check();
}

Test(pager_start, nothing_of_a_former_process_is_seen)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 16 << 20, PROTECTION_WRITE, 0));
    for (uint64_t at = 0; at < 16 << 20; at += PAGE_BYTES) memset(sim_touch(number, first + at, FAULT_WRITE), 0xaa, PAGE_BYTES);
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    for (unsigned i = 0; i < 20; i++) {
        fixture_child(&number);
        for (uint64_t at = fixture_shape.code_bytes; at < 2 * PAGE_BYTES; at++) cr_assert_eq(byte_at(number, SIM_IMAGE_FIRST + at), 0);
        for (uint64_t at = fixture_shape.data_file_bytes; at < 3 * PAGE_BYTES; at++) cr_assert_eq(byte_at(number, fixture_image.data_first + at), 0);
        for (uint64_t at = PAGE_BYTES / 2; at < PAGE_BYTES; at++) cr_assert_eq(byte_at(number, LAYOUT_BUFFER_FIRST + at), 0);
        for (uint64_t at = 1; at <= PAGE_BYTES; at++) cr_assert_eq(byte_at(number, LAYOUT_STACK_TOP - at), 0);
    }
}

Test(pager_start, segments_lie_in_the_order_of_their_kinds)
{
    fixture_start();
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, PAGE_BYTES, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    static const enum protection protections[SEGMENT_KINDS] = {
        [SEGMENT_CODE] = PROTECTION_EXECUTE, [SEGMENT_DATA] = PROTECTION_WRITE, [SEGMENT_RODATA] = PROTECTION_READ, [SEGMENT_BRK] = PROTECTION_WRITE,
        [SEGMENT_AUTOGEN] = PROTECTION_WRITE, [SEGMENT_MMAP] = PROTECTION_WRITE, [SEGMENT_STACK] = PROTECTION_WRITE,
        [SEGMENT_BUFFER] = PROTECTION_WRITE,
    };
    uint64_t limit = 0;
    for (uint64_t i = 0; i < SEGMENT_BUFFER; i++) {
        struct sim_reply reply = sim_request(INIT, PROTOCOL_segment_info, i, 0, 0);
        cr_assert_eq(fixture_ok(reply), SEGMENT_CODE + i);
        cr_assert_geq(reply.word[1], limit);
        cr_assert_eq(reply.word[3], protections[SEGMENT_CODE + i]);
        limit = reply.word[2];
    }
    EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_segment_info, SEGMENT_BUFFER, 0, 0));
    EXPECT(NOT_FOUND, sim_request(INIT, PROTOCOL_segment_info, UINT64_MAX, 0, 0));
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_segment_info, 3, 0, 0)), SEGMENT_BRK);
    fixture_check();
}

Test(pager_start, start_information_lies_in_the_message_buffer)
{
    static const char text[] = "child\0one\0\0three";
    fixture_start();
    fixture_ok(sim_request_text(INIT, PROTOCOL_process_start, 0, text, sizeof(text)));
    uint32_t number = sim_pager.next_number;
    const struct start_info *info = sim_touch(number, LAYOUT_BUFFER_FIRST, FAULT_READ);
    cr_assert_eq(info->magic, START_MAGIC);
    cr_assert_eq(info->argument_count, 4);
    cr_assert_eq(info->text_bytes, sizeof(text));
    cr_assert_eq(info->process, number);
    cr_assert_eq(memcmp(info + 1, text, sizeof(text)), 0);
    const char *rest = (const char *)(info + 1) + sizeof(text);
    for (size_t i = 0; i < PAGE_BYTES - sizeof(*info) - sizeof(text); i++) cr_assert_eq(rest[i], 0);
    fixture_check();
}

Test(pager_start, the_thread_starts_as_if_its_entry_had_been_called)
{
    fixture_start();
    const struct thread *thread = thread_find(sim_process(INIT)->first.thread.number);
    cr_assert_eq(thread->context.instruction, SIM_IMAGE_FIRST);
    cr_assert_eq(thread->context.stack, LAYOUT_STACK_TOP - 8); /* System V ABI for AMD64, 3.2.2: 16 bytes aligned before the call */
    cr_assert_eq(thread->context.stack % 16, 8);
    cr_assert_eq(thread->context.call.argument[0], LAYOUT_BUFFER_FIRST);
    cr_assert_eq(thread->priority, PRIORITY_PROGRAM);
}

Test(pager_start, arguments_of_the_command_line_are_passed)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module module = { "program:tool  alpha beta ", fixture_image.bytes, fixture_image.size_bytes };
    sim_start(&(struct sim_options){ 0 }, &module, 1);
    const struct start_info *info = sim_touch(INIT, LAYOUT_BUFFER_FIRST, FAULT_READ);
    cr_assert_eq(info->argument_count, 3);
    cr_assert_eq(info->text_bytes, sizeof("tool\0alpha\0beta"));
    cr_assert_eq(memcmp(info + 1, "tool\0alpha\0beta", sizeof("tool\0alpha\0beta")), 0);
}

Test(pager_start, images_without_data_or_rodata_start)
{
    static const struct sim_image_shape shapes[] = {
        { .code_bytes = 1 }, { .code_bytes = 1, .data_memory_bytes = 1 }, { .code_bytes = PAGE_BYTES, .rodata_bytes = PAGE_BYTES },
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        sim_image_make(&fixture_image, &shapes[i]);
        struct sim_module modules[] = { { "init", fixture_image.bytes, fixture_image.size_bytes } };
        sim_start(&(struct sim_options){ 0 }, modules, 1);
        cr_assert_eq(sim_pager.count_running, 1);
        fixture_check();
    }
}

Test(pager_start, refuses_what_is_no_program)
{
    fixture_start();
    EXPECT(NOT_FOUND, sim_request_text(INIT, PROTOCOL_process_start, 0, "nobody", sizeof("nobody")));
    EXPECT(BAD_IMAGE, sim_request_text(INIT, PROTOCOL_process_start, 0, "file", sizeof("file")));
    EXPECT(BAD_IMAGE, sim_request_text(INIT, PROTOCOL_process_start, 0, "empty", sizeof("empty")));
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_process_start, 0, "", 0));
    EXPECT(BAD_ARGUMENT, sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child") - 1));
    EXPECT(BAD_ARGUMENT, sim_request_text(INIT, PROTOCOL_process_start, 0, "\0child", sizeof("\0child")));
    char text[MESSAGE_BUFFER_BYTES] = "child";
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_process_start, 0, text, START_TEXT_BYTES + 1));
    EXPECT(OK, sim_request_text(INIT, PROTOCOL_process_start, 0, text, START_TEXT_BYTES));
    cr_assert_eq(sim_pager.count_running, 3);
    fixture_check();
}

Test(pager_start, a_damaged_image_at_boot_is_told_and_fails_the_machine)
{
    sim_image_make(&fixture_image, &fixture_shape);
    fixture_image.bytes[4] = 1;
    struct sim_module module = { "broken", fixture_image.bytes, fixture_image.size_bytes };
    sim_start(&(struct sim_options){ .arguments = "end=exit" }, &module, 1);
    cr_assert(fixture_logged("process: not started name=broken status=BAD_IMAGE"));
    cr_assert(fixture_logged("pager: idle processes=0 faults=0"));
    cr_assert_eq(sim_ended(), 1 + 1);
}

Test(pager_start, no_memory_for_a_program_leaves_all_as_it_was)
{
    fixture_start();
    uint32_t number;
    fixture_child(&number);
    sim_request(number, PROTOCOL_exit, 0, 0, 0);
    uint64_t free = sim_free_frames();
    uint64_t n = 1;
    for (; FAILS_AT(n, sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child"))); n++) {
        cr_assert_eq(sim_free_frames(), free, "n=%lu", n);
        cr_assert_eq(sim_pager.count_running, 2);
    }
    cr_assert_gt(n, 15);
}

Test(pager_start, really_no_memory_for_a_program)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 4 << 20 });
    fixture_fill_handles(INIT); /* the first start takes a page for more, and the one that fails none */
    enum status status = STATUS_OK;
    unsigned started = 0;
    uint64_t free = 0;
    while (status == STATUS_OK && started < 250) {
        free = sim_free_frames();
        status = sim_request_text(INIT, PROTOCOL_process_start, 0, "child", sizeof("child")).label;
        started += status == STATUS_OK;
    }
    cr_assert_eq(status, STATUS_NO_MEMORY);
    cr_assert_gt(started, 3);
    cr_assert_eq(sim_free_frames(), free);
    fixture_check();
}

/* --- Boot information --- */

static void damage_magic(struct boot_info *boot) { boot->magic++; }
static void damage_version(struct boot_info *boot) { boot->version++; }
static void damage_modules(struct boot_info *boot) { boot->modules = BOOT_MODULES + 1; }
static void damage_text(struct boot_info *boot) { boot->module[0].text_offset = BOOT_TEXT_BYTES; }
static void damage_arguments(struct boot_info *boot) { boot->arguments_offset = UINT32_MAX; }
static void damage_end(struct boot_info *boot) { memset(boot->text, 'x', BOOT_TEXT_BYTES); }
static void damage_size(struct boot_info *boot) { boot->module[0].size_bytes = UINT64_MAX; }
static void damage_buffer(struct boot_info *boot) { boot->buffer_address = 0; }
static void damage_buffer_alignment(struct boot_info *boot) { boot->buffer_address += 8; }
static void damage_window(struct boot_info *boot) { boot->image_limit += 1; }

Test(pager_start, damaged_boot_information_is_refused)
{
    static void (*const damages[])(struct boot_info *) = {
        damage_magic, damage_version, damage_modules, damage_text, damage_arguments, damage_end, damage_size, damage_buffer, damage_buffer_alignment,
        damage_window,
    };
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module module = { "init", fixture_image.bytes, fixture_image.size_bytes };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
        cr_assert_eq(sim_boot(&(struct sim_options){ 0 }, &module, 1, damages[i]), STATUS_BAD_BOOT_INFO, "%zu", i);
    cr_assert_eq(sim_boot(&(struct sim_options){ 0 }, &module, 1, nullptr), STATUS_OK);
}

Test(pager_start, modules_with_bad_lines_are_left_out)
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = {
        { "nonsense:x", fixture_image.bytes, fixture_image.size_bytes },
        { "init", fixture_image.bytes, fixture_image.size_bytes },
    };
    sim_start(&(struct sim_options){ 0 }, modules, 2);
    cr_assert_eq(sim_pager.count_modules, 1);
    cr_assert_eq(sim_pager.count_running, 1);
    cr_assert(fixture_logged("pager: module left out text=\"nonsense:x\" status=BAD_ARGUMENT"));
}

Test(pager_start, the_stack_limit_is_an_argument)
{
    static const struct { const char *arguments; uint64_t bytes; } cases[] = {
        { "", LAYOUT_STACK_USUAL }, { "stack=64", 64 << 10 }, { "stack=1024", 1 << 20 }, { "stack=65", 68 << 10 }, { "stack=63", LAYOUT_STACK_USUAL },
        { "stack=1048576", LAYOUT_STACK_MOST }, { "stack=1048577", LAYOUT_STACK_USUAL }, { "stack=much", LAYOUT_STACK_USUAL },
    };
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module module = { "init", fixture_image.bytes, fixture_image.size_bytes };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(sim_boot(&(struct sim_options){ .arguments = cases[i].arguments }, &module, 1, nullptr), STATUS_OK);
        cr_assert_eq(sim_pager.stack_bytes, cases[i].bytes, "%s", cases[i].arguments);
    }
}

/* Between the longest stack and the end of the mmap area there is more than the guard: neither reaches the other. */
Test(pager_start, the_longest_stack_and_the_last_page_of_the_area)
{
    constexpr uint64_t lowest = LAYOUT_STACK_TOP - LAYOUT_STACK_MOST, last = LAYOUT_MMAP_LIMIT - PAGE_BYTES;
    fixture_start_with(&(struct sim_options){ .arguments = "stack=1048576" });
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    EXPECT(OK, sim_request(number, PROTOCOL_map_at, PAGE_BYTES, PROTECTION_WRITE, last));
    EXPECT(BAD_ADDRESS, sim_request(number, PROTOCOL_map_at, PAGE_BYTES, PROTECTION_WRITE, LAYOUT_MMAP_LIMIT));
    EXPECT(BAD_ADDRESS, sim_request(number, PROTOCOL_map_at, PAGE_BYTES, PROTECTION_WRITE, lowest - PAGE_BYTES));
    EXPECT(BAD_ADDRESS, sim_request(number, PROTOCOL_map_at, 2 * PAGE_BYTES, PROTECTION_WRITE, last));
    *(uint64_t *)sim_touch(number, lowest, FAULT_WRITE) = 1;
    *(uint64_t *)sim_touch(number, LAYOUT_STACK_TOP - 8, FAULT_WRITE) = 2;
    *(uint64_t *)sim_touch(number, last, FAULT_WRITE) = 3;
    cr_assert_eq(*(uint64_t *)sim_touch(number, lowest, FAULT_READ), 1);
    fixture_check();
    cr_assert_null(sim_touch(number, lowest - 1, FAULT_WRITE));
    fixture_ended(handle, PROCESS_STACK_OVERFLOW, lowest - 1);
    fixture_check();
}
