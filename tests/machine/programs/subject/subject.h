/* The subject: a program of many cases, one a process. See main.c. */
#ifndef QUIRE_SUBJECT_H
#define QUIRE_SUBJECT_H

#include <stdint.h>

#include <quire/memory.h>
#include <quire/process.h>
#include <quire/system.h>

/* In cases.def: the value with which the case ends is not known beforehand. */
constexpr uint64_t ANY_VALUE = UINT64_MAX - 1;

/* Places of the kernel's half and around it (docs/memory-map.md). */
constexpr uint64_t PLACE_HOLE = 0x0000800000000000;          /* first address that is not canonical */
constexpr uint64_t PLACE_HOLE_LAST = 0xffff7fffffffffff;     /* the last one */
constexpr uint64_t PLACE_DIRECT_MAP = 0xfffff80001000000;    /* 16 MiB of it are there on every machine */
constexpr uint64_t PLACE_KERNEL_TEXT = 0xffffffff80200000;
constexpr uint64_t PLACE_DEVICE = 0xfffffffff0000000;
constexpr uint64_t PLACE_FRAME_TABLE = 0xffffffffa0000000;
constexpr uint64_t PLACE_KERNEL_NOTHING = 0xfffff00000000000;
constexpr uint64_t PLACE_NOWHERE = 0x200000000;              /* between break and autogen */

#define CASE(group, name, reason, value) void case_##name(void);
#define ROLE(name) void case_##name(void);
#include "cases.def"
#undef CASE
#undef ROLE

/* What does not hold becomes a line and the exit status. */
void subject_broken(const char *what, const char *file, int line);
#define expect(condition) ((condition) ? (void)0 : subject_broken(#condition, __FILE_NAME__, __LINE__))
/* The same for a status; both names are shown. */
void subject_status(enum status seen, enum status wanted, const char *what, const char *file, int line);
#define expect_status(call, wanted) subject_status((call), (wanted), #call, __FILE_NAME__, __LINE__)

/* Tells the tests which address the next fault is about. */
void aim(uint64_t address);

/* Random numbers of one seed (xorshift64). */
uint64_t random_next(void);

/* The caller's segment that holds an address, or of a kind; all zero when there is none. */
struct segment_info segment_at(uint64_t address);
struct segment_info segment_of(enum segment_kind kind);
struct system_info system_now(void);

static inline volatile uint8_t *byte_at(uint64_t address) { return (volatile uint8_t *)(uintptr_t)address; }

#endif
