"""What is broken on purpose in the frame table, the bitmap, the stock, the stacks and the kernel's own text."""
from breakages import Breakages
from memory_check_bitmap import LINE, UNITS, Tiers, orders_of
from memory_image import ADDRESS, PAGE

BREAKAGES = Breakages()
breaks = BREAKAGES.breaks


# --- 2: map counts ---

@breaks(2)
def one_reference_too_many(scene):
    yield scene.row(scene.user, 'count', add=1)


@breaks(2)
def one_reference_too_few(scene):
    yield scene.row(scene.user, 'count', add=-1)


@breaks(2)
def count_of_a_message_buffer(scene):
    _, thread = scene.buffered_thread()
    yield scene.row(scene.head[scene.image.field(thread, 'thread', 'buffer.number')], 'count', add=1)


@breaks(2)
def references_to_an_object(scene):
    yield scene.row(scene.space_frame, 'count', 1)


@breaks(2)
def references_to_a_free_frame(scene):
    yield scene.row(scene.first_of('FREE'), 'count', 1)


@breaks(2)
def two_leaves_name_one_page_that_counts_one(scene):
    other = next(page[-1] for page in scene.pages[scene.space_frame] if page[-1] != scene.entry)
    yield other, 8, scene.image.number(other, 8) & ~ADDRESS | scene.user << 12


# --- 3: tiers of the bitmap, free frames ---

def broken_line(scene):
    """(tiers, a line with free frames that is not whole)."""
    tiers = Tiers(scene)
    return tiers, next(line for line, units in enumerate(tiers.lines) if units and line != tiers.open_line)


def mask_place(scene, order, line):
    """The physical address of the word of a gigabyte's mask that has a line's bit."""
    first = scene.image.physical_of(scene.image.variable('frame_state', 'bitmap.gigabytes'))
    return first + line // UNITS * scene.layout.size('bitmap_gigabyte') + order * UNITS // 8 + line % UNITS // 64 * 8


@breaks(3)
def bit_of_a_frame(scene):
    _, line = broken_line(scene)
    yield scene.change(scene.image.physical_of(scene.image.variable('frame_state', 'bitmap.words')) + line * UNITS // 8, 8, flip=1)


@breaks(3)
def bit_of_a_line(scene):
    tiers = Tiers(scene)
    line = next(line for line in range(tiers.nodes(LINE)) if tiers.masks[line // UNITS][LINE] >> line % UNITS & 1)
    yield scene.change(mask_place(scene, LINE, line), 8, flip=1 << line % 64)


@breaks(3)
def lowest_hint_of_a_line(scene):
    _, line = broken_line(scene)
    yield scene.change(mask_place(scene, 0, line), 8, flip=1 << line % 64)


@breaks(3)
def highest_hint_that_a_line_needs(scene):
    tiers, line = broken_line(scene)
    order = max(order for order in range(LINE) if orders_of(tiers.lines[line]) >> order & 1)
    yield scene.change(mask_place(scene, order, line), 8, flip=1 << line % 64)


@breaks(3)
def bit_of_the_top(scene):
    yield scene.variable('frame_state', 'bitmap.top[0]', flip=1)


@breaks(3)
def bit_beyond_the_end_of_the_top(scene):
    yield scene.variable('frame_state', 'bitmap.top[7]', flip=1 << 63)


@breaks(3)
def orders_above_the_top(scene):
    yield scene.variable('frame_state', 'bitmap.orders', 0)


@breaks(3)
def count_of_the_bitmap(scene):
    yield scene.variable('frame_state', 'bitmap.count_free', add=-1)


@breaks(3)
def a_frame_in_the_stock_is_not_zero(scene):
    yield scene.stock() * PAGE + 4088, 8, 1


@breaks(3)
def a_frame_in_the_stock_twice(scene):
    yield scene.variable('frame_state', 'stock[1].number', scene.stock())


@breaks(3)
def a_mapped_frame_in_the_stock(scene):
    scene.stock()
    yield scene.variable('frame_state', 'stock[0].number', scene.user)


@breaks(3)
def a_spare_block_twice(scene):
    counts, places = scene.image.variable_array('frame_state', 'count_spares').tolist(), scene.layout.constant('SPARES')
    assert counts[0] > 1 and places > 1
    yield scene.variable('frame_state', 'spares[1]', scene.image.variable('frame_state', 'spares[0]'))


@breaks(3)
def a_row_that_says_spare(scene):
    yield scene.row(scene.first_of('FREE'), 'kind', scene.kind['SPARE'])


@breaks(3)
def a_frame_of_a_batch_that_nobody_took(scene):
    yield scene.variable('frame_state', 'count_unwritten', add=1)


@breaks(3)
def a_free_row_with_a_cookie(scene):
    yield scene.row(scene.first_of('FREE'), 'cookie', 1)


@breaks(3)
def a_free_row_with_flags(scene):
    yield scene.row(scene.first_of('FREE'), 'flags', scene.layout.constant('FRAME_DIRTY'))


@breaks(3)
def a_free_frame_is_held(scene):
    yield scene.row(scene.first_of('FREE'), 'kind', scene.kind['KERNEL'])


@breaks(3)
def a_block_that_is_longer_than_it_can_be(scene):
    yield scene.row(scene.space_frame, 'flags', 20 << scene.layout.constant('FRAME_ORDER_SHIFT'))


@breaks(3)
def flags_of_an_object(scene):
    yield scene.row(scene.space_frame, 'flags', scene.layout.constant('FRAME_FILLED'))


# --- 4: the sum of all frames ---

@breaks(4)
def total_of_frames(scene):
    yield scene.variable('frame_state', 'count_total', add=1)


@breaks(4)
def a_reserved_frame_is_held(scene):
    yield scene.row(0x100, 'kind', scene.kind['KERNEL'])


@breaks(4)
def a_frame_of_the_first_pages_is_held(scene):
    yield scene.row(3, 'kind', scene.kind['KERNEL'])


@breaks(4)
def a_kind_that_does_not_exist(scene):
    yield scene.row(scene.first_of('RESERVED'), 'kind', 0x77)


# --- 12: stacks ---

@breaks(12, twin_only=True)
def a_word_deep_in_the_kernel_stack(scene):
    yield scene.layout.physical(scene.layout.symbols['kernel_stack']), 8, 1


@breaks(12, twin_only=True)
def a_word_deep_in_a_stack_for_exceptions(scene):
    yield scene.layout.physical(scene.layout.symbols['special_stacks'] + 2 * PAGE), 8, 1


# --- 13: text and constants of the kernel ---

@breaks(13, twin_only=True)
def instruction_of_the_kernel(scene):
    yield scene.change(scene.layout.physical(scene.layout.symbols['arch_panic']) + 8, 1, flip=1)


@breaks(13, twin_only=True)
def constant_of_the_kernel(scene):
    address, content = scene.layout.constant_bytes['.rodata']
    yield scene.change(scene.layout.physical(address) + len(content) - 1, 1, flip=0x80)
