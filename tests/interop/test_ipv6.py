#!/usr/bin/env python3
"""lastack over IPv6 against the kernel's: get, httpd and nc, ping, what is unreachable; and a path that narrows behind
the first hop, in both families."""

import os
import sys
import textwrap

from harness import Case, lastack, last_json, main, needs

OURS, THEIRS = "fd00:83::2", "fd00:83::1"
ADDRESS = ("--address", OURS + "/64")


class Ipv6(Case):
    def setUp(self):
        super().setUp()
        self.big = self.write("www/big.bin", os.urandom(1_000_000))

    def run_with(self, *arguments, data=b"", status=0):
        done = lastack(*arguments, data=data)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done


class Programs(Ipv6):
    def test_get(self):
        server = f"exec {sys.executable} -m http.server 8000 --bind :: --directory {self.path('www')} 2>/dev/null"
        done = self.run_with("get", f"http://[{THEIRS}]:8000/big.bin", "-o", self.path("got"), "--json", *ADDRESS,
                             "--run", server)
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertEqual((self.read("got"), report["outcome"]), (self.big, "clean"))

    def test_httpd(self):
        command = f"curl -gs -o {self.path('got')} http://[$LASTACK_ADDRESS]/big.bin; curl -gs http://[$LASTACK_ADDRESS]/no"
        done = self.run_with("httpd", self.path("www"), "--json", *ADDRESS, "--run", command)
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertEqual(self.read("got"), self.big)
        self.assertEqual((report["ended"], report["responses"]), ({"clean": 2}, 2))

    def test_nc_both_ways(self):
        for listen in (False, True):
            opens = "s = socket.create_connection((LASTACK, 9000))" if listen else \
                "s, _ = socket.create_server((HERE, 9000), family=socket.AF_INET6).accept()"
            command = self.python(textwrap.dedent(f"""
                {opens}
                assert whole(s) == b"question"
                s.sendall(b"answer " * 50000)
                s.close()
                """))
            where = ("-l", "9000") if listen else (THEIRS, "9000")
            done = self.run_with("nc", *where, "-v", "--json", *ADDRESS, "--run", command, data=b"question")
            report = last_json(done.stderr)
            self.assert_clean(report)
            self.assertEqual((done.stdout, report["outcome"]), (b"answer " * 50000, "clean"))
            self.assertEqual(report["counters"]["lastackWaitEntered"], 1)

    def test_the_last_ack_is_lost(self):
        """The record of TIME-WAIT answers the FIN that comes again."""
        command = self.python("""
            s = socket.create_connection((LASTACK, 80))
            s.sendall(b"GET /big.bin HTTP/1.0\\r\\n\\r\\n")
            assert len(whole(s)) > 1_000_000
            s.close()
            time.sleep(1)
            """)
        done = self.run_with("httpd", self.path("www"), "--json", *ADDRESS, "--drop", "out:last-ack", "--run", command)
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertEqual(report["ended"], {"clean": 1})
        self.assertGreaterEqual(report["counters"]["lastackWaitRestarted"], 1)


