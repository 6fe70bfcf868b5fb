"""Links in the documents lead somewhere, headings included; and the README in Korean shows the same ladder, the same
commands and the same figures as the English one.

    documents.py SOURCE_DIR
    documents.py --self-test   a dead link, a dead heading and a difference are seen
"""

import re
import sys
import tempfile
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchor_of(heading):
    """As GitHub makes it."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors_of(text):
    return {anchor_of(line.lstrip("#")) for line in FENCED.sub("", text).split("\n") if re.match(r"#+ ", line)}


def link_problems(source):
    documents = [*source.glob("*.md"), *source.glob("docs/**/*.md")]
    if not documents:
        yield "no documents"
    for path in sorted(documents):
        for target in LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
            name, _, anchor = target.partition("#")
            to = path.parent / name if name else path
            if re.match(r"\w+:", target) or re.match(r"NNNN", name):
                continue
            if not to.exists():
                yield f"{path.relative_to(source)}: {target} is not there"
            elif anchor and anchor not in anchors_of(to.read_text(encoding="utf-8")):
                yield f"{path.relative_to(source)}: {target} has no such heading"


def facts_of(text):
    """What must not differ: the ladder, the commands, and the figures of the table of measurements."""
    ladder = [block for block in FENCED.findall(text) if "TIME-WAIT" in block]
    rows = [line for line in FENCED.sub("", text).split("\n") if line.startswith("|")]
    # In another order and with other words around them. A number is one with its separators.
    figures = {number for row in rows for number in re.findall(r"\d[\d.,]*\d|\d", row)}
    return {"the ladder": ladder, "the commands": re.findall(r"`(?:make|build/)[^`]*`", text), "the figures": figures}


def readme_problems(english, korean):
    other = facts_of(korean)
    for what, facts in facts_of(english).items():
        if sorted(facts) != sorted(other[what]):
            yield f"README.md and README.ko.md differ in {what}: {sorted(facts)} {sorted(other[what])}"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        (source / "docs").mkdir()
        (source / "docs/b.md").write_text("# One `two`\n```\n# not this\n```\n", encoding="utf-8")
        samples = {"docs/b.md": "", "docs/b.md#one-two": "", "docs/c.md": "is not there",
                   "docs/b.md#not-this": "has no such heading", "https://example.org/x": ""}
        for target, expected in samples.items():
            (source / "a.md").write_text(f"[x]({target})\n", encoding="utf-8")
            found = "\n".join(link_problems(source))
            if bool(found) != bool(expected) or expected not in found:
                yield f"{target}: expected {expected or 'nothing'!r}, found {found!r}"
    text = "`make run`\n```\nTIME-WAIT\n```\n| 22,172 in 7 | x |\n"
    for old, new, expected in (("", "", ""), ("TIME", "NO TIME", "ladder"), ("run", "test", "commands"), ("7", "8", "figures")):
        found = "\n".join(readme_problems(text, text.replace(old, new, 1) if old else text))
        if bool(found) != bool(expected) or expected not in found:
            yield f"{new}: expected {expected or 'nothing'!r}, found {found!r}"


def main():
    if sys.argv[1] == "--self-test":
        found = list(self_test())
    else:
        source = Path(sys.argv[1])
        english, korean = ((source / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md"))
        found = [*link_problems(source), *readme_problems(english, korean)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
