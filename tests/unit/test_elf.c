/* Images: one good file, then the same file with one field wrong at a time, then many fields wrong at once. */
#include <criterion/criterion.h>

#include "elf.h"
#include "put_bytes.h"
#include "tests/fuzz/check_image.h"

constexpr size_t FILE_BYTES = 4 * 4096;
constexpr uint64_t LIMIT = 0x40000000;

/* Offsets of fields in the good file: the header, and program header n. */
constexpr size_t TYPE = 16, MACHINE = 18, VERSION = 20, ENTRY = 24, PHOFF = 32, FLAGS = 48, EHSIZE = 52, PHENTSIZE = 54, PHNUM = 56;
static size_t row(unsigned n, size_t field) { return 64 + n * 56 + field; }
constexpr size_t P_TYPE = 0, P_FLAGS = 4, P_OFFSET = 8, P_ADDRESS = 16, P_FILESZ = 32, P_MEMSZ = 40, P_ALIGN = 48;

static void put_row(unsigned char *file, unsigned n, uint32_t type, uint32_t flags, uint64_t offset, uint64_t address, uint64_t file_bytes,
                    uint64_t memory_bytes)
{
    put_number(file, row(n, P_TYPE), 4, type);
    put_number(file, row(n, P_FLAGS), 4, flags);
    put_number(file, row(n, P_OFFSET), 8, offset);
    put_number(file, row(n, P_ADDRESS), 8, address);
    put_number(file, row(n, P_FILESZ), 8, file_bytes);
    put_number(file, row(n, P_MEMSZ), 8, memory_bytes);
    put_number(file, row(n, P_ALIGN), 8, 4096);
}

/* Rows: 0 code, 1 data, 2 rodata, 3 GNU stack, 4 empty thread-local storage, 5 a note. */
static void build(unsigned char *file)
{
    memset(file, 0, FILE_BYTES);
    memcpy(file, "\177ELF\2\1\1", 7);
    put_number(file, TYPE, 2, 2);
    put_number(file, MACHINE, 2, 62);
    put_number(file, VERSION, 4, 1);
    put_number(file, ENTRY, 8, 0x400010);
    put_number(file, PHOFF, 8, 64);
    put_number(file, EHSIZE, 2, 64);
    put_number(file, PHENTSIZE, 2, 56);
    put_number(file, PHNUM, 2, 6);
    put_row(file, 0, 1, 5, 0x1000, 0x400000, 0x123, 0x123);
    put_row(file, 1, 1, 6, 0x2000, 0x401000, 0x80, 0x2001);
    put_row(file, 2, 1, 4, 0x3000, 0x404000, 0x1000, 0x1000);
    put_row(file, 3, 0x6474e551, 6, 0, 0, 0, 0);
    put_row(file, 4, 7, 4, 0, 0, 0, 0);
    put_row(file, 5, 4, 4, 0x9999, 1, 7, 3);
}

static enum status parse(const unsigned char *file, size_t size_bytes, uint64_t limit, struct image *image, struct refusal *refusal)
{
    unsigned char *block;
    unsigned char *copy = copy_exactly(file, size_bytes, 1, &block);
    enum status status = image_parse(copy, size_bytes, limit, image, refusal);
    free(block);
    return status;
}

static void expect(const unsigned char *file, size_t size_bytes, uint64_t limit, enum status wanted, const char *reason)
{
    struct image image;
    struct refusal refusal;
    enum status status = parse(file, size_bytes, limit, &image, &refusal);
    cr_assert_eq(status, wanted, "%s: %s, reason: %s", reason, status_name(status), refusal.reason ? refusal.reason : "none");
    if (status == STATUS_OK) {
        cr_assert_null(refusal.reason);
        const char *wrong = check_image(&image, size_bytes, limit);
        cr_assert_null(wrong, "%s", wrong);
    } else {
        static const struct image EMPTY;
        cr_assert_str_eq(refusal.reason, reason);
        cr_assert_eq(memcmp(&image, &EMPTY, sizeof(image)), 0, "something is left of a refused image");
    }
}

