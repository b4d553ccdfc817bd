"""The kernel's stack: no recursion, and the deepest path fits with room to spare (I12, found in the machine code of the built kernels).

Every function's use is what its prologue pushes and subtracts; calls are followed from the entries. The kernel makes no indirect calls but one at boot and
those of the table of system calls, which are to all handlers; each jump through a register or memory is that of a switch, within its function.
"""
import re
import subprocess
from functools import cache

from harness import built, cases

STACK_BYTES = 4 * 4096
ALLOWED_BYTES = 4096          # a quarter: what is measured today is far below
ENTRIES = ('syscall_entry', 'exception', 'special', 'boot_start')
TABLES = {'kernel_on_call': 'sys_'}  # who calls through a table, and how all that stands in it begins
CALLBACKS = {'pvh_read'}      # calls boot_memory() through a pointer, at boot only, before anything deep is on the stack

FUNCTION = re.compile(r'^[0-9a-f]+ <(?P<name>[^>]+)>:$')
INSTRUCTION = re.compile(r'^\s*[0-9a-f]+:\s+(?P<operation>\S+)\s*(?P<operands>.*?)\s*$')
TARGET = re.compile(r'<(?P<name>[^>+]+)(?P<offset>\+0x[0-9a-f]+)?>')


class Code:
    """Functions of a kernel: bytes of stack each one uses, whom it calls (call) and where it goes on (jump to another function)."""

    def __init__(self, kernel):
        self.uses, self.calls, self.jumps, self.indirect = {}, {}, {}, []
        name = None
        listing = subprocess.run(['llvm-objdump-19', '-d', '--no-show-raw-insn', str(kernel)], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            function = FUNCTION.match(line)
            if function:
                name = function['name']
                self.uses[name], self.calls[name], self.jumps[name] = 0, set(), set()
                continue
            instruction = INSTRUCTION.match(line)
            if instruction and name:
                self.add(name, instruction['operation'], instruction['operands'])

    def add(self, name, operation, operands):
        if operation.startswith('push'):
            self.uses[name] += 8
        elif operation.startswith('sub') and operands.endswith('%rsp') and operands.startswith('$'):
            self.uses[name] += int(operands[1:].split(',')[0], 0)
        elif operation.startswith('call'):
            target = TARGET.search(operands)
            if operands.startswith('*') or not target:
                self.indirect.append(name)
            else:
                self.calls[name].add(target['name'])
        elif operation.startswith('j'):
            target = TARGET.search(operands)
            if target and target['name'] != name:
                self.jumps[name].add(target['name'])

    def deepest(self, entry):
        """(bytes, path) of the deepest way down from an entry; an AssertionError names a cycle of calls."""
        on_path = []

        @cache
        def depth(name):
            assert name not in on_path, f'recursion: {" -> ".join([*on_path, name])}'
            on_path.append(name)
            ways = [(8 + depth(callee)[0], depth(callee)[1]) for callee in self.calls[name]]
            # A jump to another function is a tail call: the frame of the one that jumps is gone, or is counted too much.
            ways += [depth(other) for other in self.jumps[name] if other not in on_path]
            on_path.pop()
            below, path = max(ways, default=(0, ()))
            return self.uses[name] + below, (name, *path)

        return depth(entry)


@cases(kernel=['kernel', 'kernel-test'])
def test_stack_is_bounded(kernel):
    code = Code(built(kernel))
    assert len(code.uses) > 100, 'the listing of the kernel could not be read'
    indirect = set(code.indirect) - CALLBACKS - set(TABLES)
    assert not indirect, f'indirect calls, whose depth nobody knows: {indirect}'
    for caller, prefix in TABLES.items():
        code.calls[caller] |= {name for name in code.uses if name.startswith(prefix)}
        assert len(code.calls[caller]) > 30, f'the handlers that {caller} calls are not found'
    for entry in ENTRIES:
        assert entry in code.uses, f'{entry} is gone'
        used, path = code.deepest(entry)
        assert used <= ALLOWED_BYTES, f'{used} bytes of stack by {" -> ".join(path)}; {ALLOWED_BYTES} are allowed'


def test_recursion_is_found():
    code = Code.__new__(Code)
    code.uses, code.calls, code.jumps = {'a': 8, 'b': 16, 'c': 8}, {'a': {'b'}, 'b': {'c'}, 'c': {'b'}}, {'a': set(), 'b': set(), 'c': set()}
    try:
        code.deepest('a')
    except AssertionError as error:
        assert 'b -> c -> b' in str(error)
    else:
        raise AssertionError('a cycle of calls was not found')
