#!/usr/bin/env python3
# timeout: 300
"""lastack against the running kernel, in combinations (matrix.py) in which every two levels of two factors meet; and the
rules by which they are judged can fail."""

import contextlib
import io
import itertools
import unittest

import capture
import matrix
from capture import ACK, CWR, ECE, FIN, RST, SYN, Segment
from harness import main, needs


def segments(*rows):
    """(time, "out" or "in" or "in lost", flags, seq, ack, length)"""
    return [Segment(time, way.startswith("out"), 0, flags, seq, ack, length, False, False, False, 0, "lost" in way)
            for time, way, flags, seq, ack, length in rows]


OPEN = ((0.0, "out", SYN, 99, 0, 0), (0.01, "in", SYN | ACK, 499, 100, 0), (0.01, "out", ACK, 100, 500, 0))
CLOSE = ((0.02, "out", FIN | ACK, 100, 500, 0), (0.03, "in", FIN | ACK, 500, 101, 0), (0.03, "out", ACK, 101, 501, 0))


class Matrix(unittest.TestCase):
    def test_every_two_levels_meet(self):
        """And what is expected of each is met."""
        seen = 0
        for result in matrix.run_all(matrix.pairs(matrix.factors()), jobs=2):
            with self.subTest(**result["combination"]):
                self.assertEqual(result["problems"], [])
            seen += 1
        self.assertGreaterEqual(seen, 24)
        print(f"{seen} combinations")


class Selection(unittest.TestCase):
    def test_no_pair_is_left_out(self):
        table = {**matrix.FACTORS, "device": ("TUN", "TAP")}
        chosen = list(matrix.pairs(table))
        for a, b in itertools.combinations(table, 2):
            there = {(combination[a], combination[b]) for combination in chosen}
            self.assertEqual(there, set(itertools.product(table[a], table[b])), (a, b))
        self.assertEqual(chosen, list(matrix.pairs(table)))

    def test_the_product_has_each_extension_off_on_each_side(self):
        chosen = list(matrix.product(matrix.FACTORS))
        for name in matrix.EXTENSIONS:
            self.assertEqual({combination[name] for combination in chosen}, set(matrix.FACTORS[name]))
        self.assertEqual(len(chosen), len({tuple(combination.values()) for combination in chosen}))


class Rules(unittest.TestCase):
    def test_stall(self):
        """Data that nobody sends again within RTO is seen; so is one that is sent again too late, after doubling."""
        lost = (0.02, "out", ACK, 100, 500, 10)
        for rows, found in (
                (CLOSE, []),
                ((lost, (0.25, "out", ACK, 100, 500, 10), (0.26, "in", ACK, 500, 110, 0)), []),
                ((lost, (0.25, "out", ACK, 100, 500, 10), (0.70, "out", ACK, 100, 500, 10)), []),
                ((lost, (0.60, "out", ACK, 100, 500, 10)), [0.58]),
                ((lost, (0.25, "out", ACK, 100, 500, 10), (1.25, "out", ACK, 100, 500, 10)), [1.0]),
                (((0.02, "out", ACK, 100, 500, 10), (0.03, "in", ACK, 500, 110, 0), (1.0, "in", ACK, 500, 110, 5)), [0.97]),
                (((0.02, "in", ACK, 500, 100, 10), (0.03, "out", ACK, 100, 510, 0), (0.9, "in", ACK, 500, 100, 10)), [0.87]),
                (((0.02, "out", ACK, 100, 500, 10), (0.03, "in lost", ACK, 500, 110, 0), (0.9, "out", ACK, 100, 500, 10)),
                 [0.87])):
            _, stalls = capture.stalls(segments(*OPEN, *rows))
            self.assertEqual([stall.seconds for stall in stalls], found, rows)

    def test_sample(self):
        """Of the segments that an ACK covers, the one that was under way longest gives most time."""
        rows = ((0.02, "out", ACK, 100, 500, 10), (0.11, "out", ACK, 110, 500, 10), (0.12, "in", ACK, 500, 120, 0),
                (0.13, "out", ACK, 120, 500, 10))
        for again, found in ((0.495, 0), (0.51, 1)):
            _, stalls = capture.stalls(segments(*OPEN, *rows, (again, "out", ACK, 120, 500, 10)))
            self.assertEqual(len(stalls), found, stalls)

    def test_steadily(self):
        """A stall that comes again and again is a problem; one that does not is none; another problem is one at once."""
        for seen, tries, problems in (("s", 3, ["s"]), (("s", ""), 2, []), (("s", "s", ""), 3, []), (("",), 1, []),
                                      (("p",), 1, ["p"]), (("s", "p"), 2, ["p"])):
            runs = iter([*seen, *"sss"])
            made = []
            def attempt():
                kind = next(runs)
                made.append({"combination": "a test", "stalls": ["s"] * (kind == "s"), "problems": ["p"] * (kind == "p")})
                return made[-1]
            with contextlib.redirect_stderr(io.StringIO()):
                result = capture.steadily(attempt)
            self.assertEqual((len(made), result["problems"]), (tries, problems), seen)

    def test_resets_and_fins(self):
        reset = (0.04, "in", RST, 501, 0, 0)
        good = segments(*OPEN, *CLOSE)
        self.assertEqual(list(capture.close_problems(good, True)), [])
        self.assertTrue(list(capture.close_problems(good[:-1], True)))
        self.assertTrue(list(capture.close_problems(segments(*OPEN, *CLOSE, reset), True)))
        self.assertEqual(list(capture.close_problems(segments(*OPEN, *CLOSE, reset), False)), [])
        self.assertTrue(list(capture.close_problems(segments(*OPEN, *CLOSE[:1], reset), False)))
        refused = (0.005, "in lost", RST | ACK, 0, 100, 0)
        self.assertEqual(list(capture.close_problems(segments(OPEN[0], refused, *OPEN, *CLOSE), True)), [])
        self.assertTrue(list(capture.close_problems(segments(*OPEN, refused, *CLOSE), True)))
        self.assertEqual(capture.must_wait(good), (True, False))
        crossing = (CLOSE[0], (0.03, "in", FIN | ACK, 500, 100, 0), (0.04, "out", ACK, 101, 501, 0))
        self.assertEqual(capture.must_wait(segments(*OPEN, *crossing)), (True, True))

    def test_options(self):
        self.assertEqual(capture.agreed(segments(*OPEN)), {"ours": set(), "theirs": set()})
        stamped = [segment._replace(timestamps=True) for segment in segments(*OPEN)]
        self.assertEqual(capture.agreed(stamped)["theirs"], {"timestamps"})
        self.assertTrue(list(capture.use_problems(segments(*OPEN, *CLOSE), {"timestamps"})))
        marking = segments((0.0, "out", SYN | ECE | CWR, 99, 0, 0), (0.01, "in", SYN | ACK | ECE, 499, 100, 0))
        self.assertEqual(capture.in_use(marking), {"ECN"})
        self.assertEqual(capture.in_use([marking[0], *segments(OPEN[0]), marking[1]]), set())
        data = segments((0.02, "out", ACK, 100, 500, 10))
        self.assertTrue(list(capture.use_problems([*marking, *data], {"ECN"})))
        self.assertTrue(list(capture.use_problems([*marking, data[0]._replace(ect=2)], set())))
        self.assertEqual(list(capture.use_problems(segments(*OPEN, *CLOSE), set())), [])


if __name__ == "__main__":
    needs("ss", "tshark")
    main()
