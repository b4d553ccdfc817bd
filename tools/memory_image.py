"""A dump of a machine's physical memory, and reading the kernel's structures in it.

A dump is a raw file (QEMU: `pmemsave 0 SIZE FILE`, or the file of a memory backend) or an ELF core file (QEMU: `dump-guest-memory FILE`).
Virtual addresses are translated by walking the kernel's own tables with the format of the AMD64 manual (vol. 2, 5.3), not with the kernel's code.
"""
import contextlib
import mmap
import os
import struct

from project import Failure

PAGE = 4096
# AMD64 Architecture Programmer's Manual vol. 2, 5.3.3 and 5.4.1: bits of an entry.
PRESENT, WRITABLE, USER, LARGE, NO_EXECUTE = 1, 2, 4, 1 << 7, 1 << 63
ADDRESS = 0x000ffffffffff000
# QEMU's PC puts what does not fit below its window for devices behind 4 GiB; in the file of a memory backend it is one piece.
PC_LOW_MOST, PC_LOW, PC_HIGH = 0xe0000000, 0xc0000000, 1 << 32
NUMBERS = {1: '<B', 2: '<H', 4: '<I', 8: '<Q'}
VIEWS = {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}


class Missing(Exception):
    """The dump has no such memory."""


class Image:
    """`writable`: what is written is seen by whoever has the file (tests break invariants so)."""

    def __init__(self, path, layout, writable=False):
        self.layout = layout
        try:
            with open(path, 'r+b' if writable else 'rb') as file:
                self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Failure(f'{path}: {getattr(error, "strerror", None) or error}') from None
        self.view = memoryview(self.map)
        self.ranges = ranges_of(self.map, os.path.getsize(path))

    def close(self):
        self.view = None
        with contextlib.suppress(BufferError):  # somebody still reads a part of it; it goes with that one
            self.map.close()

    # --- Physical memory ---

    def at(self, physical, size):
        """The bytes of [physical, physical + size), as they are in the dump."""
        for first, limit, offset in self.ranges:
            if first <= physical and physical + size <= limit:
                return self.view[physical - first + offset:physical - first + offset + size]
        raise Missing(f'the dump has no memory at 0x{physical:x}')

    def frame(self, number):
        return self.at(number * PAGE, PAGE)

    def table(self, number):
        """The entries of a page table."""
        return self.frame(number).cast('Q')

    def number(self, physical, size):
        return struct.unpack_from(NUMBERS[size], self.at(physical, size))[0]

    def write(self, physical, size, value):
        struct.pack_into(NUMBERS[size], self.at(physical, size), 0, value)

    # --- Structures ---

    def field_at(self, physical, structure, path):
        """(physical address, size) of a member of a structure."""
        place = self.layout.place(structure, path)
        return physical + place.offset, place.size

    def field(self, physical, structure, path):
        return self.number(*self.field_at(physical, structure, path))

    def array(self, physical, structure, path):
        """All elements of a member that is an array of numbers."""
        place = self.layout.place(structure, path)
        return self.at(physical + place.offset, place.size * place.count).cast(VIEWS[place.size])

    def variable_at(self, name, path=''):
        """(physical address, size) of a variable of the kernel, or of a part of it."""
        place = self.layout.place_in_variable(name, path)
        for offset, size, address in self.layout.variable(name):
            if offset <= place.offset < offset + size:
                return self.layout.physical(address + place.offset - offset), place.size
        raise Failure(f'the optimiser has removed {name}.{path} from this kernel')

    def variable(self, name, path=''):
        return self.number(*self.variable_at(name, path))

    def variable_array(self, name, path):
        place = self.layout.place_in_variable(name, path)
        return self.at(self.variable_at(name, path)[0], place.size * place.count).cast(VIEWS[place.size])

    # --- Virtual addresses ---

    def physical_of(self, pointer):
        """What a pointer of the kernel points to, by its own tables. Missing: nothing."""
        table = self.variable('kernel_map', 'root_physical') // PAGE
        for shift in (39, 30, 21, 12):
            entry = self.table(table)[pointer >> shift & 511]
            if not entry & PRESENT:
                break
            if shift == 12 or (entry & LARGE and shift != 39):
                return (entry & ADDRESS & -(1 << shift)) | (pointer & ((1 << shift) - 1))
            table = (entry & ADDRESS) >> 12
        raise Missing(f'the kernel has nothing at 0x{pointer:x}')


def ranges_of(data, size):
    """[(first, limit, offset in the file)] of physical memory."""
    if data[:4] != b'\x7fELF':
        if size <= PC_LOW_MOST:
            return [(0, size, 0)]
        return [(0, PC_LOW, 0), (PC_HIGH, PC_HIGH + size - PC_LOW, PC_LOW)]
    # ELF-64 Object File Format: e_phoff, e_phentsize, e_phnum; program headers of type PT_LOAD (1).
    offset, entry_size, count = struct.unpack_from('<Q', data, 32)[0], *struct.unpack_from('<HH', data, 54)
    ranges = []
    for index in range(count):
        kind, _, at, _, physical, bytes_in_file = struct.unpack_from('<IIQQQQ', data, offset + index * entry_size)
        if kind == 1 and bytes_in_file:
            ranges.append((physical, physical + bytes_in_file, at))
    return ranges
