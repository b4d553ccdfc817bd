"""A virtual machine: the QEMU command for a boot, and running it to its end.

The kernel ends the machine through the debug-exit device; QEMU then exits with 2 * code + 1. Only SUCCESS is success: a guest that
resets (a triple fault) makes QEMU exit with 0, and that is a failure here.
"""
import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from project import Failure

QEMU = 'qemu-system-x86_64'
OVMF = '/usr/share/ovmf/OVMF.fd'
SUCCESS, PANIC, FAILED = 33, 35, 37
DEBUG_EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04']
# The last word of a kernel that panics before it knows of the debug-exit device. Programs cannot write it: their lines begin with a time stamp.
HALTED = b'\nhalted\r\n'
DEBUG_EXIT_ARGUMENT = 'debug-exit=0xf4'


def icount(shift):
    """QEMU's options for a run that is repeatable to the instruction: each takes 2**shift ns (0 to 10) of the machine's time, whatever the host does."""
    return ['-icount', f'shift={shift},sleep=off', '-rtc', 'base=2020-01-01,clock=vm']


DETERMINISTIC = icount(5)


def kvm_state():
    """(usable, why or why not)."""
    flags = set()
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('flags'):
            flags = set(line.split())
            break
    if not flags & {'vmx', 'svm'}:
        return False, 'the processor shows no virtualisation flag (vmx or svm)'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False, '/dev/kvm is missing or not open to you'
    return True, 'the processor has it and /dev/kvm is open'


@dataclass
class Machine:
    door: str = 'bios'          # bios and uefi: from iso; pvh: from kernel and bundle
    iso: Path = None
    kernel: Path = None
    bundle: Path = None
    arguments: str = ''         # pvh only; an ISO has them in its grub.cfg
    memory: str = '256M'
    cpus: int = 1
    cpu: str = None             # default: everything that the accelerator has
    accelerator: str = 'tcg'
    display: bool = False
    dump: Path = None           # a new file that holds the machine's memory, also when it has ended
    extra: list = field(default_factory=list)

    def command(self):
        command = [QEMU, '-accel', self.accelerator, '-cpu', self.cpu or ('host' if self.accelerator == 'kvm' else 'max'),
                   '-m', self.memory, '-smp', str(self.cpus), '-nic', 'none', '-no-reboot', *DEBUG_EXIT,
                   '-chardev', 'stdio,id=serial,signal=on', '-serial', 'chardev:serial', '-monitor', 'none']
        if not self.display:
            command += ['-display', 'none']
        if self.door == 'pvh':
            command += ['-kernel', str(self.kernel), '-append', self.arguments]
            if self.bundle:
                command += ['-initrd', str(self.bundle)]
        else:
            command += ['-cdrom', str(self.iso), '-boot', 'd']
            if self.door == 'uefi':
                command += ['-bios', OVMF]
        if self.dump:
            size = self.memory if self.memory[-1:].isalpha() else self.memory + 'M'
            path = str(self.dump).replace(',', ',,')
            command += ['-object', f'memory-backend-file,id=memory,size={size},mem-path={path},share=on', '-machine', 'memory-backend=memory']
        return command + self.extra


@dataclass
class Outcome:
    status: int          # QEMU's exit status
    ending: str          # success, panic, failed, reset, timeout, interrupted, qemu
    output: str          # everything on the serial line
    errors: str          # QEMU's own messages
    seconds: float


# Machines that run now; a tool that gives up ends them all.
running = set()

ENDINGS = {SUCCESS: 'success', PANIC: 'panic', FAILED: 'failed', 0: 'reset'}


def run(machine, timeout=None, echo=False, log=None, until=None):
    """Runs the machine to its end. `echo`: the serial line is shown on standard output as it comes, the keyboard goes to the machine.
    `timeout`: seconds of real time. `log`: a file that gets the serial output. `until`: end (as 'success') when the output holds this text, or each of a
    tuple of texts."""
    try:
        # The machine must not outlive the tool, however that ends.
        process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *machine.command()], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=None if echo and sys.stdin.isatty() else subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise Failure(f'{error.filename} is not installed: ./quire doctor tells what is missing') from None
    running.add(process)
    began = time.monotonic()
    terminal = termios.tcgetattr(sys.stdin) if echo and sys.stdin.isatty() else None
    output, errors = bytearray(), bytearray()
    try:
        ending = watch(process, {process.stdout.fileno(): output, process.stderr.fileno(): errors}, began, timeout, echo, until)
    except KeyboardInterrupt:
        ending = 'interrupted'
    finally:
        end(process)
        running.discard(process)
        if terminal:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal)
    if log:
        Path(log).write_bytes(output)
    status = process.returncode
    return Outcome(status, ending or ENDINGS.get(status, 'qemu'), output.decode(errors='replace'), errors.decode(errors='replace'),
                   time.monotonic() - began)


def watch(process, sinks, began, timeout, echo, until):
    """Collects what the process writes until it closes its outputs ('' is returned), time is up, the text to wait for has come, or the kernel
    has halted."""
    output = sinks[process.stdout.fileno()]
    while sinks:
        left = None if timeout is None else began + timeout - time.monotonic()
        if left is not None and left <= 0:
            return 'timeout'
        for descriptor in select.select(list(sinks), [], [], left)[0]:
            data = os.read(descriptor, 65536)
            if not data:
                del sinks[descriptor]
                continue
            sinks[descriptor] += data
            if echo and sinks[descriptor] is output:
                sys.stdout.flush()
                show(data, sys.stdout.fileno())
        if until and all(b'\n' in output.partition(text.encode())[2] for text in ((until,) if isinstance(until, str) else until)): # the whole line
            return 'success'
        if output.endswith(HALTED):
            return 'panic'
    process.wait()
    return ''


def show(data, descriptor):
    """Writes all of it: QEMU makes the terminal that it shares with us non-blocking, and Python's own streams then lose what does not fit."""
    while data:
        try:
            data = data[os.write(descriptor, data):]
        except BlockingIOError:
            select.select([], [descriptor], [])


def end(process):
    """Ends the machine if it still runs."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()
    process.stderr.close()


def end_running():
    """Ends every machine that another thread waits for; their run() returns."""
    for process in list(running):
        with contextlib.suppress(OSError):
            process.terminate()
