#!/usr/bin/env python3
"""--waits FILE: TIME-WAIT outlives its process. lastack closes first and its last ACK is lost; the process ends, and another
has to answer the FIN that the kernel, in LAST-ACK, goes on repeating. The kernel's socket and a packet socket say
what it got."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

from harness import LASTACK, Case, last_json, lastack, main, needs, skip

DEVICE, HERE, THERE = "handover0", "10.84.0.1", "10.84.0.2"


class Network:
    """A network namespace with a TUN device that stays when the process behind it ends. It lives as long as one process in
    it, which waits for its standard input to end."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; read end"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self("ip", "tuntap", "add", "dev", DEVICE, "mode", "tun")

    def command(self, *arguments):
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *map(str, arguments)]

    def __call__(self, *arguments):
        subprocess.run(self.command(*arguments), check=True, capture_output=True, timeout=30)

    def end(self):
        self.process.communicate(b"\n", timeout=30)


# The kernel's side: it takes the response to its end, closes, and tells when it is in LAST-ACK; then how that ended, and
# how many RSTs came by the device, as a packet socket sees them.
PEER = f"""
import json, select, socket, struct, time
LAST_ACK, CLOSE = 9, 7  # tcp_states.h
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
packets.bind(("{DEVICE}", 0x0800))
packets.setblocking(False)
s = socket.create_connection(("{THERE}", 80))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
while s.recv(65536):
    pass
s.shutdown(socket.SHUT_WR)
state = lambda: s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
time.sleep(0.1)
print(json.dumps({{"state": state(), "port": s.getsockname()[1]}}), flush=True)
until = time.monotonic() + 40
while state() == LAST_ACK and time.monotonic() < until:
    time.sleep(0.02)
resets = 0
try:
    while packet := packets.recv(65536):
        header = 4 * (packet[0] & 15)
        outgoing = packet[12:16] == socket.inet_aton("{HERE}")
        resets += packet[9] == 6 and packet[header + 13] & 4 != 0 and not outgoing
except BlockingIOError:
    pass
print(json.dumps({{"state": state(), "error": s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "resets": resets}}))
"""
LAST_ACK, CLOSE = 9, 7


class HandOver(Case):
    def setUp(self):
        super().setUp()
        self.write("www/index.html", b"hello\n")
        self.write("peer.py", PEER.encode())
        self.network = Network()
        self.addCleanup(self.network.end)
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes:
            process.kill()
            process.communicate()

    def start(self, *arguments):
        process = subprocess.Popen(self.network.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def serve(self, *options):
        process = self.start(LASTACK, "httpd", self.path("www"), "--tun", DEVICE, "--address", THERE + "/24", *options)
        self.assertIn(THERE, process.stderr.readline().decode())
        return process

    def close_first_and_lose_the_last_ack(self, *options):
        """The server closes first, and every last ACK is lost: it, and the kernel in LAST-ACK."""
        server = self.serve("--drop", "out:last-ack*100", *options)
        self.peer = self.start(sys.executable, self.path("peer.py"))
        seen = json.loads(self.peer.stdout.readline())
        self.assertEqual(seen["state"], LAST_ACK)
        self.port = seen["port"]
        return server

    def end(self, process, number):
        process.send_signal(number)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0 if number == signal.SIGTERM else -number)

    def saved(self):
        done = lastack("waits", "--from", self.path("waits"), "--json")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_the_kernel_ended(self, error, resets):
        output, said = self.peer.communicate(timeout=60)
        self.assertEqual(json.loads(output), {"state": CLOSE, "error": error, "resets": resets}, said)

    def test_the_next_process_answers(self):
        file = self.path("waits")
        self.end(self.close_first_and_lose_the_last_ack("--waits", file), signal.SIGTERM)
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        self.assertEqual([(record["class"], record["remote"]) for record in self.saved()],
                         [("waiting", f"{HERE}:{self.port}")])
        server = self.serve("--waits", file)
        self.assert_the_kernel_ended(error=0, resets=0)
        self.end(server, signal.SIGTERM)
        record, = self.saved()  # still there, and has answered
        self.assertGreater(record["acks"], 0)
        self.assertGreater(record["restarts"], 0)

    def test_also_if_the_first_was_killed(self):
        """What is older than a second lies in the file already."""
        file = self.path("waits")
        server = self.close_first_and_lose_the_last_ack("--waits", file)
        time.sleep(1.5)
        self.end(server, signal.SIGKILL)
        self.serve("--waits", file)
        self.assert_the_kernel_ended(error=0, resets=0)

    def test_without_the_file_it_is_reset(self):
        """The same, and nobody remembers: the kernel's program is told that a close that was in order was a reset."""
        self.end(self.close_first_and_lose_the_last_ack(), signal.SIGTERM)
        self.serve()
        self.assert_the_kernel_ended(error=errno.ECONNRESET, resets=1)

    def test_a_wait_that_is_over_is_not_taken_over(self):
        file = self.path("waits")
        self.end(self.close_first_and_lose_the_last_ack("--waits", file, "--msl", "0.5"), signal.SIGTERM)
        time.sleep(2)
        self.assertEqual(self.saved(), [])
        self.serve("--waits", file)
        self.assert_the_kernel_ended(error=errno.ECONNRESET, resets=1)


