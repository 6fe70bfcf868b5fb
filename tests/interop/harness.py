"""What the tests against the running kernel share: the program, in a network namespace of its own, and its peers there.

A peer is a command on the kernel's side (--run): curl, ab, or a few lines of Python. Nothing outside the namespace is
touched. Exit status 77 means skipped, with the reason."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

LASTACK = os.environ.get("LASTACK") or str(pathlib.Path(__file__).resolve().parents[2] / "build" / "lastack")
LIMIT = 120  # seconds: more than any test takes, also under sanitizers


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            skip(f"{program} is not installed")


def lastack(*arguments, data=b"", limit=LIMIT, **more):
    """Runs the program to its end. Its outputs are bytes. stdin: a file, in place of data."""
    more = more if "stdin" in more else {"input": data, **more}
    return subprocess.run([LASTACK, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                          check=False, **more)


def last_json(output):
    """The report: the last line that is an object."""
    lines = [line for line in output.splitlines() if line.startswith(b"{")]
    if not lines:
        raise AssertionError(f"no report in {output!r}")
    return json.loads(lines[-1])


class Case(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="lastack-test-")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content)
        return content

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def python(self, source):
        """A command that runs these lines, with the addresses as HERE (the kernel's) and LASTACK (lastack's)."""
        prelude = """
            import os, socket, struct, sys, time
            HERE, LASTACK = os.environ["LASTACK_PEER_ADDRESS"], os.environ["LASTACK_ADDRESS"]
            def whole(s):
                parts = []
                while part := s.recv(65536):
                    parts.append(part)
                return b"".join(parts)
            """
        self.write("peer.py", (textwrap.dedent(prelude) + textwrap.dedent(source)).encode())
        return f"exec {sys.executable} {self.path('peer.py')}"

    def assert_clean(self, report):
        """Nothing is left, and nothing ended but by four segments."""
        gauges = report["gauges"]
        self.assertEqual((gauges["connections"], gauges["bufferPieces"], gauges["replyBytes"]), (0, 0, 0), report)


def main():
    probe = lastack("httpd", "/", "--run", "true")
    if probe.returncode != 0:
        skip("no network namespace with a TUN device: " + probe.stderr.decode(errors="replace").strip())
    unittest.main(verbosity=2)
