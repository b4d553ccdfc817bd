/* space_fill_page(), and which frame the page got. */
#ifndef QUIRE_FILL_PAGE_H
#define QUIRE_FILL_PAGE_H

#include "space.h"

static inline enum status fill_page(struct space *space, user_page_t page, uint32_t attributes, frame_t *frame)
{
    struct translation found;
    enum status status = space_fill_page(space, page, attributes);
    if (status == STATUS_OK) status = space_query(space, page, &found);
    if (status == STATUS_OK) *frame = found.frame;
    return status;
}

#endif
