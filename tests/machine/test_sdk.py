"""Programs outside the tree: ./quire sdk, ./quire new, and every command of docs/tutorial.md, in a new home folder."""
import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from harness import cases
from project import TOP

TUTORIAL = TOP / 'docs' / 'tutorial.md'
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
NEXT_STEP = '=== next step ==='


@contextlib.contextmanager
def new_home():
    """A home folder with nothing in it but the tree, as ~/quire."""
    with tempfile.TemporaryDirectory(prefix='quire-home-') as name:
        home = Path(name)
        (home / 'quire').symlink_to(TOP)
        yield home


def run(*command, folder=None, home=None):
    environment = {**os.environ, **({'HOME': str(home)} if home else {})}
    return subprocess.run([str(word) for word in command], cwd=folder, env=environment, text=True, errors='replace', timeout=1800,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def succeed(*command, folder=None):
    result = run(*command, folder=folder)
    assert result.returncode == 0, f'{command} ended with {result.returncode}:\n{result.stdout}'
    return result.stdout


def quire(*arguments, folder=None):
    return run(TOP / 'quire', *arguments, folder=folder)


def install(folder):
    succeed(TOP / 'quire', 'sdk', folder)
    return folder / 'cmake' / 'x86_64-quire.cmake'


def build(folder, toolchain):
    succeed('cmake', '-B', 'build', '-G', 'Ninja', '--toolchain', toolchain, folder=folder)
    return succeed('cmake', '--build', 'build', folder=folder)


def refused(result, *texts):
    assert result.returncode == 1 and 'Traceback' not in result.stdout, result.stdout
    assert all(text in result.stdout for text in texts), f'{texts} are not all in: {result.stdout}'


# --- The tutorial ---

def steps():
    """(commands, lines of output that are promised) of the tutorial."""
    blocks = [(match[1], match[2]) for match in BLOCK.finditer(TUTORIAL.read_text()) if match[1] in ('sh', 'text')]
    for index, (kind, text) in enumerate(blocks):
        if kind == 'sh':
            assert blocks[index + 1][0] == 'text', f'no output is promised for:\n{text}'
            yield text, blocks[index + 1][1].splitlines()


def check_output(output, promised, commands):
    """Each promised line is in the output, in this order; ... stands for anything."""
    lines, at = output.splitlines(), 0
    for line in promised:
        pattern = '.*'.join(re.escape(part) for part in line.strip().split('...'))
        found = next((index for index in range(at, len(lines)) if re.fullmatch(pattern, lines[index].strip())), None)
        assert found is not None, f'the tutorial promises\n{line}\nafter\n{commands}\nbut the output is\n{output}'
        at = found + 1


def test_tutorial():
    """Every command as the page shows it, in one shell; every output that it promises."""
    todo = list(steps())
    assert len(todo) >= 8, 'the tutorial has lost its commands'
    script = 'set -e\ncd\n' + ''.join(f'echo "{NEXT_STEP}"\n{commands}' for commands, _ in todo)
    with new_home() as home:
        result = run('bash', '-c', script, home=home)
    outputs = result.stdout.split(f'{NEXT_STEP}\n')[1:]
    for (commands, promised), output in zip(todo, outputs):
        check_output(output, promised, commands)
    assert result.returncode == 0 and len(outputs) == len(todo), f'the commands stopped with status {result.returncode}:\n{result.stdout[-3000:]}'


def test_promised_output_is_looked_for():
    output = 'a\nb 17 c\nd\n'
    check_output(output, ['a', 'b ... c', 'd'], '')
    for promised in (['b'], ['d', 'a'], ['b ... d'], ['a', 'a']):
        try:
            check_output(output, promised, '')
        except AssertionError:
            continue
        assert False, f'{promised} was found in {output!r}'


# --- ./quire sdk ---

def test_an_sdk_can_be_moved():
    with new_home() as home:
        install(home / 'first place')
        (home / 'first place').rename(home / 'second place')
        succeed(TOP / 'quire', 'new', 'greet', '--in', home)
        (home / 'greet').rename(home / 'my greet')
        build(home / 'my greet', home / 'second place' / 'cmake' / 'x86_64-quire.cmake')
        succeed('ctest', '--test-dir', 'build', '--output-on-failure', folder=home / 'my greet')


def test_the_programs_of_the_tree_build_outside():
    """Each header alone, and all of programs/: nothing is missing from the SDK. Warnings of the headers are shown, and are errors."""
    with new_home() as home:
        toolchain = install(home / 'sdk')
        include = home / 'sdk' / 'include'
        headers = sorted(path.relative_to(include) for path in include.rglob('*.h'))
        assert len(headers) >= 18, f'the SDK has only these headers: {headers}'
        (home / 'outside').mkdir()
        for index, header in enumerate(headers):
            (home / 'outside' / f'header{index}.c').write_text(f'#include <{header}>\n')
        (home / 'outside' / 'CMakeLists.txt').write_text(f'''cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(Quire REQUIRED)
file(GLOB headers header*.c)
add_library(headers OBJECT ${{headers}})
target_link_libraries(headers PRIVATE Quire::program)
set_target_properties(headers PROPERTIES NO_SYSTEM_FROM_IMPORTED ON)
target_compile_options(headers PRIVATE -Wall -Wextra -Wconversion -Werror)
file(GLOB echo {TOP}/programs/echo/*.c)
file(GLOB wordcount {TOP}/programs/wordcount/*.c)
quire_program(hello {TOP}/programs/hello.c)
quire_program(segments {TOP}/programs/segments.c)
quire_program(relay {TOP}/programs/relay.c)
quire_program(echo ${{echo}})
quire_program(wordcount ${{wordcount}})
''')
        build(home / 'outside', toolchain)
        output = succeed(TOP / 'quire', 'run', '--headless', '--pvh', '--timeout', '600', '--program', 'build/echo server', '--program', 'build/echo client',
                         '--program', 'build/segments', '--program', 'build/hello', folder=home / 'outside')
        assert 'echo: client ok' in output and 'hello: greetings' in output, output


def test_release_library_and_build_types():
    """The library without asserts, in programs of each build type of CMake."""
    with new_home() as home:
        succeed(TOP / 'quire', 'sdk', '--preset', 'release', home / 'sdk')
        succeed(TOP / 'quire', 'new', 'greet', '--in', home)
        for kind in ('Debug', 'Release', 'RelWithDebInfo', 'MinSizeRel'):
            succeed('cmake', '-B', kind, '-G', 'Ninja', '--toolchain', home / 'sdk' / 'cmake' / 'x86_64-quire.cmake', f'-DCMAKE_BUILD_TYPE={kind}',
                    folder=home / 'greet')
            succeed('cmake', '--build', kind, folder=home / 'greet')
            succeed('ctest', '--test-dir', kind, '--output-on-failure', folder=home / 'greet')


def test_a_status_that_is_ignored_is_a_warning():
    with new_home() as home:
        toolchain = install(home / 'sdk')
        succeed(TOP / 'quire', 'new', 'greet', '--in', home)
        assert 'warning' not in build(home / 'greet', toolchain)
        (home / 'greet' / 'main.c').write_text('#include <quire/endpoint.h>\nint main(void)\n{\n    uint32_t handle;\n    endpoint_create(&handle);\n}\n')
        output = succeed('cmake', '--build', 'build', folder=home / 'greet')
        assert 'warning: ignoring return value' in output, output


def test_another_toolchain_is_refused_with_the_right_one():
    with new_home() as home:
        toolchain = install(home / 'sdk')
        succeed(TOP / 'quire', 'new', 'greet', '--in', home)
        result = run('cmake', '-B', 'build', '-G', 'Ninja', '-DCMAKE_C_COMPILER=clang-19', f'-DQuire_DIR={toolchain.parent}', folder=home / 'greet')
        assert result.returncode != 0 and f'--toolchain {toolchain}' in ' '.join(result.stdout.split()), result.stdout


def test_sdk_leaves_other_folders_alone():
    with new_home() as home:
        (home / 'mine').mkdir()
        (home / 'mine' / 'letter').write_text('dear reader\n')
        refused(quire('sdk', home / 'mine'), 'mine', 'something else than an SDK')
        assert [path.name for path in (home / 'mine').iterdir()] == ['letter']
        refused(quire('sdk', home / 'mine' / 'letter'), 'is not a folder')
        refused(quire('sdk', home / 'mine' / 'letter' / 'sdk'), 'cannot be made')
        refused(quire('sdk', TOP / 'sdk'), 'lies in the tree')
        refused(quire('sdk', home / 'quire' / 'sdk'), 'lies in the tree')
        assert not (TOP / 'sdk').exists()
        (home / 'empty').mkdir()
        install(home / 'empty')
        (home / 'empty' / 'lib' / 'program.ld').unlink()
        install(home / 'empty')
        assert (home / 'empty' / 'lib' / 'program.ld').exists(), 'an SDK that is there is not brought up to date'


# --- ./quire new ---

@cases(change=['another line', 'another status', 'a crash'])
def test_the_test_of_a_new_program_can_fail(change):
    bodies = {'another line': 'puts("greet: good night");\n    return 0;', 'another status': 'puts("greet: hello, world");\n    return 1;',
              'a crash': 'puts("greet: hello, world");\n    *(volatile int *)8 = 0;\n    return 0;'}
    with new_home() as home:
        toolchain = install(home / 'sdk')
        succeed(TOP / 'quire', 'new', 'greet', '--in', home)
        (home / 'greet' / 'main.c').write_text(f'#include <stdio.h>\nint main(void)\n{{\n    {bodies[change]}\n}}\n')
        build(home / 'greet', toolchain)
        result = run('ctest', '--test-dir', 'build', '--output-on-failure', folder=home / 'greet')
    assert result.returncode != 0, result.stdout
    assert ("there is no line 'greet: hello, world'" if change == 'another line' else 'the machine did not end well') in result.stdout, result.stdout


@cases(name=['', 'Greet', '1st', '-x', 'a b', 'a/b', '..', 'grüße', 'a' * 33, 'a\nb', 'test', 'all', 'install', 'pager'])
def test_new_refuses_names(name):
    with new_home() as home:
        refused(quire('new', '--in', home, '--', name), 'cannot be the name of a program')
        assert [path.name for path in home.iterdir()] == ['quire']


@cases(name=['a', 'a' * 32, 'my-program_2', 'build'])
def test_new_programs_of_any_good_name_build(name):
    with new_home() as home:
        toolchain = install(home / 'sdk')
        (home / 'programs').mkdir()
        succeed(TOP / 'quire', 'new', name, folder=home / 'programs')
        build(home / 'programs' / name, toolchain)
        assert (home / 'programs' / name / 'build' / name).is_file()
        assert '100% tests passed' in succeed('ctest', '--test-dir', 'build', folder=home / 'programs' / name)


def test_new_leaves_other_folders_alone():
    with new_home() as home:
        (home / 'greet').mkdir()
        refused(quire('new', 'greet', '--in', home), str(home / 'greet'), 'exists already')
        assert list((home / 'greet').iterdir()) == []
        (home / 'letter').write_text('dear reader\n')
        refused(quire('new', 'letter', '--in', home), 'exists already')
        refused(quire('new', 'greet', '--in', home / 'nowhere'), 'there is no folder', 'nowhere')
        refused(quire('new', 'greet', '--in', home / 'letter'), 'there is no folder')
        refused(quire('new', 'greet', '--in', TOP / 'programs'), 'lies in the tree')
        refused(quire('new', 'greet', '--in', home / 'quire' / 'docs'), 'lies in the tree')
        refused(quire('new', 'build', '--in', TOP), 'lies in the tree')
        assert not (TOP / 'programs' / 'greet').exists() and not (TOP / 'docs' / 'greet').exists()
