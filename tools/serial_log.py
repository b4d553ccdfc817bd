"""Reading the serial log: `[seconds.nanoseconds] subsystem: event key=value ...` (docs/log-format.md).

A value is a word or a text in double quotes. Whatever is not in this form (the boot loader's output) is a line without subsystem.
"""
import re
import subprocess
from dataclasses import dataclass, field

LINE = re.compile(r'\[\s*(\d+\.\d+)\] ([\w-]+): ?(.*)')
PAIR = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)')
TERMINAL_CODES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]')
KERNEL_ADDRESS = re.compile(r'0x(ffff[0-9a-f]{12})\b')


@dataclass
class Line:
    raw: str
    seconds: float = 0.0
    subsystem: str = ''
    event: str = ''
    values: dict = field(default_factory=dict)

    def number(self, key):
        """The value as a number: decimal or 0x hexadecimal."""
        return int(self.values[key], 0)


def parse_line(raw):
    raw = TERMINAL_CODES.sub('', raw).rstrip('\r\n')
    match = LINE.search(raw)
    if not match:
        return Line(raw)
    rest = match[3]
    pairs = {key: value[1:-1] if value.startswith('"') else value for key, value in PAIR.findall(rest)}
    first = PAIR.search(rest)
    event = rest[:first.start()].strip() if first else rest.strip()
    return Line(raw, float(match[1]), match[2], event, pairs)


def parse(text):
    return [parse_line(line) for line in text.splitlines()]


def places(lines, kernel):
    """The kernel addresses in a panic's lines as `address function file:line`, in order, each once."""
    start = next((index for index, line in enumerate(lines) if line.subsystem == 'panic'), None)
    if start is None:
        return []
    addresses = list(dict.fromkeys(address for line in lines[start:] for address in KERNEL_ADDRESS.findall(line.raw)))
    if not addresses:
        return []
    result = subprocess.run(['llvm-symbolizer-19', f'--obj={kernel}', '--output-style=GNU', '--functions=short', '--no-inlines',
                             *('0x' + address for address in addresses)], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = result.stdout.splitlines()
    return [f'0x{address} {function} {place}' for address, function, place in zip(addresses, found[0::2], found[1::2]) if not function.startswith('??')]
