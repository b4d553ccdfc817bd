"""Measures in instructions, guest and host, beside the numbers to beat.

Boots the release kernel with tests/bench/pager_bench as its pager, on one emulated processor where the cycle counter advances by one with each
instruction (-icount shift=0,sleep=off), so the numbers are the same on every machine and in every run. They are medians of at least 1,000 samples,
user stubs included. Then the same with the real pager and tests/bench/program_bench, a program: what memory and processes cost programs.
kernel_text is the size of .text of the release kernel. What allocating frames costs is counted by callgrind on this machine (tests/bench/host): the
least and the worst of 1, 16 and 256 GiB. Anchors and goals stand in tools/anchors.json.

Exit status 0 when everything was measured, whether or not the goals are met; else 1.
"""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import host_bench
import region_bench
import serial_log
from build import build
from bundle import write_bundle
from machine import DEBUG_EXIT_ARGUMENT, Machine, icount, run
from module import Module
from project import BUILD, Failure, TOP, say, shown

ICOUNT = icount(0)
TIMEOUT = 300
LARGE_MEMORY = '2560M'
MODULE_BYTES = 1025 * 4096
PROGRAM_LINE = 'program,processes=2000:program_bench'  # it measures among many


def add(parser):
    parser.add_argument('--json', type=Path, metavar='FILE', help='write [{"name", "value", "unit", "anchor"}...] there; the value is the median')
    parser.add_argument('--host-details', action='store_true', help='frames only: the kernel\'s allocator and the alternatives, at every size of memory')


def results_of(lines):
    """name: (minimum, median, unit, samples) of each line `bench: result name=... min=... median=... unit=... samples=... [per=...]`."""
    results = {}
    for line in lines:
        if line.subsystem == 'out' and ' | bench: ' in line.raw: # a program's line in the pager's line
            line = serial_log.parse_line(f'[{line.seconds:.9f}] ' + line.raw.split(' | ', 1)[1])
        if line.subsystem == 'bench' and line.event == 'result':
            per = line.number('per') if 'per' in line.values else 1
            least, median = (line.number(key) if per == 1 else round(line.number(key) / per, 2) for key in ('min', 'median'))
            results[line.values['name']] = (least, median, line.values['unit'], line.number('samples'))
    return results


def text_bytes(kernel):
    """Size of .text, as llvm-size counts it."""
    output = subprocess.run(['llvm-size-19', '-A', str(kernel)], text=True, stdout=subprocess.PIPE, check=True).stdout
    sizes = [int(line.split()[1]) for line in output.splitlines() if line.startswith('.text')]
    if not sizes:
        raise Failure(f'{shown(kernel)} has no section .text')
    return sum(sizes)


def measure(folder):
    """The results of three boots: what needs a gigabyte in one piece comes from a machine that has it, the kernel's other figures from the usual one; then
    those of programs."""
    kernel = [(folder / 'bench' / 'pager_bench', 'pager')]
    return boot(folder, kernel, LARGE_MEMORY) | boot(folder, kernel) | boot_programs(folder)


def boot_programs(folder):
    """Boots program_bench under the real pager; its results."""
    with tempfile.TemporaryDirectory(prefix='quire-bench-') as scratch:
        pages = Path(scratch) / 'pages'
        pages.write_bytes(bytes(MODULE_BYTES))
        modules = [(folder / 'pager', 'pager'), (folder / 'bench' / 'program_bench', PROGRAM_LINE), (folder / 'bench' / 'nothing', 'image:nothing'),
                   (pages, 'data:pages')]
        return boot(folder, modules)


def boot(folder, modules, memory=Machine.memory):
    """Boots modules, (path, command line) each, of which the last program measures; its results."""
    for path, _ in modules:
        if not path.exists():
            raise Failure(f'the build made no {shown(path)}: see tests/bench/')
    with tempfile.TemporaryDirectory(prefix='quire-bench-') as scratch:
        bundle = Path(scratch) / 'bundle'
        write_bundle([Module(path, text) for path, text in modules], bundle)
        machine = Machine(door='pvh', kernel=folder / 'kernel', bundle=bundle, arguments=f'{DEBUG_EXIT_ARGUMENT} end=exit', memory=memory, extra=ICOUNT)
        outcome = run(machine, TIMEOUT, log=BUILD / 'bench.log')
    lines = serial_log.parse(outcome.output)
    if outcome.ending != 'success':
        tail = '\n'.join([*(line.raw for line in lines[-20:]), *serial_log.places(lines, folder / 'kernel'), outcome.errors])
        raise Failure(f'the benchmark ended by {outcome.ending} (QEMU status {outcome.status}); the log is {shown(BUILD / "bench.log")}; its end:\n{tail}')
    return results_of(lines)


