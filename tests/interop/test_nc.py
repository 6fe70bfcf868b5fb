#!/usr/bin/env python3
"""lastack nc against sockets on the kernel's TCP: both directions, and every way a connection can end."""

import fcntl
import os
import signal
import subprocess
import time

from harness import LASTACK, Case, lastack, last_json, main

PORT = 9000
ACCEPT = f"""
    l = socket.create_server(("", {PORT}))
    s, _ = l.accept()
    """
CONNECT = f"""
    s = socket.create_connection((LASTACK, {PORT}))
    """
RESET = 's.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))'


class Nc(Case):
    def nc(self, data, source, *options, status=0, listen=False):
        where = ("-l", str(PORT)) if listen else ("10.83.0.1", str(PORT))
        done = lastack("nc", *where, "-v", "--json", "--run", self.python((CONNECT if listen else ACCEPT) + source),
                       *options, data=data)
        self.error = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, self.error)
        self.report = last_json(done.stderr)
        self.assert_clean(self.report)
        return done.stdout


class Closing(Nc):
    def test_we_close_first_and_go_on_receiving(self):
        for listen in (False, True):
            got = self.nc(b"question", """
    assert whole(s) == b"question"
    time.sleep(0.3)
    s.sendall(b"answer " * 50000)
    s.close()
    """, listen=listen)
            self.assertEqual(got, b"answer " * 50000)
            self.assertEqual(self.report["outcome"], "clean")
            self.assertEqual(self.report["counters"]["lastackWaitEntered"], 1)

    def test_the_peer_closes_first_and_goes_on_receiving(self):
        for listen in (False, True):
            data = os.urandom(2_000_000)
            got = self.nc(data, """
    s.sendall(b"all I have to say")
    s.shutdown(socket.SHUT_WR)
    time.sleep(0.3)
    open(sys.argv[0] + ".got", "wb").write(whole(s))
    """, listen=listen)
            self.assertEqual(got, b"all I have to say")
            self.assertEqual(self.read("peer.py.got"), data)

    def test_both_close_at_once(self):
        # Ours leaves first and is under way for longer than it takes the peer to send its own.
        self.nc(b"", """
    time.sleep(0.05)
    s.shutdown(socket.SHUT_WR)
    assert whole(s) == b""
    """, "--hold", "out:fin", "--hold-time", "300", "--ladder")
        self.assertIn("CLOSING", self.error)
        self.assertEqual(self.report["outcome"], "clean")
        self.assertEqual(self.report["counters"]["lastackWaitEntered"], 1)

    def test_both_close_at_once_and_fins_are_lost(self):
        for pattern in ("out:fin", "in:fin", "fin", "out:last-ack", "in:last-ack", "last-ack"):
            self.nc(b"", """
    s.shutdown(socket.SHUT_WR)
    assert whole(s) == b""
    time.sleep(1)
    """, "--delay", "60", "--drop", pattern)
            self.assertEqual(self.report["outcome"], "clean", pattern)

    def test_last_ack_lost_and_waited_out(self):
        self.nc(b"x", """
    whole(s)
    s.sendall(b"y")
    s.close()
    time.sleep(1.5)
    """, "--drop", "out:last-ack*2", "--msl", "1", "--wait")
        counters = self.report["counters"]
        self.assertEqual((counters["lastackWaitEntered"], counters["TcpExtTW"]), (1, 1))
        self.assertEqual(counters["lastackWaitAnswered"], 2)
        self.assertEqual(counters["tcpOutRsts"], 0)

    def test_our_fin_lost_twice(self):
        self.nc(b"x", """
    assert whole(s) == b"x"
    """, "--drop", "out:fin*2")
        self.assertEqual(self.report["outcome"], "clean")
        self.assertGreaterEqual(self.report["counters"]["tcpRetransSegs"], 2)


