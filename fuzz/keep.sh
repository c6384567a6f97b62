#!/usr/bin/env bash
# Packs the minimized corpora of fuzz/overnight.sh into fuzz/kept/TARGET.xz, which fuzz/seed.sh unpacks. Each input is behind
# its length in four bytes, the shortest first, up to 64 KiB for a target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p kept
python3 - <<'PYTHON'
import lzma
import pathlib

AT_MOST = 64 * 1024


def pack(inputs):
    packed = b"".join(len(it).to_bytes(4, "little") + it for it in inputs)
    return lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME)


for corpus in sorted(pathlib.Path("corpus").iterdir()):
    inputs = sorted((path.read_bytes() for path in corpus.iterdir()), key=lambda it: (len(it), it))
    keep = len(inputs)
    while len(packed := pack(inputs[:keep])) > AT_MOST:
        keep = keep * AT_MOST // len(packed) - 1
    pathlib.Path("kept", f"{corpus.name}.xz").write_bytes(packed)
    print(f"{keep:6} of {len(inputs):6}  {len(packed):7} bytes  {corpus.name}")
PYTHON
