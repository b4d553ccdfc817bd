"""Images and modules as they should not be: damaged ELF files, plain files started as programs, too many modules, odd command lines.

The pager says in one line why; everybody else runs; nothing is lost. The checks one by one are unit tests (tests/unit/test_elf.c): here it is the way from the
boot loader to that line. Damaged pagers and bundles are in test_kernel_start.py.
"""
import random
import re
import struct
from types import SimpleNamespace

import harness
import machine as qemu
import serial_log
from harness import Boot, boot, built, cases, data, program, program_for_tests
from iso import write_iso
from subjects import expect_audited

ROWS, ROW_BYTES = 64, 56  # program headers: code, data, rodata, stack
CODE, DATA, RODATA, STACK = range(4)
TYPE, FLAGS, OFFSET, ADDRESS, FILE_BYTES, MEMORY_BYTES, ALIGN = (0, 'I'), (4, 'I'), (8, 'Q'), (16, 'Q'), (32, 'Q'), (40, 'Q'), (48, 'Q')
HUGE = [1 << 32, 1 << 47, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1]


def image():
    content = built('programs/hello').read_bytes()
    assert struct.unpack_from('<Q', content, 32)[0] == ROWS and struct.unpack_from('<H', content, 56)[0] == 4
    return content


def changed(*changes):
    """The image of hello with numbers written over: (offset, form, value)..."""
    content = bytearray(image())
    for offset, form, value in changes:
        struct.pack_into('<' + form, content, offset, value)
    return bytes(content)


def row(number, field, value):
    return ROWS + number * ROW_BYTES + field[0], field[1], value


def value_of(number, field):
    return struct.unpack_from('<' + field[1], image(), ROWS + number * ROW_BYTES + field[0])[0]


