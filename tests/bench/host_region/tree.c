/* Descriptors in an AVL tree. See tree.h. */
#include "tree.h"

static unsigned height_of(const struct tree_node *node) { return node == nullptr ? 0 : node->height; }

static void refresh(struct tree_node *node)
{
    unsigned below = height_of(node->child[0]), above = height_of(node->child[1]);
    node->height = (below > above ? below : above) + 1;
}

/* Makes the child on a side the root of this subtree. */
static struct tree_node *rotate(struct tree_node *node, int side)
{
    struct tree_node *child = node->child[side];
    node->child[side] = child->child[!side];
    child->child[!side] = node;
    refresh(node);
    refresh(child);
    return child;
}

static struct tree_node *balance(struct tree_node *node)
{
    refresh(node);
    for (int side = 0; side < 2; side++) {
        struct tree_node *child = node->child[side];
        if (height_of(child) <= height_of(node->child[!side]) + 1) continue;
        if (height_of(child->child[!side]) > height_of(child->child[side])) node->child[side] = rotate(child, !side);
        return rotate(node, side);
    }
    return node;
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
    constexpr unsigned depth_most = 64;
    struct tree_node **path[depth_most];
    unsigned depth = 0;
    struct tree_node **at = &tree->root;
    while (*at != nullptr) {
        path[depth++] = at;
        at = &(*at)->child[region_first(&node->descriptor) > region_first(&(*at)->descriptor)];
    }
    node->child[0] = node->child[1] = nullptr;
    node->height = 1;
    *at = node;
    while (depth-- > 0) *path[depth] = balance(*path[depth]);
}

struct region_descriptor *tree_find(const struct tree *tree, uint64_t address)
{
    struct tree_node *node = tree->root;
    while (node != nullptr) {
        if (address < region_first(&node->descriptor)) node = node->child[0];
        else if (address >= region_limit(&node->descriptor)) node = node->child[1];
        else return &node->descriptor;
    }
    return nullptr;
}
