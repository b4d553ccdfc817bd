/* How many words of the bitmap a request reads: bounded, however full memory is and however large.
 *
 * The bitmap is compiled for this test once more, so that each load calls what counts here (cmake/host.cmake: -fsanitize-coverage=trace-loads). */
#include "bitmap_model.h"

/* One node is eight words. Bounds are what a search has to look at in the worst case; the structure's own members (counts, the open word) are not counted. */
constexpr unsigned NODE = 8;
constexpr unsigned READS_FRAME = 8 * NODE;  /* the open word's line twice, its gigabyte's mask, then the top's, a mask and a line of another, and breaking */
constexpr unsigned READS_EXACT = 16 * NODE; /* orders 0, 9 and 18: the same for each tier that may have to be broken */
constexpr unsigned READS_MISS = 3 * NODE;   /* a wrong hint: the line's words, some of them as a run, and the hints that go */

static uintptr_t storage_first, storage_limit, top_first, top_limit;
static unsigned count_reads;

void __sanitizer_cov_load8(uint64_t *address);
void __sanitizer_cov_load8(uint64_t *address)
{
    uintptr_t at = (uintptr_t)address;
    count_reads += (at >= storage_first && at < storage_limit) || (at >= top_first && at < top_limit);
}

static void watch(struct bitmap *bitmap, void *storage, uint32_t count)
{
    storage_first = (uintptr_t)storage;
    storage_limit = storage_first + bitmap_storage_bytes(count);
    top_first = (uintptr_t)bitmap->top;
    top_limit = top_first + sizeof bitmap->top;
}

static uint64_t seed;
static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(seed >> 33) % limit;
}

/* Bit by bit. */
static bool oracle_has(const bool *is_free, uint32_t count, unsigned order)
{
    for (uint32_t first = 0; (uint64_t)first + (1u << order) <= count; first += 1u << order)
        if (memchr(is_free + first, false, (size_t)1 << order) == nullptr) return true;
    return false;
}

static void mark(bool *is_free, uint32_t first, unsigned order, bool value)
{
    memset(is_free + first, value, (size_t)1 << order);
}

/* Memory of which `percent` is used at random places; then requests of every order, each with what the oracle says. */
static void play(uint32_t count, unsigned percent, unsigned requests)
{
    struct bitmap bitmap;
    void *storage = calloc(1, bitmap_storage_bytes(count));
    bool *is_free = calloc(1, count);
    bitmap_initialise(&bitmap, storage, count);
    seed = percent;
    for (uint32_t i = 0; i < count; i++) {
        if (random_below(100) < percent) continue;
        cr_assert(bitmap_give(&bitmap, i, 0));
        is_free[i] = true;
    }
    watch(&bitmap, storage, count);
    unsigned most_frame = 0, most_exact = 0, most_other = 0;
    for (unsigned i = 0; i < requests; i++) {
        unsigned order = random_below(2) ? 0 : random_below(12);
        uint32_t first;
        count_reads = 0;
        enum bitmap_answer answer = bitmap_allocate(&bitmap, order, &first);
        unsigned *most = order == 0 ? &most_frame : order == 9 ? &most_exact : &most_other;
        if (count_reads > *most) *most = count_reads;
        if (answer == BITMAP_AGAIN) {
            i--; /* wrong hints are gone: the same again ends */
            continue;
        }
        cr_assert_eq(answer == BITMAP_FOUND, oracle_has(is_free, count, order), "order %u", order);
        if (answer != BITMAP_FOUND) continue;
        cr_assert(first % (1u << order) == 0 && memchr(is_free + first, false, (size_t)1 << order) == nullptr, "order %u", order);
        mark(is_free, first, order, false);
        if (random_below(4) == 0) continue;
        cr_assert(bitmap_give(&bitmap, first, order));
        mark(is_free, first, order, true);
    }
    cr_log_info("%u frames, %u %% used: at most %u words for a frame, %u for 2 MiB, %u for other blocks", count, percent, most_frame, most_exact, most_other);
    cr_assert(most_frame > 0 && (percent != 0 || most_exact > 0), "nothing is counted");
    cr_assert_leq(most_frame, READS_FRAME);
    cr_assert_leq(most_exact, READS_EXACT);
    cr_assert_leq(most_other, READS_EXACT + BITMAP_MISSES * READS_MISS);
    free(is_free);
    free(storage);
}

Test(bitmap_reads, empty) { play(1u << 18, 0, 1000); }
Test(bitmap_reads, half_full) { play(1u << 18, 50, 3000); }
Test(bitmap_reads, nearly_full) { play(1u << 18, 95, 3000); }
Test(bitmap_reads, at_99_percent) { play(1u << 18, 99, 2000); }
Test(bitmap_reads, at_99_percent_of_a_small_memory) { play(1u << 13, 99, 2000); }
Test(bitmap_reads, at_99_percent_of_several_gigabytes) { play(5u << 18, 99, 500); }
