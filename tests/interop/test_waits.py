#!/usr/bin/env python3
"""lastack waits against a running httpd whose peer is the kernel's TCP: the table, the census, JSON, OpenMetrics."""

import json
import os
import re
import socket
import stat
import subprocess

from harness import LASTACK, Case, lastack, main


class Running(Case):
    """An httpd that has closed connections first."""

    CLOSES = 3

    def setUp(self):
        super().setUp()
        self.write("www/index.html", b"hello\n")
        self.socket = self.path("control")
        closes = self.python(f"""
            ports = set()
            for _ in range({self.CLOSES}):
                s = socket.create_connection((LASTACK, 80))
                ports.add(s.getsockname()[1])
                s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                assert whole(s).endswith(b"hello\\n")
                s.close()
            time.sleep(0.1)
            print(len(ports), flush=True)
            time.sleep(60)
            """)
        self.process = subprocess.Popen([LASTACK, "httpd", self.path("www"), "--control", self.socket, "--run", closes],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end)
        self.records = int(self.process.stdout.readline())  # a port that was taken again has one

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=30)

    def waits(self, *options):
        done = lastack("waits", "--control", self.socket, *options)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()


class Shown(Running):
    def test_the_table(self):
        heading, *lines = self.waits().splitlines()
        self.assertRegex(heading, "^class +local +remote +since +left +acks +restarts +why$")
        self.assertEqual(len(lines), self.CLOSES)
        for line in lines:
            match = re.fullmatch(r"waiting +10\.83\.0\.2:80 +10\.83\.0\.1:\d+ +([\d.]+)s +([\d.]+)s +0 +0 +we closed first",
                                 line)
            self.assertTrue(match, line)
            self.assertAlmostEqual(float(match[1]) + float(match[2]), 60, delta=0.15)
            self.assertGreater(float(match[2]), 40)

    def test_json(self):
        records = [json.loads(line) for line in self.waits("--json").splitlines()]
        self.assertEqual(len({record["remote"] for record in records}), self.CLOSES)
        for record in records:
            self.assertEqual((record["local"], record["class"], record["way"], record["reason"]),
                             ("10.83.0.2:80", "waiting", "FIN-WAIT-2", "we closed first"))
            self.assertAlmostEqual(record["since_ms"] + record["left_ms"], 60000, delta=5)
            self.assertEqual((record["acks"], record["restarts"], record["shadowed"]), (0, 0, False))
            self.assertIsInstance(record["ts_recent"], int)

    def test_the_census(self):
        text = self.waits("--census")
        self.assertIn(f"  {self.CLOSES} wait: {self.CLOSES} we closed first, 0 both closed at once\n", text)
        self.assertIn(f"  10.83.0.1 to 10.83.0.2:80: {self.CLOSES} of 28232 ports wait", text)
        census = json.loads(self.waits("--census", "--json"))
        self.assertEqual(census["reasons"], {"we_closed_first": self.CLOSES, "both_closed_at_once": 0, "we_reset": 0,
                                             "peer_closed_first": 0})
        self.assertEqual((census["records"], census["timestamps"], census["destination_count"]),
                         (self.CLOSES, self.CLOSES, 1))
        self.assertAlmostEqual(census["ports_per_second"], 28232 / 60, delta=0.01)
        self.assertEqual(census["destinations"][0]["ports"], self.CLOSES)
        self.assertAlmostEqual(census["destinations"][0]["per_second"], self.CLOSES / 10)

    def test_the_ports_that_clients_have(self):
        census = json.loads(self.waits("--census", "--json", "--ports", "50000-50599"))
        self.assertEqual((census["ports"], census["ports_per_second"]), (600, 10))

    def test_openmetrics(self):
        """OpenMetrics 1.0: each sample belongs to the family above it, a counter's ends in _total, the end is marked."""
        text = self.waits("--openmetrics")
        self.assertTrue(text.endswith("\n# EOF\n"))
        types, values = {}, {}
        for line in text.splitlines()[:-1]:
            if match := re.fullmatch(r"# TYPE (\w+) (gauge|counter)", line):
                self.assertNotIn(match[1], types)
                name, types[match[1]] = match[1], match[2]
            elif not re.fullmatch(rf"# HELP {name} .+", line):
                sample = name + ("_total" if types[name] == "counter" else "")
                match = re.fullmatch(sample + r'(\{\w+="[^"\\]*"(?:,\w+="[^"\\]*")*\})? ([\d.]+)', line)
                self.assertTrue(match, line)
                values[sample + (match[1] or "")] = float(match[2])
        self.assertEqual(values['lastack_wait_records{class="waiting",reason="closed-first"}'], self.CLOSES)
        self.assertEqual(values['lastack_wait_ports{client="10.83.0.1",server="10.83.0.2:80"}'], self.CLOSES)
        self.assertEqual(values["lastack_wait_entered_total"], self.CLOSES)
        self.assertEqual(values["lastack_wait_evicted_total"], 0)

    def test_only_the_owner_reads_and_at_the_end_the_socket_is_gone(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o600)
        self.end()
        self.assertFalse(os.path.exists(self.socket))
        done = lastack("waits", "--control", self.socket)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No such file or directory", done.stderr)

    def test_what_another_has_put_there_stays(self):
        os.unlink(self.socket)
        self.write("control", b"another's")
        self.end()
        self.assertEqual(self.read("control"), b"another's")

    def test_a_living_socket_is_not_taken(self):
        done = lastack("httpd", "/", "--netns", "--control", self.socket)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"another program serves it", done.stderr)
        self.waits()

    def test_clients_that_ask_nothing_or_nonsense(self):
        for question in (b"", b"wai", b"nonsense\n", b"x" * 1000):
            for _ in range(10):
                s = socket.socket(socket.AF_UNIX)
                s.connect(self.socket)
                s.sendall(question)
                self.addCleanup(s.close)
            self.assertEqual(len(self.waits("--json").splitlines()), self.CLOSES)


