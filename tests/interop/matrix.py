#!/usr/bin/env python3
"""lastack against the running kernel, in every combination: family, device, who connects, who closes first, each extension
on and off on each side, and what the network does.

    matrix.py [-j N] [--json FILE] [--keep DIR] [--pairs | --all] [FACTOR=LEVEL...]

    --pairs      combinations in which every two levels of two factors meet (what ctest runs); the default
    --all        every family, device, role, close and network, with each variant of the extensions: one left out on one
                 side or on both, or none
    FACTOR=LEVEL only these: family=IPv6 network=loss
    --keep DIR   the captures stay there
    --json FILE  what was run and seen, an object a line

Of each run: what arrives is what was sent, both ways; the SYNs carry what the combination says, and what was agreed on is
used; both sides close, without a RST; who must wait is in TIME-WAIT, and nobody else is left (ss); no silence is longer
than the retransmission timer explains, three times in a row; and in a clean network tshark's expert finds nothing wrong."""

import argparse
import concurrent.futures
import hashlib
import itertools
import json
import os
import random
import sys
import textwrap
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import capture
import harness

PORT = 9000
EXTENSIONS = ("window scale", "timestamps", "SACK", "ECN")
SIDES = ("both", "ours off", "kernel off", "neither")
NETWORKS = {
    "clean": (),
    "loss": ("--loss", "3"),
    "delay": ("--delay", "15", "--jitter", "5"),
    "reorder": ("--reorder", "5", "--delay", "2"),
    "duplicate": ("--duplicate", "5"),
    "all": ("--loss", "2", "--delay", "5", "--jitter", "3", "--reorder", "3", "--duplicate", "3"),
}
ONE_WAY_SECONDS = {"clean": 0, "loss": 0, "delay": 0.02, "reorder": 0.022, "duplicate": 0, "all": 0.028}
SEED = 7
OCTETS = {"clean": 300_000}  # each way
OCTETS_BAD = 100_000

# lastack has no selective acknowledgments: its side never offers them, and that is held too.
FACTORS = {
    "family": ("IPv4", "IPv6"),
    "device": ("TUN",),
    "role": ("serves", "connects"),
    "closes first": ("lastack", "kernel", "both"),
    "network": tuple(NETWORKS),
    "window scale": SIDES,
    "timestamps": SIDES,
    "SACK": ("ours off", "neither"),
    "ECN": SIDES,
}
OURS_OFF = {"window scale": ("--no-window-scaling",), "timestamps": ("--no-timestamps",), "SACK": (), "ECN": ("--ecn", "off")}
SYSCTLS = {"window scale": "tcp_window_scaling", "timestamps": "tcp_timestamps", "SACK": "tcp_sack", "ECN": "tcp_ecn"}
PLACE = {"IPv4": (), "IPv6": ("--address", "fd00:83::2/64")}

PEER = """
    import json, hashlib, random, subprocess, threading
    for name, value in SYSCTLS.items():
        with open("/proc/sys/net/ipv4/" + name, "w") as file:
            file.write(value)
    if LASTACK_SERVES:
        s = socket.create_connection((LASTACK, PORT))
    else:
        family = socket.AF_INET6 if ":" in HERE else socket.AF_INET
        with socket.create_server((HERE, PORT), family=family) as listener:
            s, _ = listener.accept()
    got = hashlib.sha256()
    def receive():
        while part := s.recv(65536):
            got.update(part)
    reader = threading.Thread(target=receive)
    reader.start()
    s.sendall(random.Random(SEED).randbytes(OCTETS))
    if FIRST == "lastack":
        reader.join()
    s.shutdown(socket.SHUT_WR)
    if FIRST == "kernel":
        while s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 5: # FIN-WAIT-2: our FIN is acknowledged
            time.sleep(0.002)
        open(sys.argv[0] + ".closed", "w").close()
    reader.join()
    s.close()
    for _ in range(3000):
        sockets = subprocess.run(["ss", "-Htan"], stdout=subprocess.PIPE, check=True, text=True).stdout
        states = [line.split()[0] for line in sockets.splitlines()]
        if all(state == "TIME-WAIT" for state in states):
            break
        time.sleep(0.01)
    with open(sys.argv[0] + ".saw", "w") as file:
        json.dump({"hash": got.hexdigest(), "states": states}, file)
    """


def devices():
    """--tap is there where lastack stands on Ethernet."""
    return ("TUN", "TAP") if b"--tap " in harness.lastack("nc", "--help").stdout else ("TUN",)


def factors():
    return {**FACTORS, "device": devices()}


# ---- which combinations --------------------------------------------------------------------------------------------------


