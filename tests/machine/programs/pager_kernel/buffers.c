/* Message buffers: the part of a message beside its words arrives whole, and not a byte more. */
#include "worker.h"

#include <string.h>

constexpr uint32_t SERVER = HANDLE_FREE;
constexpr uint64_t THEIRS = KIT_FREE; /* the client's buffer, seen here */
constexpr uint8_t UNTOUCHED = 0xee;

static uint8_t pattern(uint64_t i, uint64_t seed)
{
    return (uint8_t)(i * 7 + (i >> 8) + seed);
}

static void fill_pattern(uint8_t *bytes, uint64_t seed)
{
    for (uint64_t i = 0; i < MESSAGE_BUFFER_BYTES; i++) bytes[i] = pattern(i, seed);
}

static void expect_pattern(const uint8_t *bytes, uint32_t length, uint64_t seed)
{
    for (uint64_t i = 0; i < MESSAGE_BUFFER_BYTES; i++) {
        if (!expect_equal(bytes[i], i < length ? pattern(i, seed) : UNTOUCHED)) return;
    }
}

/* A client with a message buffer that is mapped here too. */
static struct worker client_make(uint64_t *buffer)
{
    uint64_t done;
    kit_must(kernel_frame_allocate(0, buffer), "frame_allocate");
    kit_must(kernel_space_map(kit_info->space, THEIRS, *buffer, 1, ATTRIBUTE_WRITE, &done), "space_map");
    struct worker client = worker_join(worker_space(BADGE), BADGE, PRIORITY_FIRST, THREAD_PLAIN, *buffer);
    kit_must(kernel_handle_map(client.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 0), "handle_map");
    return client;
}

static void client_end(struct worker *client, uint64_t buffer)
{
    uint64_t done, unmapped, freed;
    worker_end(client);
    kit_must(kernel_space_unmap(kit_info->space, THEIRS, 1, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
    kit_must(kernel_frame_free(buffer, 0), "frame_free");
}

void case_buffers_lengths(void)
{
    static const uint32_t lengths[] = { 0, 1, 7, 8, 9, 4095, 4096 };
    static const uint64_t nothing[MESSAGE_WORDS];
    uint64_t buffer;
    struct worker client = client_make(&buffer);
    uint8_t *ours = (uint8_t *)kit_info->buffer_address, *theirs = (uint8_t *)THEIRS;
    struct message message;
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint32_t length = lengths[i];
        fill_pattern(theirs, i);
        memset(ours, UNTOUCHED, MESSAGE_BUFFER_BYTES);
        kit_must(kernel_thread_stop(client.thread), "thread_stop");
        worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER, .message.tag = tag_make(3, length) });
        worker_take(&message);
        expect_equal(tag_length(message.tag), length);
        expect_pattern(ours, length, i);
        fill_pattern(ours, i + 100);
        memset(theirs, UNTOUCHED, MESSAGE_BUFFER_BYTES);
        expect_status(worker_answer(message.token, tag_make(4, length), nothing), STATUS_OK);
        worker_take_done(&client);
        expect_status(exchanges[0].status, STATUS_OK);
        expect_equal(exchanges[0].message.tag, tag_make(4, length));
        expect_pattern(theirs, length, i + 100);
    }
    client_end(&client, buffer);
}

enum wish : uint64_t { INVERT, LEAVE, ANSWER_TOO_LONG };

/* A server whose buffer is at THEIRS: it answers a part with the same part, each bit turned round if that is wished. */
static void serve_parts(uint64_t handle)
{
    struct message message = {};
    while (reply_receive((uint32_t)handle, &message) == STATUS_OK) {
        uint32_t length = tag_length(message.tag);
        for (uint32_t i = 0; message.word[0] == INVERT && i < length; i++) ((uint8_t *)THEIRS)[i] ^= 0xff;
        message.tag = tag_make(4, message.word[0] == ANSWER_TOO_LONG ? 4097 : length);
        if (message.word[0] != ANSWER_TOO_LONG) continue;
        message.word[0] = reply(&message); /* refused, and the caller waits still */
        message.tag = tag_make(5, 0);
    }
}