Test(elf, good_file)
{
    static unsigned char file[FILE_BYTES];
    struct image image;
    struct refusal refusal;
    build(file);
    cr_assert_eq(parse(file, FILE_BYTES, LIMIT, &image, &refusal), STATUS_OK);
    cr_assert_eq(image.entry, 0x400010);
    cr_assert_eq(image.count_segments, 3);
    cr_assert_eq(image.image_limit, 0x405000);
    cr_assert_eq(image.segments[0].kind, IMAGE_CODE);
    cr_assert_eq(image.segments[0].file_offset, 0x1000);
    cr_assert_eq(image.segments[0].file_bytes, 0x123);
    cr_assert_eq(image.segments[1].kind, IMAGE_DATA);
    cr_assert_eq(image.segments[1].address, 0x401000);
    cr_assert_eq(image.segments[1].memory_bytes, 0x2001);
    cr_assert_eq(image_segment_pages(&image.segments[1]), 3);
    cr_assert_eq(image.segments[2].kind, IMAGE_RODATA);
    cr_assert_null(check_image(&image, FILE_BYTES, LIMIT));
    cr_assert_str_eq(image_kind_name(IMAGE_RODATA), "rodata");
}

/* One field of the good file, changed; what comes of it. */
struct wrong_field {
    size_t offset;
    unsigned width;
    uint64_t value;
    enum status status;
    const char *reason;
};

static void expect_each(const struct wrong_field *fields, size_t count)
{
    static unsigned char file[FILE_BYTES];
    for (size_t i = 0; i < count; i++) {
        build(file);
        put_number(file, fields[i].offset, fields[i].width, fields[i].value);
        expect(file, FILE_BYTES, LIMIT, fields[i].status, fields[i].reason);
    }
}

Test(elf, each_field_of_the_header)
{
    const struct wrong_field fields[] = {
        { 0, 1, 0x7e, STATUS_BAD_IMAGE, "not an ELF file" },
        { 3, 1, 'G', STATUS_BAD_IMAGE, "not an ELF file" },
        { 4, 1, 1, STATUS_BAD_IMAGE, "ELF class of another machine" },
        { 5, 1, 2, STATUS_BAD_IMAGE, "not little-endian" },
        { 6, 1, 0, STATUS_BAD_IMAGE, "unknown ELF version" },
        { 7, 1, 9, STATUS_BAD_IMAGE, "made for another system" },
        { 7, 1, 3, STATUS_OK, nullptr },
        { TYPE, 2, 3, STATUS_BAD_IMAGE, "not a static executable" },
        { TYPE, 2, 1, STATUS_BAD_IMAGE, "not a static executable" },
        { MACHINE, 2, 3, STATUS_BAD_IMAGE, "made for another processor" },
        { VERSION, 4, 2, STATUS_BAD_IMAGE, "unknown ELF version" },
        { FLAGS, 4, 1, STATUS_BAD_IMAGE, "unknown processor flags" },
        { EHSIZE, 2, 52, STATUS_BAD_IMAGE, "wrong size of the ELF header" },
        { PHENTSIZE, 2, 57, STATUS_BAD_IMAGE, "wrong size of a program header" },
        { PHENTSIZE, 2, 0, STATUS_BAD_IMAGE, "wrong size of a program header" },
        { PHNUM, 2, 0, STATUS_BAD_IMAGE, "no program headers" },
        { PHNUM, 2, 17, STATUS_BAD_IMAGE, "too many program headers" },
        { PHNUM, 2, 0xffff, STATUS_BAD_IMAGE, "too many program headers" },
        { PHNUM, 2, 16, STATUS_OK, nullptr },
        { PHOFF, 8, FILE_BYTES, STATUS_BAD_IMAGE, "program headers reach past the end of the file" },
        { PHOFF, 8, FILE_BYTES - 6 * 56 + 1, STATUS_BAD_IMAGE, "program headers reach past the end of the file" },
        { PHOFF, 8, UINT64_MAX - 100, STATUS_BAD_IMAGE, "program headers reach past the end of the file" },
        { PHOFF, 8, FILE_BYTES - 6 * 56, STATUS_BAD_IMAGE, "no code segment" },
        { ENTRY, 8, 0x3fffff, STATUS_BAD_IMAGE, "entry point outside the code" },
        { ENTRY, 8, 0x400123, STATUS_BAD_IMAGE, "entry point outside the code" },
        { ENTRY, 8, 0x401000, STATUS_BAD_IMAGE, "entry point outside the code" },
        { ENTRY, 8, 0, STATUS_BAD_IMAGE, "entry point outside the code" },
        { ENTRY, 8, 0x400122, STATUS_OK, nullptr },
        { ENTRY, 8, 0x400000, STATUS_OK, nullptr },
    };
    expect_each(fields, sizeof(fields) / sizeof(fields[0]));
}

