"""The verbs of ./quire: options, dispatch, exit status.

Each verb is a file verb_NAME.py with `add(parser)` (its options and help) and `main(options)` (returns the exit status).
"""
import argparse
import importlib
import os
import signal
import sys

from project import Failure, say

VERBS = ('run', 'test', 'bench', 'profile', 'sim', 'build', 'new', 'sdk', 'debug', 'check', 'doctor', 'clean')


def on_terminate(_signal, _frame):
    raise SystemExit(143)


def main():
    # SIGTERM unwinds like any exit, so that a machine that runs is ended.
    signal.signal(signal.SIGTERM, on_terminate)
    parser = argparse.ArgumentParser(prog='./quire')
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    name = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in VERBS else None
    modules = {verb: importlib.import_module('verb_' + verb) for verb in ([name] if name else VERBS)}
    for verb, module in modules.items():
        # Verbs describe themselves in their file's docstring: first line for the list, the whole for --help.
        one = verbs.add_parser(verb, help=module.__doc__.splitlines()[0], description=module.__doc__,
                               formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add(one)
    options = parser.parse_args()
    try:
        return modules[options.verb].main(options)
    except Failure as failure:
        say(str(failure))
        return failure.status
    except KeyboardInterrupt:
        say('interrupted')
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone (./quire run | head); Python must not complain about it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == '__main__':
    sys.exit(main())