def pairs(table):
    """Combinations in which every two levels of any two factors meet at least once: greedily, with a fixed seed."""
    chance = random.Random(SEED)
    names = list(table)
    def gained(made):
        return sum(pair in open_pairs for pair in met(made, names))

    open_pairs = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2) for x in table[a] for y in table[b]}
    while open_pairs:
        best, most = None, -1
        for _ in range(30):
            first = chance.choice(sorted(open_pairs))
            made = dict(first)
            others = [name for name in names if name not in made]
            for name in chance.sample(others, len(others)):
                made[name] = max(table[name], key=lambda level: (gained({**made, name: level}), chance.random()))
            count = gained(made)
            if count > most:
                best, most = made, count
        open_pairs -= set(met(best, names))
        yield {name: best[name] for name in names}


def met(made, names):
    there = [(name, made[name]) for name in names if name in made]
    return itertools.combinations(there, 2)


def variants(table):
    """The extensions: all as both sides can, then each as one side leaves it out, or both."""
    usual = {name: table[name][0] for name in EXTENSIONS}
    yield usual
    for name in EXTENSIONS:
        for level in table[name][1:]:
            yield {**usual, name: level}


def product(table):
    names = [name for name in table if name not in EXTENSIONS]
    for levels in itertools.product(*(table[name] for name in names)):
        for variant in variants(table):
            yield {**dict(zip(names, levels)), **variant}


# ---- one run -------------------------------------------------------------------------------------------------------------


def on(combination, name, ours):
    return combination[name] in (("both", "kernel off") if ours else ("both", "ours off"))


def options_of(combination):
    """lastack's."""
    options = list(PLACE[combination["family"]]) + list(NETWORKS[combination["network"]]) + ["--seed", SEED]
    options += ["--tap"] if combination["device"] == "TAP" else []
    for name in EXTENSIONS:
        options += OURS_OFF[name] if not on(combination, name, True) else ()
    return options + (["--ecn", "offer"] if on(combination, "ECN", True) else [])


def expected(combination):
    """RFC 7323 1.3, RFC 2018 2, RFC 3168 6.1.1: who opens offers what is on; who answers, what was offered and is on."""
    ours, theirs = ({name for name in EXTENSIONS if on(combination, name, side)} for side in (True, False))
    if combination["role"] == "serves":
        return {"ours": ours & theirs, "theirs": theirs}
    return {"ours": ours, "theirs": theirs & ours}


