/* Images: reads ELF files.
 *
 * The file is decoded into neutral numbers first (struct file_header, struct program_header), guided by a record of offsets and widths, and checked
 * then. So the checks exist once; a 32-bit reader is one more record. Fields that mean nothing for a loaded image (section headers, physical
 * addresses, notes) are not looked at.
 *
 * 1. A result is written only when every check has passed.
 * 2. Segments arrive in `image` at ascending addresses and ascending kinds: each is compared with the last one only. */
#include "elf.h"

#include <assert.h>

#include "abi/memory.h"
#include "bytes.h"

/* Values of the fields (ELF-64 Object File Format 1.5, tables 1 to 16; GNU types: Linux Standard Base 5.0, 9.1). */
constexpr uint32_t ELF_MAGIC = 0x464c457f; /* 7f 'E' 'L' 'F' */
constexpr uint8_t ELF_CLASS_64 = 2;
constexpr uint8_t ELF_LITTLE_ENDIAN = 1;
constexpr uint8_t ELF_VERSION = 1;
constexpr uint8_t ELF_ABI_SYSV = 0;
constexpr uint8_t ELF_ABI_GNU = 3;
constexpr uint16_t ELF_TYPE_EXECUTABLE = 2;
constexpr uint16_t ELF_MACHINE_X86_64 = 62;

constexpr uint32_t PROGRAM_LOAD = 1;
constexpr uint32_t PROGRAM_DYNAMIC = 2;
constexpr uint32_t PROGRAM_INTERPRETER = 3;
constexpr uint32_t PROGRAM_SHARED_LIBRARY = 5;
constexpr uint32_t PROGRAM_THREAD_STORAGE = 7;
constexpr uint32_t PROGRAM_GNU_STACK = 0x6474e551;

constexpr uint32_t FLAG_EXECUTE = 1;
constexpr uint32_t FLAG_WRITE = 2;
constexpr uint32_t FLAG_READ = 4;

/* Offsets that are the same in both classes. */
constexpr unsigned IDENT_CLASS = 4, IDENT_DATA = 5, IDENT_VERSION = 6, IDENT_ABI = 7, IDENT_BYTES = 16;
constexpr unsigned HEADER_TYPE = 16, HEADER_MACHINE = 18, HEADER_VERSION = 20, HEADER_ENTRY = 24;

/* Where the fields of one ELF class stand. */
struct layout {
    uint8_t class;
    uint16_t machine;
    unsigned word_bytes; /* of addresses, offsets and sizes */
    unsigned header_bytes, row_bytes;
    unsigned program_offset, flags, own_bytes, program_row_bytes, program_count;            /* in the file header */
    unsigned row_flags, row_offset, row_address, row_file_bytes, row_memory_bytes, row_align; /* in a program header; its type is at 0 */
};

static const struct layout LAYOUT_X86_64 = {
    .class = ELF_CLASS_64, .machine = ELF_MACHINE_X86_64, .word_bytes = 8, .header_bytes = 64, .row_bytes = 56,
    .program_offset = 32, .flags = 48, .own_bytes = 52, .program_row_bytes = 54, .program_count = 56,
    .row_flags = 4, .row_offset = 8, .row_address = 16, .row_file_bytes = 32, .row_memory_bytes = 40, .row_align = 48,
};

struct file_header {
    uint64_t entry;
    uint64_t program_offset;
    uint32_t program_count;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, file_bytes, memory_bytes, align;
};

static enum status read_identity(struct bytes file, const struct layout *layout, struct refusal *refusal)
{
    if (!bytes_contain(file, 0, IDENT_BYTES) || bytes_u32(file, 0) != ELF_MAGIC)
        return refuse(refusal, STATUS_BAD_IMAGE, "not an ELF file", 0);
    if (bytes_u8(file, IDENT_CLASS) != layout->class) return refuse(refusal, STATUS_BAD_IMAGE, "ELF class of another machine", 0);
    if (bytes_u8(file, IDENT_DATA) != ELF_LITTLE_ENDIAN) return refuse(refusal, STATUS_BAD_IMAGE, "not little-endian", 0);
    if (bytes_u8(file, IDENT_VERSION) != ELF_VERSION) return refuse(refusal, STATUS_BAD_IMAGE, "unknown ELF version", 0);
    uint8_t abi = bytes_u8(file, IDENT_ABI);
    if (abi != ELF_ABI_SYSV && abi != ELF_ABI_GNU) return refuse(refusal, STATUS_BAD_IMAGE, "made for another system", 0);
    return STATUS_OK;
}

