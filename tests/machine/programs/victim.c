/* victim: a program with something to lose. It keeps a pattern in its data, its heap, its mmap area and on its stack, and answers who asks whether all of
 * it is still there. What other programs do must not reach it.
 *
 * Two more things that run beside hostile programs and must come to their end: `victim once` checks its memory and ends; `victim spin` never gives the
 * processor away, and is ended with the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/memory.h>
#include <quire/server.h>

#include "victim.h"

constexpr uint64_t PAGES = 64;

static uint64_t in_data[PAGE_BYTES / sizeof(uint64_t)];

struct victim {
    uint64_t *part[4];   /* data, break, mmap area, stack */
    uint64_t pages[4];
    uint64_t beats;
};

static uint64_t pattern(unsigned part, uint64_t page, uint64_t word) { return (uint64_t)(part + 1) << 48 ^ page << 16 ^ word * 0x9e3779b97f4a7c15; }

static void fill(const struct victim *victim)
{
    for (unsigned part = 0; part < 4; part++)
        for (uint64_t word = 0; word < victim->pages[part] * PAGE_BYTES / sizeof(uint64_t); word++)
            victim->part[part][word] = pattern(part, word / 512, word);
}

static uint64_t count_damaged(const struct victim *victim)
{
    uint64_t damaged = 0;
    for (unsigned part = 0; part < 4; part++) {
        for (uint64_t page = 0; page < victim->pages[part]; page++) {
            uint64_t word = page * 512, limit = word + 512;
            while (word < limit && victim->part[part][word] == pattern(part, page, word)) word++;
            damaged += word < limit;
        }
    }
    return damaged;
}

static enum server_answer on_message(void *context, struct message *message)
{
    struct victim *victim = context;
    if (tag_label(message->tag) != VICTIM_BEAT) {
        *message = (struct message){ .tag = tag_make(STATUS_BAD_CALL, 0), .token = message->token };
        return SERVER_ANSWERED;
    }
    victim->beats++;
    *message = (struct message){ .tag = tag_make(STATUS_OK, 0), .word = { victim->beats, count_damaged(victim) }, .token = message->token };
    return SERVER_ANSWERED;
}

static bool on_notification([[maybe_unused]] void *context, uint64_t bits) { return (bits & VICTIM_STOP) == 0; }

static int serve(struct victim *victim)
{
    static const struct server server = { .on_message = on_message, .on_notification = on_notification };
    uint32_t handle;
    enum status status = endpoint_create(&handle);
    if (status == STATUS_OK) status = name_publish(handle, VICTIM_NAME);
    if (status == STATUS_OK) status = server_run(handle, &server, victim);
    uint64_t damaged = count_damaged(victim);
    printf("victim: ends status=%s beats=%lu damaged=%lu\n", status_name(status), victim->beats, damaged);
    return status == STATUS_OK && damaged == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    uint64_t on_stack[4 * PAGE_BYTES / sizeof(uint64_t)], heap, area;
    enum status status = memory_brk((int64_t)(PAGES * PAGE_BYTES), &heap);
    if (status == STATUS_OK) status = memory_map(PAGES * PAGE_BYTES, PROTECTION_WRITE, &area);
    if (status != STATUS_OK) {
        printf("victim: no memory status=%s\n", status_name(status));
        return 1;
    }
    struct victim victim = {
        .part = { in_data, (uint64_t *)(uintptr_t)((heap + 7) & ~(uint64_t)7), (uint64_t *)(uintptr_t)area, on_stack }, .pages = { 1, PAGES - 1, PAGES, 4 },
    };
    fill(&victim);
    if (argc == 2 && strcmp(argv[1], "spin") == 0) {
        printf("victim: spins\n");
        for (;;) __asm__ volatile("pause");
    }
    if (argc == 2 && strcmp(argv[1], "once") == 0) {
        printf("victim: once damaged=%lu\n", count_damaged(&victim));
        return count_damaged(&victim) == 0 ? 0 : 1;
    }
    return serve(&victim);
}
