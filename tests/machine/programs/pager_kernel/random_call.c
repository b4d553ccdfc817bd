/* Random system calls. See random_call.h.
 *
 * An argument's kind is read from the text of its row, "position:name:type". One in eight is anything at all instead. */
#include "random_call.h"

#include <string.h>

static const struct row {
    uint64_t number;
    const char *in;
} rows[] = {
#define SYSCALL(row_number, name, who, how, in, out, text) { (row_number), in },
#include <abi/syscall.def>
#undef SYSCALL
};

bool names_add(struct names *names, uint64_t name)
{
    if (names->count == POOL_NAMES) return false;
    names->name[names->count++] = name;
    return true;
}

void names_remove(struct names *names, uint64_t name)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (names->name[i] == name) names->name[i] = names->name[--names->count];
    }
}

static uint64_t below(struct pool *pool, uint64_t limit)
{
    return random_below(&pool->random, limit);
}

static uint64_t name_pick(struct pool *pool, const struct names *names)
{
    return names->count == 0 ? below(pool, 0x8000) : names->name[below(pool, names->count)];
}

static uint64_t anything(struct pool *pool)
{
    static const uint64_t edges[] = { 0, 1, 0xffff, 0x10000, 0xfff, 0x1000, 0x400000, 0x40000000, UINT32_MAX, (uint64_t)1 << 32, KIT_FREE, USER_LIMIT - 0x1000,
                                      USER_LIMIT, ADDRESS_NOT_CANONICAL, ADDRESS_KERNEL, 0xffffffff80200000, (uint64_t)1 << 63, ~(uint64_t)0 };
    switch (below(pool, 5)) {
    case 0: return edges[below(pool, sizeof edges / sizeof edges[0])];
    case 1: return below(pool, 70);
    case 2: return ((uint64_t)1 << below(pool, 64)) + below(pool, 3) - 1;
    case 3: return name_pick(pool, below(pool, 2) == 0 ? &pool->spaces : &pool->threads) + below(pool, 3) - 1;
    default: return random_next(&pool->random);
    }
}

uint64_t random_address(struct pool *pool)
{
    static const uint64_t places[] = { KIT_FREE, KIT_FREE + 0x200000 - 0x2000, KIT_FREE + 0x40000000 - 0x3000, KIT_FREE + ((uint64_t)1 << 39) - 0x1000,
                                       USER_LIMIT - 0x8000 };
    if (below(pool, 16) == 0) return anything(pool);
    return places[below(pool, sizeof places / sizeof places[0])] + below(pool, 16) * PAGE_BYTES;
}

static bool text_is(const char *text, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

static uint64_t frame_pick(struct pool *pool)
{
    return pool->count_frames == 0 ? below(pool, 0x8000) : pool->frames[below(pool, pool->count_frames)];
}

/* Numbers whose name says what they are. */
static uint64_t number_of_name(struct pool *pool, const char *name, size_t length)
{
    if (text_is(name, length, "order")) return below(pool, 16) == 0 ? below(pool, 20) : below(pool, 4);
    if (text_is(name, length, "count_pages")) return below(pool, 4) == 0 ? below(pool, 600) : below(pool, 9);
    if (text_is(name, length, "priority")) return below(pool, PRIORITY_LIMIT + 1);
    if (text_is(name, length, "length_bytes")) return below(pool, 4) == 0 ? 4090 + below(pool, 10) : below(pool, 100);
    return below(pool, 2) == 0 ? below(pool, 4100) : below(pool, 70);
}

static uint64_t argument_of(struct pool *pool, const char *name, size_t name_length, const char *type, size_t type_length)
{
    if (below(pool, 8) == 0) return anything(pool);
    if (name_length >= 5 && text_is(name + name_length - 5, 5, "space")) return name_pick(pool, &pool->spaces);
    if (text_is(name, name_length, "thread")) return name_pick(pool, &pool->threads);
    if (text_is(name, name_length, "buffer") && below(pool, 2) == 0) return FRAME_NONE;
    if (text_is(type, type_length, "frame")) return frame_pick(pool);
    if (text_is(type, type_length, "frame_or_fresh")) return below(pool, 2) == 0 ? FRAME_FRESH - below(pool, 2) : frame_pick(pool);
    if (text_is(type, type_length, "endpoint")) return name_pick(pool, &pool->endpoints);
    if (text_is(type, type_length, "token")) return name_pick(pool, &pool->tokens);
    if (text_is(type, type_length, "handle")) return name_pick(pool, &pool->handles);
    if (text_is(type, type_length, "user")) return random_address(pool);
    if (text_is(type, type_length, "attributes")) return below(pool, 17);
    if (text_is(type, type_length, "share_attributes")) return below(pool, 9) | (below(pool, 2) == 0 ? SHARE_COPY : 0);
    if (text_is(type, type_length, "device_frame")) return 0xc0 + below(pool, 64); /* the firmware's chip below 1 MiB */
    if (text_is(type, type_length, "device_attributes")) return below(pool, 33);
    if (text_is(type, type_length, "page_and_attributes")) return (random_address(pool) & ~(PAGE_BYTES - 1)) | below(pool, 17);
    if (text_is(type, type_length, "rights")) return below(pool, RIGHTS_ALL + 2);
    if (text_is(type, type_length, "tag")) return below(pool, 2) == 0 ? below(pool, 3) : tag_make((uint32_t)below(pool, 0x10000), (uint32_t)below(pool, 5000));
    if (text_is(type, type_length, "word")) return random_next(&pool->random);
    if (type_length > 5 && text_is(type + type_length - 5, 5, "flags")) return below(pool, 3);
    return number_of_name(pool, name, name_length);
}

/* Fills in what "first[-last]:name:type ..." describes. */
static void fill_arguments(struct pool *pool, const char *in, uint64_t argument[CALL_ARGUMENTS])
{
    while (*in != 0) {
        unsigned first = (unsigned)(*in++ - '0'), last = first;
        if (*in == '-') {
            last = (unsigned)(in[1] - '0');
            in += 2;
        }
        const char *name = ++in, *type = strchr(name, ':');
        const char *end = strchr(type, ' ');
        size_t type_length = end == nullptr ? strlen(type + 1) : (size_t)(end - type - 1);
        for (unsigned i = first; i <= last; i++) argument[i] = argument_of(pool, name, (size_t)(type - name), type + 1, type_length);
        in = end == nullptr ? type + 1 + type_length : end + 1;
    }
}

struct registers random_call(struct pool *pool)
{
    struct registers registers;
    const struct row *row = &rows[below(pool, sizeof rows / sizeof rows[0])];
    for (unsigned i = 0; i < CALL_ARGUMENTS; i++) registers.argument[i] = anything(pool);
    registers.number = below(pool, 32) == 0 ? anything(pool) : row->number;
    if (registers.number == row->number) fill_arguments(pool, row->in, registers.argument);
    if (row->number == CALL_device_map) memcpy(pool->device, registers.argument, sizeof pool->device);
    if (row->number == CALL_device_unmap && below(pool, 2) == 0) memcpy(registers.argument, pool->device, sizeof pool->device);
    return registers;
}
