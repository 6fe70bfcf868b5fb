#!/usr/bin/env python3
"""lastack drill as a program: which scripts, how many at a time, what it prints and answers."""

import json
import re
import unittest
from pathlib import Path

from harness import Case, lastack

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "tests/drill/smoke"
SMOKES = len(list(SMOKE.glob("*.pkt")))

PASSES = b"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n"
FAILS = b"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 7\n"
BROKEN = b"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 nonsense(3) = 0\n"


class Drill(Case):
    def test_exit_status_and_counts(self):
        for name, script in (("passes", PASSES), ("fails", FAILS), ("broken", BROKEN)):
            self.write(f"{name}.pkt", script)
        cases = ((("passes",), 0, b"1 passed, 0 failed"), (("fails",), 1, b"0 passed, 1 failed"),
                 (("passes", "fails"), 1, b"1 passed, 1 failed"), (("broken",), 2, b"0 passed, 0 failed, 1 not run"),
                 (("passes", "fails", "broken"), 2, b"1 passed, 1 failed, 1 not run"))
        for names, status, last in cases:
            done = lastack("drill", *(self.path(f"{name}.pkt") for name in names))
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1], done.stderr), (status, last, b""))
        self.assertIn(f"{self.path('fails.pkt')}:2: close(3) answered 0, not 7".encode(),
                      lastack("drill", self.path("fails.pkt")).stdout)
        self.assertIn(f"{self.path('broken.pkt')}:2:4: not run: there is no call 'nonsense'".encode(),
                      lastack("drill", self.path("broken.pkt")).stdout)

    def test_folders_are_searched(self):
        self.write("a/one.pkt", PASSES)
        self.write("a/b/two.pkt", PASSES)
        self.write("a/b/no-script.txt", b"nonsense")
        self.write("named-otherwise", PASSES)
        done = lastack("drill", self.path("a"), self.path("named-otherwise"))
        self.assertEqual(done.stdout, b"3 passed, 0 failed\n")
        self.write("empty/no-script.txt", b"")
        done = lastack("drill", self.path("empty"))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"there is no script in it", done.stderr)

    def test_any_number_at_a_time_prints_the_same(self):
        outputs = {lastack("drill", "-v", f"-j{jobs}", SMOKE, self.path("")).stdout for jobs in (1, 2, 7)
                   if self.write("fails.pkt", FAILS)}
        self.assertEqual(len(outputs), 1)
        self.assertIn(f"{SMOKES} passed, 1 failed\n".encode(), outputs.pop())

    def test_json(self):
        self.write("fails.pkt", FAILS)
        done = lastack("drill", "--json", SMOKE, self.path("fails.pkt"))
        *scripts, counts = map(json.loads, done.stdout.splitlines())
        self.assertEqual(counts, {"passed": SMOKES, "failed": 1, "not_run": 0})
        self.assertEqual(scripts[-1]["result"], "failed")
        self.assertEqual(scripts[-1]["line"], 2)
        self.assertIn("answered 0, not 7", scripts[-1]["message"])
        by_name = {Path(script["file"]).name: script for script in scripts}
        self.assertGreater(by_name["time_wait.pkt"]["virtual_ns"], 69 * 10**9)
        self.assertEqual(by_name["connect.pkt"]["packets_in"], 5)
        self.assertEqual(by_name["connect.pkt"]["packets_out"], 6)

    def test_captures(self):
        done = lastack("drill", "-j2", "--pcap", self.directory, SMOKE / "connect.pkt", SMOKE / "icmp.pkt")
        self.assertEqual(done.returncode, 0, done.stdout)
        captures = sorted(Path(self.directory).glob("*.pcapng"))
        self.assertEqual(len(captures), 2)
        for capture in captures:
            self.assertEqual(capture.read_bytes()[:4], b"\x0a\x0d\x0d\x0a")
        self.assertTrue(captures[0].name.endswith("tests_drill_smoke_connect.pcapng"))

    def test_one_that_is_stopped_does_not_stop_the_others(self):
        self.write("a.pkt", PASSES)
        self.write("b.pkt", b"0 `kill -9 $PPID`\n")
        self.write("c.pkt", PASSES)
        done = lastack("drill", "--allow-commands", self.directory)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"b.pkt: the process was stopped by signal 9", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], b"2 passed, 1 failed")

    def test_definitions(self):
        self.write("a.pkt", b"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = FD\n+0 close(FD) = RESULT\n")
        self.assertEqual(lastack("drill", "-D", "FD=5", "--define", "RESULT=0", self.path("a.pkt")).returncode, 0)
        self.assertEqual(lastack("drill", "-DFD=5", "-DRESULT=1", self.path("a.pkt")).returncode, 1)

    def test_every_field_of_the_config_can_be_set(self):
        header = (ROOT / "include/lastack/config.h").read_text(encoding="utf-8")
        struct = re.search(r"struct la_config \{(.*?)\n\};", header, re.S)[1]
        fields = set(re.findall(r"^    (?:bool|uint\d+_t|enum \w+) (\w+);", struct, re.M))
        listed = set(re.findall(r"^--(\w+)", lastack("drill", "--list-options").stdout.decode(), re.M))
        self.assertGreater(len(fields), 40)
        self.assertEqual(fields - listed, {"interfaces", "trace_mask"})  # a host of one interface, traced whole

    def test_every_option_is_documented(self):
        page = (ROOT / "docs/drill.md").read_text(encoding="utf-8")
        fields = (ROOT / "include/lastack/config.h").read_text(encoding="utf-8")
        for option in re.findall(r"^--(\w+)", lastack("drill", "--list-options").stdout.decode(), re.M):
            if not re.search(rf"\b{option};", fields):
                self.assertIn(f"`{option}", page)


if __name__ == "__main__":
    unittest.main()
