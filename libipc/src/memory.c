/* Memory of the calling process: messages to the pager. */
#include <quire/memory.h>

#include <string.h>

#include <quire/pager_call.h>

enum status memory_brk(int64_t delta_bytes, uint64_t *previous)
{
    struct message message = { .word = { (uint64_t)delta_bytes } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_brk, 0, &message);
    if (status == STATUS_OK)
        *previous = message.word[0];
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

enum status memory_map_at(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    struct message message = { .word = { size_bytes, protection, address } };
    return pager_call(HANDLE_PAGER, PROTOCOL_map_at, 0, &message);
}

enum status memory_map_over(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    struct message message = { .word = { address, size_bytes, protection } };
    return pager_call(HANDLE_PAGER, PROTOCOL_map_over, 0, &message);
}

enum status memory_discard(uint64_t address, uint64_t size_bytes)
{
    struct message message = { .word = { address, size_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_discard, 0, &message);
}

enum status memory_seal(uint64_t address, uint64_t size_bytes)
{
    struct message message = { .word = { address, size_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_seal, 0, &message);
}

enum status memory_move(uint64_t address, uint64_t size_bytes, uint32_t to, uint64_t *received)
{
    struct message message = { .word = { address, size_bytes, to } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_segment_move, 0, &message);
    if (status == STATUS_OK)
        *received = message.word[0];
    return status;
}

enum status memory_unmap(uint64_t address, uint64_t size_bytes)
{
    struct message message = { .word = { address, size_bytes } };
    return pager_call(HANDLE_PAGER, PROTOCOL_unmap, 0, &message);
}

enum status memory_protect(uint64_t address, uint64_t size_bytes, uint32_t protection)
{
    struct message message = { .word = { address, size_bytes, protection } };
    return pager_call(HANDLE_PAGER, PROTOCOL_protect, 0, &message);
}

enum status autogen_move(int64_t delta_bytes, uint64_t *lowest)
{
    struct message message = { .word = { (uint64_t)delta_bytes } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_autogen_move, 0, &message);
    if (status == STATUS_OK)
        *lowest = message.word[0];
    return status;
}

enum status autogen_flip(bool executable)
{
    struct message message = { .word = { executable } };
    return pager_call(HANDLE_PAGER, PROTOCOL_autogen_flip, 0, &message);
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
