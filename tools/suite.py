"""What the four kinds of tests have in common: names, results, choosing by pattern.

A kind is a file suite_NAME.py with `names(patterns)` (a list) and `run(patterns, report)`, which calls report(Result) as results come.
"""
from dataclasses import dataclass


@dataclass
class Result:
    name: str            # kind/file/test
    outcome: str         # passed, failed, skipped
    seconds: float = 0.0
    detail: str = ''     # what a person needs to see of a failure; why a test was skipped


def chosen(name, patterns):
    """True when one of the patterns is part of the name, whatever the case; without patterns every name is chosen."""
    return not patterns or any(pattern.lower() in name.lower() for pattern in patterns)


def indented(text, by='    '):
    return ''.join(by + line + '\n' for line in text.splitlines())
