"""Runs the pager's own source on a simulated machine: many programs, many deeds, from a seed.

The kernel under it is the real portable one with real page tables; programs are played by deeds that are drawn at random: requests with right and wrong
arguments, touches, exceptions, deaths, allocations that fail. Every --check-every steps the pager's ledger, the kernel's tables and both against each other are
checked. The same numbers give the same run, down to the digest that is printed at the end; a failing run is repeated by its seed, and the failing
deed found with --check-every 1.

With --lose-every N the machine loses its pager whenever N more messages have come, before or after a call that the pager makes or a message: another one
begins with the ledger and goes on, and everything must hold as if nothing had happened. It tries every frame, so that a small --memory is quicker.

Exit status 0 when every check held, 1 when one did not (what, and at which step, is printed), 2 for options that make no sense.
"""
import subprocess

from build import build


def add(parser):
    parser.add_argument('--seed', metavar='N', default='1', help='of everything that is drawn; default: %(default)s')
    parser.add_argument('--steps', metavar='M', default='1000000', help='deeds; default: %(default)s, some minutes')
    parser.add_argument('--processes', metavar='P', default='1000', help='most processes at a time; default: %(default)s')
    parser.add_argument('--memory', metavar='MIB', default='512', help='of the machine; default: %(default)s')
    parser.add_argument('--check-every', metavar='K', default='10000', help='steps from check to check; default: %(default)s')
    parser.add_argument('--lose-every', metavar='N', help='messages after which the pager is lost, again and again; default: never')
    parser.add_argument('--damage', metavar='STEP', help='spoil a sum of the ledger after this step, to see that it is found')


def main(options):
    command = [str(build('host', ['pager_sim']) / 'pager_sim')]
    for name in ('seed', 'steps', 'processes', 'memory', 'check_every', 'damage', 'lose_every'):
        value = getattr(options, name)
        if value is not None:
            command += ['--' + name.replace('_', '-'), value]
    return subprocess.run(command).returncode
