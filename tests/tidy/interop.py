"""docs/interop.md states the combinations and rules that tests/interop has.

    interop.py SOURCE_DIR
    interop.py --self-test   a row that is missing, another one, and a rule that changed are seen
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path


def load(source):
    """scripts/interop, as a module."""
    loader = importlib.machinery.SourceFileLoader("interop", str(source / "scripts/interop"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("interop", loader))
    loader.exec_module(module)
    return module


def self_test():
    interop = load(Path(__file__).resolve().parents[2])
    seen = [{"combination": {name: levels[0] for name, levels in interop.matrix.FACTORS.items()}, "problems": []}]
    rows = [{"combination": combination, "problems": []} for combination in interop.stacks.combinations()]
    interop.versions = lambda: [("lastack", "0")]
    interop.matrix.factors = lambda: interop.matrix.FACTORS
    page = "\n".join(interop.page_of(seen, [(name, rows) for name, _, _ in interop.STACKS]))
    row = "| IPv6 | serves | both | all |"
    samples = {page.replace("every two levels", "the levels"): None, page.replace(row, "| IPv6 | serves | both | none |", 1): "lwIP",
               page.replace("`--loss 3`", "`--loss 1`"): "not there: | loss", page.replace("Zero Window", "Window"): "not there",
               page.replace("| closes first | lastack, kernel, both |", ""): "not there: | closes first"}
    for sample, expected in samples.items():
        found = "\n".join(interop.check(sample))
        if bool(found) != bool(expected) or (expected or "") not in found:
            yield f"expected {expected or 'nothing'!r}, found {found!r}"


def main():
    if sys.argv[1] == "--self-test":
        found = list(self_test())
    else:
        source = Path(sys.argv[1])
        page = source / "docs/interop.md"
        found = list(load(source).check(page.read_text(encoding="utf-8"))) if page.exists() else ["no docs/interop.md"]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
