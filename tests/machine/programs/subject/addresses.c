/* Addresses that are no business of a program's: null, nothing, the kernel's half, the hole between the halves. Each case ends the process. */
#include "subject.h"

#define READS(name, address) void case_##name(void) { aim(address); (void)*byte_at(address); }
#define WRITES(name, address) void case_##name(void) { aim(address); *byte_at(address) = 1; }
#define JUMPS(name, address) void case_##name(void) { aim(address); __asm__ volatile("call *%0" : : "r"((uint64_t)(address)) : "memory"); }
#define PUSHES(name, address) void case_##name(void) { aim((address) - 8); __asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"((uint64_t)(address))); }

READS(read_null, 0)
WRITES(write_null, 0)
JUMPS(jump_null, 0)
READS(read_first_64_kib, USER_FIRST - 1)
READS(read_nowhere, PLACE_NOWHERE)
WRITES(write_nowhere, PLACE_NOWHERE)
JUMPS(jump_nowhere, PLACE_NOWHERE)
READS(read_below_code, segment_of(SEGMENT_CODE).first - 1)
READS(read_above_rodata, segment_of(SEGMENT_RODATA).limit)
READS(read_above_buffer, segment_of(SEGMENT_BUFFER).limit)
READS(read_user_limit, USER_LIMIT)
READS(read_last_canonical, PLACE_HOLE - 1)
READS(read_direct_map, PLACE_DIRECT_MAP)
WRITES(write_direct_map, PLACE_DIRECT_MAP)
JUMPS(jump_direct_map, PLACE_DIRECT_MAP)
READS(read_kernel_text, PLACE_KERNEL_TEXT)
WRITES(write_kernel_text, PLACE_KERNEL_TEXT)
JUMPS(jump_kernel_text, PLACE_KERNEL_TEXT)
READS(read_frame_table, PLACE_FRAME_TABLE)
WRITES(write_frame_table, PLACE_FRAME_TABLE)
READS(read_device, PLACE_DEVICE)
WRITES(write_device, PLACE_DEVICE)
READS(read_kernel_nothing, PLACE_KERNEL_NOTHING)
READS(read_last_byte, UINT64_MAX)
READS(read_hole, PLACE_HOLE)
WRITES(write_hole, PLACE_HOLE)
JUMPS(jump_hole, PLACE_HOLE)
READS(read_hole_last, PLACE_HOLE_LAST)
PUSHES(push_hole, PLACE_HOLE + 4096)
PUSHES(push_null, (uint64_t)0)
