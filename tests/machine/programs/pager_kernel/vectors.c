/* Vector state: each thread that has one keeps its own, a new one starts clean.
 *
 * The compiler uses no vector register in this program, so what a worker loads stays until somebody else's state is loaded over it. */
#include "worker.h"

#include <string.h>

constexpr unsigned AREAS = 3;

/* FXSAVE area: AMD64 manual vol. 2, 11.5.1. Behind it the upper halves of the registers of AVX. */
struct vectors {
    uint16_t x87_control, x87_status;
    uint8_t tags, reserved0;
    uint16_t opcode;
    uint64_t instruction, data;
    uint32_t control, control_mask;
    uint8_t x87[8][16];
    uint8_t registers[16][16];
    uint8_t reserved1[96];
    uint8_t upper[16][16];
};
static_assert(offsetof(struct vectors, registers) == 160 && offsetof(struct vectors, upper) == 512);

alignas(64) static struct vectors loaded[AREAS], seen[AREAS];
static volatile uint64_t turn;

static bool has_avx(void)
{
    uint32_t eax = 1, ebx, ecx, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    constexpr uint32_t osxsave_and_avx = 3 << 27;
    if ((ecx & osxsave_and_avx) != osxsave_and_avx) return false;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return (eax & 6) == 6;
}

#define EACH_REGISTER(of) of(0) of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) of(15)
#define LOAD_UPPER(n) "vinsertf128 $1, " #n "*16(%0), %%ymm" #n ", %%ymm" #n "\n\t"
#define STORE_UPPER(n) "vextractf128 $1, %%ymm" #n ", " #n "*16(%0)\n\t"

static void vectors_load(const struct vectors *from)
{
    __asm__ volatile("fxrstor64 %0" ::"m"(*from) : "memory");
    if (has_avx()) __asm__ volatile(EACH_REGISTER(LOAD_UPPER)::"r"(from->upper) : "memory");
}

static void vectors_store(struct vectors *to)
{
    if (has_avx()) __asm__ volatile(EACH_REGISTER(STORE_UPPER)::"r"(to->upper) : "memory");
    __asm__ volatile("fxsave64 %0" : "=m"(*to)::"memory");
}

static void vectors_fill(struct vectors *vectors, uint64_t seed)
{
    struct random random = { seed };
    memset(vectors, 0, sizeof *vectors);
    vectors->x87_control = (uint16_t)(0x37f & ~(seed % 4 << 8)); /* precision and rounding differ */
    vectors->control = (uint32_t)(0x1f80 | seed % 4 << 13);
    vectors->tags = 0xff;
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < 8; j++) vectors->x87[i][j] = (uint8_t)random_next(&random);
        vectors->x87[i][7] |= 0x80; /* a normal number */
        vectors->x87[i][9] = 0x3f;
        vectors->x87[i][8] = 0xff;
    }
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 16; j++) {
            vectors->registers[i][j] = (uint8_t)random_next(&random);
            if (has_avx()) vectors->upper[i][j] = (uint8_t)random_next(&random);
        }
    }
}

static bool vectors_are_same(const struct vectors *one, const struct vectors *other)
{
    return one->x87_control == other->x87_control && one->tags == other->tags && one->control == other->control
           && memcmp(one->x87, other->x87, sizeof one->x87) == 0 && memcmp(one->registers, other->registers, sizeof one->registers) == 0
           && memcmp(one->upper, other->upper, sizeof one->upper) == 0;
}

static void load_switch_store(uint64_t index)
{
    vectors_load(&loaded[index]);
    __asm__ volatile("ud2\n\tnop"); /* the pager starts others meanwhile */
    vectors_store(&seen[index]);
}

/* Loads, and passes the processor on by being preempted only. */
static void load_spin_store(uint64_t index)
{
    vectors_load(&loaded[index]);
    for (unsigned round = 0; round < 3; round++) {
        while (turn % 2 != index) {
        }
        turn++;
    }
    vectors_store(&seen[index]);
}