/* The same between a caller and a server that wait for each other: the fast path. A buffer is a frame: that it is mapped nowhere is nothing to the kernel. */
void case_buffers_waiting(void)
{
    uint64_t buffer, endpoint, done, unmapped, freed;
    struct worker server = client_make(&buffer);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_space_map(server.space, THEIRS, buffer, 1, ATTRIBUTE_WRITE, &done), "space_map");
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(kit_info->space, SERVER, endpoint, RIGHT_CALL, 0), "handle_map");
    worker_start(&server, serve_parts, SERVER);
    uint8_t *ours = (uint8_t *)kit_info->buffer_address, *theirs = (uint8_t *)THEIRS;
    for (uint32_t length = 0; length <= 4100; length += length < 20 || length > 4085 ? 1 : 813) {
        fill_pattern(ours, length);
        memset(theirs, UNTOUCHED, MESSAGE_BUFFER_BYTES);
        struct message message = { .tag = tag_make(3, length) };
        enum status status = call(SERVER, &message);
        if (!expect_status(status, length <= MESSAGE_BUFFER_BYTES ? STATUS_OK : STATUS_BAD_BUFFER)) break;
        if (status != STATUS_OK) continue;
        expect_equal(message.tag, tag_make(4, length));
        for (uint32_t i = 0; i < MESSAGE_BUFFER_BYTES; i++) {
            if (!expect_equal(ours[i], pattern(i, length) ^ (i < length ? 0xff : 0)) || !expect_equal(theirs[i], i < length ? ours[i] : UNTOUCHED)) break;
        }
    }
    struct message message = { .tag = tag_make(3, 8), .word = { ANSWER_TOO_LONG } };
    expect_status(call(SERVER, &message), STATUS_OK);
    expect_equal(message.word[0], STATUS_BAD_BUFFER);
    expect_equal(message.tag, tag_make(5, 0));
    kit_must(kernel_space_unmap(server.space, THEIRS, 1, UNMAP_KEEP, &done, &unmapped, &freed), "space_unmap");
    message = (struct message){ .tag = tag_make(3, PAGE_BYTES), .word = { LEAVE } };
    fill_pattern(ours, 77);
    expect_status(call(SERVER, &message), STATUS_OK);
    expect_pattern(theirs, PAGE_BYTES, 77);
    expect_pattern(ours, PAGE_BYTES, 77);
    client_end(&server, buffer);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Too long, in both directions; the caller still gets the good answer after a bad one. */
void case_buffers_too_long(void)
{
    static const uint32_t lengths[] = { 4097, 5000, 8191 };
    static const uint64_t nothing[MESSAGE_WORDS];
    uint64_t buffer;
    struct worker client = client_make(&buffer);
    struct message message;
    for (unsigned i = 0; i < 3; i++) {
        kit_must(kernel_thread_stop(client.thread), "thread_stop");
        worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER, .message.tag = tag_make(3, lengths[i]) });
        worker_take_done(&client);
        expect_status(exchanges[0].status, STATUS_BAD_BUFFER);
    }
    kit_must(kernel_thread_stop(client.thread), "thread_stop");
    worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER });
    worker_take(&message);
    for (unsigned i = 0; i < 3; i++) expect_status(worker_answer(message.token, tag_make(3, lengths[i]), nothing), STATUS_BAD_BUFFER);
    expect(!exchanges[0].is_over);
    expect_status(worker_answer(message.token, 0, nothing), STATUS_OK);
    worker_take_done(&client);
    client_end(&client, buffer);
}

/* Sender, caller or receiver without a buffer. */
void case_buffers_missing(void)
{
    static const uint64_t nothing[MESSAGE_WORDS];
    struct worker bare = worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN);
    struct message message;
    kit_must(kernel_handle_map(bare.space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 0), "handle_map");
    worker_start_exchange(&bare, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER, .message.tag = tag_make(3, 1) });
    worker_take_done(&bare);
    expect_status(exchanges[0].status, STATUS_BAD_BUFFER);
    kit_must(kernel_thread_stop(bare.thread), "thread_stop");
    worker_start_exchange(&bare, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER });
    worker_take(&message);
    expect_status(worker_answer(message.token, tag_make(3, 1), nothing), STATUS_BAD_BUFFER);
    expect_status(worker_answer(message.token, 0, nothing), STATUS_OK);
    worker_take_done(&bare);
    worker_end(&bare);
}

