/* The balanced tree of descriptors (tests/bench/host_region): it is a tree that finds, not a loop that looks like one. */
#include <criterion/criterion.h>

#include "tests/bench/host_region/tree.h"

constexpr uint32_t COUNT = 10'000;
static struct tree_node nodes[COUNT];
static struct tree tree;

/* Every third region is there. */
static uint64_t address_of(uint32_t i) { return (uint64_t)(3 * i + 1) * REGION_BYTES; }

static void insert(uint32_t i)
{
    cr_assert_eq(region_describe(&nodes[i].descriptor, address_of(i), address_of(i) + REGION_BYTES), STATUS_OK);
    tree_insert(&tree, &nodes[i]);
}

static const struct region_descriptor *search_all(uint64_t address)
{
    for (uint32_t i = 0; i < COUNT; i++)
        if (address >= region_first(&nodes[i].descriptor) && address < region_limit(&nodes[i].descriptor)) return &nodes[i].descriptor;
    return nullptr;
}

static void compare(void)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_assert_eq(tree_find(&tree, address_of(i)), &nodes[i].descriptor);
        cr_assert_eq(tree_find(&tree, address_of(i) + REGION_BYTES - 1), &nodes[i].descriptor);
        cr_assert_null(tree_find(&tree, address_of(i) + REGION_BYTES));
        cr_assert_null(tree_find(&tree, address_of(i) - 1));
    }
    for (uint64_t address = 0; address < address_of(COUNT); address += 997 * REGION_BYTES + 12345) cr_assert_eq(tree_find(&tree, address), search_all(address));
    unsigned log2 = 0;
    while (COUNT + 1 > 1u << log2) log2++;
    cr_assert_leq(tree_depth(&tree), 2 * log2, "%u", tree_depth(&tree));
}

Test(pager_tree, ten_thousand_ascending)
{
    for (uint32_t i = 0; i < COUNT; i++) insert(i);
    compare();
}

Test(pager_tree, ten_thousand_descending)
{
    for (uint32_t i = COUNT; i-- > 0;) insert(i);
    compare();
}

Test(pager_tree, ten_thousand_in_another_order)
{
    for (uint32_t i = 0; i < COUNT; i++) insert((uint32_t)((uint64_t)i * 7919 % COUNT)); /* coprime: each once */
    compare();
}

Test(pager_tree, an_empty_one)
{
    cr_assert_null(tree_find(&tree, REGION_BYTES));
    cr_assert_eq(tree_depth(&tree), 0);
}
