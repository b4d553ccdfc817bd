/* Lists. See link.h. */
#include "link.h"

[[gnu::noinline]] void link_insert(struct link **list, struct link *link)
{
    link_insert_here(list, link);
}

[[gnu::noinline]] void link_remove(const struct link *link)
{
    link_remove_here(link);
}
