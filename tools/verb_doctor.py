"""Tells what is installed, what is missing, and what this machine can do.

Exit status 0 when every verb has what it needs, else 1. Nothing is installed.
"""
import os
import shutil
import subprocess
from pathlib import Path

from machine import kvm_state
from project import TOP


def add(_parser):
    pass


def packages():
    """(group, package, proof) of each row of tools/packages."""
    for line in (TOP / 'tools' / 'packages').read_text().splitlines():
        if line and not line.startswith('#'):
            yield line.split()


def installed_version(package):
    result = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return result.stdout if result.returncode == 0 and result.stdout else 'found, not as a Debian package'


def memory_gib():
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30)


def main(_options):
    missing = []
    print('packages')
    for group, package, proof in packages():
        there = Path(proof).exists() if proof.startswith('/') else shutil.which(proof) is not None
        if not there:
            missing.append(package)
        print(f'  {group:8} {package:22} {installed_version(package) if there else "MISSING"}')
    usable, why = kvm_state()
    print('machine')
    print(f'  {"cpus":8} {os.cpu_count()}')
    print(f'  {"memory":8} {memory_gib():.1f} GiB')
    print(f'  {"kvm":8} {"yes" if usable else "no, QEMU emulates (TCG)"}: {why}')
    display = os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    print(f'  {"display":8} {"yes" if display else "no: run is headless"}')
    if missing:
        print(f'\nmissing; this installs it:\n  sudo apt-get update && sudo apt-get install --no-install-recommends {" ".join(missing)}')
        return 1
    print('\nnothing is missing')
    return 0