Test(elf, each_field_of_a_segment)
{
    const struct wrong_field fields[] = {
        { row(1, P_FILESZ), 8, 0x2002, STATUS_BAD_IMAGE, "segment is longer in the file than in memory" },
        { row(1, P_FILESZ), 8, 0x2001, STATUS_BAD_IMAGE, "segment reaches past the end of the file" },
        { row(2, P_OFFSET), 8, 0x4000, STATUS_BAD_IMAGE, "segment reaches past the end of the file" },
        { row(2, P_OFFSET), 8, 0xfffffffffffff000, STATUS_BAD_IMAGE, "segment reaches past the end of the file" },
        { row(2, P_OFFSET), 8, 0x2000, STATUS_OK, nullptr },
        { row(0, P_OFFSET), 8, 0x1001, STATUS_BAD_IMAGE, "address and file offset differ in their alignment" },
        { row(0, P_ADDRESS), 8, 0x400001, STATUS_BAD_IMAGE, "address and file offset differ in their alignment" },
        { row(0, P_ALIGN), 8, 3, STATUS_BAD_IMAGE, "alignment is not a power of two" },
        { row(0, P_ALIGN), 8, UINT64_MAX, STATUS_BAD_IMAGE, "alignment is not a power of two" },
        { row(0, P_ALIGN), 8, 0x200000, STATUS_BAD_IMAGE, "address and file offset differ in their alignment" },
        { row(0, P_ALIGN), 8, 0, STATUS_OK, nullptr },
        { row(0, P_ALIGN), 8, 1, STATUS_OK, nullptr },
        { row(0, P_ADDRESS), 8, 0xf000, STATUS_BAD_IMAGE, "segment below the first user address" },
        { row(0, P_ADDRESS), 8, 0, STATUS_BAD_IMAGE, "segment below the first user address" },
        { row(2, P_ADDRESS), 8, LIMIT, STATUS_BAD_IMAGE, "segment reaches past the last address of images" },
        { row(2, P_ADDRESS), 8, LIMIT - 0x1000, STATUS_OK, nullptr },
        { row(2, P_ADDRESS), 8, 0xfffffffffffff000, STATUS_BAD_IMAGE, "segment reaches past the last address of images" },
        { row(2, P_ADDRESS), 8, 0xffff800000000000, STATUS_BAD_IMAGE, "segment reaches past the last address of images" },
        { row(2, P_MEMSZ), 8, LIMIT - 0x404000 + 1, STATUS_BAD_IMAGE, "segment reaches past the last address of images" },
        { row(2, P_MEMSZ), 8, LIMIT - 0x404000, STATUS_OK, nullptr },
        { row(2, P_MEMSZ), 8, UINT64_MAX, STATUS_BAD_IMAGE, "segment reaches past the last address of images" },
        { row(1, P_MEMSZ), 8, 0x3000, STATUS_OK, nullptr },
        { row(1, P_MEMSZ), 8, 0x3001, STATUS_BAD_IMAGE, "segments share a page" },
        { row(1, P_ADDRESS), 8, 0x400000, STATUS_BAD_IMAGE, "segments share a page" },
        { row(1, P_ADDRESS), 8, 0x3ff000, STATUS_BAD_IMAGE_ORDER, "addresses of segments do not ascend" },
        { row(2, P_ADDRESS), 8, 0x30000, STATUS_BAD_IMAGE_ORDER, "addresses of segments do not ascend" },
    };
    expect_each(fields, sizeof(fields) / sizeof(fields[0]));
}

