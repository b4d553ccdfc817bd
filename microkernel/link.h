/* Lists of objects that refer to one another: what is in one leaves it in constant time, wherever it stands.
 *
 * A list is the pointer to its first link; a link is a member of the object that is in the list. The newest stands first. */
#ifndef QUIRE_LINK_H
#define QUIRE_LINK_H

struct link {
    struct link *next;  /* nullptr: the last */
    struct link **back; /* the pointer that points here */
};

/* Puts a link that is in no list in front. */
void link_insert(struct link **list, struct link *link);
/* Takes it out. What stands in it then means nothing. */
void link_remove(const struct link *link);

/* The same in line, where every call that misses its row comes by. */
[[gnu::always_inline]] static inline void link_insert_here(struct link **list, struct link *link)
{
    struct link *next = *list;
    link->next = next;
    link->back = list;
    if (next != nullptr) next->back = &link->next;
    *list = link;
}
[[gnu::always_inline]] static inline void link_remove_here(const struct link *link)
{
    struct link *next = link->next, **back = link->back;
    *back = next;
    if (next != nullptr) next->back = back;
}

#endif
