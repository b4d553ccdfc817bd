/* Much data to another process: what it costs until that one has it, from 4 KiB to 64 MiB, by each way there is.
 *
 * The other process is this program too, with the argument "receiver". What is sent is new memory in each round, with all its pages there before. Measured is
 * until the receiver has answered that it saw the first and the last word (a copy: until it has put the last page into place, into memory that was there
 * before). Not measured there: what follows, where the receiver looks at both ends of each page and gives the memory back; and bringing the memory, which
 * bulk_new_... is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <abi/memory.h>
#include <quire/endpoint.h>
#include <quire/memory.h>
#include <quire/pager_call.h>
#include <quire/process.h>

#include "samples.h"

constexpr unsigned ROUNDS = 9;
constexpr uint64_t MEBIBYTE = 1 << 20;
constexpr uint64_t TABLE_BYTES = 2 * MEBIBYTE; /* what one table of pages maps; from there on the pager moves tables */
constexpr uint64_t PIECES = 64;
static_assert(MESSAGE_BUFFER_BYTES == PAGE_BYTES);

/* Words 0 to 2: address, bytes, number of the first page among those that were marked. All answer with word 0. */
enum request : uint32_t {
    REQUEST_ROOM, /* word 1; answers the address of as much memory */
    REQUEST_PART, /* the message buffer goes to word 0 */
    REQUEST_LOOK, /* answers whether first and last word are as marked */
    REQUEST_DROP, /* answers whether each page is as marked, and unmaps them */
    REQUEST_END,
};

struct load {
    uint32_t to;
    uint64_t address, bytes, piece_bytes;
    uint64_t there[PIECES]; /* the receiver's address of each piece */
};

static inline uint64_t *word_at(uint64_t address) { return (uint64_t *)(uintptr_t)address; }
static inline uint64_t *last_word_of(uint64_t address, uint64_t bytes) { return word_at(address + bytes - sizeof(uint64_t)); }

static void mark(uint64_t address, uint64_t bytes)
{
    for (uint64_t page = 0; page < bytes / PAGE_BYTES; page++) {
        *word_at(address + page * PAGE_BYTES) = page + 1;
        *last_word_of(address + page * PAGE_BYTES, PAGE_BYTES) = ~page;
    }
}

static bool is_marked(uint64_t address, uint64_t bytes, uint64_t page)
{
    return *word_at(address) == page + 1 && *last_word_of(address, bytes) == ~(page + bytes / PAGE_BYTES - 1);
}

static uint64_t map_whole(uint64_t bytes, enum memory_pages pages)
{
    struct memory_options options = { .alignment_bytes = TABLE_BYTES, .populate = true, .pages = pages };
    uint64_t address = 0;
    must(memory_map_with(bytes, PROTECTION_WRITE, &options, &address), "map");
    return address;
}

/* What the receiver does for a request; its answer. */
static uint64_t serve(enum request request, uint64_t address, uint64_t bytes, uint64_t page)
{
    bool good = true;
    switch (request) {
    case REQUEST_ROOM: return map_whole(bytes, MEMORY_PAGES_USUAL);
    case REQUEST_PART: memcpy(word_at(address), message_buffer(), PAGE_BYTES); return true;
    case REQUEST_LOOK: return is_marked(address, bytes, page);
    case REQUEST_DROP:
        for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) good = good && is_marked(address + at, PAGE_BYTES, page + at / PAGE_BYTES);
        must(memory_unmap(address, bytes), "unmap");
        return good;
    case REQUEST_END: break;
    }
    return true;
}

void bulk_receive(void)
{
    uint32_t own;
    struct message message = {};
    must(endpoint_create(&own), "endpoint_create");
    must(name_publish(own, "bulk"), "name_publish");
    must(receive(own, RECEIVE_WAIT, &message), "receive");
    for (;;) {
        enum request request = (enum request)tag_label(message.tag);
        message.word[0] = serve(request, message.word[0], message.word[1], message.word[2]);
        message.tag = tag_make(STATUS_OK, 0);
        if (request == REQUEST_END) break;
        must(reply_receive(own, &message), "reply_receive");
    }
    must(reply(&message), "reply");
}

static uint64_t ask(uint32_t to, enum request request, uint32_t part_bytes, uint64_t address, uint64_t bytes, uint64_t page)
{
    struct message message = { .tag = tag_make(request, part_bytes), .word = { address, bytes, page } };
    must(call(to, &message), "call");
    return message.word[0];
}

static void expect_good(uint64_t answer) { must(answer == 1 ? STATUS_OK : STATUS_BAD_STATE, "content"); }

