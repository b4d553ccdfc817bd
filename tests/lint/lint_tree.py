"""What a lint rule sees: the files of the tree as text; what it gives back: problems at file and line.

A rule is a function(tree) that yields Problem, made with @rule(bad=..., at=..., good=...). Its docstring says why the rule is there and how to
mend what it finds; it is printed below the problems. `bad` is a small tree with a fault, `at` where the rule has to find it ("file:line"), `good` a
tree that it has to accept: a rule that has gone blind or fussy fails itself.
"""
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Not read as text.
BINARY_SUFFIXES = {'.bin', '.elf', '.iso', '.png', '.jpg'}


@dataclass(frozen=True)
class Problem:
    file: str
    line: int
    message: str

    def __str__(self):
        return f'{self.file}:{self.line}: {self.message}'


class Tree:
    """Files by their path from the top, with / between folders."""

    def __init__(self, files, root=None):
        self.files = files
        self.root = root
        self.folders = {'/'.join(path.split('/')[:depth]) for path in files for depth in range(1, path.count('/') + 1)}

    def paths(self, *suffixes, under=''):
        return [path for path in sorted(self.files) if path.endswith(suffixes or '') and path.startswith(under)]

    def lines(self, path):
        return enumerate(self.files[path].splitlines(), 1)

    def exists(self, path):
        return path in self.files or path in self.folders or path == ''


def working_tree(root):
    """Every file that git tracks or would track; a corpus of inputs is not source."""
    listed = subprocess.run(['git', '-C', str(root), 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], stdout=subprocess.PIPE, check=True)
    files = {}
    for path in listed.stdout.decode().split('\0'):
        file = Path(root) / path
        if path and file.is_file() and file.suffix not in BINARY_SUFFIXES:
            files[path] = '' if '/corpus/' in path else file.read_text(errors='replace')
    return Tree(files, root)


def rule(bad, at, good):
    def decorate(function):
        function.examples = (bad, at, good)
        return function
    return decorate


def examples_verdict(function):
    """'' when the rule treats its examples as it must, else what is wrong."""
    bad, at, good = function.examples
    found = {f'{problem.file}:{problem.line}' for problem in function(Tree(bad))}
    verdict = '' if at in found else f'the rule does not find the fault of its bad example at {at}; it finds {sorted(found)}\n'
    return verdict + ''.join(f'the rule complains about its good example: {problem}\n' for problem in function(Tree(good)))