# name: (content, status, words of the reason)
def damaged_images():
    code, rodata = value_of(CODE, ADDRESS), value_of(RODATA, ADDRESS)
    return {
        'empty': (b'', 'BAD_IMAGE', None),
        'text': (b'#!/bin/sh\necho this is no program\n', 'BAD_IMAGE', 'not an ELF file'),
        'zeroes': (bytes(10000), 'BAD_IMAGE', 'not an ELF file'),
        'cut-in-magic': (image()[:3], 'BAD_IMAGE', 'not an ELF file'),
        'cut-in-header': (image()[:40], 'BAD_IMAGE', 'file ends inside the ELF header'),
        'cut-in-rows': (image()[:100], 'BAD_IMAGE', 'program headers reach past the end'),
        'cut-in-code': (image()[:4096 + 100], 'BAD_IMAGE', 'segment reaches past the end of the file'),
        'cut-in-rodata': (image()[:value_of(RODATA, OFFSET) + 1], 'BAD_IMAGE', 'segment reaches past the end of the file'),
        'class-32': (changed((4, 'B', 1)), 'BAD_IMAGE', 'ELF class of another machine'),
        'big-endian': (changed((5, 'B', 2)), 'BAD_IMAGE', 'not little-endian'),
        'for-another-system': (changed((7, 'B', 9)), 'BAD_IMAGE', 'made for another system'),
        'relocatable': (changed((16, 'H', 1)), 'BAD_IMAGE', 'not a static executable'),
        'shared-object': (changed((16, 'H', 3)), 'BAD_IMAGE', 'not a static executable'),
        'for-i386': (changed((18, 'H', 3)), 'BAD_IMAGE', 'made for another processor'),
        'for-arm': (changed((18, 'H', 183)), 'BAD_IMAGE', 'made for another processor'),
        'no-rows': (changed((56, 'H', 0)), 'BAD_IMAGE', 'no program headers'),
        'many-rows': (changed((56, 'H', 65535)), 'BAD_IMAGE', 'too many program headers'),
        'rows-nowhere': (changed((32, 'Q', (1 << 64) - 8)), 'BAD_IMAGE', 'program headers reach past the end'),
        'entry-null': (changed((24, 'Q', 0)), 'BAD_IMAGE', 'entry point outside the code'),
        'entry-in-rodata': (changed((24, 'Q', rodata)), 'BAD_IMAGE', 'entry point outside the code'),
        'entry-in-kernel': (changed((24, 'Q', 0xffffffff80200000)), 'BAD_IMAGE', 'entry point outside the code'),
        'dynamic': (changed(row(STACK, TYPE, 2)), 'BAD_IMAGE', 'dynamically linked'),
        'interpreter': (changed(row(STACK, TYPE, 3)), 'BAD_IMAGE', 'asks for a dynamic linker'),
        'thread-storage': (changed(row(STACK, TYPE, 7), row(STACK, MEMORY_BYTES, 8)), 'BAD_IMAGE', 'thread-local storage'),
        'executable-stack': (changed(row(STACK, FLAGS, 7)), 'WRITE_EXECUTE', 'executable stack'),
        'writable-code': (changed(row(CODE, FLAGS, 7)), 'WRITE_EXECUTE', 'writable and executable'),
        'executable-data': (changed(row(DATA, FLAGS, 7)), 'WRITE_EXECUTE', 'writable and executable'),
        'no-rights': (changed(row(RODATA, FLAGS, 0)), 'BAD_IMAGE', 'none of r-x, rw-, r--'),
        'no-code': (changed(row(CODE, TYPE, 0)), 'BAD_IMAGE', 'no code segment'),
        'rodata-before-data': (changed(row(DATA, FLAGS, 4), row(RODATA, FLAGS, 6)), 'BAD_IMAGE_ORDER', 'not in the order code, data, rodata'),
        'two-codes': (changed(row(DATA, FLAGS, 5)), 'BAD_IMAGE_ORDER', 'second segment of one kind'),
        'descending': (changed(row(RODATA, ADDRESS, code - 4096)), 'BAD_IMAGE_ORDER', 'do not ascend'),
        'overlapping': (changed(row(DATA, ADDRESS, code)), 'BAD_IMAGE', 'segments share a page'),
        'overlapping-by-size': (changed(row(CODE, MEMORY_BYTES, 1 << 24)), 'BAD_IMAGE', 'segments share a page'),
        'longer-in-file': (changed(row(RODATA, MEMORY_BYTES, 1)), 'BAD_IMAGE', 'longer in the file than in memory'),
        'at-null': (changed(row(CODE, ADDRESS, 0)), 'BAD_IMAGE', 'below the first user address'),
        'in-kernel': (changed(row(RODATA, ADDRESS, 0xffffffff80200000)), 'BAD_IMAGE', 'past the last address of images'),
        'in-the-hole': (changed(row(RODATA, ADDRESS, 1 << 47)), 'BAD_IMAGE', 'past the last address of images'),
        'over-the-end': (changed(row(RODATA, ADDRESS, 0x3ffff000), row(RODATA, MEMORY_BYTES, 8192)), 'BAD_IMAGE', 'past the last address of images'),
        'odd-address': (changed(row(DATA, ADDRESS, value_of(DATA, ADDRESS) + 8), row(DATA, ALIGN, 8)), 'BAD_IMAGE', 'begin at a page'),
        'odd-alignment': (changed(row(DATA, ALIGN, 3)), 'BAD_IMAGE', 'not a power of two'),
        'larger-than-memory': (changed(row(RODATA, MEMORY_BYTES, 900 << 20)), 'NO_MEMORY', None),
        **{f'huge-file-{n}': (changed(row(RODATA, FILE_BYTES, n), row(RODATA, MEMORY_BYTES, n)), 'BAD_IMAGE', '') for n in HUGE},
        **{f'huge-memory-{n}': (changed(row(RODATA, MEMORY_BYTES, n)), 'BAD_IMAGE', '') for n in HUGE},
        **{f'huge-offset-{n}': (changed(row(RODATA, OFFSET, n)), 'BAD_IMAGE', '') for n in HUGE},
        **{f'huge-address-{n}': (changed(row(RODATA, ADDRESS, n)), 'BAD_IMAGE', '') for n in HUGE},
    }


