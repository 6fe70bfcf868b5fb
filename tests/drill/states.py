"""Every state of RFC 9293 3.3.2 meets every kind of segment: what comes out, and which state follows.

    states.py FOLDER    writes FOLDER/<state>/<segment>.pkt, one script for each cell of the table below

A script brings a connection into the state, lets the segment arrive, expects the answer, and then asks which state the
connection is in: by further segments and by what the application may do, never by looking inside."""

import sys
from pathlib import Path

CODES = {"CL": "CLOSED", "LI": "LISTEN", "SS": "SYN-SENT", "SR": "SYN-RECEIVED", "S2": "SYN-RECEIVED-2",
         "ES": "ESTABLISHED", "F1": "FIN-WAIT-1", "F2": "FIN-WAIT-2", "CW": "CLOSE-WAIT", "CG": "CLOSING",
         "LA": "LAST-ACK", "TW": "TIME-WAIT"}  # SYN-RECEIVED-2 was reached by simultaneous open

# What stands in a cell: the answer, and behind ">" the state that follows, if it is another one.
#   .    silence
#   A    <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>; A+n: and RCV.NXT has moved n octets
#   SA   <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
#   R    a RST made from the segment: <SEQ=SEG.ACK><CTL=RST>, or without ACK <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
#   -    there is no such case: the row makes no difference here, or a folder written by hand has it
TABLE = """
segment            CL  LI     SS     SR        S2        ES        F1        F2        CW    CG    LA    TW
syn                R   SA>SR  SA>S2  .>LI      A         A         A         A         A     A     A     A
syn-again          -   -      -      SA        SA        A         A         A         A     A     A     A
syn-right          -   -      -      A         A         A         A         A         A     A     A     -
syn-with-text      R   SA>SR  SA>S2  .>LI      A         A         A         A         A     A     A     A
syn-ack            R   R      A>ES   .>LI      -         A         A         A         A     A     A     A
syn-ack-again      -   -      -      A         .>ES      A         A         A         A     A     A     A
syn-ack-old        -   -      R      -         -         -         -         -         -     -     -     -
syn-ack-beyond     -   -      R      -         -         -         -         -         -     -     -     -
syn-fin            R   .      SA>S2  .>LI      A         A         A         A         A     A     A     A
ack-old            R   R      R      R         R         .         .         .         .     .     .     .
ack-too-old        -   -      -      -         -         A         A         A         A     A     A     .
ack-exact          -   -      -      R         R         .         .         .         .     .     .     -
ack-new            -   -      .      .>ES      .>ES      .         .>F2      -         .     .>TW  .>CL  -
ack-beyond         -   -      R      R         R         A         A         A         A     A     A     .
ack-left           -   -      -      A         A         A         A         A         A     A     A     A
ack-right          -   -      -      .>ES      .>ES      .         .         .         .     .     .     A
text               R   R      R      R         R         A+100     A+100     A+100     A     A     A     A
text-ack-new       -   -      .      A+100>ES  A+100>ES  A+100     A+100>F2  -         -     -     -     -
text-old           -   -      -      -         -         A         A         A         A     A     A     A
text-old-ack-new   -   -      -      -         -         A         A         -         A     A     A     -
text-right-ack-new -   -      -      -         -         A         A         -         A     A     A     -
text-across-left   -   -      -      -         -         A+50      A+50      A+50      A     A     A     A
text-gap           -   -      -      -         -         A         A         A         A     A     A     A
text-last-octet    -   -      -      -         -         A         A         A         A     A     A     A
text-across-right  -   -      -      -         -         A         A         A         A     A     A     A
text-right         -   -      -      A         A         A         A         A         A     A     A     A
text-no-ack        R   .      .      .         .         .         .         .         .     .     .     .
fin                R   .      .      .         .         .         .         .         .     .     .     .
fin-ack            R   R      R      R         R         A+1>CW    A+1>CG    A+1>TW    A     A     A     A
fin-ack-new        -   -      .      A+1>CW    A+1>CW    A+1>CW    A+1>TW    -         -     -     -     -
fin-ack-again      -   -      -      -         -         A         A         A         A     A     A     A
fin-with-text      R   R      R      R         R         A+101>CW  A+101>CG  A+101>TW  A     A     A     A
fin-gap            -   -      -      -         -         A         A         A         A     A     A     A
fin-right          -   -      -      A         A         A         A         A         A     A     A     A
rst                .   .      .      .>LI      .>CL      .>CL      .>CL      .>CL      .>CL  .>CL  .>CL  .
rst-inside         -   -      -      A         A         A         A         A         A     A     A     .
rst-last-octet     -   -      -      A         A         A         A         A         A     A     A     .
rst-left           -   -      -      .         .         .         .         .         .     .     .     .
rst-right          -   -      -      A         A         A         A         A         A     A     A     .
rst-ack            .   .      .>CL   .>LI      .>CL      .>CL      .>CL      .>CL      .>CL  .>CL  .>CL  .
rst-ack-beyond     -   -      .      .>LI      .>CL      .>CL      .>CL      .>CL      .>CL  .>CL  .>CL  .
rst-ack-inside     -   -      -      A         A         A         A         A         A     A     A     .
rst-with-text      .   .      .      .>LI      .>CL      .>CL      .>CL      .>CL      .>CL  .>CL  .>CL  .
no-flags           R   .      .      .         .         .         .         .         .     .     .     .
no-flags-right     -   -      -      .         .         .         .         .         .     .     .     A
all-flags          .   .      .>CL   .>LI      .>CL      .>CL      .>CL      .>CL      .>CL  .>CL  .>CL  .
all-flags-inside   -   -      -      A         -         A         A         A         A     A     A     .
"""