class Run(harness.Case):
    """One combination, judged."""

    def runTest(self):
        """By hand: judge()."""

    def feed(self, pipe, data, first, peer_closed):
        """Standard input ends at once, or when the kernel's side is closed."""
        try:
            with os.fdopen(pipe, "wb") as file:
                file.write(data)
                file.flush()
                for _ in range(20_000 if first == "kernel" else 0):
                    if os.path.exists(peer_closed):
                        break
                    time.sleep(0.002)
        except BrokenPipeError:
            pass  # the outcome tells

    def carry(self, combination, data):
        sysctls = {SYSCTLS[name]: str(int(on(combination, name, False))) for name in EXTENSIONS}
        sysctls["tcp_rfc1337"] = "1"  # else a RST that answers a copy ends the kernel's wait: RFC 1337
        names = {"SYSCTLS": sysctls,
                 "LASTACK_SERVES": combination["role"] == "serves", "FIRST": combination["closes first"],
                 "SEED": SEED + 1, "OCTETS": len(data), "PORT": PORT}
        command = self.python("".join(f"{name} = {value!r}\n" for name, value in names.items()) + textwrap.dedent(PEER))
        here = "fd00:83::1" if combination["family"] == "IPv6" else "10.83.0.1"
        where = ("-l", PORT) if combination["role"] == "serves" else (here, PORT)
        reader, writer = os.pipe()
        feeder = threading.Thread(target=self.feed, args=(writer, data, combination["closes first"],
                                                          self.path("peer.py.closed")))
        feeder.start()
        try:
            return harness.lastack("nc", *where, "--json", "--pcap", self.path("capture.pcapng"),
                                   *options_of(combination), "--run", command, stdin=reader)
        finally:
            os.close(reader)
            feeder.join()

    def judge(self, combination):
        """What was seen, and what was wrong with it."""
        octets = OCTETS.get(combination["network"], OCTETS_BAD)
        data = random.Random(SEED).randbytes(octets)
        done = self.carry(combination, data)
        if done.returncode != 0 or not os.path.exists(self.path("peer.py.saw")):
            return {}, [f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"]
        problems, report, saw = [], harness.last_json(done.stderr), json.loads(self.read("peer.py.saw"))
        if saw["hash"] != hashlib.sha256(data).hexdigest():
            problems.append("the kernel did not receive what lastack sent")
        if done.stdout != random.Random(SEED + 1).randbytes(octets):
            problems.append("lastack did not receive what the kernel sent")
        self.assert_clean(report)
        segments = capture.read(self.path("capture.pcapng"))
        seen = {"seconds": round(report["seconds"], 2), "segments": len(segments),
                "retransmissions": report["counters"]["tcpRetransSegs"]}
        problems += self.judge_capture(combination, segments, report, saw, seen)
        if combination["network"] == "clean":
            problems += [f"tshark: {severity}, {count} times: {text}"
                         for severity, count, text in capture.expert(self.path("capture.pcapng"), segments[0].stream)]
        return seen, problems

    def judge_capture(self, combination, segments, report, saw, seen):
        agreed, wanted = capture.agreed(segments), expected(combination)
        if capture.withdrew_ecn(segments):  # then the answer may be to either SYN
            agreed, wanted = ({side: names - {"ECN"} for side, names in of.items()} for of in (agreed, wanted))
        if agreed != wanted:
            yield f"the SYNs carry {agreed}, not {wanted}"
        both = capture.in_use(segments)
        yield from capture.use_problems(segments, both)
        closes = list(capture.close_problems(segments, combination["network"] == "clean"))
        yield from closes
        if not closes:
            yield from self.judge_waits(combination, segments, report, saw)
        seen["longest silence"], stalls = capture.stalls(segments, ONE_WAY_SECONDS[combination["network"]],
                                                         "timestamps" in both)
        seen["longest silence"] = round(seen["longest silence"], 3)
        seen["stalls"] = [capture.in_words(stall) for stall in stalls]

    def judge_waits(self, combination, segments, report, saw):
        """Whose FIN could be sent only after the other's had come waits all the same if it was closed before
        (FIN-WAIT-1 begins with the call, RFC 9293 3.10.4): which may be where both close at once."""
        ours, theirs = capture.must_wait(segments)
        either = combination["closes first"] == "both"
        entered, waiting = report["counters"]["lastackWaitEntered"], len(saw["states"])
        if entered not in ({1} if ours else {0, 1} if either else {0}):
            yield f"lastack entered TIME-WAIT {entered} times, not {int(ours)}"
        if set(saw["states"]) - {"TIME-WAIT"} or waiting not in ({1} if theirs else {0, 1} if either else {0}):
            yield f"the kernel's sockets are in {saw['states']}; in TIME-WAIT must be: {int(theirs)}"
        if entered + waiting == 0:
            yield "nobody is in TIME-WAIT"
        if not either and (entered, waiting) != ((1, 0) if combination["closes first"] == "lastack" else (0, 1)):
            yield f"in TIME-WAIT: lastack {entered}, the kernel {waiting}, but first closed {combination['closes first']}"


def run(combination, keep=None):
    return capture.steadily(lambda: run_once(combination, keep))


def run_once(combination, keep):
    case = Run()
    case.setUp()
    try:
        seen, problems = case.judge(combination)
        if keep and os.path.exists(case.path("capture.pcapng")):
            name = "-".join(str(level) for level in combination.values()).replace(" ", "_")
            os.replace(case.path("capture.pcapng"), os.path.join(keep, name + ".pcapng"))
    except AssertionError as error:
        seen, problems = {}, [str(error)]
    finally:
        case.doCleanups()
    return {"combination": combination, "stalls": [], **seen, "problems": problems}


def run_all(combinations, jobs=1, keep=None):
    """One after the other, or several at a time: each has a network namespace of its own."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda combination: run(combination, keep), combinations)


def words(combination):
    return ", ".join(f"{name} {level}" for name, level in combination.items())


def chosen(arguments):
    table = factors()
    only = dict(word.split("=", 1) for word in arguments.only)
    for name, level in only.items():
        if name not in table or level not in table[name]:
            sys.exit(f"matrix.py: {name}={level}: the factors are {table}")
    combinations = product(table) if arguments.all else pairs(table)
    return [c for c in combinations if all(c[name] == level for name, level in only.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("only", nargs="*", metavar="FACTOR=LEVEL")
    arguments = parser.parse_args()
    combinations = chosen(arguments)
    failed = 0
    with open(arguments.json or os.devnull, "w", encoding="utf-8") as file:
        for result in run_all(combinations, arguments.jobs, arguments.keep):
            failed += bool(result["problems"])
            print("FAILED" if result["problems"] else "passed", words(result["combination"]), flush=True)
            print(*(f"    {problem}" for problem in result["problems"]), sep="\n", end="\n" if result["problems"] else "")
            file.write(json.dumps(result) + "\n")
    print(f"{len(combinations)} combinations, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
