"""Ethernet on a TAP device, against the running kernel, in both families: it resolves us and we resolve it, also when it
forgets us or gets another address in the middle of a transfer; what it notes of us; and whose address it is when both
want it. A router in between: test_ipv6.py."""

import json
import os
import re
import struct
import subprocess
import sys

import harness
from harness import Case, lastack, last_json

SIZE = 8 << 20
FAMILIES = {"-4": ("10.83.0.2", "10.83.0.1", ()), "-6": ("fd00:83::2", "fd00:83::1", ("--address", "fd00:83::2/64"))}


def in_url(address):
    return f"[{address}]" if ":" in address else address


def both(test):
    """Once a family."""
    def run(self):
        for family, (ours, theirs, options) in FAMILIES.items():
            with self.subTest(family=family):
                test(self, family, ours, theirs, options)
    run.__doc__ = test.__doc__
    return run


def frames_of(capture):
    """The types of a capture's interfaces, and its packets (pcapng, in this machine's order of octets)."""
    links, packets, at = [], [], 0
    while at < len(capture):
        kind, length = struct.unpack_from("=II", capture, at)
        if kind == 1:
            links.append(struct.unpack_from("=H", capture, at + 8)[0])
        elif kind == 6:
            captured = struct.unpack_from("=I", capture, at + 20)[0]
            packets.append(capture[at + 28:at + 28 + captured])
        at += length
    return links, packets


class Tap(Case):
    def serve(self, ours, options, between):
        content = self.write("www/file", os.urandom(SIZE))
        run = lastack("httpd", self.path("www"), "--tap", "--seconds", 60, *options, "--run",
                      f"curl -gs --retry 5 --retry-connrefused --limit-rate 4M http://{in_url(ours)}/file "
                      f"-o {self.path('got')} & sleep 0.8; {between}; wait; ping -c 1 -W 2 {ours}")
        self.assertEqual(self.read("got"), content, run.stderr)
        self.assertIn(b" 1 received", run.stdout + run.stderr)
        return run

    @both
    def test_the_kernel_forgets_us(self, family, ours, theirs, options):
        self.serve(ours, options, f"ip {family} neigh flush dev lastack0")

    @both
    def test_the_kernel_gets_another_address(self, family, ours, theirs, options):
        self.serve(ours, options, "ip link set dev lastack0 address 02:00:00:00:00:77")

    @both
    def test_what_the_kernel_notes(self, family, ours, theirs, options):
        """The address that our frames bear, and no other; as long as it can reach us."""
        self.serve(ours, (*options, "--pcap", self.path("capture")),
                   f"ip {family} -json neigh show dev lastack0 > {self.path('neighbours')}")
        notes = {note["dst"]: note for note in json.loads(self.read("neighbours"))}
        self.assertIn(notes[ours]["state"][0], ("REACHABLE", "DELAY", "STALE", "PROBE"))
        links, frames = frames_of(self.read("capture"))
        self.assertEqual(links, [1])  # LINKTYPE_ETHERNET
        senders = {frame[6:12] for frame in frames}
        self.assertIn(bytes.fromhex(notes[ours]["lladdr"].replace(":", "")), senders)
        self.assertEqual(len(senders), 2)
        types = {frame[12:14].hex() for frame in frames}
        self.assertLessEqual({"0800", "0806"} if family == "-4" else {"86dd"}, types)

    @both
    def test_get_from_the_kernel(self, family, ours, theirs, options):
        content = self.write("www/file", os.urandom(1 << 20))
        run = lastack("get", f"http://{in_url(theirs)}:8080/file", "--tap", *options, "-o", self.path("got"), "--run",
                      f"exec {sys.executable} -m http.server 8080 --bind {theirs} --directory {self.path('www')}")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.read("got"), content)

    @both
    def test_nobody_is_there(self, family, ours, theirs, options):
        """Three questions, a second apart, and it is told: not a minute of retransmissions."""
        nobody = ours[:-1] + "9"
        run = lastack("get", f"http://{in_url(nobody)}/", "--tap", *options, "--json", "-o", self.path("got"), "--netns",
                      limit=20)
        self.assertEqual((run.returncode, last_json(run.stdout)["outcome"]), (1, "unreachable"), run.stderr)


class Claims(Case):
    def in_namespace(self, *commands):
        """As the owner of a namespace with a TAP device that the kernel has up already."""
        before = ["ip tuntap add lastack0 mode tap", "ip link set lastack0 up"]
        return subprocess.run(["unshare", "-rn", "sh", "-ec", "\n".join(before + list(commands))], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.LIMIT)

    @both
    def test_the_kernel_has_it(self, family, ours, theirs, options):
        length, nodad = (24, "") if family == "-4" else (64, "nodad")
        run = self.in_namespace(
            f"ip addr add {ours}/{length} dev lastack0 {nodad}",
            " ".join([harness.LASTACK, "httpd", self.directory, "--tap", "--probe", "--seconds", "20", *options]))
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn(f"another station has {ours}".encode(), run.stderr)

    @both
    def test_nobody_has_it(self, family, ours, theirs, options):
        run = lastack("httpd", self.write("www/file", b"content") and self.path("www"), "--tap", "--probe", *options,
                      "--run", f"exec curl -gs http://{in_url(ours)}/file -o {self.path('got')}")
        self.assertEqual((run.returncode, self.read("got")), (0, b"content"), run.stderr)

    def test_the_kernel_wants_ours(self):
        """RFC 4862 5.4: its question is answered, and it lets go."""
        ours, _, options = FAMILIES["-6"]
        run = lastack("httpd", "/", "--tap", *options, "--run",
                      f"ip -6 addr add {ours}/64 dev lastack0; sleep 2.5; ip -6 addr show dev lastack0 >&2")
        self.assertRegex(run.stdout + run.stderr, re.compile(rb"inet6 fd00:83::2/64 [^\n]*dadfailed"))


if __name__ == "__main__":
    harness.needs("curl", "ping", "ip", "unshare")
    harness.main()