# The segments. r is RCV.NXT, u is SND.UNA, s is SND.NXT, W is RCV.WND, so r+W is the first octet that lies right of the
# window. MAX.SND.WND is 65535. x is an ACK that is good and changes nothing, or, before our SYN is acknowledged,
# one that is good. What 3.10.7.4's steps say of it stands where it is decided.
#   name: flags, SEG.SEQ, octets of text, SEG.ACK, the step of 3.10.7.4 (and what refines it), in words
SEGMENTS = {
    "syn": ("S", "r", 0, None, "fourth; RFC 5961 4.2", "a SYN at RCV.NXT"),
    "syn-again": ("S", "0", 0, None, "first", "the SYN again that opened the connection"),
    "syn-right": ("S", "r+W", 0, None, "first; RFC 5961 4.2", "a SYN right of the window"),
    "syn-with-text": ("S", "r", 100, None, "fourth; RFC 5961 4.2", "a SYN with text"),
    "syn-ack": ("S.", "r", 0, "s", "fourth; RFC 5961 4.2", "a SYN-ACK at RCV.NXT"),
    "syn-ack-again": ("S.", "0", 0, "s", "first", "a SYN-ACK with the number of the SYN that came"),
    "syn-ack-old": ("S.", "r", 0, "u", "fifth", "a SYN-ACK that acknowledges nothing"),
    "syn-ack-beyond": ("S.", "r", 0, "s+1", "fifth", "a SYN-ACK of what was never sent"),
    "syn-fin": ("SF", "r", 0, None, "fourth; RFC 5961 4.2", "a SYN with FIN"),
    "ack-old": (".", "r", 0, "u-1", "fifth", "an ACK older than SND.UNA"),
    "ack-too-old": (".", "r", 0, "u-65536", "fifth; RFC 5961 5.2", "an ACK older than SND.UNA - MAX.SND.WND"),
    "ack-exact": (".", "r", 0, "u", "fifth", "an ACK that acknowledges nothing new"),
    "ack-new": (".", "r", 0, "s", "fifth", "an ACK of all that was sent"),
    "ack-beyond": (".", "r", 0, "s+1", "fifth; RFC 5961 5.2", "an ACK of what was never sent"),
    "ack-left": (".", "r-1", 0, "x", "first", "an ACK left of the window"),
    "ack-right": (".", "r+W", 0, "x", "first", "an ACK at the window's right edge"),
    "text": ("P.", "r", 100, "u", "seventh", "text at RCV.NXT"),
    "text-ack-new": ("P.", "r", 100, "s", "fifth, seventh", "text, with an ACK of all that was sent"),
    "text-old": ("P.", "r-100", 100, "x", "first", "text that came before"),
    "text-old-ack-new": ("P.", "r-100", 100, "s", "first", "text that came before, with an ACK of all"),
    "text-right-ack-new": ("P.", "r+W", 100, "s", "first", "text right of the window, with an ACK of all"),
    "text-across-left": ("P.", "r-50", 100, "u", "first, seventh", "text across the window's left edge"),
    "text-gap": ("P.", "r+100", 100, "u", "seventh, SHLD-31", "text inside the window, with a gap before it"),
    "text-last-octet": ("P.", "r+W-1", 1, "u", "first, seventh", "the last octet of the window"),
    "text-across-right": ("P.", "r+W-50", 100, "u", "first, seventh", "text across the window's right edge"),
    "text-right": ("P.", "r+W", 100, "x", "first", "text right of the window"),
    "text-no-ack": ("P", "r", 100, None, "fifth", "text without an ACK"),
    "fin": ("F", "r", 0, None, "fifth", "a FIN without an ACK"),
    "fin-ack": ("F.", "r", 0, "u", "eighth", "a FIN"),
    "fin-ack-new": ("F.", "r", 0, "s", "fifth, eighth", "a FIN with an ACK of all that was sent"),
    "fin-ack-again": ("F.", "r-1", 0, "x", "first", "a FIN left of the window"),
    "fin-with-text": ("FP.", "r", 100, "u", "seventh, eighth", "a FIN with text"),
    "fin-gap": ("F.", "r+100", 0, "u", "eighth", "a FIN inside the window, with a gap before it"),
    "fin-right": ("F.", "r+W", 0, "x", "first", "a FIN right of the window"),
    "rst": ("R", "r", 0, None, "second; RFC 5961 3.2", "a RST at RCV.NXT"),
    "rst-inside": ("R", "r+1", 0, None, "second; RFC 5961 3.2", "a RST inside the window"),
    "rst-last-octet": ("R", "r+W-1", 0, None, "second; RFC 5961 3.2", "a RST at the window's last octet"),
    "rst-left": ("R", "r-1", 0, None, "second; RFC 5961 3.2", "a RST left of the window"),
    "rst-right": ("R", "r+W", 0, None, "second; RFC 5961 3.2", "a RST at the window's right edge"),
    "rst-ack": ("R.", "r", 0, "s", "second; RFC 5961 3.2", "a RST with an ACK, at RCV.NXT"),
    "rst-ack-beyond": ("R.", "r", 0, "s+1", "second; RFC 5961 3.2", "a RST with an ACK of what was never sent"),
    "rst-ack-inside": ("R.", "r+1", 0, "s", "second; RFC 5961 3.2", "a RST with an ACK, inside the window"),
    "rst-with-text": ("R", "r", 100, None, "second; RFC 5961 3.2", "a RST with text"),
    "no-flags": ("-", "r", 0, None, "fifth", "a segment without any flag"),
    "no-flags-right": ("-", "r+W", 0, None, "fifth", "a segment without any flag, at the window's right edge"),
    "all-flags": ("FSRPU.", "r", 0, "s", "second; RFC 5961 3.2", "a segment with all flags"),
    "all-flags-inside": ("FSRPU.", "r+1", 0, "s", "second; RFC 5961 3.2", "all flags, inside the window"),
}

