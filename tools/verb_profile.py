"""Shows where the instructions go of what program_bench measures: which functions of kernel, pager and programs.

Boots the release kernel under the real pager with tests/bench/program_bench, as `./quire bench` does, and has QEMU log each instruction (-singlestep -d
exec,nochain). Counted is what runs between the two readings of the cycle counter that make a sample; figures are instructions for one sample, and a `rep`
instruction counts once for each word. With --inlined a function's instructions are those of its own lines, wherever the compiler put them. With --function
each instruction of one function is listed with how often it runs. With --flow the last sample is told from its beginning to its end: a line for each
stretch of a program or the pager, and what the kernel did after it.

docs/costs.md is made from such lists. It takes a minute or two.
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
GROUPS = ('faults', 'growth', 'mapping', 'renewing', 'processes', 'handles', 'prezeroed')
KERNEL_FIRST = 1 << 63
PAGER_FIRST, BENCH_FIRST = 0x800000, 0x1000000 # cmake/machine.cmake: they lie apart from other programs
SERIAL_LOG = re.compile(rb'bench: result name=(\S+)')


def add(parser):
    parser.add_argument('group', choices=GROUPS, help='which of program_bench\'s measurements run')
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


class Images:
    def __init__(self, folder):
        self.kernel = Image('kernel', folder / 'kernel')
        self.pager = Image('pager', folder / 'pager')
        self.program = Image('program', folder / 'bench' / 'program_bench')
        self.nothing = Image('nothing', folder / 'bench' / 'nothing')
        self.all = (self.kernel, self.pager, self.program, self.nothing)

    def of(self, address):
        if address >= KERNEL_FIRST:
            return self.kernel
        return self.program if address >= BENCH_FIRST else self.pager if address >= PAGER_FIRST else self.nothing


def readings(path):
    """Addresses at which program_bench reads the counter, outside of samples_begin: a sample begins and ends there."""
    output = subprocess.run([OBJDUMP, '-d', '--no-show-raw-insn', str(path)], text=True, stdout=subprocess.PIPE, check=True).stdout
    found, function = set(), ''
    for line in output.splitlines():
        head = re.match(r'[0-9a-f]+ <(.*)>:', line)
        if head:
            function = head.group(1)
        elif line.endswith('rdtsc') and function != 'samples_begin':
            found.add(line.split(':')[0].strip())
    return {f'{int(address, 16):016x}'.encode() for address in found}


def command(folder, group, bundle, log):
    machine = Machine(door='pvh', kernel=folder / 'kernel', bundle=bundle, arguments=f'{DEBUG_EXIT_ARGUMENT} end=exit',
                      extra=[*ICOUNT, '-singlestep', '-d', 'exec,nochain', '-D', str(log)])
    return machine.command()


def trace(folder, group):
    """[(result's name, samples, Counter of addresses, the last sample's addresses)...]."""
    with tempfile.TemporaryDirectory(prefix='quire-profile-') as scratch:
        scratch = Path(scratch)
        pages = scratch / 'pages'
        pages.write_bytes(bytes(MODULE_BYTES))
        bundle = scratch / 'bundle'
        write_bundle([Module(folder / 'pager', 'pager'), Module(folder / 'bench' / 'program_bench', f'{PROGRAM_LINE} {group}'),
                      Module(folder / 'bench' / 'nothing', 'image:nothing'), Module(pages, 'data:pages')], bundle)
        log = scratch / 'log'
        subprocess.run(['mkfifo', str(log)], check=True)
        with open(scratch / 'serial', 'wb') as serial:
            process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *command(folder, group, bundle, log)], stdout=serial,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            try:
                counted = count(log, readings(folder / 'bench' / 'program_bench'), folder)
                process.wait()
            finally:
                process.kill()
                process.wait()
        names = [name.decode() for name in SERIAL_LOG.findall((scratch / 'serial').read_bytes())]
        if not names or len(names) != len(counted):
            raise Failure(f'{len(names)} results and {len(counted)} counts of instructions: the benchmark did not end well')
        return [(name, *row) for name, row in zip(names, counted)]


def count(log, marks, folder):
    """[(samples, Counter of addresses, the last sample's addresses)...] of each group of samples."""
    symbols = Image('program', folder / 'bench' / 'program_bench')
    end = f'{symbols.starts[symbols.names.index("samples_report")]:016x}'.encode()
    counted, counts, last, samples, inside = [], Counter(), [], 0, False
    with open(log, 'rb', buffering=1 << 20) as lines:
        for line in lines:
            if not line.startswith(b'Trace'):
                continue
            place = line.index(b'/') + 1
            address = line[place:place + 16]
            if inside:
                last.append(address)
            if address in marks:
                if inside:
                    counts.update(last)
                else:
                    last = []
                    samples += 1
                inside = not inside
            elif address == end and samples:
                counted.append((samples, Counter({int(key, 16): times for key, times in counts.items()}), [int(key, 16) for key in last]))
                counts, samples = Counter(), 0
    return counted


def main(options):
    folder = build('release')
    say('tracing each instruction; this takes a minute or two')
    images = Images(folder)
    results = [row for row in trace(folder, options.group) if options.only in (None, row[0])]
    if not results:
        raise Failure(f'{options.group} has no result {options.only}')
    for name, samples, counts, last in results:
        print(f'{name}: {sum(counts.values()) / samples:,.1f} instructions for a sample')
        if options.flow:
            print_flow(images, last)
        elif options.function:
            print_function(images, options.function, samples, counts)
        else:
            print_table(images, options.inlined, samples, counts)
    return 0


def print_table(images, inlined, samples, counts):
    where = {address: images.of(address).function(address) for address in counts}
    if inlined:
        for image in images.all:
            where |= image.inlined([address for address in counts if images.of(address) is image])
    by_function = Counter()
    for address, times in counts.items():
        by_function[where[address]] += times
    for function, times in by_function.most_common():
        print(f'{times / samples:12,.1f}  {function}')


def print_flow(images, addresses):
    """A line for each stretch of user code and the kernel's work that follows it: function:instructions, in order."""
    line = ''
    for function, stretch in itertools.groupby(images.of(address).function(address) for address in addresses):
        image, symbol = function.split(': ')
        if image != 'kernel':
            if line:
                print(line)
            line = f'{image:8}'
        line += f' {symbol}:{sum(1 for _ in stretch)}'
    print(line)


def print_function(images, function, samples, counts):
    for image in images.all:
        if function not in image.names:
            continue
        output = subprocess.run([OBJDUMP, '-d', '-l', '--no-show-raw-insn', f'--disassemble-symbols={function}', str(image.path)], text=True,
                                stdout=subprocess.PIPE, check=True).stdout
        for line in output.splitlines():
            head = re.match(r'\s*([0-9a-f]+):', line)
            times = counts.get(int(head.group(1), 16), 0) if head else 0
            print(f'{times / samples:10,.2f} {line}' if head else ' ' * 11 + line)
