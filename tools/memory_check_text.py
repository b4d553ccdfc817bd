"""The twin's look at the kernel's code and constants: invariant 13.

In memory they are what the kernel's file has, byte for byte. What runs at boot only (.init) is not looked at: its frames become free memory.
"""
import zlib


def check_text(world):
    for name, (address, wanted) in world.layout.constant_bytes.items():
        found = bytes(world.image.at(world.layout.physical(address), len(wanted)))
        if zlib.crc32(found) != zlib.crc32(wanted):
            at = next(at for at, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1])
            world.fail(13, f'{name} at 0x{address + at:x} is 0x{found[at]:x}, in the file of the kernel 0x{wanted[at]:x}')