def main(options):
    if options.host_details:
        return host_details()
    folder = build('release')
    say('measuring; this takes a moment')
    results = measure(folder)
    size = text_bytes(folder / 'kernel')
    results['kernel_text'] = (size, size, 'bytes', 1)
    on_host = host_bench.results(host_bench.measure_or_say()) | region_bench.results(region_bench.measure())
    results.update(on_host)
    anchors = json.loads((TOP / 'tools' / 'anchors.json').read_text())
    known = {row['name'] for row in anchors}
    missing = [row['name'] for row in anchors if row['name'] not in results and (on_host or not row.get('host'))]
    rows = anchors + [{'name': name, 'anchor': None, 'goal': None, 'of': ''} for name in results if name not in known]
    print_table(rows, results)
    if options.json:
        values = [{'name': row['name'], 'value': results[row['name']][1], 'unit': results[row['name']][2], 'anchor': row['anchor']}
                  for row in rows if row['name'] in results]
        options.json.write_text(json.dumps(values, indent=2) + '\n')
        say(f'written to {shown(options.json)}')
    if missing:
        raise Failure(f'not measured: {", ".join(missing)}')
    check_document(results)
    return 0


def check_document(results):
    """docs/costs.md explains some of the figures: each table's total is what was measured, or near it; so is each figure about sending much data."""
    text = (TOP / 'docs' / 'costs.md').read_text()
    totals = {name: int(total) for name, total in re.findall(r'^## (\w+)$(?:(?!^## ).)*?^\| total \| (\d+) \|', text, re.M | re.S)}
    totals |= bulk_figures(text)
    wrong = [f'{name} is {results[name][1]}, not {total}' for name, total in totals.items() if abs(results[name][1] - total) > total * 0.05]
    if not totals or wrong:
        raise Failure(f'docs/costs.md is behind: {"; ".join(wrong) or "it has no totals"}')


def bulk_figures(text):
    """name: figure, of the table under "Sending much data": its columns are the ways, its rows the sizes."""
    lines = text.partition('\n## Sending much data\n')[2].partition('\n## ')[0].splitlines()
    cells = [[cell.strip(' `') for cell in line.strip('|').split('|')] for line in lines if line.startswith('| ')]
    if not cells:
        raise Failure('docs/costs.md has no table under "Sending much data"')
    ways, rows = cells[0][1:], [row for row in cells[1:] if '---' not in row[0]]
    return {f'bulk_{way}_{row[0]}': int(figure) for row in rows for way, figure in zip(ways, row[1:]) if figure != '-'}


def host_details():
    why = host_bench.unavailable()
    if why:
        raise Failure(f'nothing can be measured: {why}')
    say('counting instructions of six allocators; this takes a few minutes')
    host_bench.print_details(host_bench.measure(host_bench.SUBJECTS))
    region_bench.print_details(region_bench.measure())
    return 0


def print_table(rows, results):
    print(f'{"name":30}{"minimum":>12}{"median":>12}{"anchor":>12}{"goal":>12}  unit')
    for row in rows:
        if row['name'] not in results:
            anchor = f'{row["anchor"]:,}' if row['anchor'] is not None else '-'
            print(f'{row["name"]:30}{"-":>12}{"-":>12}{anchor:>12}{row["goal"]:>12,}  not measured' + (': no valgrind' if row.get('host') else ''))
            continue
        least, median, unit, _ = results[row['name']]
        verdict = verdict_of(row, median)
        anchor, goal = (f'{row[key]:,}' if row[key] is not None else '-' for key in ('anchor', 'goal'))
        print(f'{row["name"]:30}{least:>12,}{median:>12,}{anchor:>12}{goal:>12}  {unit:14}{verdict}')


def verdict_of(row, value):
    if row['goal'] is None:
        return ''
    if value <= row['goal']:
        return 'goal met'
    if row['anchor'] is None:
        return 'goal not met'
    return 'beats the anchor' if value < row['anchor'] else 'behind the anchor'
