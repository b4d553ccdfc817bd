"""The boot image: GRUB with only the modules it needs, the kernel, the boot modules, and a grub.cfg made for this run.

One image boots on BIOS and on UEFI. Without UEFI it is below 1 MB (and the size of what is booted).
"""
import shutil
import subprocess
import tempfile
from pathlib import Path

from project import Failure, TOP

GRUB_MODULES = 'multiboot2 iso9660 normal serial terminal test'
# The UEFI image of grub-mkrescue loads every partition-table module at its start and complains about each that is not there; without a video
# driver it complains that there is no console.
GRUB_MODULES_UEFI = ' '.join(['all_video', *('part_' + name for name in 'acorn amiga apple bsd dfly dvh gpt msdos plan sun sunpc'.split())])
GRUB_BIOS = '/usr/lib/grub/i386-pc'


def grub_word(word):
    """A word as grub.cfg takes it, whatever is in it."""
    return "'" + word.replace("'", "'\\''") + "'"


def grub_configuration(arguments, modules):
    """grub.cfg for a kernel command line and Module objects: grub.cfg of the top folder with its two places filled in."""
    kernel = ' '.join(['multiboot2 /boot/kernel', *(grub_word(word) for word in arguments.split())])
    lines = [' '.join([f'module2 /boot/module{index}', *(grub_word(word) for word in module.text.split())]) for index, module in enumerate(modules)]
    template = (TOP / 'grub.cfg').read_text()
    return template.replace('@KERNEL@', kernel).replace('@MODULES@', '\n    '.join(lines))


def write_iso(kernel, modules, arguments, path, uefi=True):
    with tempfile.TemporaryDirectory(prefix='quire-iso-') as folder:
        boot = Path(folder) / 'boot'
        (boot / 'grub').mkdir(parents=True)
        shutil.copyfile(kernel, boot / 'kernel')
        for index, module in enumerate(modules):
            shutil.copyfile(module.path, boot / f'module{index}')
        (boot / 'grub' / 'grub.cfg').write_text(grub_configuration(arguments, modules))
        command = ['grub-mkrescue', '-o', str(path), '--install-modules=' + GRUB_MODULES + (' ' + GRUB_MODULES_UEFI if uefi else ''),
                   '--modules=', '--locales=', '--themes=', '--fonts=']
        if not uefi:
            command += ['-d', GRUB_BIOS]
        result = subprocess.run([*command, folder], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise Failure(f'grub-mkrescue failed:\n{result.stdout}')
