/* Modules: reads the rows of the boot information. See module.h. */
#include "module.h"

#include <string.h>

#include "pager.h"
#include "report.h"

static bool module_read(const struct boot_info *boot, const struct boot_module *row, struct module *module)
{
    const char *text = boot->text + row->text_offset;
    struct module_line line;
    struct refusal refusal = { 0 };
    enum status status = module_line_parse(text, BOOT_TEXT_BYTES - row->text_offset, &line, &refusal);
    if (status != STATUS_OK) {
        report("pager: module left out text=\"%.64s\" status=%s reason=\"%s\"", text, status_name(status), refusal.reason);
        return false;
    }
    *module = (struct module){
        .first_frame = { row->first_frame }, .size_bytes = row->size_bytes, .kind = line.kind, .name = line.name, .arguments = line.arguments,
        .groups = line.groups, .terms = line.terms,
    };
    return true;
}

static bool module_row_is_valid(const struct boot_info *boot, const struct boot_module *row)
{
    if (row->text_offset >= BOOT_TEXT_BYTES || row->size_bytes > UINT64_MAX / 2) return false;
    return memchr(boot->text + row->text_offset, '\0', BOOT_TEXT_BYTES - row->text_offset) != nullptr;
}

enum status module_read_all(struct pager *pager)
{
    const struct boot_info *boot = pager->boot;
    if (boot->modules > BOOT_MODULES) return STATUS_BAD_BOOT_INFO;
    for (uint32_t i = 0; i < boot->modules; i++)
        if (!module_row_is_valid(boot, &boot->module[i])) return STATUS_BAD_BOOT_INFO;
    for (uint32_t i = 0; i < boot->modules; i++)
        if (module_read(boot, &boot->module[i], &pager->modules[pager->count_modules])) pager->count_modules++;
    return STATUS_OK;
}

const struct module *module_find(const struct pager *pager, struct text_span name)
{
    for (uint32_t i = 0; i < pager->count_modules; i++) {
        const struct module *module = &pager->modules[i];
        if (module->name.count == name.count && memcmp(module->name.first, name.first, name.count) == 0) return module;
    }
    return nullptr;
}
