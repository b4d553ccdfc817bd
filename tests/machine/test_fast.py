"""Fast paths and ordinary paths do the same: the test pager's cases and the benchmark, once as the kernel is and once with fast=off.

fast=off is known to kernels built for tests only: every call, reply, fault and resolve then takes the ordinary way (arch/x86_64/fast.h).
"""
from harness import boot
from test_kernel import MODULES

# What has a fast path, by the names that pager_bench gives its results.
FAST = ['call_reply_0', 'call_reply_4', 'call_reply_64_words', 'fault_bare', 'fault_existing', 'fault_fresh_prezeroed']


def outcomes(**arguments):
    """What each case said, without the time."""
    result = boot(pager='tests/pager_kernel', modules=MODULES, timeout=120, **arguments)
    result.ended_well()
    result.expect('test', 'done', failed=0)
    return [(line.values['name'], line.values['result'], line.values['detail']) for line in result.find('test', 'case')]


def test_same_cases():
    fast, ordinary = outcomes(), outcomes(append='fast=off')
    assert fast, 'no case ran'
    assert fast == ordinary, 'the cases differ'


def medians(**arguments):
    result = boot(pager='bench/pager_bench', icount=True, timeout=180, **arguments)
    result.ended_well()
    result.expect('bench', 'done')
    return {line.values['name']: line.number('median') for line in result.find('bench', 'result')}


def test_fast_paths_are_taken():
    """Each operation that has a fast path costs clearly less than without; what has none costs the same."""
    fast, ordinary = medians(), medians(append='fast=off')
    assert fast.keys() == ordinary.keys()
    for name in FAST:
        assert fast[name] * 5 < ordinary[name] * 4, f'{name}: {fast[name]} with fast paths, {ordinary[name]} without'
    assert fast['null_call'] == ordinary['null_call']
