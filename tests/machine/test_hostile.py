"""Hostile programs: whatever one does, it gets a status or ends alone, with a line that says why; everyone else goes on and nothing is lost.

The cases are rows of programs/subject/cases.def, the driver is programs/suite.c, the neighbour is programs/victim.c.
"""
from harness import boot, cases, data, program, program_for_tests, words_file
from subjects import CASES, expect_audited, run_groups, subject_modules, suite_line

HOSTILE = ['addresses', 'protection', 'instructions', 'calls', 'messages']
FAMILY_PROCESSES_MOST = 256  # pager/family.h
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
    result = run_groups(*HOSTILE, kernel='kernel', trace='processes')
    assert suite_line(result, 'read_null').values['checker'].startswith('none')


def test_hostile_with_every_trace():
    run_groups('addresses', 'calls', trace='faults,processes')


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
    """Other limits come first: the hog's family has its share of the processes, and the victim's program its own."""
    result = run_groups('greed', memory='256M')
    line = result.expect('out', name='subject', text='| subject: processes count=')
    assert line.values['status'] == 'LIMIT' and line.number('running') == FAMILY_PROCESSES_MOST + 1, line.raw


def run_neighbour(way, **arguments):
    """A hog takes all that it can have; then its neighbour uses what it is guaranteed, page by page, and both end well."""
    result = boot(modules=[program_for_tests('neighbour'), program_for_tests(f'hog {way}')], timeout=120, **arguments)
    result.expect_none('panic')
    result.expect_order('| hog: full way=', '| neighbour: grew stack pages=40', '| neighbour: grew break pages=40', '| neighbour: grew area pages=40',
                        '| neighbour: done failed=0')
    neighbour = result.expect('process', 'started', name='neighbour').number('pid')
    result.expect_none('fault', action='end', pid=neighbour)
    result.expect('process', 'ended', name='hog', reason='exited', value=0)
    expect_audited(result)
    result.ended_well()
    return result


@cases(way=['brk', 'autogen', 'bomb'])
def test_a_guarantee_holds_when_memory_is_full(way):
    result = run_neighbour(way, memory='24M', append='guarantee=400')
    result.expect('out', name='hog', text='| hog: full', refused='NO_MEMORY')


def test_a_guarantee_holds_without_arguments():
    run_neighbour('brk', memory='32M')


def test_a_process_bomb_leaves_processes_for_others():
    """Each starts what it can, and what they started does too: the family has its share, and the neighbour still starts a child."""
    result = run_neighbour('bomb', memory='64M', append='guarantee=400')
    result.expect('out', name='hog', text='| hog: full', refused='LIMIT')
    assert len(result.find('process', 'started', name='hog')) >= FAMILY_PROCESSES_MOST


def test_guarantees_leave_room_for_large_files():
    """A text of more than eight megabytes is counted in 32 MiB: its pages are the boot's, so whoever maps it is not charged for them."""
    text = words_file().read_bytes() * 2
    result = boot(modules=[program('wordcount words.txt'), data(text, 'words.txt')], memory='32M', timeout=120)
    assert result.expect('process', 'ended', name='wordcount', reason='exited', value=0).number('pages') < len(text) // 4096
    result.ended_well()


def test_a_limit_caps_a_program():
    """limit=PAGES: the hog gets no more, with most of the memory free."""
    result = run_neighbour('brk', memory='128M', append='limit=1000')
    result.expect('out', name='hog', text='| hog: full', refused='LIMIT')


