"""Builds and runs tests; the last line is `N passed, N failed`, with `, N skipped` where there are any.

  unit     portable kernel, pager, libraries on this machine, under sanitizers (tests/unit)
  machine  booted in QEMU (tests/machine)
  fuzz     a few seconds of each fuzz target, and every input kept so far (tests/fuzz)
  model    every state of the models of the kernel, by Spin (tests/model)
  proof    contracts of range checks and of the bitmap, proved by Frama-C (tests/proof)
  lint     rules over sources and documents (tests/lint)

Exit status 0 when tests ran and none failed.
"""
import importlib
import sys
import time

from project import Failure, say
from suite import indented

KINDS = ('lint', 'unit', 'model', 'proof', 'machine', 'fuzz')  # in the order of how soon they answer


def add(parser):
    parser.add_argument('kinds', nargs='*', metavar='unit|model|machine|proof|fuzz|lint|all', help='default: all')
    parser.add_argument('-k', action='append', default=[], dest='patterns', metavar='PATTERN', help='only tests whose name contains it; repeatable')
    parser.add_argument('--shift', choices=[*map(str, range(11)), 'host'], metavar='N', help='machine tests: an instruction takes 2^N ns (0 to 10; usually '
                        '5) of the machine\'s time, so that slices and timers fall elsewhere for each N, as on a host of another speed, and every run comes '
                        'out the same again; host: by the host\'s clock, never twice the same; tests that name a shift keep it')
    parser.add_argument('--list', action='store_true', help='print the names, run nothing')


class Report:
    """Prints results as they come: failures in full, passed ones as a count for each file."""

    def __init__(self, write=print):
        self.write = write
        self.counts = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.failed_names = []
        self.group, self.group_count, self.group_seconds = '', 0, 0.0

    def __call__(self, result):
        group = '/'.join(result.name.split('/')[:2])
        if group != self.group:
            self.end_group()
            self.group = group
        self.counts[result.outcome] += 1
        if result.outcome == 'passed':
            self.group_count += 1
            self.group_seconds += result.seconds
            if sys.stdout.isatty():
                self.write(f'\r{self.group}: {self.group_count} passed', end='', flush=True)
            return
        self.end_line()
        if result.outcome == 'skipped':
            self.write(f'skipped {result.name}: {result.detail}', flush=True)
        else:
            self.failed_names.append(result.name)
            self.write(f'FAILED  {result.name} ({result.seconds:.1f} s)\n{indented(result.detail)}', flush=True)

    def end_line(self):
        if sys.stdout.isatty() and self.group_count:
            self.write('\r', end='')

    def end_group(self):
        self.end_line()
        if self.group_count:
            self.write(f'{self.group}: {self.group_count} passed ({self.group_seconds:.1f} s)', flush=True)
        self.group, self.group_count, self.group_seconds = '', 0, 0.0


def main(options):
    for kind in options.kinds:
        if kind not in KINDS and kind != 'all':
            raise Failure(f'there is no kind of test called {kind}; there are {", ".join(KINDS)}, all', 2)
    everything = not options.kinds or 'all' in options.kinds
    kinds = [kind for kind in KINDS if everything or kind in options.kinds]
    suites = [(kind, importlib.import_module('suite_' + kind)) for kind in kinds]
    if options.list:
        for _, suite in suites:
            for name in suite.names(options.patterns):
                print(name)
        return 0
    if options.shift is not None:
        importlib.import_module('suite_machine').shake(None if options.shift == 'host' else int(options.shift))
    began = time.monotonic()
    report = Report()
    for kind, suite in suites:
        try:
            suite.run(options.patterns, report)
        except Failure as failure:
            # One kind that cannot even start fails, and the others still run.
            say(str(failure))
            report.end_group()
            report.counts['failed'] += 1
            report.failed_names.append(f'{kind}: {failure}')
        report.end_group()
    return conclude(report, time.monotonic() - began)


def conclude(report, seconds):
    passed, failed, skipped = report.counts['passed'], report.counts['failed'], report.counts['skipped']
    for name in report.failed_names:
        print(f'failed: {name}')
    say(f'took {seconds:.1f} s')
    if passed + failed == 0:
        say('no test has such a name')
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''), flush=True)
    return 0 if failed == 0 and passed > 0 else 1
