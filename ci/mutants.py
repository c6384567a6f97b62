#!/usr/bin/env python3
"""Changes the library and the test kit in one place after another, and lists the changes that no test notices.

A whole run takes hours. So the results are kept: ci/mutants.csv has a row for each file with the hash of its contents,
and ci/survivors.csv each change that no test noticed, with the reason why it changes no result, or only how often
something random happens. A run takes the files that have no row, or whose contents have changed. Stop it at any time:
only the file at hand is lost.

The quick tests try each change first. The slow ones try only what these miss. Needs cargo-mutants 27.1, and installs it
if it is missing. It judges the last commit.

  ci/mutants.py                      every file of src/ and testkit/src/ that has no result
  ci/mutants.py src/topic.rs ...     these files, even if they have one
  ci/mutants.py --survivors          tries the survivors again that have no reason, after new tests
  ci/mutants.py --jobs 1             one change at a time instead of two
  ci/mutants.py --check              runs nothing: lists the files without a result, the survivors without a reason,
                                     and the totals
"""

import argparse
import csv
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATE = ROOT / "target" / "mutants"
RESULTS = ROOT / "ci" / "mutants.csv"
SURVIVORS = ROOT / "ci" / "survivors.csv"
COLUMNS = ["file", "contents", "mutants", "caught", "timeout", "do not build", "missed at first", "missed"]