constexpr uint32_t SERVER = HANDLE_FREE;
constexpr unsigned MESSAGES = 50;
static unsigned count_different;

static void note_difference(uint64_t index)
{
    vectors_store(&seen[index]);
    if (!vectors_are_same(&loaded[index], &seen[index])) count_different++;
}

static void load_and_call(uint64_t index)
{
    struct message message = {};
    vectors_load(&loaded[index]);
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (call(SERVER, &message) != STATUS_OK) count_different++;
        note_difference(index);
    }
}

static void load_and_serve(uint64_t index)
{
    struct message message = {};
    vectors_load(&loaded[index]);
    while (reply_receive(SERVER, &message) == STATUS_OK) {
        message.tag = 0;
        note_difference(index);
    }
}

static void store_only(uint64_t index)
{
    vectors_store(&seen[index]);
}

static struct worker vector_worker(unsigned index, uint32_t priority)
{
    memset(&seen[index], 0, sizeof seen[index]);
    vectors_fill(&loaded[index], 0x1234567 + index);
    return worker_make(BADGE + index, priority, THREAD_VECTORS);
}

/* Takes the ud2 of a worker and lets it go on behind it: a fresh start would lose its registers, so the instruction is skipped by changing it to one
 * that can be retried. The code is shared and not writable here; so the worker is answered only after its page was changed in a copy. */