def test_terms_on_the_lines_of_modules():
    """The hog's line caps it, the neighbour's guarantees what it uses; a line that says what cannot be is told and left out, and so is a promise too large."""
    modules = [program_for_tests('neighbour', kind='program,guarantee=600'), program_for_tests('hog brk', kind='program,limit=1000'),
               program_for_tests('last', kind='program,guarantee=0x7fffffffffff'), program_for_tests('victim', kind='program,limit=5,guarantee=6')]
    result = boot(modules=modules, memory='64M', timeout=120)
    result.expect_none('panic')
    result.expect(text='pager: family named name=neighbour guarantee=600 limit=18446744073709551615')
    result.expect('out', name='hog', text='| hog: full', refused='LIMIT')
    charged = result.expect('process', 'ended', name='hog', reason='exited', value=0).number('pages')
    assert 900 < charged <= 1000, charged
    result.expect_order('| hog: full way=', '| neighbour: done failed=0')
    result.expect(text=f'pager: family refused name=last guarantee={0x7fffffffffff}')
    result.expect(text='process: not started name=last status=NO_MEMORY')
    result.expect(text='pager: module left out text="program,limit=5,guarantee=6:victim" status=BAD_ARGUMENT reason="guarantee above the limit"')
    result.expect_none('process', 'started', name='victim')


def test_a_family_with_limited_time():
    """Four threads of two processes that never give the processor away get 3 ms in each 30 ms together; what else there is to do goes on."""
    expect_audited(boot(modules=[program_for_tests('spender')], icount=True, timeout=120))  # here the checker takes most of the time
    result = boot(modules=[program_for_tests('spender')], icount=True, timeout=120, kernel='kernel')
    result.expect_none('panic')
    result.expect('out', name='spender', text='| spender: try give=LIMIT found=LIMIT limit=BAD_HANDLE')
    result.expect('out', name='spender', text='| spender: done failed=0')
    line = result.expect('out', name='spender', text='| spender: used=')
    assert line.number('elapsed') // 15 < line.number('used') < line.number('elapsed') // 8, line.raw  # a tenth, as a period begins when somebody runs
    result.ended_well()


def test_greedy_families_beside_a_quiet_one():
    """Two families that a program founded take all that they may; their members end one by one, and what a third one was guaranteed is never refused."""
    result = boot(modules=[program_for_tests('greedy')], memory='32M', timeout=120)
    result.expect_none('panic')
    short = result.find('memory', 'short')
    assert len(short) == 6, short
    for family in ('32', '33'):
        lines = [line for line in short if line.values['family'] == family]
        assert len({line.values['ends'] for line in lines}) == 3, lines
        for line in lines:
            assert line.number('limit') == 300 and line.number('guarantee') == 120 and 290 < line.number('charged') <= 300, line.raw
            # The largest of at most three, beside what ended ones have left; or who touched, where that one has not twice as much (ADR 0024).
            is_toucher = line.values['ends'] == line.values['pid']
            assert line.number('pages') * (6 if is_toucher else 3) >= line.number('charged') - 60, line.raw
            assert line.number('free') >= line.number('promised'), line.raw
            result.expect('process', 'ended', pid=line.number('ends'), reason='out-of-memory')
    result.expect_order('| greedy: told left=', 'memory: short')
    assert 2 <= len(result.find('out', name='greedy', text='| greedy: told left=')) <= 6  # some end before they have said so
    result.expect('out', name='greedy', text='| greedy: quiet pages=100 failed=0')
    result.expect('out', name='greedy', text='| greedy: back all')
    result.expect('out', name='greedy', text='| greedy: done failed=0')
    expect_audited(result)
    result.ended_well()


def test_output_cannot_forge_lines():
    """Whatever a program writes stands behind its own name: not one line of the log begins with what it made up."""
    result = run_groups('messages')
    assert result.find('out', name='subject', text='panic: forged'), 'the case wrote nothing'
    for line in result.output.splitlines():
        assert 'forged' not in line or '] out: pid=' in line, line
        assert '\x1b[2J' not in line
    forged = result.expect('out', text='panic: forged by return')
    assert forged.values['name'] == 'subject' and '\\x0d' in forged.raw, forged.raw


@cases(name=['hello', 'segments', 'victim'])
def test_a_program_that_never_yields(name):
    """Two programs spin, which ends only with the machine; others are started, run and end beside them, each in its own time."""
    result = boot(modules=[program_for_tests('victim spin'), program_for_tests('victim spin'), program_for_tests('victim once'), program('hello'),
                           program('segments')], until=f'name={name} reason=', append='end=stay')
    result.expect('process', 'ended', name=name, reason='exited', value=0)
    if name == 'victim':
        result.expect('out', name='victim', text='| victim: once damaged=0')
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
