#!/usr/bin/env python3
"""Writes dependencies.md: every direct dependency of the published packages, its reason, and its cost.

    ci/dependencies.py            builds every package once and writes the page
    ci/dependencies.py --check    only checks that the page names every dependency and no other
"""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "ci/dependencies.md"
TARGET = "x86_64-unknown-linux-gnu"
PUBLISHED = ["mqtt-wire", "mqtt-wire-testkit", "mqtt-wire-vectors", "mqtt-explain", "mqttspec"]

WHY = {
    "anstream": "colours only where the output shows them",
    "anstyle": "colours",
    "arbitrary": "packets from the bytes of a fuzzer",
    "base64": "pasted base64",
    "bytes": "shared buffers: packets and payloads without a copy",
    "clap": "the command line and its help",
    "clap_complete": "completions for shells",
    "clap_mangen": "manual pages",
    "ctrlc": "totals on Ctrl-C",
    "defmt": "errors and packets in the logs of devices",
    "edge-ws": "frames of WebSocket",
    "embedded-io-async": "packets over the streams of devices",
    "etherparse": "Ethernet, IP and TCP headers in captures",
    "flate2": "gzip, and compressed WebSocket messages",
    "futures-util": "the packets of the strict client as a stream",
    "httparse": "the upgrade to WebSocket",
    "indicatif": "the progress bar",
    "jiff": "dates and time zones",
    "lexopt": "the command line",
    "libtest-mimic": "the vectors as tests of any codec",
    "memchr": "the search for a byte in large inputs",
    "nom": "the parsers of fields",
    "pcap-parser": "pcap and pcapng",
    "proptest": "strategies for property tests",
    "regex-lite": "prefixes of logs",
    "ring": "the cryptography of TLS",
    "rustls": "TLS",
    "rustls-native-certs": "the certificates that the system trusts",
    "rustix": "to wait for several sockets, and to end a program and what it has started",
    "serde": "packets and vectors as data",
    "serde_json": "JSON",
    "serde_path_to_error": "the place of an error in JSON",
    "strsim": "a suggestion for a mistyped word",
    "terminal_size": "the width of the terminal",
    "textwrap": "wrapped lines",
    "tokio": "the streams of tokio",
    "tokio-util": "`Encoder` and `Decoder` of tokio",
    "tungstenite": "WebSocket",
}


def metadata():
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features",
               f"--filter-platform={TARGET}"]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def direct(package):
    """The normal dependencies that are no members of the workspace."""
    normal = [it for it in package["dependencies"] if it["kind"] is None and it["source"]]
    return sorted({it["name"] for it in normal})


def table(data):
    """For each published package, its direct dependencies."""
    packages = {it["name"]: it for it in data["packages"] if it["source"] is None}
    return {name: direct(packages[name]) for name in PUBLISHED if name in packages}


def check(data):
    wanted = {(name, it) for name, found in table(data).items() for it in found}
    named, section = set(), None
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:].strip("`")
        elif match := re.match(r"\| `([a-z0-9_-]+)` ", line):
            named.add((section, match[1]))
    for name, it in sorted(wanted ^ named):
        print(f"error: {PAGE.name}: {it} of {name}", "is missing" if (name, it) in wanted else "is no dependency")
    return wanted == named


def needed(package):
    """For each dependency of a package, the names and versions of all crates that it brings, itself included."""
    command = ["cargo", "tree", "--locked", f"--package={package}", "--all-features", f"--target={TARGET}",
               "--edges=normal,build", "--no-dedupe", "--prefix=depth"]
    found = {}
    for line in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        depth, name, version = re.match(r"(\d+)(\S+) v(\S+)", line).groups()
        if depth == "1":
            crates = found.setdefault(name, {(name, version): None})
        if depth != "0":
            crates[name, version] = None
    return {name: list(crates) for name, crates in found.items()}


@functools.cache
def size(manifest):
    """Lines of Rust that are no comment, and lines with the word `unsafe`, in the sources of a package."""
    lines = unsafe = 0
    for path in (pathlib.Path(manifest).parent / "src").rglob("*.rs"):
        for line in path.read_text(errors="replace").splitlines():
            code = line.strip()
            if code and not code.startswith("//"):
                lines += 1
                unsafe += bool(re.search(r"\bunsafe\b", code)) and "unsafe_code" not in code
    return lines, unsafe


# Runs a compiler, and adds the CPU time that it took to a file.
MEASURE = """#!/usr/bin/env python3
import os, resource, subprocess, sys
command = ["{cc}"] + sys.argv[1:] if sys.argv[0].endswith("cc") else sys.argv[1:]
status = subprocess.run(command, close_fds=False).returncode  # the jobserver of cargo
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open("{log}", "a") as log:
    print(os.environ.get("CARGO_PKG_NAME"), os.environ.get("CARGO_PKG_VERSION"), usage.ru_utime + usage.ru_stime, file=log)
sys.exit(status)
"""


def build_times(data):
    """CPU time of the compilers in one build of each package and of its build script, without optimization, in seconds."""
    with tempfile.TemporaryDirectory() as target:
        log = pathlib.Path(target, "log")
        for compiler in ["rustc", "cc"]:
            path = pathlib.Path(target, compiler)
            path.write_text(MEASURE.format(cc=shutil.which("cc"), log=log))
            path.chmod(0o755)
        command = ["cargo", "build", "--quiet", "--locked", "--jobs=1", "--all-features", f"--target-dir={target}",
                   *(f"--package={it}" for it in PUBLISHED if it in table(data))]
        environment = {**os.environ, "RUSTC_WRAPPER": f"{target}/rustc", "CC": f"{target}/cc"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        seconds = {}
        for line in log.read_text().splitlines():
            name, version, time = line.split()
            seconds[name, version] = seconds.get((name, version), 0) + float(time)
    return seconds


def write(data):
    packages = {(it["name"], it["version"]): it for it in data["packages"]}
    seconds = build_times(data)
    rustc = subprocess.check_output(["rustc", "--version"], text=True).split()[1]
    page = [f"""# Dependencies

What the published packages depend on, and why. `ci/dependencies.py` makes this page, and the gate checks that it names every
dependency. `ci/supply-chain.sh` checks licences and sources, `ci/package.sh` the oldest allowed versions.

*Crates*: the dependency with all that it needs itself on Linux. *Lines*: their Rust code without comments and empty lines, with
that for other systems and processors, which most of `linux-raw-sys` below `rustix` is.
*unsafe*: how many of these lines have the word. *Build*: CPU time of the compilers, without optimization, Rust {rustc}.
A crate that two dependencies need counts for both.
"""]
    for name, dependencies in table(data).items():
        page.append(f"## `{name}`\n")
        if name == "mqtt-wire":
            page.append("Only `nom` is needed always. `bytes` is a default feature, the others are features.\n")
        page.append("| dependency | version | for | crates | lines | unsafe | build |\n|---|---|---|---:|---:|---:|---:|")
        brings = needed(name)
        for dependency in dependencies:
            crates = brings[dependency]
            version = crates[0][1]
            lines, unsafe = (sum(it) for it in zip(*(size(packages[it]["manifest_path"]) for it in crates)))
            build = sum(seconds.get(it, 0) for it in crates)
            page.append(f"| `{dependency}` | {version} | {WHY[dependency]} | {len(crates)} | {lines:,} | {unsafe:,} "
                        f"| {build:.1f} s |")
        page.append("")
    PAGE.write_text("\n".join(page).rstrip() + "\n")


if __name__ == "__main__":
    DATA = metadata()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if check(DATA) else 1)
    write(DATA)
    sys.exit(0 if check(DATA) else 1)
