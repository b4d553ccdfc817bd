"""Boot modules: a file and the command line that the pager reads.

A command line is "[KIND[@GROUP]...[,TERM=NUMBER]...:]NAME [ARGUMENT...]" (libimage/module_line.h).
The kernel's first module is the pager; the others are programs and data.
What `./quire run` boots by default stands in tools/default_programs.
"""
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import words
from project import Failure, TOP, shown

KINDS = ('program', 'program+wx', 'driver', 'image', 'data')
TEXT_LIMIT = 256  # bytes with the NUL: BOOT_TEXT_LIMIT of microkernel/boot.h
WORD = re.compile(r'[A-Za-z0-9_.,:;+=/@%^-]+')


@dataclass(frozen=True)
class Module:
    path: Path
    text: str

    def __post_init__(self):
        if not Path(self.path).is_file():
            raise Failure(f'no such file for a module: {self.path}')
        if len(self.text.encode()) >= TEXT_LIMIT:
            raise Failure(f'the command line of module {self.text.split()[0]} is {len(self.text)} bytes long; at most {TEXT_LIMIT - 1} fit')
        for word in self.text.split():
            if not WORD.fullmatch(word):
                raise Failure(f'{word!r} cannot stand in a module command line: only letters, digits and _.,:;+=/@%^- travel through every boot loader')


def program_module(text):
    """`FILE ARGUMENT...`, or `KIND[@GROUP]...[,TERM=NUMBER]...:FILE ARGUMENT...`, as --program takes it.

    The file's name without suffix becomes the program's name."""
    parts = shlex.split(text)
    if not parts:
        raise Failure('--program needs a file')
    kind, separator, path = parts[0].partition(':')
    if not separator or re.split('[@,]', kind)[0] not in KINDS:
        kind, path = 'program', parts[0]
    name = Path(path).name.removesuffix('.elf')
    prefix = '' if kind == 'program' else f'{kind}:'
    return Module(Path(path), ' '.join([prefix + name, *parts[1:]]))


def data_module(path):
    return Module(Path(path), f'data:{Path(path).name}')


def pager_module(folder):
    return Module(folder / 'pager', 'pager')


def default_modules(folder):
    """The modules of tools/default_programs, programs taken from the build folder."""
    modules = []
    for line in (TOP / 'tools' / 'default_programs').read_text().splitlines():
        line = line.partition('#')[0].strip()
        if not line:
            continue
        kind, separator, name = line.split()[0].partition(':')
        if separator and kind == 'data':
            path = words.words_file() if name == 'words.txt' else TOP / name
        else:
            path = folder / 'programs' / (name if separator else kind)
            if not path.is_file():
                raise Failure(f'tools/default_programs names {path.name}, but there is no {shown(path)}: see programs/')
        modules.append(Module(path, line))
    return modules
