"""Writes a program of your own, outside this tree: main.c, CMakeLists.txt, a test that boots it, a README.

It goes to the folder NAME in --in DIR; without --in in the current folder, or beside this tree when that lies in it. What is there already is
never touched. ./quire sdk installs what the program is built with; its README has the commands.

Exit status
  0  the program is written
  1  NAME cannot be the name of a program, the folder exists, lies in this tree or cannot be written; 2: wrong options
"""
import re
from pathlib import Path

from project import Failure, TOP, say

NAME = re.compile(r'[a-z][a-z0-9_-]{0,31}')
# Names of targets that CMake keeps for itself (cmake-policies, CMP0037), and of the module that is always there.
RESERVED = {'all', 'clean', 'edit_cache', 'help', 'install', 'list_install_components', 'package', 'package_source', 'preinstall', 'rebuild_cache',
            'test', 'pager'}

MAIN = r'''/* @NAME@: greets whoever it is told to. */
#include <stdio.h>

int main(int argc, char *argv[])
{
    printf("@NAME@: hello, %s\n", argc > 1 ? argv[1] : "whoever you are");
    return 0;
}
'''

CMAKE = '''# @NAME@: a program for Quire. README.md tells how to build it.
cmake_minimum_required(VERSION 3.25)
project(@NAME@ LANGUAGES C)
find_package(Quire REQUIRED)

quire_program(@NAME@ main.c)
target_compile_options(@NAME@ PRIVATE -Wall -Wextra)

enable_testing()
add_test(NAME @NAME@ COMMAND ${CMAKE_SOURCE_DIR}/test.sh ${QUIRE_COMMAND} $<TARGET_FILE:@NAME@>)
'''

TEST = '''#!/bin/sh
# Boots @NAME@ in a machine without a window (--pvh: without a boot loader, quickly): it must end with status 0, and its line must be in the log.
#
# usage: test.sh QUIRE PROGRAM      the script ./quire, and what the build made; ctest knows both from CMakeLists.txt
if ! log=$("$1" run --headless --pvh --timeout 60 --program "'$2' world"); then
    echo "$log"
    echo "the machine did not end well"
    exit 1
fi
echo "$log"
case $log in
    *"@NAME@: hello, world"*) exit 0 ;;
esac
echo "there is no line '@NAME@: hello, world'"
exit 1
'''

README = '''# @NAME@

A program for Quire, written by `./quire new`. `main.c` is the program, `test.sh` boots it and looks for the line that it prints.

    @QUIRE@ sdk SDK
    cmake -B build -G Ninja --toolchain SDK/cmake/x86_64-quire.cmake
    cmake --build build
    ctest --test-dir build --output-on-failure
    @QUIRE@ run --program build/@NAME@

SDK stands for a folder of your choice, once for all your programs. What a program can do: docs/programs.md in Quire's tree; how to go on from
here to a client and a server: docs/tutorial.md.
'''

FILES = {'.gitignore': 'build/\n', 'main.c': MAIN, 'CMakeLists.txt': CMAKE, 'test.sh': TEST, 'README.md': README}


def add(parser):
    parser.add_argument('name', metavar='NAME', help='letters a-z, digits, - and _, a letter first, at most 32')
    parser.add_argument('--in', dest='parent', type=Path, metavar='DIR', help='the folder in which the folder NAME is made')


def main(options):
    if not NAME.fullmatch(options.name):
        raise Failure(f'{options.name!r} cannot be the name of a program: letters a-z, digits, - and _, a letter first, at most 32 characters')
    if options.name in RESERVED:
        raise Failure(f'{options.name!r} cannot be the name of a program: CMake or Quire uses it for something else')
    folder = chosen_parent(options.parent) / options.name
    write(folder, options.name)
    say(f'wrote {folder}: {", ".join(sorted(FILES))}')
    say('its README.md has the next commands')
    return 0


def chosen_parent(given):
    parent = given.expanduser().absolute() if given else Path.cwd()
    if not given and parent.is_relative_to(TOP):
        parent = TOP.parent
    if not parent.is_dir():
        raise Failure(f'there is no folder {parent}')
    if parent.resolve().is_relative_to(TOP):
        raise Failure(f'{parent} lies in the tree of Quire; programs of the tree belong in programs/ (docs/programs.md), yours outside')
    return parent


def write(folder, name):
    try:
        folder.mkdir()
        for file, text in FILES.items():
            (folder / file).write_text(text.replace('@NAME@', name).replace('@QUIRE@', str(TOP / 'quire')))
        (folder / 'test.sh').chmod(0o755)
    except FileExistsError:
        raise Failure(f'{folder} exists already; nothing was written') from None
    except OSError as error:
        raise Failure(f'{folder} cannot be written: {error.strerror}') from None
