"""The layout of a kernel's structures, read from the debug information (DWARF) of its file: so it is written down once, in the kernel's headers.

    layout = Layout.of('build/x86_64/kernel-test')
    layout.constants['USER_LIMIT']
    layout.place('space', 'rows[3].handle')     -> Place(offset, size, count)
    layout.variable('processor')                -> [(offset, size, virtual address), ...]: the optimiser may take structures apart
"""
import functools
import re
import threading
from dataclasses import dataclass

from project import Failure

try:
    from elftools.elf.elffile import ELFFile
except ImportError:  # said by Layout.of, so that --help works without the package
    ELFFile = None

STEP = re.compile(r'(\w+)|\[(\d+)\]')
# DWARF 5, 2.5 and 7.7: operations of the location of a variable.
OP_ADDR, OP_PIECE, OP_ADDRX = 0x03, 0x93, 0xa1


@dataclass(frozen=True)
class Place:
    offset: int
    size: int   # of one element
    count: int  # elements, 1 where it is no array


class Layout:
    def __init__(self, path):
        self.lock = threading.Lock()
        self.constants, self.structures, self.variables, self.segments = {}, {}, {}, []
        with open(path, 'rb') as stream:
            elf = ELFFile(stream)
            self.segments = [(row['p_vaddr'], row['p_paddr'], row['p_memsz']) for row in elf.iter_segments() if row['p_type'] == 'PT_LOAD']
            self.constant_bytes = {name: (elf.get_section_by_name(name)['sh_addr'], elf.get_section_by_name(name).data()) for name in ('.text', '.rodata')}
            self.symbols = {symbol.name: symbol['st_value'] for symbol in elf.get_section_by_name('.symtab').iter_symbols()}
            if not elf.has_dwarf_info():
                raise Failure(f'{path} has no debug information')
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                self.read_unit(unit, dwarf)

    @staticmethod
    @functools.lru_cache(maxsize=4)
    def of(path):
        if ELFFile is None:
            raise Failure('the Python package elftools is missing (Debian: python3-pyelftools): ./quire doctor')
        try:
            return Layout(path)
        except OSError as error:
            raise Failure(f'{path}: {error.strerror}') from None

    # --- Reading ---

    def read_unit(self, unit, dwarf):
        addresses = unit.get_top_DIE().attributes.get('DW_AT_addr_base')
        for entry in unit.iter_DIEs():
            name = entry.attributes.get('DW_AT_name')
            if name is None:
                continue
            name = name.value.decode()
            if entry.tag == 'DW_TAG_structure_type' and 'DW_AT_declaration' not in entry.attributes:
                self.structures.setdefault(name, entry)
            elif 'DW_AT_const_value' in entry.attributes:  # constexpr variables, enumerators
                self.constants[name] = entry.attributes['DW_AT_const_value'].value
            elif entry.tag == 'DW_TAG_variable' and 'DW_AT_location' in entry.attributes and entry.get_parent() is unit.get_top_DIE():
                self.variables.setdefault(name, (entry, pieces_of(bytes(entry.attributes['DW_AT_location'].value), addresses, dwarf)))

    # --- Answers ---

    def constant(self, name):
        if name not in self.constants:
            raise Failure(f'the debug information of the kernel knows no {name}')
        return self.constants[name]

    def names(self, prefix):
        """{number: NAME without the prefix} of an enum's members."""
        return {number: name.removeprefix(prefix) for name, number in self.constants.items() if name.startswith(prefix)}

    def size(self, structure):
        return self.structure(structure).attributes['DW_AT_byte_size'].value

    def structure(self, name):
        if name not in self.structures:
            raise Failure(f'the debug information of the kernel knows no struct {name}')
        return self.structures[name]

    @functools.lru_cache(maxsize=None)
    def place(self, structure, path):
        with self.lock:  # pyelftools reads entries when they are asked for, from one stream
            return follow(self.structure(structure), path)

    def variable(self, name):
        """Where a variable of the kernel lies: (offset in it, bytes, virtual address) of each of its pieces."""
        if name not in self.variables:
            raise Failure(f'the debug information of the kernel knows no variable {name}')
        entry, pieces = self.variables[name]
        if len(pieces) == 1 and pieces[0][1] is None:
            with self.lock:
                pieces = [(0, size_of(type_of(entry)), pieces[0][2])]
        return pieces

    @functools.lru_cache(maxsize=None)
    def place_in_variable(self, name, path):
        """The place of a part of a variable; path '': all of it."""
        with self.lock:
            entry = type_of(self.variables[name][0])
            return follow(entry, path) if path else Place(0, *element_of(entry))

    def physical(self, address):
        """The physical address of a place in the kernel's image."""
        for virtual, physical, size in self.segments:
            if virtual <= address < virtual + size:
                return address - virtual + physical
        raise Failure(f'0x{address:x} is no address of the kernel image')


def pieces_of(expression, base, dwarf):
    pieces, at, offset, address = [], 0, 0, None
    while at < len(expression):
        operation = expression[at]
        at += 1
        if operation == OP_ADDR:
            address = int.from_bytes(expression[at:at + 8], 'little')
            at += 8
            continue
        number, at = leb128(expression, at)
        if operation == OP_ADDRX:
            section = dwarf.debug_addr_sec.stream
            section.seek(base.value + 8 * number)
            address = int.from_bytes(section.read(8), 'little')
        elif operation == OP_PIECE:
            if address is not None:
                pieces.append((offset, number, address))
            offset, address = offset + number, None
        else:
            return []  # computed: nothing that lies in memory
    return pieces or [(0, None, address)]


def leb128(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def type_of(entry):
    """The type behind typedefs and qualifiers; None: void."""
    while 'DW_AT_type' in entry.attributes:
        entry = entry.get_DIE_from_attribute('DW_AT_type')
        if entry.tag not in ('DW_TAG_typedef', 'DW_TAG_const_type', 'DW_TAG_volatile_type'):
            return entry
    return None


def size_of(entry):
    size, count = element_of(entry)
    return size * count


def element_of(entry):
    """(bytes of an element, elements)."""
    if entry.tag == 'DW_TAG_pointer_type':
        return 8, 1
    if entry.tag != 'DW_TAG_array_type':
        return entry.attributes['DW_AT_byte_size'].value, 1
    count = 1
    for child in entry.iter_children():
        length = child.attributes.get('DW_AT_count')
        count *= length.value if length else child.attributes['DW_AT_upper_bound'].value + 1 if 'DW_AT_upper_bound' in child.attributes else 0
    return size_of(type_of(entry)), count


def follow(entry, path):
    offset = 0
    for name, index in STEP.findall(path):
        if index:
            entry = type_of(entry)
            offset += int(index) * size_of(entry)
            continue
        at, member = next((found for found in members_of(entry) if name_of(found[1]) == name), (0, None))
        if member is None:
            raise Failure(f'the debug information of the kernel knows no member {name} of {path}')
        offset += at
        entry = type_of(member)
    return Place(offset, *element_of(entry))


def members_of(entry):
    """(offset, member); the members of one without a name are its structure's own."""
    for child in entry.iter_children():
        if child.tag != 'DW_TAG_member':
            continue
        at = child.attributes['DW_AT_data_member_location'].value
        if name_of(child) is not None:
            yield at, child
        else:
            yield from ((at + inside, member) for inside, member in members_of(type_of(child)))


def name_of(entry):
    return entry.attributes['DW_AT_name'].value.decode() if 'DW_AT_name' in entry.attributes else None
