"""The bundle: all boot modules in one file, for the PVH door, where QEMU takes a single -initrd. Its reader is libimage/bundle.h.

Little-endian. Header, 32 bytes: magic "QUIREBND", u32 version, u32 count, u64 total bytes, u64 zero. Then for each module 288 bytes:
u64 offset, u64 size in bytes, two u64 zero, command line in 256 bytes ended by NUL. Each module begins at a multiple of 4096 and is padded
with zeroes to the next; offsets ascend without overlap; the whole is a multiple of 4096.
"""
import struct
from pathlib import Path

from project import Failure

MAGIC = b'QUIREBND'
VERSION = 1
MODULES = 32
PAGE_BYTES = 4096
HEADER = struct.Struct('<8sIIQQ')
ENTRY = struct.Struct('<QQQQ256s')
assert HEADER.size == 32 and ENTRY.size == 288


def round_up(size):
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def bundle_bytes(modules):
    """The bundle of [(data, command line)...]."""
    if not 1 <= len(modules) <= MODULES:
        raise Failure(f'a bundle holds 1 to {MODULES} modules, not {len(modules)}')
    offset = round_up(HEADER.size + ENTRY.size * len(modules))
    entries, contents = [], []
    for data, text in modules:
        entries.append(ENTRY.pack(offset, len(data), 0, 0, text.encode()))
        contents.append(data + bytes(round_up(len(data)) - len(data)))
        offset += len(contents[-1])
    head = HEADER.pack(MAGIC, VERSION, len(modules), offset, 0) + b''.join(entries)
    return head + bytes(round_up(len(head)) - len(head)) + b''.join(contents)


def write_bundle(modules, path):
    """Writes the bundle of Module objects."""
    Path(path).write_bytes(bundle_bytes([(Path(module.path).read_bytes(), module.text) for module in modules]))
