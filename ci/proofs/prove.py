"""Builds the entry points, proves the claims about them, and shows that each claim can fail. Started by ../proofs.sh.

prove.py [--quick] [--only TEXT] TARGET_DIR
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import claims
import faults
from machine import Machine, Wrong

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

PARTS = {part.name: part for part in claims.parts()}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--only", default="")
    arguments.add_argument("target")
    options = arguments.parse_args()
    target = Path(options.target).resolve()

    print(compiler(), flush=True)
    chosen = [part for part in PARTS.values() if options.only in part.name and (part.quick or not options.quick)]
    failed = prove_all(build(HERE, target), chosen)
    for copy, planted in faults.COPIES.items():
        planted = [fault for fault in planted if options.only in fault.finder]
        if planted:
            failed += find_all(build(plant(copy, target), target), copy, planted)
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


def compiler():
    command = ["rustc", "--version", "--verbose"]
    version, *lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    host = next(line for line in lines if line.startswith("host: "))
    return f"{version}, {host}, profile release"


def build(crate, target):
    """Builds the entry points with the library in the folder two levels up. Returns the shared library."""
    command = ["cargo", "build", "--quiet", "--locked", "--release"]
    # settings come from Cargo.toml alone, and every copy has a file of its own
    places = ["--manifest-path", crate / "Cargo.toml", "--target-dir", target]
    settings = {name: value for name, value in os.environ.items() if "RUSTFLAGS" not in name}
    subprocess.run([*command, *places], check=True, env=settings)
    library = target / f"{crate.parents[1].name}.so"
    shutil.copy(target / "release" / "libproofs.so", library)
    return library


def plant(copy, target):
    """A copy of the library with faults. Returns the folder of its entry points."""
    root = target / copy
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(ROOT / "src", root / "src")
    # without tests, examples and benches, which are not in the copy
    manifest, _, _ = (ROOT / "Cargo.toml").read_text().partition("[dev-dependencies]")
    (root / "Cargo.toml").write_text(manifest)
    crate = root / HERE.relative_to(ROOT)
    shutil.copytree(HERE, crate, ignore=shutil.ignore_patterns("target", "__pycache__"))
    for fault in faults.COPIES[copy]:
        file = root / "src" / fault.file
        text = file.read_text()
        if text.count(fault.old) != 1:
            raise SystemExit(f"src/{fault.file} has {fault.old!r} {text.count(fault.old)} times: update faults.py")
        file.write_text(text.replace(fault.old, fault.new))
    return crate


def prove_all(library, parts):
    failed, paths, seconds = [], 0, 0
    print(f"\n{'inputs':>9}  {'paths':>5}  {'CPU s':>6}  claim", flush=True)
    for part, (count, spent, wrong) in zip(parts, run_all(library, parts)):
        print(f"{f'2^{math.log2(part.inputs):.1f}':>9}  {count:5}  {spent:6.1f}  {part.name}", flush=True)
        if wrong:
            print(f"WRONG: {wrong}", flush=True)
            failed.append(part.name)
        paths, seconds = paths + count, seconds + spent
    print(f"{len(parts) - len(failed)} of {len(parts)} proved, {paths} paths, {seconds:.0f} s of CPU time", flush=True)
    return failed


def find_all(library, copy, planted):
    failed = []
    print(f"\ncontrols: the copy '{copy}', with planted faults", flush=True)
    for fault, (_, spent, wrong) in zip(planted, run_all(library, [PARTS[fault.finder] for fault in planted])):
        print(f"{fault.finder} ({spent:.1f} s): {'found: ' + wrong if wrong else 'NOT FOUND'}", flush=True)
        if not wrong:
            failed.append(f"the control of {fault.finder}")
    return failed


def run_all(library, parts):
    """For each part: paths, seconds, and what is wrong."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=load, initargs=(str(library),)) as pool:
        yield from pool.map(run, [part.name for part in parts])


def load(library):
    global machine
    machine = Machine(library)


def run(name):
    started = time.process_time()
    try:
        count, wrong = PARTS[name].prove(machine), None
    except Wrong as error:
        count, wrong = 0, str(error)
    return count, time.process_time() - started, wrong


if __name__ == "__main__":
    main()