class Large(Running):
    """More than a socket's buffer takes at once."""

    CLOSES = 8000

    def test_clients_that_do_not_read_stop_nobody(self):
        """There are more of them than places: the first ones are dropped, and others are served."""
        stalled = []
        for _ in range(20):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.socket)
            s.sendall(b"waits\n")
            stalled.append(s)
            self.addCleanup(s.close)
        self.assertEqual(len(self.waits("--json").splitlines()), self.records)
        self.assertEqual(json.loads(self.waits("--census", "--json"))["records"], self.records)
        first, last = (sum(len(part) for part in iter(lambda: s.recv(1 << 20), b"")) for s in (stalled[0], stalled[-1]))
        self.assertGreater(last, 40 * self.records)  # it was only slow
        self.assertLess(first, last)


class Sockets(Case):
    def test_a_dead_socket_is_replaced(self):
        path = self.path("control")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        done = lastack("waits", "--control", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Connection refused", done.stderr)
        done = lastack("httpd", "/", "--control", path, "--run", f"{LASTACK} waits --json --control {path}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_no_socket_stays(self):
        self.write("file", b"mine")
        done = lastack("httpd", "/", "--netns", "--control", self.path("file"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"is there already, and is no socket", done.stderr)
        self.assertEqual(self.read("file"), b"mine")

    def test_who_does_not_answer_is_named(self):
        path = self.path("other")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            for answer, said in ((b"", "gave no answer"), (b"x" * 1000, "these are no TIME-WAIT records")):
                with subprocess.Popen([LASTACK, "waits", "--control", path], stderr=subprocess.PIPE) as process:
                    s, _ = other.accept()
                    self.assertEqual(s.recv(100), b"waits\n")
                    s.sendall(answer)
                    s.close()
                    self.assertIn(said, process.stderr.read().decode())
                self.assertEqual(process.returncode, 1)


if __name__ == "__main__":
    main()
