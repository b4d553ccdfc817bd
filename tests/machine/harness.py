"""Machine tests: boot a virtual machine with chosen modules, read its serial log, say what must be in it.

A test is a function test_... in tests/machine/test_*.py:

    from harness import boot, program

    def test_hello():
        result = boot(modules=[program('hello')])
        result.ended_well()
        result.expect('hello', text='Hello')

It fails by an AssertionError: of the methods of Boot, or of a plain assert with a message. What was booted, and the end of the log, are then
printed by the runner. Raise Skip(reason) where a test cannot run here. @cases(...) makes one test of each combination.
"""
import itertools
import re
import shlex
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import machine as qemu
import memory_check
import serial_log
import words
from bundle import bundle_bytes
from iso import write_iso
from module import Module, default_modules as modules_of_run
from project import BUILD, DEFAULT_PRESET, shown

TAIL_LINES = 40
PATIENCE = 10  # a time-out ends what hangs, and must not end what is slow: times the seconds that a test gives itself
BASIC_ARGUMENTS = f'{qemu.DEBUG_EXIT_ARGUMENT} end=exit'


class Skip(Exception):
    """This test cannot run here; the text says why."""


def cases(**choices):
    """Makes a test of each combination: @cases(memory=['16M', '8G'], door=['pvh']) calls it with memory= and door=."""
    def decorate(function):
        combinations = [dict(zip(choices, values)) for values in itertools.product(*choices.values())]
        function.cases = [('[' + ','.join(f'{key}={value}' for key, value in chosen.items()) + ']', chosen) for chosen in combinations]
        return function
    return decorate


# --- What is booted ---

def built(name):
    """A file of the build: 'kernel', 'programs/hello', 'tests/hostile'."""
    return BUILD / DEFAULT_PRESET / name


def program(text, kind=''):
    """A program of programs/ as a module: program('echo server'), program('hello', kind='image')."""
    return built('programs/' + text.split()[0]), (f'{kind}:' if kind else '') + text


def program_for_tests(text, kind=''):
    """The same for a program of tests/machine/programs."""
    return built('tests/' + text.split()[0]), (f'{kind}:' if kind else '') + text


def data(content, name):
    """A plain file as a module: a path or bytes."""
    return content, f'data:{name}'


def default_modules():
    """What ./quire run boots (tools/default_programs), without the pager."""
    return [(module.path, module.text) for module in modules_of_run(built(''))]


def words_file():
    """The text of several megabytes that wordcount counts."""
    return words.words_file()


# --- The state of the test that this thread runs; the runner begins and ends it ---

running = threading.local()


def begin_test(folder):
    running.folder, running.boots = folder, []
    shutil.rmtree(folder, ignore_errors=True)


def end_test(keep):
    """The report of what was booted (when keep), else nothing, and its files are removed."""
    report = ''.join(result.report() for result in running.boots[-1:]) if keep else ''
    if not keep:
        shutil.rmtree(running.folder, ignore_errors=True)
    return report


usual_shift = 5  # of the boots that name none; with less the firmware's loops that wait for a time take long


def shake(shift):
    """From now on every boot that names no shift is run with this one (None: by the host's clock, without icount): another interleaving."""
    global usual_shift
    usual_shift = shift


def options_of(icount, extra, shift):
    """QEMU's options of a boot; its own shift goes before the usual one."""
    if icount:
        return [*qemu.DETERMINISTIC, *extra]
    return [*(qemu.icount(shift) if shift is not None and '-icount' not in extra else []), *extra]


def end_all():
    """The tests are being given up: machines that run are ended."""
    qemu.end_running()


# --- Booting ---

def boot(kernel='kernel-test', modules=(), append='', memory='128M', door='pvh', cpu=None, timeout=60, icount=False, pager='pager',
         bundle=None, trace='', until=None, extra=()):
    """Boots and waits for the end; returns a Boot.

    kernel, pager: names of built files (pager also a path or bytes). modules: [(path or bytes, command line)...] after the pager.
    append: further kernel arguments; debug-exit and end=exit are given unless append says end=... itself. trace: value of trace=.
    door: pvh (fast, the default), bios, uefi. icount: one instruction = 32 ns of the machine's time whatever --shift says.
    bundle: bytes to hand over in place of the bundle of the modules (pvh only). until: end when the log holds this text, or each of a tuple of texts,
    in any order.
    timeout: seconds of real time on a quick machine that has nothing else to do; it gets PATIENCE times as long. extra: further options of QEMU.

    When the kernel has ended the machine in order, its memory is checked by the twin (tools/memory_check.py): whatever a test does, it must find nothing."""
    running.folder.mkdir(parents=True, exist_ok=True)
    stem = running.folder / str(len(running.boots))
    assert built(kernel).exists(), f'the build made no {shown(built(kernel))}'
    pager = (pager if isinstance(pager, (bytes, Path)) else built(pager), 'pager')
    arguments = ' '.join(kernel_arguments(append, trace))
    machine = qemu.Machine(door=door, kernel=built(kernel), arguments=arguments, memory=memory, cpu=cpu, extra=options_of(icount, extra, usual_shift),
                           dump=stem.with_suffix('.memory'))
    if door == 'pvh':
        machine.bundle = stem.with_suffix('.bundle')
        machine.bundle.write_bytes(bundle_bytes([(content_of(content), text) for content, text in [pager, *modules]]) if bundle is None else bundle)
    else:
        machine.iso = stem.with_suffix('.iso')
        files = [Module(file_of(content, stem, index), text) for index, (content, text) in enumerate([pager, *modules])]
        write_iso(machine.kernel, files, arguments, machine.iso, uefi=door == 'uefi')
    outcome = qemu.run(machine, timeout * PATIENCE, log=stem.with_suffix('.log'), until=until)
    result = Boot(machine, outcome, serial_log.parse(outcome.output), stem.with_suffix('.log'))
    running.boots.append(result)
    check_memory(result, until)
    return result


