"""QEMU waits for gdb, and gdb starts with the symbols of kernel, pager and programs.

The machine stands at its first instruction; `continue` boots it. The serial log goes to build/debug.log (tail -f it in another terminal).
Kernel, pager and programs have symbols at once, so `break space_map` or `break main` works everywhere. Programs share addresses: where gdb
names the wrong one, `only NAME` keeps the symbols of the kernel and that program (only pager, only hello).
Kernel breakpoints: `hbreak` before the kernel has set up its paging, `break` after it.
"""
import socket
import subprocess
import tempfile
from pathlib import Path

from build import PRESETS, build
from machine import Machine
from bundle import write_bundle
from project import BUILD, say, shown
from verb_run import kernel_arguments, modules_of


def add(parser):
    parser.add_argument('--program', action='append', default=[], metavar='FILE', help='as for run')
    parser.add_argument('--data', action='append', default=[], metavar='FILE', help='as for run')
    parser.add_argument('--append', default='', metavar='ARGUMENTS', help='as for run')
    parser.add_argument('--memory', default='256M', metavar='SIZE', help='default: %(default)s')
    parser.add_argument('--preset', default='debug', choices=PRESETS[:3], help='default: %(default)s')
    parser.add_argument('--command', action='append', default=[], metavar='GDB', help='a gdb command to run first; with it gdb ends afterwards (--batch)')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def symbol_files(modules):
    """name: path of every module that is an ELF image."""
    files = {}
    for module in modules:
        if Path(module.path).read_bytes()[:4] == b'\x7fELF':
            files[module.text.split()[0].rpartition(':')[2]] = Path(module.path).resolve()
    return files


def gdb_script(kernel, files, port):
    lines = ['set confirm off', 'set pagination off', 'set print pretty on', f'file {kernel}']
    lines += [f'add-symbol-file {path}' for path in files.values()]
    lines += ['define only', 'symbol-file', f'file {kernel}']
    for name, path in files.items():
        lines += [f'if $_streq("$arg0", "{name}")', f'add-symbol-file {path}', 'end']
    lines += ['end', 'document only', 'only NAME: keep the symbols of the kernel and of one program: ' + ', '.join(files), 'end',
              f'target remote 127.0.0.1:{port}']
    return '\n'.join(lines) + '\n'


def main(options):
    folder = build(options.preset)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix='quire-debug-') as scratch:
        modules = modules_of(options, folder)
        bundle, script, log = Path(scratch) / 'bundle', Path(scratch) / 'gdb', BUILD / 'debug.log'
        write_bundle(modules, bundle)
        script.write_text(gdb_script(folder / 'kernel', symbol_files(modules), port))
        machine = Machine(door='pvh', kernel=folder / 'kernel', bundle=bundle, arguments=kernel_arguments(False, options.append),
                          memory=options.memory, extra=['-S', '-gdb', f'tcp:127.0.0.1:{port}'])
        say(f'the serial log goes to {shown(log)}; in gdb: continue, break NAME, only NAME, help only')
        with open(log, 'wb') as output:
            # A session of its own: ctrl-C in gdb stops the guest and must not end QEMU.
            process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *machine.command()], stdin=subprocess.DEVNULL, stdout=output,
                                       start_new_session=True)
            try:
                command = ['gdb', '-q', '-x', str(script)]
                if options.command:
                    command = ['gdb', '-q', '--batch', '-x', str(script)] + [part for text in options.command for part in ('-ex', text)]
                return subprocess.run(command).returncode
            finally:
                process.terminate()
                process.wait()
