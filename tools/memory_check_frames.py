"""The twin's part for frames: invariants 3 and 4. The rows of the frame table, the stock of zeroed frames, and what the bitmap calls free.

What is free by the bitmap, what is free by the table, and the totals are counted apart and must come to the same.
"""
import re

from memory_check_bitmap import free_frames
from memory_image import PAGE, Missing

ZEROES = bytes(PAGE)


def stock_of(world):
    image = world.image
    count = image.variable('frame_state', 'stock_count')
    frames = image.variable_array('frame_state', 'stock').tolist()
    if count > len(frames):
        world.fail(3, f'the stock holds {count} frames, there is room for {len(frames)}')
        count = len(frames)
    return frames[:count]


def check_stock(world, stock, free):
    for index, frame in enumerate(stock):
        if frame >= min(world.limit, world.direct_frames) or frame in stock[:index]:
            world.fail(3, f'frame 0x{frame:x} in the stock is in it twice, or none that may be')
        elif world.kinds[frame] != world.kind['FREE'] or world.head[frame] != frame:
            world.fail(3, f'{world.name(frame)} is in the stock')
        elif free[frame]:
            world.fail(3, f'{world.name(frame)} is in the stock and free in the bitmap')
        elif not is_zero(world, frame):
            world.fail(3, f'{world.name(frame)} is in the stock and not zero')


def is_zero(world, frame):
    try:
        return world.image.frame(frame) == ZEROES
    except Missing:
        return False


def check_rows(world):
    """Rows that own nothing, and rows inside blocks, say no more than they may."""
    owned, order_mask = world.kind['KERNEL'], world.layout.constant('FRAME_ORDER_MASK')
    user, dirty, filled = world.kind['USER'], world.layout.constant('FRAME_DIRTY'), world.layout.constant('FRAME_FILLED')
    for frame, (kind, flags, count, cookie) in enumerate(zip(world.kinds, world.flags, world.counts, world.cookies)):
        if not flags and not count and not cookie:
            continue
        head = world.head[frame]
        if head != frame:
            if count or cookie or flags != world.flags[head] & order_mask:
                world.fail(3, f'the row of frame 0x{frame:x} inside the block of {world.name(head)} has flags 0x{flags:x} count {count} cookie 0x{cookie:x}')
        elif kind < owned:
            world.fail(3, f'{world.name(frame)} has flags 0x{flags:x} count {count} cookie 0x{cookie:x}')
        elif kind == user:
            if flags & ~(order_mask | dirty | filled) or cookie and (cookie >= 1 << world.order(frame) or not flags & dirty):
                world.fail(3, f'{world.name(frame)} has flags 0x{flags:x} cookie 0x{cookie:x}')
        elif flags & ~order_mask:
            world.fail(3, f'{world.name(frame)} has flags 0x{flags:x}')


def free_by_rows(world):
    """One byte for each frame: 1 where the table says that it is free and in no block."""
    free = bytearray(world.kinds.translate(bytes.maketrans(bytes(range(256)), bytes(number == world.kind['FREE'] for number in range(256)))))
    for block in world.blocks:
        size = 1 << world.order(block)
        inside = world.kinds[block + 1:block + size]
        if set(inside) - {world.kinds[block], world.kind['FREE']}:
            world.fail(3, f'the rows inside the block of {world.name(block)} are of other kinds')
        free[block:block + size] = bytes(size)
    return free


def free_kinds(world, block):
    """Of each row of a block whether it says FREE (microkernel/block.h)."""
    return [kind == world.kind['FREE'] for kind in world.kinds[block:block + (1 << world.order(block))]]


def check_sum(world, free):
    image, reserved = world.image, world.kind['RESERVED']
    held = sum(kind > reserved for kind in world.kinds) + sum(sum(free_kinds(world, block)) for block in world.blocks)
    unknown = re.search(b'[^%s]' % re.escape(bytes(number for number in world.kind_names if number < len(world.kind_names))), world.kinds, re.S)
    if unknown:
        world.fail(4, f'the row of frame 0x{unknown.start():x} has kind {world.kinds[unknown.start()]}, which does not exist')
    for frame in range(min(world.layout.constant('FIRST_FRAME'), world.limit)):
        if world.kinds[frame] not in (world.kind['ABSENT'], reserved):
            world.fail(4, f'{world.name(frame)} lies in the first 64 KiB')
    count_free, count_total = sum(free), image.variable('frame_state', 'count_total')
    kept_free = image.variable('frame_state', 'bitmap.count_free') + image.variable('frame_state', 'stock_count')
    if count_free != kept_free:
        world.fail(4, f'the table has {count_free} free frames, bitmap and stock count {kept_free}')
    if count_free + held != count_total:
        world.fail(4, f'{count_free} frames are free and {held} held, {count_total} are memory')


def check_frames(world):
    stock, in_bitmap, free = stock_of(world), free_frames(world), free_by_rows(world)
    check_stock(world, stock, in_bitmap)
    check_rows(world)
    for frame in stock:
        if frame < world.limit:
            in_bitmap[frame] |= 1
    if in_bitmap != free:
        frame = next(number for number, pair in enumerate(zip(in_bitmap, free)) if pair[0] != pair[1])
        world.fail(3, f'{world.name(frame)} is {"free" if in_bitmap[frame] else "not free"} in the bitmap and the stock')
    check_sum(world, free)
