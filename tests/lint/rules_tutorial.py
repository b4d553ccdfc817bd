"""The tutorial: the programs that it shows are those that are compiled and booted."""
import posixpath
import re

from lint_tree import Problem, rule

PAGE = 'docs/tutorial.md'
FOLDER = 'docs/tutorial/'
LINK = re.compile(r'\[[^\]]*\]\((tutorial/[^)\s]+/[^)\s]+)\)')


def shown_files(text):
    """path: (line number of its first line, text) of each block that follows a paragraph with a link to a file of tutorial/."""
    found, linked, began = {}, None, None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        match = LINK.search(line)
        if began is None and match:
            linked = posixpath.join('docs', match[1])
        elif began is None and line.startswith('```'):
            began = number
        elif began is not None and line == '```':
            if linked and linked not in found:
                found[linked] = (began + 1, ''.join(shown + '\n' for shown in lines[began:number - 1]))
            linked, began = None, None
    return found


@rule(bad={PAGE: 'See [a.c](tutorial/x/a.c):\n\n```c\nint a;\nint c;\n```\n', 'docs/tutorial/x/a.c': 'int a;\nint b;\n'}, at=f'{PAGE}:5',
      good={PAGE: '[a.c](tutorial/x/a.c):\n\n```c\nint a;\n```\n\n```sh\nls\n```\n', 'docs/tutorial/x/a.c': 'int a;\n', 'docs/tutorial/README.md': ''})
def tutorial_shows_its_files(tree):
    """docs/tutorial.md shows each file of docs/tutorial/NAME/ whole, in the block after a link to it: tests boot the files, readers copy the page. Copy
    the file into the page, or the other way round."""
    page = shown_files(tree.files.get(PAGE, ''))
    for path in tree.paths(under=FOLDER):
        if path.count('/') < 3:
            continue
        if path not in page:
            yield Problem(PAGE, 1, f'does not show {path}')
            continue
        first, text = page[path]
        if text != tree.files[path]:
            pairs = enumerate(zip(text.splitlines() + [None], tree.files[path].splitlines() + [None]))
            at = next((offset for offset, (shown, there) in pairs if shown != there), 0)
            yield Problem(PAGE, first + at, f'shows another text than {path}:{at + 1}')
