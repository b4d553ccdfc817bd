"""Instructions of the frame allocators, counted by callgrind on this machine (tests/bench/host).

A measurement is one dump of callgrind; what turning the collection on and off costs by itself was measured too, and is subtracted. The call and its
arguments are included. A figure of a table of several memory sizes is the worst of them: the cost must not grow with memory.
"""
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from build import build
from project import Failure, say

SUBJECTS = ('frame', 'bitmap', 'buddy', 'steps_16', 'steps_32', 'flat')
SIZES = (1, 16, 256)  # GiB
ROW = re.compile(r'row subject=(\w+) gib=(\d+) percent=(\d+) name=(\w+) count=(\d+)$')
FRAGMENTS = re.compile(r'fragments subject=(\w+) blocks=(\d+) of=(\d+)$', re.M)
METADATA = re.compile(r'metadata subject=(\w+) gib=(\d+) bytes=(\d+)$')
TIMEOUT = 600
FRAGMENTS_LEFT = {}  # subject: blocks of 2 MiB left after a random workload in 1 GiB, and how many could be
FRAMES_PER_GIB = 1 << 18


def unavailable():
    """Why nothing can be measured, or None."""
    if shutil.which('valgrind') is None:
        return 'valgrind is not installed'
    if not (build('host-bench') / 'frame_bench').exists():
        return 'valgrind/callgrind.h is not installed'
    return None


def totals(folder):
    """{number of the dump: (its name, instructions)}."""
    found = {}
    for path in folder.glob('out.*'):
        text = path.read_text()
        trigger = re.search(r'^desc: Trigger: Client Request: (\w+)$', text, re.M)
        total = re.search(r'^totals: (\d+)$', text, re.M)
        if trigger and total:
            found[int(path.suffix[1:])] = (trigger[1], int(total[1]))
    return found


def run_one(program, subject, gib):
    """{(name, percent): instructions} of one run, and the metadata's bytes a frame."""
    with tempfile.TemporaryDirectory(prefix='quire-host-bench-') as scratch:
        command = ['valgrind', '--tool=callgrind', '--collect-atstart=no', '--instr-atstart=no', f'--callgrind-out-file={scratch}/out',
                   str(program), subject, str(gib)]
        result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
        if result.returncode != 0:
            raise Failure(f'frame_bench {subject} {gib} ended with status {result.returncode}:\n{result.stderr[-2000:]}')
        dumps = totals(Path(scratch))
    lines = result.stdout.splitlines()
    rows = [match for match in map(ROW.match, lines) if match]
    calls = iter([int(line.split()[1]) for line in lines if line.startswith('calls ')])
    if [match[4] for match in rows] != [dumps[number][0] for number in sorted(dumps)]:
        raise Failure(f'frame_bench {subject} {gib}: callgrind dumped other measurements than the program made')
    costs = {(match[4], int(match[3])): dumps[number][1] / int(match[5]) for number, match in zip(sorted(dumps), rows)}
    switch = costs.pop(('switch', 0))
    metadata = METADATA.search(result.stdout.splitlines()[-1])
    fragments = FRAGMENTS.search(result.stdout)
    if fragments:
        FRAGMENTS_LEFT[subject] = (int(fragments[2]), int(fragments[3]))
    # A batch counts frames but turns the collection once for each call.
    counts = {(match[4], int(match[3])): int(match[5]) for match in rows}
    values = {key: cost - switch * (next(calls) / counts[key] if key[0] == 'frame_batch' else 1) for key, cost in costs.items()}
    return values, int(metadata[3]) / (gib * FRAMES_PER_GIB)


def measure(subjects, sizes=SIZES):
    """{(subject, gib): (costs, metadata)}, two runs at a time."""
    program = build('host-bench') / 'frame_bench'
    pairs = [(subject, gib) for subject in subjects for gib in sorted(sizes, reverse=True)]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(pairs, pool.map(lambda pair: run_one(program, *pair), pairs)))


def results(measured):
    """{name: (least, worst, unit, samples)} for the table of ./quire bench: of the kernel's frames, the worst of all sizes of memory."""
    found = {}
    for (subject, _), (costs, metadata) in measured.items():
        for (name, percent), cost in costs.items():
            if subject == 'frame':
                row = name if name.startswith('block_2m_refused') else f'{name}_{percent}'
                found.setdefault(row, []).append(round(cost, 1))
        if subject == 'frame':
            found.setdefault('frame_metadata', []).append(round(metadata, 3))
    return {name: (min(values), max(values), 'bytes' if name == 'frame_metadata' else 'instructions', len(values)) for name, values in found.items()}


def print_details(measured):
    """One line for each measurement, one column for each size of memory."""
    names = []
    for costs, _ in measured.values():
        names += [key for key in costs if key not in names]
    sizes = sorted({gib for _, gib in measured})
    print(f'\n{"instructions, call included":36}' + ''.join(f'{f"{gib} GiB":>12}' for gib in sizes))
    for name, percent in sorted(names):
        for subject in dict.fromkeys(subject for subject, _ in measured):
            costs = [measured[subject, gib][0].get((name, percent)) for gib in sizes]
            if any(cost is not None for cost in costs):
                print(f'{name + f" {percent} %":26}{subject:10}' + ''.join(f'{cost:12,.1f}' if cost is not None else f'{"-":>12}' for cost in costs))
    for subject, (blocks, best) in FRAGMENTS_LEFT.items():
        print(f'{"blocks of 2 MiB left":26}{subject:10}{blocks:12} of {best}')
    for subject in dict.fromkeys(subject for subject, _ in measured):
        print(f'{"metadata, bytes a frame":26}{subject:10}' + ''.join(f'{measured[subject, gib][1]:12.3f}' for gib in sizes))


def measure_or_say():
    """What measure() finds of the kernel's own allocator; nothing, with a line that says why, where there is no valgrind."""
    why = unavailable()
    if why:
        say(f'host benchmarks are left out: {why}')
        return {}
    say('counting instructions of the frame allocator; this takes a minute')
    return measure(('frame',))