# Modules of tests/it. A round builds only the modules that it runs. The first list says nothing about a change, SLOW
# takes seconds.
USELESS = ["coverage", "layers", "linear_time", "schema", "sizes", "source"]
ABOUT_TESTKIT = ["conversations", "generators", "strategies"]
SLOW = ["cuts", "fanout", "fit", "round_trip", "stream", "will"]
OF_TESTKIT = ["conversations", "generators", "model_json", "strategies", "vectors"]
HELPERS = ["fixtures", "invariants", "readers"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()

    contents = committed_files()
    results = read(RESULTS)
    without_result = [it for it in contents if results.get(it, {}).get("contents") != contents[it]]
    if arguments.check:
        sys.exit(check(without_result))
    install()
    work = queue.Queue()
    if arguments.survivors:
        unexplained = unexplained_survivors()
        for file in sorted({it.split(":")[0] for it in unexplained} - set(without_result)):
            work.put((file, [it for it in unexplained if it.startswith(file + ":")]))
    else:
        for file in arguments.files or without_result:
            work.put((file, None))
    workers = [Worker(number, work, contents) for number in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(it.has_failed for it in workers))


def check(without_result):
    unexplained = unexplained_survivors()
    for file in without_result:
        print(f"no result: {file}")
    for mutant in unexplained:
        print(f"no reason: {mutant}")
    rows = read(RESULTS).values()
    print(f"{len(rows)} files:", ", ".join(f"{sum(int(it[name]) for it in rows)} {name}" for name in COLUMNS[2:]))
    return bool(without_result or unexplained)


def unexplained_survivors():
    return [it["mutant"] for it in read(SURVIVORS).values() if not it["reason"]]


class Worker(threading.Thread):
    """Has a copy of the committed files and a target folder, and changes one file after another in it."""

    lock = threading.Lock()

    def __init__(self, number, work, contents):
        super().__init__()
        self.folder = STATE / str(number)
        self.work = work
        self.contents = contents
        self.has_failed = False

    def run(self):
        self.lay_out()
        while True:
            try:
                file, survivors = self.work.get_nowait()
            except queue.Empty:
                return
            start = time.monotonic()
            try:
                row, missed = self.judge_again(file, survivors) if survivors else self.judge(file)
            except RuntimeError as error:
                print(f"{file}: {error}", flush=True)
                self.has_failed = True
                continue
            with self.lock:
                keep(row, missed)
            print(f"{file}: {row['mutants']} mutants, {row['missed']} missed, {time.monotonic() - start:.0f} s", flush=True)

    def lay_out(self):
        """Copies the files with the time of now: an earlier run may have left a changed file, built later."""
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "xm"], cwd=tree, check=True, input=archive)
        self.all_tests = (tree / "tests/it/main.rs").read_text()

    def judge(self, file):
        of_testkit = file.startswith("testkit/")
        if of_testkit:
            found = self.mutants(file, [], ["--test=it"], lambda it: it in OF_TESTKIT + HELPERS, 25)
        else:
            # the module that is named after the file or its folder belongs to it
            slow = [it for it in SLOW if it not in pathlib.PurePath(file).with_suffix("").parts]
            timeout = 12 if slow == SLOW else 60
            found = self.mutants(file, [], ["--test=it"], lambda it: it not in USELESS + ABOUT_TESTKIT + slow, timeout)
        missed_at_first = missed = [it for it, summary in found.items() if summary == "MissedMutant"]
        if missed and not of_testkit:
            found.update(self.slowly(file, missed))
            missed = [it for it in missed if found[it] == "MissedMutant"]
        count = list(found.values()).count
        return {
            "file": file,
            "contents": self.contents[file],
            "mutants": len(found),
            "caught": count("CaughtMutant"),
            "timeout": count("Timeout"),
            "do not build": count("Unviable"),
            "missed at first": len(missed_at_first),
            "missed": len(missed),
        }, missed

    def judge_again(self, file, survivors):
        """Like `judge`, with the results of the last run for all other changes."""
        found = self.slowly(file, survivors)
        with self.lock:
            row, all_survivors = read(RESULTS)[file], read(SURVIVORS)
        caught = [it for it, summary in found.items() if summary != "MissedMutant"]
        row["caught"] = int(row["caught"]) + len(caught)
        row["missed"] = int(row["missed"]) - len(caught)
        missed = [it for it in all_survivors if it.startswith(file + ":") and it not in caught]
        return row, missed

    def slowly(self, file, mutants):
        """The outcomes of these changes with all tests that are about this file."""
        useless = USELESS if file.startswith("testkit/") else USELESS + ABOUT_TESTKIT
        found = self.mutants(file, mutants, ["--lib", "--test=it", "--test=defmt"], lambda it: it not in useless, 90)
        # a change that deletes a field is tried even if it is not in the list
        return {it: summary for it, summary in found.items() if it in mutants}

    def mutants(self, file, only, targets, is_used, timeout):
        """The outcome of each change of a file, or of some of them, with these modules of tests/it. The tests have to
        pass without a change."""
        used = re.sub(r"(?:#\[.*\]\n)*mod (\w+);\n", lambda it: it[0] if is_used(it[1]) else "", self.all_tests)
        (self.folder / "tree/tests/it/main.rs").write_text(used)
        shutil.rmtree(self.folder / "mutants.out", ignore_errors=True)
        package = "mqtt-wire-testkit" if file.startswith("testkit/") else "mqtt-wire"
        command = ["cargo", "mutants", "--in-place", "--all-features", "--profile=mutants", "--no-shuffle"]
        command += [f"--timeout={timeout}", f"--output={self.folder}", f"--package={package}", "--test-package=mqtt-wire"]
        command += ["--cargo-arg=--package=mqtt-wire"]  # else the run without a change lacks the tests
        command += [f"--file={file}"] + [f"--re=^{re.escape(it)}$" for it in only] + [f"--cargo-arg={it}" for it in targets]
        # a test program stops at its first failure; the option for it is unstable
        command += ["--cargo-arg=--config", """--cargo-arg=target."cfg(all())".runner=["env","RUSTC_BOOTSTRAP=1"]"""]
        command += [f"--cargo-test-arg={it}" for it in ["--", "-Zunstable-options", "--fail-fast"]]
        # a backtrace of each failure would take longer than the tests
        environment = {"RUST_BACKTRACE": "0", "PROPTEST_CASES": "32", "CARGO_TARGET_DIR": str(self.folder / package)}
        if package == "mqtt-wire-testkit":
            # its tests gain more from optimized code than the builds take longer
            environment["CARGO_PROFILE_MUTANTS_OPT_LEVEL"] = "1"
        with open(self.folder / "log", "w") as log:
            subprocess.run(
                command, cwd=self.folder / "tree", env=os.environ | environment, stdout=log, stderr=log
            )
        path = self.folder / "mutants.out" / "outcomes.json"
        outcomes = json.loads(path.read_text())["outcomes"] if path.exists() else []
        if any(it["scenario"] == "Baseline" and it["summary"] != "Success" for it in outcomes):
            raise RuntimeError(f"the tests fail without a change, see {self.folder / 'log'}")
        log = (self.folder / "log").read_text()
        if not outcomes and "No mutants found" not in log and "0 mutants" not in log:
            raise RuntimeError(f"cargo mutants failed, see {self.folder / 'log'}")
        return {it["scenario"]["Mutant"]["name"]: it["summary"] for it in outcomes if it["scenario"] != "Baseline"}


def keep(row, missed):
    """Replaces the results of a file. Reasons stay with their change when it only moves."""
    results = read(RESULTS)
    results[row["file"]] = row
    write(RESULTS, COLUMNS, results)
    survivors = read(SURVIVORS)
    of_file = [it for it in survivors if it.startswith(row["file"] + ":")]
    reasons = {without_place(it): survivors.pop(it)["reason"] for it in of_file}
    for mutant in missed:
        survivors[mutant] = {"mutant": mutant, "reason": reasons.get(without_place(mutant), "")}
    write(SURVIVORS, ["mutant", "reason"], survivors)


def without_place(mutant):
    return re.sub(r":\d+:\d+: ", ": ", mutant)


def read(path):
    """The rows of a table by their first column."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def write(path, columns, rows):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows[it] for it in sorted(rows))


def committed_files():
    """The files that can be changed, with the hashes of their contents."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "HEAD", "src", "testkit/src"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    lines = [line.split() for line in listed.splitlines()]
    return {path: blob[:12] for _, _, blob, path in lines if path.endswith(".rs")}


def install():
    if subprocess.run(["cargo", "mutants", "--version"], capture_output=True).returncode != 0:
        subprocess.run(["cargo", "install", "cargo-mutants", "--version", "27.1.0", "--locked"], check=True)


if __name__ == "__main__":
    main()
