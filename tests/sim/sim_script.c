/* Scripts: bytes to deeds. See sim_script.h.
 *
 * Values are drawn from what is interesting: the edges of the layout, of the program's own segments, of the number range. Wrong ones are meant to come
 * often; but enough of what a script does must be right, or nothing deep is ever reached. */
#include "sim_script.h"

#include <string.h>

#include "sim.h"
#include "sim_contents.h"
#include "sim_image.h"

struct script {
    const uint8_t *bytes;
    size_t left;
    uint32_t most_processes; /* running at a time */
    uint32_t program;        /* who acts: the first thread of a process, or a certain one */
};

static uint8_t take(struct script *script)
{
    if (script->left == 0) return 0;
    script->left--;
    return *script->bytes++;
}

static uint64_t take_wide(struct script *script)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 8; i++) number = number << 8 | take(script);
    return number;
}

/* A running process. */
static const struct process *pick(struct script *script)
{
    uint32_t index = ((uint32_t)take(script) << 8 | take(script)) % sim_pager.count_running;
    for (uint32_t i = 0; i < PROCESS_LIMIT; i++) {
        const struct process *process = sim_pager.process[i];
        if (process != nullptr && process->state == PROCESS_RUNNING && index-- == 0) return process;
    }
    return sim_process(1);
}

/* Which of its threads acts. */
static uint32_t pick_thread(struct script *script, const struct process *process)
{
    if (process->count_threads == 1) return process->number;
    const struct process_thread *row = process_thread_at(process, take(script) % process_thread_places(process));
    return row->thread.number != 0 && row->number < SIM_THREAD_LIMIT ? sim_thread_of(process->number, row->number) : process->number;
}

/* Whether who acts must not wait: the first thread of a program that stays. */
static bool is_steady(const struct script *script, const struct process *process)
{
    uint32_t program = script->program;
    return process->number <= SIM_SCRIPT_STAY && (program == process->number || program == sim_thread_of(process->number, PROCESS_THREAD_FIRST));
}

static uint64_t take_address(struct script *script, const struct process *process)
{
    static const uint64_t edges[] = {
        0, USER_FIRST, SIM_IMAGE_FIRST, LAYOUT_IMAGE_LIMIT, LAYOUT_AUTOGEN_TOP, LAYOUT_MMAP_FIRST, LAYOUT_MMAP_LIMIT, LAYOUT_STACK_TOP,
        LAYOUT_STACK_TOP - LAYOUT_STACK_USUAL, LAYOUT_BUFFER_FIRST, USER_LIMIT, (uint64_t)1 << 63,
    };
    uint8_t choice = take(script);
    uint64_t offset = (uint64_t)(int8_t)take(script) * (choice & 1 ? PAGE_BYTES : 1);
    if (choice < 100) return edges[choice % (sizeof(edges) / sizeof(edges[0]))] + offset;
    const struct segment *segment = sim_segment(process, choice % process->segments.count);
    return (choice & 2 ? segment->first : segment->limit) + offset;
}

static uint64_t take_word(struct script *script, const struct process *process)
{
    uint8_t choice = take(script);
    switch (choice % 8) {
    case 0: return take(script);
    case 1: return (uint64_t)(int8_t)take(script);
    case 2: return take(script) * PAGE_BYTES;
    case 3: return (uint64_t)(int8_t)take(script) * PAGE_BYTES;
    case 4: return take_address(script, process) & ~(PAGE_BYTES - 1);
    case 5: return take_address(script, process);
    case 6: return choice & 8 ? take(script) % 16 + ((uint64_t)(take(script) % 4) << HOLDING_SLOT_BITS) : GROUP_BIT | take(script) % 8;
    default: return take_wide(script);
    }
}

static const enum protocol labels[] = {
#define PROTOCOL(number, name, in, out, text) PROTOCOL_##name,
#include "protocol.def"
#undef PROTOCOL
};
constexpr size_t LABELS = sizeof(labels) / sizeof(labels[0]);

static const char *const texts[] = { "child", "file", "wx", "a", "b", "a-longer-name", "", "no such", "line\n", "child\0one" };

