#!/usr/bin/env python3
"""Runs all scripts on lastack: over both IP versions, and with numbers that wrap.

    suite.py            LASTACK names the program

A script that names no IP version is run for both; one that names no ISNs also with both ends' numbers crossing 2^31 and
2^32 early, in the middle of their text, and in each other's opposite halves. And docs/linux-differences.md is held to
what the scripts' heads say."""

import fnmatch
import re
import sys
import tempfile
import time

from scripts import HERE, ISN, VERSION, all_scripts, counts, drill, generate

DIFFERENCES = HERE.parents[1] / "docs" / "linux-differences.md"

NEAR_WRAPS = {
    "2^32 - 6": "local:4294967290,remote:4294967290",
    "2^31 - 8": "local:2147483640,remote:2147483640",
    "2^32 - 2000": "local:4294965296,remote:4294965296",
    "2^31, 2^32": "local:2147483600,remote:4294967200",
}


def passes(scripts):
    """Name, paths and options of each run."""
    free = [path for path, text in scripts if not VERSION.search(text)]
    yield "ipv4", free + named(scripts, "ipv4"), ["--ip_version=ipv4"]
    yield "ipv6", free + named(scripts, "ipv6"), ["--ip_version=ipv6"]
    unnumbered = [path for path, text in scripts
                  if not ISN.search(text) and not (VERSION.search(text) and VERSION.search(text)[1] == "ipv6")]
    for name, isn in NEAR_WRAPS.items():
        yield f"ISNs {name}", unnumbered, ["--ip_version=ipv4", f"--isn={isn}"]


def named(scripts, version):
    return [path for path, text in scripts if VERSION.search(text) and VERSION.search(text)[1] == version]


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


def wrong_differences(scripts):
    """The document names what differs on Linux, all of it and nothing else; and nothing that is not there."""
    named = {}
    for row in DIFFERENCES.read_text().split("\n"):
        if row.startswith("|"):
            # Five columns: what differs on Linux. Four: what does not, but where the letter is left.
            named.update({pattern: row.count("|") == 6 for pattern in re.findall(r"`([\w*-]+/[\w*-]+)`", row)})
    differing = {name_of(path) for path, text in scripts if "\n// Linux: differs" in text}
    patterns = [pattern for pattern, differs in named.items() if differs]
    for name in sorted(differing):
        if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            yield f"{name} differs on Linux: {DIFFERENCES.name} does not say so"
    everything = {name_of(path) for path, _ in scripts}
    for pattern, differs in named.items():
        if not fnmatch.filter(differing if differs else everything, pattern):
            yield f"{DIFFERENCES.name}: {pattern}: there is no such script" + (" that differs" if differs else "")


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        generate(folder)
        scripts = list(all_scripts(folder))
        print(f"{len(scripts)} scripts")
        for problem in wrong_differences(scripts):
            failed += 1
            print(problem)
        for name, paths, options in passes(scripts):
            began = time.monotonic()
            output, status = drill(paths, *options)
            result = counts(output)
            print(f"{name:18}{result.get('passed', 0):6} passed{result.get('failed', 0):6} failed"
                  f"{result.get('not run', 0):6} not run{time.monotonic() - began:8.2f} s")
            if status != 0 or result.get("passed") != len(paths):
                failed += 1
                print(output)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
