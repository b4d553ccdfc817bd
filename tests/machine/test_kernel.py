"""The kernel itself, by a pager made for testing it (programs/pager_kernel): every case of cases.def, on several machines."""
import re
from pathlib import Path

from harness import boot, cases

CASES_FILE = Path(__file__).parent / 'programs' / 'pager_kernel' / 'cases.def'
CASES = re.findall(r'^CASE\((\w+), "', CASES_FILE.read_text(), re.M)


def run_cases(**arguments):
    result = boot(pager='tests/pager_kernel', **arguments)
    failed = [f'{line.values["name"]}: {line.values["detail"]}' for line in result.find('test', 'case') if line.values.get('result') != 'ok']
    assert not failed, 'cases failed:\n' + '\n'.join(failed)
    for name in CASES:
        result.expect('test', 'case', name=name, result='ok', count=1)
    result.expect('test', 'done', cases=len(CASES), failed=0)
    result.expect_none('panic')
    result.expect_none('check')
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