/* A label, seldom one that does not exist; what would take the program that stays away becomes something else. */
static uint32_t take_label(struct script *script, const struct process *process)
{
    uint8_t choice = take(script);
    uint32_t label = choice < 250 ? labels[choice % LABELS] : take(script);
    if (label == PROTOCOL_exit && (process->number <= SIM_SCRIPT_STAY || choice > LABELS)) return PROTOCOL_write;
    if (label == PROTOCOL_group_leave && process->number <= SIM_SCRIPT_STAY) return PROTOCOL_group_create; /* what it starts is in a group of its own */
    if (label == PROTOCOL_thread_wait && is_steady(script, process)) return PROTOCOL_thread_create;
    if (label == PROTOCOL_thread_end && (process->number <= SIM_SCRIPT_STAY || choice > LABELS)) return PROTOCOL_thread_create;
    bool is_start = label == PROTOCOL_process_start || label == PROTOCOL_process_duplicate;
    if (is_start && sim_pager.count_running >= script->most_processes) return PROTOCOL_system_info;
    return label;
}

/* What stands in the words of these is seldom right by chance. */
static void take_options(struct script *script, const struct process *process, uint32_t label, uint64_t word[MESSAGE_WORDS])
{
    static const uint64_t wishes[] = { MAPPING_POPULATE, MAPPING_LARGE, MAPPING_LARGE | MAPPING_POPULATE, MAPPING_LARGE_ONLY | MAPPING_POPULATE };
    bool is_driver = label >= PROTOCOL_map_contiguous && label <= PROTOCOL_port_write;
    if (label != PROTOCOL_map && label != PROTOCOL_advise && label != PROTOCOL_populate && label != PROTOCOL_resize && !is_driver) return;
    uint8_t choice = take(script);
    if (choice < 64) return;
    if (label == PROTOCOL_resize) {
        const struct segment *segment = sim_segment(process, choice % process->segments.count);
        uint64_t bytes = segment->limit - segment->first, pages = (uint64_t)take(script) << (choice % 3 * 2);
        const uint64_t wish[] = { segment->first, bytes, choice & 1 ? bytes + pages * PAGE_BYTES : bytes - pages * PAGE_BYTES % bytes };
        memcpy(word, wish, sizeof(wish));
    }
    if (label == PROTOCOL_device_map) {
        const uint64_t device = ((uint64_t)3 << 30) + choice % 16 * PAGE_BYTES;
        const uint64_t wish[] = { device, PAGE_BYTES * (1 + choice % 5), choice & 1, choice % 4 * ATTRIBUTE_UNCACHED, choice >> 7 };
        memcpy(word, wish, sizeof(wish));
    }
    if (label >= PROTOCOL_interrupt_claim && label <= PROTOCOL_interrupt_acknowledge) word[0] = choice % 17;
    if (label >= PROTOCOL_port_read) word[1] = choice % 5;
    if (label == PROTOCOL_map_contiguous) {
        const uint64_t wish[] = { PAGE_BYTES * (1 + choice % 40), choice & 1, choice & 2 ? 12 + choice % 8 : 0, choice & 4 ? PAGE_BYTES * 64 * choice : 0 };
        memcpy(word, wish, sizeof(wish));
    }
    if (label == PROTOCOL_populate) word[2] = choice % 4 == 0;
    if (label == PROTOCOL_advise) word[2] = choice % ADVICES;
    if (label != PROTOCOL_map) return;
    word[2] = choice < 160 ? 0 : wishes[choice % 4] | (choice & 4 ? 10 + take(script) % 22 : 0);
    if (choice & 8) word[0] = LARGE_PAGE_BYTES * (1 + take(script) % 3);
    word[3] = choice & 16 ? LAYOUT_MMAP_FIRST + (uint64_t)take(script) * PAGE_BYTES * 64 : 0;
}

static void do_request(struct script *script, const struct process *process)
{
    /* 0, 1, 3, ..., 4095; a whole buffer, a byte more, and the most that a tag can say */
    static const uint32_t lengths[] = { 0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 4096, 4097, TAG_LENGTH_MASK };
    char text[MESSAGE_BUFFER_BYTES];
    uint32_t label = take_label(script, process);
    uint64_t word[MESSAGE_WORDS];
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) word[i] = take_word(script, process);
    take_options(script, process, label, word);
    uint8_t choice = take(script);
    const char *chosen = texts[choice % (sizeof(texts) / sizeof(texts[0]))];
    uint32_t length = (uint32_t)strlen(chosen) + (label == PROTOCOL_process_start ? 1 : 0);
    size_t bytes = length;
    memcpy(text, chosen, bytes);
    if (choice >= 224) {
        length = choice < 250 ? lengths[take(script) % (sizeof(lengths) / sizeof(lengths[0]))] : (uint32_t)(take_wide(script) & TAG_LENGTH_MASK);
        bytes = length < MESSAGE_BUFFER_BYTES ? length : MESSAGE_BUFFER_BYTES;
        memset(text, take(script), bytes);
    }
    uint64_t tag = tag_make(label, length) | (choice == 255 ? take_wide(script) & ~TAG_SENDER_MASK : 0);
    uint32_t handle = choice % 16 != 15 ? HANDLE_PAGER : (uint32_t)take_word(script, process);
    if (is_steady(script, process)) {
        handle = HANDLE_PAGER;
        if (label == PROTOCOL_name_find) word[0] = 0;
    }
    sim_call(script->program, handle, tag, word, text, bytes);
}

