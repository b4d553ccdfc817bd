"""The same programs under each policy of filling memory (docs/adr/0031-filling.md): the same ends, the same output.

A case that is left out has the usual policy's counts, or its refusals, for its very point; the reason stands beside it.
"""
from functools import cache

from harness import cases, data, program, words_file
from subjects import CASES, run_groups
from test_programs import boot_checked, coreutils, output_of

LEFT_OUT = {
    'fill=once': {
        'mmap_when_touched': 'that nothing comes before a touch is what it is about',
        'mmap_large_by_pages': 'counts the pages that three touches bring',
        'mmap_advice': 'counts the faults of memory that is there at once here',
        'fault_storm': 'counts faults of touches in order; here there are none',
        'memory_and_others': 'another process touches its memory when there is no more; here that is there already, and nobody has to end',
    },
    'fill=large': {
        'mmap_when_touched': 'counts the pages and the frames that single touches bring',
        'mmap_large_by_pages': 'counts the pages that three touches bring',
        'threads_during_unmap': 'touches a gibibyte here and there; each touch brings 2 MiB, more than there is',
        'threads_during_end': 'the same',
        'thread_touches_going': 'the same',
    },
    'around=1': {
        'mmap_advice': 'counts the faults that advice saves; here each page comes alone',
        'fault_storm': 'counts the faults that touches in order save; here each page comes alone',
    },
}
# Together they are all groups. Greed is soon over where memory is small.
BOOTS = [(('kinds', 'groups', 'time'), '128M'), (('threads',), '128M'), (('addresses', 'protection', 'instructions', 'calls', 'messages'), '128M'),
         (('greed',), '24M')]
MEMORY = {('fill=once', 'threads'): '512M'} # the whole stacks of 64 threads


GROUP_OF = {name: group for group, name, _ in CASES}


@cases(policy=list(LEFT_OUT), groups=[','.join(groups) for groups, _ in BOOTS])
def test_cases(policy, groups):
    memory = MEMORY.get((policy, groups)) or next(memory for booted, memory in BOOTS if ','.join(booted) == groups)
    without = [name for name in LEFT_OUT[policy] if GROUP_OF[name] in groups.split(',')]
    run_groups(*groups.split(','), without=without, append=policy, memory=memory)


def test_every_case_is_booted_or_left_out():
    assert {group for groups, _ in BOOTS for group in groups} == {group for group, _, _ in CASES}
    assert all(name in GROUP_OF for left_out in LEFT_OUT.values() for name in left_out), 'a case that does not exist is left out'


@cache
def words():
    return words_file().read_bytes()[:1 << 20]


@cases(policy=list(LEFT_OUT))
def test_programs(policy):
    """What users run says the same. `segments` is not here: it says how many pages come by touches."""
    modules = ['hello one two', 'echo server', 'echo client', 'threads', 'wordcount words.txt']
    result = boot_checked([*(program(line) for line in modules), data(words(), 'words.txt')], append=policy, timeout=120)
    arguments = [f'hello: argument {i} is {text}' for i, text in enumerate(['hello', 'one', 'two'])]
    assert output_of(result, 'hello') == ['hello: greetings from user mode', *arguments]
    assert {'echo: client ok', 'echo: server answered 5 messages'} <= set(output_of(result, 'echo'))
    assert output_of(result, 'threads')[-1] == 'threads: 1229 primes below 10000'
    assert output_of(result, 'wordcount')[:-1] == coreutils(words())
