"""A text of several megabytes for wordcount: what is written under /usr/share, joined in the order of the paths.

Which documents a machine has differs, so the result does too; on one machine it is always the same. If all of them together are too
short, they are repeated.
"""
import os
import tempfile
from pathlib import Path

from project import BUILD, Failure, say, shown

LEAST_BYTES = 4 << 20
SOURCES = ('/usr/share/common-licenses', '/usr/share/dict', '/usr/share/doc', '/usr/share/perl')


def words_file():
    """The path of the text; makes it when it is not there."""
    path = BUILD / 'words.txt'
    if not path.exists():
        make(path)
    return path


def make(path):
    parts, size = [], 0
    for file in documents():
        text = read_text(file)
        if text:
            parts.append(text)
            size += len(text)
        if size >= LEAST_BYTES:
            break
    if not parts:
        raise Failure(f'there is no text to count under {", ".join(SOURCES)}')
    repeats = -(-LEAST_BYTES // size)
    path.parent.mkdir(exist_ok=True)
    # Two that make it at once each write a file of their own; the last one stays, with the same content.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix='words.', delete=False) as temporary:
        temporary.write(b''.join(parts) * repeats)
    os.replace(temporary.name, path)
    again = f', {repeats} times' if repeats > 1 else ''
    say(f'joined {len(parts)} documents of /usr/share{again} into {shown(path)}: {size * repeats / (1 << 20):.1f} MiB to count')


def documents():
    for source in SOURCES:
        for folder, folders, files in os.walk(source):
            folders.sort()
            for name in sorted(files):
                yield Path(folder) / name


def read_text(file):
    """The file's bytes when it is plain text of a useful size, else nothing."""
    if file.is_symlink() or not file.is_file() or not 200 < file.stat().st_size < 1 << 20:
        return b''
    data = file.read_bytes()
    try:
        data.decode('utf-8')
    except UnicodeDecodeError:
        return b''
    if b'\0' in data:
        return b''
    return data if data.endswith(b'\n') else data + b'\n'
