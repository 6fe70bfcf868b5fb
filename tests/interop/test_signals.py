#!/usr/bin/env python3
"""What goes beside the text, with the kernel's TCP at the other end: urgent data both ways (RFC 9293 3.8.5), ECN (RFC 3168)."""

from harness import Case, lastack, last_json, main

PORT = 9000
OUT_OF_BAND = f"""
    l = socket.create_server(("", {PORT}))
    s, _ = l.accept()
    """


class Signals(Case):
    def nc(self, source, *options, data=b"", listen=False):
        where = ("-l", str(PORT)) if listen else ("10.83.0.1", str(PORT))
        done = lastack("nc", *where, "-v", "--json", "--run", self.python(source), *options, data=data)
        self.error = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, 0, self.error)
        self.report = last_json(done.stderr)
        self.assert_clean(self.report)
        return done.stdout

    def test_the_kernel_finds_our_mark(self):
        """The last octet is out of band for the kernel, and the mark is in front of it."""
        self.nc(OUT_OF_BAND + """
    import fcntl, select
    select.select([], [], [s], 10)
    at_mark = lambda: struct.unpack("i", fcntl.ioctl(s, 0x8905, struct.pack("i", 0)))[0] # SIOCATMARK
    assert s.recv(1, socket.MSG_OOB) == b"!"
    assert s.recv(100) == b"urgent" and at_mark() == 1
    assert whole(s) == b""
    """, "--urgent", data=b"urgent!")

    def test_we_hear_of_the_kernels(self):
        """All octets arrive in their place, and the pointer is behind the last urgent one."""
        got = self.nc(OUT_OF_BAND + """
    s.sendall(b"before ")
    time.sleep(0.2)
    s.send(b"now!", socket.MSG_OOB)
    s.sendall(b" after")
    s.close()
    """)
        self.assertEqual(got, b"before now! after")
        self.assertIn("urgent: 4 octets more", self.error)

    def test_the_kernel_offers_ecn(self):
        """The kernel says of the connection that both ends do it, and the data comes through."""
        got = self.nc(f"""
    try:
        open("/proc/sys/net/ipv4/tcp_ecn", "w").write("1")
    except OSError:
        print("no", flush=True)
    s = socket.create_connection((LASTACK, {PORT}))
    options = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
    open(sys.argv[0] + ".options", "w").write(str(options))
    s.sendall(b"x" * 300000)
    s.shutdown(socket.SHUT_WR)
    whole(s)
    """, listen=True)
        self.assertEqual(got, b"x" * 300000)
        self.assertTrue(int(self.read("peer.py.options")) & 8, "TCPI_OPT_ECN")


if __name__ == "__main__":
    main()
