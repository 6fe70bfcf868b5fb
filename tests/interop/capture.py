"""What a capture (--pcap) says of its one connection: the options agreed on, the close, and whether it ever stood still for
longer than a retransmission timer explains. tshark reads the capture, and gives its own opinion too.

A capture is taken at lastack's edge: what leaves is seen before the network has done anything to it, what arrives
afterwards; what the network loses is in it with a comment that says so."""

import re
import shutil
import subprocess
import sys
from collections import namedtuple

FIN, SYN, RST, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x10, 0x40, 0x80
FIELDS = ("frame.time_relative", "frame.packet_flags_direction", "tcp.stream", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw",
          "tcp.len", "tcp.options.wscale.shift", "tcp.options.timestamp.tsval", "tcp.options.sack_perm", "ip.dsfield.ecn",
          "ipv6.tclass.ecn", "frame.comment")
Segment = namedtuple("Segment", "time ours stream flags seq ack length scale timestamps sack ect lost")

# What tshark's expert says of connections in which nothing is wrong.
ALLOWED = {
    "This frame initiates the connection closing": "a note on the first FIN: connections are meant to close",
    "This frame undergoes the connection closing": "a note on the second FIN",
    "TCP Zero Window segment": "the reading program is slower than the sender for a moment: the window is there for that",
    "TCP window specified by the receiver is now completely full": "the same, seen from the sender's side",
}


def tshark(path, *arguments):
    # Random octets are no protocol, whatever they look like.
    done = subprocess.run(["tshark", "-r", path, "-d", "tcp.port==9000,data", *arguments], capture_output=True, text=True,
                          timeout=100, check=False)
    if done.returncode != 0:
        raise AssertionError(f"tshark does not read {path}: {done.stderr}")
    return done.stdout


def version():
    """Of tshark; None if it is not installed."""
    if not shutil.which("tshark"):
        return None
    done = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True)
    return re.search(r"TShark.* (\d+\.\d+\.\d+)", done.stdout)[1]


def segment_of(line):
    (time, direction, stream, flags, seq, ack, length, scale, tsval, sack, ecn4, ecn6, comment) = line.split("\t", 12)
    return Segment(float(time), direction.endswith("2"), int(stream), int(flags, 16), int(seq), int(ack or 0), int(length),
                   scale != "", tsval != "", sack != "", int(ecn4 or ecn6 or 0), "lost" in comment)


