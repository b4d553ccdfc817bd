"""Compiling: one call configures a preset when that is needed, and builds it.

A terminal sees Ninja's progress; a pipe sees one line. When it fails, both see everything the compiler said.
"""
import contextlib
import fcntl
import os
import re
import subprocess
import sys
import time

from project import BUILD, DEFAULT_PRESET, Failure, TOP, say

STEP = re.compile(r'\[\w+ \d+/\d+\]|-- ')  # Ninja's and CMake's lines of progress
PRESETS = ('x86_64', 'release', 'debug', 'host', 'fuzz', 'host-bench')


def build(preset=DEFAULT_PRESET, targets=()):
    """Builds a preset, or some targets of it. Returns its folder; raises Failure when the compiler is not content."""
    folder = BUILD / preset
    BUILD.mkdir(exist_ok=True)
    with one_at_a_time(preset):
        if cache_is_foreign(folder) or not (folder / 'build.ninja').exists():
            configure(preset)
        command = ['cmake', '--build', str(folder)]
        if targets:
            command += ['--target', *targets]
        run_quietly(command, preset)
    link_compile_commands(folder)
    return folder


@contextlib.contextmanager
def one_at_a_time(preset):
    """Two builds in one folder would spoil each other's files: the second waits."""
    with open(BUILD / f'.{preset}.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f'another build of {preset} is running; waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def configure(preset):
    say(f'configuring the preset {preset}')
    result = subprocess.run(['cmake', '--fresh', '--preset', preset], cwd=TOP, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        sys.stderr.write(result.stdout)
        raise Failure(f'CMake cannot configure the preset {preset}')


def cache_is_foreign(folder):
    """True when the folder was configured for a tree at another place (a moved or copied clone)."""
    try:
        text = (folder / 'CMakeCache.txt').read_text()
    except FileNotFoundError:
        return False
    return f'CMAKE_HOME_DIRECTORY:INTERNAL={TOP}\n' not in text


def run_quietly(command, preset):
    began = time.monotonic()
    environment = {**os.environ, 'NINJA_STATUS': f'[{preset} %f/%t] '}
    if sys.stderr.isatty():
        result = subprocess.run(command, cwd=TOP, stdout=sys.stderr, env=environment)
    else:
        result = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', env=environment)
        if result.returncode != 0:
            sys.stderr.write(''.join(line for line in result.stdout.splitlines(True) if not STEP.match(line)))
    if result.returncode != 0:
        raise Failure(f'the build of {preset} failed; the messages are above')
    say(f'built {preset} in {time.monotonic() - began:.1f} s')


def link_compile_commands(folder):
    """Editors look for compile_commands.json at the top; the last build that was made is linked there."""
    link = TOP / 'compile_commands.json'
    target = os.path.relpath(folder / 'compile_commands.json', TOP)
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        if not link.is_symlink() or os.readlink(link) != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
