"""Scripts: what their own checkers say of them."""
import ast
import re
import shutil
import subprocess

from lint_tree import Problem, rule


def shell_scripts(tree):
    return [path for path, text in sorted(tree.files.items()) if re.match(r'#!.*\b(ba|da)?sh\b', text)]


@rule(bad={'quire': '#!/bin/bash\n\nrm $1\n'}, at='quire:3', good={'quire': '#!/bin/bash\necho "$1"\n'})
def shell_scripts_pass_shellcheck(tree):
    """shellcheck has something against a shell script; its wiki explains each SC number. Mend the line."""
    if shutil.which('shellcheck') is None:
        yield Problem('quire', 1, 'shellcheck is not installed: ./quire test lint installs it')
        return
    for path in shell_scripts(tree):
        result = subprocess.run(['shellcheck', '--format=gcc', '-'], input=tree.files[path], text=True, stdout=subprocess.PIPE)
        for line in result.stdout.splitlines():
            match = re.match(r'-:(\d+):\d+: (.*)', line)
            if match:
                yield Problem(path, int(match[1]), match[2])


@rule(bad={'tools/a.py': 'import os\nimport sys\nsys.exit()\n'}, at='tools/a.py:1',
      good={'tools/a.py': 'import os.path\nfrom sys import exit as stop\nstop(os.path.sep)\n'})
def python_files_are_sound(tree):
    """A Python file parses, and every name that it imports is used. Mend the line."""
    for path in tree.paths('.py'):
        try:
            module = ast.parse(tree.files[path])
        except SyntaxError as error:
            yield Problem(path, error.lineno or 1, f'does not parse: {error.msg}')
            continue
        used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
        for node in ast.walk(module):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    name = (alias.asname or alias.name).split('.')[0]
                    if name not in used:
                        yield Problem(path, node.lineno, f'imports {name} and does not use it')
