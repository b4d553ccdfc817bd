"""C23 as the project writes it, turned into the C11 that Frama-C reads: for tests/proof.

The compiler preprocesses; what is left is a matter of spelling. Functions keep their bodies: only words around them change.
  attributes, alignas, static_assert, pragmas  left out
  enum with a type                  without it
  constexpr T NAME = VALUE;         left out, and NAME becomes ((T)(VALUE)) where it is used
  1'000                             1000
  bool, true, false, nullptr        the words of C11
  __builtin_mul_overflow and such   functions of these types, with contracts in tests/proof/builtins.h
"""
import re
import subprocess

from project import Failure, TOP

MACROS = ('bool=_Bool', 'true=1', 'false=0', 'nullptr=((void*)0)', 'QUIRE_ON_HOST=1')
FOLDERS = ('microkernel', 'arch/host', 'libc-min/include', 'tests/proof', '.')
CONSTANT = re.compile(r'\b(?:static )?constexpr ([\w ]+?) (\w+) = ([^;{]+);')
OVERFLOWS = re.compile(r'__builtin_(add|mul|sub)_overflow\b')


def preprocessed(path):
    command = ['clang-19', '-E', '-P', '-CC', '-std=c23', '-ffreestanding', '-nostdlibinc']
    command += [word for macro in MACROS for word in ('-D', macro)] + [word for folder in FOLDERS for word in ('-I', str(TOP / folder))]
    result = subprocess.run([*command, str(path)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode != 0:
        raise Failure(f'{path} cannot be preprocessed:\n{result.stderr}')
    return result.stdout


def without_asserts(text):
    """static_assert(...); with any parentheses inside."""
    while match := re.search(r'\bstatic_assert\s*\(', text):
        depth, at = 1, match.end()
        while depth:
            depth += {'(': 1, ')': -1}.get(text[at], 0)
            at += 1
        text = text[:match.start()] + text[text.index(';', at) + 1:]
    return text


def without_comments(text):
    """Leaves those that are annotations: they begin with /*@ or //@."""
    return re.sub(r'/\*(?!@).*?\*/|//(?!@)[^\n]*', ' ', text, flags=re.S)


def plain_c(path):
    text = without_asserts(without_comments(preprocessed(path)))
    text = re.sub(r'\[\[[^]]*\]\]|\balignas\([^()]*\)', '', text)
    text = re.sub(r'^#pragma .*$', '', text, flags=re.M)
    text = re.sub(r'\benum\s*(\w*)\s*:\s*[\w ]+?\s*\{', r'enum \1 {', text)
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", '', text)
    text = OVERFLOWS.sub(r'proof_\1_overflow', text)
    while match := CONSTANT.search(text):
        kind, name, value = match.groups()
        rest = re.sub(rf'(?<![\w.>])\b{name}\b', f'(({kind})({value}))'.replace('\\', r'\\'), text[match.end():])
        text = text[:match.start()] + rest
    return re.sub(r'\n\s*\n+', '\n', text)
