#!/usr/bin/env python3
"""The command line: what is wrong is said exactly, with exit status 2; help is complete."""

import json
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from harness import LASTACK, lastack

WRONG = [
    ((), "usage: lastack COMMAND"),
    (("nonsense",), 'there is no command "nonsense"'),
    (("--nonsense",), 'there is no option "--nonsense"'),
    (("help", "nonsense"), 'there is no command "nonsense"'),
    (("httpd",), "which directory?"),
    (("httpd", "a", "b"), "one directory is expected, not 2"),
    (("httpd", "/nonexistent"), "/nonexistent: No such file or directory"),
    (("httpd", "/", "--port", "0"), "--port 0: must be a port: a whole number from 1 to 65535"),
    (("httpd", "/", "--port", "80x"), "--port 80x: must be a port"),
    (("httpd", "/", "--port"), "--port needs a value"),
    (("httpd", "/", "-p"), "-p needs a value"),
    (("httpd", "/", "--json=yes"), "--json takes no value"),
    (("httpd", "/", "--nonsense"), "there is no option --nonsense"),
    (("httpd", "/", "-z"), "there is no option -z"),
    (("httpd", "/", "--loss", "101"), "--loss 101: must be a percentage from 0 to 100"),
    (("httpd", "/", "--loss", "-1"), "--loss -1: must be a percentage"),
    (("httpd", "/", "--drop", "nonsense"), "httpd: --drop 'nonsense': 'nonsense' is no kind of packet"),
    (("httpd", "/", "--delay", "soon"), "httpd: --delay 'soon': a number should stand"),
    (("httpd", "/", "--seed", "18446744073709551616"), "a seed is a whole number of 64 bits"),
    (("httpd", "/", "--msl", "0.0001"), "--msl 0.0001: must be"),
    (("httpd", "/", "--msl", "86400"), "--msl 86400: must be"),
    (("httpd", "/", "--address", "10.0.0.255/24"), "--address is not one that a host can have"),
    (("httpd", "/", "--address", "224.0.0.1/24"), "--address is not one that a host can have"),
    (("httpd", "/", "--peer-address", "10.83.0.255"), "--peer-address is not one that a host can have"),
    (("httpd", "/", "--msl", "nan"), "--msl nan: must be a number of seconds"),
    (("httpd", "/", "--address", "10.0.0.1"), "must be an address and a prefix length, as 10.83.0.2/24"),
    (("httpd", "/", "--address", "x/24"), "what stands before the slash is no IP address"),
    (("httpd", "/", "--address", "10.0.0.1/31"), "leaves room for two hosts"),
    (("httpd", "/", "--peer-address", "10.83.0.2"), "--address and --peer-address are the same"),
    (("httpd", "/", "--peer-address", "10.84.0.1"), "does not lie in the prefix"),
    (("httpd", "/", "--tun", "a-name-that-is-too-long"), "must be an interface's name: 1 to 15 characters"),
    (("get", "http://[fd00::1]/", "--address", "fd00::2/64", "--mtu", "1279"), "--mtu: IPv6 asks for 1280 octets or more"),
    (("httpd", "/", "--mtu", "100"), "must be a whole number of octets from 576 to 65535"),
    (("get",), "which URL?"),
    (("get", "a", "b"), "one URL is expected, not 2"),
    (("get", "nonsense"), "is no URL"),
    (("get", "https://10.0.0.1/"), "is not http://"),
    (("get", "http://example.org/"), "only an IP address is understood"),
    (("get", "http://me@10.0.0.1/"), "names a user"),
    (("get", "http://10.0.0.1:99999/"), "is no URL"),
    (("get", "http://10.0.0.1/", "--count", "0"), "must be a whole number from 1"),
    (("nc",), "which address and port?"),
    (("nc", "-l"), "which port?"),
    (("nc", "80"), "only -l needs no address"),
    (("nc", "10.0.0.1", "0"), "the port must be a whole number from 1 to 65535"),
    (("nc", "-l", "80", "--ecn", "on"), "--ecn on: must be off, accept or offer"),
    (("nc", "-l", "80", "-p", "81"), "-p is our port when opening"),
    (("nc", "host", "80"), "the address must be an IP address"),
    (("nc", "-l", "10.0.0.1", "80"), "the address must be lastack's own"),
    (("demo", "z"), 'there is no part "z"'),
    (("drill",), "which script?"),
    (("drill", "/nonexistent.pkt"), "/nonexistent.pkt: No such file or directory"),
    (("drill", "x.pkt", "--msl_ms=x"), "--msl_ms: msl_ms is a number from 0 to 4294967295, not 'x'"),
    (("drill", "x.pkt", "--nonsense=1"), "there is no option --nonsense"),
    (("drill", "x.pkt", "-D", "x"), "--define: define is NAME=VALUE, not 'x'"),
    (("waits",), "of which table?"),
    (("waits", "--from", "a", "--control", "b"), "of which table?"),
    (("waits", "--from", "a", "b"), "no argument is expected"),
    (("waits", "--from", "a", "--json", "--openmetrics"), "not both"),
    (("waits", "--from", "a", "--ports", "9-8"), "--ports: must be FIRST-LAST"),
    (("waits", "--from", "a", "--ports", "70000"), "--ports: must be FIRST-LAST"),
    (("bench",), "which benchmark?"),
    (("bench", "nonsense"), 'there is no benchmark "nonsense"'),
    (("bench", "churn", "x"), "no argument is expected"),
    (("bench", "churn", "--waiting", "99999999"), "--waiting: must be a whole number from 0 to 16000000"),
    (("bench", "timewait", "--waiting", "63"), "--waiting: must be a whole number from 64 to 16000000"),
    (("bench", "timewait", "--batches", "10001"), "--batches: at most 10000"),
    (("bench", "ports"), "one port is expected"),
    (("bench", "ports", "9", "--ports", "9-"), "--ports: must be FIRST-LAST"),
    (("bench", "ports", "9", "--at-once", "4097"), "at most 4096 connections"),
    (("bench", "bulk", "--mtu", "1"), "--mtu: 576 to 65535"),
]


