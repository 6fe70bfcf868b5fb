"""The layer rule, tried out: every include that points up or sideways must fail to compile, every one that points down
must compile. Each layer's own compiler options are used, as the build recorded them.

    layers.py SOURCE_DIR COMPILE_COMMANDS
    layers.py --self-test SOURCE_DIR COMPILE_COMMANDS   with every folder visible to all, violations are seen
"""

import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The rule, stated a second time, apart from the build that enforces it: who sees whom.
SEES = {
    "base": set(),
    "wire": {"base"},
    "ip": {"wire", "base"},
    "tcp": {"wire", "base"},
    "host": {"ip", "tcp", "wire", "base"},
    "hosted": set(),
    "show": set(),
    "link": set(),
    "socket": set(),
    "drill": {"show", "socket"},
    "lab": {"show", "link"},
    "check": {"show", "host", "ip", "tcp", "wire", "base"},
    "sim": {"show", "link", "host", "ip", "tcp", "wire", "base"},
    "cmd": {"show", "link", "socket", "drill", "lab", "check", "sim"},
}
INSPECT = {"host_inspect.h"}
INSPECTS = {"check", "sim"}  # who looks inside, as tests do


def options_of(commands, folder):
    """The compiler and options of the files in that folder, without input and output; None if it has no file."""
    for entry in commands:
        if Path(entry["file"]).parent == folder:
            words = shlex.split(entry["command"])
            keep, skip = [], False
            for word in words:
                if skip or word in ("-c", entry["file"]):
                    skip = False
                elif word == "-o":
                    skip = True
                else:
                    keep.append(word)
            return keep
    return None


def compiles(options, folder, include):
    """Whether a file in that folder could include this. Standard input counts as a file of the working directory."""
    text = f'#include "{include}"\n'
    run = subprocess.run([*options, "-Wno-error", "-w", "-fsyntax-only", "-x", "c", "-"], input=text, text=True,
                         cwd=folder, capture_output=True, check=False)
    return run.returncode == 0, run.stderr


def arrows(source, commands, extra):
    """(layer, include, allowed, options) for every pair of a layer with files and a header of another layer."""
    for layer in sorted(SEES):
        folder = source / "src" / layer
        options = options_of(commands, folder)
        if options is None:
            continue
        for other in sorted(SEES):
            for header in sorted((source / "src" / other).glob("*.h")):
                inspect = header.name in INSPECT and layer not in INSPECTS
                private = inspect or header.name.endswith("_private.h")
                if other != layer:
                    yield layer, f"{other}/{header.name}", other in SEES[layer] and not private, options + extra
        for header in sorted(folder.glob("*.h")):
            yield layer, header.name, True, options + extra
        yield layer, "lastack/lastack.h", True, options + extra


def violations(source, commands, extra=()):
    tried = list(arrows(source, commands, list(extra)))

    def attempt(arrow):
        layer, include, allowed, options = arrow
        done, why = compiles(options, source / "src" / layer, include)
        if done == allowed:
            return None
        return f'src/{layer}: #include "{include}" ' + ("compiles, and must not" if done else f"must compile:\n{why}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return len(tried), [found for found in pool.map(attempt, tried) if found]


def main():
    self_test = sys.argv[1] == "--self-test"
    source, database = (Path(argument).resolve() for argument in sys.argv[-2:])
    commands = json.loads(database.read_text(encoding="utf-8"))
    unknown = {path.name for path in (source / "src").iterdir() if path.is_dir()} - SEES.keys()
    if self_test:
        _, found = violations(source, commands, [f"-I{source}/src"])
        print(f"{len(found)} violations seen with src/ on every include path")
        return 0 if found else 1
    tried, found = violations(source, commands)
    found += [f"src/{name}: no rule here says whom it may see" for name in sorted(unknown)]
    print(f"{tried} includes tried", *found, sep="\n")
    return 1 if found or tried == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
