/* Fuzzing the kernel's calls: any bytes, read as what a pager and three programs do on the host's kernel: system calls with arguments of the right type or
 * of a wrong one, page faults, exceptions, ends of slices. The checker runs after every eighth; at the end everything is ended and as many frames are free
 * as at the start.
 *
 * What an argument should be is read from the rows of abi/syscall.def, so a new call is fuzzed without a change here. Who calls is who runs: the kernel
 * decides. A machine that ends, or waits for ever, ends the input. */
#include "tests/unit/kernel_world.h"

constexpr unsigned STEPS = 200;
constexpr unsigned NAMES = 24;

struct script {
    const uint8_t *bytes;
    size_t left;
    uint64_t names[NAMES]; /* numbers that calls gave back, and of what was there at the start; the oldest is replaced */
    unsigned next_name;
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

static void remember(struct script *script, uint64_t name)
{
    script->names[script->next_name++ % NAMES] = name;
}

/* --- Arguments --- */

static const char *const calls[CALL_LIMIT] = {
#define SYSCALL(number, name, who, how, in, out, text) [number] = in,
#include "abi/syscall.def"
#undef SYSCALL
};

/* The first object of a kind in the frame table, from a chosen place on; 0 when there is none. */
static uint64_t pick_frame(struct script *script, enum frame_kind kind)
{
    uint32_t limit = frame_count_table(), from = (uint32_t)(take(script) * 7u) % limit;
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t at = (from + i) % limit;
        if (frame_is((frame_t){ at }, kind)) return at;
    }
    return 0;
}

static uint64_t pick_endpoint(struct script *script)
{
    uint64_t frame = pick_frame(script, FRAME_KIND_ENDPOINTS);
    unsigned from = take(script);
    for (unsigned i = 0; i < ENDPOINTS_PER_FRAME; i++) {
        uint64_t name = frame * ENDPOINTS_PER_FRAME + (from + i) % ENDPOINTS_PER_FRAME;
        if (endpoint_find(name) != nullptr) return name;
    }
    return 0;
}

/* A token of a thread that waits, if the chosen one does. */
static uint64_t pick_token(struct script *script)
{
    const struct thread *thread = thread_find(pick_frame(script, FRAME_KIND_THREAD));
    const struct caller_link *callers = &processor.current->space->callers;
    const struct thread *caller = callers->next == callers ? nullptr : thread_of(callers->next);
    uint8_t choice = take(script);
    if (choice < 160) return caller != nullptr ? caller->token : 0;
    if (thread == nullptr) return 0;
    return choice < 220 ? thread->token : thread->token - TOKEN_NEXT;
}

static uint64_t pick_address(struct script *script)
{
    static const uint64_t places[] = { WORLD_PLACE, WORLD_PLACE, WORLD_PLACE + ((uint64_t)2 << 20), USER_FIRST, USER_LIMIT, 0, (uint64_t)1 << 47, UINT64_MAX };
    uint8_t choice = take(script);
    uint64_t offset = (uint64_t)(int8_t)take(script);
    return places[choice % 8] + offset * (choice & 0x80 ? 1 : PAGE_BYTES);
}

static uint64_t pick_count(struct script *script)
{
    uint8_t choice = take(script);
    return choice < 200 ? choice % 20 : choice < 250 ? STEP_PAGES - 10 + choice % 20 : take_wide(script);
}

static uint64_t pick_tag(struct script *script)
{
    static const uint32_t lengths[] = { 0, 0, 0, 1, 64, 4095, 4096, 4097 };
    uint8_t choice = take(script);
    return tag_make(choice >> 3 & 3, lengths[choice & 7]) | (uint64_t)(choice >> 5) << 47;
}

static bool is(const char *word, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(word, wanted, length) == 0;
}

/* A number for one argument, "name" and "type" of a row's text. */
static uint64_t pick(struct script *script, const char *name, size_t name_length, const char *type, size_t type_length)
{
    uint8_t choice = take(script);
    if (choice < 8) return take_wide(script);
    if (choice < 24) return script->names[take(script) % NAMES];
    if (is(name, name_length, "space")) return pick_frame(script, FRAME_KIND_SPACE);
    if (is(name, name_length, "thread")) return pick_frame(script, FRAME_KIND_THREAD);
    if (is(type, type_length, "frame_or_fresh") && choice < 160) return choice < 120 ? FRAME_FRESH : FRAME_COPY;
    if (is(type, type_length, "share_attributes")) return choice % 9 | (choice & 0x80 ? SHARE_COPY : 0);
    if (is(name, name_length, "buffer") && choice < 100) return FRAME_NONE;
    if (is(type, type_length, "frame") || is(type, type_length, "frame_or_fresh")) return pick_frame(script, FRAME_KIND_USER);
    if (is(type, type_length, "endpoint")) return pick_endpoint(script);
    if (is(type, type_length, "handle")) return choice < 200 ? 8 + choice % 6 : choice < 230 ? HANDLE_PAGER : choice;
    if (is(type, type_length, "tag")) return pick_tag(script);
    if (is(type, type_length, "token")) return pick_token(script);
    if (is(type, type_length, "user")) return pick_address(script);
    if (is(type, type_length, "device_frame")) return frame_count_table() + choice;
    if (is(type, type_length, "device_attributes")) return choice % 32;
    if (is(type, type_length, "page_and_attributes")) return pick_address(script) + (choice & 3);
    if (is(name, name_length, "count_pages")) return pick_count(script);
    if (is(type, type_length, "u64") || is(type, type_length, "word")) return choice;
    return choice % 10; /* flags, rights, attributes, priorities, orders, lengths */
}