static void do_start(const struct script *script)
{
    if (sim_pager.count_running >= script->most_processes) return;
    sim_request_text(script->program, PROTOCOL_process_start, 0, "child", sizeof("child"));
}

/* Gives a handle up that the program has, the first from some place on. */
static void do_close(struct script *script, const struct process *process)
{
    const struct holding_table *holdings = &process->holdings;
    for (uint32_t slot = HOLDING_FIRST + take(script); slot < holdings->capacity; slot++) {
        if (holdings->rows[slot].kind == HOLDING_NOTHING) continue;
        sim_request(script->program, PROTOCOL_handle_close, slot | holdings->rows[slot].generation << HOLDING_SLOT_BITS, 0, 0);
        return;
    }
}

/* A page of a segment that allows the access. */
static void do_touch(struct script *script, const struct process *process)
{
    const struct segment *segment = sim_segment(process, take(script) % process->segments.count);
    uint64_t page = ((uint64_t)take(script) << 8 | take(script)) % layout_pages(segment->first, segment->limit);
    if (segment->is_going && process->number <= SIM_SCRIPT_STAY) return; /* it would end */
    uint64_t access = segment->protection & PROTECTION_WRITE ? FAULT_WRITE : segment->protection & PROTECTION_EXECUTE ? FAULT_EXECUTE : FAULT_READ;
    uint64_t address = segment->first + page * PAGE_BYTES;
    if (access == FAULT_WRITE) sim_contents_write(script->program, address);
    else sim_touch(script->program, address, access);
}

static void do_wild_touch(struct script *script, const struct process *process)
{
    static const uint64_t accesses[] = { FAULT_READ, FAULT_WRITE, FAULT_EXECUTE };
    uint64_t address = take_address(script, process);
    if (process->number > SIM_SCRIPT_STAY) sim_touch(script->program, address, accesses[take(script) % 3]);
}

static void do_receive(struct script *script, const struct process *process)
{
    struct pager_message message;
    if (sim_look(script->program).outcome != SIM_GOES_ON) return;
    uint32_t handle = (uint32_t)take_word(script, process);
    bool replies = sim_receive(script->program, handle, &message) == STATUS_OK && (take(script) & 1);
    if (replies && sim_look(script->program).outcome == SIM_GOES_ON) sim_reply_to(script->program, handle, &message); /* it may have ended meanwhile */
}

static void do_end(struct script *script, const struct process *process)
{
    uint8_t choice = take(script);
    if (process->number <= SIM_SCRIPT_STAY) return;
    if (choice % 2 == 0) sim_end(process->number);
    else sim_exception(script->program, choice, take(script));
}

/* Memory of its own, to whomever one of its handles leads. */
static void do_give(struct script *script, const struct process *process)
{
    const struct segment *segment = sim_segment(process, take(script) % process->segments.count);
    uint32_t slot = take(script) % 16;
    uint32_t generation = slot < process->holdings.capacity ? process->holdings.rows[slot].generation : 0;
    uint64_t pages = layout_pages(segment->first, segment->limit);
    uint64_t first = take(script) % 4 == 0 ? take(script) % pages : 0;
    uint64_t count = take(script) % 4 == 0 ? take(script) : pages - first;
    uint8_t choice = take(script); /* to have for itself, or too */
    const uint64_t word[MESSAGE_WORDS] = {
        segment->first + first * PAGE_BYTES, count * PAGE_BYTES, slot | generation << HOLDING_SLOT_BITS, choice & 2 ? segment->protection : choice / 64,
    };
    sim_call(script->program, HANDLE_PAGER, tag_make(choice & 1 ? PROTOCOL_segment_share : PROTOCOL_segment_move, 0), word, nullptr, 0);
}

