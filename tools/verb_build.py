"""Compiles a preset into build/PRESET.

  x86_64   optimised, asserts on: what run, debug and the machine tests use
  release  optimised, asserts off: what bench measures
  debug    hardly optimised, for stepping through
  host     unit tests, under address and undefined-behaviour sanitizers
  fuzz     fuzz targets, libFuzzer and address sanitizer
"""
from build import PRESETS, build
from project import DEFAULT_PRESET


def add(parser):
    parser.add_argument('preset', nargs='?', default=DEFAULT_PRESET, choices=PRESETS, metavar='PRESET', help='default: %(default)s')


def main(options):
    build(options.preset)
    return 0
