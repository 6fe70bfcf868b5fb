"""The TUN device, the namespaces and the loop, against the running kernel: the kernel's ping is answered, its curl is
served, and the capture of it opens without a complaint. As the user who runs this, and from root also as nobody, who has
no privilege but a user namespace of his own."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
NOBODY = 65534
LASTACK = os.environ.get("LASTACK", "")
TEXT = "what was asked for\n"


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(SKIPPED)


# Where only root may open the device, nobody gets one of the usual mode, which nobody else sees.
USUAL_DEVICE = "mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200"
AS_NOBODY = ["unshare", "--mount", "sh", "-c",
             f'{{ [ "$(stat -c %a /dev/net/tun)" = 666 ] || {{ {USUAL_DEVICE}; }}; }} && '
             f'exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"', "sh"]


def serve(folder, command, nobody, options):
    arguments = [LASTACK, "httpd", str(folder), "--seconds", "20", *options, "--run", command]
    return subprocess.run([*(AS_NOBODY if nobody else []), *arguments], cwd="/", capture_output=True, text=True,
                          timeout=60, check=False)


def look(run, *wanted):
    """What was wanted and cannot be found, with all that was said."""
    missing = [text for text in wanted if text not in run.stdout + run.stderr]
    return [f"not there: {text!r}\nexit status {run.returncode}\n{run.stdout}\n{run.stderr}" for text in missing]


def tshark(capture, *arguments):
    run = subprocess.run(["tshark", "-r", str(capture), *arguments], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def check_capture(capture):
    found = []
    status, comments = tshark(capture, "-T", "fields", "-e", "frame.comment", "-Y", "frame.comment")
    if status != 0:
        found.append("tshark does not open the capture")
    for wanted in ("lost, by out:last-ack", "FIN-WAIT-2 -> TIME-WAIT", "wait restarted"):
        if wanted not in comments:
            found.append(f"no comment says {wanted!r}:\n{comments}")
    malformed = tshark(capture, "-Y", "_ws.malformed")[1]
    if malformed:
        found.append(f"malformed packets:\n{malformed}")
    directions = set(tshark(capture, "-T", "fields", "-e", "frame.packet_flags_direction")[1].split())
    if directions != {"0x00000001", "0x00000002"}:
        found.append(f"the directions are {directions}")
    return found


def check(folder, nobody):
    capture = folder / ("nobody.pcapng" if nobody else "own.pcapng")
    options = ["--requests", "1", "--drop", "out:last-ack", "--ladder", "--pcap", str(capture), "--msl", "1"]
    command = ("ping -c 2 -i 0.2 -W 2 $LASTACK_ADDRESS; ping -c 1 -s 1400 -W 2 $LASTACK_ADDRESS; "
               "curl -s --max-time 10 http://$LASTACK_ADDRESS/file; sleep 3")
    run = serve(folder, command, nobody, options)
    found = look(run, TEXT, "2 packets transmitted, 2 received", "1408 bytes from", "TIME-WAIT",
                 "✗ lost, by out:last-ack", "wait restarted", "(again)", "CLOSED │ wait expired")
    if shutil.which("tshark") is None:
        print("tshark is not installed: the capture was not looked at")
        return found
    return found + check_capture(capture)


def may(command, nobody):
    run = subprocess.run([*(AS_NOBODY if nobody else []), *command], capture_output=True, check=False)
    return run.returncode == 0


def main():
    if not LASTACK:
        skip("LASTACK does not name the program")
    for tool in ("ping", "curl", "unshare", "setpriv"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    users = [False, True] if os.geteuid() == 0 else [False]
    tried, found = 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "file").write_text(TEXT, encoding="utf-8")
        for nobody in users:
            who = "nobody" if nobody else "this user"
            plain = nobody or os.geteuid() != 0
            if plain and not may(["unshare", "--user", "--net", "--map-root-user", "true"], nobody):
                print(f"user namespaces are not allowed here: not tried as {who}")
                continue
            if not may(["test", "-w", "/dev/net/tun"], nobody):
                print(f"{who} may not open /dev/net/tun: not tried")
                continue
            if not may([LASTACK, "--version"], nobody):
                print(f"{who} cannot run {LASTACK}: not tried")
                continue
            tried += 1
            found += [f"as {who}: {text}" for text in check(folder, nobody)]
    if tried == 0:
        skip("neither root nor a user namespace can be had here")
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
