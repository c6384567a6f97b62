#!/usr/bin/env bash
# Makes the seed corpora of the fuzz targets from the vectors in spec-vectors/, as far as there are any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p corpus/frame corpus/decode corpus/round_trip
python3 - <<'PYTHON'
import hashlib
import json
import pathlib

# the order of the laws' dialects()
VERSIONS = ["3.1", "3.1.1", "5.0"]
ACCEPT = 6


def seeds(vector):
    """The input of each target: what it wants to know, then the bytes of the packet."""
    packet = bytes.fromhex("".join(part[0] for part in vector["wire"]))
    from_server = vector["direction"] == "server-to-client"
    for version in vector["versions"]:
        dialect = 2 * VERSIONS.index(version) + from_server
        yield "decode", bytes([dialect]) + packet
        yield "frame", bytes([dialect, 0, 1]) + packet
        # where the generator draws from: no packet in itself, yet bytes that are apart from each other
        yield "round_trip", bytes([dialect]) + packet
    if packet[:1] == b"\x10":
        yield "frame", bytes([ACCEPT, 0, 1]) + packet


written = set()
for path in sorted(pathlib.Path("../spec-vectors").glob("**/*.json")):
    vector = json.loads(path.read_text())
    # a conversation is not one packet
    if not isinstance(vector, dict) or not isinstance(vector.get("wire"), list):
        continue
    for target, seed in seeds(vector):
        seed_path = pathlib.Path("corpus", target, hashlib.sha1(seed).hexdigest())
        seed_path.write_bytes(seed)
        written.add(seed_path)
print(f"{len(written)} seeds")
PYTHON