class Refused(Case):
    """A file that is not whole: nothing begins, and the file stays."""

    def setUp(self):
        super().setUp()
        self.file = self.path("waits")
        done = lastack("httpd", "/", "--waits", self.file, "--run", "curl -s -0 http://$LASTACK_ADDRESS/ >/dev/null")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.whole = self.read("waits")

    def refused(self, content, said):
        self.write("waits", content)
        for command in (("httpd", "/"), ("nc", "-l", "80"), ("get", "http://10.83.0.1/")):
            done = lastack(*command, "--netns", "--waits", self.file)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr.decode())
            self.assertIn("--quiet-time", done.stderr.decode())
            self.assertEqual(self.read("waits"), content)
        done = lastack("waits", "--from", self.file)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(said, done.stderr.decode())

    def test_a_file_that_is_whole_is_taken(self):
        done = lastack("waits", "--from", self.file, "--census", "--json")
        self.assertEqual(json.loads(done.stdout)["records"], 1)
        self.assertEqual(lastack("httpd", "/", "--waits", self.file, "--run", "true").returncode, 0)

    def test_damaged(self):
        middle = len(self.whole) // 2
        self.refused(self.whole[:middle] + bytes([self.whole[middle] ^ 1]) + self.whole[middle + 1:],
                     "the checksum is wrong")

    def test_cut_short(self):
        self.refused(self.whole[:-1], "the end is missing")

    def test_something_else(self):
        self.refused(b"", "these are no TIME-WAIT records")
        self.refused(self.whole + b"\n", "something follows the end")

    def test_one_program_at_a_time(self):
        again = (f"{LASTACK} httpd / --waits {self.file} --netns --run true 2>{self.path('said')};"
                 f" echo $? >{self.path('status')}")
        done = lastack("httpd", "/", "--waits", self.file, "--run", again)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("status"), b"1\n")
        self.assertIn(b"another program has it", self.read("said"))

    def test_a_file_that_others_may_read(self):
        os.chmod(self.file, 0o640)
        for command in (("httpd", "/"), ("nc", "-l", "80")):
            done = lastack(*command, "--netns", "--waits", self.file)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"others may read or write it", done.stderr)
        self.assertEqual(lastack("waits", "--from", self.file).returncode, 0)
        os.chmod(self.file, 0o600)
        os.chmod(self.file + ".lock", 0o666)  # who writes there says how much time has passed
        done = lastack("httpd", "/", "--netns", "--waits", self.file)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"waits.lock: others may read or write it", done.stderr)

    def test_what_is_no_file(self):
        os.mkfifo(self.path("fifo"), 0o600)
        done = lastack("httpd", "/", "--netns", "--waits", self.path("fifo"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"it is no file", done.stderr)

    def test_a_copy_beside_that_somebody_else_has_put_there(self):
        self.write("waits.new", b"")
        os.chmod(self.path("waits.new"), 0o666)
        self.assertEqual(lastack("httpd", "/", "--waits", self.file, "--run", "true").returncode, 0)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)

    def left_ms(self):
        done = lastack("waits", "--from", self.file, "--json")
        return [json.loads(line)["left_ms"] for line in done.stdout.splitlines()]

    def test_within_a_boot_the_wall_clock_may_be_set(self):
        """What the file of the lock says of the time: which boot, the wall clock, and since the boot."""
        boot, wall, since = self.read("waits.lock").decode().split()
        before, = self.left_ms()
        self.write("waits.lock", f"{boot} {wall} {int(since) - 30 * 10**9}\n".encode())
        after, = self.left_ms()
        self.assertAlmostEqual(before - after, 30000, delta=2000)
        self.write("waits.lock", f"{boot} {wall} {int(since) - 70 * 10**9}\n".encode())
        self.assertEqual(self.left_ms(), [])
        for other in (f"{'0' * 36} {wall} {int(since) - 70 * 10**9}", f"{boot} {int(wall) + 1} 0", "", "nonsense"):
            self.write("waits.lock", other.encode())
            self.assertEqual(len(self.left_ms()), 1, other)

    def test_what_could_not_be_written_is_tried_again(self):
        os.mkdir(self.path("here"))
        seen = self.path("seen")
        done = lastack("httpd", "/", "--waits", self.path("here/waits"), "--run", f"""
            cd {self.directory}; sleep 1.5; mv here away
            curl -s -0 http://$LASTACK_ADDRESS/ >/dev/null; sleep 2.5
            mv away here; sleep 1.5; {LASTACK} waits --from here/waits --census --json >{seen}""")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"here/waits", done.stderr)
        self.assertEqual(json.loads(self.read("seen"))["records"], 1)

    def test_quiet_time_instead(self):
        """RFC 9293 3.4.3: no connection, until what the last host sent is gone."""
        done = lastack("httpd", "/", "--quiet-time", "1.5", "--json", "--run", self.python("""
            began = time.time()
            socket.create_connection((LASTACK, 80)).close()
            assert time.time() - began > 1
            """))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(last_json(done.stdout)["dropped"]["quiet"], 0)

    def test_who_opens_waits_for_the_quiet_time_to_end(self):
        serve = self.python("""
            l = socket.create_server(("", 80))
            s, _ = l.accept()
            s.recv(1000)
            s.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n")
            s.close()
            """)
        for command in (("nc", "10.83.0.1", "80"), ("get", "http://10.83.0.1/")):
            began = time.monotonic()
            done = lastack(*command, "--quiet-time", "1", "--run", serve, data=b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(time.monotonic() - began, 1)


if __name__ == "__main__":
    needs("unshare", "nsenter", "ip", "curl")
    if os.geteuid() != 0:
        skip("a device that outlives its process is made by root")
    main()
