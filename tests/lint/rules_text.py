"""Files as text: length, form, guards, words, files that nothing uses."""
import posixpath
import re

from lint_tree import Problem, rule
from rules_layers import INCLUDE, without_comments

FILE_LINES = 500
FUNCTION_LINES = 70
LINE_CHARACTERS = 160
SOURCES = ('.c', '.h', '.S', '.def', '.ld', '.py', '.cmake', '.cfg', 'CMakeLists.txt', '/quire', '/run')
# Spelt in two halves, so that this file does not break its own rule.
PROMISES = re.compile(r'\b(' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK')) + r')\b')
# Patterns of what the build compiles (cmake/machine.cmake, cmake/host.cmake).
COMPILED = [re.compile(pattern) for pattern in (
    r'microkernel/[^/]+\.c', r'arch/[^/]+/[^/]+\.[cS]', r'libc-min/(freestanding|hosted)/[^/]+\.[cS]', r'libipc/src/[^/]+\.[cS]', r'libimage/[^/]+\.c',
    r'pager/[^/]+\.[cS]', r'programs/([^/]+/)?[^/]+\.[cS]', r'tests/machine/programs/([^/]+/)?[^/]+\.[cS]', r'tests/bench/([^/]+/)?[^/]+\.[cS]',
    r'tests/bench/host/alternatives/[^/]+\.c', r'docs/tutorial/[^/]+/[^/]+\.c', r'tests/(unit|sim|sim/run|kit|proof)/[^/]+\.c',
    r'tests/fuzz/fuzz_[^/]+\.c')]


def source_paths(tree):
    return [path for path in tree.files if ('/' + path).endswith(SOURCES)]


@rule(bad={'pager/a.c': '\n' * (FILE_LINES + 1)}, at=f'pager/a.c:{FILE_LINES + 1}', good={'pager/a.c': '\n' * FILE_LINES})
def files_are_short(tree):
    """A file holds one noun, in 100 to 300 lines; above 500 it holds two. Split it by noun."""
    for path in source_paths(tree):
        count = len(tree.files[path].splitlines())
        if count > FILE_LINES:
            yield Problem(path, count, f'{count} lines; at most {FILE_LINES}')


@rule(bad={'pager/a.c': 'void f(void)\n{\n' + '    g();\n' * FUNCTION_LINES + '}\n'}, at='pager/a.c:2', good={'pager/a.c': 'void f(void)\n{\n    g();\n}\n'})
def functions_are_short(tree):
    """Functions are below 40 lines, rarely 70. Give a part of it a name and make it a function."""
    for path in tree.paths('.c', '.h'):
        began = None
        for number, line in tree.lines(path):
            if line == '{':
                began = number
            elif line == '}' and began:
                if number - began > FUNCTION_LINES:
                    yield Problem(path, began, f'a function of {number - began + 1} lines; at most {FUNCTION_LINES}')
                began = None


@rule(bad={'pager/a.c': 'int a;\n\tint b;\n'}, at='pager/a.c:2', good={'pager/a.c': 'int a;\n    int b;\n'})
def lines_are_plain(tree):
    """Lines have at most 160 characters (aim at 120 to 150), no tab, no blank at the end, LF endings; a file ends with one line end."""
    for path in source_paths(tree) + tree.paths('.md'):
        text = tree.files[path]
        if text and (not text.endswith('\n') or text.endswith('\n\n')) and text.strip():
            yield Problem(path, len(text.splitlines()), 'the file does not end with exactly one line end')
        for number, line in enumerate(text.split('\n'), 1):
            if '\t' in line:
                yield Problem(path, number, 'a tab; indent by 4 blanks')
            elif line != line.rstrip():
                yield Problem(path, number, 'blanks or a carriage return at the end of the line')
            elif len(line) > LINE_CHARACTERS and not path.endswith('.md') and not line.lstrip().startswith(('SYSCALL(', 'PROTOCOL(')):
                yield Problem(path, number, f'{len(line)} characters; at most {LINE_CHARACTERS}')


@rule(bad={'pager/a.c': 'int a;\n'}, at='pager/a.c:1',
      good={'pager/a.c': '/* Things: what they are for. */\n', 'tools/b.py': '"""Things."""\n', 'arch/x/c.S': '# Entry\n'})
def files_begin_with_their_title(tree):
    """A source file begins with a comment: its noun and job in one line, then why it is like this. Write it."""
    for path in source_paths(tree):
        text = tree.files[path].lstrip()
        if text and not path.endswith('.txt') and not text.startswith(('/*', '//', '"""', '#')):
            yield Problem(path, 1, 'does not begin with a comment that says what it is')


@rule(bad={'pager/a.h': '/* A. */\nint a;\n'}, at='pager/a.h:1',
      good={'pager/a.h': '/* A. */\n#ifndef QUIRE_A_H\n#define QUIRE_A_H\n#endif\n', 'arch/b/pte.h': '/* As x86. */\n#include "../x86/pte.h"\n'})
