#!/usr/bin/env python3
"""lastack httpd against curl, ab, wrk and plain sockets on the kernel's TCP."""

import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from harness import LASTACK, Case, lastack, last_json, main, needs


class Httpd(Case):
    def setUp(self):
        super().setUp()
        self.page = self.write("www/index.html", b"hello\n")
        self.big = self.write("www/big.bin", os.urandom(3_000_000))

    def serve(self, command, *options, status=0):
        done = lastack("httpd", self.path("www"), "--json", "--run", command, *options)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        self.output = done.stdout
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertEqual(report["open"], 0)
        return report


class Serving(Httpd):
    def test_what_arrives_is_the_file(self):
        report = self.serve(f"curl -s -o {self.path('got')} http://$LASTACK_ADDRESS/big.bin")
        self.assertEqual(self.read("got"), self.big)
        self.assertEqual(report["ended"], {"clean": 1})

    def test_mtu_of_the_device(self):
        self.serve(f"curl -s -o {self.path('got')} http://$LASTACK_ADDRESS/big.bin", "--mtu", "9000")
        self.assertEqual(self.read("got"), self.big)

    def test_one_connection_for_several_requests(self):
        report = self.serve("curl -s http://$LASTACK_ADDRESS/ http://$LASTACK_ADDRESS/ http://$LASTACK_ADDRESS/none")
        self.assertEqual((report["accepted"], report["responses"]), (1, 3))
        self.assertTrue(self.output.startswith(self.page * 2 + b"404"))

    def test_pipelined_requests_are_answered_in_order(self):
        self.serve(self.python("""
            s = socket.create_connection((LASTACK, 80))
            s.sendall(b"GET /index.html HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 20 +
                      b"GET /none HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            got = whole(s)
            assert got.count(b"HTTP/1.1 200 OK") == 20 and got.count(b"HTTP/1.1 404") == 1, got
            assert got.rindex(b"200 OK") < got.index(b"404")
            """))

    def test_a_request_octet_by_octet(self):
        self.serve(self.python("""
            s = socket.create_connection((LASTACK, 80))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in b"GET / HTTP/1.0\\r\\nX: y\\r\\n\\r\\n":
                s.sendall(bytes([octet]))
            assert whole(s).endswith(b"hello\\n")
            """))

    def test_head_has_no_body(self):
        self.serve("curl -s -I http://$LASTACK_ADDRESS/big.bin")
        self.assertIn(b"Content-Length: 3000000", self.output)

    def test_ranges(self):
        self.serve("for r in 2-3 4- -2 0-99 6-; do curl -s -w '%{http_code} ' -r $r http://$LASTACK_ADDRESS/; done; echo")
        answers = re.sub(rb"\s+", b" ", self.output.split(b"{")[0])
        self.assertEqual(answers, b"ll206 o 206 o 206 hello 206 416 Range Not Satisfiable 416 ")

    def test_directories(self):
        self.write("www/sub/a b&c.txt", b"x")
        self.serve("curl -s -i http://$LASTACK_ADDRESS/sub; curl -s http://$LASTACK_ADDRESS/sub/")
        self.assertIn(b"Location: /sub/\r\n", self.output)
        self.assertIn(b'<a href="./a%20b%26c.txt">a b&amp;c.txt</a>', self.output)


