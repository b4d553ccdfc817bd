"""The harness and the tools below it: what they write has the right form, and what they read is read right. Nothing is booted."""
import os
import struct
import tempfile
import threading
from pathlib import Path

import machine
import serial_log
import verb_bench
import verb_run
from bundle import bundle_bytes
from harness import Boot, matches, options_of
from iso import grub_configuration, write_iso
from module import Module, default_modules, program_module
from project import DEFAULT_PRESET, BUILD, Failure
from verb_test import Report
from suite import Result


def refuses(function, *arguments):
    try:
        function(*arguments)
    except Failure:
        return True
    return False


def test_bundle_has_its_documented_form():
    whole = bundle_bytes([(b'a' * 4097, 'pager'), (b'', 'data:empty'), (b'b', 'hello 1')])
    magic, version, count, total, reserved = struct.unpack_from('<8sIIQQ', whole)
    assert (magic, version, count, total, reserved) == (b'QUIREBND', 1, 3, len(whole), 0), 'header'
    entries = [struct.unpack_from('<QQQQ256s', whole, 32 + 288 * index) for index in range(3)]
    assert [entry[:2] for entry in entries] == [(4096, 4097), (12288, 0), (12288, 1)], f'offsets and sizes: {entries}'
    assert entries[2][4].rstrip(b'\0') == b'hello 1', 'command line'
    assert whole[4096:4096 + 4097] == b'a' * 4097 and whole[4096 + 4097:12288].count(0) == 4095, 'content and its padding'
    assert len(whole) == 16384, 'the whole is padded'


def test_bundle_refuses_too_many_modules():
    assert refuses(bundle_bytes, []) and refuses(bundle_bytes, [(b'', 'x')] * 33)
    assert len(bundle_bytes([(b'', 'x')] * 32)) == 12288


def test_log_lines_are_read():
    line = serial_log.parse_line('\x1b[0m[0.012345678] fault: pid=3 addr=0x7ffe0ff8 access=write cost=412 name="two words"\r')
    assert (line.seconds, line.subsystem, line.event) == (0.012345678, 'fault', ''), line
    assert line.values['name'] == 'two words' and line.number('addr') == 0x7ffe0ff8 and line.number('cost') == 412, line.values
    line = serial_log.parse_line('[1.5] pager: process started pid=4')
    assert (line.event, line.values) == ('process started', {'pid': '4'}), line
    assert serial_log.parse_line('Booting...').subsystem == ''


def test_expectations_can_fail():
    result = Boot(machine.Machine(), machine.Outcome(35, 'panic', '', '', 0), serial_log.parse('[0.1] a: b c=0x10\n[0.2] d: e'), Path())
    result.expect('a', 'b', c=16)
    result.expect('a', c=lambda value: value.startswith('0x'))
    result.expect_order('a: b', 'd: e')
    for wrong in (lambda: result.expect('a', c=17), lambda: result.expect('a', count=2), lambda: result.expect_none('d'), result.ended_well,
                  lambda: result.expect_order('d: e', 'a: b'), lambda: result.expect(text='nowhere')):
        try:
            wrong()
        except AssertionError:
            continue
        raise AssertionError('an expectation that does not hold did not fail')
    assert not matches(result.lines[0], 'a', None, None, {'d': 1}), 'a key that is not there'


def test_module_command_lines_are_checked():
    here = str(Path(__file__))
    assert program_module(f'{here} one two').text == 'test_harness.py one two'
    assert program_module(f'program+wx:{here}').text == 'program+wx:test_harness.py'
    assert refuses(program_module, '') and refuses(program_module, '/no/such/file') and refuses(Module, Path(here), 'x' * 256)
    assert refuses(Module, Path(here), 'name $(rm)') and refuses(program_module, f'{here} "a\'b"')


def test_default_modules_exist():
    texts = [module.text for module in default_modules(BUILD / DEFAULT_PRESET)]
    assert texts == ['hello', 'segments', 'echo server', 'echo client', 'wordcount words.txt', 'data:words.txt'], texts


def test_kernel_arguments_of_the_user_win():
    assert verb_run.kernel_arguments(False, '') == 'debug-exit=0xf4 trace=faults end=exit'
    assert verb_run.kernel_arguments(True, 'trace=calls loglevel=2') == 'debug-exit=0xf4 end=stay trace=calls loglevel=2'


