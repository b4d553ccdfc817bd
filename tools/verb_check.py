"""Checks a dump of a machine's memory: do the kernel's tables agree with each other?

The twin of the kernel's own checker (microkernel/check.h), in another language and on another machine: it reads frame table, bitmap, page tables, handle
rows, threads and queues in a dump, with its own walk, and names the invariants that do not hold and the first thing that is wrong about each.

How to take a dump of a machine that QEMU runs, in its monitor (the size is that of -m):
  pmemsave 0 0x10000000 memory.dump        or        dump-guest-memory memory.dump
then
  ./quire check --memory memory.dump --kernel build/x86_64/kernel

The kernel file must be the one that was booted: the layout of its structures comes from its debug information. A dump that is taken while the kernel itself
runs may show an unfinished step; take it while a program runs, or when the machine has ended (docs/debugging.md).

Exit status: 0 everything holds, 1 something does not, 2 the dump cannot be read.
"""
import sys
from pathlib import Path

from project import BUILD, DEFAULT_PRESET, Failure


def add(parser):
    parser.add_argument('--memory', required=True, metavar='FILE', help='the dump: raw, or an ELF core file')
    parser.add_argument('--kernel', default=BUILD / DEFAULT_PRESET / 'kernel', type=Path, metavar='FILE', help='the kernel that ran; default: %(default)s')


def main(options):
    from memory_check import check
    try:
        report = check(options.memory, options.kernel)
    except Failure as failure:
        raise Failure(str(failure), 2) from None
    print(report.text())
    sys.stdout.flush()
    return 1 if report.findings else 0
