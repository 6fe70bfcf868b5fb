#!/usr/bin/env python3
"""tshark's expert analysis of captures of clean runs finds nothing wrong: httpd and curl, get, nc with either side closing
first, both families, and TIME-WAIT to its end. What it always says, and why that is no fault, is capture.ALLOWED."""

import os
import sys
import textwrap

import capture
from harness import Case, lastack, last_json, main, needs

FAMILIES = {"IPv4": ((), "10.83.0.1"), "IPv6": (("--address", "fd00:83::2/64"), "[fd00:83::1]")}


class Expert(Case):
    def setUp(self):
        super().setUp()
        self.big = self.write("www/big.bin", os.urandom(1_000_000))
        self.pcap = self.path("capture.pcapng")

    def nothing_wrong(self, *arguments, data=b""):
        for family, (place, here) in FAMILIES.items():
            with self.subTest(family=family):
                words = [str(word).replace("HERE", here).replace("BARE", here.strip("[]")) for word in arguments]
                done = lastack(*words, "--json", "--pcap", self.pcap, *place, data=data)
                self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
                streams = {segment.stream for segment in capture.read_all(self.pcap) if segment.flags & capture.ACK
                           and segment.flags & capture.SYN}
                self.assertTrue(streams)
                for stream in streams:  # not those that were refused before the server listened
                    self.assertEqual(capture.expert(self.pcap, stream), [])
                self.report = last_json(done.stdout if words[0] != "nc" else done.stderr)

    def peer(self, listen, source):
        opens = "s = socket.create_connection((LASTACK, 9000))" if listen else """
            family = socket.AF_INET6 if ":" in HERE else socket.AF_INET
            s, _ = socket.create_server((HERE, 9000), family=family).accept()"""
        return self.python(textwrap.dedent(opens) + "\n" + textwrap.dedent(source))

    def test_httpd_and_curl(self):
        url = "http://$(case $LASTACK_ADDRESS in *:*) echo [$LASTACK_ADDRESS];; *) echo $LASTACK_ADDRESS;; esac)"
        self.nothing_wrong("httpd", self.path("www"), "--run",
                           f"curl -gs -o {self.path('got')} {url}/big.bin {url}/none -H 'Connection: close'; "
                           f"curl -gsI {url}/big.bin")
        self.assertEqual(self.read("got"), self.big)

    def test_get(self):
        server = f"exec {sys.executable} -m http.server 8000 --bind $LASTACK_PEER_ADDRESS --directory {self.path('www')}"
        self.nothing_wrong("get", "http://HERE:8000/big.bin", "-o", self.path("got"), "--run", server + " 2>/dev/null")
        self.assertEqual(self.read("got"), self.big)

    def test_half_close_by_lastack(self):
        for listen in (True, False):
            where = ("-l", 9000) if listen else ("BARE", 9000)
            self.nothing_wrong("nc", *where, "--run", self.peer(listen, """
                assert len(whole(s)) == 300000
                s.sendall(b"answer " * 50000)
                s.close()
                """), data=b"q" * 300000)

    def test_half_close_by_the_kernel(self):
        for listen in (True, False):
            where = ("-l", 9000) if listen else ("BARE", 9000)
            self.nothing_wrong("nc", *where, "--run", self.peer(listen, """
                s.sendall(b"question")
                s.shutdown(socket.SHUT_WR)
                assert len(whole(s)) == 300000
                """), data=b"a" * 300000)

    def test_time_wait_to_its_end(self):
        self.nothing_wrong("nc", "-l", 9000, "--msl", "0.1", "--wait", "--run", self.peer(True, """
            assert whole(s) == b"x"
            s.close()
            time.sleep(0.3)
            """), data=b"x")
        self.assertEqual((self.report["counters"]["lastackWaitEntered"], self.report["counters"]["TcpExtTW"]), (1, 1))

    def test_what_is_wrong_is_seen(self):
        """A lost segment, sent again, is more than is allowed."""
        done = lastack("nc", "-l", "9000", "--pcap", self.pcap, "--drop", "out:data", "--run",
                       self.peer(True, "assert whole(s) == b'x'"), data=b"x")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(capture.expert(self.pcap))


if __name__ == "__main__":
    needs("curl", "tshark")
    main()
