"""Shows where the instructions go of what the benchmarks measure: which functions of kernel, pager and programs.

Boots the release kernel under the real pager with tests/bench/program_bench, as `./quire bench` does, or for `kernel` with tests/bench/pager_bench in place
of the pager, and has QEMU log each instruction (-singlestep -d exec,nochain). Counted is what runs between the two readings of the cycle counter that make
a sample; figures are instructions for one sample, and a `rep` instruction counts once for each word. With --inlined a function's instructions are those of
its own lines, wherever the compiler put them. With --function each instruction of one function is listed with how often it runs. With --flow the last
sample is told from its beginning to its end: a line for each stretch of a program or the pager, and what the kernel did after it.

docs/costs.md is made from such lists. It takes a minute or two; `kernel` is over as soon as the result of --only is there, and takes long without.
"""
import bisect
import itertools
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from build import build
from bundle import write_bundle
from machine import DEBUG_EXIT_ARGUMENT, Machine
from module import Module
from project import Failure, say

from verb_bench import ICOUNT, MODULE_BYTES, PROGRAM_LINE

OBJDUMP = 'llvm-objdump-19'
KERNEL = 'kernel'
GROUPS = (KERNEL, 'faults', 'growth', 'mapping', 'renewing', 'processes', 'handles', 'prezeroed')
KERNEL_FIRST = 1 << 63
PAGER_FIRST, BENCH_FIRST = 0x800000, 0x1000000 # cmake/machine.cmake: they lie apart from other programs
SERIAL_LOG = re.compile(rb'bench: result name=(\S+)')


def add(parser):
    parser.add_argument('group', choices=GROUPS, help='what runs: the kernel\'s benchmark, or one of program_bench\'s measurements')
    parser.add_argument('--only', metavar='NAME', help='one result alone, such as mmap_munmap_4k')
    parser.add_argument('--inlined', action='store_true', help='by the functions that the lines are of, not by those that they were compiled into')
    parser.add_argument('--flow', action='store_true', help='the functions in the order in which the last sample goes through them')
    parser.add_argument('--function', metavar='NAME', help='each instruction of this function')