def read_all(path):
    """The segments of all connections, in order."""
    fields = [word for field in FIELDS for word in ("-e", field)]
    lines = tshark(path, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields", *fields).splitlines()
    return [segment_of(line) for line in lines]


def read(path):
    """The segments of the one connection that was established. Opens that were refused before it (the peer did not listen
    yet) are left out."""
    segments = read_all(path)
    streams = {s.stream for s in segments if s.flags & SYN and s.flags & ACK}
    if len(streams) != 1:
        raise AssertionError(f"{path}: {len(streams)} connections were established, not one")
    return [s for s in segments if s.stream in streams]


def expert(path, stream=None):
    """What tshark's expert analysis has to say, worse than "chat", and not allowed: [(severity, frequency, summary)]. Of one
    connection, or of all that is in the capture."""
    found, severity = [], None
    only = "" if stream is None else f",tcp.stream=={stream}"
    for line in tshark(path, "-q", "-z", "expert" + only).splitlines():
        if title := re.match(r"(\w+) \(\d+\)$", line):
            severity = title[1]
        elif row := re.match(r" +(\d+) +\S+ +\S+ +(\S.*)$", line):
            if severity not in ("Chats", "Comments") and row[2] not in ALLOWED:
                found.append((severity, int(row[1]), row[2]))
    return found


# ---- what was agreed on --------------------------------------------------------------------------------------------------


def agreed(segments):
    """Of each side's first SYN: which extensions it carries. {"ours": {"scale", ...}, "theirs": {...}}"""
    found = {}
    for segment in segments:
        side = "ours" if segment.ours else "theirs"
        if not segment.flags & SYN or side in found:
            continue
        marks = segment.flags & (ECE | CWR)
        asks = marks == (ECE if segment.flags & ACK else ECE | CWR)
        if marks and not asks:
            raise AssertionError(f"{side}: a SYN with ECE and CWR as {marks:#x} (RFC 3168 6.1.1)")
        found[side] = {name for name, there in (("window scale", segment.scale), ("timestamps", segment.timestamps),
                                                ("SACK", segment.sack), ("ECN", asks)) if there}
    return found


def withdrew_ecn(segments):
    """A SYN that was sent again left the congestion marks out: it might be they that do not get through (RFC 3168
    6.1.1.1)."""
    asked = [bool(s.flags & ECE) for s in segments if s.flags & SYN and not s.flags & ACK]
    return any(asked) and not all(asked)


def in_use(segments):
    """What both sides agreed on. No congestion marks after a SYN without: a host must not mark its data then (RFC 3168
    6.1.1)."""
    found = agreed(segments)
    both = found["ours"] & found["theirs"]
    return both - {"ECN"} if withdrew_ecn(segments) else both


def use_problems(segments, both):
    """What both sides agreed on is used, and nothing else is."""
    data = [s for s in segments if not s.flags & (SYN | RST)]
    for side in (True, False):
        mine = [s for s in data if s.ours == side]
        who = "lastack" if side else "the peer"
        stamped = {s.timestamps for s in mine}
        if stamped != {"timestamps" in both}:
            yield f"{who}: timestamps in {stamped} of its segments, agreed on: {'timestamps' in both} (RFC 7323 3.2)"
        marked = {s.ect != 0 for s in mine if s.length}
        if "ECN" not in both and True in marked and side:  # Linux does after a SYN without, too
            yield f"{who}: data is marked as ECN-capable, which was not agreed on (RFC 3168 6.1.1)"
        if "ECN" in both and marked and True not in marked:
            yield f"{who}: no data is marked as ECN-capable, which was agreed on (RFC 3168 6.1.2)"


# ---- the close -----------------------------------------------------------------------------------------------------------


def reaches(number, mark):
    """RFC 9293 3.4: number is mark, or follows it."""
    return (number - mark) % 2**32 < 2**31


def fin_mark(segments, ours):
    """The number behind a side's FIN; None if there was none."""
    return next(((s.seq + s.length + 1) % 2**32 for s in segments if s.ours == ours and s.flags & FIN), None)


def close_problems(segments, clean):
    """Both FINs are acknowledged, and there is no RST. In a network that is not clean copies and late segments reach whom
    the close has left in CLOSED, and are answered with RST (RFC 9293 3.10.7.1): from there, one is in order."""
    marks = {side: fin_mark(segments, side) for side in (True, False)}
    closed = {True: set(), False: set()}  # side: whose FINs are acknowledged, as far as it knows
    opened = next(i for i, s in enumerate(segments) if s.flags & SYN and s.flags & ACK)
    for segment in segments[opened:]:  # before: a refusal that was lost, as the peer did not listen yet
        side, other = segment.ours, not segment.ours
        if segment.flags & RST:
            if clean or closed[side] != {True, False}:
                yield f"a RST from {'lastack' if side else 'the peer'} at {segment.time:.3f} s"
        elif segment.flags & ACK and marks[other] is not None and reaches(segment.ack, marks[other]):
            closed[side].add(other)  # it has received the other's FIN
            if not segment.lost:
                closed[other].add(other)  # who knows that his FIN has arrived
    for side, who in ((True, "lastack's"), (False, "the peer's")):
        if marks[side] is None:
            yield f"{who} FIN was not seen"
        elif side not in closed[side]:
            yield f"{who} FIN was not acknowledged"


def must_wait(segments):
    """(lastack's side, the peer's): whose FIN was sent before the other's was received, which is then in TIME-WAIT at the
    end (RFC 9293 3.6)."""
    def before(ours):
        fin = next(s for s in segments if s.ours == ours and s.flags & FIN)
        return not reaches(fin.ack, fin_mark(segments, not ours))
    return before(True), before(False)


# ---- stalls --------------------------------------------------------------------------------------------------------------


class Sender:
    """One side's retransmission timer, as far as a capture tells of it: RFC 6298.

    RTO = SRTT + max(least, 4 RTTVAR) after samples of segments that were sent once (2, 3), 1 s before (2.1), 3 s if the
    SYN was sent again (5.7); with each retransmission it is doubled (5.5), until there is a sample again. Both lastack and
    Linux add at least 200 ms to SRTT, where RFC 6298 would have RTO at least 1 s (2.4). RTTVAR is the largest there was:
    Linux lets it sink more slowly than RFC 6298 does. A retransmission without a timeout counts as one, which gives the timer
    more time than it takes, by the factor two at most for each. Which of the segments that an ACK covers was timed is its
    sender's choice (3): here it is the one that was under way longest."""

    INITIAL_AFTER_SYN, MOST = 3.0, 60.0

    def __init__(self, path_seconds, timer):
        self.path = path_seconds  # what the samples do not see of the way there and back
        self.least, self.initial = timer
        self.una = self.nxt = self.fin = None
        self.sent = {}  # sequence number: [its end, when it was sent first, how often]
        self.srtt = self.rttvar = self.most_rttvar = None
        self.backoff, self.last, self.syn_again = 0, None, False

    def rto(self):
        if self.srtt is None:
            base = self.INITIAL_AFTER_SYN if self.syn_again else self.initial
        else:
            base = self.srtt + max(self.least, 4 * self.most_rttvar)
        return min(base * 2**self.backoff, self.MOST)

    def outstanding(self):
        return self.una != self.nxt

    def deadline(self):
        """By when the timer makes it send what is outstanding."""
        return self.last + self.rto()

    def finished(self):
        """Its FIN is acknowledged, and so is all before it."""
        return self.fin is not None and self.una == self.fin

    def sends(self, segment):
        length = segment.length + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        if self.una is None:
            self.una = self.nxt = segment.seq
        if length == 0:
            return
        end = (segment.seq + length) % 2**32
        entry = self.sent.setdefault(segment.seq, [end, segment.time, 0])
        entry[2] += 1
        if reaches(self.una, segment.seq) and not reaches(self.una, end) and entry[2] > 1:
            self.backoff += 1
            self.syn_again |= bool(segment.flags & SYN)
        if reaches(end, self.nxt):
            self.nxt = end
        if segment.flags & FIN:
            self.fin = end
        self.last = segment.time

    def acknowledged(self, segment, timestamps):
        if self.una is None or not segment.flags & ACK or segment.ack == self.una or not reaches(segment.ack, self.una):
            return
        self.una, self.last = segment.ack, max(self.last, segment.time)  # (5.3)
        done = [seq for seq, (end, _, _) in self.sent.items() if reaches(self.una, end)]
        times = [self.sent.pop(seq) for seq in done]
        once = [first for _, first, count in times if count == 1]
        if once:
            self.sample(segment.time - min(once) + self.path)
        if once or timestamps:
            self.backoff = 0

    def sample(self, r):
        if self.srtt is None:
            self.srtt, self.rttvar = r, r / 2
        else:
            self.rttvar = 0.75 * self.rttvar + 0.25 * abs(self.srtt - r)
            self.srtt = 0.875 * self.srtt + 0.125 * r
        self.most_rttvar = max(self.most_rttvar or 0, self.rttvar)


Stall = namedtuple("Stall", "at seconds allowed around")

DELAYED_ACK = 0.5  # RFC 9293 3.8.6.3: the longest silence where nothing is outstanding
PATIENCE = 0.15  # of a machine with other things to do


Timer = namedtuple("Timer", "least initial")
USUAL = Timer(0.2, 1.0)
# Timers that tick twice a second, as BSD's did and lwIP's do: six ticks at first. After the first sample five, or six if a
# tick fell into it: RTTVAR begins with those six.
TICKING = Timer(3.0, 3.0)


def stalls(segments, one_way_seconds=0.0, timestamps=True, peers=USUAL):
    """(The longest time without a segment while the connection was open, [the stalls that no timer explains]). A silence is
    explained up to the earlier of both sides' deadlines, and the way there and back. Of each stall, the segments around it
    are told, too."""
    sides = {True: Sender(0.0, USUAL), False: Sender(2 * one_way_seconds, peers)}
    longest, unexplained, before = 0.0, [], None
    for index, segment in enumerate(segments):
        if before is not None:
            deadlines = [side.deadline() for side in sides.values() if side.outstanding()]
            allowed = (min(deadlines) - before if deadlines else DELAYED_ACK) + 2 * one_way_seconds + PATIENCE
            silence = segment.time - before
            longest = max(longest, silence)
            if silence > allowed:
                unexplained.append(Stall(round(before, 3), round(silence, 3), round(allowed, 3),
                                         segments[max(index - 8, 0):index + 3]))
        sides[segment.ours].sends(segment)
        if not segment.lost:
            sides[not segment.ours].acknowledged(segment, timestamps)
        if all(side.finished() for side in sides.values()):
            break  # what still comes are copies
        before = segment.time
    return longest, unexplained


def in_words(stall):
    return "\n".join((f"stood still at {stall.at} s for {stall.seconds} s, at most {stall.allowed} s are explained:",
                      *(f"        {segment}" for segment in stall.around)))


ATTEMPTS = 3


def steadily(attempt):
    """What a run gives that does not stand still, of three at most: attempt() returns {"problems": [...], "stalls": [...],
    ...}. A capture does not tell how long a segment lay before lastack's program was woken to read it, which is in the
    peer's samples, and so in its timer; a stall that is not the machine's comes again. All other problems count at once."""
    for _ in range(ATTEMPTS):
        result = attempt()
        if result["problems"] or not result["stalls"]:
            return result
        print("once more:", result["combination"], *result["stalls"], sep="\n    ", file=sys.stderr)
    return {**result, "problems": result["stalls"]}
