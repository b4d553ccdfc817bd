"""The script ./quire itself: what it installs, when, and what it says where it may not (a copy of it, with stand-ins for apt-get, sudo and id); benches."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from project import TOP

PACKAGES = '# comment\npython there /bin/sh\nbuild one /no/such/file\nbuild two no-such-command\nlint three /no/such/file\n'


def quire(arguments, user=0, known=True, installs=True, sudo=False, packages=PACKAGES):
    """Runs the copy; returns its result and the commands that the stand-ins were asked to run."""
    with tempfile.TemporaryDirectory(prefix='quire-test-') as name:
        top = Path(name)
        (top / 'tools').mkdir()
        (top / 'bin').mkdir()
        shutil.copy(TOP / 'quire', top / 'quire')
        (top / 'tools' / 'packages').write_text(packages)
        (top / 'tools' / 'main.py').write_text('import sys\nprint("main", *sys.argv[1:])\n')
        record = f'echo "$(basename "$0") $*" >>{top}/asked\n'
        stand_ins = {
            'apt-get': record + ('exit 0' if installs else f'case $1 in install) [ "$(grep -c "apt-get install" {top}/asked)" -ge 2 ] ;; esac'),
            'apt-cache': 'exit 0' if known else 'exit 100',
            'id': f'echo {user}',
            'sudo': record + ('[ "$1" = -n ] && exit 0; exec "$@"' if sudo else 'exit 1'),
        }
        for command, script in stand_ins.items():
            file = top / 'bin' / command
            file.write_text(f'#!/bin/sh\n{script}\n')
            file.chmod(0o755)
        result = subprocess.run([str(top / 'quire'), *arguments], env={**os.environ, 'PATH': f'{top}/bin:{os.environ["PATH"]}'}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        asked = (top / 'asked').read_text().splitlines() if (top / 'asked').exists() else []
        return result, asked


INSTALL = 'apt-get install -q -y --no-install-recommends'


def test_only_what_the_verb_needs_is_installed():
    result, asked = quire(['build'])
    assert asked == [f'{INSTALL} one two'], asked
    assert result.returncode == 0 and result.stdout == 'main build\n', result
    assert 'installing one two' in result.stderr, result.stderr
    assert quire(['test', 'lint'])[1] == [f'{INSTALL} three']
    assert quire(['test'])[1] == [f'{INSTALL} one two three']
    assert quire(['build', '--help'])[1] == [], 'help installs nothing'
    assert quire(['doctor'])[1] == [], 'doctor installs nothing'
    assert quire(['sdk', 'folder'])[1] == [f'{INSTALL} one two']
    assert quire(['new', 'greet'])[1] == [], 'new installs nothing'


def test_package_lists_are_fetched_only_when_needed():
    assert quire(['build'], known=False)[1] == ['apt-get update -q', f'{INSTALL} one two']
    result, asked = quire(['build'], installs=False)
    assert asked == [f'{INSTALL} one two', 'apt-get update -q', f'{INSTALL} one two'] and result.returncode == 0, (asked, result)


def test_sudo_is_used_where_it_works():
    result, asked = quire(['build'], user=1000, sudo=True)
    assert asked[-1] == f'{INSTALL} one two' and any(line.startswith('sudo env') for line in asked), asked
    assert result.returncode == 0 and result.stdout == 'main build\n', result


def test_without_rights_the_command_is_printed():
    result, asked = quire(['build'], user=1000)
    assert result.returncode == 1 and result.stdout == '', result
    assert 'sudo apt-get update && sudo apt-get install --no-install-recommends one two' in result.stderr, result.stderr
    assert not any(line.startswith('apt-get') for line in asked), asked


def test_unknown_verbs_and_help():
    result, _ = quire(['fly'])
    assert result.returncode == 1 and "no verb 'fly'" in result.stderr and 'main' not in result.stdout, result
    result, asked = quire([])
    assert result.returncode == 0 and 'run' in result.stdout and asked == [], result


def test_every_verb_explains_itself():
    for verb in ('run', 'test', 'bench', 'build', 'new', 'sdk', 'debug', 'doctor', 'clean'):
        result = subprocess.run([str(TOP / 'quire'), verb, '--help'], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert result.returncode == 0 and f'quire {verb}' in result.stdout, result
        assert f'  {verb} ' in subprocess.run([str(TOP / 'quire')], text=True, stdout=subprocess.PIPE).stdout, f'{verb} is not in the overview'


def test_the_benches_of_the_host_build():
    """No other test builds them, and they have covers of their own over the kernel's headers."""
    result = subprocess.run([str(TOP / 'quire'), 'build', 'host-bench'], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
