"""The programs of programs/, and the promises of every kind of segment: what they print, and which pages came how, held against the log.

`wordcount` is compared with what coreutils count in the same text on this machine.
"""
import re
import struct
import subprocess

import machine
from harness import boot, built, data, default_modules, program, program_for_tests, words_file
from subjects import expect_audited, expect_end, run_groups

PAGE = 4096
STEP_ENTRIES = 2500  # of page tables: two steps of 512 pages that are there would read and write more
STEP_INSTRUCTIONS = 160_000  # what one step of work takes at most, with the deed that waits for it
KINDS = ['code', 'data', 'rodata', 'brk', 'autogen', 'mmap', 'stack', 'buffer']
PROTECTION = {'code': 2, 'data': 1, 'rodata': 0, 'stack': 1, 'buffer': 1}


def output_of(result, name):
    """What the programs of this name wrote, line by line; `+` goes on with a long line (docs/log-format.md)."""
    lines = []
    for line in result.find('out', name=name):
        sign, text = re.fullmatch(r'.*? out: pid=\d+ name=\S+ ([|+]) ?(.*)', line.raw).groups()
        if sign == '|':
            lines.append(text)
        else:
            lines[-1] += text
    return lines


def pid_of(result, name):
    return result.expect('process', 'started', name=name, count=1).number('pid')


def boot_checked(modules, **arguments):
    """Boots these beside a program that waits for all others to end and then runs the kernel's checker; all must end well."""
    result = boot(modules=[*modules, program_for_tests('last')], **arguments)
    result.ended_well()
    result.expect('out', name='last', text='| last: checker=0 status=OK', count=1)
    result.expect_none('panic')
    expect_audited(result)
    return result


# --- The small programs ---

def test_hello():
    result = boot_checked([program('hello one "two three" a=b')])
    assert output_of(result, 'hello') == [
        'hello: greetings from user mode', 'hello: argument 0 is hello', 'hello: argument 1 is one', 'hello: argument 2 is "two',
        'hello: argument 3 is three"', 'hello: argument 4 is a=b']
    ended = result.expect('process', 'ended', name='hello', count=1)
    assert ended.values['reason'] == 'exited' and ended.number('value') == 0


def test_segments():
    result = boot_checked([program('segments')], trace='faults')
    lines = output_of(result, 'segments')
    assert lines[-1] == 'segments: ok' and not any('broken' in line for line in lines), lines
    result.expect('process', 'ended', name='segments', reason='exited', value=0)
    touched = re.fullmatch(r'segments: touched (\d+) of \d+ pages, mapped before 0, after \1', lines[0])
    assert touched, lines[0]
    result.expect('fault', segment='mmap', action='map', pid=pid_of(result, 'segments'), count=int(touched[1]))
    assert {line.values['segment'] for line in result.find('fault', action='map')} == {'mmap', 'stack'}, 'other kinds are filled at once'


def test_echo():
    """The server ends when the client says so; both orders of starting."""
    for modules in (['echo server', 'echo client'], ['echo client', 'echo server']):
        result = boot_checked([program(text) for text in modules])
        lines = output_of(result, 'echo')
        for i in range(1, 5):
            assert f'echo: reply {i} says sum={111111 * i}' in lines, lines
        assert 'echo: reply in text is A QUIRE IS A SET OF PAGES' in lines, lines
        assert len(result.find('process', 'ended', name='echo', reason='exited', value=0)) == 2


# --- wordcount ---

def shell(command, text):
    environment = {'LC_ALL': 'C', 'PATH': '/usr/bin:/bin'}
    return subprocess.run(['bash', '-c', 'set -o pipefail; ' + command], input=text, stdout=subprocess.PIPE, check=True, env=environment).stdout


def coreutils(text):
    """What wordcount has to print about a text, from tr, sort, uniq and wc."""
    words = shell("tr -cs A-Za-z '\\n' | tr A-Z a-z | awk NF", text)
    counted = shell('sort | uniq -c | sort -k1,1nr -k2,2', words).decode().split('\n')[:-1]
    top = [f'wordcount: top {place} {" ".join(row.split())}' for place, row in enumerate(counted[:20], 1)]
    lines, total, size = (int(shell(command, feed)) for command, feed in (('wc -l', text), ('wc -l', words), ('wc -c', text)))
    return [*top, f'wordcount: total lines={lines} words={total} distinct={len(counted)} bytes={size}']


