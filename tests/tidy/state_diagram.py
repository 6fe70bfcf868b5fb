"""The state diagram in the documents has the edges of the table in the code, each once, and no others.

    state_diagram.py SOURCE_DIR
    state_diagram.py --self-test   a missing, an added and a doubled edge are seen
"""

import re
import sys
from pathlib import Path

TABLE = "src/tcp/state.c"
DIAGRAM = "docs/architecture.md"

ROW = re.compile(r"\[LA_(\w+)\]\s*=\s*((?:EDGE\(LA_\w+\)|\s|\|)+)")
ARROW = re.compile(r"^\s*(\w+)\s*-->\s*(\w+)(?:\s*:.*)?$", re.MULTILINE)


def edges_of_table(code):
    return [(row[1], to) for row in ROW.finditer(code) for to in re.findall(r"EDGE\(LA_(\w+)\)", row[2])]


def edges_of_diagram(document):
    blocks = re.findall(r"^```mermaid\n(stateDiagram.*?)^```", document, re.MULTILINE | re.DOTALL)
    return [(arrow[1], arrow[2]) for block in blocks for arrow in ARROW.finditer(block)]


def problems(code, document):
    table, diagram = edges_of_table(code), edges_of_diagram(document)
    if not table:
        yield f"{TABLE}: no table of edges"
    if not diagram:
        yield f"{DIAGRAM}: no state diagram"
    for edge in sorted(set(table) - set(diagram)):
        yield f"{DIAGRAM}: the code has {edge[0]} -> {edge[1]}, the diagram has not"
    for edge in sorted(set(diagram) - set(table)):
        yield f"{DIAGRAM}: the diagram has {edge[0]} -> {edge[1]}, the code has not"
    for edge in sorted({edge for edge in diagram if diagram.count(edge) > 1}):
        yield f"{DIAGRAM}: the diagram has {edge[0]} -> {edge[1]} more than once"


def self_test():
    code = "[LA_CLOSED] = EDGE(LA_LISTEN) | EDGE(LA_SYN_SENT),\n[LA_LISTEN] = EDGE(LA_CLOSED),"
    arrows = ["CLOSED --> LISTEN: la_listen", "CLOSED --> SYN_SENT", "LISTEN --> CLOSED"]
    samples = {
        "": arrows,
        "the code has LISTEN -> CLOSED": arrows[:2],
        "the diagram has SYN_SENT -> CLOSED": [*arrows, "SYN_SENT --> CLOSED"],
        "more than once": [*arrows, arrows[0]],
        "no state diagram": [],
    }
    for expected, lines in samples.items():
        text = "```mermaid\nstateDiagram-v2\n" + "\n".join("    " + line for line in lines) + "\n```\n"
        found = "\n".join(problems(code, text))
        if bool(found) != bool(expected) or expected not in found:
            yield f"expected {expected or 'nothing'!r}, found {found!r}"
    if "no table" not in "\n".join(problems("", "")):
        yield "an empty table is not seen"


def main():
    if sys.argv[1] == "--self-test":
        found = list(self_test())
    else:
        source = Path(sys.argv[1])
        code, document = ((source / name).read_text(encoding="utf-8") for name in (TABLE, DIAGRAM))
        print(f"{len(edges_of_table(code))} edges")
        found = list(problems(code, document))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