def check_memory(result, until):
    """The twin's word about what the machine left, unless it was ended in the middle of something. The dump stays when it is broken."""
    if result.outcome.ending in ('success', 'failed') and until is None:
        result.memory = memory_check.check(result.machine.dump, result.machine.kernel)
        assert not result.memory.findings, f'{result.memory.text()}\nmemory: {shown(result.machine.dump)}'
    result.machine.dump.unlink(missing_ok=True)


def kernel_arguments(append, trace):
    given = {word.partition('=')[0] for word in append.split()}
    return [word for word in BASIC_ARGUMENTS.split() if word.partition('=')[0] not in given] + ([f'trace={trace}'] if trace else []) + append.split()


def content_of(content):
    if isinstance(content, bytes):
        return content
    assert Path(content).exists(), f'the build made no {shown(content)}'
    return Path(content).read_bytes()


def file_of(content, stem, index):
    if not isinstance(content, bytes):
        assert Path(content).exists(), f'the build made no {shown(content)}'
        return Path(content)
    file = stem.with_suffix(f'.module{index}')
    file.write_bytes(content)
    return file


# --- What came of it ---

@dataclass
class Boot:
    machine: qemu.Machine
    outcome: qemu.Outcome
    lines: list          # of serial_log.Line: seconds, subsystem, event, values, raw
    log: Path
    memory: memory_check.Report = None # what the twin said

    @property
    def status(self):
        """QEMU's exit status: 33 success, 35 panic, 37 failure."""
        return self.outcome.status

    @property
    def output(self):
        return self.outcome.output

    def ended(self, ending):
        """success, panic, failed (the pager ended the machine with a failure), reset, timeout."""
        assert self.outcome.ending == ending, f'the machine ended by {self.outcome.ending} (QEMU status {self.status}), not by {ending}'

    def ended_well(self):
        self.ended('success')

    def find(self, subsystem=None, event=None, text=None, **values):
        """Every line of that subsystem (None: any), with that event, with the text in it, with those values (numbers are compared as numbers,
        and a function is asked)."""
        return [line for line in self.lines if matches(line, subsystem, event, text, values)]

    def expect(self, subsystem=None, event=None, text=None, count=None, **values):
        """The first such line; fails when there is none, or not exactly `count`."""
        found = self.find(subsystem, event, text, **values)
        wanted = description(subsystem, event, text, values)
        assert found, f'the log has no line {wanted}'
        assert count is None or len(found) == count, f'the log has {len(found)} lines {wanted}, not {count}'
        return found[0]

    def expect_none(self, subsystem=None, event=None, text=None, **values):
        found = self.find(subsystem, event, text, **values)
        assert not found, f'the log must not have a line {description(subsystem, event, text, values)}, but: {found[0].raw}'

    def expect_order(self, *texts):
        """The texts appear in this order, each in a later line than the one before."""
        at = 0
        for text in texts:
            at = next((index + 1 for index in range(at, len(self.lines)) if text in self.lines[index].raw), None)
            assert at is not None, f'the log has no line with {text!r} after the ones before it in {texts}'

    def report(self):
        tail = '\n'.join(line.raw for line in self.lines[-TAIL_LINES:])
        places = ''.join(f'{place}\n' for place in serial_log.places(self.lines, self.machine.kernel))
        errors = f'QEMU says: {self.outcome.errors}\n' if self.outcome.errors else ''
        ending = f'ended by {self.outcome.ending}, QEMU status {self.status}, after {self.outcome.seconds:.1f} s; whole log: {shown(self.log)}'
        return (f'command: {shlex.join(self.machine.command())}\n{ending}\n{errors}--- last {TAIL_LINES} lines ---\n{tail}\n{places}')


def matches(line, subsystem, event, text, values):
    if subsystem is not None and line.subsystem != subsystem or event is not None and line.event != event:
        return False
    if text is not None and text not in line.raw:
        return False
    return all(key in line.values and value_matches(line.values[key], value) for key, value in values.items())


def value_matches(seen, wanted):
    if callable(wanted):
        return bool(wanted(seen))
    if isinstance(wanted, int):
        return re.fullmatch(r'-?(0x[0-9a-fA-F]+|\d+)', seen) is not None and int(seen, 0) == wanted
    return seen == str(wanted)


def description(subsystem, event, text, values):
    words_of = [f'{subsystem}:' if subsystem else '', event or '', f'with {text!r}' if text else '', *(f'{key}={value}' for key, value in values.items())]
    return '"' + ' '.join(word for word in words_of if word) + '"'
