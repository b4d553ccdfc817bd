"""Machine tests: functions test_... of tests/machine/test_*.py, each of which boots virtual machines (tests/machine/harness.py).

At most two run at once. What a failed test booted stays in build/test/NAME, with the serial log; its command can be run again.
"""
import importlib
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from build import build
from project import BUILD, TOP, shown
from suite import Result, chosen

FOLDER = TOP / 'tests' / 'machine'
TOGETHER = min(2, os.cpu_count() or 1)


def module_of_tests(name):
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)


def tests():
    """(name, function, arguments) of every case, in the order of the files."""
    for file in sorted(FOLDER.glob('test_*.py')):
        module = module_of_tests(file.stem)
        for name, function in vars(module).items():
            if name.startswith('test_') and getattr(function, '__module__', '') == file.stem:
                for label, arguments in getattr(function, 'cases', [('', {})]):
                    yield f'machine/{file.stem}/{name}{label}', function, arguments


def shake(shift):
    """What runs from now on is run with this shift (tests/machine/harness.py)."""
    module_of_tests('harness').shake(shift)


def names(patterns):
    return [name for name, _, _ in tests() if chosen(name, patterns)]


def run(patterns, report):
    wanted = [test for test in tests() if chosen(test[0], patterns)]
    if not wanted:
        return
    build()
    with ThreadPoolExecutor(TOGETHER) as pool:
        futures = [pool.submit(run_one, *test) for test in wanted]
        try:
            for future in futures:
                report(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            sys.modules['harness'].end_all()
            raise


def run_one(name, function, arguments):
    import harness
    folder = BUILD / 'test' / name.partition('/')[2].replace('/', '.')
    harness.begin_test(folder)
    began = time.monotonic()
    outcome, detail = 'passed', ''
    try:
        function(**arguments)
    except harness.Skip as skip:
        outcome, detail = 'skipped', str(skip)
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)
        place = next((frame for frame in where if frame.name == function.__name__), where[-1])
        detail = f'{shown(place.filename)}:{place.lineno}: {place.line}\n{error}\n'
        outcome = 'failed'
    except Exception:
        outcome, detail = 'failed', traceback.format_exc()
    return Result(name, outcome, time.monotonic() - began, detail + harness.end_test(keep=outcome == 'failed'))
