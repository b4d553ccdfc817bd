/* Modules: the files that were loaded with the kernel, by name.
 *
 * Their frames are the pager's and stay so: images are copied from, data is mapped read-only. */
#ifndef QUIRE_PAGER_MODULE_H
#define QUIRE_PAGER_MODULE_H

#include "abi/boot_info.h"
#include "elf.h"
#include "kernel.h"
#include "layout.h"
#include "module_line.h"

struct pager;

struct module {
    frame_id_t first_frame;
    uint64_t size_bytes;
    enum module_kind kind;
    struct text_span name;
    struct text_span arguments; /* of the command line, for programs started at boot */
    struct text_span groups;    /* the same: names of its groups, for module_line_next_group() */
    struct module_terms terms;  /* the same: what the line says of its family */
    struct image image;         /* once it was checked: entry is not 0 */
    bool is_shared[IMAGE_KINDS]; /* its frames serve as they are: it is never written, and zeroes follow its bytes to the end of their page */
};

static inline uint64_t module_pages(const struct module *module)
{
    return layout_page_up(module->size_bytes) >> PAGE_SHIFT;
}

/* Whether a module is started with the machine. */
static inline bool module_is_program(const struct module *module)
{
    return module_kind_is_started(module->kind);
}

/* Reads the rows of the boot information; lines that cannot be read are logged and left out. BAD_BOOT_INFO. */
enum status module_read_all(struct pager *pager);
/* The row of a name, or nullptr. */
const struct module *module_find(const struct pager *pager, struct text_span name);

#endif
