#!/usr/bin/env python3
"""Far more connections than there are ports, in seconds: whoever opens, and lastack closes first, no port is lost to TIME-WAIT.
200 ports, so that each is opened again hundreds of times a minute while its wait of 60 s is on. scripts/ports is the same
for a minute and with all ports, beside the kernel."""

import json
import os
import shlex
from pathlib import Path

from harness import Case, last_json, lastack, main, needs, skip

LOAD = Path(os.environ.get("LASTACK_PEERS", ".")) / "kernel_load"
FIRST, LAST, SECONDS = 40000, 40199, 3
PORTS = LAST - FIRST + 1


def counters_of(text):
    """nstat -az: a name and a number a line."""
    return {words[0]: int(words[1]) for line in text.splitlines() if len(words := line.split()) > 1 and words[1].isdigit()}


class Ports(Case):
    def opens(self, *arguments):
        done = lastack("bench", "ports", 9000, "--seconds", SECONDS, "--ports", f"{FIRST}-{LAST}", "--json", "--run",
                       f"exec {shlex.quote(str(LOAD))} serve 9000", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return last_json(done.stdout)

    def test_we_open_and_close_first(self):
        seen = self.opens()
        self.assertEqual(seen["ended"], {"clean": seen["connections"]})
        self.assertGreater(seen["connections"], 10 * PORTS)
        self.assertEqual((seen["no_port"], seen["not_begun"]), (0, 0))
        self.assertLess(seen["longest_open_ms"], 1000)
        counted = seen["counters"]
        self.assertGreaterEqual(counted["TcpExtTWRecycled"], seen["connections"] - PORTS)
        self.assertEqual((counted["lastackWaitEvicted"], counted["tcpOutRsts"], counted["tcpEstabResets"]), (0, 0, 0))
        self.assertEqual(seen["gauges"]["timeWaitIpv4"], PORTS)

    def test_what_it_is_without(self):
        """The same, but a port that waits is not opened again: the ports are used up, and that is all."""
        seen = self.opens("--no-reuse")
        self.assertEqual(seen["connections"], PORTS)
        self.assertGreater(seen["no_port"], 0)

    def test_the_kernel_opens_and_we_close_first(self):
        """No SYN is swallowed, no connection stalls for a second, none is reset."""
        self.write("index.html", b"x" * 100)
        done = lastack("httpd", self.directory, "--json", "--run", f"""
            echo {FIRST} {LAST} >/proc/sys/net/ipv4/ip_local_port_range
            {shlex.quote(str(LOAD))} get $LASTACK_ADDRESS 80 {SECONDS} 16 >{self.path("seen")}
            nstat -az >{self.path("nstat")}""")
        self.assertEqual(done.returncode, 0, done.stderr)
        seen, report = json.loads(self.read("seen")), last_json(done.stdout)
        self.assertGreater(seen["connections"], 10 * PORTS)
        self.assertEqual((seen["failed"], seen["no_port"]), (0, 0))
        self.assertLess(seen["longest_open_ms"], 1000)
        self.assertLess(seen["longest_life_ms"], 1000)
        self.assertGreater(report["counters"]["lastackWaitReopened"], 10 * PORTS)
        self.assertEqual((report["counters"]["lastackWaitEvicted"], report["counters"]["tcpOutRsts"]), (0, 0))
        self.assertNotIn("wait-rst", report["dropped"])
        kernel = counters_of(self.read("nstat").decode())
        for name in ("TcpExtTCPSynRetrans", "TcpAttemptFails", "TcpEstabResets", "TcpExtTCPTimeouts", "TcpOutRsts"):
            self.assertEqual(kernel[name], 0, name)


if __name__ == "__main__":
    needs("nstat")
    if not LOAD.exists():
        skip("kernel_load is not built: $LASTACK_PEERS")
    main()
