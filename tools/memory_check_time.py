"""The twin's part for time and lines: the accounts of threads, the list of all threads, the tree of timers (invariant 11), and the
endpoints that lines of devices name (8).

The kernel's checker looks at each timer and its neighbours; here the tree is walked from its root, and whoever says that its timer is set must have been met.
"""
from memory_check_objects import Objects

ALL_ONES = (1 << 64) - 1


def check_account(objects, frame, thread):
    image, layout, fail = objects.image, objects.layout, objects.world.fail
    name = f'thread 0x{frame:x}'
    capacity, period, left, gift, gift_to = (image.field(thread, 'thread', f'budget.{member}') for member in ('capacity', 'period', 'left', 'gift', 'gift_to'))
    account = image.field(thread, 'thread', 'account')
    if account & 0xffffffff != frame or account >> 32 == 0:
        fail(11, f'{name} has the account 0x{account:x}')
    if gift and not gift_to:
        fail(11, f'{name} has set {gift} cycles aside for nobody')
    if gift_to and gift_to == account:
        fail(11, f'{name} gives to itself')
    if image.field(thread, 'thread', 'budget.purse') and capacity:
        fail(11, f'{name} pays from the account of another thread and is granted {capacity} cycles of its own')
    if gift_to and image.field(thread, 'thread', 'priority_limit'):
        fail(11, f'{name} gives, and its calls may be answered on a short way')
    if capacity == layout.constant('TIME_UNLIMITED') & ALL_ONES:
        if gift > layout.constant('TIME_LIMIT'):
            fail(11, f'{name} has set {gift} cycles aside, more than there can be')
    elif left + gift > capacity or period == 0:
        fail(11, f'{name} has {left} cycles and {gift} set aside, of {capacity} in {period}')


def timers_that_are_set(objects):
    """{physical address: whose it is}, by what each says of itself."""
    image = objects.image
    places = {objects.member_at(thread, 'thread', 'budget.timer'): f'thread 0x{frame:x}' for frame, thread in objects.threads.items()}
    places |= {objects.member_at(endpoint, 'endpoint', 'timer'): name for endpoint, name in objects.endpoints.items()}
    places[image.variable_at('look_timer')[0]] = 'the look for late faults'
    rank = objects.layout.place('timer', 'rank').offset
    return {place: whose for place, whose in places.items() if image.number(place + rank, 1)}


def check_tree(objects):
    image, fail = objects.image, objects.world.fail
    pending, met = timers_that_are_set(objects), {}
    todo = [(objects.pointer_at(image.variable_at('timer_root')[0]), None)]
    while todo:
        timer, parent = todo.pop()
        if timer is None:
            continue
        if timer not in pending or timer in met:
            fail(11, f'the tree of timers leads to what is none that is set, at 0x{timer % (1 << 64):x}')
            return len(met)
        met[timer] = parent
        if objects.pointer_at(objects.member_at(timer, 'timer', 'parent')) != parent:
            fail(11, f'the timer of {pending[timer]} does not know the one above it')
        if parent is not None and image.field(timer, 'timer', 'when') < image.field(parent, 'timer', 'when'):
            fail(11, f'the timer of {pending[timer]} is due before the one above it')
        below = [objects.pointer_at(objects.member_at(timer, 'timer', side)) for side in ('left', 'right')]
        ranks = [0 if child is None or child < 0 else image.field(child, 'timer', 'rank') for child in below]
        if ranks[1] > ranks[0] or image.field(timer, 'timer', 'rank') != ranks[1] + 1:
            fail(11, f'the timer of {pending[timer]} has rank {image.field(timer, "timer", "rank")} above {ranks[0]} and {ranks[1]}')
        todo += [(child, timer) for child in below]
    for timer, whose in pending.items():
        if timer not in met:
            fail(11, f'the timer of {whose} is set and not in the tree')
    for frame, thread in objects.threads.items():
        if objects.member_at(thread, 'thread', 'budget.timer') in met and objects.state(thread) != 'THREAD_EXHAUSTED':
            fail(11, f'the timer of thread 0x{frame:x} is set, which is {objects.state(thread)}')
    return len(met)


def check_lines(objects):
    image, count = objects.image, 0
    for line in range(objects.layout.constant('INTERRUPT_LINES')):
        endpoint = objects.pointer_at(image.variable_at('interrupt_lines', f'[{line}].endpoint')[0])
        if endpoint is None:
            continue
        count += 1
        if endpoint not in objects.endpoints or not image.variable('interrupt_lines', f'[{line}].bits'):
            objects.world.fail(8, f'line {line} sets bits at an endpoint that is not alive, or none')
    return count


def check_time(world):
    objects = Objects(world)
    for frame, thread in objects.threads.items():
        check_account(objects, frame, thread)
    everybody = objects.list(11, world.image.variable_at('deadline_threads')[0], 'thread', 'every', objects.is_thread, 'the list of all threads')
    if len(everybody) != len(objects.threads):
        world.fail(11, f'there are {len(objects.threads)} threads, {len(everybody)} in the list of all of them')
    gifts = sum(bool(objects.image.field(thread, 'thread', 'budget.gift_to')) for thread in objects.threads.values())
    world.report.counts |= {'gifts': gifts, 'timers': check_tree(objects), 'lines': check_lines(objects)}