class Image:
    """One linked file: its functions by address."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        output = subprocess.run(['llvm-nm-19', '--defined-only', str(path)], text=True, stdout=subprocess.PIPE, check=True).stdout
        rows = sorted((int(row[0], 16), row[2]) for row in (line.split() for line in output.splitlines()) if row[1] in 'tTwW')
        self.starts = [start for start, _ in rows]
        self.names = [symbol for _, symbol in rows]

    def function(self, address):
        place = bisect.bisect_right(self.starts, address)
        return f'{self.name}: {self.names[place - 1]}' if place else f'{self.name}: ?'

    def inlined(self, addresses):
        """address: function whose line it is."""
        text = '\n'.join(hex(address) for address in addresses)
        output = subprocess.run(['llvm-symbolizer-19', f'--obj={self.path}', '--output-style=LLVM', '--functions=short'],
                                input=text, text=True, stdout=subprocess.PIPE, check=True).stdout
        blocks = output.strip().split('\n\n')
        return {address: f'{self.name}: {block.splitlines()[0]}' for address, block in zip(addresses, blocks)}


class ProgramBenchmark:
    """The real pager, and a program that measures."""
    setup, report = 'samples_begin', 'samples_report' # reads the counter for what a reading costs; is called at the end of each result's samples

    def __init__(self, folder, group):
        bench = folder / 'bench'
        self.kernel, self.pager = Image('kernel', folder / 'kernel'), Image('pager', folder / 'pager')
        self.program, self.nothing = Image('program', bench / 'program_bench'), Image('nothing', bench / 'nothing')
        self.all = (self.kernel, self.pager, self.program, self.nothing)
        self.measures = self.program
        self.modules = [Module(self.pager.path, 'pager'), Module(self.program.path, f'{PROGRAM_LINE} {group}'), Module(self.nothing.path, 'image:nothing')]

    def of(self, address):
        if address >= KERNEL_FIRST:
            return self.kernel
        return self.program if address >= BENCH_FIRST else self.pager if address >= PAGER_FIRST else self.nothing


class KernelBenchmark:
    """A pager that measures, and nothing else."""
    setup, report = 'kit_main', 'bench_report_each'

    def __init__(self, folder):
        self.kernel, self.measures = Image('kernel', folder / 'kernel'), Image('bench', folder / 'bench' / 'pager_bench')
        self.all = (self.kernel, self.measures)
        self.modules = [Module(self.measures.path, 'pager')]

    def of(self, address):
        return self.kernel if address >= KERNEL_FIRST else self.measures


def readings(benchmark):
    """Addresses at which the benchmark reads the counter, outside of its setup: a sample begins and ends there."""
    output = subprocess.run([OBJDUMP, '-d', '--no-show-raw-insn', str(benchmark.measures.path)], text=True, stdout=subprocess.PIPE, check=True).stdout
    found, function = set(), ''
    for line in output.splitlines():
        head = re.match(r'[0-9a-f]+ <(.*)>:', line)
        if head:
            function = head.group(1)
        elif line.endswith('rdtsc') and function != benchmark.setup:
            found.add(line.split(':')[0].strip())
    return {f'{int(address, 16):016x}'.encode() for address in found}


def command(kernel, bundle, log):
    machine = Machine(door='pvh', kernel=kernel, bundle=bundle, arguments=f'{DEBUG_EXIT_ARGUMENT} end=exit',
                      extra=[*ICOUNT, '-singlestep', '-d', 'exec,nochain', '-D', str(log)])
    return machine.command()


def trace(benchmark, only):
    """[(result's name, samples, Counter of addresses, the last sample's addresses)...], up to the result `only`."""
    with tempfile.TemporaryDirectory(prefix='quire-profile-') as scratch:
        scratch = Path(scratch)
        pages = scratch / 'pages'
        pages.write_bytes(bytes(MODULE_BYTES))
        bundle = scratch / 'bundle'
        write_bundle([*benchmark.modules, Module(pages, 'data:pages')], bundle)
        log = scratch / 'log'
        subprocess.run(['mkfifo', str(log)], check=True)
        said = scratch / 'serial'

        def names():
            return [name.decode() for name in SERIAL_LOG.findall(said.read_bytes()) if name != b'boot_to_user']
        with open(said, 'wb') as serial:
            process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *command(benchmark.kernel.path, bundle, log)], stdout=serial,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            try:
                counted = count(log, benchmark, lambda: only in names())
            finally:
                process.kill()
                process.wait()
        if not names() or len(names()) != len(counted):
            raise Failure(f'{len(names())} results and {len(counted)} counts of instructions: the benchmark did not end well')
        return [(name, *row) for name, row in zip(names(), counted)]


def count(log, benchmark, is_enough):
    """[(samples, Counter of addresses, the last sample's addresses)...] of each group of samples, until the log ends or it is enough."""
    marks, image = readings(benchmark), benchmark.measures
    end = f'{image.starts[image.names.index(benchmark.report)]:016x}'.encode()
    counted, counts, last, current, samples, inside = [], Counter(), [], [], 0, False
    with open(log, 'rb', buffering=1 << 20) as lines:
        for line in lines:
            if not line.startswith(b'Trace'):
                continue
            place = line.index(b'/') + 1
            address = line[place:place + 16]
            if inside:
                current.append(address)
            if address in marks:
                if not samples and counted and is_enough():
                    break
                if inside:
                    last = current
                    counts.update(last)
                    samples += 1
                current = []
                inside = not inside
            elif address == end and samples:
                counted.append((samples, Counter({int(key, 16): times for key, times in counts.items()}), [int(key, 16) for key in last]))
                counts, samples, inside = Counter(), 0, False
    return counted


def main(options):
    folder = build('release')
    say('tracing each instruction; this takes a minute or two')
    benchmark = KernelBenchmark(folder) if options.group == KERNEL else ProgramBenchmark(folder, options.group)
    results = [row for row in trace(benchmark, options.only) if options.only in (None, row[0])]
    if not results:
        raise Failure(f'{options.group} has no result {options.only}')
    for name, samples, counts, last in results:
        print(f'{name}: {sum(counts.values()) / samples:,.1f} instructions for a sample')
        if options.flow:
            print_flow(benchmark, last)
        elif options.function:
            print_function(benchmark, options.function, samples, counts)
        else:
            print_table(benchmark, options.inlined, samples, counts)
    return 0


def print_table(benchmark, inlined, samples, counts):
    where = {address: benchmark.of(address).function(address) for address in counts}
    if inlined:
        for image in benchmark.all:
            where |= image.inlined([address for address in counts if benchmark.of(address) is image])
    by_function = Counter()
    for address, times in counts.items():
        by_function[where[address]] += times
    for function, times in by_function.most_common():
        print(f'{times / samples:12,.1f}  {function}')


def print_flow(benchmark, addresses):
    """A line for each stretch of user code and the kernel's work that follows it: function:instructions, in order."""
    line = ''
    for function, stretch in itertools.groupby(benchmark.of(address).function(address) for address in addresses):
        image, symbol = function.split(': ')
        if image != 'kernel':
            if line:
                print(line)
            line = f'{image:8}'
        line += f' {symbol}:{sum(1 for _ in stretch)}'
    print(line)


def print_function(benchmark, function, samples, counts):
    for image in benchmark.all:
        if function not in image.names:
            continue
        output = subprocess.run([OBJDUMP, '-d', '-l', '--no-show-raw-insn', f'--disassemble-symbols={function}', str(image.path)], text=True,
                                stdout=subprocess.PIPE, check=True).stdout
        for line in output.splitlines():
            head = re.match(r'\s*([0-9a-f]+):', line)
            times = counts.get(int(head.group(1), 16), 0) if head else 0
            print(f'{times / samples:10,.2f} {line}' if head else ' ' * 11 + line)
