"""docs/api.md and the public headers say the same: functions, errors, events, ends, options, and the defaults of the
config; and the example in the document is the one that is built, and prints what the document says.

    api_reference.py SOURCE_DIR EXAMPLE   EXAMPLE is the built program of examples/echo.c
    api_reference.py --self-test          each kind of difference is seen
"""

import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = "docs/api.md"
EXAMPLE = "examples/echo.c"
ENUMS = ("la_error", "la_ready", "la_end", "la_option", "la_state", "la_drop", "la_counter", "la_trace_kind",
         "la_wait_event", "la_timer")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def functions_of(headers):
    """Names that are declared: at the beginning of a line, followed by their arguments."""
    return set(re.findall(r"^(?!#)[\w \*]*?\b(la_\w+)\(", COMMENT.sub("", headers), re.MULTILINE))


def constants_of(headers):
    """Of the enums that are documented one by one; flags of TCP's header are not."""
    found = set()
    for name, body in re.findall(r"^enum (\w+) \{(.*?)^\}", COMMENT.sub("", headers), re.MULTILINE | re.DOTALL):
        if name in ENUMS:
            found |= set(re.findall(r"\b(LA_\w+)", body))
    return found


def fields_of(headers):
    body = re.search(r"^struct la_config \{(.*?)^\};", COMMENT.sub("", headers), re.MULTILINE | re.DOTALL)
    return re.findall(r"(\w+)(?:\[\d+\])?;", body[1]) if body else []


def defaults_of(code):
    return dict(re.findall(r"^\s*\.(\w+) = ([\w]+),", code, re.MULTILINE))


def rows_of(document):
    """Of the section on the config: the rows | `ttl` | 64 | ..."""
    section = re.search(r"^## Config.*?(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section[0], re.MULTILINE) if section else []


def number(text):
    plain = text.strip().strip("`").replace(",", "")
    return str(int(plain)) if plain.isdigit() else plain


def config_problems(headers, code, document):
    fields, defaults = fields_of(headers), defaults_of(code)
    table = {name: number(value) for name, value in rows_of(document) if name in fields}
    for name in fields:
        if name not in table:
            yield f"the config's {name} is not in the table of defaults"
    for name, value in sorted(table.items()):
        if name in defaults and value != number(defaults[name]):
            yield f"{name}: the default is {defaults[name]}, the table says {value}"
        if name not in defaults and name != "key":
            yield f"{name}: la_config_default does not set it"


def problems(headers, code, document, example, output):
    mentioned = set(re.findall(r"\b(?:la|LA)_\w+", document))
    declared = functions_of(headers)
    known = set(re.findall(r"\b(?:la|LA)_\w+", headers))
    for name in sorted((declared | constants_of(headers)) - mentioned):
        yield f"{name} is not mentioned"
    for name in sorted(mentioned - known):
        yield f"{name} is in no public header"
    yield from config_problems(headers, code, document)
    for block in re.findall(r"^```c\n(.*?)^```", document, re.MULTILINE | re.DOTALL):
        if block not in example:
            yield f"this is not in {EXAMPLE}:\n{block}"
    if f"```\n{output}```" not in document:
        yield f"the example prints what the document does not show:\n{output}"


def self_test():
    headers = """
/* la_gone(x); */
enum la_error {
    LA_OK = 0,
    LA_ERROR_INVALID = -1 /* an argument */
};
struct la_config {
    uint8_t key[16];
    uint8_t ttl; /* 64 */
};
int la_send(la_host *host,
            int x);
const char *la_version(void);
"""
    code = "        .ttl = 64,\n"
    document = ("`la_send` `la_version` LA_OK LA_ERROR_INVALID\n## Config\n| `key` | none | x |\n| `ttl` | 64 | hops |\n"
                "```c\nrun();\n```\n```\nhello\n```\n")
    samples = [
        ("", document, "hello\n"),
        ("la_send is not mentioned", document.replace("la_send", "send"), "hello\n"),
        ("LA_ERROR_INVALID is not mentioned", document.replace("LA_ERROR_INVALID", ""), "hello\n"),
        ("la_recv is in no public header", document + "la_recv", "hello\n"),
        ("ttl: the default is 64, the table says 65", document.replace("| 64 |", "| 65 |"), "hello\n"),
        ("ttl is not in the table", document.replace("`ttl`", "ttl"), "hello\n"),
        ("this is not in", document.replace("run()", "walk()"), "hello\n"),
        ("does not show", document, "bye\n"),
    ]
    for expected, text, output in samples:
        found = "\n".join(problems(headers, code, text, "void f(void)\n{\nrun();\n}\n", output))
        if bool(found) != bool(expected) or expected not in found:
            yield f"expected {expected or 'nothing'!r}, found {found!r}"


def main():
    if sys.argv[1] == "--self-test":
        found = list(self_test())
    else:
        source = Path(sys.argv[1])
        headers = "\n".join(path.read_text(encoding="utf-8") for path in sorted(source.glob("include/lastack/*.h")))
        code, document, example = ((source / name).read_text(encoding="utf-8")
                                   for name in ("src/host/config.c", DOCUMENT, EXAMPLE))
        output = subprocess.run([sys.argv[2]], check=True, capture_output=True, text=True, timeout=60).stdout
        print(f"{len(functions_of(headers))} functions, {len(fields_of(headers))} settings")
        found = [f"{DOCUMENT}: {what}" for what in problems(headers, code, document, example, output)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