class Usage(unittest.TestCase):
    def test_what_is_wrong_is_said(self):
        for arguments, said in WRONG:
            with self.subTest(arguments=arguments):
                done = lastack(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, b"")
                self.assertIn(said, done.stderr.decode())

    def test_help(self):
        for arguments in ((), ("httpd",), ("get",), ("nc",), ("waits",), ("demo",), ("drill",), ("lab",), ("check",),
                          ("bench",), ("bench", "churn"), ("bench", "timewait"), ("bench", "ports"), ("bench", "bulk")):
            with self.subTest(arguments=arguments):
                done = lastack(*arguments, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertIn(b"usage: lastack", done.stdout)
                self.assertLessEqual(max(map(len, done.stdout.decode().splitlines())), 120)
        self.assertEqual(lastack("help", "nc").stdout, lastack("nc", "--help").stdout)

    def test_the_manual_has_every_option(self):
        manual = (Path(__file__).resolve().parents[2] / "docs/man/lastack.1").read_text(encoding="utf-8")
        for command in (("httpd",), ("get",), ("nc",), ("waits",), ("demo",), ("drill",), ("lab",), ("check",),
                        ("bench", "churn"), ("bench", "timewait"), ("bench", "ports"), ("bench", "bulk")):
            options = re.findall(r"^ +(?:-\w, )? *--([a-z0-9-]+)", lastack(*command, "--help").stdout.decode(), re.M)
            self.assertGreater(len(options), 2)
            for option in options:
                with self.subTest(command=command, option=option):
                    self.assertRegex(manual, rf"(?m)^\.It Fl (\w , )?-{option}( |$)")

    def test_output_that_cannot_be_written(self):
        for arguments in (("--version",), ("help",), ("httpd", "--help"), ("demo", "d", "--memory"),
                          ("bench", "bulk", "--mebibytes", "1"),
                          ("bench", "churn", "--connections", "10", "--runs", "1", "--waiting", "0")):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([LASTACK, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"standard output: not everything could be written", done.stderr)

    def test_closed_standard_descriptors(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            done = subprocess.run(["sh", "-c", f'"$0" --version {closed}', LASTACK], capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""), closed)

    def test_version(self):
        self.assertRegex(lastack("--version").stdout, rb"^lastack \d+\.\d+\.\d+\n$")


class Bench(unittest.TestCase):
    def test_timewait(self):
        done = lastack("bench", "timewait", "--waiting", "1000", "--waiting", "20000", "--batches", "100",
                       "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line, waiting in zip(done.stdout.splitlines(), (1000, 20000), strict=True):
            result = json.loads(line)
            self.assertEqual(result["waiting"], waiting)
            self.assertLessEqual(result["bytes_per_record"], 48)
            self.assertLessEqual(result["bytes_per_record_ipv6"], 72)
            for cost in ("enter_ns", "find_ns", "restart_ns", "expire_ns", "read_ns"):
                self.assertGreater(result[cost], 0)
                self.assertLess(result[cost], 100000)

    def test_churn(self):
        done = lastack("bench", "churn", "--connections", "2000", "--runs", "1", "--waiting", "0", "--waiting", "5000",
                       "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        none, many = map(json.loads, done.stdout.splitlines())
        self.assertLessEqual(none["waiting_seen"], 1)
        self.assertAlmostEqual(many["waiting_seen"], 5000, delta=5)
        for result in (none, many):
            self.assertEqual(result["packets_per_connection"], 7)
            self.assertGreater(result["ns_per_connection"], 0)
            self.assertLessEqual(result["time_wait_record_bytes"], 48)

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    @unittest.skipIf(b"__asan_init" in Path(LASTACK).read_bytes(), "valgrind runs no program with a sanitizer in it")
    def test_instructions_leave_no_file(self):
        before = set(Path("/tmp").glob("lastack-[bc]*"))
        with subprocess.Popen([LASTACK, "bench", "churn", "--connections", "20000", "--runs", "1", "--waiting", "0",
                               "--instructions"], stdout=subprocess.DEVNULL) as process:
            time.sleep(1)  # valgrind runs
            self.assertIsNone(process.poll())
            process.kill()
        self.assertEqual(set(Path("/tmp").glob("lastack-[bc]*")) - before, set())

    def test_bulk(self):
        done = lastack("bench", "bulk", "--mebibytes", "16", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads(done.stdout)["mb_per_second"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
