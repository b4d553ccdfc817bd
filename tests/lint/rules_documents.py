"""Documents against the code: what they name exists, and what must be documented is."""
import fnmatch
import posixpath
import re

from lint_tree import Problem, rule

LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
CODE_SPAN = re.compile(r'`([^`]+)`')
ROW = re.compile(r'^(SYSCALL|PROTOCOL|STATUS)\((\d+),\s*(\w+),((?:[^"\n]|"[^"]*"|\n)*?)\)\s*$', re.M)
STRING = re.compile(r'"([^"]*)"')
# A path named in a document begins with one of these; NAME and similar capitals stand for any name.
FOLDERS = ('microkernel', 'arch', 'pager', 'libipc', 'libc-min', 'libimage', 'programs', 'tests', 'tools', 'docs', 'cmake')
# Folders whose parts are described by the README above them.
WITHOUT_README = ('programs/*', 'libipc/*', 'libc-min/*', 'tests/fuzz/corpus', '.*', 'docs/*')

SYSCALL_EXAMPLE = '/* Calls. */\nSYSCALL(7, notify, ANY, SWITCHES, "0:handle:handle 1:bits:word", "",\n        "text")\n'


def rows(tree, path):
    """(number, name, strings, line) of each row of a .def file."""
    text = tree.files.get(path, '')
    for match in ROW.finditer(text):
        yield int(match[2]), match[3], STRING.findall(match[4]), text.count('\n', 0, match.start()) + 1


def table_rows(tree, document):
    """name: (line number, line) of each table row whose first cells are a number and a name in backticks."""
    found = {}
    for number, line in tree.lines(document) if document in tree.files else ():
        match = re.match(r'\|\s*(\d+)\s*\|\s*`(\w+)`', line)
        if match:
            found[match[2]] = (number, int(match[1]), line)
    return found


def compare(tree, source, document, words_of, is_name=str.islower):
    """Problems of a document's table against the rows of a .def file; words_of(strings): what a row has to mention; is_name(name): the row of the
    document belongs to this table (statuses are in capitals, calls are not)."""
    if document not in tree.files:
        yield Problem(document, 1, f'is missing; it documents every row of {source}: | number | `name` | arguments ...')
        return
    documented = table_rows(tree, document)
    names = set()
    for number, name, strings, line in rows(tree, source):
        names.add(name)
        if name not in documented:
            yield Problem(document, 1, f'has no row | {number} | `{name}` | ... ({source}:{line})')
            continue
        at, documented_number, text = documented[name]
        if documented_number != number:
            yield Problem(document, at, f'`{name}` has number {documented_number} here and {number} in {source}:{line}')
        for word in words_of(strings):
            if not re.search(rf'\b{word}\b', text):
                yield Problem(document, at, f'the row of `{name}` does not name {word} ({source}:{line})')
    for name, (at, _, _) in documented.items():
        if is_name(name) and name not in names:
            yield Problem(document, at, f'there is no `{name}` in {source}')


@rule(bad={'microkernel/abi/syscall.def': SYSCALL_EXAMPLE, 'docs/calls.md': '# Calls\n| 7 | `notify` | handle |\n'}, at='docs/calls.md:2',
      good={'microkernel/abi/syscall.def': SYSCALL_EXAMPLE, 'docs/calls.md': '| 7 | `notify` | `handle`, `bits` | text |\n| 0 | `OK` |\n'})
def every_call_is_documented(tree):
    """docs/calls.md has a table row | number | `name` | ... for each row of syscall.def, which names its arguments and results. Mend the document, or
    syscall.def if that is what is wrong."""
    def words_of(strings):
        return [part.split(':')[1] for text in strings[:2] for part in text.split()]
    yield from compare(tree, 'microkernel/abi/syscall.def', 'docs/calls.md', words_of)


@rule(bad={'pager/protocol.def': 'PROTOCOL(3, brk, "w0:delta", "", "text")\n', 'docs/protocol.md': '| 4 | `brk` |\n'}, at='docs/protocol.md:1',
      good={'pager/protocol.def': 'PROTOCOL(3, brk, "w0:delta", "", "text")\n', 'docs/protocol.md': '| 3 | `brk` | w0: delta |\n'})
def every_message_is_documented(tree):
    """docs/protocol.md has a table row | number | `name` | ... for each row of protocol.def. Mend the document, or protocol.def."""
    yield from compare(tree, 'pager/protocol.def', 'docs/protocol.md', lambda strings: [])


@rule(bad={'microkernel/abi/status.def': 'STATUS(30, NO_MEMORY, "x")\n', 'docs/calls.md': 'nothing\n'}, at='docs/calls.md:1',
      good={'microkernel/abi/status.def': 'STATUS(30, NO_MEMORY, "x")\n', 'docs/calls.md': '| 30 | `NO_MEMORY` | x |\n'})
