"""The core contract, asked of the objects themselves: no globals, and nothing from outside but mem* and the assertion hook.

    core_objects.py LIST            LIST names the core's object files, one a line
    core_objects.py --self-test CC  objects that break the contract are seen to
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "la_assert_failed"}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def globals_of(path):
    """Sections that hold something writable, with their sizes; .data.rel.ro holds constants that need relocation."""
    found = []
    for line in output_of("size", "--format=sysv", path).splitlines():
        fields = line.split()
        if len(fields) != 3 or not fields[1].isdigit():
            continue
        name, size = fields[0], int(fields[1])
        writable = name.startswith((".data", ".bss", ".tdata", ".tbss")) and not name.startswith(".data.rel.ro")
        if writable and size > 0:
            found.append(f"{name}: {size} octets")
    for line in output_of("nm", "--format=posix", path).splitlines():
        name, kind = line.split()[:2]
        if kind in "Cc":
            found.append(f"common symbol {name}")
    return found


def undefined_together(paths, folder):
    """What all objects together still need."""
    whole = str(Path(folder) / "core.o")
    output_of("ld", "-r", "-o", whole, *paths)
    return {line.split()[0] for line in output_of("nm", "--undefined-only", "--format=posix", whole).splitlines()}


def problems(paths):
    with tempfile.TemporaryDirectory() as folder:
        found = [f"{path}: {what}" for path in paths for what in globals_of(path)]
        foreign = undefined_together(paths, folder) - ALLOWED - {"_GLOBAL_OFFSET_TABLE_"}
        return found + [f"the core needs {name} from outside" for name in sorted(foreign)]


SAMPLES = {
    # source: whether the contract allows it
    "#include <string.h>\nvoid f(void *a, const void *b) { memcpy(a, b, 100); }": True,
    "int f(int x) { static const char *const names[] = {\"a\", \"b\"}; return names[x & 1][0]; }": True,
    "int counter = 7;": False,
    "int counter;": False,
    "int f(void) { static int calls; return ++calls; }": False,
    "_Thread_local int mine;": False,
    "#include <stdlib.h>\nvoid *f(void) { return malloc(1); }": False,
    "#include <stdio.h>\nvoid f(int x) { printf(\"%d\", x); }": False,
}


def self_test(compiler):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for source, allowed in SAMPLES.items():
            path = str(Path(folder) / "sample.o")
            subprocess.run([compiler, "-std=c11", "-O2", "-x", "c", "-c", "-o", path, "-"], input=source, text=True,
                           check=True)
            if (problems([path]) == []) != allowed:
                wrong.append(f"expected {'no ' if allowed else 'a '}complaint about: {source}")
    return wrong


def main():
    if sys.argv[1] == "--self-test":
        found = self_test(sys.argv[2])
    else:
        paths = Path(sys.argv[1]).read_text(encoding="utf-8").split()
        print(f"{len(paths)} core objects")
        found = problems(paths) if paths else ["no core objects were given"]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
