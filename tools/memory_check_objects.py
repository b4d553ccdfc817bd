"""The twin's part for handle rows, threads and queues: invariants 8 and 9.

Every list is followed from its head, each element must be one that may be in it, and none may come twice; then whoever claims to be in a list must have
been met.
"""
from memory_image import PAGE, Missing


class Objects:
    def __init__(self, world):
        self.world, self.image, self.layout = world, world.image, world.layout
        self.spaces = dict(world.objects('SPACE'))
        self.threads = dict(world.objects('THREAD'))
        self.pools = dict(world.objects('ENDPOINTS'))
        self.states = {number: name for name, number in self.layout.constants.items() if name in STATES}
        self.endpoints = {}  # physical address of each living endpoint: its name
        slot = self.layout.size('endpoint')
        for frame, physical in self.pools.items():
            for index in range(1, PAGE // slot):
                if self.image.field(physical + index * slot, 'endpoint', 'is_used'):
                    self.endpoints[physical + index * slot] = f'endpoint 0x{frame * (PAGE // slot) + index:x}'

    def physical(self, pointer):
        """None: the pointer leads nowhere."""
        try:
            return self.image.physical_of(pointer)
        except Missing:
            return None

    def pointer_at(self, physical):
        """What the pointer in these eight bytes of memory leads to: None when it is null, -1 when it leads nowhere."""
        pointer = self.image.number(physical, 8)
        if pointer == 0:
            return None
        found = self.physical(pointer)
        return -1 if found is None else found

    def member_at(self, physical, structure, path):
        return self.image.field_at(physical, structure, path)[0]

    def is_thread(self, physical, state=None):
        """A living thread, in that state when one is given."""
        return self.threads.get(physical // PAGE) == physical and state in (None, self.state(physical))

    def state(self, thread):
        return self.states.get(self.image.field(thread, 'thread', 'state'), '?')

    def list(self, invariant, head, structure, member, is_right, whose):
        """Follows a list through links that are the member of its elements (microkernel/link.h). Returns the elements."""
        inside, met, link = self.layout.place(structure, member).offset, [], head
        while (following := self.pointer_at(link)) is not None:
            element = following - inside
            if element in met or not is_right(element):
                self.world.fail(invariant, f'{whose} leads to what does not belong there: 0x{element % (1 << 64):x} after {len(met)} others')
                break
            if self.pointer_at(self.member_at(element, structure, f'{member}.back')) != link:
                self.world.fail(invariant, f'{whose}: element {len(met)}, at 0x{element:x}, does not know who points to it')
                break
            met.append(element)
            link = following
        return met


STATES = ('THREAD_STOPPED', 'THREAD_READY', 'THREAD_RUNNING', 'THREAD_SENDING', 'THREAD_WAITING', 'THREAD_RECEIVING',
          'THREAD_EXHAUSTED')


# --- 8: handle rows ---

def rows_of_space(objects, frame, space):
    """(physical address, endpoint) of every filled row."""
    image, world, layout = objects.image, objects.world, objects.layout
    place = layout.place('space', 'rows')
    rows = [(objects.member_at(space, 'space', 'pager'), None)]
    rows += [(space + place.offset + index * place.size, index) for index in range(place.count)]
    none, all_rights = layout.constant('HANDLE_NONE'), layout.constant('RIGHTS_ALL')
    for row, index in rows:
        name = f'row {"of the pager" if index is None else index} of space 0x{frame:x}'
        handle, rights = image.field(row, 'handle_row', 'handle'), image.field(row, 'handle_row', 'rights')
        endpoint = objects.pointer_at(objects.member_at(row, 'handle_row', 'endpoint'))
        if endpoint is None:
            if handle != none or rights:
                world.fail(8, f'{name} is empty, but has handle 0x{handle:x} and rights 0x{rights:x}')
            continue
        if endpoint not in objects.endpoints:
            world.fail(8, f'{name}, handle 0x{handle:x}, names an endpoint that is not alive, at 0x{endpoint % (1 << 64):x}')
            continue
        if rights & ~all_rights:
            world.fail(8, f'{name} has rights 0x{rights:x}')
        if index is not None and (handle == none or handle % place.count != index):
            world.fail(8, f'{name} has handle 0x{handle:x}, which belongs elsewhere')
        yield row, endpoint


def check_rows(objects):
    filled = {}
    for frame, space in objects.spaces.items():
        filled.update(rows_of_space(objects, frame, space))
    listed = 0
    for endpoint, name in objects.endpoints.items():
        listed += len(objects.list(8, objects.member_at(endpoint, 'endpoint', 'rows'), 'handle_row', 'of_endpoint',
                                   lambda row, endpoint=endpoint: filled.get(row) == endpoint, f'the list of the rows of {name}'))
    if listed != len(filled):
        objects.world.fail(8, f'{len(filled)} rows are filled, {listed} are in the lists of endpoints')
    return len(filled)


# --- 9: threads and queues ---

def check_thread(objects, frame, thread, current):
    image, world = objects.image, objects.world
    name = f'thread 0x{frame:x}'
    own = image.field(thread, 'thread', 'frame.number')
    if own != frame:
        world.fail(9, f'{name} calls itself 0x{own:x}')
    space = objects.pointer_at(objects.member_at(thread, 'thread', 'space'))
    if space not in objects.spaces.values():
        world.fail(9, f'the space of {name} is none')
    state, priority = objects.state(thread), image.field(thread, 'thread', 'priority')
    if state == '?' or priority >= objects.layout.constant('PRIORITY_LIMIT'):
        world.fail(9, f'{name} has state {image.field(thread, "thread", "state")} and priority {priority}')
    requests, request = objects.layout.names('REQUEST_'), image.field(thread, 'thread', 'request')
    if (state in ('THREAD_SENDING', 'THREAD_WAITING')) != (requests.get(request, '?') in ('CALL', 'FAULT')):
        world.fail(9, f'{name} is {state} with request {requests.get(request, request)}')
    if (state == 'THREAD_RUNNING') != (thread == current):
        world.fail(9, f'{name} is {state}, but the processor runs {"it" if thread == current else "another one"}')


def queue(objects, first, last, is_right, whose):
    """A doubly linked queue of threads; first and last are places of pointers. Returns its threads."""
    met, link = [], first
    while (thread := objects.pointer_at(link)) is not None:
        before = met[-1] if met else None
        if thread in met or not is_right(thread):
            objects.world.fail(9, f'{whose} leads to what does not belong there: 0x{thread % (1 << 64):x} after {len(met)} others')
            break
        met.append(thread)
        link = objects.member_at(thread, 'thread', 'queue_next')
        if objects.pointer_at(objects.member_at(thread, 'thread', 'queue_previous')) != before:
            objects.world.fail(9, f'{whose}: the thread at 0x{thread:x} does not know the one before it')
    if objects.pointer_at(last) != (met[-1] if met else None):
        objects.world.fail(9, f'{whose} does not end where it says')
    return met


def ring(objects, head, is_right, whose):
    """The ring of a space's callers, through its head. Returns its threads."""
    inside, met, link = objects.layout.place('thread', 'caller').offset, [], head
    while True:
        before, link = link, objects.pointer_at(objects.member_at(link, 'caller_link', 'next')) or -1
        if link != head and (link < 0 or link - inside in met or not is_right(link - inside)):
            objects.world.fail(9, f'{whose}: what comes after {len(met)} of them does not belong there')
            return met
        if objects.pointer_at(objects.member_at(link, 'caller_link', 'previous')) != before:
            objects.world.fail(9, f'{whose}: what comes after {len(met)} of them does not know the one before it')
        if link == head:
            return met
        met.append(link - inside)


def clients_of_endpoints(objects):
    """Threads in the lists of clients."""
    met = []
    for endpoint, name in objects.endpoints.items():
        def is_right(thread, endpoint=endpoint):
            return objects.is_thread(thread) and objects.pointer_at(objects.member_at(thread, 'thread', 'client_of')) == endpoint
        met += objects.list(9, objects.member_at(endpoint, 'endpoint', 'clients'), 'thread', 'of_client', is_right, f'the clients of {name}')
    return met


def ready_queues(objects):
    image, world = objects.image, objects.world
    met, bits = [], 0
    for priority in range(objects.layout.constant('PRIORITY_LIMIT')):
        def is_right(thread, priority=priority):
            return objects.is_thread(thread, 'THREAD_READY') and image.field(thread, 'thread', 'priority') == priority
        ends = [image.variable_at('schedule_queues', f'[{priority}].{end}')[0] for end in ('first', 'last')]
        here = queue(objects, *ends, is_right, f'the ready queue of priority {priority}')
        bits |= bool(here) << priority
        met += here
    kept = image.variable('schedule_ready_priorities') & ((1 << objects.layout.constant('PRIORITY_LIMIT')) - 1)
    if kept != bits:
        world.fail(9, f'the ready priorities are 0x{bits:x}, the scheduler has 0x{kept:x}')
    return met


def endpoint_queues(objects):
    met = []
    for endpoint, name in objects.endpoints.items():
        state = 'THREAD_RECEIVING' if objects.image.field(endpoint, 'endpoint', 'queue_is_receivers') else 'THREAD_SENDING'

        def is_right(thread, endpoint=endpoint, state=state):
            return objects.is_thread(thread, state) and objects.pointer_at(objects.member_at(thread, 'thread', 'endpoint')) == endpoint
        met += queue(objects, *(objects.member_at(endpoint, 'endpoint', end) for end in ('queue.first', 'queue.last')), is_right, f'the queue of {name}')
    return met


def lists_of_spaces(objects):
    """(threads in the lists of spaces, threads in the lists of callers)."""
    world, threads, callers = objects.world, [], []
    for frame, space in objects.spaces.items():
        def is_own(thread, member='space', state=None, space=space):
            return objects.is_thread(thread, state) and objects.pointer_at(objects.member_at(thread, 'thread', member)) == space
        mine = objects.list(9, objects.member_at(space, 'space', 'threads'), 'thread', 'of_space', is_own, f'the threads of space 0x{frame:x}')
        count = objects.image.field(space, 'space', 'count_threads')
        if count != len(mine):
            world.fail(9, f'space 0x{frame:x} counts {count} threads, there are {len(mine)}')
        threads += mine
        callers += ring(objects, objects.member_at(space, 'space', 'callers'), lambda thread, is_own=is_own: is_own(thread, 'server', 'THREAD_WAITING'),
                        f'the callers of space 0x{frame:x}')
    return threads, callers


def check_threads(objects):
    world = objects.world
    current = objects.pointer_at(objects.image.variable_at('processor', 'current')[0])
    if current is not None and current not in objects.threads.values():
        world.fail(9, 'what the processor runs is no thread')
    for frame, thread in objects.threads.items():
        check_thread(objects, frame, thread, current)
    ready, queued, (threads, callers) = ready_queues(objects), endpoint_queues(objects), lists_of_spaces(objects)
    clients = clients_of_endpoints(objects)
    for thread in objects.threads.values():
        state = objects.state(thread)
        is_client = objects.pointer_at(objects.member_at(thread, 'thread', 'client_of')) is not None
        wanted = [state == 'THREAD_READY', state in ('THREAD_SENDING', 'THREAD_RECEIVING'), state == 'THREAD_WAITING', is_client, True]
        found = [ready.count(thread), queued.count(thread), callers.count(thread), clients.count(thread), threads.count(thread)]
        if wanted != found or (state == 'THREAD_WAITING' and not is_client):
            world.fail(9, f'thread 0x{thread // PAGE:x}, {state}, is in {found[0]} ready queues, {found[1]} queues of endpoints, {found[2]} rings of callers, '
                          f'{found[3]} lists of clients and {found[4]} lists of spaces')


def check_objects(world):
    objects = Objects(world)
    filled = check_rows(objects)
    check_threads(objects)
    world.report.counts |= {'threads': len(objects.threads), 'endpoints': len(objects.endpoints), 'rows': filled}