class Resets(Nc):
    def test_refused(self):
        done = lastack("nc", "10.83.0.1", PORT, "--run", "sleep 0.2")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"refused", done.stderr)

    def test_reset_by_the_peer(self):
        self.nc(b"x", f"""
    s.recv(10)
    {RESET}
    s.close()
    """, status=1)
        self.assertEqual(self.report["outcome"], "reset-by-peer")

    def test_what_is_not_clean_is_told_without_asking(self):
        reset = self.python(ACCEPT + f"""
    s.recv(5)
    time.sleep(0.3)
    {RESET}
    s.close()
    """)
        done = lastack("nc", "10.83.0.1", PORT, "--run", reset, data=b"whole")
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"lastack nc: reset-by-peer, in FIN-WAIT-2; 0 octets unacknowledged, 0 unread\n"))
        done = lastack("nc", "10.83.0.1", PORT, "--drop", "out:data*100", "--run", self.python(ACCEPT + f"""
    time.sleep(0.3)
    {RESET}
    s.close()
    """), data=b"never arrives")
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"lastack nc: reset-by-peer, in FIN-WAIT-1; 13 octets unacknowledged, 0 unread\n"))

    def test_what_is_clean_is_told_if_asked(self):
        close = self.python(ACCEPT + """
    whole(s)
    s.close()
    """)
        for options, said in (((), b""), (("-v",), b"closed: clean, in FIN-WAIT-2; 0 octets unacknowledged, 0 unread\n")):
            done = lastack("nc", "10.83.0.1", PORT, "--run", close, *options, data=b"x")
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr[-len(said):] if said else done.stderr, said)

    def test_a_peer_that_does_not_read_resets(self):
        self.nc(b"x" * 100000, """
    time.sleep(0.2)
    s.close()
    """, status=1)
        self.assertEqual(self.report["outcome"], "reset-by-peer")

    def test_time_bound(self):
        self.nc(b"x", """
    time.sleep(20)
    """, "--seconds", "1", status=1)
        self.assertEqual((self.report["failure"], self.report["outcome"]), ("not done within --seconds", "aborted"))
        self.assertEqual(self.report["counters"]["tcpOutRsts"], 1)


class Refused(Case):
    def test_a_host_that_cannot_be_reached(self):
        """The open fails at once: the program says so, and ends."""
        for host in ("10.83.0.2", "255.255.255.255", "0.0.0.0"):
            done = lastack("nc", host, "80", "--netns", "--json", limit=10)
            self.assertEqual(done.returncode, 1, done.stderr.decode())
            self.assertEqual(last_json(done.stderr)["failure"], "no-route")

    def test_ended_while_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        send = self.python(ACCEPT + """
    s.sendall(b"x" * 200000)
    s.close()
    """)
        for number in (signal.SIGINT, signal.SIGHUP):
            with subprocess.Popen([LASTACK, "nc", "10.83.0.1", str(PORT), "--run", send], stdin=subprocess.DEVNULL,
                                  stdout=writer, stderr=subprocess.PIPE) as process:
                time.sleep(1.5)
                self.assertFalse(fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK)
                self.assertIsNone(process.poll())
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=10), 1)
                self.assertIn(b"interrupted", process.stderr.read())


class Carrying(Nc):
    def test_much_both_ways_at_once(self):
        data = os.urandom(5_000_000)
        for listen in (False, True):
            got = self.nc(data, """
    import threading
    got = []
    reader = threading.Thread(target=lambda: got.append(whole(s)))
    reader.start()
    s.sendall(b"abcdefg" * 700000)
    s.shutdown(socket.SHUT_WR)
    reader.join()
    open(sys.argv[0] + ".got", "wb").write(got[0])
    """, listen=listen)
            self.assertEqual(got, b"abcdefg" * 700000)
            self.assertEqual(self.read("peer.py.got"), data)

    def test_over_a_bad_network(self):
        data = os.urandom(300_000)
        got = self.nc(data, """
    got = whole(s)
    s.sendall(got)
    s.close()
    """, "--loss", "3", "--reorder", "3", "--duplicate", "3", "--damage", "1", "--delay", "3", "--seed", "5")
        self.assertEqual(got, data)

    def test_stop_and_go_behind_a_zero_window(self):
        data = os.urandom(2_000_000)
        self.nc(data, """
    time.sleep(1.5)
    got = b""
    while part := s.recv(200000):
        got += part
        if len(got) % 7 == 0:
            time.sleep(0.05)
    open(sys.argv[0] + ".got", "wb").write(got)
    """)
        self.assertEqual(self.read("peer.py.got"), data)

    def test_small_writes_keep_their_order(self):
        got = self.nc(b"", """
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(2000):
        s.sendall(b"%d\\n" % i)
    s.close()
    """)
        self.assertEqual(got, b"".join(b"%d\n" % i for i in range(2000)))


if __name__ == "__main__":
    main()