def window(state):
    """The peer's FIN has taken one, and so small a step is not offered again (RFC 9293 3.8.6.2.2)."""
    return 65534 if state in ("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT") else 65535


# ---- how a connection gets into each state, and its numbers there -----------------------------------------------------

LISTENER = """
0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
"""
CONNECT = """
0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
"""
SYN = """
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
"""
# A round trip of 100 ms makes the retransmission timeout 300 ms, here as on Linux.
EXCHANGE = """
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
+0 < P. 1:1001(1000) ack 1 win 65535
+0~+.5 > . 1:1(0) ack 1001
+0 < P. 1001:2001(1000) ack 1 win 65535
+0~+.5 > . 1:1(0) ack 2001
+0 read(4, ..., 4000) = 2000
+0 write(4, ..., 100) = 100
+0 > P. 1:101(100) ack 2001
+.1 < . 2001:2001(0) ack 101 win 65535
"""
PEERS_FIN = """
+0 < F. 2001:2001(0) ack 101 win 65535
+0~+.5 > . 101:101(0) ack 2002
"""
OPEN = LISTENER + SYN + EXCHANGE
FIN_WAIT_1 = OPEN + """
+0 shutdown(4, SHUT_WR) = 0
+0 > F. 101:101(0) ack 2001
"""
FIN_WAIT_2 = FIN_WAIT_1 + "+.1 < . 2001:2001(0) ack 102 win 65535"

