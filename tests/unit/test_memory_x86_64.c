/* The kernel's memcpy, memmove and memset of x86-64 (arch/x86_64/memory.S), assembled under other names, against the host's. */
#include <criterion/criterion.h>

#include <string.h>

void *kernel_memcpy(void *to, const void *from, size_t size_bytes);
void *kernel_memmove(void *to, const void *from, size_t size_bytes);
void *kernel_memset(void *to, int value, size_t size_bytes);

constexpr size_t LIMIT = 40, ROOM = 3 * LIMIT;

static void fill(unsigned char *bytes)
{
    for (size_t i = 0; i < ROOM; i++) bytes[i] = (unsigned char)(i * 7 + 1);
}

Test(memory_x86_64, moves_at_every_distance_and_size)
{
    for (size_t from = 0; from < 2 * LIMIT; from++) {
        for (size_t size = 0; size <= LIMIT; size++) {
            unsigned char is[ROOM], ought[ROOM];
            fill(is), fill(ought);
            memmove(ought + LIMIT, ought + from, size);
            cr_assert_eq(kernel_memmove(is + LIMIT, is + from, size), is + LIMIT);
            cr_assert_arr_eq(is, ought, ROOM, "%zu bytes from %zu", size, from);
            /* Backwards leaves the direction flag clear. */
            unsigned long flags;
            __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
            cr_assert_eq(flags & 0x400, 0);
        }
    }
}

Test(memory_x86_64, copies_and_fills_every_size)
{
    for (size_t size = 0; size <= LIMIT; size++) {
        unsigned char is[ROOM], ought[ROOM], from[ROOM];
        fill(is), fill(ought);
        memset(from, 0xa5, ROOM);
        memcpy(ought + 1, from, size);
        cr_assert_eq(kernel_memcpy(is + 1, from, size), is + 1);
        cr_assert_arr_eq(is, ought, ROOM);
        memset(ought + 5, -2, size);
        cr_assert_eq(kernel_memset(is + 5, -2, size), is + 5);
        cr_assert_arr_eq(is, ought, ROOM);
    }
}
