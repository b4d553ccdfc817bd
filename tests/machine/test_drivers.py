"""Programs that may use devices: the clock by ports and its interrupt, the text screen, contiguous memory; and others, who may not."""
import re

from harness import program, program_for_tests
from test_programs import boot_checked, output_of


def test_clock():
    """The date is the one that QEMU was given, and each of the ticks is an interrupt: 128 at 64 a second take two seconds of the machine's time."""
    result = boot_checked([program('rtc 128', kind='driver')], icount=True)
    lines = output_of(result, 'rtc')
    assert len(lines) == 3 and lines[2] == 'rtc: ticks 128', lines
    dates = [re.fullmatch(r'rtc: date 2020-01-01 00:00:(\d\d)', line) for line in lines[:2]]
    assert all(dates), lines
    assert 1 <= int(dates[1][1]) - int(dates[0][1]) <= 3, lines


def test_clock_without_the_right():
    result = boot_checked([program_for_tests('driver stranger')])
    assert output_of(result, 'driver') == ['driver: broken=0']


def test_devices():
    result = boot_checked([program_for_tests('driver', kind='driver')])
    assert output_of(result, 'driver') == ['driver: broken=0']
