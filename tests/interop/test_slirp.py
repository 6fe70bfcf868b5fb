#!/usr/bin/env python3
# timeout: 300
"""lastack as the guest of libslirp, as Debian has it, which ends its connections and carries their octets on sockets of
the kernel's: both families, either one opening, every order of the close, in a clean network and in a bad one."""

import stacks
from harness import main, needs

ADDRESSES = {"IPv4": ("10.83.0.0", "10.83.0.3", "127.0.0.1"), "IPv6": ("fd00:83::", "fd00:83::3", "::1")}

PEER = """
    import subprocess, threading
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        with open("/proc/sys/net/" + name, "w") as file:
            file.write("1")
    # It stays when this ends: copies of the last segments are answered by it alone.
    slirp = subprocess.Popen([PROGRAM, NETWORK, HOST, LASTACK, "9000", *(["9001"] if SERVES else [])],
                             stdout=subprocess.PIPE)
    assert slirp.stdout.readline() == b"ready\\n"
    subprocess.run(["ip", "route", "add", HOST, "dev", "slirp0"], check=True)
    if SERVES:
        s = socket.create_connection((LOOPBACK, 9001))
    else:
        family = socket.AF_INET6 if ":" in LOOPBACK else socket.AF_INET
        s, _ = socket.create_server((LOOPBACK, 9000), family=family).accept()
    got = []
    reader = threading.Thread(target=lambda: got.append(whole(s)))
    reader.start()
    with open(SEND, "rb") as file:
        s.sendall(file.read())
    if FIRST == "lastack":
        reader.join()
    s.shutdown(socket.SHUT_WR)
    if FIRST == "peer":
        time.sleep(0.3)  # libslirp has its own FIN under way
        open(GOT + ".closed", "w").close()
    reader.join()
    with open(GOT, "wb") as file:
        file.write(got[0])
    s.close()
    assert slirp.stdout.readline() == b"closed\\n"
    """


class Slirp(stacks.Stack):
    sees_close = False

    def run_with(self, combination):
        network, host, loopback = ADDRESSES[combination["family"]]
        names = {"PROGRAM": str(stacks.peer("slirp", "libslirp-dev")), "NETWORK": network, "HOST": host,
                 "LOOPBACK": loopback, "SERVES": combination["role"] == "serves", "SEND": self.path("send"),
                 "GOT": self.path("got"), "FIRST": combination["closes first"]}
        return self.judge(combination, host, self.python(stacks.assignments(names) + stacks.dedent(PEER)))

    def test_every_combination(self):
        self.each()

    def runTest(self):
        """By hand: run_with()."""


if __name__ == "__main__":
    needs("ip", "tshark")
    stacks.peer("slirp", "libslirp-dev")
    main()
