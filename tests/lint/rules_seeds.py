"""Seeds of the fuzzers: the files in tests/fuzz/corpus that tools/fuzz_seeds.py writes are there and are what it writes."""
from pathlib import Path

from lint_tree import Problem, rule

import fuzz_seeds


@rule(bad={'tests/fuzz/fuzz_arguments.c': '', 'tests/fuzz/corpus/arguments/kernel': '', 'tests/fuzz/corpus/arguments/quote': ''},
      at='tests/fuzz/corpus/arguments/module:1',
      good={'tests/fuzz/fuzz_other.c': '', 'tests/fuzz/fuzz_arguments.c': '', 'tests/fuzz/corpus/arguments/kernel': '',
            'tests/fuzz/corpus/arguments/module': '', 'tests/fuzz/corpus/arguments/quote': '', 'tests/fuzz/corpus/arguments/found-later': ''})
def seeds_are_what_the_script_writes(tree):
    """A seed that a reader refuses at its first check tests nothing. When a format has changed, run tools/fuzz_seeds.py and commit what it wrote."""
    for name, seeds in fuzz_seeds.SEEDS.items():
        if f'tests/fuzz/fuzz_{name}.c' not in tree.files:
            continue
        for seed, content in seeds():
            path = f'tests/fuzz/corpus/{name}/{seed}'
            if path not in tree.files:
                yield Problem(path, 1, 'is missing')
            elif tree.root is not None and (Path(tree.root) / path).read_bytes() != content:
                yield Problem(path, 1, 'is not what tools/fuzz_seeds.py writes')
