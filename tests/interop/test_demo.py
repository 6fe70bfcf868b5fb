#!/usr/bin/env python3
"""lastack demo holds: against the kernel, against a second lastack, and for a user without privilege."""

import os
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

    def test_in_memory(self):
        self.assertEqual(self.demo("--memory", "--ascii").count("lost, by out:last-ack"), 4)

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
