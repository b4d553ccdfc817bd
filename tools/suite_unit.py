"""Unit tests: the Criterion executables that CTest knows in the preset host, each of its tests counted.

Criterion runs every test in a process of its own and reports in TAP.
"""
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from build import build
from project import TOP
from suite import Result, chosen

TAP_LINE = re.compile(r'(not ok|ok) - (\w+)::(\w+)(.*)')
TIME = re.compile(r'\(([\d.]+)s\)')
TIMEOUT = 3600  # seconds for one executable: ends what hangs


def executables():
    """(name, path) of each CTest case, in order."""
    folder = build('host')
    result = subprocess.run(['ctest', '--test-dir', str(folder), '--show-only=json-v1'], text=True, stdout=subprocess.PIPE, check=True)
    return sorted((test['name'], folder / test['name']) for test in json.loads(result.stdout)['tests'])


def tests_of(name, path):
    """Full names of the tests in one executable, in Criterion's order; it lists them as a tree of suites."""
    listing = subprocess.run([str(path), '--list', '--encoding=utf8'], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    tests, suite = [], ''
    for line in listing.splitlines():
        branch = re.match(r'(?:├──|└──|\|--|`--) (\w+)', line)
        if branch:
            tests.append(f'unit/{name}/{suite}/{branch[1]}')
        elif re.match(r'\w+: \d+ tests?', line):
            suite = line.partition(':')[0]
    return tests


def names(patterns):
    return [test for name, path in executables() for test in tests_of(name, path) if chosen(test, patterns)]


def run(patterns, report):
    for name, path in executables():
        tests = tests_of(name, path)
        wanted = [test for test in tests if chosen(test, patterns)]
        if wanted:
            run_one(name, path, wanted, len(wanted) < len(tests), report)


def run_one(name, path, wanted, some_only, report):
    command = [str(path), '--jobs', '2', '--color=never']
    if some_only:
        command += ['--filter', '@(' + '|'.join(test.split('/', 2)[2] for test in wanted) + ')']
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix='.tap') as tap:
        try:
            result = subprocess.run([*command, f'--tap={tap.name}'], cwd=TOP, text=True, errors='replace', timeout=TIMEOUT,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output, status = result.stdout, result.returncode
        except subprocess.TimeoutExpired as late:
            output, status = (late.stdout or b'').decode(errors='replace') + f'\nno end after {TIMEOUT} s', 1
        verdicts = {f'unit/{name}/{match[2]}/{match[3]}': match for match in TAP_LINE.finditer(Path(tap.name).read_text(errors='replace'))}
    told = False
    for test in wanted:
        match = verdicts.get(test)
        if match and match[1] == 'ok':
            outcome = 'skipped' if '# SKIP' in match[4] else 'passed'
        else:
            outcome = 'failed'
        seconds = TIME.search(match[4]) if match else None
        detail = '' if outcome == 'passed' else 'see the output above' if told else output or 'it ended without a word'
        if outcome == 'skipped':
            detail = match[4].partition('# SKIP')[2].strip()
        told = told or outcome == 'failed'
        report(Result(test, outcome, float(seconds[1]) if seconds else 0.0, detail))
    if status != 0 and not told:
        # The executable found something after its tests: a leak, or its own crash.
        report(Result(f'unit/{name}', 'failed', time.monotonic() - began, output))
