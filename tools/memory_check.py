"""The twin of the kernel's checker: decides from a dump of memory whether the kernel's invariants hold.

It shares nothing with microkernel/check*.c but the numbers of the invariants and the layout of structures (memory_layout.py): other walk, other order, other
language. The two must agree; tests/machine/test_twin.py breaks each invariant in a machine that runs and compares what both say.
"""
import time
from array import array
from dataclasses import dataclass, field

from memory_check_frames import check_frames
from memory_check_objects import check_objects
from memory_check_spaces import check_spaces
from memory_check_stacks import check_stacks
from memory_check_text import check_text
from memory_check_time import check_time
from memory_image import PAGE, Image, Missing
from memory_layout import Layout
from project import Failure

INVARIANTS = {
    1: 'present entries: frame and kind', 2: 'map counts', 3: 'tiers of the bitmap, free frames', 4: 'the sum of all frames',
    5: 'rights and limits', 6: 'tables: one place, live counters, reserved bits', 8: 'handle rows, lines of devices', 9: 'threads and queues',
    11: 'time: accounts, gifts, timers', 12: 'stacks',
    13: 'text and constants of the kernel',
}


@dataclass
class Report:
    findings: dict = field(default_factory=dict)  # invariant: what was found first
    counts: dict = field(default_factory=dict)    # what was looked at
    seconds: float = 0.0

    @property
    def first(self):
        """What the kernel's check_run() answers: the lowest invariant that does not hold, or 0."""
        return min(self.findings, default=0)

    def text(self):
        lines = [f'check: invariant={number} ({INVARIANTS[number]}): {what}' for number, what in sorted(self.findings.items())]
        looked = ' '.join(f'{name}={count}' for name, count in self.counts.items())
        return '\n'.join([*lines, f'check: {"broken" if lines else "ok"} {looked} seconds={self.seconds:.1f}'])


class World:
    """The dump as the checks see it: the columns of the frame table, the blocks, and what was found."""

    def __init__(self, image):
        self.image, self.layout, self.report = image, image.layout, Report()
        self.kind_names = self.layout.names('FRAME_KIND_')
        self.kind = {name: number for number, name in self.kind_names.items()}
        self.limit = image.variable('frame_limit')
        self.rows = image.physical_of(image.layout.constant('FRAME_TABLE_ADDRESS'))
        row_bytes = self.layout.size('frame_info')
        content = bytes(image.at(self.rows, self.limit * row_bytes))
        self.kinds, self.flags, self.counts, self.cookies = (self.column(content, row_bytes, name) for name in ('kind', 'flags', 'count', 'cookie'))
        self.find_blocks()

    def column(self, content, row_bytes, name):
        place = self.layout.place('frame_info', name)
        if place.size == 1:
            return content[place.offset::row_bytes]
        numbers = memoryview(content).cast({2: 'H', 4: 'I'}[place.size])
        return numbers[place.offset // place.size::row_bytes // place.size].tolist()

    def order(self, frame):
        return (self.flags[frame] & self.layout.constant('FRAME_ORDER_MASK')) >> self.layout.constant('FRAME_ORDER_SHIFT')

    def find_blocks(self):
        """head[frame]: the first frame of its block. From the start of memory on, the first row of each block says how long it is, and no other is believed."""
        self.head, self.blocks = array('I', range(self.limit)), []
        owned, spare, mask = self.kind['KERNEL'], self.kind['SPARE'], self.layout.constant('FRAME_ORDER_MASK')
        ordered = bytes.maketrans(bytes(range(256)), bytes(1 if flags & mask else 0 for flags in range(256)))
        interesting, at = self.flags.translate(ordered), 0
        while (at := interesting.find(1, at)) >= 0:
            size = 1 << self.order(at)
            if (self.kinds[at] < owned and self.kinds[at] != spare) or at % size or size > self.limit - at:
                self.fail(3, f'the row of {self.name(at)} cannot be the first one of a block of order {self.order(at)}')
                size = 1
            else:
                self.head[at:at + size] = array('I', [at]) * size
                self.blocks.append(at)
            at += size

    # --- What was found ---

    def fail(self, invariant, what):
        self.report.findings.setdefault(invariant, what)

    def name(self, frame):
        """A frame as people read it."""
        if frame >= self.limit:
            return f'frame 0x{frame:x} (beyond the frame table)'
        order = self.order(frame)
        return f'frame 0x{frame:x} ({self.kind_names.get(self.kinds[frame], f"KIND {self.kinds[frame]}")}{f", order {order}" if order else ""})'

    # --- Objects ---

    def is_kind(self, frame, name):
        return frame < self.limit and self.kinds[frame] == self.kind[name] and self.head[frame] == frame

    def objects(self, name):
        """(frame, physical address) of every frame of a kind."""
        kind, at = self.kind[name], -1
        while (at := self.kinds.find(kind, at + 1)) >= 0:
            if self.head[at] == at:
                yield at, at * PAGE

    def object_of(self, pointer, name):
        """The physical address that a pointer into a frame of a kind means, or None when it is no such pointer."""
        try:
            physical = self.image.physical_of(pointer)
        except Missing:
            return None
        return physical if self.is_kind(physical // PAGE, name) else None


def check_image(image):
    """Checks the memory of an image; returns a Report."""
    began = time.monotonic()
    world = World(image)
    for part in (check_spaces, check_frames, check_objects, check_time, check_stacks, check_text):
        part(world)
    world.report.counts = {'frames': world.limit, **world.report.counts}
    world.report.seconds = time.monotonic() - began
    return world.report


def check(memory, kernel):
    """Checks a dump by the kernel file that ran; returns a Report. Failure: it cannot be read."""
    image = Image(memory, Layout.of(str(kernel)))
    try:
        return check_image(image)
    except Missing as missing:
        raise Failure(f'{memory} is no dump of a machine that runs {kernel}: {missing}') from None
    finally:
        image.close()
