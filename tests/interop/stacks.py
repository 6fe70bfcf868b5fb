"""lastack against other stacks (peers/): each is a host behind a TUN device of its own, to which the kernel routes."""

import os
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import capture
import matrix
from harness import LASTACK, Case, lastack, last_json, skip

PEERS = Path(os.environ.get("LASTACK_PEERS") or Path(LASTACK).resolve().parent / "tests")
PORT = 9000
# name: (options, seconds under way). Two of matrix.py's, and what this host is named for.
NETWORKS = {**{name: (matrix.NETWORKS[name], matrix.ONE_WAY_SECONDS[name]) for name in ("clean", "all")},
            "last ACK lost": (("--drop", "last-ack"), 0)}
OCTETS = 150_000
ADDRESSES = {"IPv4": ("10.83.0.2/24", "10.83.0.1"), "IPv6": ("fd00:83::2/64", "fd00:83::1")}


def peer(name, package):
    """The program that is the peer, or none: then the test is skipped."""
    program = PEERS / f"peer_{name}"
    if not program.exists():
        skip(f"{program} was not built: {package} is not installed (scripts/setup test)")
    return program


def assignments(names):
    """As lines of Python."""
    return "".join(f"{name} = {value!r}\n" for name, value in names.items())


def combinations():
    for family in ADDRESSES:
        for role in ("serves", "connects"):
            for first in ("lastack", "peer", "both"):
                for network in NETWORKS:
                    yield {"family": family, "role": role, "closes first": first, "network": network}


class Stack(Case):
    """A subclass says how the peer is run, and how many of its connections must be in TIME-WAIT."""

    timer = capture.TICKING
    sees_close = True  # the peer knows when its FIN is acknowledged, and only then does lastack close

    def feed(self, pipe, data, first):
        """Standard input ends at once, or when the peer's FIN is acknowledged."""
        try:
            with os.fdopen(pipe, "wb") as file:
                file.write(data)
                file.flush()
                for _ in range(20_000 if first == "peer" else 0):
                    if os.path.exists(self.path("got.closed")):
                        break
                    time.sleep(0.002)
        except BrokenPipeError:
            pass  # the outcome tells

    def carry(self, combination, remote, command, data):
        own, _ = ADDRESSES[combination["family"]]
        options, _ = NETWORKS[combination["network"]]
        where = ("-l", PORT) if combination["role"] == "serves" else (remote, PORT)
        reader, writer = os.pipe()
        feeder = threading.Thread(target=self.feed, args=(writer, data, combination["closes first"]))
        feeder.start()
        try:
            return lastack("nc", *where, "--json", "--address", own, "--pcap", self.path("capture.pcapng"),
                           *options, "--seed", matrix.SEED, "--run", command, stdin=reader)
        finally:
            os.close(reader)
            feeder.join()

    def judge(self, combination, remote, command):
        """What was seen, and what was wrong with it."""
        data, theirs = (random.Random(seed).randbytes(OCTETS) for seed in (matrix.SEED, matrix.SEED + 1))
        self.write("send", theirs)
        done = self.carry(combination, remote, command, data)
        if done.returncode != 0:
            return {}, [f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"]
        problems, report = [], last_json(done.stderr)
        if self.read("got") != data:
            problems.append("the peer did not receive what lastack sent")
        if done.stdout != theirs:
            problems.append("lastack did not receive what the peer sent")
        self.assert_clean(report)
        segments = capture.read(self.path("capture.pcapng"))
        both = capture.in_use(segments)
        problems += capture.use_problems(segments, both)
        # Both stacks send window updates when their programs read what was acknowledged with the FIN long ago: whom the
        # close has left in CLOSED answers with a RST, in a clean network too.
        closes = list(capture.close_problems(segments, False))
        problems += closes or self.judge_waits(combination, segments, report)
        _, one_way_seconds = NETWORKS[combination["network"]]
        longest, stalls = capture.stalls(segments, one_way_seconds, "timestamps" in both, self.timer)
        return {"segments": len(segments), "agreed": sorted(both), "longest silence": round(longest, 3),
                "stalls": [capture.in_words(stall) for stall in stalls]}, problems

    def judge_waits(self, combination, segments, report):
        entered = report["counters"]["lastackWaitEntered"]
        ours, _ = capture.must_wait(segments)
        wanted = {1} if ours else {0, 1}
        if combination["closes first"] == "lastack":
            wanted = {1}
        elif combination["closes first"] == "peer" and (self.sees_close or combination["network"] == "clean"):
            wanted = {0}
        return [] if entered in wanted else [f"lastack entered TIME-WAIT {entered} times, not {wanted}"]

    def forwards(self):
        """The kernel routes, in both families."""
        return "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$f; done\n"

    def run_with(self, combination):
        raise NotImplementedError

    def each(self):
        seen = 0
        for result in results(type(self)):
            with self.subTest(**result["combination"]):
                self.assertEqual(result["problems"], [])
                seen += 1
        print(f"{seen} combinations", file=sys.stderr)


def result_of(case_class, combination):
    """What was seen of one, in a folder and a network namespace of its own."""
    case = case_class()
    case.setUp()
    try:
        seen, problems = case.run_with(combination)
    except AssertionError as error:
        seen, problems = {}, [str(error)]
    finally:
        case.doCleanups()
    return {"combination": combination, "stalls": [], **seen, "problems": problems}


def results(case_class):
    """Of every combination, in their order. Two at once: they wait for timers most of the time."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda combination: capture.steadily(lambda: result_of(case_class, combination)), combinations())
