#!/usr/bin/env python3
"""Writes dependencies.md: every direct dependency of the published packages, its reason, and its cost.

    ci/dependencies.py            builds every package once and writes the page
    ci/dependencies.py --check    only checks that the page names every dependency and no other
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "ci/dependencies.md"
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
               "--filter-platform=x86_64-unknown-linux-gnu"]
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


def closure(data, identifier):
    """The package with all that it needs."""
    nodes = {it["id"]: it for it in data["resolve"]["nodes"]}
    found, todo = set(), [identifier]
    while todo:
        current = todo.pop()
        if current in found:
            continue
        found.add(current)
        for dependency in nodes[current]["deps"]:
            if any(it["kind"] in (None, "build") for it in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return found


def size(package):
    """Lines of Rust that are no comment, and lines with the word `unsafe`, in the sources of a package."""
    lines = unsafe = 0
    for path in (pathlib.Path(package["manifest_path"]).parent / "src").rglob("*.rs"):
        for line in path.read_text(errors="replace").splitlines():
            code = line.strip()
            if code and not code.startswith("//"):
                lines += 1
                unsafe += bool(re.search(r"\bunsafe\b", code)) and "unsafe_code" not in code
    return lines, unsafe


def build_times(data):
    """Seconds of one build of each package and of its build script, without optimization."""
    seconds = {}
    with tempfile.TemporaryDirectory() as target:
        command = ["cargo", "build", "--locked", "--jobs=1", "-Zunstable-options", "--timings=json", "--all-features",
                   f"--target-dir={target}", *(f"--package={it}" for it in PUBLISHED if it in table(data))]
        environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
        output = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    for line in output.splitlines():
        if line.startswith("{") and (message := json.loads(line)).get("reason") == "timing-info":
            identifier = message["package_id"]
            seconds[identifier] = seconds.get(identifier, 0) + message["duration"]
    return seconds


def write(data):
    by_id = {it["id"]: it for it in data["packages"]}
    resolved = {it["id"]: it for it in data["resolve"]["nodes"]}
    seconds = build_times(data)
    rustc = subprocess.check_output(["rustc", "--version"], text=True).split()[1]
    page = [f"""# Dependencies

What the published packages depend on, and why. `ci/dependencies.py` makes this page, and the gate checks that it names every
dependency. `ci/supply-chain.sh` checks licences and sources, `ci/package.sh` the oldest allowed versions.

*Crates*: the dependency with all that it needs itself on Linux. *Lines*: their Rust code without comments and empty lines.
*unsafe*: how many of these lines have the word. *Build*: seconds of one core, without optimization, Rust {rustc}.
A crate that two dependencies need counts for both.
"""]
    for name, dependencies in table(data).items():
        page.append(f"## `{name}`\n")
        if name == "mqtt-wire":
            page.append("Only `nom` is needed always. `bytes` is a default feature, the others are features.\n")
        page.append("| dependency | version | for | crates | lines | unsafe | build |\n|---|---|---|---:|---:|---:|---:|")
        package = next(it for it in data["packages"] if it["name"] == name and it["source"] is None)
        for dependency in dependencies:
            pkg = next(it["pkg"] for it in resolved[package["id"]]["deps"]
                       if by_id[it["pkg"]]["name"] == dependency)
            needed = closure(data, pkg)
            sizes = [size(by_id[it]) for it in needed]
            lines, unsafe = (sum(it) for it in zip(*sizes))
            build = sum(seconds.get(it, 0) for it in needed)
            page.append(f"| `{dependency}` | {by_id[pkg]['version']} | {WHY[dependency]} | {len(needed)} | {lines:,} "
                        f"| {unsafe:,} | {build:.1f} s |")
        page.append("")
    PAGE.write_text("\n".join(page).rstrip() + "\n")


if __name__ == "__main__":
    DATA = metadata()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if check(DATA) else 1)
    write(DATA)
    sys.exit(0 if check(DATA) else 1)
