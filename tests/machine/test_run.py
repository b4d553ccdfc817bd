"""./quire run as a user meets it: exit status, messages, ctrl-C."""
import os
import pty
import select
import signal
import subprocess
import time

from harness import built
from project import TOP


def run(*options):
    return subprocess.run([str(TOP / 'quire'), 'run', '--headless', '--pvh', '--timeout', '600', *options], text=True, errors='replace',
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_good_end_is_status_0():
    result = run('--program', str(built('programs/hello')))
    assert result.returncode == 0 and 'ended well' in result.stderr, result.stderr
    assert 'fault: pid=' in result.stdout, 'faults are traced unless --append says otherwise'


def test_arguments_reach_kernel_and_programs():
    result = run('--program', f'{built("programs/echo")} server', '--program', f'{built("programs/echo")} client', '--append', 'trace=')
    assert result.returncode == 0, result.stderr
    assert 'fault: pid=' not in result.stdout and 'text=echo client' in result.stdout, result.stdout[-2000:]


def test_staying_machines_run_until_the_timeout():
    result = run('--program', str(built('programs/hello')), '--stay', '--timeout', '2')
    assert result.returncode == 124 and 'time is up' in result.stderr, result


def test_a_program_that_fails_is_status_4():
    """It ends by itself with another status than 0, or the pager has to end it; the others run."""
    for case in ('autogen_runs', 'read_null', 'no.such.case'):
        result = run('--program', f'{built("tests/subject")} {case}', '--program', str(built('programs/hello')))
        good = case == 'autogen_runs'
        assert result.returncode == (0 if good else 4), (case, result.stderr)
        assert 'greetings from user mode' in result.stdout
        assert good or 'did not end with status 0' in result.stderr, result.stderr


def test_a_panic_is_status_3():
    result = run('--program', str(built('programs/hello')), '--cpu', 'max,nx=off')
    assert result.returncode == 3 and 'panic' in result.stdout, (result.returncode, result.stderr, result.stdout[-1000:])


def test_the_iso_runs():
    """As a newcomer types it, but without a window: GRUB by BIOS and by UEFI."""
    for options in ([], ['--efi']):
        result = subprocess.run([str(TOP / 'quire'), 'run', '--headless', '--timeout', '1200', *options], text=True, errors='replace', stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert result.returncode == 0, result.stderr
        for text in ('loader="GRUB', 'fault: pid=', 'greetings from user mode', 'segments: ok', 'echo: reply in text', 'wordcount: total'):
            assert text in result.stdout, text


def test_a_file_that_is_missing_is_named():
    result = run('--program', '/no/such/file')
    assert result.returncode == 1 and '/no/such/file' in result.stderr and 'Traceback' not in result.stderr, result.stderr


def test_qemu_that_cannot_start_is_a_failure():
    result = run('--cpu', 'no-such-processor')
    assert result.returncode == 5 and 'no-such-processor' in result.stderr, result.stderr


def test_ctrl_c_ends_the_machine():
    """In a terminal of its own; the machine's identification is in the command line of QEMU, so that a survivor would be found."""
    mark = f'{os.getpid()}.{time.monotonic_ns()}'
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(TOP)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores it for what it runs in the background, and that is inherited
        os.execv(TOP / 'quire', ['quire', 'run', '--headless', '--pvh', '--stay', '--append', f'mark={mark}', '--timeout', '600'])
    output, sent, status = b'', False, None
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                output += os.read(terminal, 65536)
            except OSError:  # the terminal is closed when the last process has ended
                break
        if b'pager: idle' in output and not sent:
            assert machines(mark), 'the machine is not found by its mark'
            os.write(terminal, b'\x03')
            sent = True
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert sent, f'the machine did not come so far: {output[-2000:]}'
    assert os.waitstatus_to_exitcode(status) == 130 and b'interrupted' in output, (status, output[-500:])
    assert not machines(mark), 'QEMU still runs'


def machines(mark):
    """Processes of QEMU with the mark in their command line."""
    found = []
    for process in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{process}/cmdline', 'rb') as file:
                command = file.read()
        except OSError:
            continue
        if b'qemu-system' in command and mark.encode() in command and b'quire' not in command.split(b'\0')[0]:
            found.append(process)
    return found
