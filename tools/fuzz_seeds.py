#!/usr/bin/env python3
"""Writes the first inputs of the fuzzers: small, valid, so that the fuzzers begin behind the first check.

usage: tools/fuzz_seeds.py [FOLDER]     FOLDER: tests/fuzz/corpus by default; one folder in it for each fuzzer
"""
import struct
import sys
from pathlib import Path

from bundle import bundle_bytes


def elf_file(segments, entry):
    """A static executable of [(flags, address, content, bytes in memory)...], each in a page of its own."""
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, entry, 64, 0, 0, 64, 56, len(segments) + 1, 0, 0, 0)
    rows, content = b'', b''
    for flags, address, data, memory_bytes in segments:
        offset = 4096 + len(content)
        rows += struct.pack('<IIQQQQQQ', 1, flags, offset, address, address, len(data), memory_bytes, 4096)
        content += data + bytes(-len(data) % 4096)
    rows += struct.pack('<IIQQQQQQ', 0x6474e551, 6, 0, 0, 0, 0, 0, 16)
    head = header + rows
    file = head + bytes(4096 - len(head)) + content
    return file.rstrip(b'\0')


def elf_seeds():
    """The first byte chooses the address limit (fuzz_elf.c)."""
    code, data, rodata = (5, 0x400000, b'\xf4' * 16, 16), (6, 0x401000, b'data', 0x1800), (4, 0x403000, b'text', 4)
    yield 'three', b'\0' + elf_file([code, data, rodata], 0x400000)
    yield 'code', b'\1' + elf_file([code], 0x40000f)
    yield 'high', b'\2' + elf_file([(5, 0x7fffffffe000, b'\xf4', 1)], 0x7fffffffe000)
    yield 'order', b'\0' + elf_file([data, code], 0x400000)


def bundle_seeds():
    yield 'one', bundle_bytes([(b'p', 'pager')])
    yield 'three', bundle_bytes([(b'p', 'pager'), (b'', 'data:empty'), (b'h' * 4096, 'program:hello one two')])


def tag(kind, payload):
    size = 8 + len(payload)
    return struct.pack('<II', kind, size) + payload + bytes(-size % 8)


def multiboot2_information(*tags):
    body = b''.join(tags) + tag(0, b'')
    return struct.pack('<II', 8 + len(body), 0) + body


def multiboot2_seeds():
    rows = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x100000, 0x7f00000, 1)]
    memory = tag(6, struct.pack('<II', 24, 0) + b''.join(struct.pack('<QQII', *row, 0) for row in rows))
    module = tag(3, struct.pack('<II', 0x200000, 0x201234) + b'pager\0')
    yield 'least', multiboot2_information(memory)
    yield 'all', multiboot2_information(tag(1, b'trace=faults\0'), tag(2, b'GRUB\0'), module, tag(3, struct.pack('<II', 0x202000, 0x203000) + b'data:x\0'),
                                        memory, tag(8, struct.pack('<QIIIBBB', 0xfd000000, 4096, 1024, 768, 32, 1, 0)), tag(14, bytes(20)), tag(15, bytes(36)))


def pvh_seeds():
    """Physical memory from 1 MiB on, the start structure in front (fuzz_pvh.c)."""
    base = 0x100000
    memory_map = struct.pack('<QQII', 0, 0x9fc00, 1, 0) + struct.pack('<QQII', base, 0x7f00000, 1, 0)
    arguments = b'debug-exit=0xf4\0'
    for name, bundle in (('plain', b''), ('bundle', bundle_bytes([(b'p', 'pager')]))):
        start = struct.pack('<IIIIQQQQII', 0x336ec578, 1, 0, 1 if bundle else 0, base + 0x80, base + 0x40, base + 0xe0, base + 0xa0, 2, 0)
        modules = struct.pack('<QQQQ', base + 4096, len(bundle), 0, 0)
        page = start.ljust(0x40, b'\0') + arguments.ljust(0x40, b'\0') + modules + memory_map.ljust(0x40, b'\0') + bytes(36)
        yield name, page + (bytes(4096 - len(page)) + bundle if bundle else b'')


def arguments_seeds():
    yield 'kernel', b'trace=faults,memory debug-exit=0xf4 end=exit "a=b c" d=\'e f\' quiet'
    yield 'module', b'program+wx:hello one two  three'
    yield 'quote', b'a="x b'


SEEDS = {'elf': elf_seeds, 'bundle': bundle_seeds, 'multiboot2': multiboot2_seeds, 'pvh': pvh_seeds, 'arguments': arguments_seeds}


def main():
    if any(argument.startswith('-') for argument in sys.argv[1:]) or len(sys.argv) > 2:
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (['-h'], ['--help']) else 2
    top = Path(sys.argv[1]) if len(sys.argv) == 2 else Path(__file__).resolve().parent.parent / 'tests/fuzz/corpus'
    for name, seeds in SEEDS.items():
        folder = top / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, content in seeds():
            (folder / seed).write_bytes(content)
    return 0


if __name__ == '__main__':
    sys.exit(main())