class Icmpv6(Ipv6):
    def serve(self, source):
        done = self.run_with("httpd", self.path("www"), "--json", *ADDRESS, "--run", self.python(source))
        return last_json(done.stdout)

    def test_echo(self):
        needs("ping")
        for size in (0, 56, 1452):
            command = f"ping -6 -q -c 2 -i 0.01 -s {size} $LASTACK_ADDRESS >/dev/null || kill -9 $$"
            report = last_json(self.run_with("httpd", self.path("www"), "--json", *ADDRESS, "--run", command).stdout)
            self.assertEqual(report["counters"]["icmpOutMsgs"], 2)

    def test_a_port_without_a_listener(self):
        """TCP is reset, UDP unreachable: the kernel tells its programs so."""
        self.serve("""
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                s = socket.socket(socket.AF_INET6, kind)
                s.settimeout(5)
                try:
                    s.connect((LASTACK, 99))
                    s.send(b"x")
                    s.recv(1)
                except ConnectionRefusedError:
                    continue
                sys.exit("not refused")
            """)

    def test_an_option_that_wants_an_answer(self):
        """RFC 8200 4.2: the kernel gets a parameter problem that points at the option, and the packet is dropped."""
        self.serve("""
            listens = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            listens.settimeout(5)
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            # A destination options header of 8 octets, with one option: type 0x9e, four octets.
            s.sendmsg([b"hello"], [(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\\x00\\x00\\x9e\\x04abcd")], 0,
                      (LASTACK, 99))
            while True:
                answer, (source, *_) = listens.recvfrom(2000)
                if answer[0] == 4:
                    break
            assert (answer[1], int.from_bytes(answer[4:8], "big")) == (2, 42), answer[:8]
            assert source == LASTACK, source
            """)

    def test_nobody_listens_where_we_connect(self):
        done = lastack("get", f"http://[{THEIRS}]:1/", "--json", *ADDRESS, "--netns", "-o", self.path("got"))
        self.assertEqual((done.returncode, last_json(done.stdout)["outcome"]), (1, "refused"))


NARROW = """
    import subprocess
    def run(*words):
        subprocess.run(words, check=True)
    # A host behind us: its link carries 1500 octets towards us, and 1300 from us.
    far = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    while os.readlink(f"/proc/{far.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(far.pid))
    run("ip", "addr", "add", f"{NEAR}/{BITS}", "dev", "v0", *NODAD)
    run("ip", "link", "set", "v0", "mtu", "1300", "up")
    inside = ["nsenter", "-t", str(far.pid), "-n"]
    run(*inside, "ip", "addr", "add", f"{FAR}/{BITS}", "dev", "v1", *NODAD)
    run(*inside, "ip", "link", "set", "v1", "up")
    run(*inside, "ip", FAMILY, "route", "add", "default", "via", NEAR)
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        with open("/proc/sys/" + name, "w") as file:
            file.write("1")
    host = f"[{LASTACK}]" if ":" in LASTACK else LASTACK
    try:
        for i in range(2):
            run(*inside, "curl", "-gs", "-m", "30", "--retry", "5", "--retry-connrefused", "-o", GOT + str(i),
                f"http://{host}/big.bin")
        # Its kernel is needed until the connections have ended, or wait (state 06).
        for _ in range(200):
            tables = subprocess.run([*inside, "cat", "/proc/net/tcp", "/proc/net/tcp6"], stdout=subprocess.PIPE,
                                    check=True, text=True).stdout
            states = [line.split()[3] for line in tables.splitlines() if "local_address" not in line]
            if all(state == "06" for state in states):
                break
            time.sleep(0.05)
    finally:
        far.kill()
        far.wait()
    """


class PathMtu(Ipv6):
    def narrow(self, family, near, far, bits, *options):
        names = textwrap.dedent(f"""
            FAMILY, NEAR, FAR, BITS, GOT = "{family}", "{near}", "{far}", {bits}, {self.path('got')!r}
            NODAD = ["nodad"] if ":" in NEAR else []
            """)
        command = self.python(names + textwrap.dedent(NARROW))
        done = self.run_with("httpd", self.path("www"), "--json", *options, "--run", command)
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertEqual((self.read("got0"), self.read("got1")), (self.big, self.big))
        self.assertEqual(report["ended"], {"clean": 2})
        # The first connection learns it, the second one knows.
        self.assertEqual(report["counters"]["lastackTcpPathMtuLowered"], 1)

    def test_a_narrow_hop_in_ipv6(self):
        self.narrow("-6", "fd00:84::1", "fd00:84::2", 64, *ADDRESS)

    def test_a_narrow_hop_in_ipv4(self):
        self.narrow("-4", "10.84.0.1", "10.84.0.2", 24)

    def test_behind_a_router_on_ethernet(self):
        self.narrow("-6", "fd00:84::1", "fd00:84::2", 64, *ADDRESS, "--tap")
        self.narrow("-4", "10.84.0.1", "10.84.0.2", 24, "--tap")


if __name__ == "__main__":
    needs("curl", "ip", "unshare", "nsenter")
    main()
