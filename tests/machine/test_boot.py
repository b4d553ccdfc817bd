"""Every door with every size of memory boots the default programs to a good end.

Sizes: too little for comfort; little; just below and just above the hole under 4 GiB, where the memory map has a second part; plenty.
"""
import harness
from harness import boot, cases, default_modules, program

# Under UEFI the firmware alone wants more than 64 MiB.
SIZES = ['16M', '64M', '3993M', '4198M', '8G']
SIZES_UEFI = ['128M', '3993M', '4198M', '8G']


def boot_default(memory, door):
    result = boot(modules=default_modules(), memory=memory, door=door, timeout=120, trace='faults')
    result.ended_well()
    result.expect_none('panic')
    result.expect('fault', action='map')
    for name in ('hello', 'segments', 'echo', 'wordcount'):
        result.expect(text=name)


@cases(memory=SIZES, door=['pvh', 'bios'])
def test_default_programs(memory, door):
    boot_default(memory, door)


@cases(memory=SIZES_UEFI)
def test_default_programs_by_uefi(memory):
    boot_default(memory, 'uefi')


def test_the_shift_is_that_of_the_option():
    """./quire test --shift N reaches every boot that names no shift; by the host's clock is a boot only when asked for."""
    result = boot(modules=[program('hello')])
    result.ended_well()
    wanted = '' if harness.usual_shift is None else f'shift={harness.usual_shift},sleep=off'
    assert ' '.join(result.machine.extra).partition('-icount ')[2].partition(' ')[0] == wanted, result.machine.extra


def test_a_boot_is_repeatable():
    """Two boots under icount write the same log, time stamps included."""
    first, second = (boot(modules=[program('hello')], icount=True, trace='faults') for _ in range(2))
    first.ended_well()
    assert first.output == second.output, 'the logs differ'