def count_words(text, trace, **arguments):
    result = boot_checked([program('wordcount words.txt'), data(text, 'words.txt')], trace=trace, timeout=120, **arguments)
    assert output_of(result, 'wordcount')[:-1] == coreutils(text), 'coreutils count otherwise'
    return result


def test_wordcount():
    """The words are right, and every page of the text came once, by a fault that the pager resolved."""
    text = words_file().read_bytes()
    assert len(text) > 2 << 20
    result = count_words(text, trace='faults,calls')
    pid = pid_of(result, 'wordcount')
    mapped = result.expect('request', name='module_map', pid=pid, status='OK', count=1)
    first = mapped.number('result')
    of_module = [line for line in result.find('fault', pid=pid, segment='mmap') if first <= line.number('addr') < first + len(text)]
    assert all(line.values['action'] == 'map' for line in of_module)
    pages = -(-len(text) // PAGE)
    mapped = sorted(line.number('addr') // PAGE + i for line in of_module for i in range(line.number('pages')))
    assert mapped == list(range(first // PAGE, first // PAGE + pages)), 'not each page once'
    frames = sorted(line.number('frame') + i for line in of_module for i in range(line.number('pages')))
    assert frames == list(range(frames[0], frames[0] + pages)), "the frames are not the module's"
    assert len(of_module) < pages / 4, 'who reads in order has a fault for each page'
    # And nothing else came by faults but what the rules of the kinds say.
    for line in result.find('fault', pid=pid):
        assert line.values['action'] == 'map' and line.values['segment'] in ('mmap', 'stack'), line.raw
        for key in ('tid', 'access', 'ip', 'cost'):
            assert key in line.values, line.raw
    stack = result.find('fault', pid=pid, segment='stack')
    assert len(stack) == len({line.number('addr') // PAGE for line in stack}) >= 1
    faults = len(result.find('fault', action='map'))
    assert result.expect('pager', 'idle').number('faults') == faults, 'a resolved fault has no line'


def test_wordcount_without_trace():
    """The same words without one fault line, and the pager has resolved faults."""
    text = words_file().read_bytes()
    result = count_words(text, trace='')
    result.expect_none('fault')
    result.expect_none('request')
    assert result.expect('pager', 'idle').number('faults') > 0


def test_wordcount_with_a_fault_for_each_page():
    """The same words where nothing is mapped ahead, and the pager has resolved a fault for each page of the text."""
    text = words_file().read_bytes()
    result = count_words(text, trace='', append='around=1')
    assert result.expect('pager', 'idle').number('faults') >= -(-len(text) // PAGE)


def test_wordcount_of_odd_texts():
    """Ends on a page, one byte more, one word, no word; words of every length; bytes that are no text."""
    texts = [b'ab' * 2047 + b'a\n', b'x' * PAGE + b' ', b'one', b'...\n', b' '.join(b'w' * n for n in range(1, 300)), bytes(range(256)) * 40]
    for text in texts:
        result = boot(modules=[program('wordcount words.txt'), data(text, 'words.txt')])
        result.ended_well()
        assert output_of(result, 'wordcount')[:-1] == coreutils(text), text[:50]


def test_relay():
    """A service of one group is used from another through a relay in both: the client cannot reach it otherwise. Names of different groups do not collide."""
    echo = built('programs/echo').read_bytes()
    relay = built('programs/relay').read_bytes()
    result = boot(modules=[(echo, 'program@back:echo server'), (relay, 'program@front@back:relay echo back front'), (echo, 'program@front:echo client')])
    result.ended_well()
    lines = output_of(result, 'echo')
    assert 'echo: client ok' in lines and 'echo: server answered 5 messages' in lines, lines
    assert output_of(result, 'relay')[-1] == 'relay: ok'
    expect_audited(result)


def test_groups_keep_their_names_apart():
    """Two pairs of server and client with one name, each in a group of its own."""
    echo = built('programs/echo').read_bytes()
    result = boot(modules=[(echo, f'program@{group}:echo {role}') for group in ('one', 'two') for role in ('server', 'client')])
    result.ended_well()
    lines = output_of(result, 'echo')
    assert lines.count('echo: client ok') == 2 and lines.count('echo: server answered 5 messages') == 2, lines


def test_a_wait_that_lasts_is_reported():
    """A client whose server never comes: the pager says so when a second has passed twice, and not before."""
    result = boot(modules=[program('echo client')], append='waits=1 end=stay', until='for=name text=echo')
    line = result.expect('wait', name='echo', count=1)
    assert line.values['for'] == 'name' and line.values['text'] == 'echo' and line.seconds >= 1, line.raw


CHAIN = ['a b first', 'b c', 'c a']


def expect_circle(result, pids):
    """The three wait for each other: two have been received and are owed an answer, one has not been received; and one line says that it is a circle."""
    a, b, c = pids
    result.expect('wait', pid=a, of=b, **{'for': 'reply'})
    result.expect('wait', pid=b, of=c, **{'for': 'reply'})
    result.expect('wait', pid=c, of=a, **{'for': 'receive'})
    circle = result.expect('wait', 'deadlock')
    at = circle.values['pids'].split(',')
    turned = at[at.index(str(a)):] + at[:at.index(str(a))]
    assert turned == [str(pid) for pid in pids], circle.raw


def pids_of_chain(result):
    return [line.number('pid') for line in result.find('process', 'started', name='chain')][:len(CHAIN)]


def test_a_circle_of_three_servers_is_told_on_demand():
    result = boot(modules=[*(program_for_tests(f'chain {text}') for text in CHAIN), program_for_tests('chain look')], append='end=stay', until='chain: looked')
    result.expect('out', name='chain', text='looked status=OK waiting=3 deadlocks=1', count=1)
    expect_circle(result, pids_of_chain(result))
    result.expect_none('out', text='went on')


def test_a_circle_of_three_servers_is_told_after_a_deadline():
    """Nobody asks: the pager looks each second, and tells what has been there at two looks."""
    result = boot(modules=[program_for_tests(f'chain {text}') for text in CHAIN], append='waits=1 end=stay', until='wait: deadlock')
    expect_circle(result, pids_of_chain(result))
    assert all(line.seconds >= 1 for line in result.find('wait'))


def test_a_chain_of_three_servers_is_no_circle():
    """Two wait for servers, the last one for a name that nobody publishes: told as that, and not as a circle."""
    result = boot(modules=[program_for_tests(text) for text in ('chain a b first', 'chain b c', 'chain c nothing')], append='waits=1 end=stay',
                  until=('for=name text=nothing', 'for=reply', 'for=receive'))
    a, b, c = pids_of_chain(result)
    result.expect('wait', pid=a, of=b, **{'for': 'reply'})
    result.expect('wait', pid=b, of=c, **{'for': 'receive'})
    result.expect('wait', pid=c, text='for=name text=nothing')
    result.expect_none('wait', 'deadlock')


def test_groups():
    run_groups('groups')


def test_time():
    run_groups('time')


def test_threads():
    run_groups('threads')


def test_threads_share_their_work():
    result = boot(modules=[program('threads')])
    lines = output_of(result, 'threads')
    assert lines[-1] == 'threads: 1229 primes below 10000', lines
    numbers = [re.fullmatch(r'threads: thread (\d+) of 4 has ended', line).group(1) for line in lines[:-1]]
    assert len(set(numbers)) == 4 and '1' not in numbers, lines  # one that ended before the next began left its place, not its number
    result.ended_well()


def test_a_gibibyte_that_goes_holds_up_no_other_thread():
    """Each fault, map and unmap of a thread is delayed by one step at most while another one's gibibyte goes, from the middle of a segment, or while all that
    another process had goes after its end; and no message of those that do 40 MiB in parts takes longer. One instruction is one cycle."""
    for kernel in ('kernel-test', 'kernel'):
        result = run_groups('threads', kernel=kernel, trace='processes', extra=machine.icount(0))
        for what, steps in (('long', 512), ('full', 20), ('end', 540)):
            line = result.expect('out', name='subject', text=f'| subject: while memory goes what={what} ')
            assert line.number('deeds') >= steps, line.raw
            if kernel == 'kernel-test': assert 0 < line.number('entries') < STEP_ENTRIES, line.raw
            else: assert line.number('cycles') < STEP_INSTRUCTIONS, line.raw  # the other one's checker runs when a process has ended
        parts = {'brk-grows': 40, 'autogen-grows': 40, 'autogen-flips': 40, 'brk-shrinks': 20, 'autogen-shrinks': 20, 'protect': 40, 'discard': 20,
                 'renew-long': 20, 'populate': 40, 'renew-in-place': 4, 'duplicate': 20}
        for what, messages in parts.items():
            line = result.expect('out', name='subject', text=f'| subject: in parts what={what} ')
            assert line.number('messages') >= messages, line.raw
            if kernel == 'kernel-test': assert line.number('entries') < STEP_ENTRIES, line.raw
            else: assert line.number('cycles') < STEP_INSTRUCTIONS, line.raw


# --- Segments: order, exact pages, from images as they are ---

def program_headers(image):
    """(kind, first page, limit, pages) of each load segment of an ELF file."""
    offset, count = struct.unpack_from('<Q', image, 32)[0], struct.unpack_from('<H', image, 56)[0]
    for i in range(count):
        kind, flags, _, address, _, _, size, _ = struct.unpack_from('<IIQQQQQQ', image, offset + 56 * i)
        if kind == 1 and size > 0:
            yield {5: 'code', 6: 'data', 4: 'rodata'}[flags], address, (address + size + PAGE - 1) // PAGE * PAGE


def test_every_process_begins_with_its_segments_in_order():
    """Code, data and rodata: exactly the pages that the image asks for, mapped before the first instruction; all segments in order and apart."""
    result = boot_checked(default_modules(), trace='faults,processes', timeout=120)
    started = [line for line in result.find('process', 'started') if line.values['name'] != 'last']
    assert len(started) == 5
    for process in started:
        rows = result.find('process', 'segment', pid=process.number('pid'))
        kinds = [row.values['kind'] for row in rows]
        assert kinds == sorted(kinds, key=KINDS.index) and set(kinds) >= {'code', 'stack', 'buffer'}, kinds
        for row, following in zip(rows, rows[1:]):
            assert row.number('first') < row.number('limit') <= following.number('first'), following.raw
        for row in rows:
            assert row.number('protection') == PROTECTION[row.values['kind']], row.raw
        image = built('programs/' + process.values['name']).read_bytes()
        wanted = list(program_headers(image))
        seen = [(row.values['kind'], row.number('first'), row.number('limit')) for row in rows if row.values['kind'] in ('code', 'data', 'rodata')]
        assert seen == wanted, f'{process.raw}: {seen}, the image says {wanted}'
        for row in rows:
            pages = (row.number('limit') - row.number('first')) // PAGE
            assert row.number('pages') == (0 if row.values['kind'] == 'stack' else pages), row.raw
    for line in result.find('fault'):
        assert line.values.get('segment') in ('mmap', 'stack') or 'handle' in line.values, line.raw


# --- The promises of each kind (programs/subject) ---

def test_kinds():
    run_groups('kinds')


def test_kinds_by_their_fault_lines():
    """What the subject saw by the counters, seen in the log: N pages, N lines, each another page and another frame."""
    result = run_groups('kinds', trace='faults')
    pid = result.expect('out', name='subject', text='begins case=stack_page_by_page').number('pid')
    lines = result.find('fault', pid=pid, segment='stack', action='map')
    pages = [line.number('addr') // PAGE for line in lines]
    assert len(set(pages)) == len(pages) >= 100 and len({line.number('frame') for line in lines}) == len(lines)
    deep = [line for line in lines if line.values['access'] == 'read'][-100:]
    assert [line.number('addr') // PAGE for line in deep] == sorted((line.number('addr') // PAGE for line in deep), reverse=True), 'downwards'
    for case in ('brk_at_once', 'autogen_at_once', 'brk_random_walk'):
        pid = result.expect('out', name='subject', text=f'begins case={case}').number('pid')
        assert {line.values['segment'] for line in result.find('fault', pid=pid)} == {'stack'}, f'{case} faulted outside its stack'
    pid = result.expect('out', name='subject', text='begins case=mmap_when_touched').number('pid')
    result.expect('fault', pid=pid, segment='mmap', action='map', count=139)
    assert result.expect('out', text='| subject: reserved pages=1000').number('saved') == 861


def test_stack_limit_is_an_argument():
    """stack=KIB moves the limit; endless recursion ends at it, in the guard and nowhere else."""
    for kib in (64, 256, 8192):
        result = boot(modules=[program_for_tests('subject stack_endless')], append=f'stack={kib}', trace='faults')
        result.ended('failed')
        expect_end(result, 'stack_endless', 'stack-overflow')
        fatal = result.expect('fault', action='end', count=1)
        nearest = re.fullmatch(r'stack\(0x([0-9a-f]+)-0x([0-9a-f]+)\)', fatal.values['nearest'])
        first, limit = (int(text, 16) for text in nearest.groups())
        assert limit - first == kib << 10 and first - 16 * PAGE <= fatal.number('addr') < first, fatal.raw
        stack = result.expect('stack', count=1)
        seen = [stack.number(key) for key in ('first', 'high', 'limit', 'pages')]
        assert seen == [first, first, limit, (kib << 10) // PAGE], stack.raw
        mapped = result.find('fault', action='map', segment='stack')
        assert len(mapped) == (kib << 10) // PAGE, f'{len(mapped)} pages of a stack of {kib} KiB'


def test_autogen_writable_and_executable_at_once():
    """Only where the program was started with that option."""
    result = boot(modules=[program_for_tests('subject autogen_both', 'program+wx')])
    result.ended_well()
    result.expect('out', text='| subject: both result=ok')
    result = boot(modules=[program_for_tests('subject autogen_both')])
    result.ended('failed')
    fatal = result.expect('fault', action='end', count=1)
    assert fatal.values['reason'] == 'protection' and fatal.values['segment'] == 'autogen' and fatal.values['access'] == 'execute', fatal.raw


def test_a_gibibyte_in_large_pages():
    """A leaf of 2 MiB for each, there at once, and it goes leaf by leaf. Then a small page in each of as many tables: a table goes when its last page has gone,
    and is not looked through for others."""
    result = boot(modules=[program_for_tests('subject gibibyte')], memory='1280M', timeout=240)
    result.ended_well()
    leaves, tables = 512, 3  # tables above the leaves of one GiB: at most one on each level, the root of the space apart
    lines = [line for line in result.find('out', name='subject') if '| subject: gibibyte ' in line.raw]
    large, large_pages, _, large_gone, _, small, small_pages, _, small_gone = lines[1:]
    assert [line.values['what'] for line in (large, large_gone, small, small_gone)] == ['large', 'gone', 'small', 'gone'], [line.raw for line in lines]
    assert (large_pages.number('pages'), large_pages.number('faults')) == (leaves * 512, 0), large_pages.raw
    assert leaves <= large.number('written') <= leaves + tables + 8, large.raw  # and what the pager notes of the area
    assert leaves <= large_gone.number('written') <= leaves + tables and large_gone.number('read') <= leaves * 4 + 16, large_gone.raw
    assert (small_pages.number('pages'), small_pages.number('faults')) == (leaves, leaves), small_pages.raw
    assert leaves <= small_gone.number('freed') <= leaves + tables and small_gone.number('written') <= 2 * leaves + tables, small_gone.raw
    assert small_gone.number('read') <= leaves * 8, f'tables were looked through: {small_gone.raw}'
    assert large_gone.number('flushes') <= 1 and small_gone.number('flushes') <= leaves, [line.raw for line in lines]


def test_kinds_in_little_memory():
    run_groups('kinds', memory='32M')
