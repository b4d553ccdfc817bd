/* What must hold for every accepted bundle. Used by the unit tests and by the fuzzers. */
#ifndef QUIRE_CHECK_BUNDLE_H
#define QUIRE_CHECK_BUNDLE_H

#include <string.h>

#include "bundle.h"

/* nullptr, or what is wrong. `bytes` is the file as given. */
static inline const char *check_bundle(const struct bundle *bundle, const unsigned char *bytes, size_t size_bytes)
{
    struct bundle_module module;
    uint64_t end = BUNDLE_HEADER_BYTES + (uint64_t)bundle->count_modules * BUNDLE_ROW_BYTES;
    if (bundle->count_modules < 1 || bundle->count_modules > BUNDLE_MODULES) return "number of modules";
    if (bundle_module(bundle, bundle->count_modules, &module) != STATUS_NOT_FOUND) return "a row past the last";
    for (uint32_t i = 0; i < bundle->count_modules; i++) {
        if (bundle_module(bundle, i, &module) != STATUS_OK) return "a row is missing";
        if (module.offset % 4096 != 0 || module.offset < end || module.offset > size_bytes || module.size_bytes > size_bytes - module.offset)
            return "place of a module";
        if (strnlen(module.text, BUNDLE_TEXT_BYTES) == BUNDLE_TEXT_BYTES) return "command line without an end";
        end = module.offset + module.size_bytes;
        for (uint64_t at = end; at % 4096 != 0; at++)
            if (at >= size_bytes || bytes[at] != 0) return "padding";
    }
    return nullptr;
}

#endif
