"""The twin's walk through all page tables: invariants 1, 2, 5, 6, by the format of the AMD64 manual (vol. 2, 5.3 and 5.4), not by the kernel's pte.h."""
from array import array

from memory_image import ADDRESS, LARGE, NO_EXECUTE, PAGE, PRESENT, USER, WRITABLE

WRITE_THROUGH, CACHE_DISABLE, ACCESSED, DIRTY, GLOBAL = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 8
MEANT = 1 << 9  # available to software: the pager asked for writable and executable at once
LEVELS, ROOT, ENTRIES = 4, 3, 512
USER_ENTRIES = 256  # of the root: the lower canonical half
DEVICE = 1 << 11  # available to software too: no memory, but a device's registers (microkernel/device.h)
# What an entry may have beside an address, in the user half. All else is reserved, ignored or unused, and zero.
TABLE_BITS = PRESENT | WRITABLE | USER | ACCESSED
LEAF_BITS = TABLE_BITS | DIRTY | MEANT | NO_EXECUTE
DEVICE_BITS = TABLE_BITS | DIRTY | NO_EXECUTE | DEVICE | WRITE_THROUGH | CACHE_DISABLE


def shift_of(level):
    return 12 + 9 * level


class Walk:
    """Every entry of every space once. References to blocks are counted in `references`."""

    def __init__(self, world):
        self.world, self.image = world, world.image
        self.references = array('I', bytes(4 * world.limit))
        self.first_reference = {}
        self.seen = {}  # table: the space it was seen in first
        self.user_first, self.user_limit = (world.layout.constant(name) for name in ('USER_FIRST', 'USER_LIMIT'))
        self.totals_level, self.totals_table = world.layout.constant('TOTALS_LEVEL'), world.layout.constant('TOTALS_TABLE')
        self.user, self.table = world.kind['USER'], world.kind['TABLE']
        self.leaves = 0
        self.space = None
        self.devices = {}        # (first frame, level): leaves that name it
        self.devices_here = 0    # in this space
        self.registry = {}       # (first frame, level): leaves that the registry counts
        self.is_registry = False

    def place(self, address):
        return f'space 0x{self.space:x} at 0x{address:x}'

    def fail(self, invariant, what, address):
        self.world.fail(invariant, f'{what}, in {self.place(address)}')

    def refer(self, frame, who):
        head = self.world.head[frame]
        self.references[head] += 1
        self.first_reference.setdefault(head, who)

    # --- Leaves ---

    def leaf(self, entry, level, address):
        """Returns the pages that it maps."""
        self.leaves += 1
        size = 1 << shift_of(level)
        first = (entry & ADDRESS) >> 12
        if self.is_registry:
            self.registry[address // PAGE, level] = (entry & self.world.layout.constant('DEVICE_SHARES')) // self.world.layout.constant('DEVICE_SHARE')
            return size // PAGE
        pat = 1 << 12 if level else 1 << 7  # the page-attribute table's bit: AMD64 manual vol. 2, 5.4.1
        allowed = (DEVICE_BITS | pat if entry & DEVICE else LEAF_BITS) | (LARGE if level else 0) | (ADDRESS & -size)
        if entry & ~allowed or not entry & USER:
            self.fail(6, f'a leaf 0x{entry:x} has bits 0x{entry & ~allowed:x} that it must not have, or is not for users', address)
        if entry & WRITABLE and not entry & NO_EXECUTE and not entry & MEANT:
            self.fail(5, f'a leaf 0x{entry:x} is writable and executable', address)
        if address < self.user_first or address + size > self.user_limit:
            self.fail(5, f'a leaf 0x{entry:x} lies outside the user range', address)
        pages = size // PAGE
        world = self.world
        if entry & DEVICE:
            self.device(entry, (entry & ADDRESS & -size) >> 12, level, address)
            return pages
        if first + pages > world.limit:
            self.fail(1, f'a leaf 0x{entry:x} names {world.name(first)}', address)
            return pages
        head = world.head[first]
        if world.kinds[head] != self.user:
            self.fail(1, f'a leaf 0x{entry:x} names {world.name(first)}', address)
        elif pages > 1 and pages > 1 << world.order(head):
            self.fail(1, f'a leaf 0x{entry:x} of {pages} pages is larger than the block of {world.name(head)}', address)
        else:
            self.references[head] += 1
            if head not in self.first_reference:
                self.first_reference[head] = (self.space, address)
        return pages

    def device(self, entry, first, level, address):
        """A leaf that names no memory."""
        self.devices_here += 1
        self.devices[first, level] = self.devices.get((first, level), 0) + 1
        if not entry & NO_EXECUTE:
            self.fail(5, f'a leaf 0x{entry:x} of a device can be executed', address)
        if first < self.world.limit and self.world.kinds[first] != self.world.kind['ABSENT']:
            self.fail(1, f'a leaf 0x{entry:x} of a device names {self.world.name(first)}', address)

    # --- Tables ---

    def enter(self, table, address):
        """True when the walk may go down: it is a table, and was not seen in another place."""
        world = self.world
        if table >= world.limit or world.kinds[table] != self.table or world.head[table] != table:
            self.fail(1, f'an entry names {world.name(table)} as a table', address)
            return False
        if table in self.seen:
            self.fail(6, f'table {world.name(table)} is in two places, first in space 0x{self.seen[table]:x}', address)
            return False
        self.seen[table] = self.space
        return True

    def walk(self, table, level, address):
        """Returns (pages mapped, tables) below and with this table."""
        pages, tables, live = 0, 1, 0
        shift, limit = shift_of(level), USER_ENTRIES if level == ROOT and not self.is_registry else ENTRIES
        for index, entry in enumerate(self.image.table(table)[:limit].tolist()):
            if not entry:
                continue
            at = address + (index << shift)
            if not entry & PRESENT:
                self.fail(6, f'an absent entry is 0x{entry:x}, not 0', at)
                continue
            live += 1
            if level == 0 or (entry & LARGE and level != ROOT):
                pages += self.leaf(entry, level, at)
                continue
            if entry & ~(TABLE_BITS | ADDRESS) or not entry & USER:
                self.fail(6, f'the entry 0x{entry:x} of a table has bits that it must not have, or is not for users', at)
            lower = (entry & ADDRESS) >> 12
            if self.enter(lower, at):
                below_pages, below_tables = self.walk(lower, level - 1, at)
                pages, tables = pages + below_pages, tables + below_tables
        self.check_row(table, level, address, live, pages, tables - 1)
        return pages, tables

    def check_row(self, table, level, address, live, pages, tables_below):
        world = self.world
        if world.counts[table] != live:
            self.fail(6, f'table {world.name(table)} counts {world.counts[table]} live entries, there are {live}', address)
        cookie = self.space if level == ROOT else pages + tables_below * self.totals_table if level == self.totals_level else 0
        if world.cookies[table] != cookie:
            self.fail(6, f'table {world.name(table)} of level {level} keeps 0x{world.cookies[table]:x}, it should be 0x{cookie:x}', address)
        if live == 0 and level != ROOT:
            self.fail(6, f'table {world.name(table)} is empty', address)


def check_tables(walk, physical, name):
    """The tables below a struct space; False when it has no root."""
    world, image = walk.world, walk.image
    root, mapped, tables, devices = (image.field(physical, 'space', member) for member in ('root.number', 'count_mapped', 'count_tables', 'count_devices'))
    if not world.is_kind(root, 'TABLE'):
        world.fail(6, f'the root of {name} is {world.name(root)}')
        return False
    walk.devices_here = 0
    if not walk.enter(root, 0):
        return False
    pages_seen, tables_seen = walk.walk(root, ROOT, 0)
    counted = (('pages', mapped, pages_seen), ('tables below its root', tables, tables_seen - 1), ('leaves of devices', devices, walk.devices_here))
    for what, kept, seen in counted:
        if kept != seen:
            world.fail(6, f'{name} counts {kept} {what}, there are {seen}')
    return True


def check_space(walk, frame, physical):
    walk.space = frame
    own = walk.image.field(physical, 'space', 'frame.number')
    if own != frame:
        walk.world.fail(6, f'space 0x{frame:x} calls itself 0x{own:x}')
    if check_tables(walk, physical, f'space 0x{frame:x}'):
        check_kernel_half(walk, walk.image.field(physical, 'space', 'root.number'))


def check_registry(walk):
    """The registry of devices: one more set of tables, by physical address, that counts the leaves."""
    physical, _ = walk.image.variable_at('device_registry')
    walk.space, walk.is_registry = walk.image.field(physical, 'space', 'frame.number'), True
    if walk.image.field(physical, 'space', 'root.number') != 0:
        check_tables(walk, physical, 'the registry of devices')
    walk.is_registry = False
    for (first, level), seen in walk.devices.items():
        if (first, level) not in walk.registry:
            walk.world.fail(1, f'device 0x{first:x} (level {level}) is mapped and not registered')
    for (first, level), kept in walk.registry.items():
        seen = walk.devices.get((first, level), 0)
        if kept != seen:
            walk.world.fail(2, f'device 0x{first:x} (level {level}) is registered with {kept} leaves, there are {seen}')


def check_kernel_half(walk, root):
    """Every root has the kernel's entries, but for what the processor notes in them."""
    template = walk.image.table(walk.image.variable('kernel_map', 'root_physical') // PAGE)
    noted = ACCESSED | DIRTY
    for index, (ours, theirs) in enumerate(zip(walk.image.table(root)[USER_ENTRIES:], template[USER_ENTRIES:]), USER_ENTRIES):
        if (ours ^ theirs) & ~noted:
            walk.world.fail(5, f'entry {index} of the root of space 0x{walk.space:x} is 0x{ours:x}, the kernel has 0x{theirs:x}')


def check_kernel_tables(world):
    """The kernel's own half: nothing for users, nothing writable and executable. Goes by the entries of all levels, as the processor does."""
    image = world.image
    pending = [(image.variable('kernel_map', 'root_physical') // PAGE, ROOT, 0, WRITABLE, 0)]
    while pending:
        table, level, address, writable, no_execute = pending.pop()
        for index, entry in enumerate(image.table(table).tolist()):
            if not entry & PRESENT or (level == ROOT and index < USER_ENTRIES):
                continue
            at = address | index << shift_of(level) | (0xffff << 48 if level == ROOT else 0)
            if entry & USER:
                world.fail(5, f'an entry 0x{entry:x} of the kernel at 0x{at:x} is for users')
            may_write, may_not_execute = writable & entry, no_execute | (entry & NO_EXECUTE)
            if level and not entry & LARGE:
                pending.append(((entry & ADDRESS) >> 12, level - 1, at, may_write, may_not_execute))
            elif may_write and not may_not_execute:
                world.fail(5, f'an entry 0x{entry:x} of the kernel at 0x{at:x} is writable and executable')


def check_buffers(walk):
    """Message buffers that threads hold are references too."""
    none = walk.world.layout.constant('FRAME_NONE')
    for frame, physical in walk.world.objects('THREAD'):
        buffer = walk.image.field(physical, 'thread', 'buffer.number')
        if buffer == none:
            continue
        if buffer < walk.world.limit and walk.world.kinds[walk.world.head[buffer]] == walk.user:
            walk.refer(buffer, (frame, 'the message buffer of a thread'))
        else:
            walk.world.fail(1, f'the message buffer of thread 0x{frame:x} is {walk.world.name(buffer)}')


def check_counts(walk):
    """What the rows count is what was seen."""
    world = walk.world
    if bytes(memoryview(walk.references)) != bytes(memoryview(array('I', world.counts))):
        for frame, (kept, seen) in enumerate(zip(world.counts, walk.references)):
            if kept != seen and world.kinds[frame] != walk.table:
                who, where = walk.first_reference.get(frame, (None, None))
                first = '' if who is None else f', the first by 0x{who:x}: {where if isinstance(where, str) else f"0x{where:x}"}'
                world.fail(2, f'{world.name(frame)} counts {kept} references, there are {seen}{first}')
                break
    for frame, _ in world.objects('TABLE'):
        if frame not in walk.seen:
            world.fail(6, f'{world.name(frame)} belongs to no space')


def check_spaces(world):
    walk = Walk(world)
    spaces = 0
    for frame, physical in world.objects('SPACE'):
        spaces += 1
        check_space(walk, frame, physical)
    check_registry(walk)
    check_kernel_tables(world)
    check_buffers(walk)
    check_counts(walk)
    world.report.counts |= {'spaces': spaces, 'tables': len(walk.seen), 'leaves': walk.leaves, 'devices': len(walk.devices)}
