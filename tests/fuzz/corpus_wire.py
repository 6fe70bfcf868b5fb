"""Writes the seeds of fuzz_wire: one packet a file. Checksums are left 0 where the target makes them right itself.

    corpus_wire.py FOLDER
"""

import struct
import sys
from pathlib import Path


def ip(protocol, payload, options=b"", fragment=0x4000):
    words = 5 + len(options) // 4
    total = 4 * words + len(payload)
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, total, 0, fragment, 64, protocol, 0)
    return header + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + options + payload


def tcp(flags, options=b"", text=b"", seq=1, ack=0):
    words = 5 + len(options) // 4
    return struct.pack("!HHIIBBHHH", 40000, 80, seq, ack, words << 4, flags, 65535, 0, 0) + options + text


def icmp(kind, code, rest, body):
    return struct.pack("!BBHI", kind, code, 0, rest) + body


def ip6(protocol, payload, source=2, hops=64):
    addresses = bytes.fromhex("20010db8") + bytes(11) + bytes([source]) + bytes.fromhex("20010db8") + bytes(11) + b"\x01"
    return struct.pack("!IHBB", 0x60000000, len(payload), protocol, hops) + addresses + payload


def options6(following, options):
    header = bytes([following, (len(options) + 2 + 7) // 8 - 1]) + options
    return header + bytes(-len(header) % 8)


def routing6(following, kind, left):
    return struct.pack("!BBBBI", following, 2, kind, left, 0) + bytes(16)


def fragment6(following, offset, more):
    return struct.pack("!BBHI", following, 0, offset | more, 0xDEADBEEF)


timestamps = b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
syn = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x07"
quote = ip(6, tcp(0x10))[:28]
quote6 = ip6(6, tcp(0x10), 1)[:48]

SEEDS = {
    "tcp_syn": ip(6, tcp(0x02, syn)),
    "tcp_text": ip(6, tcp(0x18, timestamps, b"hello")),
    "tcp_fin": ip(6, tcp(0x11)),
    "tcp_rst": ip(6, tcp(0x04)),
    "tcp_sack": ip(6, tcp(0x10, b"\x01\x01\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02")),
    "tcp_option_length": ip(6, tcp(0x10, b"\x01\x02\x00\x00")),
    "tcp_option_end": ip(6, tcp(0x10, b"\x03\x03\x0f\x00")),
    "tcp_header_length": ip(6, tcp(0x10)[:12] + b"\xf0" + tcp(0x10)[13:]),
    "ip_options": ip(6, tcp(0x10), b"\x94\x04\x00\x00\x01\x01\x01\x00"),
    "ip_source_route": ip(6, tcp(0x10), b"\x83\x07\x04\x01\x02\x03\x04\x00"),
    "ip_fragment": ip(6, tcp(0x10), fragment=0x2000),
    "ip_padded": ip(6, tcp(0x10)) + bytes(6),
    "ip_version_6": b"\x60" + bytes(39),
    "icmp_echo": ip(1, icmp(8, 0, 0x00010001, b"ping")),
    "icmp_unreachable": ip(1, icmp(3, 3, 0, quote)),
    "icmp_mtu": ip(1, icmp(3, 4, 1300, quote)),
    "icmp_time_exceeded": ip(1, icmp(11, 0, 0, quote)),
    "icmp_quote_cut": ip(1, icmp(3, 1, 0, quote[:24])),
    "ipv6_tcp_syn": ip6(6, tcp(0x02, syn)),
    "ipv6_tcp_text": ip6(6, tcp(0x18, timestamps, b"hello")),
    "ipv6_padded": ip6(6, tcp(0x10)) + bytes(6),
    "ipv6_router_alert": ip6(0, options6(58, b"\x05\x02\x00\x00\x01\x00") + icmp(143, 0, 0, b"")),
    "ipv6_jumbo": ip6(0, options6(6, b"\xc2\x04\x00\x01\x00\x00") + tcp(0x10)),
    "ipv6_option_tell": ip6(60, options6(6, b"\x9e\x04abcd") + tcp(0x10)),
    "ipv6_option_discard": ip6(60, options6(6, b"\x5e\x04abcd") + tcp(0x10)),
    "ipv6_option_length": ip6(60, options6(6, b"\x01\x09abcd") + tcp(0x10)),
    "ipv6_chain": ip6(0, options6(60, b"\x01\x04abcd") + options6(43, b"\x01\x04abcd") + routing6(44, 0, 0)
                      + fragment6(6, 0, 0) + tcp(0x10)),
    "ipv6_chain_long": ip6(60, options6(60, b"\x01\x04abcd") * 9 + options6(6, b"\x01\x04abcd") + tcp(0x10)),
    "ipv6_routing": ip6(43, routing6(6, 0, 1) + tcp(0x10)),
    "ipv6_fragment": ip6(44, fragment6(6, 8, 1) + tcp(0x10)),
    "ipv6_fragment_behind": ip6(0, options6(44, b"\x01\x04abcd") + fragment6(60, 0, 1) + options6(6, b"\x01\x04abcd")),
    "ipv6_no_next_header": ip6(59, b"abcd"),
    "ipv6_mapped": ip6(6, tcp(0x10))[:8] + bytes(10) + b"\xff\xff\xc0\x00\x02\x02" + ip6(6, tcp(0x10))[24:],
    "icmpv6_echo": ip6(58, icmp(128, 0, 0x00010001, b"ping")),
    "icmpv6_unreachable": ip6(58, icmp(1, 4, 0, quote6)),
    "icmpv6_too_big": ip6(58, icmp(2, 0, 1300, quote6)),
    "icmpv6_parameter_problem": ip6(58, icmp(4, 1, 6, quote6)),
    "icmpv6_quote_cut": ip6(58, icmp(1, 0, 0, quote6[:44])),
    "icmpv6_neighbor": ip6(58, icmp(135, 0, 0, bytes(16)), hops=255),
}

for name, packet in SEEDS.items():
    (Path(sys.argv[1]) / name).write_bytes(packet)
