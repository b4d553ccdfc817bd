/* For drivers: messages to the pager. */
#include <quire/device.h>

#include <quire/pager_call.h>

enum status memory_map_contiguous(uint64_t size_bytes, uint32_t protection, uint64_t alignment_bytes, uint64_t limit, uint64_t *address, uint64_t *physical)
{
    if ((alignment_bytes & (alignment_bytes - 1)) != 0 || alignment_bytes == 1)
        return STATUS_BAD_ALIGNMENT;
    unsigned alignment = alignment_bytes != 0 ? (unsigned)__builtin_ctzll(alignment_bytes) : 0;
    struct message message = { .word = { size_bytes, protection, alignment, limit } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_map_contiguous, 0, &message);
    if (status == STATUS_OK) {
        *address = message.word[0];
        *physical = message.word[1];
    }
    return status;
}

enum status memory_physical(uint64_t address, uint64_t *physical)
{
    struct message message = { .word = { address } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_segment_physical, 0, &message);
    if (status == STATUS_OK)
        *physical = message.word[0];
    return status;
}
