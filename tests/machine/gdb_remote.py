"""As much of gdb's remote protocol as a test needs to stop a machine at a function of the kernel and to run that function again.

QEMU speaks it on a socket (`-gdb`). The memory of the machine is not read this way but in the file that backs it, which is the machine's own.
"""
import socket
import time

RAX, RSP, RIP = 0, 7, 16
REGISTERS = 17  # rax rbx rcx rdx rsi rdi rbp rsp r8-r15 rip: all that a function finds and leaves, but for the flags


class Remote:
    def __init__(self, path, timeout=600):
        self.pending = b''
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        limit = time.monotonic() + timeout
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.02)
        self.ask('QStartNoAckMode')
        self.socket.sendall(b'+')
        self.ask('qXfer:features:read:target.xml:0,fff')  # QEMU lets nobody write a register who has not asked for their names

    def close(self):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(b'$%s#%02x' % (text.encode(), sum(text.encode()) & 255))

    def receive(self):
        """The text of the next packet; None when the machine has ended."""
        while True:
            first = self.pending.find(b'$')
            end = self.pending.find(b'#', first)
            if 0 <= first < end and len(self.pending) >= end + 3:
                text, self.pending = self.pending[first + 1:end].decode(), self.pending[end + 3:]
                return text
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self.pending += data

    def ask(self, text):
        self.send(text)
        return self.receive()

    def run_to(self, address):
        """Lets the machine run until it is about to execute that instruction; False when it has ended before."""
        assert self.ask(f'Z1,{address:x},1') == 'OK'
        answer = self.ask('c')
        if answer is None or answer[0] in 'WX':
            return False
        assert answer[0] in 'TS' and self.register(RIP) == address, answer
        assert self.ask(f'z1,{address:x},1') == 'OK'
        return True

    def registers(self):
        values = bytes.fromhex(self.ask('g')[:REGISTERS * 16])
        return [int.from_bytes(values[at:at + 8], 'little') for at in range(0, len(values), 8)]

    def register(self, number):
        return self.registers()[number]

    def restore(self, registers):
        for number, value in enumerate(registers):
            assert self.ask(f'P{number:x}={value.to_bytes(8, "little").hex()}') == 'OK'
