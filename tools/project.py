"""The project's folders, and how the tools talk to whoever called them.

Everything that is not a program's own output goes to standard error, so that a boot log can be piped on.
"""
import os
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / 'build'
DEFAULT_PRESET = 'x86_64'


class Failure(Exception):
    """Something the user can mend: the message is all that is shown. `status` becomes the exit status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def say(text):
    print(f'quire: {text}', file=sys.stderr, flush=True)


def shown(path):
    """The path as the user would type it: relative to the current folder where that is shorter."""
    path = Path(path)
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
