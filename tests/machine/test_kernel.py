"""The kernel itself, by a pager made for testing it (programs/pager_kernel): every case of cases.def, on several machines."""
import re
from pathlib import Path

from harness import boot, cases

CASES_FILE = Path(__file__).parent / 'programs' / 'pager_kernel' / 'cases.def'
CASES = re.findall(r'^CASE\((\w+), "', CASES_FILE.read_text(), re.M)


# What the cases modules_... expect.
MODULES = [(bytes(i % 251 for i in range(5000)), 'data:pattern'), (b'', 'data:nothing with arguments')]


def run_cases(**arguments):
    result = boot(pager='tests/pager_kernel', modules=MODULES, **arguments)
    failed = [f'{line.values["name"]}: {line.values["detail"]}' for line in result.find('test', 'case') if line.values.get('result') != 'ok']
    assert not failed, 'cases failed:\n' + '\n'.join(failed)
    for name in CASES:
        result.expect('test', 'case', name=name, result='ok', count=1)
    result.expect('test', 'done', cases=len(CASES), failed=0)
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


def test_times_counted():
    """Time as the machine's instructions count it: nothing that the host does shows."""
    result = boot(pager='tests/pager_kernel', icount=True, append='test=time counted')
    names = [name for name in CASES if name.startswith('time')]
    for name in names:
        result.expect('test', 'case', name=name, result='ok', count=1)
    result.expect('test', 'done', cases=len(names), failed=0)
    result.expect('test', 'fair', delay=lambda value: int(value) <= 3, count=1)
    result.ended_well()
