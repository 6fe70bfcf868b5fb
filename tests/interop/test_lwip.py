#!/usr/bin/env python3
# timeout: 300
"""lastack against lwIP, as Debian has it: both families, either one opening, every order of the close, in a clean network
and in one that loses, delays, reorders and duplicates."""

import stacks
from harness import main, needs

ADDRESSES = {"IPv4": ("10.84.0.1", "10.84.0.2", 24), "IPv6": ("fd00:84::1", "fd00:84::2", 64)}


class Lwip(stacks.Stack):
    def run_with(self, combination):
        kernel, own, bits = ADDRESSES[combination["family"]]
        serves = combination["role"] == "serves"
        order = {"lastack": "last", "peer": "first", "both": "both"}[combination["closes first"]]
        program = stacks.peer("lwip", "liblwip-dev")
        # Its last ACK may be lost: it stays in TIME-WAIT, behind the command, until lastack has ended.
        said = self.path("said")
        command = self.forwards() + (f"rm -f {said} && mkfifo {said} || exit\n"
                                     f"{program} {kernel} {own} {bits} {'connect' if serves else 'listen'} "
                                     f"{'$LASTACK_ADDRESS' if serves else own} {stacks.PORT} {order} "
                                     f"{self.path('send')} {self.path('got')} >{said} &\n"
                                     f"read waits <{said} && echo $waits >{self.path('waits')}")
        seen, problems = self.judge(combination, own, command)
        waits = self.read("waits").strip() if seen else b""
        wanted = {"lastack": (b"0",), "peer": (b"1",)}.get(combination["closes first"], (b"0", b"1"))
        if seen and waits not in wanted:
            problems.append(f"of lwIP's connections are in TIME-WAIT: {waits.decode()}")
        return seen, problems

    def test_every_combination(self):
        self.each()

    def runTest(self):
        """By hand: run_with()."""


if __name__ == "__main__":
    needs("tshark")
    stacks.peer("lwip", "liblwip-dev")
    main()
