"""The twin's reading of the tiered bitmap (microkernel/bitmap.h): which frames are free, and whether each tier follows from the one below."""
import functools

WORD, LINE, GROUP, SECTION = 6, 9, 15, 21  # log2 of the frames below a word, a line, a group, a section
ALL = (1 << 64) - 1
EXPANDED = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]


@functools.lru_cache(maxsize=1 << 16)
def orders_of(units, size_order):
    """Bit k is set when 2^k units, aligned, are all set in a mask of 2^size_order; all of them: that bit alone."""
    if units == (1 << (1 << size_order)) - 1:
        return 1 << size_order
    orders = 0
    for order in range(size_order):
        run = (1 << (1 << order)) - 1
        if any(units >> at & run == run for at in range(0, 1 << size_order, 1 << order)):
            orders |= 1 << order
    return orders


def column_of(masks, child):
    return sum((mask >> child & 1) << order for order, mask in enumerate(masks))


class Tiers:
    def __init__(self, world):
        image = world.image
        self.world, self.count = world, image.variable('frame_state', 'bitmap.count')
        sections, groups, lines, words = (image.physical_of(image.variable('frame_state', f'bitmap.{name}'))
                                          for name in ('sections', 'groups', 'lines', 'words'))
        self.group_masks = world.layout.place('bitmap_group', 'lines').count
        self.section_masks = world.layout.place('bitmap_section', 'groups').count
        self.lines = image.at(lines, self.nodes(LINE) * 8).cast('Q').tolist()
        self.words = image.at(words, self.nodes(LINE) * 64).cast('Q').tolist()
        self.groups = image.at(groups, self.nodes(GROUP) * self.group_masks * 8).cast('Q').tolist()
        self.sections = image.at(sections, self.nodes(SECTION) * self.section_masks * 8).cast('Q').tolist()
        self.top = image.variable_array('frame_state', 'bitmap.top').tolist()
        self.free = [0] * (self.nodes(SECTION) << SECTION - WORD)  # by word

    def nodes(self, order):
        return (self.count + (1 << order) - 1) >> order

    def fail(self, tier, node, order, kept, found):
        self.world.fail(3, f'the bitmap has orders 0x{kept:x} for {tier} {node} (from frame 0x{node << order:x}), below it are 0x{found:x}')

    def line(self, line):
        """The order set of a line, from its words."""
        masks, seen, whole = self.lines[line], 0, 0
        if masks >> 56:
            self.world.fail(3, f'line {line} of the bitmap has unused bits')
        for index in range(8):
            kept = sum((masks >> 8 * order + index & 1) << order for order in range(WORD + 1))
            content = ALL if kept == 1 << WORD else self.words[line * 8 + index] if kept else 0
            self.free[line * 8 + index] = content
            found = orders_of(content, WORD)
            if kept != found:
                self.fail('word', line * 8 + index, WORD, kept, found)
            if found == 1 << WORD:
                whole |= 1 << index
            else:
                seen |= found
        return seen | orders_of(whole, 3) << WORD

    def inner(self, tier, masks, order, node, below, below_order, lower):
        """The order set of a node whose children are `below` (their order, and a function that looks at one), from those."""
        seen, whole, last = 0, 0, below_order
        for index in range(64):
            child, kept = node * 64 + index, column_of(masks, index)
            if child >= self.nodes(below_order):
                if kept:
                    self.fail(lower, child, below_order, kept, 0)
                continue
            if kept == 1 << last:
                whole |= 1 << index
                first, size = child << below_order - WORD, 1 << below_order - WORD
                self.free[first:first + size] = [ALL] * size
            elif kept:
                found = below(child)
                seen |= found
                if kept != found:
                    self.fail(lower, child, below_order, kept, found)
        return seen | orders_of(whole, 6) << below_order

    def group(self, group):
        masks = self.groups[group * self.group_masks:(group + 1) * self.group_masks]
        return self.inner('group', masks, GROUP, group, self.line, LINE, 'line')

    def section(self, section):
        masks = self.sections[section * self.section_masks:(section + 1) * self.section_masks]
        return self.inner('section', masks, SECTION, section, self.group, GROUP, 'group')

    def check(self):
        # The top has no masks for the two orders below a whole section, which stands in its last mask.
        last = len(self.top) - 1
        for section in range(64):
            kept = column_of(self.top, section)
            found = self.section(section) if section < self.nodes(SECTION) else 0
            found = found & ((1 << last) - 1) | (found >> SECTION & 1) << last
            if kept != found:
                self.fail('section', section, SECTION, kept, found)


def free_frames(world):
    """One byte for each frame: 1 where the bitmap has it as free."""
    image, tiers = world.image, Tiers(world)
    tiers.check()
    open_word, open_mask = image.variable('frame_state', 'bitmap.open_word'), image.variable('frame_state', 'bitmap.open_mask')
    if open_word == world.layout.constant('BITMAP_NO_WORD'):
        if open_mask:
            world.fail(3, f'there is no open word, but its mask is 0x{open_mask:x}')
    elif open_word >= tiers.nodes(WORD) or tiers.free[open_word]:
        world.fail(3, f'the open word {open_word} is not used in the tiers, or beyond them')
    else:
        tiers.free[open_word] = open_mask
    content = b''.join(word.to_bytes(8, 'little') for word in tiers.free)
    free = bytearray(b''.join([EXPANDED[byte] for byte in content]))
    if any(free[tiers.count:]):
        world.fail(3, 'the bitmap has free frames beyond its end')
    count_free = image.variable('frame_state', 'bitmap.count_free')
    if sum(free) != count_free:
        world.fail(3, f'the bitmap has {sum(free)} free frames and counts {count_free}')
    return free[:world.limit].ljust(world.limit, b'\0')