def test_grub_configuration_boots_each_module():
    text = grub_configuration('debug-exit=0xf4 end=exit', [Module(Path(__file__), 'pager'), Module(Path(__file__), 'echo server')])
    assert "multiboot2 /boot/kernel 'debug-exit=0xf4' 'end=exit'\n" in text, text
    assert "module2 /boot/module0 'pager'\n    module2 /boot/module1 'echo' 'server'\n" in text, text
    assert '@' not in text


def test_iso_for_bios_is_below_one_megabyte():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'kernel').write_bytes(os.urandom(65536))
        iso = Path(folder) / 'quire.iso'
        write_iso(Path(folder) / 'kernel', [], '', iso, uefi=False)
        assert iso.stat().st_size < 1_000_000, f'{iso.stat().st_size} bytes'


def test_a_shift_of_its_own_goes_first():
    own = machine.icount(0)
    assert options_of(False, [], None) == [] and options_of(False, own, None) == own and options_of(False, own, 7) == own
    assert options_of(True, ['-s'], None) == options_of(True, ['-s'], 7) == [*machine.DETERMINISTIC, '-s']
    assert options_of(False, ['-s'], 7) == ['-icount', 'shift=7,sleep=off', '-rtc', 'base=2020-01-01,clock=vm', '-s']


def test_endings_of_qemu_are_told_apart():
    """Stand-ins for QEMU end with each status; only 33 is a success."""
    for status, ending in ((33, 'success'), (35, 'panic'), (37, 'failed'), (0, 'reset'), (1, 'qemu'), (139, 'qemu')):
        outcome = machine.run(Imitation(f'echo "[0.1] a: b"; echo oh >&2; exit {status}'), timeout=300)
        assert (outcome.ending, outcome.status) == (ending, status), outcome
        assert outcome.output == '[0.1] a: b\n' and outcome.errors == 'oh\n', outcome
    assert verb_run.STATUSES['success'] == 0 and all(verb_run.STATUSES[ending] != 0 for ending in verb_run.MESSAGES)


def test_a_machine_that_hangs_is_ended():
    outcome = machine.run(Imitation('echo begun; exec sleep 1000'), timeout=3)
    assert outcome.ending == 'timeout' and outcome.output == 'begun\n' and outcome.seconds < 300, outcome
    outcome = machine.run(Imitation(r'printf "[0.1] panic: x\r\nhalted\r\n"; exec sleep 1000'), timeout=300)
    assert outcome.ending == 'panic' and outcome.seconds < 300, outcome
    outcome = machine.run(Imitation('echo ready; exec sleep 1000'), timeout=300, until='ready')
    assert outcome.ending == 'success' and outcome.seconds < 300, outcome
    outcome = machine.run(Imitation('echo ready; sleep 0.2; echo steady; exec sleep 1000'), timeout=300, until=('steady', 'ready'))
    assert outcome.ending == 'success' and outcome.output == 'ready\nsteady\n', outcome
    outcome = machine.run(Imitation('echo ready; exec sleep 1000'), timeout=3, until=('steady', 'ready'))
    assert outcome.ending == 'timeout', outcome


class Imitation:
    """Stands in for machine.Machine: a shell command instead of QEMU."""

    def __init__(self, script):
        self.script = script

    def command(self):
        return ['/bin/sh', '-c', self.script]


def test_bench_lines_are_read():
    lines = serial_log.parse('[0.5] bench: result name=map_1 min=140 median=151 unit=instructions samples=1000\n[0.6] bench: done')
    assert verb_bench.results_of(lines) == {'map_1': (140, 151, 'instructions', 1000)}


def test_results_are_counted():
    written = []
    report = Report(write=lambda text, **options: written.append(text))
    for outcome in ('passed', 'failed', 'passed', 'skipped'):
        report(Result(f'unit/x/{outcome}', outcome, detail='why'))
    report.end_group()
    assert report.counts == {'passed': 2, 'failed': 1, 'skipped': 1}, report.counts
    assert any(text.startswith('FAILED  unit/x/failed') and 'why' in text for text in written), written
    assert any('unit/x: 2 passed' in text for text in written), written


def test_a_full_terminal_loses_nothing():
    """What the machine says is shown whole, also on a terminal that QEMU has made non-blocking and that is read slowly."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    said, seen = bytes(range(256)) * 4096, bytearray()

    def read_slowly():
        while len(seen) < len(said):
            seen.extend(os.read(reader, 5000))

    thread = threading.Thread(target=read_slowly)
    thread.start()
    machine.show(said, writer)
    os.close(writer)
    thread.join(300)
    os.close(reader)
    assert bytes(seen) == said
