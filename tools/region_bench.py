"""Instructions of regions and of finding segments, counted by callgrind on this machine (tests/bench/host_region)."""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from build import build
from host_bench import totals
from project import Failure, say

ROW = re.compile(r'row name=(\w+) count=(\d+)$')
TIMEOUT = 600


def unavailable():
    """Why nothing can be measured, or None."""
    if shutil.which('valgrind') is None:
        return 'valgrind is not installed'
    if not (build('host-bench') / 'region_bench').exists():
        return 'valgrind/callgrind.h is not installed'
    return None


def measure():
    """{name: instructions} of each measurement; nothing, with a line that says why, where there is no valgrind."""
    why = unavailable()
    if why:
        say(f'benchmarks of regions are left out: {why}')
        return {}
    with tempfile.TemporaryDirectory(prefix='quire-region-bench-') as scratch:
        command = ['valgrind', '--tool=callgrind', '--collect-atstart=no', '--instr-atstart=no', f'--callgrind-out-file={scratch}/out',
                   str(build('host-bench') / 'region_bench')]
        result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
        if result.returncode != 0:
            raise Failure(f'region_bench ended with status {result.returncode}:\n{result.stderr[-2000:]}')
        dumps = totals(Path(scratch))
    rows = [match for match in map(ROW.match, result.stdout.splitlines()) if match]
    if [row[1] for row in rows] != [dumps[number][0] for number in sorted(dumps)]:
        raise Failure('region_bench: callgrind dumped other measurements than the program made')
    costs = {row[1]: (dumps[number][1] / int(row[2]), int(row[2])) for row, number in zip(rows, sorted(dumps))}
    switch, _ = costs.pop('switch')
    return {name: round(cost - switch, 1) for name, (cost, _) in costs.items()}


def results(measured):
    """{name: (least, worst, unit, samples)} for the table of ./quire bench: one page at any use; finding among 10 to 100,000 segments, and those of the
    image and the stack."""
    groups = {'region_allocate': r'region_allocate_\d+$', 'region_free': r'region_free_\d+$', 'segment_find': r'segment_find_\w+$'}
    found = {name: [cost for row, cost in measured.items() if re.match(pattern, row)] for name, pattern in groups.items()}
    return {name: (min(costs), max(costs), 'instructions', len(costs)) for name, costs in found.items() if costs}


def print_details(measured):
    print(f'\n{"instructions, call included":36}')
    for name, cost in measured.items():
        print(f'{name:36}{cost:12,.1f}')