# The numbers are those of the segment that comes next: r, u and s.
STATES = {
    "CLOSED": ("", 0, 1, 1),
    "LISTEN": (LISTENER, 0, 1, 1),
    "SYN-SENT": (CONNECT, 0, 0, 1),
    "SYN-RECEIVED": (LISTENER + SYN, 1, 0, 1),
    "SYN-RECEIVED-2": (CONNECT + SYN, 1, 0, 1),
    "ESTABLISHED": (OPEN + """
+0 write(4, ..., 50) = 50
+0 > P. 101:151(50) ack 2001
""", 2001, 101, 151),
    "FIN-WAIT-1": (FIN_WAIT_1, 2001, 101, 102),
    "FIN-WAIT-2": (FIN_WAIT_2, 2001, 102, 102),
    "CLOSE-WAIT": (OPEN + PEERS_FIN + """
+0 write(4, ..., 50) = 50
+0 > P. 101:151(50) ack 2002
""", 2002, 101, 151),
    "CLOSING": (FIN_WAIT_1 + """
+0 < F. 2001:2001(0) ack 101 win 65535
+0 > . 102:102(0) ack 2002
""", 2002, 101, 102),
    "LAST-ACK": (OPEN + PEERS_FIN + """
+0 shutdown(4, SHUT_WR) = 0
+0 > F. 101:101(0) ack 2002
""", 2002, 101, 102),
    "TIME-WAIT": (FIN_WAIT_2 + """
+.1 < F. 2001:2001(0) ack 102 win 65535
+0 > . 102:102(0) ack 2002
""", 2002, 102, 102),
}


def name_of(state):
    return "SYN-RECEIVED by simultaneous open" if state == "SYN-RECEIVED-2" else state


# ---- which state is it in? --------------------------------------------------------------------------------------------


class Script:
    """The lines so far, with the numbers as they have become."""

    def __init__(self, state):
        prelude, self.r, self.u, self.s = STATES[state]
        self.lines = [line for line in prelude.split("\n") if line]
        self.fd = 3 if state in ("SYN-SENT", "SYN-RECEIVED-2") else 4
        self.is_accepted = state not in ("LISTEN", "SYN-RECEIVED")
        self.state, self.unread, self.has_gap = state, 0, False

    def say(self, template):
        """{r+1} and the like stand for the numbers."""
        x = self.s if self.state.startswith("SYN-RECEIVED") else self.u
        numbers = {"r": self.r, "u": self.u, "s": self.s, "x": x, "W": window(self.state)}
        for line in template.strip().split("\n"):
            while "{" in line:
                before, _, rest = line.partition("{")
                expression, _, after = rest.partition("}")
                line = f"{before}{eval(expression, {}, numbers) % 2**32}{after}"
            self.lines.append(line.replace("FD", str(self.fd)))

    def accept(self):
        if not self.is_accepted:
            self.say("+0 accept(3, ..., ...) = FD")
            self.is_accepted = True

    def takes_text(self):
        self.say("""
+.05 < P. {r}:{r+10}(10) ack {s} win 65535
+0~+.5 > . {s}:{s}(0) ack {r+10}""")
        self.r += 10

    def sends_text(self):
        self.say("""
+0 write(FD, ..., 10) = 10
+0 > P. {s}:{s+10}(10) ack {r}""")
        self.s += 10

    def fin_comes_again(self):
        self.say("+.1~+.6 > F. {s-1}:{s-1}(0) ack {r}")


def is_established(script):
    script.accept()
    script.takes_text()
    script.sends_text()


def is_listening(script):
    if script.state == "LISTEN":
        script.say("""
+.05 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>""")
        script.r = 1
        is_syn_received(script)
    else:
        script.say("""
+.05 < . 1:1(0) ack 1 win 65535
+0 > R 1:1(0)
+0 accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)""")


def is_syn_sent(script):
    script.say("""
+.05 < S. 0:0(0) ack 1 win 65535 <mss 1000>
+0 > . 1:1(0) ack 1""")
    script.r = 1
    is_established(script)


def is_syn_received(script):
    script.say("+.05 < . 1:1(0) ack 1 win 65535")
    is_established(script)


def is_fin_wait_1(script):
    script.fin_comes_again()
    script.takes_text()


def is_fin_wait_2(script):
    script.say("+.35 < . {r}:{r}(0) ack {s} win 65535")
    script.takes_text()
    if not script.has_gap:
        script.say("""
+.05 < F. {r}:{r}(0) ack {s} win 65535
+0 > . {s}:{s}(0) ack {r+1}""")


def is_close_wait(script):
    script.accept()
    if script.unread > 0:
        script.say(f"+0 read(FD, ..., 1000) = {script.unread}")
    script.say("""
+0 read(FD, ..., 1000) = 0
+.05 < . {r}:{r}(0) ack {s} win 65535""")
    script.sends_text()
    script.say("""
+0 shutdown(FD, SHUT_WR) = 0
+0 > F. {s}:{s}(0) ack {r}
+.05 < . {r}:{r}(0) ack {s+1} win 65535
+.05 < . {r}:{r}(0) ack {s+1} win 65535
+0 > R {s+1}:{s+1}(0)""")


