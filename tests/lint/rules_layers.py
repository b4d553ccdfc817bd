"""Layers: who may include what, and which words belong to the ports alone."""
import posixpath
import re

from lint_tree import Problem, rule

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Headers of the C language that need no library (C23, 4: freestanding); the compiler brings them.
FREESTANDING = {'float.h', 'iso646.h', 'limits.h', 'stdalign.h', 'stdarg.h', 'stdatomic.h', 'stdbit.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'stdnoreturn.h'}

# folder: the folders whose headers its files may include beside their own. The longest matching folder counts.
LAYERS = {
    'microkernel/abi': ['microkernel'],
    'microkernel': ['microkernel', 'libc-min/include', 'libimage'],
    'arch/x86': ['arch/x86', 'microkernel', 'libc-min/include', 'libimage'],
    'arch/x86_64': ['arch/x86_64', 'arch/x86', 'microkernel', 'libc-min/include', 'libimage'],
    'arch/host': ['arch/host', 'microkernel', 'libc-min/include', 'libimage', 'HOST'],
    'libimage': ['libimage', 'microkernel/abi', 'libc-min/include'],
    'libc-min': ['libc-min/include', 'libc-min/freestanding', 'libc-min/hosted', 'libipc/include', 'microkernel/abi', 'pager/protocol.h'],
    'libipc': ['libipc/include', 'libipc/src', 'libc-min/include', 'microkernel/abi', 'pager/protocol.h'],
    'pager': ['pager', 'microkernel/abi', 'libimage', 'libc-min/include', 'libipc/include'],
    'programs': ['libipc/include', 'libc-min/include'],
    'docs/tutorial': ['libipc/include', 'libc-min/include'],
    'tests': ['EVERYTHING'],
}
# What a port gives the portable kernel goes through arch.h.
ONLY_THROUGH_ARCH_H = {'arch_types.h', 'arch_inline.h', 'pte.h'}

ARCHITECTURE_WORDS = re.compile(
    r'\b(cr[0-4]|pml[45]|pdpt|invlpg|rdtsc|cpuid|rdmsr|wrmsr|swapgs|sysretq?|iretq|lgdt|lidt|ltr|eflags|rflags|asm|__asm__)\b', re.I)
ARCHITECTURE_IF = re.compile(r'\s*#\s*(if|ifdef|ifndef|elif)\b.*\b(__x86_64__|__i386__|__amd64__|__aarch64__|__riscv|__LP64__|__ILP32__)')


def layer_of(path):
    return max((folder for folder in LAYERS if path.startswith(folder + '/')), key=len, default=None)


def without_comments(text):
    """The text with comments and string literals blanked, lines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda match: re.sub(r'[^\n]', ' ', match[0]), text)


def allowed_places(path, name, layer):
    """The paths that an include of `name` in `path` may mean."""
    roots = [posixpath.dirname(path), *LAYERS[layer]]
    places = []
    for root in roots:
        if root.endswith('.h'):
            places += [root] if posixpath.basename(root) == name or root == name else []
        else:
            # abi/call.h is found below microkernel/; a header may also be named from the top.
            places += [posixpath.normpath(posixpath.join(root, name)), posixpath.normpath(posixpath.join(root, posixpath.basename(name)))]
            places += [name] if name.startswith(root + '/') else []
    return places


@rule(bad={'programs/a.c': '#include "space.h"\n', 'microkernel/space.h': ''}, at='programs/a.c:1',
      good={'programs/a.c': '#include <stdio.h>\n#include <quire/memory.h>\n#include <stdint.h>\n', 'libc-min/include/stdio.h': '',
            'libipc/include/quire/memory.h': '', 'microkernel/abi/call.h': '',
            'microkernel/arch.h': '#include "pte.h"\n', 'microkernel/b.c': '#include "abi/call.h"\n'})
def includes_stay_in_their_layer(tree):
    """Each folder may include its own headers and those of the layers below it: tests/lint/rules_layers.py, LAYERS.
    Mend it by including the layer's public header, or by moving what you need to where both may see it."""
    for path in tree.paths('.c', '.h', '.S'):
        layer = layer_of(path)
        if layer is None or 'EVERYTHING' in LAYERS[layer]:
            continue
        for number, line in tree.lines(path):
            match = INCLUDE.match(line)
            if match and path == 'microkernel/arch.h' and match[2] in ONLY_THROUGH_ARCH_H:
                continue
            if not match or match[2] in FREESTANDING or 'HOST' in LAYERS[layer] and match[1] == '<':
                continue
            if not any(place in tree.files for place in allowed_places(path, match[2], layer)):
                others = [file for file in tree.paths('.h', '.def') if file == match[2] or file.endswith('/' + match[2])]
                where = f'it is {others[0]}' if others else 'there is no such header'
                yield Problem(path, number, f'{layer}/ may not include {match[2]}: {where}')


@rule(bad={'microkernel/a.c': '\n#include "pte.h"\n'}, at='microkernel/a.c:2',
      good={'microkernel/a.c': '#include "arch.h"\n', 'microkernel/arch.h': '#include "pte.h"\n'})
def ports_are_reached_through_arch_h(tree):
    """The portable kernel sees a port through microkernel/arch.h alone, so that arch.h is the whole contract of a port. Include arch.h."""
    for path in tree.paths('.c', '.h', under='microkernel/'):
        for number, line in tree.lines(path):
            match = INCLUDE.match(line)
            if match and path != 'microkernel/arch.h' and posixpath.basename(match[2]) in ONLY_THROUGH_ARCH_H:
                yield Problem(path, number, f'includes {match[2]} directly; include "arch.h"')


@rule(bad={'microkernel/a.c': '/* cr3 */\nvoid f(void) { write_cr3(cr3); }\n'}, at='microkernel/a.c:2',
      good={'microkernel/a.c': '/* loads CR3 */ int cr30; // asm\n', 'arch/x86_64/b.c': 'asm("cli");\n'})
def portable_code_names_no_processor(tree):
    """Instructions, registers and tables of one processor stay below arch/ (and in libipc's call stubs); portable code asks through arch.h.
    Move the line into the port, behind a function of arch.h."""
    for path in tree.paths('.c', '.h'):
        if not path.startswith(('microkernel/', 'pager/', 'libimage/', 'libc-min/', 'programs/')):
            continue
        for number, line in enumerate(without_comments(tree.files[path]).splitlines(), 1):
            match = ARCHITECTURE_WORDS.search(line)
            if match:
                yield Problem(path, number, f'{match[0]} belongs to a port (arch/)')


@rule(bad={'pager/a.c': '#ifdef __x86_64__\n#endif\n'}, at='pager/a.c:1',
      good={'arch/x86/a.c': '#ifdef __x86_64__\n#endif\n', 'pager/b.c': '#ifdef QUIRE_TEST\n#endif\n'})
def no_if_on_the_architecture(tree):
    """No #if on the architecture outside arch/: the build chooses the port's folder. Put the difference behind arch.h or into a header of the port."""
    for path in tree.paths('.c', '.h', '.S', '.def'):
        if path.startswith('arch/'):
            continue
        for number, line in tree.lines(path):
            if ARCHITECTURE_IF.match(line):
                yield Problem(path, number, '#if on the architecture outside arch/')


KIND_ROW = re.compile(r'^\s*\[(SEGMENT_\w+)\]\s*=\s*\{', re.M)


@rule(bad={'pager/kinds.c': 'x = {\n    [SEGMENT_A] = { "a", &fill_a },\n};\n', 'pager/b.c': 'int f(void)\n{\n    return row->fill == &fill_a;\n}\n'},
      at='pager/b.c:3',
      good={'pager/kinds.c': 'x = {\n    [SEGMENT_A] = { "a", &fill_a },\n};\n', 'pager/fill_a.c': 'if (fill == &fill_a) {}\n',
            'pager/b.c': '/* kind == SEGMENT_A */\nrow = { .kind = SEGMENT_A, .fill = &fill_a };\nif (a->fill == b->fill && n == SEGMENT_LIMIT) {}\n'})
def nobody_asks_which_kind_of_memory(tree):
    """What differs between kinds of segments stands in the table of kinds (pager/kinds.c), what differs between fills in their records (pager/fill.h). Ask the
    row or the record for what you need to know, by a property or a function that says it; who makes a segment chooses both."""
    kinds = '|'.join(KIND_ROW.findall(tree.files.get('pager/kinds.c', ''))) or 'SEGMENT_CODE'
    name = rf'(?:&\s*fill_\w+|(?:{kinds})\b)'
    asks = re.compile(rf'[=!]=\s*{name}|{name}(?:\[\w+\])?\s*[=!]=|\bcase\s+(?:{kinds})\b')
    for path in tree.paths('.c', '.h', under='pager/'):
        if path == 'pager/kinds.c' or path.startswith('pager/fill_'):
            continue
        for number, line in enumerate(without_comments(tree.files[path]).splitlines(), 1):
            match = asks.search(line)
            if match:
                yield Problem(path, number, f'asks which kind: {match[0]}')


HEAP = re.compile(r'\b(malloc|calloc|realloc|reallocarray|aligned_alloc|free|alloca|strdup)\s*\(')
KERNEL_FOLDERS = ('microkernel/', 'arch/x86/', 'arch/x86_64/', 'arch/i386/', 'arch/i386_pae/', 'libimage/')


@rule(bad={'microkernel/a.c': 'void f(void)\n{\n    void *p = malloc(8);\n}\n'}, at='microkernel/a.c:3',
      good={'microkernel/a.c': '/* no malloc() */\nvoid f(void)\n{\n    frame_free(1);\n    map->free(2);\n}\n', 'pager/a.c': 'void *p = malloc(8);\n'})
def the_kernel_has_no_heap(tree):
    """Every kernel object is a frame or a slot of one. Take a frame (frame.h); what is large and temporary does not belong into the kernel."""
    for path in tree.paths('.c', '.h', under=''):
        if not path.startswith(KERNEL_FOLDERS):
            continue
        for number, line in enumerate(without_comments(tree.files[path]).splitlines(), 1):
            match = HEAP.search(line)
            if match and not line[:match.start()].endswith(('->', '.')):
                yield Problem(path, number, f'calls {match[1]}()')