/* The ways: each brings the load, piece by piece, and notes where it is there. */
static void send_copy(struct load *load)
{
    for (uint64_t at = 0; at < load->bytes; at += PAGE_BYTES) {
        memcpy(message_buffer(), word_at(load->address + at), PAGE_BYTES);
        ask(load->to, REQUEST_PART, PAGE_BYTES, load->there[0] + at, PAGE_BYTES, 0);
    }
}

static void send_moved(struct load *load)
{
    for (uint64_t at = 0; at < load->bytes; at += load->piece_bytes) {
        uint64_t *there = &load->there[at / load->piece_bytes];
        must(memory_move(load->address + at, load->piece_bytes, load->to, there), "move");
        expect_good(ask(load->to, REQUEST_LOOK, 0, *there, load->piece_bytes, at / PAGE_BYTES));
    }
}

static void send_shared(struct load *load)
{
    must(memory_share(load->address, load->bytes, load->to, PROTECTION_READ, &load->there[0]), "share");
    expect_good(ask(load->to, REQUEST_LOOK, 0, load->there[0], load->bytes, 0));
}

static const struct way {
    const char *name;
    void (*send)(struct load *load);
    uint64_t least, piece_bytes_most;
    enum memory_pages pages;
    bool needs_room, stays;
} ways[] = {
    { "copy", send_copy, 0, UINT64_MAX, MEMORY_PAGES_USUAL, true, true },
    { "pages", send_moved, 0, MEBIBYTE, MEMORY_PAGES_USUAL, false, false }, /* pieces of less than a table go by pages */
    { "tables", send_moved, TABLE_BYTES, UINT64_MAX, MEMORY_PAGES_USUAL, false, false },
    { "large", send_moved, TABLE_BYTES, UINT64_MAX, MEMORY_PAGES_LARGE_ONLY, false, false },
    { "share", send_shared, 0, UINT64_MAX, MEMORY_PAGES_USUAL, false, true },
};

static void measure(const struct way *way, uint32_t to, uint64_t bytes, const char *size)
{
    samples_begin();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct load load = { .to = to, .bytes = bytes, .piece_bytes = bytes < way->piece_bytes_most ? bytes : way->piece_bytes_most };
        load.address = map_whole(bytes, way->pages);
        mark(load.address, bytes);
        if (way->needs_room) load.there[0] = ask(to, REQUEST_ROOM, 0, 0, bytes, 0);
        uint64_t first = cycles();
        way->send(&load);
        samples_add(first, cycles());
        for (uint64_t at = 0; at < bytes; at += load.piece_bytes)
            expect_good(ask(to, REQUEST_DROP, 0, load.there[at / load.piece_bytes], load.piece_bytes, at / PAGE_BYTES));
        if (way->stays) must(memory_unmap(load.address, bytes), "unmap");
    }
    char name[32];
    snprintf(name, sizeof(name), "bulk_%s_%s", way->name, size);
    samples_report(name, 1);
}

/* New memory, and giving it back: what who gives memory away needs each time. */
static void measure_new(uint64_t bytes, const char *size)
{
    samples_begin();
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t first = cycles();
        must(memory_unmap(map_whole(bytes, MEMORY_PAGES_USUAL), bytes), "unmap");
        samples_add(first, cycles());
    }
    char name[32];
    snprintf(name, sizeof(name), "bulk_new_%s", size);
    samples_report(name, 1);
}

static uint32_t receiver = HANDLE_NONE;

/* However this program ends, the receiver does too: else a failure would be seen only when the machine's time is up. */
static void end_receiver(void)
{
    struct message message = { .tag = tag_make(REQUEST_END, 0) };
    if (receiver != HANDLE_NONE) (void)call(receiver, &message); /* where it failed itself, it has ended */
    receiver = HANDLE_NONE;
}

void bench_bulk(void)
{
    static const struct { const char *name; uint64_t bytes; } sizes[] = {
        { "4k", 4 << 10 }, { "64k", 64 << 10 }, { "1m", MEBIBYTE }, { "16m", 16 * MEBIBYTE }, { "64m", 64 * MEBIBYTE },
    };
    const char *role = "receiver";
    uint32_t process, to;
    struct process_result result = {};
    must(process_start("program_bench", 1, &role, &process), "process_start");
    must(name_find("bulk", true, &to), "name_find");
    receiver = to;
    must(atexit(end_receiver) == 0 ? STATUS_OK : STATUS_LIMIT, "atexit");
    for (unsigned way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        for (unsigned size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++)
            if (sizes[size].bytes >= ways[way].least) measure(&ways[way], to, sizes[size].bytes, sizes[size].name);
    for (unsigned size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++) measure_new(sizes[size].bytes, sizes[size].name);
    end_receiver();
    must(process_wait(process, &result), "process_wait");
    must(result.reason == PROCESS_EXITED && result.value == 0 ? STATUS_OK : STATUS_BAD_STATE, "receiver");
}
