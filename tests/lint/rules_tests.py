"""Tests: no function of the portable kernel that they do not know of."""
import re

from lint_tree import Problem, rule
from rules_layers import without_comments

# A declaration or an inline definition at the beginning of a line; its name is the last word before the first parenthesis.
DECLARATION = re.compile(r'^(?!typedef|static_assert|struct \w+ \{|#)[a-z_][\w \t*]*?\b\*?(\w+)\(')


def declared(text):
    """(line number, name) of the functions of a header."""
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        found = DECLARATION.match(re.sub(r'(\[\[\w+(::\w+)?\]\]|\bARCH_HANDLER)\s*', '', line))
        if found:
            yield number, found.group(1)


# Headers that the kernel's own parts share: what is in them is reached through these functions, which tests call.
INTERNAL = {
    'microkernel/bitmap_tiers.h': 'bitmap_allocate_within bitmap_free bitmap_check',
    'microkernel/block.h': 'frame_split frame_free frame_allocate_batch',
    'microkernel/check_parts.h': 'check_run',
    'microkernel/page.h': 'space_map_page space_unmap resolve',
    'microkernel/walk.h': 'space_map space_fill space_unmap space_protect space_move',
    'microkernel/window_spans.h': 'window_allocate window_free window_find',
}
# Functions that no test calls by their name, each with a word that tests do use: the function or the system call that leads there.
REACHED = {
    'microkernel/arch.h': {
        'arch_page_zero': 'frame_clean', 'arch_words_fill': 'frame_clean', 'arch_frame_is_direct': 'host_set_direct_frames',
        'arch_frame_table': 'frame_find', 'arch_frame_table_place': 'frame_initialise',
        'arch_frames_limit': 'device_map', 'arch_has_write_combining': 'host_set_write_combining',
        'arch_cache_write_back': 'HOST_WRITE_BACKS', 'arch_root_initialise': 'space_create', 'arch_root_clear': 'space_destroy',
        'arch_context_instruction': 'FAULT_RETRY', 'arch_context_stack': 'FAULT_RETRY', 'arch_vectors_initialise': 'thread_create',
        'arch_vectors_forget': 'thread_destroy', 'arch_cycles_per_second': 'boot_info', 'arch_cycles_to_nanoseconds': 'arch_cycles',
        'arch_nanoseconds_to_cycles': 'host_timer', 'arch_panic': 'HOST_PANICKED', 'arch_near': 'give_time',
    },
    'microkernel/bitmap.h': {'bitmap_may_have': 'frame_allocate', 'bitmap_take_frame': 'frame_allocate', 'bitmap_word': 'bitmap_is_free'},
    'microkernel/budget.h': {
        'budget_initialise': 'thread_create', 'budget_find': 'give_time', 'budget_begin': 'world_call', 'budget_pause': 'world_call',
        'budget_on_timer': 'kernel_on_timer', 'budget_give': 'give_time', 'budget_answered': 'reply_receive', 'budget_forget': 'thread_destroy',
        'budget_check': 'check_run',
    },
    'microkernel/deadline.h': {'deadline_forget': 'thread_destroy', 'deadline_age': 'thread_info'},
    'microkernel/calls.h': {'row_with_right': 'kernel_on_call', 'row_refuse': 'kernel_on_call', 'resolve_page': 'CALL_resolve'},
    'microkernel/counter.h': {'counter_add': 'counters'},
    'microkernel/endpoint.h': {'endpoint_drop_client': 'thread_stop'},
    'microkernel/frame.h': {
        'frame_require': 'space_fill', 'frame_allocate_tables': 'space_map',
        'frame_allocate_unzeroed_table': 'space_map', 'frame_allocate_user': 'frame_allocate',
        'frame_allocate_object': 'frame_allocate', 'frame_free_user': 'frame_free', 'frame_free_object': 'frame_free',
        'frame_release': 'frame_free', 'frame_is_object': 'space_destroy', 'frame_object': 'space_destroy',
    },
    'microkernel/handle.h': {'handle_served': 'reply_receive', 'handle_row_of_link': 'endpoint_destroy'},
    'microkernel/kernel.h': {'kernel_leave': 'kernel_on_call', 'kernel_start': 'bundle_bytes'},
    'microkernel/link.h': {'link_insert': 'endpoint_create', 'link_remove': 'endpoint_destroy',
                           'link_insert_here': 'handle_fill', 'link_remove_here': 'handle_fill'},
    'microkernel/message.h': {'message_service_end': 'reply_receive', 'message_part_fits': 'CALL_call', 'message_reply': 'reply_receive',
                              'message_caller': 'message_find_caller'},
    'microkernel/schedule.h': {
        'schedule_may_serve': 'give_time', 'schedule_may_pay_alone': 'give_time', 'schedule_pay_alone': 'give_time', 'schedule_push_front': 'resolve',
        'schedule_set_priority': 'thread_create', 'schedule_raise': 'CALL_call', 'schedule_work_for': 'schedule_work_alone',
        'schedule_set_limit': 'thread_create', 'schedule_exhaust': 'kernel_on_timer', 'schedule_resume': 'give_time', 'schedule_idle': 'host_on_idle',
    },
    'microkernel/space.h': {'space_transfer': 'space_move'},
    'microkernel/thread.h': {
        'thread_refuse': 'thread_cancel', 'thread_end_wait': 'thread_stop', 'thread_of_link': 'thread_create',
        'thread_log_fault_lost': 'HANDLE_PAGER', 'thread_queue_insert': 'endpoint_push', 'thread_queue_remove': 'thread_stop',
    },
    'microkernel/types.h': {'frame_to_physical': 'space_create', 'physical_to_frame': 'boot_info'},
}


@rule(bad={'microkernel/a.h': '/* A. */\nenum status a_make(struct a *a);\nstatic inline bool a_is_good(const struct a *a)\n{\n}\n',
           'tests/unit/test_a.c': 'a_make(&a);\n'},
      at='microkernel/a.h:3',
      good={'microkernel/a.h': '/* a_old() is gone */\nstruct a { int b; };\n[[noreturn]] void a_end(void);\n', 'tests/unit/test_a.c': 'a_end();\n'})
def every_function_is_known_to_a_test(tree):
    """Each function of a header of the portable kernel is named by a test, or stands in this rule's lists with what leads there. Write the test, or the row."""
    words = set()
    for path in tree.files:
        if path.startswith('tests/') and not path.startswith('tests/lint/'):
            words.update(re.findall(r'\w+', tree.files[path]))
    for path in tree.paths('.h'):
        if not re.fullmatch(r'microkernel/\w+\.h', path):
            continue
        functions = dict((name, number) for number, name in declared(tree.files[path]))
        reached = REACHED.get(path, {})
        for name, number in functions.items():
            if name not in words and name not in reached and path not in INTERNAL:
                yield Problem(path, number, f'no test names {name}()')
        for name, through in [*reached.items(), *(('', through) for through in INTERNAL.get(path, '').split())]:
            if name and name not in functions:
                yield Problem(path, 1, f'{name}() is listed in rules_tests.py and not declared')
            elif through not in words:
                yield Problem(path, 1, f'{through}, which leads to {name}() as rules_tests.py says, is named by no test')
