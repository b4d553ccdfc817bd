"""Removes everything that was built: build/ and the link to compile_commands.json."""
import shutil

from project import BUILD, TOP, say


def add(_parser):
    pass


def main(_options):
    if BUILD.exists():
        shutil.rmtree(BUILD)
        say('removed build/')
    (TOP / 'compile_commands.json').unlink(missing_ok=True)
    return 0
