"""docs/conformance.md is what scripts/conformance prints, and each requirement of RFC 9293 has code and a test, or a reason.

    conformance.py SOURCE_DIR
    conformance.py --self-test   each kind of fault is seen
"""

import importlib.machinery
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "conformance"


def load():
    loader = importlib.machinery.SourceFileLoader("conformance", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("conformance", loader))
    loader.exec_module(module)
    return module


CODE = """/* Does it: MUST-1. */
static int first(void)
{
    return 1; /* MUST-2 */
}

/* MAY-1 */
struct second {
    int field;
};
"""
TEST = "/* MUST-1, MUST-2, MAY-1 */\nstatic void shows(void **state)\n{\n}\n"


def samples():
    """(what is to be found, the requirements, the remarks, the code, the test); None: nothing is wrong."""
    asked = "MUST-1\tMUST\tA\tx\nMUST-2\tMUST\tA\ty\nMAY-1\tMAY\tB\tz\n"
    yield None, asked, "", CODE, TEST
    yield "MUST-2 (MUST): no code", asked, "", CODE.replace("MUST-2", ""), TEST
    yield "MUST-2 (MUST): no test", asked, "", CODE, TEST.replace("MUST-2", "")
    yield None, asked, "MUST-2\tdeviation\twhy\n", CODE.replace("MUST-2", ""), TEST.replace("MUST-2", "")
    yield None, asked, "MAY-1\tdeclined\twhy\n", CODE.replace("MAY-1", ""), TEST.replace("MAY-1", "")
    yield "cannot be declined", asked, "MUST-2\tdeclined\twhy\n", CODE, TEST
    yield "is none of", asked, "MUST-2\texcuse\twhy\n", CODE, TEST
    yield "MUST-9 is no requirement", asked, "", CODE.replace("MUST-2", "MUST-2, MUST-9"), TEST
    yield "SHLD-9 is no requirement", asked, "SHLD-9\tdeviation\twhy\n", CODE, TEST


def self_test(module):
    for expected, asked, remarks, code, test in samples():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in ((module.REQUIREMENTS, asked), (module.REMARKS, remarks), ("src/tcp/a.c", code),
                               ("include/a.h", ""), ("tests/core/test_a.c", test)):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            everything = module.read(root)
            found = "\n".join(module.problems(*everything))
            if bool(found) != bool(expected) or (expected or "") not in found:
                yield f"expected {expected!r}, found {found!r}"
            page = "\n".join(module.page_of(*everything))
            if expected is None and remarks == "":
                for place in ("| MUST-1 | MUST | x | src/tcp/a.c: `first` | tests/core/test_a.c: `shows` |", "`struct second`"):
                    if place not in page:
                        yield f"{place!r} is not in the page: {page}"


def main():
    if sys.argv[1] == "--self-test":
        found = list(self_test(load()))
        print("\n".join(found))
        return 1 if found else 0
    return subprocess.run([sys.executable, "-B", Path(sys.argv[1]) / "scripts/conformance", "--check"], check=False).returncode


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