Test(elf, each_kind_of_row)
{
    const struct wrong_field fields[] = {
        { row(0, P_FLAGS), 4, 7, STATUS_WRITE_EXECUTE, "segment is writable and executable" },
        { row(1, P_FLAGS), 4, 3, STATUS_WRITE_EXECUTE, "segment is writable and executable" },
        { row(0, P_FLAGS), 4, 1, STATUS_BAD_IMAGE, "segment is none of r-x, rw-, r--" },
        { row(1, P_FLAGS), 4, 2, STATUS_BAD_IMAGE, "segment is none of r-x, rw-, r--" },
        { row(2, P_FLAGS), 4, 0, STATUS_BAD_IMAGE, "segment is none of r-x, rw-, r--" },
        { row(2, P_FLAGS), 4, 0x100004, STATUS_BAD_IMAGE, "segment is none of r-x, rw-, r--" },
        { row(1, P_FLAGS), 4, 5, STATUS_BAD_IMAGE_ORDER, "second segment of one kind" },
        { row(2, P_FLAGS), 4, 6, STATUS_BAD_IMAGE_ORDER, "second segment of one kind" },
        { row(2, P_FLAGS), 4, 5, STATUS_BAD_IMAGE_ORDER, "segments are not in the order code, data, rodata" },
        { row(0, P_FLAGS), 4, 4, STATUS_BAD_IMAGE_ORDER, "segments are not in the order code, data, rodata" },
        { row(0, P_TYPE), 4, 0, STATUS_BAD_IMAGE, "no code segment" },
        { row(1, P_TYPE), 4, 0, STATUS_OK, nullptr },
        { row(2, P_TYPE), 4, 0, STATUS_OK, nullptr },
        { row(5, P_TYPE), 4, 2, STATUS_BAD_IMAGE, "dynamically linked" },
        { row(5, P_TYPE), 4, 3, STATUS_BAD_IMAGE, "asks for a dynamic linker" },
        { row(5, P_TYPE), 4, 5, STATUS_BAD_IMAGE, "reserved kind of program header" },
        { row(5, P_TYPE), 4, 0x6474e552, STATUS_OK, nullptr },
        { row(4, P_MEMSZ), 8, 1, STATUS_BAD_IMAGE, "thread-local storage is not supported" },
        { row(3, P_FLAGS), 4, 7, STATUS_WRITE_EXECUTE, "asks for an executable stack" },
        { row(3, P_FLAGS), 4, 1, STATUS_WRITE_EXECUTE, "asks for an executable stack" },
    };
    expect_each(fields, sizeof(fields) / sizeof(fields[0]));
}

Test(elf, segment_without_content_asks_for_nothing)
{
    static unsigned char file[FILE_BYTES];
    build(file);
    put_row(file, 1, 1, 7, 3, 1, 0, 0);
    expect(file, FILE_BYTES, LIMIT, STATUS_OK, nullptr);
    put_row(file, 1, 1, 6, 0x2000, 0x401000, 1, 0);
    expect(file, FILE_BYTES, LIMIT, STATUS_BAD_IMAGE, "segment is longer in the file than in memory");
}

/* Data without bytes of its own may name the very end of the file, but nothing behind it. */
Test(elf, segment_of_zeroes_only)
{
    static unsigned char file[FILE_BYTES];
    build(file);
    put_row(file, 1, 1, 6, FILE_BYTES, 0x401000, 0, 0x100);
    expect(file, FILE_BYTES, LIMIT, STATUS_OK, nullptr);
    put_row(file, 1, 1, 6, FILE_BYTES + 0x1000, 0x401000, 0, 0x100);
    expect(file, FILE_BYTES, LIMIT, STATUS_BAD_IMAGE, "segment reaches past the end of the file");
}

