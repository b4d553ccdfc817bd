/* Bundle: several boot modules in one file, for doors that take only one (QEMU's -kernel with -initrd).
 *
 * Little-endian, version 1:
 *   header, 32 bytes
 *      0  8 bytes "QUIREBND"
 *      8  u32  version
 *     12  u32  modules, 1 to BUNDLE_MODULES
 *     16  u64  bytes of the whole file, multiple of 4096
 *     24  u64  0
 *   then for each module 288 bytes
 *      0  u64  offset of its data from the start of the file, multiple of 4096, behind the last row
 *      8  u64  bytes of its data, may be 0
 *     16  u64  0
 *     24  u64  0
 *     32  256 bytes of command line, NUL-terminated
 * Data lie in the order of the rows, do not overlap, and are followed by zeroes up to the next multiple of 4096. So a module's pages can be handed on
 * as they are: nothing of another module is in them. */
#ifndef QUIRE_BUNDLE_H
#define QUIRE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "abi/status.h"
#include "bytes.h"
#include "refusal.h"

constexpr uint32_t BUNDLE_VERSION = 1;
constexpr uint32_t BUNDLE_MODULES = 32;
constexpr uint32_t BUNDLE_HEADER_BYTES = 32;
constexpr uint32_t BUNDLE_ROW_BYTES = 288;
constexpr uint32_t BUNDLE_TEXT_BYTES = 256;

/* A checked bundle; made by bundle_open only. Borrows the bytes. */
struct bundle {
    struct bytes file;
    uint32_t count_modules;
};

struct bundle_module {
    uint64_t offset;     /* from the start of the bundle, multiple of 4096 */
    uint64_t size_bytes; /* may be 0 */
    const char *text;    /* in the bundle, NUL-terminated, below BUNDLE_TEXT_BYTES */
};

/* Checks the whole bundle: header, every row, all padding. Bytes past the size in the header are ignored.
 * OK or BAD_BOOT_INFO; then `*bundle` is empty and `where` is the number of the row (0 for the header). */
enum status bundle_open(const void *bytes, size_t size_bytes, struct bundle *bundle, struct refusal *refusal);

/* One module of an open bundle. NOT_FOUND: no such row. */
enum status bundle_module(const struct bundle *bundle, uint32_t index, struct bundle_module *module);

#endif