def every_status_is_documented(tree):
    """docs/calls.md has a table row | number | `NAME` | ... for each row of status.def. Mend the document, or status.def."""
    yield from compare(tree, 'microkernel/abi/status.def', 'docs/calls.md', lambda strings: [], str.isupper)


@rule(bad={'docs/costs.md': '## call\n| step | n |\n| a | 2 | x |\n| total | 3 | |\n'}, at='docs/costs.md:4',
      good={'docs/costs.md': '## call\n| a | 2 | x |\n| b | -1 | |\n| total | 1 | |\n## Counts\n| call | 1 | 2 |\n'})
def costs_add_up(tree):
    """In docs/costs.md the steps of a table that ends in a total add up to it. Count the steps again."""
    steps = 0
    for number, line in tree.lines('docs/costs.md') if 'docs/costs.md' in tree.files else ():
        row = re.match(r'\|([^|]*)\| (-?\d+) \|', line)
        if line.startswith('#'):
            steps = 0
        elif row and row[1].strip() == 'total' and steps != int(row[2]):
            yield Problem('docs/costs.md', number, f'the steps add up to {steps}')
        elif row:
            steps += int(row[2])


@rule(bad={'docs/a.md': '# A\nSee [b](b.md).\n'}, at='docs/a.md:2', good={'docs/a.md': '[b](../b.md#x) [web](https://example.org)\n', 'b.md': '# X\n'})
def links_lead_somewhere(tree):
    """A relative link in a document leads to a file of the tree, and a #part to a heading in it. Mend the link."""
    for path in tree.paths('.md'):
        for number, line in tree.lines(path):
            for link in LINK.findall(line):
                if re.match(r'[a-z]+:', link):
                    continue
                target, _, part = link.partition('#')
                file = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
                if not tree.exists(file.removeprefix('.').strip('/') if file == '.' else file):
                    yield Problem(path, number, f'the link {link} leads nowhere')
                elif part and file.endswith('.md') and part not in headings(tree.files[file]):
                    yield Problem(path, number, f'{file} has no heading for #{part}')


def headings(text):
    """The #parts of a document, formed as Git hosts form them: lower case, blanks to -, other signs dropped."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).strip().replace(' ', '-') for heading in re.findall(r'^#+ (.*)$', text, re.M)}


@rule(bad={'README.md': 'see `pager/gone.c`\n', 'pager/a.c': ''}, at='README.md:1',
      good={'README.md': 'see `pager/a.c`, `pager/`, `programs/NAME.c`, `pager/*.c`, `tests/x.c:12`\n', 'pager/a.c': '', 'tests/x.c': ''})
def documents_name_what_exists(tree):
    """A path in backticks that begins with a folder of the tree exists (capitals such as NAME stand for any name). Mend the document."""
    for path in tree.paths('.md'):
        for number, line in tree.lines(path):
            for span in CODE_SPAN.findall(line):
                name = re.sub(r'(:\d+|/)$', '', span)
                if name.split('/')[0] not in FOLDERS or '/' not in span or re.search(r'[\s{}<>|$]|\b[A-Z]{3,}\b(?!\.md)', span):
                    continue
                if not tree.exists(name) and not any(fnmatch.fnmatch(file, name) for file in [*tree.files, *tree.folders]):
                    yield Problem(path, number, f'names `{span}`, which is not there')


@rule(bad={'pager/a.c': ''}, at='pager/README.md:1', good={'pager/a.c': '', 'pager/README.md': '', 'programs/echo/a.c': '', 'programs/README.md': ''})
def every_folder_has_a_readme(tree):
    """Each folder with sources has a README.md: purpose, files in reading order, rules, the life of one request, what is not here. Write it."""
    for folder in sorted(tree.folders):
        if folder.count('/') > 1 or any(fnmatch.fnmatch(folder, pattern) for pattern in WITHOUT_README):
            continue
        if f'{folder}/README.md' not in tree.files and any(path.startswith(folder + '/') for path in tree.files):
            yield Problem(f'{folder}/README.md', 1, 'is missing')


@rule(bad={'docs/a.md': '', 'README.md': ''}, at='docs/a.md:1',
      good={'docs/a.md': '', 'README.md': '[a](docs/a.md)\n', 'docs/adr/1.md': '', 'docs/adr/README.md': '[1](1.md)\n'})
def every_document_can_be_found(tree):
    """A page of docs/ that no other document links to is never read. Link it from README.md, ARCHITECTURE.md or a page of docs/."""
    linked = {posixpath.normpath(posixpath.join(posixpath.dirname(path), link.partition('#')[0]))
              for path in tree.paths('.md') for link in LINK.findall(tree.files[path])}
    for path in tree.paths('.md', under='docs/'):
        if path not in linked and posixpath.basename(path) != 'README.md':
            yield Problem(path, 1, 'no document links to it')
