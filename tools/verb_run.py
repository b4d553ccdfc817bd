"""Builds, makes the ISO and boots it in QEMU.

Without --program it boots what tools/default_programs lists. The serial log appears on standard output; ctrl-C ends QEMU.

Exit status
  0    every program ended with status 0
  1    a file is missing or cannot be used, or the build failed; 2: wrong options
  3    the kernel panicked
  4    a program failed: the pager ended the machine with a failure code
  5    QEMU ended in another way (the machine reset, QEMU could not start)
  124  time is up (--timeout)
  130  ctrl-C
"""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import serial_log
from build import PRESETS, build
from bundle import write_bundle
from iso import write_iso
from machine import DEBUG_EXIT_ARGUMENT, Machine, QEMU, kvm_state, run
from module import data_module, default_modules, pager_module, program_module
from project import BUILD, DEFAULT_PRESET, Failure, say, shown

STATUSES = {'success': 0, 'panic': 3, 'failed': 4, 'reset': 5, 'qemu': 5, 'timeout': 124, 'interrupted': 130}
MESSAGES = {
    'panic': 'the kernel panicked',
    'failed': 'the machine ended with a failure: a program did not end with status 0',
    'reset': 'the machine reset or switched itself off without saying how it ended',
    'qemu': 'QEMU failed',
    'timeout': 'time is up',
    'interrupted': 'interrupted',
}


def add(parser):
    parser.add_argument('--program', action='append', default=[], metavar='FILE', help='boot this ELF file as a program instead of the default ones; '
                        'repeatable; "FILE ARGUMENT..." in one string gives it arguments, "program+wx:FILE" and "image:FILE" another kind, '
                        '"program@GROUP:FILE" a group of its own')
    parser.add_argument('--data', action='append', default=[], metavar='FILE', help='add a plain file that programs can map; repeatable')
    parser.add_argument('--append', default='', metavar='ARGUMENTS', help='kernel arguments, for example "trace=faults,processes"')
    parser.add_argument('--headless', action='store_true', help='no window (also without it when there is no display)')
    parser.add_argument('--timeout', type=float, metavar='S', help='end the machine after S seconds')
    parser.add_argument('--stay', action='store_true', help='keep the machine running when the last program has ended (end=stay)')
    parser.add_argument('--pvh', action='store_true', help='enter the kernel directly, without ISO and GRUB')
    parser.add_argument('--efi', action='store_true', help='boot with UEFI firmware (OVMF) instead of BIOS')
    parser.add_argument('--memory', default='256M', metavar='SIZE', help='default: %(default)s')
    parser.add_argument('--cpus', type=int, default=1, metavar='N', help='default: %(default)s')
    parser.add_argument('--cpu', metavar='MODEL', help='processor model of QEMU; default: all that the machine can do')
    parser.add_argument('--iso', type=Path, metavar='FILE', help='keep the ISO there')
    parser.add_argument('--preset', default=DEFAULT_PRESET, choices=PRESETS[:3], help='default: %(default)s')


def kernel_arguments(stay, append):
    """The default arguments, each left out where --append says something of the same key."""
    keys = {word.partition('=')[0] for word in append.split()}
    defaults = [DEBUG_EXIT_ARGUMENT, 'trace=faults', 'end=stay' if stay else 'end=exit']
    return ' '.join([word for word in defaults if word.partition('=')[0] not in keys] + append.split())


def modules_of(options, folder):
    if options.program:
        programs = [program_module(text) for text in options.program]
    else:
        programs = default_modules(folder)
    return [pager_module(folder), *programs, *(data_module(path) for path in options.data)]


def can_show_window():
    if not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        return False
    result = subprocess.run([QEMU, '-display', 'help'], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return any(name in result.stdout.split() for name in ('gtk', 'sdl'))


def make_machine(options, folder, scratch):
    modules = modules_of(options, folder)
    arguments = kernel_arguments(options.stay, options.append)
    kvm, _ = kvm_state()
    machine = Machine(door='pvh' if options.pvh else 'uefi' if options.efi else 'bios', kernel=folder / 'kernel', arguments=arguments,
                      memory=options.memory, cpus=options.cpus, cpu=options.cpu, accelerator='kvm' if kvm else 'tcg',
                      display=not options.headless and can_show_window())
    if options.pvh:
        machine.bundle = scratch / 'bundle'
        write_bundle(modules, machine.bundle)
    if not options.pvh or options.iso:
        machine.iso = scratch / 'quire.iso'
        write_iso(machine.kernel, modules, arguments, machine.iso)
        if options.iso:
            shutil.copyfile(machine.iso, options.iso)
            say(f'the ISO is {shown(options.iso)}, {machine.iso.stat().st_size >> 10} KiB')
    return machine


def main(options):
    if options.pvh and options.efi:
        raise Failure('--pvh and --efi exclude each other: PVH enters the kernel without firmware')
    folder = build(options.preset)
    for name in ('kernel', 'pager'):
        if not (folder / name).exists():
            raise Failure(f'the build made no {name}')
    with tempfile.TemporaryDirectory(prefix='quire-run-') as scratch:
        machine = make_machine(options, folder, Path(scratch))
        say(f'booting by {machine.door}, {machine.memory} of memory, {machine.cpus} cpu, {machine.accelerator}; ctrl-C ends it')
        outcome = run(machine, options.timeout, echo=True, log=BUILD / 'run.log')
    return report(outcome, machine.kernel)


def report(outcome, kernel):
    """Says how it ended, on standard error; returns the exit status."""
    if outcome.errors:
        say('QEMU says:\n' + outcome.errors.rstrip())
    if outcome.ending == 'panic':
        for place in serial_log.places(serial_log.parse(outcome.output), kernel):
            say('  ' + place)
    if outcome.ending == 'success':
        say(f'ended well after {outcome.seconds:.1f} s')
    else:
        say(f'{MESSAGES[outcome.ending]} (QEMU status {outcome.status}, after {outcome.seconds:.1f} s); the log is in {shown(BUILD / "run.log")}')
    return STATUSES[outcome.ending]