class Refusing(Httpd):
    def answers(self, request):
        self.serve(self.python(f"""
            s = socket.create_connection((LASTACK, 80))
            s.sendall({request!r})
            print(whole(s).split(b" ", 2)[1].decode(), flush=True)
            """))
        return int(self.output.split()[0])

    def test_no_way_out_of_the_directory(self):
        self.write("secret", b"secret")
        os.symlink("../secret", self.path("www/link"))
        os.symlink("/etc/passwd", self.path("www/absolute"))
        for path in ("/../secret", "/%2e%2e/secret", "/sub/../../secret", "//../secret", "/link", "/absolute",
                     "/..%2fsecret"):
            self.assertIn(self.answers(f"GET {path} HTTP/1.0\r\n\r\n".encode()), (400, 403, 404), path)

    def test_statuses(self):
        for request, status in (
                (b"GET /none HTTP/1.0\r\n\r\n", 404),
                (b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 405),
                (b"GET / HTTP/1.1\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                (b"GET /%zz HTTP/1.0\r\n\r\n", 400),
                (b"GET /%00 HTTP/1.0\r\n\r\n", 400),
                (b"nonsense\r\n\r\n", 400),
                (b"GET /" + b"a" * 3000 + b" HTTP/1.0\r\n\r\n", 414),
                (b"GET / HTTP/1.0\r\nX: " + b"a" * 100000 + b"\r\n\r\n", 431),
                (b"GET / HTTP/1.0\r\nContent-Length: 99999999\r\n\r\n" + b"a" * 300000, 413)):
            self.assertEqual(self.answers(request), status, request[:40])

    def test_a_target_with_its_host(self):
        """RFC 9112 3.2.2: a server accepts what a client would send to a proxy."""
        for target in (b"http://10.83.0.2/index.html", b"HTTP://x:80", b"http://x?a/b"):
            request = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            self.assertEqual(self.answers(request), 200, target)
        self.assertEqual(self.answers(b"GET http://x/none HTTP/1.0\r\n\r\n"), 404)

    def test_a_port_nobody_listens_on(self):
        report = self.serve(self.python("""
            try:
                socket.create_connection((LASTACK, 81))
            except ConnectionRefusedError:
                sys.exit(0)
            sys.exit(1)
            """))
        self.assertEqual(report["counters"]["tcpOutRsts"], 1)


class EarlyResponses(Httpd):
    """The response comes before the request was read to its end, and the client sends all of it before it reads
    (RFC 9112 9.6, RFC 2525 2.17)."""

    GET = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
    POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    NONSENSE = b"nonsense\r\n\r\n"

    def send(self, request, more, *options):
        """The status, or the error's name."""
        report = self.serve(self.python(f"""
            import errno
            s = socket.create_connection((LASTACK, 80))
            try:
                s.sendall({request!r} + b"a" * {more})
                got = whole(s)
                head, body = got.split(b"\\r\\n\\r\\n")
                assert b"Content-Length: %d" % len(body) in head, got
                print(got.split()[1].decode(), flush=True)
            except OSError as error:
                print(errno.errorcode[error.errno], flush=True)
            """), *options)
        return self.output.split()[0].decode(), report["ended"]

    def test_they_arrive_though_a_megabyte_is_unread(self):
        for request, status in ((self.GET, "413"), (self.POST, "405"), (self.NONSENSE, "400")):
            self.assertEqual(self.send(request, 1000000), (status, {"clean": 1}))

    def test_they_are_sent_again_if_they_are_lost(self):
        self.assertEqual(self.send(self.GET, 1000000, "--drop", "out:data*2"), ("413", {"clean": 1}))

    def test_a_plain_close_destroys_them(self):
        for request in (self.GET, self.POST, self.NONSENSE):
            answer, ended = self.send(request, 1000000, "--linger", "0")
            self.assertIn(answer, ("ECONNRESET", "EPIPE"))
            self.assertEqual(ended, {"unread-data": 1})

    def test_who_goes_on_sending_is_reset(self):
        answer, ended = self.send(self.GET, 20000000)
        self.assertIn(answer, ("ECONNRESET", "EPIPE"))
        self.assertEqual(ended, {"linger-bound": 1})


class Load(Httpd):
    def test_ten_thousand_connections_closed_by_the_server(self):
        needs("ab")
        report = self.serve("ab -q -n 10000 -c 100 http://$LASTACK_ADDRESS/")
        self.assertRegex(self.output, rb"Complete requests: +10000\n")
        self.assertRegex(self.output, rb"Failed requests: +0\n")
        self.assertEqual(set(report["ended"]), {"clean"})
        self.assertEqual(report["ended"]["clean"], report["accepted"])
        self.assertGreaterEqual(report["closed_first"], 10000)
        self.assertGreaterEqual(report["counters"]["lastackWaitEntered"], 10000)
        self.assertEqual(report["counters"]["tcpOutRsts"], 0)

    def test_wrk_without_errors(self):
        needs("wrk")
        for header in ("X: y", "Connection: close"):
            self.serve(f"wrk -t1 -c100 -d1 -H '{header}' http://$LASTACK_ADDRESS/")
            self.assertNotIn(b"Socket errors", self.output)
            self.assertNotIn(b"Non-2xx", self.output)

    def test_thousands_open_at_once(self):
        report = self.serve(self.python("""
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
            many = [socket.create_connection((LASTACK, 80)) for _ in range(3000)]
            for s in many:
                s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            assert all(whole(s).endswith(b"hello\\n") for s in many)
            """))
        self.assertGreaterEqual(report["open_peak"], 3000)
        self.assertEqual(report["ended"], {"clean": 3000})


    @unittest.skipIf(b"__asan_init" in pathlib.Path(LASTACK).read_bytes(), "a sanitizer's memory is its own")
    def test_a_large_table_that_is_not_used_takes_no_memory(self):
        with subprocess.Popen([LASTACK, "httpd", self.path("www"), "--connections", "131072", "--seconds", "1.5",
                               "--netns"], stderr=subprocess.DEVNULL) as process:
            _, process.returncode, usage = os.wait4(process.pid, 0)
        self.assertEqual(process.returncode, 0)
        self.assertLess(usage.ru_maxrss, 200 * 1024)


class BadNetwork(Httpd):
    def fetch(self, *options):
        report = self.serve(f"curl -s -H 'Connection: close' -o {self.path('got')} http://$LASTACK_ADDRESS/big.bin;"
                            "sleep 1", *options)
        self.assertEqual(self.read("got"), self.big)
        self.assertEqual(report["ended"], {"clean": 1}, options)
        return report["counters"]

    def test_loss_delay_reordering_duplicates_damage(self):
        self.fetch("--loss", "2", "--reorder", "2", "--duplicate", "2", "--damage", "1", "--delay", "2", "--seed", "1")

    def test_each_segment_of_the_handshake_lost(self):
        for pattern in ("in:syn", "out:syn-ack", "in:ack"):
            self.fetch("--drop", pattern)

    def test_fins_lost(self):
        self.assertGreaterEqual(self.fetch("--drop", "out:fin*2")["tcpRetransSegs"], 2)
        self.fetch("--drop", "in:fin*2")

    def test_last_ack_lost(self):
        counters = self.fetch("--drop", "out:last-ack*2")
        self.assertGreaterEqual(counters["lastackWaitAnswered"], 2)
        self.assertGreaterEqual(counters["lastackWaitRestarted"], 2)
        self.assertEqual(counters["tcpOutRsts"], 0)

    def test_last_ack_lost_and_no_wait(self):
        counters = self.fetch("--drop", "out:last-ack", "--msl", "0")
        self.assertEqual(counters["tcpOutRsts"], 1)

    def test_ab_over_a_bad_network(self):
        needs("ab")
        self.serve("ab -q -n 500 -c 20 http://$LASTACK_ADDRESS/", "--loss", "1", "--reorder", "2", "--duplicate", "2")
        self.assertRegex(self.output, rb"Failed requests: +0\n")


class Readers(Httpd):
    def test_stop_and_go_behind_a_zero_window(self):
        report = self.serve(self.python("""
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect((LASTACK, 80))
            s.sendall(b"GET /big.bin HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            time.sleep(1.2)
            got = b"".join(iter(lambda: s.recv(50000), b""))
            time.sleep(0.3)
            open(sys.argv[0] + ".got", "wb").write(got)
            """))
        self.assertTrue(self.read("peer.py.got").endswith(self.big))
        self.assertGreater(report["counters"]["TcpExtTCPWinProbe"], 0)
        self.assertEqual(report["ended"], {"clean": 1})

    def test_reset_in_the_middle(self):
        report = self.serve(self.python("""
            s = socket.create_connection((LASTACK, 80))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(b"GET /big.bin HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            s.recv(1000)
            s.close()
            time.sleep(0.2)
            """))
        self.assertEqual(report["ended"], {"reset-by-peer": 1})

    def test_half_closed_by_the_client(self):
        self.serve(self.python("""
            s = socket.create_connection((LASTACK, 80))
            s.sendall(b"GET /big.bin HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            s.shutdown(socket.SHUT_WR)
            assert len(whole(s)) > 3000000
            """))

    def test_silent_client_is_closed(self):
        report = self.serve(self.python("""
            s = socket.create_connection((LASTACK, 80))
            began = time.time()
            assert s.recv(1) == b""
            assert 0.5 < time.time() - began < 5
            """), "--idle", "1")
        self.assertEqual(report["idle_closed"], 1)


class Ending(Httpd):
    def test_sigterm_ends_in_order(self):
        with subprocess.Popen([LASTACK, "httpd", self.path("www"), "--netns", "--json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stderr.readline()  # where it serves
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assert_clean(last_json(output))

    def test_open_connections_are_closed_first(self):
        with subprocess.Popen([LASTACK, "httpd", self.path("www"), "--json", "--run", self.python("""
                s = socket.create_connection((LASTACK, 80))
                s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                s.recv(4096)
                print("ready", flush=True)
                assert s.recv(1) == b""
                s.close()
                time.sleep(30)
                """)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=20)
        report = last_json(output)
        self.assert_clean(report)
        self.assertEqual(report["ended"], {"clean": 1})

    def test_bounds(self):
        began = time.monotonic()
        done = lastack("httpd", self.path("www"), "--netns", "--seconds", "0.5")
        self.assertEqual(done.returncode, 0)
        self.assertLess(time.monotonic() - began, 10)
        report = self.serve("curl -s http://$LASTACK_ADDRESS/; sleep 20", "--count", "1")
        self.assertEqual(report["responses"], 1)

    def test_the_report_has_a_line_of_its_own(self):
        self.assertEqual(self.serve("printf 'no end of line'")["accepted"], 0)
        done = lastack("httpd", self.path("www"), "--run", "true")
        self.assertIn(b"ended: none\n", done.stderr)

    def test_a_report_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LASTACK, "httpd", self.path("www"), "--json", "--run", "true"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: not everything could be written", done.stderr)

    def test_without_standard_descriptors(self):
        """The device must not become somebody's standard output."""
        done = subprocess.run(["sh", "-c", f'exec "$0" "$@" <&- >&-', LASTACK, "httpd", self.path("www"), "--run",
                               f"curl -s http://10.83.0.2/big.bin | cmp - {self.path('www/big.bin')}"], check=False)
        self.assertEqual(done.returncode, 0)

    def test_exit_status_is_the_commands(self):
        self.serve("exit 7", status=7)

    def test_capture_and_ladder(self):
        done = lastack("httpd", self.path("www"), "--ladder", "--pcap", self.path("capture.pcapng"), "--run",
                       "curl -s -H 'Connection: close' http://$LASTACK_ADDRESS/ >&2")
        ladder = done.stderr.decode()
        for word in ("SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "wait entered"):
            self.assertIn(word, ladder)
        self.assertEqual(self.read("capture.pcapng")[:4], b"\x0a\x0d\x0d\x0a")


if __name__ == "__main__":
    needs("curl")
    main()