/* All of it, or a part that others come in between. */
static void do_duplicate(struct script *script)
{
    if (sim_pager.count_running >= script->most_processes) return;
    struct sim_reply reply;
    uint8_t parts = take(script) % 4 == 0 ? 1 + take(script) % 4 : UINT8_MAX;
    do reply = sim_request(script->program, PROTOCOL_process_duplicate, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, 0);
    while (reply.outcome == SIM_GOES_ON && reply.call == STATUS_OK && reply.label == STATUS_AGAIN && --parts > 0);
}

/* The first handle of a kind, from some place on; 0: there is none. */
static uint64_t find_handle(struct script *script, const struct process *process, enum holding_kind kind)
{
    const struct holding_table *holdings = &process->holdings;
    for (uint32_t slot = HOLDING_FIRST + take(script) % 8; slot < holdings->capacity; slot++)
        if (holdings->rows[slot].kind == kind) return slot | holdings->rows[slot].generation << HOLDING_SLOT_BITS;
    return 0;
}

/* Families with terms that may well be had, processes in them, other terms, alarms. */
static void do_family(struct script *script, const struct process *process)
{
    uint8_t choice = take(script);
    uint64_t guarantee = take(script) % 64, processes = take(script) % 4;
    uint64_t word[MESSAGE_WORDS] = { guarantee, guarantee + 2 * take(script), processes, processes + take(script) % 8 };
    uint64_t family = find_handle(script, process, HOLDING_FAMILY);
    switch (choice % 5) {
    case 0:
        sim_call(script->program, HANDLE_PAGER, tag_make(PROTOCOL_family_create, 0), word, nullptr, 0);
        break;
    case 1:
        if (sim_pager.count_running >= script->most_processes) return;
        word[0] = 0;
        word[1] = family;
        sim_call(script->program, HANDLE_PAGER, tag_make(PROTOCOL_process_start, sizeof("child")), word, "child", sizeof("child"));
        break;
    case 2:
        memmove(&word[1], &word[0], 4 * sizeof(word[0]));
        word[0] = family;
        sim_call(script->program, HANDLE_PAGER, tag_make(PROTOCOL_family_limit, 0), word, nullptr, 0);
        break;
    case 3:
        word[0] = choice < 16 ? TIME_UNLIMITED : choice * TIME_PERIOD_LEAST;
        sim_request(script->program, PROTOCOL_family_time, family, word[0], 256 * TIME_PERIOD_LEAST);
        break;
    default:
        sim_request(script->program, PROTOCOL_memory_watch, find_handle(script, process, HOLDING_SERVICE), choice, take(script) * (uint64_t)8);
    }
}

/* Time stands still, and the pager stays between two of its steps, which are short; or it goes on. */
static void do_hold(struct script *script)
{
    uint8_t choice = take(script);
    bool holds = choice % 4 != 0;
    sim_hold_time(holds);
    sim_step_pages(holds ? 1 + choice : 0);
    sim_run();
}

static void do_thread(struct script *script, const struct process *process)
{
    if (process->count_threads >= (process->number <= SIM_SCRIPT_STAY ? 8 : 3)) return;
    sim_request(script->program, PROTOCOL_thread_create, SIM_IMAGE_FIRST, LAYOUT_STACK_TOP - 8, take(script));
}

/* The first segment that is longer than a step and has pages; nullptr: there is none. */
static const struct segment *find_long(const struct process *process)
{
    const struct segment *at = segment_above(&process->segments, LAYOUT_MMAP_FIRST);
    while (at != nullptr && (layout_pages(at->first, at->limit) <= STEP_PAGES || at->pages == 0 || at->is_going))
        at = segment_above(&process->segments, at->limit);
    return at;
}

/* What takes the pager more than one step goes, whole or from some page on; or such memory comes. */
static void do_long(struct script *script, const struct process *process)
{
    uint8_t choice = take(script);
    const struct segment *segment = find_long(process);
    if (segment != nullptr && choice % 8 != 0) {
        uint64_t first = segment->first, limit = segment->limit;
        if (choice & 16) first += take(script) % layout_pages(first, limit) * PAGE_BYTES;
        sim_request(script->program, PROTOCOL_unmap, first, limit - first, 0);
        return;
    }
    struct sim_reply reply = sim_request(script->program, PROTOCOL_map, (STEP_PAGES + 1 + choice) * PAGE_BYTES, PROTECTION_WRITE, 0);
    bool is_there = reply.outcome == SIM_GOES_ON && reply.call == STATUS_OK && reply.label == STATUS_OK;
    for (unsigned i = 0; is_there && i < 3; i++) sim_contents_write(script->program, reply.word[0] + take(script) * PAGE_BYTES);
}

