"""Writes the seeds of fuzz_ethernet: lives of a host among neighbours, as the target reads them.

    corpus_ethernet.py FOLDER
"""

import struct
import sys
from pathlib import Path

US, ALL, GROUP, SOLICITED = 4, 0, 1, 2  # read_destination
RS, RA, NS, NA, REDIRECT = range(5)


def arp(operation, station, sender, target, to=ALL):
    return bytes([1, to, station, operation, sender, target])


def discovery(kind, station, target, rest=0, options=b"", to=GROUP):
    return bytes([2, to, kind, station]) + struct.pack("!I", rest) + bytes([target, len(options)]) + options


def octets(kind, data, to=US, station=9):
    return bytes([0, to, station, kind, len(data)]) + data


def syn(station, ipv6=0, to=US):
    return bytes([4, to, ipv6, station])


def wait(ms=None):
    return bytes([5, 0]) if ms is None else bytes([5, max(192, int(ms ** 0.5))])


def call(what, n, ipv6=False, handle=0):
    return bytes([6, what + 8 * handle + 64 * ipv6, n])


def mac_option(kind, n):
    return bytes([kind, 1, 2, 0, 0, 0, 0, n])


PREFIX = bytes([3, 4, 64, 0xC0]) + struct.pack("!II", 300, 200) + bytes(4) + bytes.fromhex("20010db8") + bytes(12)
MTU = bytes([5, 1, 0, 0]) + struct.pack("!I", 1300)
ROUTER = discovery(RA, 3, 0, 64 << 24 | 1800, mac_option(1, 3) + MTU + PREFIX)

LIVES = {
    "arp_resolved": b"\x00" + call(1, 9) + arp(2, 9, 9, 1, US) + wait() * 6,
    "arp_asked": b"\x00" + arp(1, 9, 9, 1) + syn(9) + arp(1, 8, 9, 9) + call(1, 9) + wait() * 9,
    "arp_nobody": b"\x02" + b"".join(call(1, n, handle=n % 4) for n in range(3, 9)) + wait() * 30,
    "arp_contested": b"\x00" + arp(1, 9, 1, 1) + arp(2, 9, 1, 1) + wait(40000) + arp(1, 9, 1, 1),
    "probe_refused": b"\x04" + wait() + arp(1, 9, 0, 1) + discovery(NA, 9, 1) + wait() * 9 + call(5, 1) + wait() * 9,
    "probe_ours": b"\x04" + wait() * 12 + arp(1, 9, 9, 1) + discovery(NS, 0, 1, to=SOLICITED) + wait() * 5,
    "gateway": b"\x00" + call(0, 0) + arp(2, 2, 2, 1, US) + wait() * 8,
    "nd_resolved": b"\x00" + call(1, 9, True) + discovery(NA, 9, 9, 0x60000000, mac_option(2, 9), US) + wait() * 8,
    "nd_asked": b"\x00" + discovery(NS, 9, 1, 0, mac_option(1, 9), SOLICITED) + syn(9, 1) + wait() * 8,
    "nd_moved": b"\x00" + call(1, 9, True) + discovery(NA, 9, 9, 0x60000000, mac_option(2, 9), US)
                + discovery(NA, 9, 9, 0x20000000, mac_option(2, 7)) + call(1, 9, True, 1) + wait() * 8,
    "nd_options": b"\x00" + discovery(NS, 9, 1, 0, b"\x01\x00", SOLICITED) + discovery(NA, 9, 9, 0, b"\x02\x09abcdef"),
    "router": b"\x08" + wait() + ROUTER + call(1, 9, True) + wait() * 20,
    "routers": b"\x08" + b"".join(discovery(RA, n, 0, 1800, mac_option(1, n)) for n in range(2, 12)) + wait() * 20,
    "redirect": b"\x08" + ROUTER + discovery(REDIRECT, 3, 0, 0, bytes(40)),
    "many": b"\x00" + syn(9, to=ALL) + syn(9, 1, GROUP) + octets(0, bytes(40), ALL) + octets(1, bytes(28)) + octets(3, b""),
}

for name, life in LIVES.items():
    (Path(sys.argv[1]) / name).write_bytes(life)
