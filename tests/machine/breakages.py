"""What tests break on purpose in the memory of a machine, by the invariant that must be named.

A breakage is a function of a Scene (a machine that stands still, as the twin reads it) that yields (physical address, size, new value): what must be written.
"""
from memory_check import World
from memory_image import ADDRESS, LARGE, PAGE, PRESENT


class Breakages(dict):
    """invariant: [function, ...]"""

    def breaks(self, invariant, twin_only=False):
        """`twin_only`: the kernel's own checker does not look for it."""
        def keep(function):
            self.setdefault(invariant, []).append(function)
            function.twin_only = twin_only
            return function
        return keep


class Scene(World):
    """Finds what can be broken: a program's space with its tables, threads, rows."""

    def __init__(self, image):
        super().__init__(image)
        self.spaces, self.threads, self.pools = (list(self.objects(name)) for name in ('SPACE', 'THREAD', 'ENDPOINTS'))
        self.pages = {frame: list(self.pages_of(self.root(space))) for frame, space in self.spaces}
        self.space_frame, self.space = max(self.spaces, key=lambda space: len(self.pages[space[0]]))
        self.page = self.pages[self.space_frame][0]
        self.entry, self.tables = self.page[-1], [entry // PAGE for entry in self.page]
        self.user = (self.image.number(self.entry, 8) & ADDRESS) >> 12

    def root(self, space):
        return self.image.field(space, 'space', 'root.number')

    def pages_of(self, table, level=3, path=()):
        """The way to each page of 4 KiB that is mapped: physical addresses of the entries, root first."""
        for index in range(256 if level == 3 else 512):
            at = table * PAGE + 8 * index
            entry = self.image.number(at, 8)
            if entry & PRESENT and level == 0:
                yield (*path, at)
            elif entry & PRESENT and not entry & LARGE:
                yield from self.pages_of((entry & ADDRESS) >> 12, level - 1, (*path, at))

    def row(self, frame, member, value=None, add=None, flip=None):
        """Changes a member of a frame's row."""
        place = self.layout.place('frame_info', member)
        return self.change(self.rows + frame * self.layout.size('frame_info') + place.offset, place.size, value, add, flip)

    def member(self, physical, structure, path, value=None, add=None, flip=None):
        return self.change(*self.image.field_at(physical, structure, path), value, add, flip)

    def variable(self, name, path='', value=None, add=None, flip=None):
        return self.change(*self.image.variable_at(name, path), value, add, flip)

    def change(self, physical, size, value=None, add=None, flip=None):
        old = self.image.number(physical, size)
        new = value if value is not None else old + add if add is not None else old ^ flip
        return physical, size, new & ((1 << 8 * size) - 1)

    def leaf(self, frame=None, flip=0):
        """The entry of the page, with another frame or other bits."""
        entry = self.image.number(self.entry, 8)
        return self.entry, 8, (entry if frame is None else entry & ~ADDRESS | frame << 12) ^ flip

    def empty_slot(self, table_entry):
        """The place of an absent entry in the table of an entry."""
        table = table_entry & -PAGE
        return next(table + 8 * index for index in range(1, 255) if self.image.number(table + 8 * index, 8) == 0)

    def first_of(self, kind):
        return self.kinds.index(self.kind[kind])

    def other_space(self):
        """The place of the last of several spaces."""
        assert len(self.spaces) > 1
        return self.spaces[-1][1]

    def stock(self):
        """The first frame of the stock of zeroed frames."""
        assert self.image.variable('frame_state', 'stock_count') > 1
        return self.image.variable('frame_state', 'stock[0].number')

    def thread_in(self, *states):
        """(frame, physical address) of a thread in one of these states."""
        numbers = [self.layout.constant('THREAD_' + state) for state in states]
        return next(thread for thread in self.threads if self.image.field(thread[1], 'thread', 'state') in numbers)

    def buffered_thread(self):
        """A thread that has a message buffer."""
        return next(thread for thread in self.threads if self.image.field(thread[1], 'thread', 'buffer.number'))

    def filled_row(self):
        """The place of a handle row that is filled."""
        place = self.layout.place('space', 'rows')
        for _, space in self.spaces:
            for index in range(place.count):
                row = space + place.offset + index * place.size
                if self.image.field(row, 'handle_row', 'endpoint'):
                    return row
        raise AssertionError('no row is filled')

    def endpoint(self):
        """The place of the endpoint of that row."""
        return self.image.physical_of(self.image.field(self.filled_row(), 'handle_row', 'endpoint'))
