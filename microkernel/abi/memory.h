/* Memory as seen through the ABI: page size, user range, attributes of a mapping. */
#ifndef QUIRE_ABI_MEMORY_H
#define QUIRE_ABI_MEMORY_H

#include <stdint.h>

constexpr unsigned PAGE_SHIFT = 12;
constexpr uint64_t PAGE_BYTES = 1 << PAGE_SHIFT;

/* User addresses: [USER_FIRST, USER_LIMIT). The first 64 KiB are never mapped. The limit is one page below the canonical hole, so that no instruction
 * can end at the hole (CVE-2012-0217). */
constexpr uint64_t USER_FIRST = 0x10000;
#ifdef QUIRE_USER_LIMIT /* on the host, where tests use the table formats of other machines */
constexpr uint64_t USER_LIMIT = QUIRE_USER_LIMIT;
#elif UINTPTR_MAX > 0xffffffff
constexpr uint64_t USER_LIMIT = 0x00007ffffffff000;
#else
constexpr uint64_t USER_LIMIT = 0xbffff000;
#endif

/* Attributes of a mapping. Reading is always allowed. WRITE and EXECUTE together are refused (STATUS_WRITE_EXECUTE) unless WRITE_EXECUTE is set too,
 * which a pager sets only for programs started with that option. */
enum attribute : uint32_t {
    ATTRIBUTE_READ = 0,
    ATTRIBUTE_WRITE = 1,
    ATTRIBUTE_EXECUTE = 2,
    ATTRIBUTE_WRITE_EXECUTE = 4, /* the pager means it: both at once */
    ATTRIBUTES_ALL = 7,          /* of memory, which is always write-back: the kernel sees it so */
    /* device_map: one of four ways to go through the caches; 0 is write-back */
    ATTRIBUTE_UNCACHED = 8,
    ATTRIBUTE_WRITE_THROUGH = 16,
    ATTRIBUTE_WRITE_COMBINING = 24, /* uncached on processors that cannot */
    ATTRIBUTE_CACHE = 24,           /* the field */
    ATTRIBUTES_DEVICE = ATTRIBUTE_WRITE | ATTRIBUTE_CACHE,
    /* reported by space_query only */
    ATTRIBUTE_ACCESSED = 64,
    ATTRIBUTE_DIRTY = 128,
};

#endif
