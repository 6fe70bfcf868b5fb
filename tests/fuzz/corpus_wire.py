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


timestamps = b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
syn = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x07"
quote = ip(6, tcp(0x10))[:28]

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
}

for name, packet in SEEDS.items():
    (Path(sys.argv[1]) / name).write_bytes(packet)
