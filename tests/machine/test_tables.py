"""The tables that the processor reads, as QEMU's own walk shows them ("info tlb"): what is global, what is a user's, what may be written or executed."""
import re
import shlex
import sys

import harness
from test_panic import boot_with_gdb

KERNEL_HALF = 0xffff800000000000
CR4_GLOBAL_PAGES = 1 << 7
# address: physical, then X (no execute) G P D A C (no cache) T (write-through) U W
LEAF = re.compile(r'^([0-9a-f]{16}): ([0-9a-f]{16}) ([X-])([G-])([P-])[D-][A-]([C-])([T-])([U-])([W-])', re.M)


# Asks the monitor at the socket argv[1], writes what it says to argv[2]. Run by gdb, while the machine stands.
ASK = """
import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
said = b''
for command in (b'', b'info tlb\\n', b'info registers\\n'):
    monitor.sendall(command)
    said += b'\\n'
    while not said.endswith(b'(qemu) '):
        said += monitor.recv(65536)
open(sys.argv[2], 'wb').write(said)
"""


def test_global_pages_are_the_kernels():
    """G on every leaf of the kernel's half and on no other; none of a user's there, nothing writable and executable; the local APIC uncached."""
    folder = harness.running.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'ask.py').write_text(ASK)
    words = [sys.executable, folder / 'ask.py', folder / 'monitor', folder / 'said']
    result = boot_with_gdb('shell ' + shlex.join(map(str, words)),
                           extra=['-chardev', f'socket,path={folder / "monitor"},server=on,wait=off,id=ask', '-mon', 'chardev=ask'])
    result.ended_well()
    text = (folder / 'said').read_text(errors='replace').replace('\r', '')
    leaves = LEAF.findall(text)
    kernel = [leaf for leaf in leaves if int(leaf[0], 16) >= KERNEL_HALF]
    users = [leaf for leaf in leaves if int(leaf[0], 16) < KERNEL_HALF]
    assert len(kernel) > 50 and len(users) > 10, (len(kernel), len(users))
    assert [leaf for leaf in kernel if leaf[3] != 'G' or leaf[7] != '-'] == []
    assert [leaf for leaf in users if leaf[3] != '-' or leaf[7] != 'U'] == []
    assert [leaf for leaf in leaves if leaf[8] == 'W' and leaf[2] != 'X'] == []
    assert [leaf[1] for leaf in kernel if leaf[5] == 'C'] == ['00000000fee00000'], 'one page of the kernel is uncached'
    assert int(re.search(r'CR4=([0-9a-f]+)', text)[1], 16) & CR4_GLOBAL_PAGES