static enum status read_header(struct bytes file, const struct layout *layout, struct file_header *header, struct refusal *refusal)
{
    enum status status = read_identity(file, layout, refusal);
    if (status != STATUS_OK) return status;
    if (!bytes_contain(file, 0, layout->header_bytes)) return refuse(refusal, STATUS_BAD_IMAGE, "file ends inside the ELF header", 0);
    if (bytes_u16(file, HEADER_TYPE) != ELF_TYPE_EXECUTABLE) return refuse(refusal, STATUS_BAD_IMAGE, "not a static executable", 0);
    if (bytes_u16(file, HEADER_MACHINE) != layout->machine) return refuse(refusal, STATUS_BAD_IMAGE, "made for another processor", 0);
    if (bytes_u32(file, HEADER_VERSION) != ELF_VERSION) return refuse(refusal, STATUS_BAD_IMAGE, "unknown ELF version", 0);
    if (bytes_u32(file, layout->flags) != 0) return refuse(refusal, STATUS_BAD_IMAGE, "unknown processor flags", 0);
    if (bytes_u16(file, layout->own_bytes) != layout->header_bytes) return refuse(refusal, STATUS_BAD_IMAGE, "wrong size of the ELF header", 0);

    header->entry = bytes_number(file, HEADER_ENTRY, layout->word_bytes);
    header->program_offset = bytes_number(file, layout->program_offset, layout->word_bytes);
    header->program_count = bytes_u16(file, layout->program_count);
    if (header->program_count == 0) return refuse(refusal, STATUS_BAD_IMAGE, "no program headers", 0);
    if (header->program_count > IMAGE_PROGRAM_HEADERS) return refuse(refusal, STATUS_BAD_IMAGE, "too many program headers", 0);
    if (bytes_u16(file, layout->program_row_bytes) != layout->row_bytes)
        return refuse(refusal, STATUS_BAD_IMAGE, "wrong size of a program header", 0);
    if (!bytes_contain(file, header->program_offset, (uint64_t)header->program_count * layout->row_bytes))
        return refuse(refusal, STATUS_BAD_IMAGE, "program headers reach past the end of the file", 0);
    return STATUS_OK;
}

static struct program_header read_program_header(struct bytes row, const struct layout *layout)
{
    return (struct program_header){
        .type = bytes_u32(row, 0),
        .flags = bytes_u32(row, layout->row_flags),
        .offset = bytes_number(row, layout->row_offset, layout->word_bytes),
        .address = bytes_number(row, layout->row_address, layout->word_bytes),
        .file_bytes = bytes_number(row, layout->row_file_bytes, layout->word_bytes),
        .memory_bytes = bytes_number(row, layout->row_memory_bytes, layout->word_bytes),
        .align = bytes_number(row, layout->row_align, layout->word_bytes),
    };
}

/* What a segment's flags make it. */
static enum status classify(const struct program_header *program, uint32_t number, enum image_kind *kind, struct refusal *refusal)
{
    if ((program->flags & FLAG_WRITE) && (program->flags & FLAG_EXECUTE))
        return refuse(refusal, STATUS_WRITE_EXECUTE, "segment is writable and executable", number);
    switch (program->flags) {
    case FLAG_READ | FLAG_EXECUTE: *kind = IMAGE_CODE; return STATUS_OK;
    case FLAG_READ | FLAG_WRITE: *kind = IMAGE_DATA; return STATUS_OK;
    case FLAG_READ: *kind = IMAGE_RODATA; return STATUS_OK;
    default: return refuse(refusal, STATUS_BAD_IMAGE, "segment is none of r-x, rw-, r--", number);
    }
}

/* Sizes, file range and alignment of a segment: everything but its place among the others. */
static enum status check_extent(const struct program_header *program, uint32_t number, size_t file_bytes, uint64_t limit, struct refusal *refusal)
{
    if (program->file_bytes > program->memory_bytes)
        return refuse(refusal, STATUS_BAD_IMAGE, "segment is longer in the file than in memory", number);
    if (program->offset > file_bytes || program->file_bytes > file_bytes - program->offset)
        return refuse(refusal, STATUS_BAD_IMAGE, "segment reaches past the end of the file", number);
    if (program->align & (program->align - 1))
        return refuse(refusal, STATUS_BAD_IMAGE, "alignment is not a power of two", number);
    if (program->align != 0 && ((program->address ^ program->offset) & (program->align - 1)))
        return refuse(refusal, STATUS_BAD_IMAGE, "address and file offset differ in their alignment", number);
    if (program->address % PAGE_BYTES != 0) return refuse(refusal, STATUS_BAD_IMAGE, "segment does not begin at a page", number);
    if (program->offset % PAGE_BYTES != 0) return refuse(refusal, STATUS_BAD_IMAGE, "segment does not begin at a page of the file", number);
    if (program->address < USER_FIRST) return refuse(refusal, STATUS_BAD_IMAGE, "segment below the first user address", number);
    if (program->address > limit || program->memory_bytes > limit - program->address)
        return refuse(refusal, STATUS_BAD_IMAGE, "segment reaches past the last address of images", number);
    return STATUS_OK;
}

