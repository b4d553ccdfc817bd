"""Installs what programs outside this tree are built with: headers, library, CMake package and toolchain.

  DIR/include   <quire/...>, the C library, the ABI
  DIR/lib       libquire.a and program.ld
  DIR/cmake     QuireConfig.cmake and the toolchain file x86_64-quire.cmake

A program is then built with

  cmake -B build -G Ninja --toolchain DIR/cmake/x86_64-quire.cmake && cmake --build build

and its CMakeLists.txt says find_package(Quire REQUIRED) and quire_program(NAME main.c); ./quire new writes one. DIR may be moved.
Run it again after this tree has changed: DIR is brought up to date.

Exit status
  0  DIR holds the SDK
  1  DIR holds something else, lies in this tree or cannot be written, or the build failed; 2: wrong options
"""
import os
import subprocess
from pathlib import Path

from build import PRESETS, build
from project import DEFAULT_PRESET, Failure, TOP, say, shown

PACKAGE = Path('cmake') / 'QuireConfig.cmake'  # what an SDK is known by
TOOLCHAIN = Path('cmake') / 'x86_64-quire.cmake'


def add(parser):
    parser.add_argument('folder', type=Path, metavar='DIR', help='an SDK to bring up to date, an empty folder, or one that is not there yet')
    parser.add_argument('--preset', default=DEFAULT_PRESET, choices=PRESETS[:3], help='whose library; default: %(default)s')


def main(options):
    folder = options.folder.expanduser().absolute()
    check(folder)
    built = build(options.preset, ['program_library'])
    result = subprocess.run(['cmake', '--install', str(built), '--prefix', str(folder), '--component', 'sdk'], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise Failure(f'the SDK cannot be installed in {shown(folder)}:\n{result.stdout.rstrip()}')
    say(f'the SDK is in {shown(folder)}; configure programs with --toolchain {folder / TOOLCHAIN}')
    return 0


def check(folder):
    """Raises Failure unless the folder is an SDK, empty, or can be made."""
    if folder.resolve().is_relative_to(TOP):
        raise Failure(f'{shown(folder)} lies in the tree of Quire; an SDK is for programs outside: choose another folder')
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise Failure(f'{shown(folder)} cannot be made: {above} is not a folder that you may write to')
    elif not folder.is_dir():
        raise Failure(f'{shown(folder)} is not a folder')
    elif not (folder / PACKAGE).exists() and any(folder.iterdir()):
        raise Failure(f'{shown(folder)} holds something else than an SDK; choose an empty folder or one that is not there yet')
    elif not os.access(folder, os.W_OK):
        raise Failure(f'you may not write to {shown(folder)}')
