#!/usr/bin/env python3
"""Each script can fail: every expectation is changed, one at a time, and lastack must then say that it does not hold.

    mutate.py [--all]       LASTACK names the program

Of a packet that is expected a flag (FIN, PSH or URG), one of its numbers, what its IP header says or its time is
changed, in turn; with --all each of them. Of a call that is expected to return something: the result, and the option's
value; of an assertion its number. A script runs over the IP version that it names, or over IPv4. What goes unnoticed is
named."""
# timeout: 300

import json
import re
import sys
import tempfile
from pathlib import Path

from scripts import VERSION, all_scripts, drill, generate

VERSIONS = ("ipv4", "ipv6")
EXPECTED = re.compile(r"^(?P<time>\S+)\s+> (?P<ip>[\[(][^\])]+[\])] )?(?P<flags>\S+) (?P<seq>\d+):(?P<end>\d+)\((?P<length>\d+)\)"
                      r"(?: ack (?P<ack>\d+))?(?: win (?P<win>\d+))?(?P<rest>.*)$")
CALL = re.compile(r"^(?P<call>\S+\s+\w+\(.*\)) = (?P<result>-?\d+)(?P<rest>.*)$")
ECHO = re.compile(r"^(?P<time>\S+)\s+> icmp (?P<type>\S+) id (?P<id>\d+) \[raw\((?P<length>\d+)\)\]$")
ASSERTED = re.compile(r"^(?P<begin>\S+\s+%\{ assert \w+ == )(?P<number>\d+)(?P<rest> \}%)$")
VALUE = re.compile(r"^(?P<begin>\S+\s+getsockopt\(.*, \[)(?P<number>\d+)(?P<rest>\], \[\d+\]\) = 0)$")
JUDGES = re.compile(r"^\S+\s+(>|%\{ assert)")
IP_NUMBER = re.compile(r"(?P<begin>.* )(?P<number>0x[0-9a-f]+|\d+)(?P<rest>.*)")
SPAN = re.compile(r"^(\+?)([\d.]+)~\+?([\d.]+)$")


def later(written, seconds):
    """The time of a line, moved."""
    span = SPAN.match(written)
    if span:
        plus, begin, end = span.groups()
        return f"{plus}{float(begin) + seconds}~{plus}{float(end) + seconds}"
    return f"+{float(written.removeprefix('+')) + seconds}"


def packet(found, **changes):
    """The line with other fields."""
    field = {**found.groupdict(), **changes}
    ack = f" ack {field['ack']}" if field["ack"] is not None else ""
    win = f" win {field['win']}" if field["win"] is not None else ""
    return (f"{field['time']} > {field['ip'] or ''}{field['flags']} {field['seq']}:{field['end']}({field['length']}){ack}{win}"
            f"{field['rest']}")


def moved(number):
    return str((int(number) + 1) % 2**32)


def with_another_number(found, step=1):
    """What was matched, with another number in it."""
    return f"{found['begin']}{int(found['number'], 0) + step}{found['rest']}"


def turned(flags, turn):
    flag = "FPU"[turn % 3]
    return (flags.replace(flag, "") or "-") if flag in flags else flag + flags


def changed_packets(found, turn, is_named):
    """What was changed, and the line as it then reads. Our first SYN's number is the script's own name for our ISN."""
    yield "flag", packet(found, flags=turned(found["flags"], turn))
    if not is_named and int(found["end"]) + 1 < 2**32:
        yield "number", packet(found, seq=moved(found["seq"]), end=moved(found["end"]))
    if int(found["end"]) + 1 < 2**32:
        yield "length", packet(found, end=moved(found["end"]), length=moved(found["length"]))
    if found["ack"] is not None:
        yield "ack", packet(found, ack=moved(found["ack"]))
    if found["win"] is not None:
        yield "window", packet(found, win=str(int(found["win"]) ^ 1))
    if found["ip"] is not None:
        # Of the octet with DSCP and ECN the script says the DSCP.
        yield "IP", packet(found, ip=with_another_number(IP_NUMBER.fullmatch(found["ip"]), 4))
    yield "time", packet(found, time=later(found["time"], 4))


def changed_echoes(found):
    for what, time, number, length in (("id", 0, 1, 0), ("length", 0, 0, 1), ("time", 4, 0, 0)):
        yield what, (f"{later(found['time'], time)} > icmp {found['type']} id {int(found['id']) + number}"
                     f" [raw({int(found['length']) + length})]")


def changed_calls(found):
    """A descriptor is the script's own name for what accept() and socket() give: any number will do."""
    result = int(found["result"])
    if result < 0 or not re.search(r"\b(accept|socket)\(", found["call"]):
        yield "result", f"{found['call']} = {result + 1 if result >= 0 else 0}"


def in_turn(changes, turn, take_all):
    """Each of them, or one."""
    changes = list(changes)
    return changes if take_all else [changes[turn % len(changes)]]


def mutants(text, take_all):
    """Line, what was changed, and the script as it then reads."""
    lines = text.split("\n")
    has_syn = False
    for number, line in enumerate(lines):
        changes = []
        if expected := EXPECTED.match(line):
            is_first_syn = "S" in expected["flags"] and not has_syn
            has_syn = has_syn or is_first_syn
            changes += in_turn(changed_packets(expected, number, is_first_syn), number, take_all)
        if echo := ECHO.match(line):
            changes += in_turn(changed_echoes(echo), number, take_all)
        if call := CALL.match(line):
            changes += changed_calls(call)
        if value := VALUE.match(line):
            changes.append(("value", with_another_number(value)))
        if asserted := ASSERTED.match(line):
            changes.append(("assertion", with_another_number(asserted)))
        if not changes and JUDGES.match(line):
            raise ValueError(f"line {number + 1}: nobody here knows how to change it: {line}")
        for what, other in changes:
            yield number + 1, what, "\n".join([*lines[:number], other, *lines[number + 1:]])


def write_all(folder, scripts, take_all):
    """Writes every mutant, those of each IP version into its folder; where each came from, by its file's name."""
    origin = {}
    for path, text in scripts:
        version = VERSION.search(text)
        made = 0
        for line, what, other in mutants(text, take_all):
            made += 1
            name = f"{len(origin)}.pkt"
            (folder / (version[1] if version else "ipv4") / name).write_text(other)
            origin[name] = f"{path}:{line}: {what}"
        if made == 0:
            origin[f"none of {path}"] = f"{path}: nothing in it can be changed"
    return origin


def noticed(output):
    """The names of the mutants that failed as scripts do: with an expectation that did not hold."""
    for line in output.split("\n"):
        if line.startswith("{"):
            report = json.loads(line)
            if report.get("result") == "failed":
                yield Path(report["file"]).name


def main():
    if sys.argv[1:] not in ([], ["--all"]):
        print("usage: mutate.py [--all]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as generated:
        generate(generated)
        scripts = list(all_scripts(generated))
        for version in VERSIONS:
            (Path(folder) / version).mkdir()
        origin = write_all(Path(folder), scripts, take_all=bool(sys.argv[1:]))
        seen = set()
        for version in VERSIONS:
            output, _ = drill([Path(folder) / version], "--json", f"--ip_version={version}")
            seen.update(noticed(output))
    missed = [where for name, where in origin.items() if name not in seen]
    for where in missed:
        print(f"not noticed: {where}")
    print(f"{len(scripts)} scripts, {len(origin)} changes, {len(origin) - len(missed)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
