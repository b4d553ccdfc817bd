"""Proofs: Frama-C's WP over the project's own sources, with the contracts of tests/proof.

A file tests/proof/NAME.c puts contracts in front of a source and says in its first comment which functions are
`Proved:`. Each is a test: every goal of it, those that guard against undefined behaviour (RTE) included, has to be proved. tests/proof/*.smt2 are
facts that the contracts build on; Z3 has to find each of them true. Skipped where Frama-C or a prover is not installed.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from plain_c import plain_c
from project import TOP
from suite import Result, chosen

FOLDER = TOP / 'tests' / 'proof'
TOOLS = ('frama-c', 'why3', 'z3', 'cvc4', 'clang-19')
SECONDS_PER_GOAL = 10
TIMEOUT = 3600  # seconds for one function: ends what hangs
UNROLL = 7     # loops of the proved functions end sooner; a contract that needs more is not proved


def functions(path):
    """The names after `Proved:` in the first comment."""
    comment = path.read_text().partition('*/')[0]
    return re.findall(r'\w+', comment.partition('Proved:')[2].replace('\n *', ' '))


def tests():
    """(name, path, function or None) of each."""
    found = [(f'proof/{path.stem}/{name}', path, name) for path in sorted(FOLDER.glob('*.c')) for name in functions(path)]
    return found + [(f'proof/{path.stem}/facts', path, None) for path in sorted(FOLDER.glob('*.smt2'))]


def names(patterns):
    return [name for name, _, _ in tests() if chosen(name, patterns)]


def run(patterns, report):
    wanted = [test for test in tests() if chosen(test[0], patterns)]
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        for name, _, _ in wanted:
            report(Result(name, 'skipped', detail=f'not installed: {", ".join(missing)}'))
        return
    with tempfile.TemporaryDirectory(prefix='quire-proof-') as scratch:
        # Why3 looks for provers once and remembers; the user's own settings are left alone.
        environment = {**os.environ, 'WHY3CONFIG': f'{scratch}/why3.conf', 'FRAMAC_WP_CACHE': 'none'}
        subprocess.run(['why3', 'config', 'detect'], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, path, function in wanted:
            began = time.monotonic()
            problem = facts(path) if function is None else prove(path, function, Path(scratch), environment)
            report(Result(name, 'failed' if problem else 'passed', time.monotonic() - began, problem))


def facts(path):
    """What is wrong with a file of facts; '' when all hold."""
    expected = path.read_text().count('(check-sat)')
    result = subprocess.run(['z3', '-T:120', str(path)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    answers = result.stdout.split()
    return '' if expected > 0 and answers == ['unsat'] * expected else f'{expected} facts, Z3 says:\n{result.stdout}'


def prove(path, function, scratch, environment):
    """Why a function is not proved; '' when it is."""
    source = scratch / f'{path.stem}.i'
    source.write_text(plain_c(path))
    command = ['frama-c', '-machdep', 'gcc_x86_64', '-ulevel', str(UNROLL), str(source), '-wp', '-wp-rte', '-wp-fct', function,
               '-wp-prover', 'cvc4,z3,z3-nobv', '-wp-timeout', str(SECONDS_PER_GOAL), '-wp-par', '2']
    try:
        result = subprocess.run(command, text=True, env=environment, timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return f'no end after {TIMEOUT} s'
    proved = re.search(r'Proved goals:\s+(\d+) / (\d+)', result.stdout)
    if result.returncode == 0 and proved and proved[1] == proved[2] != '0':
        return ''
    lines = [line for line in result.stdout.splitlines() if 'Valid' not in line]
    return '\n'.join(lines[-40:])
