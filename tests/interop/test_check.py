"""lastack check: what the program does with runs, trails and files."""

import json
import tempfile
import unittest
from pathlib import Path

from harness import lastack


class Check(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name):
        return str(Path(self.folder.name) / name)

    def test_found_written_and_played_again(self):
        trail, pcap = self.file("trail"), self.file("pcapng")
        done = lastack("check", "last-ack-msl-0", "--trail", trail, "--pcap", pcap, "--ascii")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"reset by the peer, and nobody had a reason to", done.stdout)
        self.assertIn(b"LAST-ACK", done.stdout)
        self.assertTrue(done.stdout.isascii())
        self.assertEqual(Path(pcap).read_bytes()[:4], bytes.fromhex("0a0d0d0a"))
        played = lastack("check", "--replay", trail, "--ascii")
        self.assertEqual((played.returncode, played.stderr), (0, b""))
        self.assertEqual(played.stdout[played.stdout.index(b"   1 "):], done.stdout[done.stdout.index(b"   1 "):])

    def test_an_event_too_many_is_taken_out(self):
        trail = self.file("trail")
        lastack("check", "custom", "--set", "client=open,send,close", "--set", "server=eof,close", "--set", "msl_ms=0",
                "--set", "loss=2", "--set", "expected=reset", "--trail", trail)
        lines = Path(trail).read_text(encoding="utf-8").splitlines()
        opened = next(i for i, line in enumerate(lines) if line.startswith("event="))
        lines[opened + 1:opened + 1] = ["event=2:0:0", "event=5:0:0"]  # the first SYN is lost, and sent again
        Path(trail).write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = lastack("check", "--replay", trail, "--minimise")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"\n  2 events could be taken out\n", done.stdout)

    def test_a_script_of_it_passes(self):
        shut = ("custom", "client=open,send,send,send,close", "server=open,send,eof,close", "window=6", "lazy=2",
                "loss=1", "msl_ms=0", "expected=reset")
        for run, *settings in (("last-ack-msl-0",), ("last-ack-msl-0-silent",), ("ghost-isn-repeats",), shut,
                               ("last-ack-msl-0-silent", "timestamps=1"), ("last-ack-msl-0", "delayed_ack_ms=40")):
            with self.subTest(run=run, settings=settings):
                script = self.file(run + ".pkt")
                sets = [word for setting in settings for word in ("--set", setting)]
                self.assertEqual(lastack("check", run, *sets, "--drill", script).returncode, 0)
                self.assertIn(b"1 passed, 0 failed", lastack("drill", script).stdout)
                self.assertEqual("timestamps=1" in settings, "TS val" in Path(script).read_text(encoding="utf-8"))
        script = self.file("two.pkt")
        done = lastack("check", "old-duplicate-msl-0", "--drill", script)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"a script knows one incarnation", done.stderr)
        self.assertFalse(Path(script).exists())

    def test_json(self):
        done = lastack("check", "ghost", "old-duplicate-msl-0", "--json")
        self.assertEqual(done.returncode, 0)
        runs = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(run["name"], run["verdict"]) for run in runs], [("ghost", "none"), ("old-duplicate-msl-0", "data")])
        for run in runs:
            for name in ("states", "transitions", "transitions_per_second", "depth"):
                self.assertGreater(run[name], 0)
            self.assertEqual(run["settings"]["duplication"], 2 if run["name"] == "ghost" else 1)

    def test_a_verdict_that_is_not_expected(self):
        done = lastack("check", "last-ack", "--set", "msl_ms=0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"NOT AS EXPECTED", done.stdout)
        bounded = lastack("check", "last-ack", "--states", "1000")
        self.assertEqual(bounded.returncode, 1)
        self.assertIn(b"not complete: states", bounded.stdout)
        self.assertIn(b"none so far: no verdict", bounded.stdout)
        self.assertNotIn(b"none within these bounds", bounded.stdout)  # nobody knows
        self.assertNotIn(b"EXPECTED", bounded.stdout)
        bounded = json.loads(lastack("check", "last-ack", "--states", "1000", "--json").stdout)
        self.assertEqual((bounded["verdict"], bounded["as_expected"], bounded["ending"]), (None, False, "states"))

    def test_a_replay_as_json(self):
        trail = self.file("trail")
        lastack("check", "last-ack-msl-0", "--trail", trail)
        done = lastack("check", "--replay", trail, "--json")
        replay = json.loads(done.stdout)
        self.assertEqual((done.returncode, replay["verdict"], replay["as_expected"]), (0, "reset", True))
        self.assertEqual(replay["settings"]["msl_ms"], 0)
        text = Path(trail).read_text(encoding="utf-8").splitlines()
        Path(trail).write_text("\n".join(text[:-1]) + "\n", encoding="utf-8")  # before it goes wrong
        done = lastack("check", "--replay", trail)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"nothing is wrong with it", done.stdout)

    def test_what_is_wrong_is_said(self):
        bad = self.file("bad")
        Path(bad).write_text("loss=1\nevent=77:0:0\n", encoding="utf-8")
        for arguments, said in ((("nothing",), "nothing: there is no such run"),
                                ((), "which run?"),
                                (("last-ack", "--set", "loss"), "--set loss: must be NAME=VALUE"),
                                (("last-ack", "--set", "loss=x"), "--set loss=x: must be a whole number"),
                                (("last-ack", "--set", "timestamps=2"), "timestamps=2: must be a whole number"),
                                (("last-ack", "--set", "window=33"), "window=33: must be a whole number"),
                                (("last-ack", "--set", "window=0"), "last-ack: window is at least 1"),
                                (("last-ack", "--set", "lazy=4"), "lazy=4: must be a whole number"),
                                (("last-ack", "--set", "delayed_ack_ms=201"), "delayed_ack_ms=201: must be a whole"),
                                (("last-ack", "--set", "gain=1"), "--set gain=1: there is no such setting"),
                                (("custom", "--set", "client=sing"), "--set client=sing: must be words of send"),
                                (("open-at-once", "--set", "opens=2"), "open-at-once: peer_opens goes with one open"),
                                (("custom", "--set", "opens=0"), "custom: nobody opens"),
                                (("--quick", "last-ack"), "--quick is all runs as they are"),
                                (("--quick", "--pcap", bad), "take what one run found"),
                                (("last-ack", "ghost", "--trail", bad), "take what one run found"),
                                (("last-ack", "--json", "--coverage"), "--coverage is a table"),
                                (("last-ack", "--resume", bad), f"--resume {bad}: it is no checkpoint"),
                                (("last-ack", "--resume", self.file("none")), "none: No such file"),
                                (("--replay", bad), f"--replay {bad}:2: there is no such kind of event"),
                                (("--replay", self.file("none")), "No such file")):
            with self.subTest(arguments=arguments):
                done = lastack("check", *arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
