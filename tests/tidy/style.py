"""The house style, as far as a machine can be sure of it (clang-format and clang-tidy see to the rest).

    style.py SOURCE_DIR
    style.py --self-test   every rule is seen to fire on a sample that breaks it
"""

import re
import sys
import tempfile
from pathlib import Path

CORE = ("base", "wire", "ip", "tcp", "host")
FILE_LINES = 800
FUNCTION_LINES = 70
COLUMNS = 120
CORE_SYSTEM_HEADERS = {"limits.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blanked(text):
    """The code without comments and literals; lines and columns stay. What an #include names is kept."""

    def blank(match):
        token = match.group()
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and re.match(r"\s*#\s*include\s*$", text[line_start:match.start()]):
            return token
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(blank, text)


def long_functions(lines):
    """A function's opening brace stands alone in the first column, and so does its closing one."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
            while start > 1 and lines[start - 2].strip() and not lines[start - 2].startswith(("}", "#", "/*")):
                start -= 1
        elif line.startswith("}") and start is not None:
            if number - start + 1 > FUNCTION_LINES:
                yield start, f"a function of {number - start + 1} lines; {FUNCTION_LINES} is the most"
            start = None


def guard_of(lines):
    directives = [line for line in lines if line.strip()]
    opening = re.match(r"#ifndef (\w+)$", directives[0].strip()) if directives else None
    if opening and directives[1].strip() == f"#define {opening[1]}" and directives[-1].strip() == "#endif":
        return opening[1]
    return None


def core_problems(lines, is_header):
    conditionals = [(n, line) for n, line in enumerate(lines, 1) if re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b", line)]
    if is_header:
        conditionals = conditionals[1:]
    for number, _ in conditionals:
        yield number, "a preprocessor condition in the core: features are run-time configuration"
    for number, line in enumerate(lines, 1):
        if re.search(r"\bdefault\s*:", line):
            yield number, "default: in the core: a switch names every value of its enum"
        system = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
        if system and not system[1].startswith("lastack/") and system[1] not in CORE_SYSTEM_HEADERS:
            yield number, f"<{system[1]}> in the core: it stands on its own"


def file_problems(path, text, in_core):
    lines = blanked(text).split("\n")
    if text.count("\n") > FILE_LINES:
        yield 1, f"{text.count(chr(10))} lines; {FILE_LINES} is the most"
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield number, "a tab"
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; {COLUMNS} is the most"
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield number, "a note of something unfinished"
    for number, line in enumerate(lines, 1):
        if re.match(r'\s*#\s*include\s*["<][^">]*\.\./', line):
            yield number, "an include that climbs out of its folder"
    if path.suffix == ".h" and guard_of(lines) is None:
        yield 1, "no include guard around the whole header"
    yield from long_functions(lines)
    if in_core:
        yield from core_problems(lines, path.suffix == ".h")


def tree_problems(source):
    guards = {}
    files = sorted(path for top in ("src", "include") for path in (source / top).rglob("*.[ch]"))
    for path in files:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(source)
        for number, what in file_problems(path, text, name.parts[0] == "src" and name.parts[1] in CORE):
            yield f"{name}:{number}: {what}"
        guard = guard_of(blanked(text).split("\n"))
        if guard is not None and guard in guards:
            yield f"{name}:1: its include guard {guard} is that of {guards[guard]} too"
        guards[guard] = name
    if not files:
        yield "no files to look at"


def sample_trees():
    """(what is wrong, file, text); None: nothing is."""
    function = "int f(void)\n{\n" + "    g();\n" * 80 + "}\n"
    header = "#ifndef A_H\n#define A_H\n%s\n#endif\n"
    yield None, "src/tcp/a.c", '#include "a.h"\n\n#include <string.h>\n\n/* default: #if FEATURE */\nconst char *s = "../x";\n'
    yield None, "src/cmd/a.c", "#include <stdio.h>\n#ifdef X\n#endif\nvoid f(int a)\n{\n    switch (a) {\n    default:;\n    }\n}\n"
    yield None, "src/tcp/a.h", header % "int a;"
    yield "lines", "src/tcp/a.c", "\n" * 801
    yield "function", "src/tcp/a.c", function
    yield "tab", "src/show/a.c", "\tint a;\n"
    yield "columns", "src/show/a.c", "int a" * 30 + ";\n"
    yield "unfinished", "src/show/a.c", "/* TO" + "DO */\n"
    yield "climbs", "src/cmd/a.c", '#include "../tcp/a.h"\n'
    yield "guard", "src/cmd/a.h", "int a;\n"
    yield "condition", "src/ip/a.c", "#if FEATURE\n#endif\n"
    yield "condition", "src/ip/a.h", header % "#ifdef FEATURE\n#endif"
    yield "default", "src/ip/a.c", "void f(int a)\n{\n    switch (a) {\n    default:;\n    }\n}\n"
    yield "stdio.h", "src/base/a.c", "#include <stdio.h>\n"


def self_test():
    wrong = []
    for expected, name, text in sample_trees():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
            found = list(tree_problems(Path(folder)))
            as_expected = found == [] if expected is None else len(found) == 1 and expected in found[0]
            if not as_expected:
                wrong.append(f"{name}: expected {expected}, found {found}: {text[:60]!r}")
    return wrong


def main():
    found = self_test() if sys.argv[1] == "--self-test" else list(tree_problems(Path(sys.argv[1])))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