/* Invariant 2: the new segment against the last one. */
static enum status check_order(const struct image *image, const struct image_segment *segment, uint32_t number, struct refusal *refusal)
{
    if (image->count_segments == 0) return STATUS_OK;
    const struct image_segment *last = &image->segments[image->count_segments - 1];
    if (segment->kind == last->kind) return refuse(refusal, STATUS_BAD_IMAGE_ORDER, "second segment of one kind", number);
    if (segment->kind < last->kind) return refuse(refusal, STATUS_BAD_IMAGE_ORDER, "segments are not in the order code, data, rodata", number);
    if (segment->address < last->address) return refuse(refusal, STATUS_BAD_IMAGE_ORDER, "addresses of segments do not ascend", number);
    if (segment->address < image->image_limit) return refuse(refusal, STATUS_BAD_IMAGE, "segments share a page", number);
    return STATUS_OK;
}

static enum status add_segment(struct image *image, const struct program_header *program, uint32_t number, size_t file_bytes, uint64_t limit,
                               struct refusal *refusal)
{
    /* Linker scripts leave segments without content behind; they ask for nothing. */
    if (program->memory_bytes == 0 && program->file_bytes == 0) return STATUS_OK;

    struct image_segment segment = {
        .address = program->address, .memory_bytes = program->memory_bytes, .file_offset = program->offset, .file_bytes = program->file_bytes,
    };
    enum status status = classify(program, number, &segment.kind, refusal);
    if (status == STATUS_OK) status = check_extent(program, number, file_bytes, limit, refusal);
    if (status == STATUS_OK) status = check_order(image, &segment, number, refusal);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    assert(image->count_segments < IMAGE_KINDS); /* invariant 2: kinds ascend */
    image->segments[image->count_segments++] = segment;
    image->image_limit = segment.address + image_segment_pages(&segment) * PAGE_BYTES;
    return STATUS_OK;
}

static enum status read_program(struct image *image, const struct program_header *program, uint32_t number, size_t file_bytes, uint64_t limit,
                                struct refusal *refusal)
{
    switch (program->type) {
    case PROGRAM_LOAD: return add_segment(image, program, number, file_bytes, limit, refusal);
    case PROGRAM_DYNAMIC: return refuse(refusal, STATUS_BAD_IMAGE, "dynamically linked", number);
    case PROGRAM_INTERPRETER: return refuse(refusal, STATUS_BAD_IMAGE, "asks for a dynamic linker", number);
    case PROGRAM_SHARED_LIBRARY: return refuse(refusal, STATUS_BAD_IMAGE, "reserved kind of program header", number);
    case PROGRAM_THREAD_STORAGE:
        if (program->memory_bytes == 0) return STATUS_OK;
        return refuse(refusal, STATUS_BAD_IMAGE, "thread-local storage is not supported", number);
    case PROGRAM_GNU_STACK:
        if (!(program->flags & FLAG_EXECUTE)) return STATUS_OK;
        return refuse(refusal, STATUS_WRITE_EXECUTE, "asks for an executable stack", number);
    default: return STATUS_OK;
    }
}

static enum status check_entry(const struct image *image, struct refusal *refusal)
{
    const struct image_segment *code = &image->segments[0];
    if (image->count_segments == 0 || code->kind != IMAGE_CODE) return refuse(refusal, STATUS_BAD_IMAGE, "no code segment", 0);
    if (image->entry < code->address || image->entry - code->address >= code->file_bytes)
        return refuse(refusal, STATUS_BAD_IMAGE, "entry point outside the code", 0);
    return STATUS_OK;
}

enum status image_parse(const void *bytes, size_t size_bytes, uint64_t address_limit, struct image *image, struct refusal *refusal)
{
    const struct layout *layout = &LAYOUT_X86_64;
    struct bytes file = bytes_make(bytes, size_bytes);
    uint64_t limit = (address_limit < USER_LIMIT ? address_limit : USER_LIMIT) & ~(PAGE_BYTES - 1);
    *image = (struct image){};
    *refusal = (struct refusal){};

    struct file_header header;
    enum status status = read_header(file, layout, &header, refusal);
    if (status != STATUS_OK) return status;

    struct image result = { .entry = header.entry };
    for (uint32_t i = 0; i < header.program_count; i++) {
        struct bytes row = bytes_slice(file, header.program_offset + (uint64_t)i * layout->row_bytes, layout->row_bytes);
        struct program_header program = read_program_header(row, layout);
        status = read_program(&result, &program, i, size_bytes, limit, refusal);
        if (status != STATUS_OK) return status;
    }
    status = check_entry(&result, refusal);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    *image = result;
    return STATUS_OK;
}

const char *image_kind_name(enum image_kind kind)
{
    switch (kind) {
    case IMAGE_CODE: return "code";
    case IMAGE_DATA: return "data";
    case IMAGE_RODATA: return "rodata";
    case IMAGE_KINDS: break;
    }
    return "unknown";
}
