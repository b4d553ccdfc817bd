"""docs/checklist.md against the tests: whatever test or case it names exists, and every row that it has to have is there."""
import re
from pathlib import Path

from project import TOP
from subjects import CASES

DOCUMENT = TOP / 'docs' / 'checklist.md'
NAME = re.compile(r'`((?:unit|machine|lint)/\w+/\w+|subject/\w+|pager_kernel/\w+)`')
ROWS = [*(f'S0-{n}' for n in range(1, 23)), *(f'S1-{n}' for n in range(1, 15)),
        *(f'S2-{n}' for n in range(1, 12)),
        'S2-13', 'S2-14', 'S2-18', 'S2-20', *(f'S2-{n}' for n in range(26, 40)),
        'S3-1', *(f'S3-{n}' for n in (3, 5, 6, 7, *range(9, 45)))]


def exists(name):
    parts = name.split('/')
    if parts[0] == 'subject':
        return parts[1] in [case for _, case, _ in CASES]
    if parts[0] == 'pager_kernel':
        return f'({parts[1]},' in (TOP / 'tests/machine/programs/pager_kernel/cases.def').read_text()
    file, pattern = {
        'unit': (f'tests/unit/{parts[1]}.c', rf'(Test\({parts[1].removeprefix("test_")}, |TEST_OF_BOTH\(){parts[-1]}\b'),
        'machine': (f'tests/machine/{parts[1]}.py', rf'def {parts[-1]}\('),
        'lint': (f'tests/lint/rules_{parts[1]}.py', rf'def {parts[-1]}\('),
    }[parts[0]]
    return (TOP / file).exists() and re.search(pattern, Path(TOP / file).read_text()) is not None


def test_checklist_names_what_exists():
    names = NAME.findall(DOCUMENT.read_text())
    assert len(names) > 50
    missing = [name for name in names if not exists(name)]
    assert not missing, f'no such tests: {missing}'


def test_checklist_has_every_row():
    rows = re.findall(r'^\| (S\d-\d+) \| .+ \| .* \| (whole|partly|not)[^|]* \|$', DOCUMENT.read_text(), re.M)
    assert [row for row, _ in rows] == ROWS, [row for row, _ in rows]
