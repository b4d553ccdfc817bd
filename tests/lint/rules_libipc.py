"""libipc for its users: a header says every status that a function can return."""
import re

from lint_tree import Problem, rule
from rules_documents import table_rows

HEADERS = 'libipc/include/quire/'
PROTOCOL = 'docs/protocol.md'
# A comment and the function of type enum status right below it.
DOCUMENTED = re.compile(r'(?:/\*((?:(?!\*/).)*)\*/\n)?^(?:static inline )?enum status (\w+)\(', re.M | re.S)
# Calls of pagers: one for each row of syscall.def, whose statuses are in docs/calls.md.
WITHOUT_STATUSES = {'libipc/include/quire/kernel_calls.h'}
FUNCTION = re.compile(r'^[\w\[\] ]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}', re.M | re.S)


def documented_functions(tree):
    """name: (path, line, comment) of each function of libipc's headers that returns a status."""
    found = {}
    for path in tree.paths('.h', under=HEADERS):
        if path not in WITHOUT_STATUSES:
            for match in DOCUMENTED.finditer(tree.files[path]):
                found[match[2]] = path, tree.files[path].count('\n', 0, match.start(2)) + 1, match[1] or ''
    return found


@rule(bad={HEADERS + 'a.h': '/* Does it. */\nenum status a_do(void);\n'}, at=HEADERS + 'a.h:2',
      good={HEADERS + 'a.h': '/* Does it. STATUS_LIMIT. */\nenum status a_do(void);\nvoid a_end(void);\n'})
def functions_of_libipc_tell_their_statuses(tree):
    """Every function of libipc that returns a status has a comment right above it that says which, and when. Write it."""
    for name, (path, line, comment) in documented_functions(tree).items():
        if 'STATUS_' not in comment:
            yield Problem(path, line, f'does not tell the statuses of {name}')


EXAMPLE = 'enum status a_do(void)\n{\n    return pager_call(HANDLE_PAGER, PROTOCOL_do, 0, &message);\n}\n'
ROW = '| 1 | `do` | - | - | `LIMIT`, `NO_MEMORY` |\n'


@rule(bad={HEADERS + 'a.h': '/* Does it. STATUS_LIMIT. */\nenum status a_do(void);\n', 'libipc/src/a.c': EXAMPLE, PROTOCOL: ROW}, at=HEADERS + 'a.h:2',
      good={HEADERS + 'a.h': '/* Does it. STATUS_LIMIT, STATUS_NO_MEMORY. */\nenum status a_do(void);\n', 'libipc/src/a.c': EXAMPLE, PROTOCOL: ROW})
def libipc_knows_every_status_of_the_pager(tree):
    """A function of libipc that sends a row of the protocol names each status that docs/protocol.md has in that row. Mend the comment in the header, or the
    document."""
    rows, functions = table_rows(tree, PROTOCOL), documented_functions(tree)
    for path in tree.paths('.c', under='libipc/src/'):
        for name, body in FUNCTION.findall(tree.files[path]):
            for request in re.findall(r'\bPROTOCOL_(\w+)', body):
                if name not in functions or request not in rows:
                    continue
                header, line, comment = functions[name]
                for status in re.findall(r'`([A-Z_]+)`', rows[request][2].split('|')[5]):
                    if not re.search(rf'\bSTATUS_{status}\b', comment):
                        yield Problem(header, line, f'{name} does not name STATUS_{status}, with which the pager may answer {request} ({PROTOCOL})')
