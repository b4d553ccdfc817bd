/* The subjects: thin covers over frame.h, bitmap.h and the alternatives, with the switch of the collection around the call. */
#include "subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <valgrind/callgrind.h>

#include "alternatives/alternative.h"
#include "bitmap.h"
#include "frame.h"
#include "host.h"
#include "log.h"

enum operation measured;

/* The kernel's log is not linked; nothing here asks for oom=panic. */
void log_begin(const char *) { abort(); }
void log_add(const char *, ...) { abort(); }
void log_end(void) { abort(); }

#define SWITCH(operation) do { if (measured == (operation)) CALLGRIND_TOGGLE_COLLECT; } while (0)

void measure_nothing(enum operation operation)
{
    SWITCH(operation);
    SWITCH(operation);
}

/* --- Storage: reserved, and real only where it is touched --- */

static void *storage;
static uint64_t storage_length;

static void storage_make(uint64_t bytes)
{
    if (storage != nullptr) munmap(storage, storage_length);
    storage_length = bytes;
    storage = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (storage == MAP_FAILED) {
        perror("frame_bench: no storage");
        exit(1);
    }
}

/* --- frame.h: kinds, rows and argument checks included --- */

static void frames_initialise(uint32_t count)
{
    host_initialise((uint64_t)1 << 20);
    host_set_direct_frames(count); /* as on x86-64; the frames themselves are never touched */
    storage_make(frame_storage_bytes(count));
    struct memory_range all = { 0, (uint64_t)count << PAGE_SHIFT, MEMORY_USABLE };
    frame_initialise(storage, count, &all, 1);
}

static bool frames_allocate(unsigned order, uint32_t *first)
{
    frame_t block;
    SWITCH(OPERATION_ALLOCATE);
    enum status status = frame_allocate(order, FRAME_KIND_USER, &block);
    SWITCH(OPERATION_ALLOCATE);
    if (status != STATUS_OK) return false;
    *first = block.number;
    return true;
}

static bool frames_free(uint32_t first, unsigned order)
{
    SWITCH(OPERATION_FREE);
    enum status status = frame_free((frame_t){ first }, order, FRAME_KIND_USER);
    SWITCH(OPERATION_FREE);
    return status == STATUS_OK;
}

static bool frames_batch(uint32_t *base, uint64_t *mask)
{
    frame_t first;
    SWITCH(OPERATION_BATCH);
    enum status status = frame_allocate_batch(&first, mask);
    SWITCH(OPERATION_BATCH);
    *base = first.number;
    return status == STATUS_OK;
}

/* --- bitmap.h alone --- */

static struct bitmap bitmap;

static void bitmaps_initialise(uint32_t count)
{
    storage_make(bitmap_storage_bytes(count));
    bitmap_initialise(&bitmap, storage, count);
    if (!bitmap_insert_range(&bitmap, 0, count)) abort();
}

static bool bitmaps_allocate(unsigned order, uint32_t *first)
{
    SWITCH(OPERATION_ALLOCATE);
    bool has = order == 0 ? bitmap_take_frame(&bitmap, first) || (bitmap_open(&bitmap, 0) && bitmap_take_frame(&bitmap, first))
                          : bitmap_allocate_within(&bitmap, order, 0, UINT32_MAX, first) == BITMAP_FOUND; /* never AGAIN: orders 0, 9, 18 */
    SWITCH(OPERATION_ALLOCATE);
    return has;
}

static bool bitmaps_free(uint32_t first, unsigned order)
{
    SWITCH(OPERATION_FREE);
    bitmap_free(&bitmap, first, order);
    SWITCH(OPERATION_FREE);
    return true;
}

static bool bitmaps_batch(uint32_t *base, uint64_t *mask)
{
    SWITCH(OPERATION_BATCH);
    bool has = bitmap_take_word(&bitmap, base, mask) != 0 || (bitmap_open(&bitmap, 0) && bitmap_take_word(&bitmap, base, mask) != 0);
    SWITCH(OPERATION_BATCH);
    return has;
}

/* --- The alternatives --- */

#define ALTERNATIVE(name)                                               \
    static void name##_initialise(uint32_t count)                       \
    {                                                                   \
        storage_make(alternative_##name.storage_bytes(count));          \
        alternative_##name.initialise(storage, count);                  \
    }                                                                   \
    static uint64_t name##_storage_bytes(uint32_t count)                \
    {                                                                   \
        return alternative_##name.storage_bytes(count);                 \
    }                                                                   \
    static bool name##_allocate(unsigned order, uint32_t *first)        \
    {                                                                   \
        SWITCH(OPERATION_ALLOCATE);                                     \
        bool has = alternative_##name.allocate(order, first);           \
        SWITCH(OPERATION_ALLOCATE);                                     \
        return has;                                                     \
    }                                                                   \
    static bool name##_free(uint32_t first, unsigned order)             \
    {                                                                   \
        SWITCH(OPERATION_FREE);                                         \
        bool freed = alternative_##name.free(first, order);             \
        SWITCH(OPERATION_FREE);                                         \
        return freed;                                                   \
    }                                                                   \
    static const struct subject name##_subject = {                      \
        #name, name##_storage_bytes, name##_initialise, name##_allocate, name##_free, nullptr }

ALTERNATIVE(flat);
ALTERNATIVE(steps_16);
ALTERNATIVE(steps_32);
ALTERNATIVE(buddy);

static const struct subject frames_subject = { "frame", bitmap_storage_bytes, frames_initialise, frames_allocate, frames_free, frames_batch };
static const struct subject bitmaps_subject = { "bitmap", bitmap_storage_bytes, bitmaps_initialise, bitmaps_allocate, bitmaps_free, bitmaps_batch };

const struct subject *const subjects[SUBJECTS] = {
    &frames_subject, &bitmaps_subject, &flat_subject, &steps_16_subject, &steps_32_subject, &buddy_subject,
};
