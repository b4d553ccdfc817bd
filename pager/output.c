/* Output: lines of programs. See output.h. */
#include "output.h"

#include <assert.h>

#include "report.h"

static void output_line(struct process *process, bool is_whole)
{
    report("out: pid=%u name=%s %c %.*s", process->number, process->name, process->line_continues ? '+' : '|', (int)process->line_bytes, process->line);
    process->line_bytes = 0;
    process->line_continues = !is_whole;
}

static void output_byte(struct process *process, char byte)
{
    static const char digits[] = "0123456789abcdef";
    constexpr uint32_t escape_bytes = 4;
    bool is_plain = byte >= 0x20 && byte <= 0x7e && byte != '\\';
    uint32_t needed = is_plain ? 1 : escape_bytes;
    if (process->line_bytes + needed > OUTPUT_LINE_BYTES) output_line(process, false);
    char *at = process->line + process->line_bytes;
    process->line_bytes += needed;
    if (is_plain) {
        at[0] = byte;
        return;
    }
    at[0] = '\\';
    at[1] = 'x';
    at[2] = digits[(unsigned char)byte >> 4];
    at[3] = digits[byte & 15];
}

void output_write(struct process *process, const char *text, uint32_t length_bytes)
{
    assert(length_bytes <= OUTPUT_WRITE_BYTES);
    for (uint32_t i = 0; i < length_bytes; i++) {
        if (text[i] == '\n') output_line(process, true);
        else output_byte(process, text[i]);
    }
}

void output_flush(struct process *process)
{
    if (process->line_bytes > 0) output_line(process, true);
}