PARTS = 4  # a boot takes at most 32 modules


def part_of(images, part):
    return {name: images[name] for index, name in enumerate(images) if index % PARTS == part}


def expect_refusal(result, name, status, reason, count):
    """One line says why. A file of nothing, and one that is too large for this machine, are no images that say anything wrong of themselves."""
    if reason is None:
        result.expect_none('process', 'refused', name=name)
        return
    line = result.expect('process', 'refused', name=name, status=status, count=count)
    assert reason in line.values['reason'] and 'where' in line.values, line.raw


@cases(part=list(range(PARTS)))
def test_damaged_programs_of_the_boot(part):
    """As programs of the boot: each is refused, the boot is a failure, hello runs."""
    images = part_of(damaged_images(), part)
    result = boot(modules=[*((content, name) for name, (content, _, _) in images.items()), program('hello')])
    result.ended('failed')
    result.expect_none('panic')
    expect_audited(result)
    result.expect_none('process', 'started', name=lambda name: name != 'hello')
    result.expect('process', 'ended', name='hello', reason='exited', value=0)
    for name, (_, status, reason) in images.items():
        result.expect('process', 'not started', name=name, status=status, count=1)
        expect_refusal(result, name, status, reason, 1)
    idle, starts = result.expect('pager', 'idle'), result.expect('boot', 'pager starts')
    assert idle.number('processes') == 0 and idle.number('free') <= starts.number('free') + 64, idle.raw


@cases(part=list(range(PARTS)))
def test_damaged_images_that_are_started(part):
    """By process_start: the caller gets the status, and no frame, handle or process is lost."""
    images = part_of(damaged_images(), part)
    for names in halves(list(images)):  # a command line takes 255 bytes
        modules = [(images[name][0], f'image:{name}') for name in names]
        result = boot(modules=[program_for_tests('starter ' + ' '.join(names)), *modules])
        result.ended_well()
        for name in names:
            _, status, reason = images[name]
            for turn in (1, 2):
                line = result.expect('out', text=f'| starter: start={name} round={turn} ', count=1)
                assert line.values['status'] == status and line.number('lost') == 0 and line.number('checker') == 0, line.raw
            expect_refusal(result, name, status, reason, 2)
        result.expect('out', text='| starter: done wrong=0')
        expect_audited(result)


