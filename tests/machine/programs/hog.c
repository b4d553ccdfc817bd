/* hog: takes all that its family can have, says so by publishing "full", keeps it until somebody publishes "over".
 *
 * `hog brk`, `hog autogen` take memory at once. `hog bomb` starts itself as `hog seed`, and each of these starts more of them until it is
 * refused; with each that ends for want of memory another one gets a turn.
 * One line: hog: full way=WAY refused=STATUS */
#include <stdio.h>
#include <string.h>

#include <quire/endpoint.h>
#include <quire/memory.h>
#include <quire/process.h>

static enum status take(enum status (*move)(int64_t delta, uint64_t *place))
{
    enum status status = STATUS_OK;
    uint64_t place;
    for (int64_t delta = 16 << 20; delta >= (int64_t)PAGE_BYTES; delta /= 4)
        while ((status = move(delta, &place)) == STATUS_OK) {}
    return status;
}

static enum status start_all(void)
{
    static const char *const argument[] = { "seed" };
    enum status status = STATUS_OK;
    uint32_t process, over;
    while (status == STATUS_OK && name_find("over", false, &over) == STATUS_NOT_FOUND) {
        status = process_start("hog", 1, argument, &process);
        if (status == STATUS_OK) status = handle_close(process); /* it goes on without */
    }
    return status;
}

int main(int argc, char *argv[])
{
    uint32_t full, over;
    if (argc == 2 && strcmp(argv[1], "seed") == 0) {
        (void)!start_all();
        (void)!name_find("over", true, &over); /* without memory for a handle the answer is a status: that is an end too */
        return 0;
    }
    enum status refused = STATUS_BAD_ARGUMENT;
    enum status status = endpoint_create(&full);
    if (argc == 2 && strcmp(argv[1], "brk") == 0) refused = take(memory_brk);
    if (argc == 2 && strcmp(argv[1], "autogen") == 0) refused = take(autogen_move);
    if (argc == 2 && strcmp(argv[1], "bomb") == 0) refused = start_all();
    printf("hog: full way=%s refused=%s\n", argv[argc - 1], status_name(refused));
    if (status == STATUS_OK) status = name_publish(full, "full");
    if (status == STATUS_OK) status = name_find("over", true, &over);
    return status == STATUS_OK ? 0 : 1;
}