/* A receiver without one: whoever comes first, the sender is told, and nobody else is held up. */
void case_buffers_receiver_without(void)
{
    uint64_t buffer, endpoint;
    struct worker client = client_make(&buffer), server = worker_make(BADGE + 1, PRIORITY_FIRST, THREAD_PLAIN);
    kit_must(kernel_endpoint_create(&endpoint), "endpoint_create");
    kit_must(kernel_handle_map(server.space, SERVER, endpoint, RIGHT_RECEIVE, 0), "handle_map");
    kit_must(kernel_handle_map(client.space, SERVER, endpoint, RIGHT_CALL, 0), "handle_map");
    for (unsigned round = 0; round < 2; round++) {
        const struct exchange sending = { .kind = EXCHANGE_CALL, .handle = SERVER, .message.tag = tag_make(3, 16) };
        const struct exchange receiving = { .kind = EXCHANGE_RECEIVE, .handle = SERVER };
        kit_must(kernel_thread_stop(client.thread), "thread_stop");
        kit_must(kernel_thread_stop(server.thread), "thread_stop");
        if (round == 0) worker_start_exchange(&server, 1, receiving);
        worker_start_exchange(&client, 0, sending);
        if (round == 1) worker_start_exchange(&server, 1, receiving);
        struct message message;
        expect_status(receive(HANDLE_PAGER, RECEIVE_WAIT, &message), STATUS_OK);
        expect_equal(message.badge, client.badge);
        expect_status(exchanges[0].status, STATUS_BAD_BUFFER);
        expect(!exchanges[1].is_over);
    }
    worker_end(&server);
    client_end(&client, buffer);
    kit_must(kernel_endpoint_destroy(endpoint), "endpoint_destroy");
}

/* Allocates until the frame that was just freed is given out again. */
static void frame_take_again(uint64_t frame)
{
    constexpr unsigned tries = 16'384; /* more than a machine gives before what was freed last comes back */
    static uint64_t passed_over[tries];
    for (unsigned count = 0; count < tries; count++) {
        kit_must(kernel_frame_allocate(0, &passed_over[count]), "frame_allocate");
        if (passed_over[count] != frame) continue;
        while (count > 0) kit_must(kernel_frame_free(passed_over[--count], 0), "frame_free");
        return;
    }
    kit_must(STATUS_NOT_FOUND, "frame_take_again");
}

/* A buffer that was never mapped holds nothing old, and keeps what it was given when it is mapped later. */
void case_buffers_clean(void)
{
    uint64_t frame, space = worker_space(BADGE), done;
    static const uint64_t nothing[MESSAGE_WORDS];
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    kit_must(kernel_space_map(kit_info->space, THEIRS, frame, 1, ATTRIBUTE_WRITE, &done), "space_map");
    memset((char *)THEIRS, 0x5e, PAGE_BYTES);
    uint64_t unmapped, freed;
    kit_must(kernel_space_unmap(kit_info->space, THEIRS, 1, UNMAP_FREE, &done, &unmapped, &freed), "space_unmap");
    frame_take_again(frame);
    struct worker client = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, frame);
    kit_must(kernel_handle_map(space, HANDLE_PAGER, kit_info->endpoint, RIGHT_CALL, 0), "handle_map");
    worker_start_exchange(&client, 0, (struct exchange){ .kind = EXCHANGE_CALL, .handle = HANDLE_PAGER, .message.tag = tag_make(3, PAGE_BYTES) });
    struct message message;
    uint8_t *ours = (uint8_t *)kit_info->buffer_address;
    worker_take(&message);
    for (uint64_t i = 0; i < PAGE_BYTES; i++) {
        if (!expect_equal(ours[i], 0)) break;
    }
    fill_pattern(ours, 9);
    expect_status(worker_answer(message.token, tag_make(0, PAGE_BYTES), nothing), STATUS_OK);
    worker_take_done(&client);
    kit_must(kernel_space_map(kit_info->space, THEIRS, frame, 1, ATTRIBUTE_READ, &done), "space_map");
    expect_pattern((const uint8_t *)THEIRS, PAGE_BYTES, 9);
    client_end(&client, frame);
}

/* The frame of a living thread's buffer cannot be freed, mapped or not. */
void case_buffers_held(void)
{
    uint64_t frame, space = worker_space(BADGE);
    kit_must(kernel_frame_allocate(0, &frame), "frame_allocate");
    struct worker one = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, frame), other = worker_join(space, BADGE, PRIORITY_FIRST, THREAD_PLAIN, frame);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, frame, 0);
    worker_leave(&one);
    expect_refused(STATUS_FRAME_BUSY, CALL_frame_free, frame, 0);
    worker_leave(&other);
    expect_status(kernel_frame_free(frame, 0), STATUS_OK);
    worker_space_end(space);
}
