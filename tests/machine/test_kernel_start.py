"""The kernel at its start: modules and arguments that are damaged end it with one clear line; and a pager that breaks ends the machine."""
import struct

from harness import boot, built, cases
from bundle import ENTRY, HEADER, PAGE_BYTES, bundle_bytes


def pager_bytes():
    return built('tests/pager_kernel').read_bytes()


def good_bundle():
    return bytearray(bundle_bytes([(pager_bytes(), 'pager'), (b'data' * 2000, 'data:words')]))


def refused(bundle, *texts):
    """The kernel stops before the pager with one panic that says why."""
    result = boot(bundle=bytes(bundle), append='test=registers_', timeout=20)
    assert result.output.count('panic: boot:') == 1, 'not one line that says why'
    for text in texts:
        result.expect('panic', text=text)
    result.expect_none('boot', text='pager starts')
    result.ended('panic')


def test_good_bundle_starts():
    """What the damage below is done to is good."""
    result = boot(bundle=bytes(good_bundle()), append='test=registers_', timeout=20)
    result.expect('boot', text='pager starts')
    result.ended_well()


# Field of the header: offset, format, value, what the kernel says.
HEADERS = {
    'magic': (0, '<8s', b'QUIREBNX', 'not a bundle'),
    'version': (8, '<I', 2, 'unknown version'),
    'no modules': (12, '<I', 0, 'number of modules'),
    'many modules': (12, '<I', 33, 'number of modules'),
    'all ones modules': (12, '<I', 0xffffffff, 'number of modules'),
    'total odd': (16, '<Q', 4097, 'whole number of pages'),
    'total long': (16, '<Q', 1 << 40, 'cut short'),
    'total wraps': (16, '<Q', (1 << 64) - PAGE_BYTES, 'cut short'),
    'total short': (16, '<Q', 0, 'past its end'),
    'reserved': (24, '<Q', 1, 'reserved word'),
}


@cases(field=list(HEADERS))
def test_damaged_header(field):
    bundle = good_bundle()
    offset, form, value, text = HEADERS[field]
    struct.pack_into(form, bundle, offset, value)
    refused(bundle, 'boot information refused', text)


# The same in a row.
ROWS = {
    'offset odd': (0, '<Q', 4097, 'does not begin at a page'),
    'offset far': (0, '<Q', 1 << 40, 'past the end'),
    'offset wraps': (0, '<Q', (1 << 64) - PAGE_BYTES, 'past the end'),
    'offset in header': (0, '<Q', 0, 'overlaps'),
    'size long': (8, '<Q', 1 << 40, 'past the end'),
    'size wraps': (8, '<Q', (1 << 64) - 1, 'past the end'),
    'reserved': (16, '<Q', 1, 'reserved word'),
    'text without end': (32, '<256s', b'x' * 256, 'no end'),
}


@cases(field=list(ROWS), row=[0, 1])
def test_damaged_row(field, row):
    bundle = good_bundle()
    offset, form, value, text = ROWS[field]
    struct.pack_into(form, bundle, HEADER.size + row * ENTRY.size + offset, value)
    refused(bundle, 'boot information refused', text, f'where={row}')


def test_bundle_of_nothing():
    refused(bytes(PAGE_BYTES), 'boot information refused', 'not a bundle')


@cases(keep=[1, 31, 32, 600, PAGE_BYTES, 3 * PAGE_BYTES])
def test_bundle_cut_short(keep):
    refused(good_bundle()[:keep], 'boot information refused')


def test_padding_that_is_not_zero():
    bundle = good_bundle()
    bundle[-1] = 1
    refused(bundle, 'boot information refused', 'not zero')