def is_closing(script):
    script.fin_comes_again()
    script.say("+.05 < . {r}:{r}(0) ack {s} win 65535")
    is_time_wait(script)


def is_last_ack(script):
    script.fin_comes_again()
    script.say("""
+.05 < . {r}:{r}(0) ack {s} win 65535
+.05 < . {r}:{r}(0) ack {s} win 65535
+0 > R {s}:{s}(0)""")


def is_time_wait(script):
    """Silence first, for longer than the FIN's retransmission would take and answers be limited."""
    script.say("""
+.6 < F. {r-1}:{r-1}(0) ack {s} win 65535
+0 > . {s}:{s}(0) ack {r}""")


def is_closed(script):
    if script.state in ("SYN-RECEIVED-2", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"):
        script.say("+0 read(FD, ..., 1000) = -1 ECONNRESET (Connection reset by peer)")
    if script.state == "SYN-SENT":
        script.say("+0 read(FD, ..., 1000) = -1 ECONNREFUSED (Connection refused)")
    script.say("""
+.05 < . {r}:{r}(0) ack {s} win 65535
+0 > R {s}:{s}(0)""")


IS_IN = {
    "CLOSED": is_closed, "LISTEN": is_listening, "SYN-SENT": is_syn_sent, "SYN-RECEIVED": is_syn_received,
    "SYN-RECEIVED-2": is_syn_received, "ESTABLISHED": is_established, "FIN-WAIT-1": is_fin_wait_1,
    "FIN-WAIT-2": is_fin_wait_2, "CLOSE-WAIT": is_close_wait, "CLOSING": is_closing,
    "LAST-ACK": is_last_ack, "TIME-WAIT": is_time_wait,
}

# ---- where Linux answers differently ----------------------------------------------------------------------------------

BEHIND_FIN = "CLOSE-WAIT", "CLOSING", "LAST-ACK"
SYNCHRONIZED = "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", *BEHIND_FIN
# rows, states, and what there is to say
LINUX = [
    ("text text-gap text-last-octet text-across-right text-right fin-ack fin-gap fin-with-text fin-right",
     BEHIND_FIN,
     "what lies behind the peer's FIN is dropped in silence; RFC 9293 3.10.7.4 does not say"),
    ("text-right-ack-new", ("CLOSE-WAIT",),
     "what lies behind the peer's FIN is dropped in silence; RFC 9293 3.10.7.4 does not say"),
    ("text-across-left", BEHIND_FIN,
     "new text behind the peer's FIN is answered with a RST; RFC 9293 3.10.7.4 (seventh) has it ignored"),
    ("rst-left", BEHIND_FIN,
     "a RST at the number of the peer's FIN ends the connection; RFC 5961 3.2 has it dropped"),
    ("text-old-ack-new text-right-ack-new", ("FIN-WAIT-1", "CLOSING", "LAST-ACK"),
     "the ACK of a segment that is not acceptable counts; RFC 9293 3.10.7.4 (first) drops it whole"),
    ("syn syn-with-text syn-fin syn-ack", ("SYN-RECEIVED",),
     "a RST is sent; RFC 9293 3.10.7.4 (fourth) returns to LISTEN without a word"),
    ("ack-exact text fin-ack fin-with-text", ("SYN-RECEIVED-2",),
     "an ACK that does not acknowledge our SYN is let pass; RFC 9293 3.10.7.4 (fifth) resets it"),
    ("syn-again", ("SYN-RECEIVED-2",),
     "an ACK is sent, which a peer in SYN-SENT drops; a SYN-ACK is one too, and tells it more"),
    ("syn-ack-again", ("SYN-RECEIVED-2",),
     "an ACK is sent first; RFC 9293 figure 7, line 6, has the SYN-ACK establish the connection"),
    ("ack-old ack-beyond syn-ack-old syn-ack-beyond rst-ack-beyond text fin-ack fin-with-text", ("SYN-SENT",),
     "the SYN is sent again at once; RFC 9293 3.10.7.3 (first) knows the RST only"),
    ("fin text-no-ack", ("TIME-WAIT",),
     "an ACK is sent; RFC 9293 3.10.7.4 (fifth) drops what has no ACK bit"),
]


def what_linux_does(state, row):
    if state == "TIME-WAIT" and "R" in SEGMENTS[row][0]:
        yield "// Linux: sysctl net.ipv4.tcp_rfc1337=1"
    for rows, states, reason in LINUX:
        if row in rows.split() and state in states:
            yield f"// Linux: differs: {reason}"

# ---- a cell becomes a script ------------------------------------------------------------------------------------------


def clause(state, row):
    flags, _, _, ack, step, _ = SEGMENTS[row]
    if state == "CLOSED":
        return "RFC 9293 3.10.7.1"
    if state == "LISTEN":
        step = "first" if "R" in flags else "second" if "." in flags else "third" if "S" in flags else "fourth"
        return f"RFC 9293 3.10.7.2, {step}"
    if state == "SYN-SENT":
        step = ("first" if ack not in (None, "s") else "second" if "R" in flags else "fourth" if "S" in flags
                else "fifth")
        return f"RFC 9293 3.10.7.3, {step}"
    if state == "TIME-WAIT" and "R" in flags:
        return "RFC 1337 3, fix 1"
    return f"RFC 9293 3.10.7.4, {step}"


def split(cell):
    """The answer, by how much RCV.NXT moves, and the state that follows or None."""
    answer, _, following = cell.partition(">")
    answer, _, octets = answer.partition("+")
    return answer, int(octets or 0), CODES.get(following)


def say_segment(script, row):
    flags, seq, length, ack, _, _ = SEGMENTS[row]
    acknowledges = "" if ack is None else f" ack {{{ack}}}"
    options = " <mss 1000>" if flags == "S" else ""
    when = "+.05" if script.lines else "0 "
    script.say(f"{when} < {flags} {{{seq}}}:{{{seq}+{length}}}({length}){acknowledges} win 65535{options}")


def say_ack(script, row):
    flags, _, length, _, _, _ = SEGMENTS[row]
    may_be_delayed = (length > 0 or "F" in flags) and "S" not in flags and "R" not in flags  # MUST-58: less than 0.5 s
    script.say(("+0~+.5" if may_be_delayed else "+0") + " > . {s}:{s}(0) ack {r}")


def say_syn_ack(script, _):
    script.say("+0 > S. 0:0(0) ack 1 <...>")


def say_reset(script, row):
    flags, seq, length, ack, _, _ = SEGMENTS[row]
    if ack is not None:
        script.say(f"+0 > R {{{ack}}}:{{{ack}}}(0)")
    else:
        script.say(f"+0 > R. 0:0(0) ack {{{seq}+{length + ('S' in flags) + ('F' in flags)}}}")


IN_WORDS = {".": "nothing is sent", "A": "an ACK is sent", "SA": "a SYN-ACK is sent", "R": "a RST is sent"}


def head(state, row, cell):
    answer, moved, following = split(cell)
    words = f"{name_of(state)}: {SEGMENTS[row][5]}: {IN_WORDS[answer]}"
    words += f", {moved} octets further" if moved else ""
    words += f", and the connection is in {name_of(following)}." if following else ", and the state stays."
    yield f"// {words}"
    yield f"// {clause(state, row)}"
    yield from what_linux_does(state, row)


def script_of(state, row, cell):
    script = Script(state)
    answer, moved, following = split(cell)
    script.has_gap = row in ("text-gap", "fin-gap", "text-last-octet", "text-across-right")
    say_segment(script, row)
    say_answer = {"A": say_ack, "SA": say_syn_ack, "R": say_reset, ".": lambda *_: None}[answer]
    if moved:
        script.r, script.unread = script.r + moved, SEGMENTS[row][2]
    elif "S" in SEGMENTS[row][0] and state in ("LISTEN", "SYN-SENT") and answer != "R":
        script.r = 1
    say_answer(script, row)
    IS_IN[following or state](script)
    return "\n".join([*head(state, row, cell), "", *script.lines, ""])


def cells():
    """State, row and cell of everything that the table has to say."""
    first, *rows = (line.split() for line in TABLE.strip().split("\n"))
    for row, *row_cells in rows:
        assert len(row_cells) == len(STATES), row
        for code, cell in zip(first[1:], row_cells):
            if cell != "-":
                yield CODES[code], row, cell


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: states.py FOLDER", file=sys.stderr)
        return 2
    for state, row, cell in cells():
        path = Path(sys.argv[1]) / state.lower() / f"{row}.pkt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script_of(state, row, cell))
    return 0


if __name__ == "__main__":
    sys.exit(main())
