"""The twin of the kernel's checker (tools/memory_check.py) and the kernel's checker itself: both say the same of a machine that is whole, and both name each
invariant that is broken on purpose.

gdb's protocol stops the machine where the kernel is about to check itself. There the twin reads the machine's memory, and a test may change it; then the
kernel's checker runs, and its answer is compared.
"""
import contextlib
import tempfile
import threading
from pathlib import Path

import harness
import breakages_devices
import breakages_frames
import breakages_objects
import breakages_spaces
import breakages_time
from breakages import Scene
from gdb_remote import RAX, RSP, Remote
from harness import boot, built, cases, default_modules
from memory_check import World, check_image
from memory_image import ADDRESS, LARGE, PAGE, PRESENT, Image
from memory_layout import Layout
from subjects import subject_modules
from test_kernel import MODULES

BREAKAGES = breakages_spaces.BREAKAGES | breakages_frames.BREAKAGES | breakages_objects.BREAKAGES


class Stops:
    """Goes from check to check of a machine that boots, in a thread of its own, and calls on_check(stops) before each."""

    def __init__(self, folder, on_check, on_start=None):
        self.sockets = tempfile.TemporaryDirectory(prefix='quire-')  # the name of a socket has 107 bytes at most, a test's folder may have more
        self.memory, self.socket, self.on_check, self.on_start = folder / '0.memory', Path(self.sockets.name) / 'gdb', on_check, on_start
        self.layout = Layout.of(str(built('kernel-test')))
        self.checks, self.error, self.remote = 0, None, None
        self.thread = threading.Thread(target=self.run)

    def extra(self):
        path = str(self.socket).replace(',', ',,')
        return ['-S', '-chardev', f'socket,path={path},server=on,wait=off,id=gdb', '-gdb', 'chardev:gdb']

    def run(self):
        try:
            self.remote = Remote(self.socket)
            self.image = Image(self.memory, self.layout, writable=True)
            if self.on_start:
                assert self.remote.run_to(self.layout.symbols['kernel_start'])
                self.on_start(self)
            while self.remote.run_to(self.layout.symbols['check_run']):
                self.registers = self.remote.registers()
                self.checks += 1
                self.on_check(self)
                self.remote.restore(self.registers)
                self.kernel_says()
        except BaseException as error:
            self.error = error  # raised by boot_with_stops()
            with contextlib.suppress(OSError, AttributeError):
                self.remote.send('k')  # the machine stands still and would for ever
        finally:
            if self.remote:
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


def boot_with_stops(on_check, on_start=None, **arguments):
    folder = harness.running.folder
    folder.mkdir(parents=True, exist_ok=True)
    stops = Stops(folder, on_check, on_start)
    stops.thread.start()
    result = boot(extra=stops.extra(), timeout=240, icount=True, **arguments)  # so that what is there at each check is always the same
    stops.thread.join()
    stops.sockets.cleanup()
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


@cases(prefix=['messages', 'threads', 'spaces', 'frames', 'devices', 'time'], memory=['24M', '512M'])
def test_agree_beside_the_cases_of_the_kernel(prefix, memory):
    assert len(expect_agreement(1, pager='tests/pager_kernel', modules=MODULES, memory=memory, append=f'test={prefix} counted')) > 3


# --- Who may have which frame ---

USABLE = 1  # enum memory_kind
KERNEL_BASE = 0xffffffff80000000  # kernel.ld; what runs at boot only is given back


def loaders_map(image):
    """([(first, limit) in bytes] that firmware calls usable, the same of all else: what it reserves, the kernel's image, modules), before the pager starts."""
    ranges = {True: [], False: []}
    for index in range(image.variable('source', 'count_ranges')):
        first, limit, kind = (image.variable('source', f'ranges[{index}].{member}') for member in ('first', 'limit', 'kind'))
        ranges[kind == USABLE].append((first, limit))
    return ranges[True], ranges[False]


