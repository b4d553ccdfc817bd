/* Memory of the calling process: messages to the pager. */
#include <quire/memory.h>

#include <string.h>

#include <quire/pager_call.h>

/* The pager does a part of what takes long, says how much, and is asked again. */

/* Moves brk or autogen in one direction; *done: how far. Delivers the first words that the pager answers in *before and the last in *after. While another
 * thread is moving either, that one goes first. */
static enum status end_move(enum protocol request, int64_t delta_bytes, int64_t *done, uint64_t *before, uint64_t *after)
{
    bool is_first = true;
    *done = 0;
    do {
        struct message message = { .word = { (uint64_t)(delta_bytes - *done) } };
        enum status status = pager_call(HANDLE_PAGER, request, 0, &message);
        if (status == STATUS_AGAIN) {
            yield();
            continue;
        }
        if (status != STATUS_OK)
            return status;
        if (is_first)
            *before = message.word[0];
        is_first = false;
        *after = message.word[0];
        *done += (int64_t)message.word[1];
    } while (is_first || *done != delta_bytes);
    return STATUS_OK;
}

/* The same, or back to where it was. */
static enum status end_move_all(enum protocol request, int64_t delta_bytes, uint64_t *before, uint64_t *after)
{
    int64_t done, back;
    uint64_t word;
    enum status status = end_move(request, delta_bytes, &done, before, after);
    if (status != STATUS_OK && done != 0)
        (void)end_move(request, -done, &back, &word, &word);
    return status;
}

enum status memory_brk(int64_t delta_bytes, uint64_t *previous)
{
    uint64_t before, after;
    enum status status = end_move_all(PROTOCOL_brk, delta_bytes, &before, &after);
    if (status == STATUS_OK)
        *previous = before;
    return status;
}

enum status memory_map(uint64_t size_bytes, uint32_t protection, uint64_t *address)
{
    struct message message = { .word = { size_bytes, protection } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_map, 0, &message);
    if (status == STATUS_OK)
        *address = message.word[0];
    return status;
}

/* The options as the request takes them. */
static enum status options_encode(const struct memory_options *options, uint64_t *word)
{
    static const uint64_t pages[] = { [MEMORY_PAGES_LARGE] = MAPPING_LARGE, [MEMORY_PAGES_LARGE_ONLY] = MAPPING_LARGE_ONLY | MAPPING_POPULATE };
    uint64_t alignment = options->alignment_bytes;
    if (options->pages > MEMORY_PAGES_LARGE_ONLY)
        return STATUS_BAD_ARGUMENT;
    if ((alignment & (alignment - 1)) != 0 || (alignment != 0 && alignment < PAGE_BYTES))
        return STATUS_BAD_ALIGNMENT;
    *word = pages[options->pages] | (options->populate ? MAPPING_POPULATE : 0);
    if (alignment != 0)
        *word |= (unsigned)__builtin_ctzll(alignment);
    return STATUS_OK;
}

/* Asks until all of a range is done, a part at a time, as the pager says. */
static enum status ask_in_parts(enum protocol label, uint64_t address, uint64_t size_bytes, uint64_t how)
{
    uint64_t done = 0;
    do {
        struct message message = { .word = { address + done, size_bytes - done, how } };
        enum status status = pager_call(HANDLE_PAGER, label, 0, &message);
        if (status != STATUS_OK)
            return status;
        done += message.word[0];
    } while (done < size_bytes);
    return STATUS_OK;
}

/* What the request that mapped it has not brought. */
static enum status populate_rest(uint64_t address, uint64_t size_bytes, uint64_t done, uint64_t option)
{
    return done < size_bytes ? ask_in_parts(PROTOCOL_populate, address + done, size_bytes - done, option) : STATUS_OK;
}

enum status memory_map_with(uint64_t size_bytes, uint32_t protection, const struct memory_options *options, uint64_t *address)
{
    struct message message = { .word = { size_bytes, protection, 0, options->hint } };
    enum status status = options_encode(options, &message.word[2]);
    if (status != STATUS_OK)
        return status;
    uint64_t wanted = message.word[2];
    status = pager_call(HANDLE_PAGER, PROTOCOL_map, 0, &message);
    if (status != STATUS_OK)
        return status;

    *address = message.word[0];
    if (!(wanted & MAPPING_POPULATE))
        return STATUS_OK;
    status = populate_rest(*address, size_bytes, message.word[1], wanted & MAPPING_LARGE_ONLY ? POPULATE_LARGE_ONLY : 0);
    if (status != STATUS_OK)
        (void)memory_unmap(*address, size_bytes);
    return status;
}

enum status memory_populate(uint64_t address, uint64_t size_bytes)
{
    return ask_in_parts(PROTOCOL_populate, address, size_bytes, 0);
}

enum status memory_advise(uint64_t address, uint64_t size_bytes, enum advice advice)
{
    return ask_in_parts(PROTOCOL_advise, address, size_bytes, advice);
}

enum status memory_map_at(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    struct message message = { .word = { size_bytes, protection, address } };
    return pager_call(HANDLE_PAGER, PROTOCOL_map_at, 0, &message);
}

enum status memory_map_over(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    uint64_t done = 0, prepared = 0;
    do {
        struct message message = { .word = { address + done, size_bytes - done, protection, prepared } };
        enum status status = pager_call(HANDLE_PAGER, PROTOCOL_map_over, 0, &message);
        if (status != STATUS_OK)
            return status;
        done += message.word[0];
        prepared = message.word[0] > 0 ? 0 : message.word[1];
    } while (done < size_bytes);
    return STATUS_OK;
}

