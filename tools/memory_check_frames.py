"""The twin's part for frames: invariants 3 and 4. The rows of the frame table, what is spare, and what the bitmap calls free.

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


def spares_of(world):
    """(order, frame) of what the lists of spare blocks hold."""
    image, places = world.image, world.layout.constant('SPARES')
    counts, frames = image.variable_array('frame_state', 'count_spares').tolist(), image.variable_array('frame_state', 'spares').tolist()
    if any(count > places for count in counts) or any(counts[len(frames) // places:]):
        world.fail(3, f'there are {counts} spare blocks, there is room for {places}')
    return [(order, frame) for order, count in enumerate(counts[:len(frames) // places]) for frame in frames[order * places:][:min(count, places)]]


def check_spare(world, frame, order, flags, where, free):
    if frame >= world.limit:
        world.fail(3, f'frame 0x{frame:x} is in the {where}')
    elif world.kinds[frame] != world.kind['SPARE'] or world.head[frame] != frame or world.order(frame) != order:
        world.fail(3, f'{world.name(frame)} is in the {where}')
    elif world.flags[frame] & ~world.layout.constant('FRAME_ORDER_MASK') != flags or world.cookies[frame]:
        world.fail(3, f'{world.name(frame)} in the {where} has flags 0x{world.flags[frame]:x} cookie 0x{world.cookies[frame]:x}')
    elif any(free[frame:frame + (1 << order)]):
        world.fail(3, f'{world.name(frame)} is in the {where} and free in the bitmap')


def check_spares(world, free):
    """Stock and spares: each a head that says SPARE, and no other says so."""
    stock, spares = stock_of(world), spares_of(world)
    for frame in stock:
        check_spare(world, frame, 0, 0, 'stock', free)
        if frame < world.limit and not is_zero(world, frame):
            world.fail(3, f'{world.name(frame)} is in the stock and not zero')
    for order, frame in spares:
        check_spare(world, frame, order, world.layout.constant('FRAME_DIRTY'), 'spares', free)
    kept, seen = len(stock) + len(spares), sum(1 for _ in world.objects('SPARE'))
    if kept != seen or len({*stock, *(frame for _, frame in spares)}) != kept:
        world.fail(3, f'stock and spares hold {kept} blocks, {seen} rows say SPARE')


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
        elif kind == world.kind['SPARE']:
            if count:
                world.fail(3, f'{world.name(frame)} counts {count}')
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
        kind = world.kind['USER'] if world.kinds[block] == world.kind['SPARE'] else world.kinds[block]
        if set(inside) - {kind, world.kind['FREE']}:
            world.fail(3, f'the rows inside the block of {world.name(block)} are of other kinds')
        free[block:block + size] = bytes(size)
    return free


def check_sum(world, count_free, count_unwritten):
    """`count_free` frames are free in the bitmap; `count_unwritten` more look so in the table, for they came with a batch."""
    image, reserved, spare, free = world.image, world.kind['RESERVED'], world.kind['SPARE'], world.kind['FREE']
    held = sum(kind > reserved for kind in world.kinds) + count_unwritten
    for block in world.blocks:
        inside = world.kinds[block:block + (1 << world.order(block))]
        held += -sum(kind > reserved for kind in inside) if world.kinds[block] == spare else inside.count(free)
    count_spare = sum(1 << world.order(frame) for frame, _ in world.objects('SPARE'))
    unknown = re.search(b'[^%s]' % re.escape(bytes(number for number in world.kind_names if number < len(world.kind_names))), world.kinds, re.S)
    if unknown:
        world.fail(4, f'the row of frame 0x{unknown.start():x} has kind {world.kinds[unknown.start()]}, which does not exist')
    for frame in range(min(world.layout.constant('FIRST_FRAME'), world.limit)):
        if world.kinds[frame] not in (world.kind['ABSENT'], reserved):
            world.fail(4, f'{world.name(frame)} lies in the first 64 KiB')
    count_total = image.variable('frame_state', 'count_total')
    if count_free + count_spare + held != count_total:
        world.fail(4, f'{count_free} frames are free, {count_spare} spare and {held} held, {count_total} are memory')


def check_frames(world):
    in_bitmap, free = free_frames(world), free_by_rows(world)
    check_spares(world, in_bitmap)
    check_rows(world)
    unwritten = [number for number, pair in enumerate(zip(in_bitmap, free)) if pair[0] != pair[1]]
    wrong = [frame for frame in unwritten if in_bitmap[frame]]
    if wrong:
        world.fail(3, f'{world.name(wrong[0])} is free in the bitmap')
    kept = world.image.variable('frame_state', 'count_unwritten')
    if len(unwritten) != kept:
        world.fail(3, f'{len(unwritten)} frames that are used have a row that says FREE, {kept} came with batches')
    check_sum(world, sum(in_bitmap), len(unwritten))