def headers_are_guarded(tree):
    """A header begins with #ifndef QUIRE_NAME_H and #define of the same name (C library headers: any name), so that it may be included twice.
    Not those that only pass on to another header, and not assert.h, which C wants to act anew each time (C23, 7.2)."""
    for path in tree.paths('.h'):
        code = [line for line in without_comments(tree.files[path]).splitlines() if line.strip()]
        if path.endswith('/assert.h') or code and all(re.match(r'\s*#\s*include\b', line) for line in code):
            continue
        directives = re.findall(r'^\s*#\s*(\w+)\s+(\w+)', tree.files[path], re.M)[:2]
        if len(directives) < 2 or directives[0][0] != 'ifndef' or directives[1] != ('define', directives[0][1]) or not directives[0][1].endswith('_H'):
            yield Problem(path, 1, 'has no include guard')


@rule(bad={'pager/a.c': '/* A. */\nint a; // TO' + 'DO: later\n'}, at='pager/a.c:2', good={'pager/a.c': '/* A. */\nint todo_count;\n'})
def nothing_is_promised(tree):
    """No marks for later work in the tree: do it, or leave it out and say so in the issue."""
    for path in tree.files:
        for number, line in tree.lines(path):
            match = PROMISES.search(line)
            if match:
                yield Problem(path, number, f'says {match[0]}')


@rule(bad={'pager/a.h': '', 'pager/b.c': '#include "c.h"\n'}, at='pager/a.h:1', good={'pager/a.h': '', 'pager/b.c': '#include "a.h"\n'})
def no_header_is_an_orphan(tree):
    """A header that no file includes is dead. Remove it, or use it. (Headers of the C library and of libipc are for programs to include.)"""
    included = {posixpath.basename(match[2]) for path in tree.paths('.c', '.h', '.S', '.def') for _, line in tree.lines(path) if (match := INCLUDE.match(line))}
    for path in tree.paths('.h', '.def'):
        if posixpath.basename(path) not in included and not path.startswith(('libc-min/include/', 'libipc/include/')):
            yield Problem(path, 1, 'no file includes it')


@rule(bad={'pager/sub/a.c': ''}, at='pager/sub/a.c:1', good={'pager/a.c': '', 'programs/echo/a.c': '', 'arch/x86_64/start.S': ''})
def every_source_is_compiled(tree):
    """A C or assembly file outside the folders that the build looks through is never compiled. Move it, or extend cmake/ and COMPILED in
    tests/lint/rules_text.py together."""
    for path in tree.paths('.c', '.S'):
        if not any(pattern.fullmatch(path) for pattern in COMPILED):
            yield Problem(path, 1, 'the build does not look here')


@rule(bad={'tools/a.py': '', 'tools/main.py': 'import b\n'}, at='tools/a.py:1',
      good={'tools/a.py': '', 'tools/main.py': 'from a import b\n', 'tools/verb_x.py': ''})
def no_tool_is_an_orphan(tree):
    """A Python file that nothing imports is dead (main.py, verb_, suite_, test_ and rules_ files are found by name). Remove it, or use it."""
    imported = {name for path in tree.paths('.py') for line in tree.files[path].splitlines()
                if (match := re.match(r'\s*(?:from|import) (\w+)', line)) for name in [match[1]]}
    for path in tree.paths('.py'):
        name = posixpath.basename(path).removesuffix('.py')
        if name not in imported and not name.startswith(('main', 'verb_', 'suite_', 'test_', 'rules_')):
            yield Problem(path, 1, 'nothing imports it')


KERNEL_LINE = re.compile(r'\b(?:log_line|log_add|panic)\((.*?)\);\n', re.S)
KERNEL_CONVERSION = re.compile(r'%(s|\.\*s|l?[ux]|\.\*l?[ux])')


@rule(bad={'microkernel/a.c': 'void f(void)\n{\n    log_line("a",\n             "b=%5u");\n}\n'}, at='microkernel/a.c:4',
      good={'microkernel/a.c': 'log_line("a", "b=%lu c=%.*s d=0x%x", b, 4, c, d);\n', 'pager/a.c': 'log_line("%5u");\n'})
def kernel_lines_use_few_conversions(tree):
    """The kernel's formatter knows s, u and x, the two with l, and .* before them (microkernel/log.h): another one would print something else."""
    for path in tree.paths('.c', '.h', under='microkernel/') + tree.paths('.c', '.h', under='arch/'):
        text = tree.files[path]
        for call in KERNEL_LINE.finditer(text):
            for literal in re.finditer(r'"((?:[^"\\]|\\.)*)"', call[1]):
                if '%' in KERNEL_CONVERSION.sub('', literal[1]):
                    number = text.count('\n', 0, call.start(1) + literal.start()) + 1
                    yield Problem(path, number, f'a conversion that the kernel does not know: {literal[1]}')
