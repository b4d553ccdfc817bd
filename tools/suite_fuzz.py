"""Fuzz targets, briefly: every input of tests/fuzz/corpus/NAME is replayed, then libFuzzer looks for new ones for a few seconds.

A long run is the target's own business: build/fuzz/NAME --help=1. An input that fails is left in build/fuzz/found/; once the bug is mended it
belongs into the corpus.
"""
import os
import subprocess
import tempfile
import time

from build import build
from project import BUILD, TOP, shown
from suite import Result, chosen

SECONDS = int(os.environ.get('QUIRE_FUZZ_SECONDS', '3'))
SEED = 1


def targets():
    return sorted(file.stem for file in (TOP / 'tests' / 'fuzz').glob('fuzz_*.c'))


def all_names():
    return [(target, f'fuzz/{target}/{step}') for target in targets() for step in ('corpus', 'search')]


def names(patterns):
    return [name for _, name in all_names() if chosen(name, patterns)]


def run(patterns, report):
    wanted = [(target, name) for target, name in all_names() if chosen(name, patterns)]
    if not wanted:
        return
    folder = build('fuzz')
    for target, name in wanted:
        corpus = TOP / 'tests' / 'fuzz' / 'corpus' / target.removeprefix('fuzz_')
        inputs = sorted(file for file in corpus.glob('*') if file.is_file()) if corpus.is_dir() else []
        if name.endswith('/search'):
            report(search(name, folder / target, corpus if inputs else None))
        elif inputs:
            report(execute(name, [str(folder / target), *map(str, inputs)]))
        else:
            report(Result(name, 'skipped', detail=f'no inputs in {shown(corpus)}'))


def search(name, executable, corpus):
    found = BUILD / 'fuzz' / 'found'
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='quire-fuzz-') as fresh:
        command = [str(executable), f'-seed={SEED}', f'-max_total_time={SECONDS}', '-timeout=60', f'-artifact_prefix={found}/{executable.name}-', fresh]
        return execute(name, command + ([str(corpus)] if corpus else []))


def execute(name, command):
    began = time.monotonic()
    result = subprocess.run(command, text=True, errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS + 3000)
    passed = result.returncode == 0
    return Result(name, 'passed' if passed else 'failed', time.monotonic() - began, '' if passed else result.stdout[-8000:])
