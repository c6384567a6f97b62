#!/usr/bin/env bash
# Changes the library and the test kit in one place after another and lists the changes that no test notices. The quick
# tests try each change first; the slow ones try only what these miss. Installs cargo-mutants if it is missing.
#
# A change takes some seconds with the quick tests and minutes with the slow ones, so a whole run takes hours. A run that
# was stopped goes on where it was: the state is in target/mutants, and starts anew when the code has changed.
# mutants.md has the latest figures.
#
#   ci/mutants.sh                                     all of src/ and testkit/src/
#   ci/mutants.sh -f src/topic.rs -f 'src/packet/*'   arguments of `cargo mutants`, here for the library only
#   JOBS=1 ci/mutants.sh                              one change at a time instead of two
#   PROPTEST_CASES=50 ci/mutants.sh                   fewer cases for each property test
#   CARGO_PROFILE_MUTANTS_OPT_LEVEL=1 ci/mutants.sh   optimized code: worth it for tests that make many packets
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Two jobs must not share one target folder: each would test the other's change.
unset CARGO_TARGET_DIR
state=target/mutants
quick=(vectors connect_flags waivers properties exceptions encoder monitor framing fanout fit will topics conversions
    getters display tokio_codec embedded)
slow=(--lib --test it --test defmt -- --skip linear_time:: --skip schema::)
of_testkit=(generators strategies conversations model_json)

cargo mutants --version 2>/dev/null || cargo install cargo-mutants --locked

# The code that a result is about: what is committed and what is not.
code=$({ git ls-files -s src testkit/src tests/it spec-vectors; git diff HEAD -- src testkit/src tests/it spec-vectors; } | sha256sum)
if [ "$(cat "$state/code" 2>/dev/null)" != "$code" ]; then
    rm -rf "$state"
    mkdir -p "$state"
    echo "$code" >"$state/code"
fi

# mutants ROUND ARGUMENT... -- WHICH TESTS. `--iterate` leaves out the changes that an earlier run of this round caught.
# Its status is not 0 if a change was missed or took too long.
mutants() {
    mkdir -p "$state/$1"
    cargo mutants --all-features --profile mutants --minimum-test-timeout 60 --timeout-multiplier 4 --jobs "${JOBS:-2}" \
        --no-shuffle --iterate --output "$state/$1" --test-package mqtt-wire "${@:2}" || status=$?
}

status=0
mutants quick --package mqtt-wire "$@" -- --test it -- "${quick[@]/%/::}"
if [ -s "$state/quick/mutants.out/missed.txt" ]; then
    # Names of changes as regular expressions. cargo-mutants 27.1 does not apply these to deleted fields, so files too.
    mapfile -t missed < <(
        sed 's/:.*//; s/^/--file=/' "$state/quick/mutants.out/missed.txt" | sort -u
        sed 's/[][(){}.*+?^$|\\]/\\&/g; s/.*/--re=^&$/' "$state/quick/mutants.out/missed.txt"
    )
    status=0
    mutants slow --package mqtt-wire "${missed[@]}" -- "${slow[@]}"
fi
[ $# != 0 ] || mutants testkit --package mqtt-wire-testkit -- --test it -- "${of_testkit[@]/%/::}"
wc -l "$state"/*/mutants.out/{previously_caught,caught,missed,timeout,unviable}.txt 2>/dev/null | grep -v ' total$'
exit $status