def halves(names):
    return names[:len(names) // 2], names[len(names) // 2:]


@cases(seed=[1, 2, 3, 4])
def test_randomly_damaged_images(seed):
    """Bytes of the headers at random (not the entry point: what then runs is code, and may run for ever): refused, or it runs and ends, and nothing is lost."""
    numbers = random.Random(seed)
    modules, names = [], [f'r{i}' for i in range(28)]
    for name in names:
        content = bytearray(image())
        for _ in range(numbers.randint(1, 4)):
            at = numbers.choice([*range(0, 24), *range(32, ROWS + 4 * ROW_BYTES)])
            content[at] = numbers.choice([0, 1, 0x7f, 0x80, 0xff, numbers.randrange(256)])
        modules.append((bytes(content), f'image:{name}'))
    result = boot(modules=[program_for_tests('starter ' + ' '.join(names)), *modules], timeout=120)
    result.expect_none('panic')
    result.expect('out', text='| starter: done wrong=0')
    result.ended_well()
    expect_audited(result)
    refused = len(result.find('process', 'refused'))
    assert 2 <= refused < 2 * len(names), f'seed {seed}: {refused} of {2 * len(names)} refused'


# --- Modules ---

def test_data_is_no_program():
    """A perfect image that came as data is data: it cannot be started, but mapped and read."""
    result = boot(modules=[program_for_tests('starter hello.data hello.image'), data(image(), 'hello.data'), (image(), 'image:hello.image')])
    result.ended_well()
    result.expect('out', text='| starter: start=hello.data round=1 status=BAD_IMAGE')
    result.expect('out', text='| starter: start=hello.image round=1 status=OK')
    result.expect('process', 'started', name='hello.image', count=2)
    result.expect_none('process', 'started', name='hello.data')


def test_empty_modules():
    """Modules of no bytes, as every kind: nothing to start, nothing to map, nobody hurt."""
    result = boot(modules=[(b'', 'nothing'), (b'', 'program+wx:nothing.wx'), (b'', 'image:nothing.image'), (b'', 'data:nothing.data'),
                           program_for_tests('starter nothing nothing.image nothing.data'), program('wordcount nothing.data'), program('hello')])
    result.ended('failed')
    for name in ('nothing', 'nothing.wx'):
        result.expect('process', 'not started', name=name, status='BAD_IMAGE', count=1)
    for name in ('nothing', 'nothing.image', 'nothing.data'):
        result.expect('out', text=f'| starter: start={name} round=1 status=BAD_IMAGE lost=0')
    result.expect('out', text='| wordcount: cannot map nothing.data: BAD_LENGTH')
    result.expect('process', 'ended', name='hello', reason='exited', value=0)


ODD_LINES = ['', ' ', 'image:', 'program:', ':name', 'no-such-kind:name', 'data:data:twice', 'na\x01me', 'na\x7fme', 'na\u00e9me', 'quo"ted', "quo'ted",
             'semi;colon', 'n' * 65, '%s%n', 'star*', 'dollar$', 'data:' + 'd' * 65, 'a=b', 'line\nbreak', '\t']


def test_odd_command_lines():
    """A line that is no line of a module is left out with a reason; nothing in it can look like another line of the log."""
    result = boot(modules=[*((image(), line) for line in ODD_LINES), program('hello')])
    result.ended_well()
    result.expect_none('panic')
    assert len(result.find('pager', 'module left out')) == len(ODD_LINES)
    for line in result.find('pager', 'module left out'):
        assert 'reason="' in line.raw and 'status=' in line.raw, line.raw
    result.expect('process', 'started', count=1, name='hello')
    for line in result.output.splitlines():
        assert re.match(r'\[ *\d+\.\d+\] [a-z]+: ', line) and line.isprintable(), repr(line)


def test_command_lines_cannot_forge_lines():
    forged = 'image:x\n[    0.000000001] panic: forged\r\x1b[2J'
    result = boot(modules=[(image(), forged), program('hello')], append='odd=\x1b[2J\n[0.000000001]\tpanic:forged')
    result.ended_well()
    result.expect_none('panic')
    assert not [line for line in result.output.splitlines() if line.startswith(('[    0.000000001]', '[0.000000001] panic'))]
    assert '\x1b[2J' not in result.output


def test_names_and_arguments_as_they_are():
    """The longest name, every character that a name may have, odd arguments, quotes: they arrive as they are."""
    longest = ('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/' * 2)[:64]
    arguments = ['"', "'", '"a', 'b"', '\\', '\\"', '--x=y', '%s', '$HOME', '*', 'a:b', '\u00e9', '\x01']
    result = boot(modules=[(image(), longest), (image(), 'a+b-c._/d ' + '  '.join(arguments) + '  ')])
    result.ended_well()
    result.expect('out', name=longest, text=f'| hello: argument 0 is {longest}')
    for number, argument in enumerate(arguments, 1):
        shown = ''.join(c if c.isprintable() and c.isascii() and c != '\\' else ''.join(f'\\x{byte:02x}' for byte in c.encode()) for c in argument)
        assert any(line.raw.endswith(f'| hello: argument {number} is {shown}') for line in result.find('out', name='a+b-c._/d')), argument


def test_many_arguments():
    """As many as a line of the bundle takes."""
    result = boot(modules=[(image(), 'hello ' + ' '.join('x' for _ in range(124)))])
    result.ended_well()
    result.expect('out', text='| hello: argument 124 is x')


def test_two_modules_of_one_name():
    """Both programs run; who asks by name gets the first."""
    result = boot(modules=[program('hello one'), program('hello two'), data(b'first data\n', 'twice'), data(b'second\n', 'twice'), program('wordcount twice')])
    result.ended_well()
    result.expect('out', text='argument 1 is one')
    result.expect('out', text='argument 1 is two')
    result.expect('out', text='| wordcount: total lines=1 words=2 ')


# --- By GRUB ---

def boot_by_grub(modules, arguments, timeout=20):
    """As harness.boot by BIOS, with lines and numbers of modules that the tools would refuse."""
    harness.running.folder.mkdir(parents=True, exist_ok=True)
    stem = harness.running.folder / str(len(harness.running.boots))
    files = [SimpleNamespace(path=built('pager'), text='pager')]
    for index, (content, text) in enumerate(modules):
        file = stem.with_suffix(f'.module{index}')
        file.write_bytes(content)
        files.append(SimpleNamespace(path=file, text=text))
    machine = qemu.Machine(door='bios', kernel=built('kernel-test'), memory='128M', iso=stem.with_suffix('.iso'))
    write_iso(machine.kernel, files, arguments, machine.iso, uefi=False)
    outcome = qemu.run(machine, timeout * harness.PATIENCE, log=stem.with_suffix('.log'))
    result = Boot(machine, outcome, serial_log.parse(outcome.output), stem.with_suffix('.log'))
    harness.running.boots.append(result)
    return result


def test_forty_modules():
    """More than fit: what is left out is said, the others run."""
    result = boot_by_grub([(image(), f'hello{i}') for i in range(40)], harness.BASIC_ARGUMENTS)
    result.expect_none('panic')
    result.ended_well()
    started = result.find('process', 'started')
    assert [line.values['name'] for line in started] == [f'hello{i}' for i in range(32)]
    assert len(result.find('process', 'ended', reason='exited', value=0)) == 32
    left_out = result.expect('boot', 'left out').number('modules') + len(result.find('boot', 'module left out'))
    assert left_out == 40 - 32, f'{left_out} are said to be left out'


def test_long_command_lines():
    """Longer than there is room for, together and one by one: cut or left out, and said; the kernel's own arguments stay."""
    modules = [(image(), f'hello{i} ' + ' '.join(f'{n:07}' for n in range(30))) for i in range(12)] + [(image(), 'long ' + 'y' * 3000)]
    modules += [(image(), ('fill' * 100)[:length]) for length in (200, 100, 60, 50, 30, 20, 10, 8, 6, 4, 3, 2, 1)]  # to the last byte
    result = boot_by_grub(modules, harness.BASIC_ARGUMENTS)
    result.expect_none('panic')
    assert result.outcome.ending in ('success', 'failed'), 'end=exit was lost'
    assert result.expect('boot', 'left out').number('texts-cut') >= 1
    result.expect('boot', 'text left out')
    started = [line.values['name'] for line in result.find('process', 'started')]
    assert started and started[0] == 'hello0', started
    result.expect('out', name='hello0', text='| hello: argument 30 is 0000029')


@cases(door=['pvh', 'bios', 'uefi'])
def test_quotes_in_arguments(door):
    """Kernel arguments with quotes, and module lines with odd but printable words, are the same by every door."""
    result = boot(modules=[program('hello a:b,c;d=e')], append='stack="256" \'note=a\' trace=processes', door=door, timeout=120, memory='256M')
    result.ended_well()
    stack = result.expect('process', 'segment', kind='stack')
    assert stack.number('limit') - stack.number('first') == 256 << 10, stack.raw
    result.expect('out', text='| hello: argument 1 is a:b,c;d=e')
