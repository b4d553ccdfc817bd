"""What is broken on purpose in handle rows, threads and queues."""
from breakages import Breakages

BREAKAGES = Breakages()
breaks = BREAKAGES.breaks


# --- 8: handle rows ---

@breaks(8)
def unknown_rights(scene):
    yield scene.member(scene.filled_row(), 'handle_row', 'rights', 1 << 6)


@breaks(8)
def a_handle_in_another_row(scene):
    yield scene.member(scene.filled_row(), 'handle_row', 'handle', add=1)


@breaks(8)
def an_empty_row_with_a_handle(scene):
    place = scene.layout.place('space', 'rows')
    row = next(scene.space + place.offset + index * place.size for index in range(place.count)
               if not scene.image.field(scene.space + place.offset + index * place.size, 'handle_row', 'endpoint'))
    yield scene.member(row, 'handle_row', 'handle', 64)


@breaks(8)
def a_row_names_a_dead_endpoint(scene):
    yield scene.member(scene.filled_row(), 'handle_row', 'endpoint', add=20 * scene.layout.size('endpoint'))


@breaks(8)
def a_row_names_no_endpoint_at_all(scene):
    yield scene.member(scene.filled_row(), 'handle_row', 'endpoint', 0xfffff00000000000)


@breaks(8)
def the_endpoint_of_a_row_has_ended(scene):
    yield scene.member(scene.endpoint(), 'endpoint', 'is_used', 0)


@breaks(8)
def an_endpoint_without_its_rows(scene):
    yield scene.member(scene.endpoint(), 'endpoint', 'rows', 0)


@breaks(8)
def a_row_that_does_not_know_who_points_to_it(scene):
    yield scene.member(scene.filled_row(), 'handle_row', 'of_endpoint.back', add=8)


# --- 9: threads and queues ---

@breaks(9)
def a_state_that_is_not_so(scene):
    yield scene.member(scene.thread_in('SENDING', 'WAITING')[1], 'thread', 'state', scene.layout.constant('THREAD_STOPPED'))


@breaks(9, twin_only=True)
def a_ready_queue_of_one_that_is_not_ready(scene):
    yield scene.member(scene.thread_in('READY')[1], 'thread', 'state', scene.layout.constant('THREAD_STOPPED'))


@breaks(9)
def two_are_running(scene):
    yield scene.member(scene.thread_in('SENDING', 'WAITING', 'READY')[1], 'thread', 'state', scene.layout.constant('THREAD_RUNNING'))


@breaks(9)
def a_priority_that_does_not_exist(scene):
    yield scene.member(scene.threads[0][1], 'thread', 'priority', 99)


@breaks(9)
def name_of_a_thread(scene):
    yield scene.member(scene.threads[0][1], 'thread', 'frame.number', add=1)


@breaks(9)
def a_thread_of_another_space(scene):
    frame, thread = scene.buffered_thread()
    own = scene.image.field(thread, 'thread', 'space')
    other = next(pointer for pointer in (scene.image.field(peer, 'thread', 'space') for _, peer in scene.threads) if pointer != own)
    yield scene.member(thread, 'thread', 'space', other)


@breaks(9)
def threads_of_a_space(scene):
    yield scene.member(scene.space, 'space', 'count_threads', add=1)


@breaks(9)
def a_space_without_its_threads(scene):
    yield scene.member(scene.space, 'space', 'threads', 0)


@breaks(9)
def callers_that_nobody_has(scene):
    _, thread = scene.thread_in('WAITING')
    server = scene.image.physical_of(scene.image.field(thread, 'thread', 'server'))
    at = scene.image.field_at(server, 'space', 'callers')[0]
    here = scene.image.field(thread, 'thread', 'server') + at - server
    yield scene.member(at, 'caller_link', 'next', here)
    yield scene.member(at, 'caller_link', 'previous', here)


@breaks(9)
def the_client_of_nobody_waits(scene):
    yield scene.member(scene.thread_in('WAITING')[1], 'thread', 'client_of', 0)


@breaks(9)
def an_endpoint_without_its_clients(scene):
    _, thread = scene.thread_in('WAITING')
    endpoint = scene.image.physical_of(scene.image.field(thread, 'thread', 'client_of'))
    yield scene.member(endpoint, 'endpoint', 'clients', 0)


@breaks(9)
def the_processor_runs_another(scene):
    _, thread = scene.thread_in('SENDING', 'WAITING', 'READY')
    base = scene.image.field(scene.threads[0][1], 'thread', 'vectors_user') or scene.image.variable('processor', 'current')
    yield scene.variable('processor', 'current', base - scene.image.physical_of(base) + thread)


@breaks(9)
def a_thread_in_two_queues(scene):
    """A thread that waits for an answer is also the first in the queue of an endpoint."""
    _, thread = scene.thread_in('WAITING', 'READY')
    current = scene.image.variable('processor', 'current')
    yield scene.member(scene.endpoint(), 'endpoint', 'queue.first', current - scene.image.physical_of(current) + thread)


@breaks(9, twin_only=True)
def ready_priorities_that_are_not_so(scene):
    yield scene.variable('schedule_ready_priorities', flip=1)