# What stands in place of the pager, and what the kernel says.
PAGERS = {
    'empty': (lambda good: b'', 'not an ELF file'),
    'text': (lambda good: b'#!/bin/sh\n' * 100, 'not an ELF file'),
    'truncated header': (lambda good: good[:40], 'inside the ELF header'),
    'truncated segments': (lambda good: good[:PAGE_BYTES], 'past the end of the file'),
    'other machine': (lambda good: changed(good, 18, '<H', 183), 'another processor'),
    '32 bit': (lambda good: changed(good, 4, '<B', 1), 'another machine'),
    'entry outside': (lambda good: changed(good, 24, '<Q', 0xffffffff80200000), 'entry point outside'),
    'headers outside': (lambda good: changed(good, 32, '<Q', 1 << 62), 'past the end of the file'),
    'write and execute': (lambda good: segment_changed(good, 4, '<I', 7), 'writable and executable'),
    'address low': (lambda good: segment_changed(good, 16, '<Q', 0), 'below the first user address'),
    'address in the kernel': (lambda good: segment_changed(good, 16, '<Q', 0xffffffff80200000), 'past the last address'),
    'memory wraps': (lambda good: segment_changed(good, 40, '<Q', (1 << 64) - 1), 'past the last address'),
    'file part long': (lambda good: segment_changed(good, 32, '<Q', 1 << 40), 'longer in the file'),
}


def changed(content, offset, form, value):
    content = bytearray(content)
    struct.pack_into(form, content, offset, value)
    return bytes(content)


def segment_changed(content, offset, form, value):
    """Changes the first program header."""
    return changed(content, struct.unpack_from('<Q', content, 32)[0] + offset, form, value)


@cases(pager=list(PAGERS))
def test_damaged_pager(pager):
    change, text = PAGERS[pager]
    refused(bundle_bytes([(change(pager_bytes()), 'pager')]), 'the first module is no pager', text)


def test_pager_larger_than_memory():
    """A segment that no memory is there for."""
    good = pager_bytes()
    table = struct.unpack_from('<Q', good, 32)[0]
    content = changed(good, table + 2 * 56 + 40, '<Q', 0x10000000)  # the last segment, 256 MiB
    result = boot(bundle=bundle_bytes([(content, 'pager')]), timeout=20, memory='64M')
    result.expect('panic', text='boot: no memory for the pager')
    result.ended('panic')


def test_arguments():
    """Unknown ones are told, damaged ones refused by name, and the boot goes on."""
    long_value = 'x' * 300
    result = boot(pager='tests/pager_kernel', append=f'test=registers_ colour=blue flag "two words=1" long={long_value} =nokey trace=faults,nonsense "open',
                  timeout=20)
    for key in ('colour', 'flag', 'long'):
        result.expect('boot', 'argument unknown', key=key)
    result.expect('boot', text='trace unknown name=nonsense')
    result.expect('boot', text='argument refused text="open')
    result.expect('boot', text='argument refused text==nokey')
    result.ended_well()


def test_arguments_too_long():
    """More than the kernel keeps: cut, told, and the boot goes on."""
    result = boot(pager='tests/pager_kernel', append='test=registers_ ' + ' '.join(f'key{i}=value' for i in range(150)), timeout=20)
    result.expect('boot', 'left out', **{'texts-cut': 1})
    result.expect('boot', text='pager starts')
    result.ended_well()


def test_processor_without_nx():
    result = boot(pager='tests/pager_kernel', cpu='qemu64,nx=off', timeout=20)
    assert 'panic: this processor has no NX' in result.output, 'no line says why'
    result.ended('panic')


@cases(feature=['apic', 'syscall', 'fxsr'])
def test_processor_without(feature):
    """What the kernel cannot do without is named."""
    result = boot(pager='tests/pager_kernel', cpu=f'max,{feature}=off', timeout=20)
    result.expect('panic', text=f'processor has no {dict(apic="local APIC", syscall="SYSCALL", fxsr="FXSAVE")[feature]}')
    result.ended('panic')


# How the pager breaks: the vector and, of page faults, the address.
WAYS = {'null': (14, 0), 'code': (14, None), 'data': (14, None), 'kernel': (14, 0xffffffff80200000), 'undefined': (6, 0), 'divide': (0, 0), 'halt': (13, 0),
        'vectors': (7, 0), 'stack': (14, None), 'unmap': (14, None)}


@cases(way=list(WAYS))
def test_pager_breaks(way):
    vector, address = WAYS[way]
    result = boot(pager='tests/pager_broken', append=f'break={way}', timeout=20)
    result.expect('test', 'breaks', way=way)
    crash = result.expect('kernel', 'pager crashed', vector=vector, count=1)
    assert address is None or crash.number('addr') == address, 'not that address'
    result.expect_none('test', 'still here')
    result.expect_none('panic')
    result.ended('failed')
    assert result.status == 37, f'QEMU status {result.status}'
