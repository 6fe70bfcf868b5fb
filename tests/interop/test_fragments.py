#!/usr/bin/env python3
"""Fragments between lastack and the kernel: pings larger than the MTU in both families, late, out of order and twice, and
the kernel's TCP through a hop that cuts its segments."""

import os
import textwrap

from harness import Case, lastack, last_json, main, needs

ADDRESSES = {"-4": (), "-6": ("--address", "fd00:83::2/64")}
TIMES = 5


class Echo(Case):
    def ping(self, family, size, *options):
        # One at a time: the answer to a large one takes up the queue of replies.
        command = (f"ping {family} -q -A -c {TIMES} -W 5 -s {size} $LASTACK_ADDRESS"
                   f" >{self.path('said')} || kill -9 $$")
        done = lastack("httpd", self.directory, "--json", *ADDRESSES[family], *options, "--run", command)
        said = self.read("said").decode()
        self.assertEqual(done.returncode, 0, said + done.stderr.decode(errors="replace"))
        report = last_json(done.stdout)
        self.assert_clean(report)
        self.assertIn(f"{TIMES} received", said)
        return report["counters"]

    def test_larger_than_the_mtu(self):
        """The kernel cuts at 1500 octets; lastack as it does, in IPv6 at 1280 (RFC 8200 5)."""
        for family, size, came, left in (("-4", 4000, 3, 3), ("-6", 4000, 3, 4), ("-4", 1473, 2, 2),
                                         ("-4", 65507, 45, 45), ("-6", 65000, 45, 53)):
            with self.subTest(family=family, size=size):
                counters = self.ping(family, size)
                self.assertEqual([counters.get(name, 0) for name in
                                  ("ipReasmReqds", "ipReasmOKs", "ipReasmFails", "ipOutFragOKs", "ipOutFragCreates")],
                                 [TIMES * came, TIMES, 0, TIMES, TIMES * left])

    def test_late_and_twice(self):
        """No echo request is lost, but its fragments overtake each other, and some come twice."""
        for family in ADDRESSES:
            with self.subTest(family=family):
                counters = self.ping(family, 8000, "--jitter", "5", "--reorder", "20", "--duplicate", "20", "--seed", "7")
                self.assertGreaterEqual(counters["ipReasmOKs"], TIMES)


SENDER = b"""
import socket, sys
s = socket.create_connection((sys.argv[1], 9000))
s.sendall(open(sys.argv[2], "rb").read())
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b"", "nobody sends here"
s.close()
"""

CUT = """
    import subprocess
    def run(*words):
        subprocess.run(words, check=True)
    # Behind us a host that takes no part in path MTU discovery; towards lastack we cut at 576 octets.
    far = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    while os.readlink(f"/proc/{far.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    inside = ["nsenter", "-t", str(far.pid), "-n"]
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(far.pid))
    run("ip", "addr", "add", "10.84.0.1/24", "dev", "v0")
    run("ip", "link", "set", "v0", "up")
    run(*inside, "ip", "addr", "add", "10.84.0.2/24", "dev", "v1")
    run(*inside, "ip", "link", "set", "v1", "up")
    run(*inside, "ip", "route", "add", "default", "via", "10.84.0.1")
    run(*inside, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_no_pmtu_disc")
    run(*inside, "sh", "-c", f"echo {ECN} >/proc/sys/net/ipv4/tcp_ecn")
    device = [line.split()[1].rstrip(":") for line in
              subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
              if "lastack" in line][0]
    run("ip", "link", "set", device, "txqueuelen", "10000") # a window in fragments is more than the usual 500 packets
    run("ip", "route", "add", LASTACK + "/32", "dev", device, "mtu", "lock", "576")
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")
    try:
        run(*inside, sys.executable, SENDER, LASTACK, BIG)
    finally:
        far.kill()
        far.wait()
    """


class Cut(Case):
    def carry(self, ecn, *options):
        big = self.write("big.bin", os.urandom(1_000_000))
        self.write("sender.py", SENDER)
        names = f"BIG, SENDER, ECN = {self.path('big.bin')!r}, {self.path('sender.py')!r}, {ecn}\n"
        command = self.python(names + textwrap.dedent(CUT))
        done = lastack("nc", "-l", "9000", "--json", "--seconds", "60", *options, "--run", command)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        report = last_json(done.stderr)
        self.assertTrue(done.stdout == big, f"{len(done.stdout)} of {len(big)} octets came, or others")
        self.assertEqual(report["outcome"], "clean")
        return report["counters"]

    def test_tcp_through_a_hop_that_cuts(self):
        for ecn in (0, 1):
            with self.subTest(ecn=ecn):
                counters = self.carry(ecn)
                whole = counters["ipReasmOKs"]
                self.assertGreater(whole, 600)  # 1,000,000 octets in segments of at most 1,460
                self.assertGreater(counters["ipReasmReqds"], 2 * whole)  # in threes, if the device's queue loses none
                self.assertEqual(counters.get("ipReasmFails", 0), 0)

    def test_some_fragments_are_lost(self):
        """What misses one is sent again by the kernel, and what is left of it makes room in the end."""
        counters = self.carry(0, "--loss", "in:1", "--seed", "3")
        self.assertGreater(counters["ipReasmOKs"], 600)


if __name__ == "__main__":
    needs("ping", "ip", "unshare", "nsenter")
    main()
