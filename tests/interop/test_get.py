#!/usr/bin/env python3
"""lastack get against servers on the kernel's TCP: Python's, and raw sockets that do what a server should not."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time

from harness import LASTACK, Case, lastack, last_json, main

PORT = 8000
URL = f"http://10.83.0.1:{PORT}"


class Get(Case):
    def setUp(self):
        super().setUp()
        self.big = self.write("www/big.bin", os.urandom(3_000_000))

    def get(self, path, command, *options, status=0):
        done = lastack("get", URL + path, "-o", self.path("got"), "--json", "--run", command, *options)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        report = last_json(done.stdout)
        self.assert_clean(report)
        return report

    def from_python(self, path, *options, status=0):
        server = f"exec {sys.executable} -m http.server {PORT} --directory {self.path('www')} 2>/dev/null"
        return self.get(path, server, *options, status=status)

    def answered(self, source, *options, status=0):
        """A server that reads one request and then does what source says with the socket s."""
        accept = f"""
            l = socket.create_server(("", {PORT}))
            s, _ = l.accept()
            request = b""
            while not request.endswith(b"\\r\\n\\r\\n"):
                request += s.recv(65536)
            """
        lines = textwrap.dedent(accept) + textwrap.dedent(source) + "\ntime.sleep(3)\n"
        return self.get("/", self.python(lines), *options, status=status)


class Refused(Case):
    def test_a_host_that_cannot_be_reached(self):
        """The open fails at once: the program says so, and ends."""
        for host in ("10.83.0.2", "255.255.255.255", "0.0.0.0"):
            done = lastack("get", f"http://{host}/", "-o", self.path("got"), "--netns", "--json", limit=10)
            self.assertEqual(done.returncode, 1, done.stderr.decode())
            self.assertEqual(last_json(done.stdout)["failure"], "no-route")


class Bodies(Get):
    def test_counted_by_content_length(self):
        report = self.from_python("/big.bin")
        self.assertEqual(self.read("got"), self.big)
        self.assertEqual((report["status"], report["outcome"], report["body_bytes"]), (200, "clean", 3_000_000))

    def test_on_standard_output(self):
        server = f"exec {sys.executable} -m http.server {PORT} --directory {self.path('www')}"
        done = lastack("get", URL + "/big.bin", "-q", "--run", server)
        self.assertEqual((done.returncode, done.stdout), (0, self.big))

    def test_in_chunks(self):
        self.answered("""
            s.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
            for part in (b"one", b"two" * 5000, b"three"):
                s.sendall(b"%x;ext=1\\r\\n%s\\r\\n" % (len(part), part))
                time.sleep(0.05)
            s.sendall(b"0\\r\\nTrailer: x\\r\\n\\r\\n")
            assert s.recv(1) == b""
            s.close()
            """)
        self.assertEqual(self.read("got"), b"one" + b"two" * 5000 + b"three")

    def test_ended_by_the_close(self):
        report = self.answered("""
            s.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + b"x" * 100000)
            s.close()
            """)
        self.assertEqual(self.read("got"), b"x" * 100000)
        self.assertEqual(report["outcome"], "clean")

    def test_after_an_interim_response(self):
        self.answered("""
            s.sendall(b"HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            s.close()
            """)
        self.assertEqual(self.read("got"), b"ok")

    def test_empty(self):
        self.assertEqual(self.answered('s.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n"); s.close()')["status"], 204)

    def test_several_times(self):
        report = self.from_python("/big.bin", "--count", "20")
        self.assertEqual((report["transfers"], report["ended"]), (20, {"clean": 20}))
        self.assertEqual(self.read("got"), self.big * 20)

    def test_a_slow_reader(self):
        server = f"exec {sys.executable} -m http.server {PORT} --directory {self.path('www')}"
        done = lastack("get", URL + "/big.bin", "-q", "--run", server, "--json", "-o", "-")
        self.assertEqual(done.stdout, self.big)
        self.assertEqual(json.loads(done.stderr.splitlines()[-1])["body_bytes"], 3_000_000)


class Output(Get):
    """A reader who is slow, or does not come at all, on a pipe that others have too."""

    def start(self, *options):
        server = f"exec {sys.executable} -m http.server {PORT} --directory {self.path('www')} 2>/dev/null"
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        process = subprocess.Popen([LASTACK, "get", URL + "/big.bin", "-q", "--run", server, *options], stdout=writer,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        select.select([reader], [], [], 30)
        time.sleep(0.5)
        self.assertFalse(fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK)
        self.assertIsNone(process.poll())
        return process, reader

    def test_ended_while_nobody_reads(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process, _ = self.start()
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=10), 1, number)
            self.assertIn(b"interrupted", process.stderr.read())

    def test_time_bound_while_nobody_reads(self):
        process, _ = self.start("--seconds", "2")
        self.assertEqual(process.wait(timeout=10), 1)
        self.assertIn(b"not done within --seconds", process.stderr.read())

    def test_nothing_is_lost_when_the_reader_comes_late(self):
        process, reader = self.start()
        got = b""
        while len(got) < len(self.big):
            got += os.read(reader, 65536)
        self.assertEqual(process.wait(timeout=10), 0)
        self.assertEqual(got, self.big)

    def test_chunks_to_a_slow_reader(self):
        """One read from the network holds many parts of the body: they keep their order though the first waits."""
        command = self.python(f"""
            l = socket.create_server(("", {PORT}))
            s, _ = l.accept()
            s.recv(65536)
            body = b"".join(b"8\\r\\n%08d\\r\\n" % i for i in range(100000))
            s.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" + body + b"0\\r\\n\\r\\n")
            s.close()
            """)
        with subprocess.Popen([LASTACK, "get", URL + "/", "-q", "--run", command], stdout=subprocess.PIPE) as process:
            time.sleep(1)
            got = process.stdout.read()
        self.assertEqual(got, b"".join(b"%08d" % i for i in range(100000)))


class Statuses(Get):
    def test_exit_status_is_the_first_digit(self):
        self.from_python("/none", status=4)
        self.answered('s.sendall(b"HTTP/1.1 500 No\\r\\nContent-Length: 0\\r\\n\\r\\n"); s.close()', status=5)
        self.answered('s.sendall(b"HTTP/1.1 302 No\\r\\nLocation: /x\\r\\nContent-Length: 0\\r\\n\\r\\n"); s.close()',
                      status=3)

    def fails(self, source, failure):
        report = self.answered(source, status=1)
        self.assertIn(failure, report["failure"])

    def test_responses_that_are_not_whole(self):
        head = 's.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nabc"); '
        reset = 's.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); '
        self.fails(head + "s.close()", "ended early")
        self.fails(head + "time.sleep(0.1); " + reset + "s.close()", "reset")
        self.fails("s.close()", "without a response")
        self.fails('s.sendall(b"220 hello\\r\\n"); time.sleep(1)', "not HTTP")

    def test_refused(self):
        done = lastack("get", URL, "--run", "sleep 0.2")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"connection refused", done.stderr)

    def test_time_bound(self):
        done = lastack("get", URL, "--seconds", "1", "--run", self.python(f"""
            l = socket.create_server(("", {PORT}))
            s, _ = l.accept()
            time.sleep(20)
            """))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"not done within --seconds", done.stderr)


class BadNetwork(Get):
    def test_loss_delay_reordering_duplicates_damage(self):
        self.from_python("/big.bin", "--loss", "1", "--reorder", "1", "--duplicate", "1", "--damage", "0.5", "--delay",
                         "2", "--seed", "3")
        self.assertEqual(self.read("got"), self.big)

    def test_what_opens_and_closes_lost(self):
        for pattern in ("out:syn*2", "in:syn-ack", "out:ack", "out:fin*2", "in:fin*2", "last-ack*2"):
            report = self.from_python("/big.bin", "--drop", pattern)
            self.assertEqual(self.read("got"), self.big, pattern)
            self.assertEqual(report["outcome"], "clean", pattern)

    def test_wait(self):
        report = self.answered("""
            s.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            assert s.recv(1) == b""
            s.close()
            """, "--wait", "--msl", "0.2", "--drop", "out:last-ack")
        self.assertEqual(report["counters"]["lastackWaitEntered"], 1)
        self.assertEqual(report["counters"]["TcpExtTW"], 1)
        self.assertEqual(report["counters"]["lastackWaitRestarted"], 1)


if __name__ == "__main__":
    main()
