"""The kernel itself, by a pager made for testing it (programs/pager_kernel): every case of cases.def, on several machines."""
import re
from pathlib import Path

from harness import boot, cases

CASES_FILE = Path(__file__).parent / 'programs' / 'pager_kernel' / 'cases.def'
CASES = re.findall(r'^(?:CASE|COUNTED)\((\w+), "', CASES_FILE.read_text(), re.M)

# Those that need a clock that counts instructions.
COUNTED = re.findall(r'^COUNTED\((\w+), "', CASES_FILE.read_text(), re.M)

# What the cases modules_... expect.
MODULES = [(bytes(i % 251 for i in range(5000)), 'data:pattern'), (b'', 'data:nothing with arguments')]


def run_cases(**arguments):
    result = boot(pager='tests/pager_kernel', modules=MODULES, **arguments)
    failed = [f'{line.values["name"]}: {line.values["detail"]}' for line in result.find('test', 'case', result='failed')]
    assert not failed, 'cases failed:\n' + '\n'.join(failed)
    for name in CASES:
        result.expect('test', 'case', name=name, result='left-out' if name in COUNTED else 'ok', count=1)
    result.expect('test', 'done', cases=len(CASES) - len(COUNTED), failed=0)
    result.expect_none('panic')
    result.expect_none('check')
    # unprivileged_log: a program's control characters and line ends do not reach the log.
    result.expect('user', text='user: program: first?[0.000000000] panic: forged?[2J?? end', count=2)
    result.ended_well()
    return result


# Little; just below and just above the hole under 4 GiB, where memory has a second part; plenty.
@cases(memory=['16M', '64M', '3993M', '4198M', '8192M'])
def test_kernel(memory):
    run_cases(memory=memory, timeout=180)


# QEMU's oldest 64-bit processor, and the best one without one thing each.
@cases(cpu=['qemu64', 'max,pdpe1gb=off', 'max,smep=off,smap=off', 'max,xsave=off', 'max,umip=off', 'max,pge=off'])
def test_kernel_on_processor(cpu):
    run_cases(cpu=cpu, timeout=180)


def test_kernel_without_fast_paths():
    """Calls, replies and faults by the ordinary way."""
    run_cases(append='fast=off')


@cases(fast=['on', 'off'], deadline=[0, 1])
def test_times_counted(fast, deadline):
    """Time as the machine's instructions count it: nothing that the host does shows."""
    append = f'test=time,threads counted fault_deadline={deadline}' + (' fast=off' if fast == 'off' else '')
    result = boot(pager='tests/pager_kernel', icount=True, append=append)
    failed = [f'{line.values["name"]}: {line.values["detail"]}' for line in result.find('test', 'case', result='failed')]
    assert not failed, 'cases failed:\n' + '\n'.join(failed)
    names = [name for name in CASES if name.startswith(('time', 'threads'))]
    assert set(COUNTED) <= set(names)
    for name in names:
        result.expect('test', 'case', name=name, result='ok', count=1)
    result.expect('test', 'done', cases=len(names), failed=0)
    result.expect('test', 'fair', delay=lambda value: int(value) <= 3, count=1)
    if deadline == 0:
        result.expect_none('kernel', 'fault unanswered')
    else:
        expect_late_faults(result)
    result.ended_well()


def expect_late_faults(result):
    """The lines of the cases times_late_...: who waits where, for which pager, and what that pager is at."""
    late = 0x1a7e0000  # LATE of late.c
    told = [line for line in result.find('kernel', 'fault unanswered')]
    for line in told:
        assert line.number('seconds') == 1 and line.number('label') >= 0xb0001, line.raw
    received = result.find('kernel', 'fault unanswered', received=1)
    assert sorted(line.number('addr') for line in received if line.number('addr') >= late) == [late + 0x2000, late + 0x4000], [line.raw for line in told]
    for line in received:
        if line.number('addr') >= late:
            assert re.fullmatch(r'receiving@0x[0-9a-f]+', line.values['threads']) and line.number('kind') == 1, line.raw
    handle = [line for line in received if line.number('kind') == 2]
    chain = result.expect('test', 'chain', count=1)
    inner = result.expect('kernel', 'fault unanswered', received=0, space=chain.number('inner'), addr=late + 0x6000, pager=0, threads='unknown', count=1)
    result.expect('kernel', 'fault unanswered', received=1, space=chain.number('outer'), pager=chain.number('inner'), count=1,
                  threads=f'sending@{chain.values["endpoint"]}')
    assert len(handle) == 1 and len(told) == 5 and inner in told, [line.raw for line in told]
