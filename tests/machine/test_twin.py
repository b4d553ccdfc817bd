"""The twin of the kernel's checker (tools/memory_check.py) and the kernel's checker itself: both say the same of a machine that is whole, and both name each
invariant that is broken on purpose.

gdb's protocol stops the machine where the kernel is about to check itself. There the twin reads the machine's memory, and a test may change it; then the
kernel's checker runs, and its answer is compared.
"""
import threading

import harness
import breakages_frames
import breakages_objects
import breakages_spaces
from breakages import Scene
from gdb_remote import RAX, RSP, Remote
from harness import boot, built, cases, default_modules
from memory_check import check_image
from memory_image import Image
from memory_layout import Layout
from subjects import subject_modules
from test_kernel import MODULES

BREAKAGES = breakages_spaces.BREAKAGES | breakages_frames.BREAKAGES | breakages_objects.BREAKAGES


class Stops:
    """Goes from check to check of a machine that boots, in a thread of its own, and calls on_check(stops) before each."""

    def __init__(self, folder, on_check):
        self.memory, self.socket, self.on_check = folder / '0.memory', folder / 'gdb', on_check
        self.layout = Layout.of(str(built('kernel-test')))
        self.checks, self.error = 0, None
        self.thread = threading.Thread(target=self.run)

    def extra(self):
        path = str(self.socket).replace(',', ',,')
        return ['-S', '-chardev', f'socket,path={path},server=on,wait=off,id=gdb', '-gdb', 'chardev:gdb']

    def run(self):
        try:
            self.remote = Remote(self.socket)
            self.image = Image(self.memory, self.layout, writable=True)
            while self.remote.run_to(self.layout.symbols['check_run']):
                self.registers = self.remote.registers()
                self.checks += 1
                self.on_check(self)
                self.remote.restore(self.registers)
                self.kernel_says()
        except BaseException as error:
            self.error = error  # raised by boot_with_stops()
            with contextlib.suppress(OSError):
                self.remote.send('k')  # the machine stands still and would for ever
        finally:
            self.remote.close()

    def kernel_says(self):
        """Runs the kernel's checker to its end; what it answers."""
        back = self.image.number(self.image.physical_of(self.registers[RSP]), 8)
        assert self.remote.run_to(back), 'the machine ended inside its checker'
        return self.remote.register(RAX) & 0xffffffff

    def both_say(self):
        """(kernel, twin) about the memory as it is; the kernel is about to check again afterwards."""
        report = check_image(self.image)
        kernel = self.kernel_says()
        self.remote.restore(self.registers)
        return kernel, report

    def broken(self, changes):
        """What both say with these changes, which are undone."""
        undo = [(physical, size, self.image.number(physical, size)) for physical, size, _ in changes]
        for change in changes:
            self.image.write(*change)
        answer = self.both_say()
        for change in reversed(undo):
            self.image.write(*change)
        return answer


def boot_with_stops(on_check, **arguments):
    folder = harness.running.folder
    folder.mkdir(parents=True, exist_ok=True)
    stops = Stops(folder, on_check)
    stops.thread.start()
    result = boot(extra=stops.extra(), timeout=240, icount=True, **arguments)  # so that what is there at each check is always the same
    stops.thread.join()
    if stops.error:
        raise stops.error
    result.ended_well()
    return result, stops


# --- A machine that is whole ---

def expect_agreement(every, **arguments):
    """At each check of the kernel (each so many) the twin finds nothing either."""
    reports = []

    def on_check(stops):
        if stops.checks % every:
            return
        kernel, report = stops.both_say()
        assert kernel == 0 and not report.findings, f'check {stops.checks}: the kernel says {kernel}\n{report.text()}'
        reports.append(report)
    boot_with_stops(on_check, **arguments)
    return reports


def most(reports, what):
    return max(report.counts[what] for report in reports)


def test_agree_beside_programs():
    reports = expect_agreement(1, modules=default_modules())
    assert len(reports) >= 5 and most(reports, 'spaces') >= 4 and most(reports, 'threads') >= 4 and most(reports, 'leaves') > 50


def test_agree_beside_hostile_programs():
    assert len(expect_agreement(7, modules=subject_modules('addresses', 'protection'))) > 3


@cases(prefix=['messages', 'threads', 'spaces', 'frames'], memory=['24M', '512M'])
def test_agree_beside_the_cases_of_the_kernel(prefix, memory):
    assert len(expect_agreement(1, pager='tests/pager_kernel', modules=MODULES, memory=memory, append=f'test={prefix}_')) > 3


# --- Each invariant broken ---

@cases(invariant=sorted(BREAKAGES))
def test_broken_and_named(invariant):
    """Every breakage of an invariant, each at the first check where there is such a thing to break: both name it, and nothing with a lower number."""
    pending, wrong = list(BREAKAGES[invariant]), []

    def on_check(stops):
        for breakage in list(pending):
            try:
                changes = list(breakage(Scene(stops.image)))
            except (StopIteration, RuntimeError, ValueError, AssertionError):
                continue  # this machine has nothing of the kind yet
            pending.remove(breakage)
            kernel, report = stops.broken(changes)
            expected = (0, invariant) if breakage.twin_only else (invariant,)
            if kernel not in expected or report.first != invariant or report.text().count(f'invariant={invariant} ') != 1:
                wrong.append(f'{breakage.__name__}: the kernel says {kernel}, the twin\n{report.text()}')
    # Of queues there is most to see where one program waits for another.
    boot_with_stops(on_check, modules=subject_modules('protection') if invariant == 9 else default_modules())
    assert not wrong, '\n'.join(wrong)
    assert not pending, f'nothing to break for {[breakage.__name__ for breakage in pending]}'