enum status memory_discard(uint64_t address, uint64_t size_bytes)
{
    return ask_in_parts(PROTOCOL_discard, address, size_bytes, 0);
}

enum status memory_seal(uint64_t address, uint64_t size_bytes)
{
    struct message message = { .word = { address, size_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_seal, 0, &message);
}

enum status memory_move(uint64_t address, uint64_t size_bytes, uint32_t to, uint64_t *received)
{
    struct message message;
    enum status status;
    do {
        message = (struct message){ .word = { address, size_bytes, to } };
        status = pager_call(HANDLE_PAGER, PROTOCOL_segment_move, 0, &message);
    } while (status == STATUS_AGAIN);
    if (status == STATUS_OK)
        *received = message.word[0];
    return status;
}

/* Makes each page the caller's own, whatever is in it. An instruction by name: compilers know that adding no bit changes nothing. */
static void memory_write_to(uint64_t address, uint64_t size_bytes)
{
    for (uint64_t at = address; at - address < size_bytes; at += PAGE_BYTES)
        __asm__ volatile("lock orb $0, %0" : "+m"(*(unsigned char *)(uintptr_t)at) : : "cc");
}

enum status memory_share(uint64_t address, uint64_t size_bytes, uint32_t to, uint32_t protection, uint64_t *received)
{
    for (;;) {
        struct message message = { .word = { address, size_bytes, to, protection } };
        enum status status = pager_call(HANDLE_PAGER, PROTOCOL_segment_share, 0, &message);
        if (status == STATUS_OK && message.word[0] == 0)
            continue; /* another thread is protecting it */
        if (status == STATUS_OK)
            *received = message.word[0];
        if (status != STATUS_AGAIN)
            return status;
        memory_write_to(address, size_bytes);
    }
}

enum status memory_unmap(uint64_t address, uint64_t size_bytes)
{
    struct message message = { .word = { address, size_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_unmap, 0, &message);
}

enum status memory_resize(uint64_t address, uint64_t size_bytes, uint64_t new_bytes)
{
    struct message message = { .word = { address, size_bytes, new_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_resize, 0, &message);
}

/* Goes on until pages have the rights that their memory has; `left`: bytes of them. */
static enum status settle_rest(uint64_t left)
{
    while (left > 0) {
        struct message message = {};
        enum status status = pager_call(HANDLE_PAGER, PROTOCOL_settle, 0, &message);
        if (status != STATUS_OK)
            return status;
        left = message.word[0];
    }
    return STATUS_OK;
}

enum status memory_protect(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    uint64_t done = 0;
    do {
        struct message message = { .word = { address + done, size_bytes - done, protection } };
        enum status status = pager_call(HANDLE_PAGER, PROTOCOL_protect, 0, &message);
        if (status == STATUS_OK)
            status = settle_rest(message.word[1]);
        if (status != STATUS_OK)
            return status;
        done += message.word[0];
    } while (done < size_bytes);
    return STATUS_OK;
}

enum status autogen_move(int64_t delta_bytes, uint64_t *lowest)
{
    uint64_t before, after;
    enum status status = end_move_all(PROTOCOL_autogen_move, delta_bytes, &before, &after);
    if (status == STATUS_OK)
        *lowest = after;
    return status;
}

enum status autogen_flip(bool executable)
{
    uint64_t is_done;
    do {
        struct message message = { .word = { executable } };
        enum status status = pager_call(HANDLE_PAGER, PROTOCOL_autogen_flip, 0, &message);
        if (status == STATUS_OK)
            status = settle_rest(message.word[1]);
        if (status != STATUS_OK)
            return status;
        is_done = message.word[0];
    } while (is_done == 0);
    return STATUS_OK;
}

enum status module_map(const char *name, uint64_t *address, uint64_t *size_bytes)
{
    size_t length = strlen(name);
    enum status status = message_buffer_put(0, name, length);
    if (status != STATUS_OK)
        return status;

    struct message message = {};
    status = pager_call(HANDLE_PAGER, PROTOCOL_module_map, (uint32_t)length, &message);
    if (status == STATUS_OK) {
        *address = message.word[0];
        *size_bytes = message.word[1];
    }
    return status;
}

enum status segment_info(uint64_t index, struct segment_info *info)
{
    struct message message = { .word = { index } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_segment_info, 0, &message);
    if (status == STATUS_OK) {
        *info = (struct segment_info){
            .kind = (enum segment_kind)message.word[0],
            .first = message.word[1],
            .limit = message.word[2],
            .protection = (uint32_t)message.word[3],
            .mapped_pages = message.word[4],
        };
    }
    return status;
}

const char *segment_kind_name(enum segment_kind kind)
{
    switch (kind) {
    case SEGMENT_CODE: return "code";
    case SEGMENT_DATA: return "data";
    case SEGMENT_RODATA: return "rodata";
    case SEGMENT_BRK: return "brk";
    case SEGMENT_AUTOGEN: return "autogen";
    case SEGMENT_MMAP: return "mmap";
    case SEGMENT_STACK: return "stack";
    case SEGMENT_BUFFER: return "buffer";
    case SEGMENT_KINDS: break;
    }
    return "unknown";
}
