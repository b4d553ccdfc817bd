"""The twin's reading of the tiered bitmap (microkernel/bitmap.h): which frames are free, whether each tier follows from the one below, and whether hints miss
nothing. The 512 units of a node are one number here."""
import functools

LINE, GIGABYTE = 9, 18  # log2 of the frames below a line, a gigabyte
UNITS = 512
EXPANDED = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
# The places where a run of 2^k units can begin.
ALIGNED = [sum(1 << at for at in range(0, UNITS, 1 << order)) for order in range(LINE + 1)]


@functools.lru_cache(maxsize=1 << 16)
def orders_of(units):
    """Bit k is set when 2^k units, aligned, are all set; bit 9: all are."""
    orders = 0
    for order in range(LINE + 1):
        orders |= (units != 0) << order
        if order < LINE:
            units &= units >> (1 << order) & ALIGNED[order + 1]
    return orders


def numbers_of(content):
    """Numbers of 512 bits."""
    content = bytes(content)
    return [int.from_bytes(content[at:at + UNITS // 8], 'little') for at in range(0, len(content), UNITS // 8)]


class Tiers:
    def __init__(self, world):
        image = world.image
        self.world, self.count = world, image.variable('frame_state', 'bitmap.count')
        gigabytes, words = (image.physical_of(image.variable('frame_state', f'bitmap.{name}')) for name in ('gigabytes', 'words'))
        self.lines = numbers_of(image.at(words, self.nodes(LINE) * UNITS // 8))
        masks = numbers_of(image.at(gigabytes, self.nodes(GIGABYTE) * world.layout.size('bitmap_gigabyte')))
        self.masks = [masks[at:at + LINE + 1] for at in range(0, len(masks), LINE + 1)]
        self.top = numbers_of(image.variable_array('frame_state', 'bitmap.top').cast('B'))
        self.orders = image.variable('frame_state', 'bitmap.orders')
        self.open_line = image.variable('frame_state', 'bitmap.open_word') * 64 // UNITS
        self.free = []  # by line

    def nodes(self, order):
        return (self.count + (1 << order) - 1) >> order

    def fail(self, what):
        self.world.fail(3, f'the bitmap: {what}')

    def check_hints(self, name, masks, first, above, bit):
        """Hints of one tier, masks[first] to masks[first + 8]: without gaps above the lowest, and known to who is above."""
        for order in range(first, first + LINE):
            if order > first + 1 and masks[order] & ~masks[order - 1]:
                self.fail(f'{name} has hints of order {order} without those of order {order - 1}')
            if masks[order] and not above(order) >> bit & 1:
                self.fail(f'{name} has hints of order {order}, and nobody above knows')

    def check_units(self, name, units, is_whole, hint):
        """The units of a node: none when it is one unit above, and announced by hints."""
        orders = orders_of(units)
        if orders >> LINE or (is_whole and units):
            self.fail(f'{name} is whole and not one unit of the tier above')
        for order in range(LINE):
            if orders >> order & 1 and not hint(order):
                self.fail(f'{name} has a run of order {order} and no hint of it')

    def check_line(self, line, masks, is_whole):
        units, place = self.lines[line], line % UNITS
        self.check_units(f'line {line}', units, is_whole, lambda order: masks[order] >> place & 1)
        if masks[0] >> place & 1 and not units and line != self.open_line:
            self.fail(f'line {line} has nothing and is announced')
        self.free.append((1 << UNITS) - 1 if is_whole else units)

    def check_gigabyte(self, gigabyte):
        name, masks, is_whole = f'gigabyte {gigabyte}', self.masks[gigabyte], self.top[GIGABYTE] >> gigabyte & 1
        self.check_hints(name, masks, 0, lambda order: self.top[order], gigabyte)
        self.check_units(name, masks[LINE], is_whole, lambda order: self.top[LINE + order] >> gigabyte & 1)
        lines = min(self.nodes(LINE) - gigabyte * UNITS, UNITS)
        if any(mask >> lines for mask in masks):
            self.fail(f'{name} has lines beyond the end')
        for line in range(lines):
            self.check_line(gigabyte * UNITS + line, masks, is_whole or masks[LINE] >> line & 1)

    def check(self):
        for first in (0, LINE):
            self.check_hints('the top', self.top, first, lambda order: self.orders >> order, 0)
        if self.top[GIGABYTE] and not self.orders >> GIGABYTE & 1:
            self.fail('the top has whole gigabytes, and nobody above knows')
        if any(mask >> self.nodes(GIGABYTE) for mask in self.top):
            self.fail('the top has gigabytes beyond the end')
        for gigabyte in range(self.nodes(GIGABYTE)):
            self.check_gigabyte(gigabyte)
        if self.open_line >= max(self.nodes(LINE), 1):
            self.fail(f'the open word lies in line {self.open_line}, beyond the end')


def free_frames(world):
    """One byte for each frame: 1 where the bitmap has it as free."""
    tiers = Tiers(world)
    tiers.check()
    content = b''.join(line.to_bytes(UNITS // 8, 'little') for line in tiers.free)
    free = bytearray(b''.join([EXPANDED[byte] for byte in content]))
    if any(free[tiers.count:]):
        world.fail(3, 'the bitmap has free frames beyond its end')
    count_free = world.image.variable('frame_state', 'bitmap.count_free')
    if sum(free) != count_free:
        world.fail(3, f'the bitmap has {sum(free)} free frames and counts {count_free}')
    return free[:world.limit].ljust(world.limit, b'\0')
