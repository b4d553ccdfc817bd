"""Hostile programs: whatever one does, it gets a status or ends alone, with a line that says why; everyone else goes on and nothing is lost.

The cases are rows of programs/subject/cases.def, the driver is programs/suite.c, the neighbour is programs/victim.c.
"""
from harness import boot, cases, program, program_for_tests
from subjects import CASES, run_groups, subject_modules, suite_line

HOSTILE = ['addresses', 'protection', 'instructions', 'calls', 'messages']
# What the first word of a case's name does: the access of its fault line.
ACCESS = {'read': 'read', 'write': 'write', 'jump': 'execute', 'execute': 'execute', 'push': 'write'}


@cases(group=HOSTILE)
def test_hostile(group):
    run_groups(group)


def test_hostile_access():
    """The fault line names the access that was made."""
    result = run_groups('addresses', 'protection')
    for group, name, end in CASES:
        if group not in ('addresses', 'protection') or end == 'exception':
            continue
        target = next(line for line in result.find('out', name='subject') if line.raw.endswith(f'begins case={name}'))
        fatal = result.expect('fault', action='end', pid=target.number('pid'))
        assert fatal.values['access'] == ACCESS[name.split('_')[0]], fatal.raw


def test_hostile_without_test_calls():
    """The kernel that users run, which has no checker: the same ends, nothing lost."""
    result = run_groups(*HOSTILE, kernel='kernel')
    assert suite_line(result, 'read_null').values['checker'].startswith('none')


def test_hostile_with_every_trace():
    run_groups('addresses', 'calls', trace='faults,processes,memory')


# Processors that lack what protects, one thing each: the kernel must not depend on it.
@cases(cpu=['qemu64', 'max,smep=off,smap=off,umip=off', 'max,xsave=off'])
def test_hostile_on_processor(cpu):
    run_groups('addresses', 'instructions', cpu=cpu)


def test_greed_with_little_memory():
    """Memory is soon full, and with the kernel for tests everything is checked at each end of a process."""
    result = run_groups('greed', memory='24M')
    line = result.expect('out', name='subject', text='| subject: processes count=')
    assert line.values['status'] == 'NO_MEMORY', line.raw


def test_greed_with_much_memory():
    """Other limits come first. A thousand processes would be checked a thousand times, so this runs on the kernel that users run."""
    result = run_groups('greed', memory='256M', kernel='kernel')
    line = result.expect('out', name='subject', text='| subject: processes count=')
    assert line.values['status'] == 'LIMIT' and line.number('running') == 1024, line.raw


def test_output_cannot_forge_lines():
    """Whatever a program writes stands behind its own name: not one line of the log begins with what it made up."""
    result = run_groups('messages')
    assert result.find('out', name='subject', text='panic: forged'), 'the case wrote nothing'
    for line in result.output.splitlines():
        assert 'forged' not in line or '] out: pid=' in line, line
        assert '\x1b[2J' not in line
    forged = result.expect('out', text='panic: forged by return')
    assert forged.values['name'] == 'subject' and '\\x0d' in forged.raw, forged.raw


def test_a_program_that_never_yields():
    """Two programs spin; others are started, run and end beside them."""
    result = boot(modules=[program_for_tests('victim spin'), program_for_tests('victim spin'), program_for_tests('victim once'), program('hello'),
                           program('segments')], until='name=segments reason=', append='end=stay')
    result.expect('out', name='victim', text='| victim: once damaged=0')
    result.expect('process', 'ended', name='hello', reason='exited', value=0)
    result.expect('process', 'ended', name='segments', reason='exited', value=0)
    result.expect_none('panic')


def test_the_machine_says_that_a_program_failed():
    """A program of the boot that the pager had to end makes the boot a failure, and the others still run to their end."""
    result = boot(modules=[program_for_tests('subject read_null'), program('hello'), program_for_tests('subject nothing')])
    result.ended('failed')
    result.expect('fault', action='end', reason='bad-address', addr=0, count=1)
    result.expect('process', 'ended', name='subject', reason='bad-address', value=0)
    result.expect('process', 'ended', name='hello', reason='exited', value=0)
    result.expect('process', 'ended', name='subject', reason='exited', value=0)


def test_many_hostile_programs_at_once():
    """All at the same time, beside a real one."""
    names = ['read_null', 'write_code', 'undefined', 'stack_endless', 'random_calls', 'faked_faults', 'forged_handles', 'mmap_zeroed', 'autogen_runs']
    result = boot(modules=[*[program_for_tests('subject ' + name) for name in names], *subject_modules('protection')[2:], program_for_tests('victim once'),
                           program('segments')], timeout=120)
    result.expect_none('panic')
    result.expect('process', 'ended', name='segments', reason='exited', value=0)
    result.expect('process', 'ended', name='victim', reason='exited', value=0)
    assert len(result.find('process', 'ended', name='subject')) == len(names)
    assert len(result.find('process', 'ended', name='subject', reason='exited', value=0)) == 5
    result.expect_none(text='subject: broken')
