/* Programs in groups: what the tests of groups do with them. */
#ifndef QUIRE_GROUP_PLAY_H
#define QUIRE_GROUP_PLAY_H

#include "pager_fixture.h"

/* Three programs of the boot: one in group a, one in b, the relay in both. */
constexpr uint32_t IN_A = 1, IN_B = 2, RELAY = 3;

static inline void begin_with(const char *const lines[3])
{
    sim_image_make(&fixture_image, &fixture_shape);
    struct sim_module modules[] = {
        { lines[0], fixture_image.bytes, fixture_image.size_bytes },
        { lines[1], fixture_image.bytes, fixture_image.size_bytes },
        { lines[2], fixture_image.bytes, fixture_image.size_bytes },
        { "image:child", fixture_image.bytes, fixture_image.size_bytes },
    };
    sim_start(&(struct sim_options){ 0 }, modules, sizeof(modules) / sizeof(modules[0]));
}

static inline void begin(void)
{
    static const char *const lines[] = { "program@a:one", "program@b:two", "program@a@b:relay" };
    begin_with(lines);
}

static inline uint64_t new_endpoint(uint32_t number) { return fixture_ok(sim_request(number, PROTOCOL_endpoint_create, 0, 0, 0)); }

static inline struct sim_reply with_name(uint32_t number, enum protocol label, uint64_t word0, uint64_t group, const char *name)
{
    uint64_t word[MESSAGE_WORDS] = { word0, group };
    return sim_call(number, HANDLE_PAGER, tag_make(label, (uint32_t)strlen(name)), word, name, strlen(name));
}

static inline struct sim_reply publish(uint32_t number, uint64_t handle, uint64_t group, const char *name)
{
    return with_name(number, PROTOCOL_name_publish, handle, group, name);
}

static inline struct sim_reply find(uint32_t number, uint64_t group, const char *name) { return with_name(number, PROTOCOL_name_find, 0, group, name); }
static inline uint64_t group_named(uint32_t number, const char *name) { return fixture_ok(with_name(number, PROTOCOL_group_find, 0, 0, name)); }
static inline struct sim_reply leave(uint32_t number, uint64_t group) { return sim_request(number, PROTOCOL_group_leave, group, 0, 0); }
static inline struct sim_reply join(uint32_t number, uint64_t handle) { return sim_request(number, PROTOCOL_group_join, handle, 0, 0); }
static inline struct sim_reply end_group(uint32_t number, uint64_t handle) { return sim_request(number, PROTOCOL_group_end, handle, 0, 0); }

static inline struct sim_reply pass(uint32_t number, uint64_t handle, uint64_t rights, uint64_t to)
{
    return sim_request(number, PROTOCOL_handle_pass, handle, rights, to);
}

static inline struct sim_reply call_it(uint32_t number, uint64_t handle)
{
    uint64_t word[MESSAGE_WORDS] = { 0 };
    return sim_call(number, (uint32_t)handle, tag_make(1, 0), word, nullptr, 0);
}

/* Starts a child in a group; through `number` its number. */
static inline uint64_t child_in(uint32_t starter, uint64_t group, uint32_t *number)
{
    uint64_t handle = fixture_ok(sim_request_text(starter, PROTOCOL_process_start, group, "child", sizeof("child")));
    *number = sim_pager.next_number;
    return handle;
}

static inline struct holding *row_of(uint32_t number, uint64_t handle) { return &sim_process(number)->holdings.rows[handle % HOLDING_LIMIT]; }

#endif