static void skip_instruction(struct worker *worker, const struct message *message)
{
    uint64_t page = message->word[2] & ~(PAGE_BYTES - 1), copy, frame, page_bytes, done, unmapped, freed;
    uint32_t attributes;
    static const uint64_t nothing[MESSAGE_WORDS];
    kit_must(kernel_frame_allocate(0, &copy), "frame_allocate");
    kit_must(kernel_space_query(worker->space, page, &frame, &attributes, &page_bytes), "space_query");
    kit_must(kernel_frame_copy(copy, 0, frame, 0, PAGE_BYTES), "frame_copy");
    kit_must(kernel_space_map(kit_info->space, KIT_FREE, copy, 1, ATTRIBUTE_WRITE, &done), "space_map");
    memset((char *)KIT_FREE + message->word[2] % PAGE_BYTES, 0x90, 2);
    kit_must(kernel_space_unmap(kit_info->space, KIT_FREE, 1, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
    kit_must(kernel_space_unmap(worker->space, page, 1, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
    kit_must(kernel_space_map(worker->space, page, copy, 1, ATTRIBUTE_EXECUTE, &done), "space_map");
    expect_status(worker_answer(message->token, FAULT_RETRY, nothing), STATUS_OK);
}

void case_vectors_switched(void)
{
    struct worker workers[AREAS];
    struct message messages[AREAS];
    for (unsigned i = 0; i < AREAS; i++) {
        workers[i] = vector_worker(i, PRIORITY_FIRST);
        worker_start(&workers[i], load_switch_store, i);
        worker_take(&messages[i]);
        expect_equal(messages[i].word[0] >> 8 & 0xff, 6);
    }
    for (unsigned i = 0; i < AREAS; i++) {
        skip_instruction(&workers[i], &messages[i]);
        worker_take_done(&workers[i]);
        expect(vectors_are_same(&loaded[i], &seen[i]));
    }
    for (unsigned i = 0; i < AREAS; i++) worker_end(&workers[i]);
}

void case_vectors_preempted(void)
{
    turn = 0;
    struct worker even = vector_worker(0, PRIORITY_PROGRAM), odd = vector_worker(1, PRIORITY_PROGRAM);
    worker_start(&even, load_spin_store, 0);
    worker_start(&odd, load_spin_store, 1);
    struct message message;
    for (unsigned i = 0; i < 2; i++) {
        expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
        expect_equal(message.word[2], 0);
    }
    expect(vectors_are_same(&loaded[0], &seen[0]));
    expect(vectors_are_same(&loaded[1], &seen[1]));
    worker_end(&even);
    worker_end(&odd);
}

/* Two clients and a server, each with registers of its own, talk: whoever goes on has its own. */
void case_vectors_over_messages(void)
{
    uint64_t endpoint;
    struct worker workers[AREAS];
    struct message message;
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    count_different = 0;
    for (unsigned i = 0; i < AREAS; i++) {
        workers[i] = vector_worker(i, PRIORITY_PROGRAM);
        kit_must(kernel_handle_map(workers[i].space, SERVER, endpoint, i == 0 ? RIGHT_RECEIVE : RIGHT_CALL, 0), "handle_map");
        worker_start(&workers[i], i == 0 ? load_and_serve : load_and_call, i);
    }
    for (unsigned i = 1; i < AREAS; i++) {
        expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
        expect_equal(message.word[2], 0);
    }
    expect_equal(count_different, 0);
    for (unsigned i = 0; i < AREAS; i++) worker_end(&workers[i]);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

static void expect_clean(const struct vectors *vectors)
{
    expect_equal(vectors->x87_control, 0x37f);
    expect_equal(vectors->x87_status, 0);
    expect_equal(vectors->tags, 0); /* all empty, in FXSAVE's form */
    expect_equal(vectors->control, 0x1f80);
    static const struct vectors zero;
    expect(memcmp(vectors->x87, zero.x87, sizeof zero.x87) == 0);
    expect(memcmp(vectors->registers, zero.registers, sizeof zero.registers) == 0);
    expect(memcmp(vectors->upper, zero.upper, sizeof zero.upper) == 0);
}

/* After one that filled them, that lives or has ended. */
void case_vectors_of_a_new_thread(void)
{
    for (unsigned round = 0; round < 2; round++) {
        struct worker filling = vector_worker(0, PRIORITY_FIRST), fresh = vector_worker(1, PRIORITY_FIRST);
        struct message message;
        worker_start(&filling, load_switch_store, 0);
        worker_take(&message);
        if (round == 1) worker_end(&filling);
        worker_start(&fresh, store_only, 1);
        worker_take_done(&fresh);
        expect_clean(&seen[1]);
        if (round == 0) worker_end(&filling);
        worker_end(&fresh);
    }
}

/* --- Exceptions of the vector units --- */

static void divide_sse([[maybe_unused]] uint64_t argument)
{
    static const uint32_t control = 0x1d80; /* division by zero not masked */
    __asm__ volatile("ldmxcsr %0\n\txorps %%xmm0, %%xmm0\n\tmov $1, %%eax\n\tcvtsi2ss %%eax, %%xmm1\n\tdivss %%xmm0, %%xmm1" ::"m"(control) : "rax");
}

static void divide_x87([[maybe_unused]] uint64_t argument)
{
    static const uint16_t control = 0x37b;
    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" ::"m"(control));
}

void case_vectors_exceptions(void)
{
    static void (*const functions[])(uint64_t) = { divide_sse, divide_x87 };
    static const uint64_t vectors[] = { 19, 16 };
    for (unsigned i = 0; i < 2; i++) {
        struct worker worker = vector_worker(0, PRIORITY_FIRST), next = vector_worker(1, PRIORITY_FIRST);
        struct message message;
        worker_start(&worker, functions[i], 0);
        worker_take(&message);
        bool is_masked = i == 0 && tag_label(message.tag) == FAULT_PAGE && message.word[2] == 0; /* QEMU's TCG has no exceptions of SSE */
        if (!is_masked) {
            expect_equal(tag_label(message.tag), FAULT_EXCEPTION);
            expect_equal(message.word[0] >> 8 & 0xff, vectors[i]);
        }
        worker_start(&next, store_only, 1); /* the pending exception is not this one's */
        worker_take_done(&next);
        expect_clean(&seen[1]);
        worker_end(&worker);
        worker_end(&next);
    }
}
