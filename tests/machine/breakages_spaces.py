"""What is broken on purpose in page tables: present entries, rights and limits, tables."""
from breakages import Breakages
from memory_image import ADDRESS, LARGE, PAGE

BREAKAGES = Breakages()
breaks = BREAKAGES.breaks


# --- 1: present entries ---

def leaf_to(kind):
    def leaf_to_a_frame_of_another_kind(scene):
        yield scene.leaf(frame=scene.first_of(kind))
    leaf_to_a_frame_of_another_kind.__name__ += '_' + kind.lower()
    breaks(1)(leaf_to_a_frame_of_another_kind)


for other_kind in ('FREE', 'RESERVED', 'TABLE', 'SPACE', 'THREAD', 'ENDPOINTS'):
    leaf_to(other_kind)


@breaks(1)
def leaf_beyond_the_frame_table(scene):
    yield scene.leaf(frame=scene.limit)


@breaks(1)
def leaf_at_the_end_of_numbers(scene):
    yield scene.leaf(frame=0xffffffff)


@breaks(1)
def a_free_frame_is_still_mapped(scene):
    yield scene.row(scene.user, 'kind', scene.kind['FREE'])


@breaks(1)
def entry_of_a_table_names_a_page(scene):
    yield scene.page[2], 8, scene.image.number(scene.page[2], 8) & ~ADDRESS | scene.user << 12


@breaks(1)
def entry_of_a_table_beyond_memory(scene):
    yield scene.page[1], 8, scene.image.number(scene.page[1], 8) | (scene.limit + 7) << 12


@breaks(1)
def large_leaf_over_frames_that_are_no_block(scene):
    yield scene.page[2], 8, scene.image.number(scene.page[2], 8) & ~ADDRESS | LARGE


@breaks(1)
def message_buffer_of_another_kind(scene):
    _, thread = scene.buffered_thread()
    yield scene.member(thread, 'thread', 'buffer.number', scene.first_of('THREAD'))


# --- 5: rights and limits ---

@breaks(5)
def writable_and_executable(scene):
    entry = scene.image.number(scene.entry, 8)
    yield scene.entry, 8, (entry | 2) & ~(1 << 63)


@breaks(5)
def a_page_below_the_first(scene):
    """The whole table of the first program pages moves to address 0."""
    link = next(page[2] for page in scene.pages[scene.space_frame] if page[0] % PAGE == 0 and page[1] % PAGE == 0 and page[3] % PAGE < 128)
    yield link, 8, 0
    yield link & -PAGE, 8, scene.image.number(link, 8)


@breaks(5)
def a_page_at_the_user_limit(scene):
    """Each entry on the way to a page moves to the last place of its table."""
    def last(at, level):
        return (at & -PAGE) + 8 * (255 if level == 0 else 511)
    page = next(page for page in scene.pages[scene.space_frame]
                if all(last(at, level) == at or scene.image.number(last(at, level), 8) == 0 for level, at in enumerate(page)))
    for level, at in enumerate(page):
        if at != last(at, level):
            yield last(at, level), 8, scene.image.number(at, 8)
            yield at, 8, 0


@breaks(5)
def kernel_half_of_one_space(scene):
    yield scene.change(scene.root(scene.other_space()) * PAGE + 8 * 511, 8, flip=1 << 13)


@breaks(5)
def something_more_in_the_kernel_half(scene):
    yield scene.root(scene.other_space()) * PAGE + 8 * 400, 8, scene.image.number(scene.page[0], 8)


def kernel_leaf(scene, address):
    """The place of the lowest entry for an address of the kernel."""
    table = scene.image.variable('kernel_map', 'root_physical') // PAGE
    for shift in (39, 30, 21, 12):
        at = table * PAGE + 8 * (address >> shift & 511)
        entry = scene.image.number(at, 8)
        if shift == 12 or entry & LARGE:
            return at
        table = (entry & ADDRESS) >> 12
    raise AssertionError


@breaks(5, twin_only=True)
def kernel_data_is_executable(scene):
    yield scene.change(kernel_leaf(scene, scene.layout.symbols['processor']), 8, flip=1 << 63)


@breaks(5, twin_only=True)
def kernel_text_is_writable(scene):
    yield scene.change(kernel_leaf(scene, scene.layout.symbols['text_first']), 8, flip=2)


# --- 6: tables ---

@breaks(6)
def live_entries_of_a_table(scene):
    yield scene.row(scene.tables[3], 'count', add=1)


@breaks(6)
def live_entries_of_a_root(scene):
    yield scene.row(scene.tables[0], 'count', add=-1)


@breaks(6)
def totals_of_a_table(scene):
    yield scene.row(scene.tables[2], 'cookie', add=1)


@breaks(6)
def totals_where_none_belong(scene):
    yield scene.row(scene.tables[3], 'cookie', 1)


@breaks(6)
def root_of_another_space(scene):
    yield scene.row(scene.tables[0], 'cookie', scene.spaces[0][0] ^ 1)


@breaks(6)
def pages_of_a_space(scene):
    yield scene.member(scene.space, 'space', 'count_mapped', add=1)


@breaks(6)
def tables_of_a_space(scene):
    yield scene.member(scene.space, 'space', 'count_tables', add=-1)


@breaks(6)
def name_of_a_space(scene):
    yield scene.member(scene.space, 'space', 'frame.number', add=1)


@breaks(6)
def bits_of_an_absent_entry(scene):
    yield scene.empty_slot(scene.entry), 8, 1 << 5


@breaks(6)
def reserved_bit_of_a_leaf(scene):
    yield scene.leaf(flip=1 << 52)


@breaks(6)
def global_leaf_of_a_user(scene):
    yield scene.leaf(flip=1 << 8)


@breaks(6)
def user_leaf_for_the_kernel(scene):
    yield scene.leaf(flip=1 << 2)


@breaks(6)
def bits_of_an_entry_of_a_table(scene):
    yield scene.change(scene.page[2], 8, flip=1 << 8)


@breaks(6)
def entry_of_a_table_not_for_users(scene):
    yield scene.change(scene.page[1], 8, flip=1 << 2)


@breaks(6)
def one_table_in_two_spaces(scene):
    other = next(pages[0] for frame, pages in scene.pages.items() if frame != scene.space_frame and pages)
    yield scene.empty_slot(other[2]), 8, scene.image.number(scene.page[2], 8)


@breaks(6)
def one_table_twice_in_a_space(scene):
    yield scene.empty_slot(scene.page[2]), 8, scene.image.number(scene.page[2], 8)


@breaks(6)
def a_table_of_no_space(scene):
    """The last frame of the stock, taken for a table and then forgotten."""
    scene.stock()
    last = scene.image.variable('frame_state', 'stock_count') - 1
    yield scene.variable('frame_state', 'stock_count', last)
    yield scene.row(scene.image.variable('frame_state', f'stock[{last}].number'), 'kind', scene.kind['TABLE'])
