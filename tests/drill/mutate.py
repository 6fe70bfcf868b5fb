#!/usr/bin/env python3
"""Each script can fail: every expectation is changed, one at a time, and lastack must then say that it does not hold.

    mutate.py [--all]       LASTACK names the program

Of a packet that is expected a flag (FIN, PSH or URG), one of its numbers or its time is changed, in turn; with --all
each of them. Of a call that is expected to return something: the result. What goes unnoticed is named."""
# timeout: 300

import json
import re
import sys
import tempfile
from pathlib import Path

from scripts import VERSION, all_scripts, drill, generate

EXPECTED = re.compile(r"^(?P<time>\S+)\s+> (?P<flags>\S+) (?P<seq>\d+):(?P<end>\d+)\((?P<length>\d+)\)"
                      r"(?: ack (?P<ack>\d+))?(?: win (?P<win>\d+))?(?P<rest>.*)$")
CALL = re.compile(r"^(?P<call>\S+\s+\w+\(.*\)) = (?P<result>-?\d+)(?P<rest>.*)$")
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
    return (f"{field['time']} > {field['flags']} {field['seq']}:{field['end']}({field['length']}){ack}{win}"
            f"{field['rest']}")


def moved(number):
    return str((int(number) + 1) % 2**32)


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
    yield "time", packet(found, time=later(found["time"], 4))


def changed_calls(found):
    """A descriptor is the script's own name for what accept() and socket() give: any number will do."""
    result = int(found["result"])
    if result < 0 or not re.search(r"\b(accept|socket)\(", found["call"]):
        yield "result", f"{found['call']} = {result + 1 if result >= 0 else 0}"


def mutants(text, take_all):
    """Line, what was changed, and the script as it then reads."""
    lines = text.split("\n")
    has_syn = False
    for number, line in enumerate(lines):
        expected, call = EXPECTED.match(line), CALL.match(line)
        changes = []
        if expected:
            is_first_syn = "S" in expected["flags"] and not has_syn
            has_syn = has_syn or is_first_syn
            changes = list(changed_packets(expected, number, is_first_syn))
            changes = changes if take_all else [changes[number % len(changes)]]
        elif call:
            changes = changed_calls(call)
        for what, other in changes:
            yield number + 1, what, "\n".join([*lines[:number], other, *lines[number + 1:]])


def write_all(folder, scripts, take_all):
    """Writes every mutant; where each came from, by its file's name."""
    origin = {}
    for path, text in scripts:
        made = 0
        for line, what, other in mutants(text, take_all):
            made += 1
            name = f"{len(origin)}.pkt"
            (folder / name).write_text(other)
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
        scripts = [(path, text) for path, text in all_scripts(generated)
                   if not (VERSION.search(text) and VERSION.search(text)[1] == "ipv6")]
        origin = write_all(Path(folder), scripts, take_all=bool(sys.argv[1:]))
        output, _ = drill([folder], "--json", "--ip_version=ipv4")
        seen = set(noticed(output))
    missed = [where for name, where in origin.items() if name not in seen]
    for where in missed:
        print(f"not noticed: {where}")
    print(f"{len(scripts)} scripts, {len(origin)} changes, {len(origin) - len(missed)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
