"""Lint: the rules of tests/lint over the whole tree; each rule is a test.

A rule first has to find the faults of its own bad example and to accept its good one, so a rule that has gone blind fails.
"""
import importlib
import sys
import time

from project import TOP
from suite import Result, chosen


def rules():
    folder = TOP / 'tests' / 'lint'
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    for file in sorted(folder.glob('rules_*.py')):
        module = importlib.import_module(file.stem)
        for name, function in vars(module).items():
            if hasattr(function, 'examples') and function.__module__ == file.stem:
                yield f'lint/{file.stem.removeprefix("rules_")}/{name}', function


def names(patterns):
    return [name for name, _ in rules() if chosen(name, patterns)]


def run(patterns, report):
    wanted = [rule for rule in rules() if chosen(rule[0], patterns)]
    if not wanted:
        return
    import lint_tree
    tree = lint_tree.working_tree(TOP)
    for name, rule in wanted:
        began = time.monotonic()
        detail = lint_tree.examples_verdict(rule)
        problems = list(rule(tree))
        if problems:
            detail += ''.join(f'{problem}\n' for problem in problems) + f'rule: {rule.__doc__.strip()}\n'
        report(Result(name, 'failed' if detail else 'passed', time.monotonic() - began, detail))
