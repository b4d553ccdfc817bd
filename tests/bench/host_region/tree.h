/* The alternative to the directory: descriptors in a balanced tree (AVL), found by address. Measured beside it by region_bench; docs/adr/0017-regions.md. */
#ifndef QUIRE_BENCH_TREE_H
#define QUIRE_BENCH_TREE_H

#include "region.h"

struct tree_node {
    struct region_descriptor descriptor;
    struct tree_node *child[2]; /* below, above */
    unsigned height;            /* 1: no children */
};

struct tree {
    struct tree_node *root;
};

/* Inserts a node whose descriptor overlaps no other. */
void tree_insert(struct tree *tree, struct tree_node *node);
/* The descriptor that holds an address, or nullptr. */
struct region_descriptor *tree_find(const struct tree *tree, uint64_t address);
static inline unsigned tree_depth(const struct tree *tree) { return tree->root == nullptr ? 0 : tree->root->height; }

#endif
