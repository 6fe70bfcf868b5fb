"""The scripts of the suite, and how lastack runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LASTACK = os.environ.get("LASTACK") or str(HERE.parents[1] / "build" / "lastack")
# Those of the language itself, which have their own tests.
LANGUAGE = HERE / "smoke"
VERSION = re.compile(r"^--ip_version=(\S+)$", re.MULTILINE)
ISN = re.compile(r"^(?:// lastack: )?--isn=", re.MULTILINE)


def generate(folder):
    """The scripts that the table of states.py makes, in a folder of their own."""
    subprocess.run([sys.executable, "-B", HERE / "states.py", folder], check=True)


def all_scripts(generated):
    """Path and text of each, those written by hand first."""
    by_hand = [path for path in sorted(HERE.rglob("*.pkt")) if LANGUAGE not in path.parents]
    for path in by_hand + sorted(Path(generated).rglob("*.pkt")):
        yield path, path.read_text()


def drill(paths, *options):
    """What "lastack drill" says of them, and its exit status."""
    done = subprocess.run([LASTACK, "drill", "--quiet", "--strict_segments", "-j", "2", *options, *map(str, paths)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.stdout, done.returncode


def counts(output):
    """The last line's numbers: {"passed": 3, "failed": 0, ...}."""
    lines = output.strip().split("\n")
    return {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|not run)", lines[-1])}
