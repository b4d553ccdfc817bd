"""What is broken on purpose in accounts, gifts, timers and lines of devices."""
from breakages import Breakages

TIMERS, GIFTS, LINES = Breakages(), Breakages(), Breakages()
# By the cases of pager_kernel in the middle of which there is such a thing to break.
BREAKAGES = {'timers_many': TIMERS, 'times_gifts': GIFTS, 'interrupts_endpoint': LINES}


def timers_in_tree(scene):
    """Physical addresses of the root and of its left child."""
    root = scene.image.physical_of(scene.image.variable('timer_root'))
    return root, scene.image.physical_of(scene.image.field(root, 'timer', 'left'))


def giver(scene):
    return next(thread for _, thread in scene.threads if scene.image.field(thread, 'thread', 'budget.gift_to'))


def limited(scene):
    unlimited = (1 << 64) - 1
    return next(thread for _, thread in scene.threads if scene.image.field(thread, 'thread', 'budget.capacity') != unlimited)


# --- The tree of timers ---

@TIMERS.breaks(11)
def due_before_the_one_above(scene):
    root, child = timers_in_tree(scene)
    assert scene.image.field(root, 'timer', 'when') > 0
    yield scene.member(child, 'timer', 'when', 0)


@TIMERS.breaks(11)
def rank_of_a_timer(scene):
    yield scene.member(timers_in_tree(scene)[0], 'timer', 'rank', add=1)


@TIMERS.breaks(11)
def a_child_that_does_not_know_its_parent(scene):
    yield scene.member(timers_in_tree(scene)[1], 'timer', 'parent', 0)


@TIMERS.breaks(11)
def a_tree_without_its_root(scene):
    timers_in_tree(scene)
    yield scene.variable('timer_root', value=0)


@TIMERS.breaks(11)
def a_tree_that_has_lost_a_branch(scene):
    yield scene.member(timers_in_tree(scene)[0], 'timer', 'left', 0)


# --- Accounts and gifts ---

@GIFTS.breaks(11)
def a_timer_of_one_that_waits_for_no_time(scene):
    yield scene.member(scene.thread_in('READY', 'WAITING', 'STOPPED', 'RECEIVING')[1], 'thread', 'budget.timer.rank', 1)


@GIFTS.breaks(11)
def name_of_an_account(scene):
    yield scene.member(scene.threads[0][1], 'thread', 'account', add=1)


@GIFTS.breaks(11)
def more_left_than_granted(scene):
    yield scene.member(limited(scene), 'thread', 'budget.left', 1 << 60)


@GIFTS.breaks(11)
def a_gift_on_top_of_what_was_granted(scene):
    yield scene.member(giver(scene), 'thread', 'budget.gift', 1 << 60)


@GIFTS.breaks(11)
def a_purse_beside_time_of_its_own(scene):
    yield scene.member(giver(scene), 'thread', 'budget.purse', 1)


@GIFTS.breaks(11)
def a_gift_to_nobody(scene):
    yield scene.member(scene.threads[0][1], 'thread', 'budget.gift', 5)


@GIFTS.breaks(11)
def a_gift_to_the_giver(scene):
    place = giver(scene)
    yield scene.member(place, 'thread', 'budget.gift_to', scene.image.field(place, 'thread', 'account'))


@GIFTS.breaks(11)
def a_giver_that_is_answered_on_a_short_way(scene):
    yield scene.member(giver(scene), 'thread', 'priority_limit', 8)


@GIFTS.breaks(11)
def a_list_that_leaves_a_thread_out(scene):
    first = scene.image.physical_of(scene.image.variable('deadline_threads'))
    beyond = scene.image.field(first, 'link', 'next')
    yield scene.variable('deadline_threads', value=beyond)
    yield scene.member(scene.image.physical_of(beyond), 'link', 'back', scene.image.field(first, 'link', 'back'))


# --- Lines of devices ---

def line(scene):
    number = next(number for number in range(16) if scene.image.variable('interrupt_lines', f'[{number}].endpoint'))
    return f'[{number}]'


@LINES.breaks(8)
def a_line_of_an_endpoint_that_has_ended(scene):
    yield scene.variable('interrupt_lines', f'{line(scene)}.endpoint', add=12 * scene.layout.size('endpoint'))


@LINES.breaks(8)
def a_line_of_no_endpoint(scene):
    yield scene.variable('interrupt_lines', f'{line(scene)}.endpoint', value=0xfffff00000000000)


@LINES.breaks(8)
def a_line_that_sets_no_bits(scene):
    yield scene.variable('interrupt_lines', f'{line(scene)}.bits', value=0)
