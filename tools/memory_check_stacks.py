"""The twin's look at the kernel's stacks: invariant 12.

They lie in memory that the loader zeroes, and nobody ever clears them: so the lowest word that is not zero tells how deep they have ever been. What lies below
the allowed depth is the canary.
"""

ALLOWED_BYTES = 4096  # of the kernel's stack; tests/machine/test_stack.py finds the same bound in the machine code
SPECIAL_ALLOWED_BYTES = 3072
SPECIAL_BYTES = 4096  # each: non-maskable interrupt, double fault, machine check, debug


def used_bytes(world, first, limit):
    """Bytes from the lowest word that was written to the end of a stack."""
    content = bytes(world.image.at(world.layout.physical(first), limit - first))
    return len(content.lstrip(b'\0')) + 7 & -8


def check_stacks(world):
    symbols = world.layout.symbols
    used = used_bytes(world, symbols['kernel_stack'], symbols['kernel_stack_top'])
    if used > ALLOWED_BYTES:
        world.fail(12, f'the kernel has used {used} bytes of its stack, {ALLOWED_BYTES} are allowed')
    for index in range(4):
        first = symbols['special_stacks'] + index * SPECIAL_BYTES
        special = used_bytes(world, first, first + SPECIAL_BYTES)
        if special > SPECIAL_ALLOWED_BYTES:
            world.fail(12, f'stack {index} for exceptions of their own has {special} bytes used, {SPECIAL_ALLOWED_BYTES} are allowed')
    world.report.counts |= {'stack': used}
