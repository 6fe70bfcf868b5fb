#!/usr/bin/env python3
"""lastack demo holds: against the kernel, against a second lastack, and for a user without privilege."""

import os
import signal
import subprocess
import unittest

from harness import LASTACK, Case, lastack, main, needs

NOBODY = 65534


class Demo(Case):
    def demo(self, *arguments, **more):
        done = lastack("demo", *arguments, **more)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text + done.stderr.decode(errors="replace"))
        self.assertIn("All held.", text)
        self.assertNotIn("did not hold", text)
        return text

    def test_against_the_kernel(self):
        needs("curl", "nginx")
        text = self.demo()
        self.assertIn("[LAST-ACK]", text)
        self.assertEqual(text.count("lost, by out:last-ack"), 4)

    def test_over_ipv6(self):
        needs("curl", "nginx")
        text = self.demo("--ipv6")
        self.assertIn("fd00:83::1 is this machine's own kernel", text)
        self.assertIn("[LAST-ACK]", text)
        self.assertEqual(text.count("lost, by out:last-ack"), 4)
        self.assertEqual(self.demo("-6", "--memory", "--ascii").count("lost, by out:last-ack"), 4)

    def test_in_memory(self):
        self.assertEqual(self.demo("--memory", "--ascii").count("lost, by out:last-ack"), 4)

    def test_a_temporary_directory_of_any_name(self):
        needs("curl", "nginx")
        place = self.path("a 'quoted\" name " + "x" * 90)
        os.mkdir(place)
        self.demo("a", "b", env={**os.environ, "TMPDIR": place})
        self.assertEqual(os.listdir(place), [])
        for wrong in (self.path("x" * 2000), self.path("none"), self.path("$a")):
            done = lastack("demo", "a", env={**os.environ, "TMPDIR": wrong})
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"TMPDIR=", done.stderr)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with subprocess.Popen([LASTACK, "demo", "d"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={**os.environ, "TMPDIR": self.directory}) as process:
                for line in process.stdout:
                    if b"good bye" in line:  # the first claim; the last ACK is about to be lost
                        break
                process.send_signal(number)
                rest, _ = process.communicate(timeout=20)
            self.assertEqual(process.returncode, 1)
            self.assertIn(b"Interrupted.", rest)
            self.assertNotIn(b"ll held", rest)
            self.assertNotIn(b"did not hold", rest)
            self.assertEqual(os.listdir(self.directory), [])

    def test_one_part(self):
        self.assertNotIn("curl", self.demo("d"))

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_without_privilege(self):
        os.chmod(self.directory, 0o777)
        copy = self.path("lastack")
        subprocess.run(["cp", LASTACK, copy], check=True)
        os.chmod(copy, 0o755)
        done = subprocess.run([copy, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd="/",
                              user=NOBODY, group=NOBODY, extra_groups=[], env={**os.environ, "TMPDIR": self.directory})
        self.assertEqual(done.returncode, 0, done.stdout.decode())


if __name__ == "__main__":
    main()
