"""Models: Spin searches every state of tests/model/*.pml; what each is run with stands in its first lines.

A line `run NAME [safety|liveness] -D...` of a model's opening comment is a test that passes when the search comes to its end and finds no error. A line
`bugs NAME BUG...` gives each of these bugs, put in by -DBUG_..., a test of its own under the definitions of the
run NAME: it passes only when Spin finds an error.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from project import TOP, Failure, say
from suite import Result, chosen

FOLDER = TOP / 'tests' / 'model'
TOGETHER = min(2, os.cpu_count() or 1)
MEMORY_MIB = 2048
DEPTH = 20000
# Most of the time goes into compiling, for which clang takes half as long as gcc; the searches are short.
TIMEOUT = 1000  # seconds, for one search: ends what hangs
COMPILE = ('clang-19', '-O0', '-w', '-DNOREDUCE', f'-DMEMLIM={MEMORY_MIB}', '-DVECTORSZ=1024')
# A model is one process: there are no orders between processes that a reduction could leave out.
SAFETY = ('-DSAFETY', '-DNOCLAIM')


@dataclass(frozen=True)
class Search:
    name: str
    model: str
    is_liveness: bool
    definitions: tuple
    is_bug: bool


def searches():
    for file in sorted(FOLDER.glob('*.pml')):
        opening = file.read_text().partition('*/')[0]
        runs = {}
        for label, kind, definitions in re.findall(r'^ \* run (\S+) (safety|liveness)((?: -D\S+)*) ?$', opening, re.M):
            runs[label] = Search(f'model/{file.stem}/{label}', file.stem, kind == 'liveness', tuple(definitions.split()), False)
        yield from runs.values()
        for label, bugs in re.findall(r'^ \* bugs (\S+)((?: [A-Z_]+)+) ?$', opening, re.M):
            if label not in runs:
                raise Failure(f'{file.name}: bugs of {label}, which is no run')
            run_of = runs[label]
            for bug in bugs.split():
                name = f'model/{file.stem}/bug-{bug.lower().replace("_", "-")}'
                yield Search(name, file.stem, run_of.is_liveness, (*run_of.definitions, f'-DBUG_{bug}'), True)


def names(patterns):
    return [search.name for search in searches() if chosen(search.name, patterns)]


def run(patterns, report):
    wanted = [search for search in searches() if chosen(search.name, patterns)]
    if not wanted:
        return
    for tool in ('spin', 'gcc', 'clang-19'):  # spin calls gcc for its preprocessor
        if shutil.which(tool) is None:
            raise Failure(f'{tool} is not installed: ./quire test model installs it')
    with ThreadPoolExecutor(TOGETHER) as pool:
        for search, result in zip(wanted, pool.map(execute, wanted)):
            if result.outcome == 'passed' and not search.is_bug:
                say(f'{search.name}: no error in {result.detail.strip()}')
            report(result)


def execute(search):
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='quire-model-') as folder:
        for file in FOLDER.glob('*.pml'):
            shutil.copy(file, folder)
        try:
            passed, detail = verdict(search, folder)
        except subprocess.TimeoutExpired as late:
            passed, detail = False, f'no end after {late.timeout:.0f} s: {" ".join(late.cmd)}\n'
    return Result(search.name, 'passed' if passed else 'failed', time.monotonic() - began, detail)


def output_of(command, folder):
    result = subprocess.run(command, cwd=folder, text=True, errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
    return result.returncode, result.stdout


def verdict(search, folder):
    """(passed, what a person needs to see)."""
    model = search.model + '.pml'
    status, output = output_of(['spin', '-a', *search.definitions, model], folder)
    if not (Path(folder) / 'pan.c').exists() or re.search(r'^spin: .*[Ee]rror', output, re.M):
        return False, output
    status, output = output_of([*COMPILE, *(() if search.is_liveness else SAFETY), '-o', 'pan', 'pan.c'], folder)
    if status != 0:
        return False, output
    status, output = output_of(['./pan', f'-m{DEPTH}', '-w22', *(('-a',) if search.is_liveness else ())], folder)
    errors = re.search(r'errors: (\d+)', output)
    states = re.search(r'(\d+) states, stored', output)
    if errors is None or 'max search depth too small' in output or 'out of memory' in output or 'reached -DMEMLIM' in output or 'interrupted' in output:
        return False, f'the search did not come to its end:\n{output}'
    found = int(errors[1]) > 0
    about = f'{states[1] if states else "?"} states\n'
    if search.is_bug:
        # The error has to be the search's own, not one of the model's code (an array passed its end).
        seen = 'assertion violated' in output or 'acceptance cycle' in output
        return found and seen, '' if found and seen else f'Spin did not find the bug {search.definitions[-1]}: {about}{output}'
    if found:
        _, trace = output_of(['spin', '-t', '-p', '-g', *search.definitions, model], folder)
        return False, f'{output}{about}the way there, from its end:\n{trace[-6000:]}'
    return True, about
