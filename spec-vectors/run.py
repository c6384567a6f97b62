#!/usr/bin/env python3
"""Checks that a program accepts the valid packets of all vectors and refuses the invalid ones.

    python3 spec-vectors/run.py [--exact] -- PROGRAM [ARGUMENT...]

PROGRAM reads a line of JSON for each packet and writes a line of JSON with its verdict, in any order:

    {"id": 7, "version": "5.0", "from": "client", "hex": "c000"}
    {"id": 7, "verdict": "accept"}

The verdict is "accept", "reject" or "incomplete" (the program waits for more bytes), which is always
wrong here. With --exact, the answers must also be those of `mqtt-explain judge` (see its --help):
the fields of the packet and its encoding, or the byte that is wrong and the statements that it
breaks. The exit status is 1 if there is a disagreement.
"""
import argparse
import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

VECTORS = Path(__file__).parent
PROTOCOL = {"3.1": b"\0\6MQIsdp\3", "3.1.1": b"\0\4MQTT\4", "5.0": b"\0\4MQTT\5"}


def vectors():
    """For each packet: its group, name, version, sender and hexadecimal digits, and the expected answer."""
    for path in sorted(VECTORS.glob("*/*/*.json")):
        vector = json.loads(path.read_text(encoding="utf-8"))
        group, name = path.parent.parent.name, path.relative_to(VECTORS).as_posix()
        [version] = vector["versions"]
        # each packet of a conversation is valid by itself, unless the conversation needs a waiver
        for index, packet in enumerate([] if "waivers" in vector else vector.get("packets", [])):
            digits = "".join(field[0] for field in packet["wire"])
            yield group, f"{name}, packet {index}", version, packet["from"], digits, {"verdict": "accept"}
        if "wire" in vector:
            sender, digits = vector["direction"].split("-")[0], "".join(field[0] for field in vector["wire"])
            if "packet" in vector:
                expected = {"verdict": "accept", "packet": vector["packet"]}
                if vector.get("canonical", True):
                    expected["reencoded"] = digits
            else:
                expected = {"verdict": "reject", "error.reason_code": None, "error.statements": vector["statements"]}
                expected.update({f"error.{key}": value for key, value in vector["error"].items()})
            yield group, name, version, sender, digits, expected


def connect_flags():
    """The same for each cell of connect-flags.csv: a CONNECT with the fields that its flags announce."""
    with open(VECTORS / "connect-flags.csv", encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            flags = int(row["flags"], 16)
            for version, protocol in PROTOCOL.items():
                no_properties = b"\0" if version == "5.0" else b""
                body = protocol + bytes([flags]) + b"\0\x3c" + no_properties + b"\0\1c"
                body += no_properties + b"\0\1t\0\1m" if flags & 0x04 else b""
                body += b"\0\1u" if flags & 0x80 else b""
                body += b"\0\1p" if flags & 0x40 else b""
                expected, cell = {"verdict": "accept"}, row["v" + version.replace(".", "_")]
                if cell != "ok":
                    statements = {f"v{version} {statement}" for statement in cell.split()}
                    expected = {"verdict": "reject", "error.field": "Connect Flags", "error.statements": statements}
                    expected["error.offset"] = 2 + len(protocol)
                digits = (bytes([0x10, len(body)]) + body).hex()
                yield "connect-flags.csv", f"connect-flags.csv, {flags:#04x}", version, "client", digits, expected


def member(answer, path):
    """The member of an answer at the path `key` or `key.key`."""
    for key in path.split("."):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def agrees(expected, found):
    if isinstance(expected, set):  # in any order
        return isinstance(found, list) and expected == set(found)
    # compared as text, because True == 1 in Python
    return json.dumps(expected, sort_keys=True) == json.dumps(found, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exact", action="store_true", help="compare whole answers, not only verdicts")
    parser.add_argument("program", nargs="+", metavar="PROGRAM", help="a program and its arguments, after --")
    options = parser.parse_args()

    questions = [*vectors(), *connect_flags()]
    lines = [
        json.dumps({"id": index, "version": version, "from": sender, "hex": digits}) + "\n"
        for index, (_, _, version, sender, digits, _) in enumerate(questions)
    ]
    # run() reads while it writes, so no deadlock is possible
    output = subprocess.run(options.program, input="".join(lines).encode(), stdout=subprocess.PIPE).stdout
    answers = {answer.get("id"): answer for answer in map(json.loads, output.splitlines())}

    asked, agreed, disagreements = Counter(), Counter(), []
    for index, (group, name, version, _, digits, expected) in enumerate(questions):
        answer = answers.get(index, {"verdict": "no answer"})
        wanted = expected if options.exact else {"verdict": expected["verdict"]}
        wrong = [path for path, value in wanted.items() if not agrees(value, member(answer, path))]
        column = group, expected["verdict"]
        asked[column] += 1
        agreed[column] += not wrong
        if wrong:
            disagreements.append(f"{name} ({version}): {digits}")
        for path in wrong:
            disagreements.append(f"    {path}: {member(answer, path)}\n        expected: {wanted[path]}")

    print(f"{'':20}{'accepted':>12}{'refused':>12}")
    for group in sorted({group for group, _ in asked}):
        cells = [f"{agreed[group, verdict]}/{asked[group, verdict]}" for verdict in ("accept", "reject")]
        print(f"{group:20}{cells[0]:>12}{cells[1]:>12}")
    print(f"{agreed.total()} of {len(questions)} as expected{', exactly' if options.exact else ''}")
    print(*disagreements, sep="\n", end="\n" if disagreements else "")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
