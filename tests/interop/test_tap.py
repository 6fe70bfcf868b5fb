"""Ethernet on a TAP device, against the running kernel: it resolves us and we resolve it, also when it forgets us or
gets another address in the middle of a transfer."""

import os

import harness
from harness import Case, lastack

SIZE = 8 << 20


class Tap(Case):
    def serve(self, between):
        content = self.write("www/file", os.urandom(SIZE))
        run = lastack("httpd", self.path("www"), "--tap", "--seconds", 60, "--run",
                      f"curl -s --limit-rate 4M http://$LASTACK_ADDRESS/file -o {self.path('got')} & "
                      f"sleep 0.6; {between}; wait; ping -c 1 -W 2 $LASTACK_ADDRESS")
        self.assertEqual(self.read("got"), content, run.stderr)
        self.assertIn(b" 1 received", run.stdout + run.stderr)
        return run

    def test_the_kernel_forgets_us(self):
        self.serve("ip neigh flush dev lastack0")

    def test_the_kernel_gets_another_address(self):
        self.serve("ip link set dev lastack0 address 02:00:00:00:00:77")

    def test_get_from_the_kernel(self):
        content = self.write("www/file", os.urandom(1 << 20))
        run = lastack("get", "http://10.83.0.1:8080/file", "--tap", "-o", self.path("got"), "--run",
                      f"cd {self.path('www')} && exec python3 -m http.server 8080")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.read("got"), content)


if __name__ == "__main__":
    harness.needs("curl", "ping", "ip", "python3")
    harness.main()
