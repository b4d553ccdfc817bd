"""Boots of the subject: every case of a group of programs/subject/cases.def as a process of its own, started and looked after by the suite.

The suite itself checks after each case how it ended, that the victim answers with its memory unhurt, that frames and processes are back to what they
were, and that the kernel's checker finds nothing. Here the log is held against it.
"""
import re
from pathlib import Path

from harness import boot, data, program_for_tests

ROW = re.compile(r"^CASE\((\w+), (\w+), (\w+), .*\)", re.M)
CASES_FILE = Path(__file__).parent / 'programs' / 'subject' / 'cases.def'
CASES = [(group, name, end.lower().replace('_', '-')) for group, name, end in ROW.findall(CASES_FILE.read_text())]
GROUPS = list(dict.fromkeys(group for group, _, _ in CASES))


def subject_modules(*groups, without=()):
    """The suite for these groups but the cases `without`, the victim, and what cases ask for by name."""
    suite = ' '.join(['suite', *groups, *(f'-{name}' for name in without)])
    return [program_for_tests('victim'), program_for_tests(suite), program_for_tests('subject', 'image'),
            data(b'some data\n', 'some.data'), (b'\x7fELF, but not for long', 'image:broken.image')]


def run_groups(*groups, without=(), **arguments):
    """Boots the suite for these groups; every case but those `without` must be right, in its own eyes and in the log."""
    result = boot(modules=subject_modules(*groups, without=without), **{'timeout': 120, **arguments})
    wanted = [case for case in CASES if case[0] in groups and case[1] not in without]
    result.expect_none('panic')
    if arguments.get('kernel') != 'kernel':
        expect_audited(result)
    wrong = [line.raw for line in result.lines if line.subsystem == 'out' and re.search(r'\| (subject: broken|suite: wrong)', line.raw)]
    assert not wrong, 'cases failed:\n' + '\n'.join(wrong)
    for _, name, end in wanted:
        suite_line(result, name)
        expect_end(result, name, end)
    result.expect('out', name='suite', text=f'| suite: done cases={len(wanted)} failed=0')
    result.expect('out', name='victim', text='| victim: ends status=OK', damaged=0)
    result.ended_well()
    return result


def expect_audited(result):
    """The pager's own audit, after each end of a process and when the last has ended, found nothing (kernels for tests only)."""
    result.expect_none('check', 'failed')
    result.expect('check', 'ok', after='idle', count=1)


def suite_line(result, name):
    line = result.expect('out', text=f'| suite: case={name} ', count=1)
    assert line.values['result'] == 'ok' and line.number('lost') == 0 and line.values['checker'] in ('0', 'none-0'), line.raw
    return line


def pid_of_case(result, name):
    """The process number of a case: it says its name first."""
    lines = [line for line in result.find('out', name='subject') if line.raw.endswith(f'| subject: begins case={name}')]
    assert lines, f'case {name} has not begun'
    return lines[0].number('pid')


def expect_end(result, name, end):
    """The process of the case ended once, for this reason; where the pager ended it, exactly one line says who, where and why, before that. Where another
    process needed its memory, the line is that of the shortage."""
    pid = pid_of_case(result, name)
    ended = result.expect('process', 'ended', pid=pid, count=1)
    assert ended.values['reason'] == end, ended.raw
    fatal = result.find('fault', action='end', pid=pid)
    if end == 'exited':
        assert not fatal, fatal[0].raw
        return
    if end == 'out-of-memory' and ended.number('value') == 0:
        short = result.expect('memory', 'short', ends=pid, count=1)  # another one touched the page
        assert not fatal and short.number('pid') != pid and result.lines.index(short) < result.lines.index(ended), short.raw
        return
    assert len(fatal) == 1 and fatal[0].values['reason'] == end, f'{name}: {[line.raw for line in fatal]}'
    assert result.lines.index(fatal[0]) < result.lines.index(ended)
    expect_fatal_line(result, name, pid, fatal[0], ended)


def expect_fatal_line(result, name, pid, fatal, ended):
    for key in ('tid', 'ip', 'segment'):
        assert key in fatal.values, fatal.raw
    if fatal.values['reason'] == 'exception':
        assert fatal.number('vector') == ended.number('value'), fatal.raw
        return
    assert fatal.number('addr') == ended.number('value'), fatal.raw
    assert fatal.values['access'] in ('read', 'write', 'execute'), fatal.raw
    nearest = re.fullmatch(r'(\w+)\(0x([0-9a-f]+)-0x([0-9a-f]+)\)', fatal.values['nearest'])
    assert nearest, fatal.raw
    inside = int(nearest[2], 16) <= fatal.number('addr') < int(nearest[3], 16)
    assert inside == (fatal.values['segment'] != 'none'), fatal.raw
    for aim in result.find('out', name='subject', pid=pid, text='| subject: aims '):
        assert fatal.number('addr') == aim.number('target'), f'{name} aimed at {aim.raw}, the fault is {fatal.raw}'
