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

enum status device_map(uint64_t physical, uint64_t size_bytes, uint32_t protection, uint32_t cache, bool shared, uint64_t *address)
{
    struct message message = { .word = { physical, size_bytes, protection, cache, shared } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_device_map, 0, &message);
    if (status == STATUS_OK)
        *address = message.word[0];
    return status;
}

enum status interrupt_claim(uint32_t line, uint32_t handle, uint64_t bits)
{
    struct message message = { .word = { line, handle, bits } };
    return pager_call(HANDLE_PAGER, PROTOCOL_interrupt_claim, 0, &message);
}

enum status interrupt_release(uint32_t line)
{
    struct message message = { .word = { line } };
    return pager_call(HANDLE_PAGER, PROTOCOL_interrupt_release, 0, &message);
}

enum status interrupt_acknowledge(uint32_t line)
{
    struct message message = { .word = { line } };
    return pager_call(HANDLE_PAGER, PROTOCOL_interrupt_acknowledge, 0, &message);
}

enum status port_read(uint16_t port, unsigned width_bytes, uint32_t *value)
{
    struct message message = { .word = { port, width_bytes } };
    enum status status = pager_call(HANDLE_PAGER, PROTOCOL_port_read, 0, &message);
    if (status == STATUS_OK)
        *value = (uint32_t)message.word[0];
    return status;
}

enum status port_write(uint16_t port, unsigned width_bytes, uint32_t value)
{
    struct message message = { .word = { port, width_bytes, value } };
    return pager_call(HANDLE_PAGER, PROTOCOL_port_write, 0, &message);
}
