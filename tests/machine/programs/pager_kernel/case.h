/* What the cases share: a list of them, expectations, raw calls, counters.
 *
 * A case is one function. It leaves nothing behind: when it returns, as many frames are free as before, and the kernel's checker is content. Nothing
 * that fails ends the run; the first thing that was not as expected is told in the case's line. */
#ifndef QUIRE_CASE_H
#define QUIRE_CASE_H

#include "kit.h"

#define CASE(name, text) void case_##name(void);
#define COUNTED CASE
#include "cases.def"
#undef COUNTED
#undef CASE

/* The pager's handle for its own endpoint beside HANDLE_PAGER; see worker_answer(). */
constexpr uint32_t HANDLE_ANSWER = 2;
/* The first handle that cases may use, in any space. */
constexpr uint32_t HANDLE_FREE = 8;

/* Addresses that never belong to a user page, whatever is mapped. */
constexpr uint64_t ADDRESS_NOT_CANONICAL = 0x0000800000000000;
constexpr uint64_t ADDRESS_KERNEL = 0xffff800000000000; /* its half */
constexpr uint64_t ADDRESS_DIRECT_MAP = 0xfffff80000000000;

#define expect(condition) case_expect((condition), #condition, __FILE_NAME__, __LINE__)
#define expect_equal(found, wanted) case_expect_equal((found), (wanted), #found, __FILE_NAME__, __LINE__)
#define expect_status(found, wanted) case_expect_status((found), (wanted), #found, __FILE_NAME__, __LINE__)

/* Each returns whether it holds. */
bool case_expect(bool holds, const char *what, const char *file, unsigned line);
bool case_expect_equal(uint64_t found, uint64_t wanted, const char *what, const char *file, unsigned line);
bool case_expect_status(enum status found, enum status wanted, const char *what, const char *file, unsigned line);

/* A system call with whatever is in the registers; they are what the call left. */
struct registers {
    uint64_t number; /* then the status */
    uint64_t argument[CALL_ARGUMENTS];
};
void case_call(struct registers *registers);

/* Makes a call that must be refused with the status and change nothing: no register, no count of frames. */
#define expect_refused(status, number, ...)                                                                                            \
    case_expect_refused((status), (number), &(struct registers){ .argument = { __VA_ARGS__ } }, #number ": " #__VA_ARGS__, __FILE_NAME__, \
                        __LINE__)
void case_expect_refused(enum status wanted, uint64_t number, const struct registers *registers, const char *what, const char *file, unsigned line);

uint64_t case_count_free(void);
/* Frames that this program lives by or that boot modules lie in: its own pages, the modules. */
bool case_frame_is_own(uint64_t frame);
/* Runs the kernel's checker, which must find nothing. */
void case_check(void);
/* The same, unless there is so much memory that it takes long: the checker looks at every frame. */
void case_check_sometimes(void);

/* All counters at one time. Reading them makes COUNTERS kernel entries; the difference leaves those out, and interrupts. */
struct counts {
    uint64_t value[COUNTERS];
    unsigned retries; /* of reading: a timer interrupt came between */
};
struct counts counts_read(void);
struct counts counts_between(const struct counts *before, const struct counts *after);

/* A generator of numbers, the same in each run. */
struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* Below the limit, which is not 0. */
uint64_t random_below(struct random *random, uint64_t limit);

#endif