def tables_of_the_kernel(image, table=None, level=3):
    """The frames of its page tables, from the root."""
    table = image.variable('kernel_map', 'root_physical') // PAGE if table is None else table
    yield table
    for entry in image.table(table)[256 if level == 3 else 0:]:
        if level and entry & PRESENT and not (entry & LARGE and level < 3):
            yield from tables_of_the_kernel(image, (entry & ADDRESS) // PAGE, level - 1)


def frames_of(ranges):
    return {frame for first, limit in ranges for frame in range(first // PAGE, -(-limit // PAGE))}


@cases(memory=['24M', '64M', '200M'])
def test_every_frame(memory):
    """All memory taken and written from end to end by a pager: each frame lies in memory that the loader calls usable, and none is the kernel's own."""
    maps, all_taken = [], []

    def on_start(stops):
        maps.append(loaders_map(stops.image))

    def on_check(stops):
        world = World(stops.image)
        user = [frame for frame in range(world.limit) if world.kinds[world.head[frame]] == world.kind['USER']]
        taken = {frame for frame in user if stops.image.number(frame * PAGE, 8) == ~frame & (1 << 64) - 1}
        if not taken:
            return  # the check after the case
        all_taken.append(taken)
        kernel, report = stops.both_say()
        assert kernel == 0 and not report.findings, report.text()
        (usable, others), symbols = maps[0], stops.layout.symbols
        outside = [frame for frame in taken if not any(first <= frame * PAGE and (frame + 1) * PAGE <= limit for first, limit in usable)]
        assert not outside, f'not usable: {outside[:8]}'
        boot_code = frames_of([(symbols['image_first'], symbols['boot_limit']), (symbols['init_first'] - KERNEL_BASE, symbols['init_limit'] - KERNEL_BASE)])
        table_bytes = world.limit * stops.layout.size('frame_info')
        bitmap = stops.image.physical_of(stops.image.variable('frame_state', 'bitmap.words'))
        kept = {
            'firmware, image or modules': frames_of(others) - boot_code,
            'the first 64 KiB': set(range(16)),
            'the frame table': frames_of([(world.rows, world.rows + table_bytes)]),
            'the bitmap': frames_of([(bitmap, bitmap + world.limit // 8)]),
            'tables of the kernel': set(tables_of_the_kernel(stops.image)),
            'tables, spaces, threads, endpoints': {frame for frame in range(world.limit) if world.kinds[world.head[frame]] > world.kind['USER']},
        }
        for name, frames in kept.items():
            assert frames and not taken & frames, f'{name}: {sorted(taken & frames)[:8]}'
        free = sum(world.kinds[frame] in (world.kind['FREE'], world.kind['SPARE']) for frame in range(world.limit) if world.head[frame] == frame)
        assert free == 0, f'{free} frames were left'
    boot_with_stops(on_check, on_start, pager='tests/pager_kernel', modules=MODULES, memory=memory, append='test=memory_every_frame')
    assert len(all_taken) == 1 and len(all_taken[0]) > int(memory[:-1]) * 256 * 0.8


# --- Each invariant broken ---

def break_each(breakages, **arguments):
    """Each of {invariant: [breakage...]} at the first check where there is such a thing to break: both name it, and nothing with a lower number."""
    pending, wrong = [(invariant, breakage) for invariant in sorted(breakages) for breakage in breakages[invariant]], []

    def on_check(stops):
        for invariant, breakage in list(pending):
            try:
                changes = list(breakage(Scene(stops.image)))
            except (StopIteration, RuntimeError, ValueError, AssertionError):
                continue  # this machine has nothing of the kind yet
            pending.remove((invariant, breakage))
            kernel, report = stops.broken(changes)
            expected = (0, invariant) if breakage.twin_only else (invariant,)
            if kernel not in expected or report.first != invariant or report.text().count(f'invariant={invariant} ') != 1:
                wrong.append(f'{breakage.__name__}: the kernel says {kernel}, the twin\n{report.text()}')
    boot_with_stops(on_check, **arguments)
    assert not wrong, '\n'.join(wrong)
    assert not pending, f'nothing to break for {[breakage.__name__ for _, breakage in pending]}'


@cases(invariant=sorted(BREAKAGES))
def test_broken_and_named(invariant):
    # Of queues there is most to see where one program waits for another.
    break_each({invariant: BREAKAGES[invariant]}, modules=subject_modules('protection') if invariant == 9 else default_modules())


def test_broken_devices():
    break_each(breakages_devices.BREAKAGES, pager='tests/pager_kernel', modules=MODULES, append='test=devices_')


@cases(where=list(breakages_time.BREAKAGES))
def test_broken_time(where):
    """Where a tree of timers stands, where one thread gives to another, where lines of devices are somebody's."""
    break_each(breakages_time.BREAKAGES[where], pager='tests/pager_kernel', modules=MODULES, append=f'test={where} counted')