/* Pages of memory that is there are written, and some of them are given back, made as new, brought, protected. */
static void do_part(struct script *script, const struct process *process)
{
    static const enum protocol parts[] = { PROTOCOL_discard, PROTOCOL_map_over, PROTOCOL_populate, PROTOCOL_protect, PROTOCOL_unmap };
    const struct segment *segment = segment_above(&process->segments, LAYOUT_MMAP_FIRST);
    for (uint32_t skip = take(script) % 4; segment != nullptr && skip > 0; skip--) segment = segment_above(&process->segments, segment->limit);
    if (segment == nullptr || segment->limit > LAYOUT_MMAP_LIMIT || segment->is_going) return;
    uint64_t pages = layout_pages(segment->first, segment->limit), first = segment->first + take(script) % pages * PAGE_BYTES;
    uint64_t count = 1 + take(script) % 16, written = take(script) % 4;
    bool is_writable = segment->protection & PROTECTION_WRITE;
    if (count > layout_pages(first, segment->limit)) count = layout_pages(first, segment->limit);
    for (uint64_t i = 0; is_writable && i < written && i < count; i++)
        if (!sim_contents_write(script->program, first + i * PAGE_BYTES)) return;
    enum protocol label = parts[take(script) % (sizeof(parts) / sizeof(parts[0]))];
    sim_request(script->program, label, first, count * PAGE_BYTES, label == PROTOCOL_populate ? 0 : PROTECTION_WRITE);
}

static uint64_t count_between;
uint64_t sim_script_count_between(void) { return count_between; }

static void do_one(struct script *script, const struct process *process)
{
    count_between += sim_pager.work_first != nullptr;
    script->program = pick_thread(script, process);
    switch (take(script) % 40) {
    case 0: case 1: case 2: case 3: do_touch(script, process); break;
    case 4: case 5: do_receive(script, process); break;
    case 6: case 7: case 8: do_start(script); break;
    case 9: do_wild_touch(script, process); break;
    case 10: do_end(script, process); break;
    case 11: sim_fail_allocation(take(script) % 32); break;
    case 12: do_close(script, process); break;
    case 13: do_close(script, sim_process(1)); break;
    case 14: case 15: do_give(script, process); break;
    case 16: case 17: do_family(script, process); break;
    case 18: case 19: do_duplicate(script); break;
    case 20: case 21: do_hold(script); break;
    case 22: case 23: case 24: sim_pause(); break;
    case 25: do_thread(script, process); break;
    case 26: case 27: do_long(script, process); break;
    case 28: case 29: case 30: do_part(script, process); break;
    default: do_request(script, process); break;
    }
}

void sim_script_step(const uint8_t *bytes, size_t size, uint32_t most_processes)
{
    struct script script = { bytes, size, most_processes, 0 };
    do_one(&script, pick(&script));
}

const char *sim_script(const uint8_t *bytes, size_t size, unsigned check_every)
{
    struct script script = { bytes, size, 12, 0 };
    /* Memory is short, so even the first program may end for want of it: then the script is over. */
    for (unsigned step = 1; script.left > 0 && sim_process(1) != nullptr; step++) {
        do_one(&script, pick(&script));
        if (step % check_every != 0) continue;
        sim_fail_allocation(0);
        const char *failed = sim_check();
        if (failed != nullptr) return failed;
    }
    sim_fail_allocation(0);
    sim_hold_time(false);
    sim_run();
    if (sim_pager.work_first != nullptr && sim_ended() == 0) return "work that never ends";
    return sim_check();
}

void sim_script_start(uint64_t memory_bytes)
{
    static struct sim_image image;
    static unsigned char file[5 * PAGE_BYTES + 5];
    static const struct sim_image_shape shape = { .code_bytes = 10, .data_file_bytes = 10, .data_memory_bytes = PAGE_BYTES + 1, .rodata_bytes = 10 };
    sim_image_make(&image, &shape);
    struct sim_module modules[] = {
        { "program,processes=2000:init", image.bytes, image.size_bytes },
        { "driver,processes=2000:second", image.bytes, image.size_bytes },
        { "program,processes=2000:third", image.bytes, image.size_bytes },
        { "program,processes=2000:fourth", image.bytes, image.size_bytes },
        { "image:child", image.bytes, image.size_bytes },
        { "program+wx:wx", image.bytes, image.size_bytes },
        { "data:file", file, sizeof(file) },
    };
    sim_step_pages(0);
    sim_start(&(struct sim_options){ .memory_bytes = memory_bytes }, modules, sizeof(modules) / sizeof(modules[0]));
    sim_contents_begin();
}