static void pick_arguments(struct script *script, const char *in, uint64_t argument[CALL_ARGUMENTS])
{
    while (*in != '\0') {
        unsigned first = (unsigned)(in[0] - '0'), last = first;
        if (in[1] == '-') last = (unsigned)(in[2] - '0');
        const char *name = strchr(in, ':') + 1, *type = strchr(name, ':') + 1;
        size_t type_length = strcspn(type, " ");
        for (unsigned i = first; i <= last; i++) argument[i] = pick(script, name, (size_t)(type - 1 - name), type, type_length);
        in = type + type_length;
        if (*in == ' ') in++;
    }
}

/* --- Steps --- */

static void step_call(struct script *script)
{
    uint64_t number = take(script) % (CALL_LIMIT + 1), argument[CALL_ARGUMENTS] = {};
    if (number < 8 * 3) number %= 8; /* a program's calls come more often */
    if (number == CALL_machine_end && take(script) != 0) return;
    if (number == CALL_test_check) return; /* it runs anyway */
    if (number < CALL_LIMIT && calls[number] != nullptr) pick_arguments(script, calls[number], argument);
    struct thread *caller = processor.current;
    enum status status = world_call(caller, number, argument);
    if (number >= 16 && number < CALL_LIMIT && processor.current == caller && status == STATUS_OK) remember(script, caller->context.call.argument[0]);
}

static void run_script(void *pointer)
{
    struct script *script = pointer;
    for (unsigned step = 0; step < STEPS && script->left != 0; step++) {
        struct thread *current = processor.current;
        uint8_t choice = take(script);
        bool may_fault = current->space->pager.endpoint != nullptr || !current->space->is_pager;
        if (choice < 16) {
            world_tick();
        } else if (choice < 40 && may_fault) {
            world_fault(current, pick_address(script));
        } else if (choice < 44 && may_fault) {
            kernel_on_exception(current, FAULT_EXCEPTION, fault_tried(0, choice, 0), 0);
            world_check();
        } else {
            step_call(script);
        }
    }
}

/* Three programs, one of them above the pager, and a second thread of the pager among the programs: so both kinds get to run. */
static void make_world(struct script *script)
{
    struct endpoint *endpoint[3];
    for (unsigned i = 0; i < 3; i++) must(endpoint_create(&endpoint[i]));
    for (unsigned i = 0; i < 4; i++) {
        struct space *space = i == 0 ? world.pager_space : world_space(10 + i);
        static const uint32_t priorities[] = { PRIORITY_PROGRAM, PRIORITY_PROGRAM, PRIORITY_PROGRAM, PRIORITY_PAGER + 1 };
        for (unsigned row = 0; row < 3; row++) {
            world_handle(space, 8 + row, endpoint[row], RIGHTS_ALL, i);
            world_handle(space, 11 + row, endpoint[row], row == 0 ? RIGHT_CALL : row == 1 ? RIGHT_NOTIFY : RIGHT_RECEIVE, i);
        }
        struct thread *thread = world_thread(space, priorities[i], i != 2);
        thread->context.instruction = WORLD_CODE;
        remember(script, space->frame.number);
        remember(script, space->root.number);
        remember(script, thread->frame.number);
        schedule_ready(thread); /* they run when the script begins */
    }
    remember(script, endpoint_name(world.endpoint));
    remember(script, endpoint_name(endpoint[0]));
    remember(script, world.pager->frame.number);
    remember(script, world.idler->frame.number);
    remember(script, world.pager_buffer.number);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct script script = { .bytes = bytes, .left = size };
    world_entries = 0;
    world_check_each = 8;
    world_begin_bytes((uint64_t)1 << 20);
    make_world(&script);
    message_notify(world.endpoint, 1); /* the pager begins */
    kernel_switch(nullptr);
    uint32_t code;
    (void)host_run(run_script, &script, &code);
    world_end_all();
    return 0;
}
