"""lastack lab: what it prints, in which form, with which exit status; and that a run repeats itself to the octet."""

import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

PROGRAM = sys.argv.pop(1)


def lab(*arguments):
    return subprocess.run([PROGRAM, "lab", *arguments], capture_output=True, text=True, timeout=60, check=False)


def scenario(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".lab", encoding="utf-8")
    file.write(text)
    file.flush()
    return file


BASE = "host A\nhost B\nlink A B delay 10ms\nat 0: B listen 80\nat 0: A connect B:80\n"


class Lab(unittest.TestCase):
    def test_list_has_every_scenario(self):
        built_in = {line.split()[0] for line in lab("list").stdout.splitlines()}
        files = {path.stem for path in (Path(__file__).resolve().parents[2] / "scenarios").glob("*.lab")}
        self.assertEqual(built_in, files)
        self.assertEqual({entry["name"] for entry in json.loads(lab("list", "--json").stdout)}, files)

    def test_show_is_the_text_and_can_be_run(self):
        text = lab("show", "lost-last-ack").stdout
        with scenario(text) as file:
            self.assertEqual(lab("run", file.name, "--plain").stdout, lab("run", "lost-last-ack", "--plain").stdout)

    def test_a_file_shown_reads_back(self):
        with scenario("title A file's\nclaim It has a claim.\n" + BASE) as file:
            text = lab("show", file.name).stdout
            with scenario(text) as shown:
                self.assertEqual(lab("show", shown.name).stdout, text)

    def test_a_step_that_was_never_reached_is_told(self):
        with scenario(BASE + "when B received 7: B abort\n") as file:
            self.assertIn("line 6 was never reached: when B received 7: B abort\n", lab("run", file.name).stdout)
            told = json.loads(lab("run", file.name, "--json").stdout)["not_taken"]
        self.assertEqual(told, [{"line": 6, "step": "when B received 7: B abort"}])

    def test_octets_that_are_no_characters_are_octets_in_json(self):
        with tempfile.NamedTemporaryFile(suffix=".lab") as file:
            file.write(BASE.encode() + b"expect B receives \"\xff\"\n")
            file.flush()
            told = json.loads(lab("run", file.name, "--json").stdout)["expectations"]
        self.assertEqual([expectation["expected"] for expectation in told], ["expect B receives \"\\xff\""])

    def test_an_expectation_that_is_not_met(self):
        with scenario(BASE + "expect A is CLOSED\n") as file:
            result = lab("run", file.name, "--plain")
        self.assertEqual(result.returncode, 1)
        self.assertIn("line 6: expect A is CLOSED\n  seen: ESTABLISHED\n", result.stdout)

    def test_errors_name_line_and_word(self):
        with scenario("host A\nhots B\n") as file:
            result = lab("run", file.name)
        self.assertEqual(result.returncode, 2)
        self.assertIn(":2:1: 'hots' begins no statement", result.stderr)

    def test_wrong_command_lines(self):
        for arguments, words in (((), "list, show or run?"), (("run",), '"run"'), (("run", "nonsense"), "nonsense: "),
                                 (("run", "half-close", "--set", "x=1"), "there is no setting 'x'"),
                                 (("run", "half-close", "--twin", "msl=x"), "--twin msl=x: 'x' is no time"),
                                 (("run", "half-close", "--json", "--svg"), "exclude each other"),
                                 (("run", "half-close", "--width", "70"), "--width 70")):
            result = lab(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(words, result.stderr)

    def test_a_file_that_cannot_be_written(self):
        result = lab("run", "half-close", "--pcap", "/nonexistent/x")
        self.assertEqual(result.returncode, 1)
        self.assertIn("--pcap /nonexistent/x: No such file", result.stderr)

    def test_ladders_keep_to_their_columns(self):
        for width in (80, 100, 120):
            for line in lab("run", "lost-last-ack", "--plain", "--width", str(width)).stdout.splitlines():
                self.assertLessEqual(len(line), width)
            for line in lab("run", "lost-last-ack", "--twin", "msl=0s", "--width", str(width)).stdout.splitlines():
                self.assertLessEqual(len(line), max(width, 100))

    def test_ascii(self):
        for arguments in ((), ("--twin", "msl=0s")):
            self.assertTrue(lab("run", "old-duplicate", "--ascii", *arguments).stdout.isascii())

    def test_json(self):
        result = json.loads(lab("run", "lost-last-ack", "--json").stdout)
        self.assertTrue(result["met"])
        self.assertEqual(sum(row.get("lost", False) for row in result["rows"]), 3)
        self.assertEqual(result["lost"], 3)
        both = json.loads(lab("run", "lost-last-ack", "--twin", "msl=0s", "--json").stdout)
        self.assertTrue(both["as_it_is"]["met"])
        self.assertFalse(both["twin"]["met"])

    def test_twins_part_once_and_are_marked(self):
        result = lab("run", "lost-last-ack", "--twin", "msl=0s")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.count("here they part"), 1)
        self.assertEqual(result.stdout.count("≠"), 1)
        self.assertIn("reset-by-peer", result.stdout)
        self.assertIn("They do not part.", lab("run", "lost-last-ack", "--twin", "msl=1s").stdout)

    def test_svg_is_well_formed(self):
        for name in ("lost-last-ack", "old-duplicate-desync"):
            root = xml.etree.ElementTree.fromstring(lab("run", name, "--svg").stdout)
            texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
            self.assertTrue(any("TIME-WAIT" in text for text in texts))

    def test_mermaid(self):
        lines = lab("run", "lost-last-ack", "--mermaid").stdout.splitlines()
        self.assertEqual(lines[0], "sequenceDiagram")
        self.assertEqual(sum("L-xR: " in line for line in lines), 3)
        for line in lines[3:]:
            self.assertRegex(line, r"^    (L|R)(->>|-x)(L|R): |^    Note (over|left of|right of) (L|R): ")

    def test_pcap(self):
        with tempfile.NamedTemporaryFile() as file:
            self.assertEqual(lab("run", "lost-last-ack", "--quiet", "--pcap", file.name).returncode, 0)
            octets = Path(file.name).read_bytes()
        self.assertEqual(octets[:4], b"\x0a\x0d\x0d\x0a")
        self.assertEqual(octets.count(b"lost, by last-ack*3"), 3)

    def test_the_seed_decides_chance_and_nothing_else_does(self):
        text = BASE.replace("delay 10ms", "delay 10ms loss 20% jitter 5ms") + \
            "when A is ESTABLISHED: A send 20000 x \"a\"\nafter 0: A close\n"
        with scenario(text) as file:
            runs = [lab("run", file.name, "--plain", "--set", f"seed={seed}").stdout for seed in (1, 1, 2)]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])

    def test_what_the_buffer_does_not_take_is_sent_before_all_that_comes_later(self):
        for end in ("close", "shutdown"):
            with scenario(BASE + "when A is ESTABLISHED: A send 1000000 x \"n\"\nafter 0: A send \"tail\"\n"
                          f"after 0: A {end}\nwhen B sees-end: B close\n"
                          "expect B receives 1000000 x \"n\", \"tail\"\nexpect A sends fin = 1\n") as file:
                result = lab("run", file.name, "--quiet")
            self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_a_program_that_does_not_read(self):
        with scenario(BASE.replace("listen 80", "listen 80 hold") +
                      "when A is ESTABLISHED: A send \"abc\"\nat 1s: B read\n"
                      "expect at 900ms: B receives nothing\nexpect B receives \"abc\"\n") as file:
            self.assertEqual(lab("run", file.name).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
