"""Code that stands twice: the same run of lines in two places."""
import re

from lint_tree import Problem, rule
from rules_layers import without_comments

# Lines of code, blank ones, braces and includes aside, that may be the same in two places.
DUPLICATE_LINES = 12
# The table formats of one processor family say the same of different words; each is read alone. Copies of programs for readers are compared by rules_tutorial.
FOLDERS = ('microkernel/', 'arch/x86/', 'arch/x86_64/', 'arch/host/', 'libimage/', 'libipc/', 'libc-min/', 'pager/', 'programs/')


def code_lines(text):
    """(number, tokens) of the lines that say something."""
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        tokens = ' '.join(re.findall(r'\w+|[^\w\s]', line))
        if len(tokens) > 2 and not tokens.startswith('# include'):
            yield number, tokens


LINES = ''.join(f'    step_{i}(a, {i});\n' for i in range(DUPLICATE_LINES))


@rule(bad={'pager/a.c': LINES, 'pager/b.c': LINES}, at='pager/b.c:1', good={'pager/a.c': LINES, 'pager/b.c': LINES.replace('step_9(a', 'step_9(b')})
def nothing_stands_twice(tree):
    """The same twelve lines of code in two places are one function with two callers. Names and numbers count: what differs in a word is not found."""
    seen = {}
    for path in tree.paths('.c', '.h'):
        if not path.startswith(FOLDERS):
            continue
        lines = list(code_lines(tree.files[path]))
        told = 0
        for i in range(len(lines) - DUPLICATE_LINES + 1):
            window = tuple(tokens for _, tokens in lines[i:i + DUPLICATE_LINES])
            first = seen.setdefault(window, (path, lines[i][0]))
            if first != (path, lines[i][0]) and i >= told:
                told = i + DUPLICATE_LINES
                yield Problem(path, lines[i][0], f'{DUPLICATE_LINES} lines as at {first[0]}:{first[1]}')