Test(elf, first_user_address)
{
    static unsigned char file[FILE_BYTES];
    build(file);
    put_number(file, ENTRY, 8, USER_FIRST);
    put_number(file, row(0, P_ADDRESS), 8, USER_FIRST);
    expect(file, FILE_BYTES, LIMIT, STATUS_OK, nullptr);
}

Test(elf, misaligned_at_page_with_small_alignment)
{
    static unsigned char file[FILE_BYTES];
    build(file);
    put_number(file, row(1, P_ALIGN), 8, 16);
    put_number(file, row(1, P_ADDRESS), 8, 0x401010);
    put_number(file, row(1, P_OFFSET), 8, 0x2010);
    expect(file, FILE_BYTES, LIMIT, STATUS_BAD_IMAGE, "segment does not begin at a page");
    put_number(file, row(1, P_ADDRESS), 8, 0x401000);
    expect(file, FILE_BYTES, LIMIT, STATUS_BAD_IMAGE, "segment does not begin at a page of the file");
}

Test(elf, where_is_the_program_header)
{
    static unsigned char file[FILE_BYTES];
    struct image image;
    struct refusal refusal;
    build(file);
    put_number(file, row(2, P_OFFSET), 8, 0x4000);
    (void)!parse(file, FILE_BYTES, LIMIT, &image, &refusal);
    cr_assert_eq(refusal.where, 2);
}

Test(elf, every_shorter_file_is_refused)
{
    static unsigned char file[FILE_BYTES];
    struct image image;
    struct refusal refusal;
    build(file);
    for (size_t size = 0; size < FILE_BYTES; size += size < 0x200 ? 1 : 0x101)
        cr_assert_eq(parse(file, size, LIMIT, &image, &refusal), STATUS_BAD_IMAGE, "accepted at %zu bytes", size);
}

Test(elf, limit_is_rounded_and_never_above_user_memory)
{
    static unsigned char file[FILE_BYTES];
    build(file);
    expect(file, FILE_BYTES, 0x405000, STATUS_OK, nullptr);
    expect(file, FILE_BYTES, 0x405fff, STATUS_OK, nullptr);
    expect(file, FILE_BYTES, 0x404fff, STATUS_BAD_IMAGE, "segment reaches past the last address of images");
    expect(file, FILE_BYTES, 0, STATUS_BAD_IMAGE, "segment reaches past the last address of images");
    put_number(file, row(2, P_ADDRESS), 8, USER_LIMIT - 0x1000);
    expect(file, FILE_BYTES, UINT64_MAX, STATUS_OK, nullptr);
    put_number(file, row(2, P_ADDRESS), 8, USER_LIMIT);
    expect(file, FILE_BYTES, UINT64_MAX, STATUS_BAD_IMAGE, "segment reaches past the last address of images");
}

Test(elf, random_damage)
{
    static unsigned char file[FILE_BYTES];
    uint64_t state = 0x51554952450001;
    unsigned accepted = 0;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned i = 0; i < 200000; i++) {
        struct image image;
        struct refusal refusal;
        build(file);
        damage(file, 64 + 6 * 56, &state);
        size_t size = i % 8 == 0 ? random_next(&state) % (FILE_BYTES + 1) : FILE_BYTES;
        if (parse(file, size, LIMIT, &image, &refusal) == STATUS_OK) {
            const char *wrong = check_image(&image, size, LIMIT);
            cr_assert_null(wrong, "round %u: %s", i, wrong);
            accepted++;
        } else {
            cr_assert_not_null(refusal.reason);
            cr_assert_eq(image.count_segments, 0);
        }
    }
    cr_assert(accepted > 1000 && accepted < 190000, "%u accepted: the damage tests nothing", accepted);
}
