"""The kernel's own faults: a panic that names vector, error code, address and instruction, with registers and a backtrace, and the machine ends.
Memory that runs out: a panic where the kernel argument oom=panic asks for one, and at the boot.

No call and no program can make the kernel fault, so gdb does: it stops the kernel in the middle of a system call and sets a register wrong.
"""
import shutil
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import harness
import machine as qemu
import serial_log
from bundle import bundle_bytes
from harness import Boot, Skip, boot, built, cases, program

# Seconds of real time for QEMU and for gdb, which reads all debug information first: on a machine with ten times as much to do as it can, that is a minute.
LIMIT = 1800
NOWHERE, NOTHING = 0xffffffffdead0000, 0xfffff00000000000
# name: (what gdb does when the kernel is in kernel_on_call, vector, address or None, instruction or None)
DAMAGE = {
    'jump': (f'set $rip = {NOWHERE:#x}', 14, NOWHERE, NOWHERE),
    'jump-to-null': ('set $rip = 0', 14, 0, 0),
    'jump-to-user': ('set $rip = 0x400000', 14, 0x400000, 0x400000),
    'instruction': ('set *(unsigned short *)$rip = 0x0b0f', 6, None, None),
    'stack': (f'set $rsp = {NOTHING:#x}', 8, None, None),
}


def boot_with_gdb(*commands, extra=()):
    """Boots hello, stops at the first call, gives gdb the commands, goes on. `extra`: arguments of QEMU."""
    if shutil.which('gdb') is None:
        raise Skip('gdb is not installed: ./quire doctor')
    harness.running.folder.mkdir(parents=True, exist_ok=True)
    stem = harness.running.folder / '0'
    sockets = tempfile.TemporaryDirectory(prefix='quire-')  # the name of a socket has 107 bytes at most
    socket = Path(sockets.name) / 'gdb'
    machine = qemu.Machine(door='pvh', kernel=built('kernel-test'), arguments=harness.BASIC_ARGUMENTS, memory='128M', bundle=stem.with_suffix('.bundle'),
                           extra=['-S', '-chardev', f'socket,path={socket},server=on,wait=off,id=gdb', '-gdb', 'chardev:gdb', *extra])
    machine.bundle.write_bytes(bundle_bytes([(built('pager').read_bytes(), 'pager'), (program('hello')[0].read_bytes(), 'hello')]))
    over = threading.Event()
    debugger = threading.Thread(target=drive, args=(machine.kernel, socket, over, commands, stem.with_suffix('.gdb')))
    debugger.start()
    outcome = qemu.run(machine, LIMIT, log=stem.with_suffix('.log'))
    over.set()
    debugger.join()
    sockets.cleanup()
    result = Boot(machine, outcome, serial_log.parse(outcome.output), stem.with_suffix('.log'))
    harness.running.boots.append(result)
    return result


def is_listening(socket):
    """Whether somebody has made the socket and waits there: proc(5), /proc/net/unix, the flag __SO_ACCEPTCON."""
    rows = (line.split() for line in Path('/proc/net/unix').read_text().splitlines()[1:])
    return any(row[-1] == str(socket) and int(row[3], 16) & 1 << 16 for row in rows)


def drive(kernel, socket, over, given, log):
    while not is_listening(socket) and not over.wait(0.02):
        pass  # gdb does not wait for a socket that is not there yet: on a machine with much to do it comes before QEMU does
    commands = ['set confirm off', 'set tcp connect-timeout 300', f'target remote {socket}', 'hbreak kernel_on_call', 'continue', 'delete', *given, 'continue']
    with open(log, 'w') as file:
        subprocess.run(['gdb', '-nx', '-batch', *(part for text in commands for part in ('-ex', text)), str(kernel)], stdin=subprocess.DEVNULL,
                       stdout=file, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)


@cases(damage=list(DAMAGE))
def test_kernel_fault(damage):
    command, vector, address, instruction = DAMAGE[damage]
    result = boot_with_gdb(command)
    result.ended('panic')
    line = result.expect('panic', vector=vector)
    if vector != 8:
        assert 'error' in line.values and 'addr' in line.values, line.raw
    if address is not None:
        assert line.number('addr') == address, line.raw
    if instruction is not None:
        assert line.number('ip') == instruction, line.raw
    after = result.lines[result.lines.index(line) + 1:]
    assert any('rsp=' in row.raw for row in after), 'no registers'
    if damage != 'stack':  # where the kernel was before: behind the entry's call of kernel_on_call
        assert any('backtrace' in row.raw for row in after), 'no backtrace'
    result.expect_none('process', 'ended')


# --- Memory that runs out ---

# Who asks for the frame that is not there: a space and its tables, a page, a fault.
@cases(case=['memory_space_create', 'memory_fill', 'memory_resolve', 'memory_without'], oom=['panic', 'status', ''])
def test_without_memory(case, oom):
    """The pager gets a status and goes on; by the argument the machine ends and says why."""
    result = boot(pager='tests/pager_kernel', append=f'test={case}' + (f' oom={oom}' if oom else ''), memory='32M')
    result.expect_none('boot', 'argument')
    if oom != 'panic':
        result.expect('test', 'case', name=case, result='ok')
        result.expect_none('panic')
        result.ended_well()
        return
    assert result.output.count('panic: memory: no frame is free') == 1, 'not one line that says why'
    result.expect_none('test', 'case')
    result.ended('panic')


def test_without_memory_other_word():
    """Neither of the two words: said, and a status it is."""
    result = boot(pager='tests/pager_kernel', append='test=memory_without oom=maybe', memory='32M')
    result.expect('boot', 'argument refused', text='oom=maybe')
    result.ended_well()


@cases(oom=['panic', 'status'])
def test_without_memory_at_boot(oom):
    """Four MiB, and a pager that needs three for a segment: a panic in any case, before there is anybody to tell."""
    content = bytearray(built('tests/pager_kernel').read_bytes())
    headers = struct.unpack_from('<Q', content, 32)[0]
    struct.pack_into('<Q', content, headers + 2 * 56 + 40, 0x300000)  # ELF-64: p_memsz of the last segment
    result = boot(pager=bytes(content), append=f'oom={oom}', memory='4M', timeout=20)
    result.expect('panic', text='no memory for the pager' if oom == 'status' else 'memory: no frame is free')
    result.expect_none('boot', text='pager starts')
    assert result.output.count('backtrace') > 1, 'no way back through what runs at boot only'
    result.ended('panic')
