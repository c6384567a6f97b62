#!/usr/bin/env bash
# Changes the library in one place after another and lists the changes that no test notices. The quick tests try each
# change first; the slow ones try only what these miss. Installs cargo-mutants if it is missing. A change takes some
# seconds with the quick tests and minutes with the slow ones, so all of src/ takes hours. mutants.md has the latest figures.
#
#   ci/mutants.sh                                     all of src/
#   ci/mutants.sh -f src/topic.rs -f 'src/packet/*'   arguments of `cargo mutants`
#   TESTS='vectors connect_flags' ci/mutants.sh       one round, with these modules of tests/it
#   PROPTEST_CASES=50 ci/mutants.sh                   fewer cases for each property test
#   JOBS=1 ci/mutants.sh                              one change at a time instead of two
#   CARGO_PROFILE_MUTANTS_OPT_LEVEL=1 ci/mutants.sh   optimized code: worth it for tests that make many packets
#
# The lists of caught and missed changes are in mutants.out/; those of the first round are in mutants.out.quick/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Two jobs must not share one target folder: each would test the other's change.
unset CARGO_TARGET_DIR
read -ra quick <<<"${TESTS-vectors connect_flags waivers properties exceptions encoder monitor framing fanout fit will \
topics conversions getters display tokio_codec embedded}"
slow=(--lib --test it --test defmt -- --skip linear_time:: --skip schema::)

cargo mutants --version 2>/dev/null || cargo install cargo-mutants --locked

# mutants ARGUMENT... -- WHICH TESTS. Its status is that of cargo-mutants: not 0 if a change was missed or took too long.
mutants() {
    cargo mutants --package mqtt-wire --all-features --profile mutants --minimum-test-timeout 20 \
        --timeout-multiplier 4 --jobs "${JOBS:-2}" --no-shuffle --output . "$@"
}

rm -rf mutants.out.quick
status=0
mutants "$@" -- --test it -- "${quick[@]/%/::}" || status=$?
if [ -z "${TESTS+set}" ] && [ -s mutants.out/missed.txt ]; then
    mv mutants.out mutants.out.quick
    # Names of changes as regular expressions. cargo-mutants 27.1 does not apply these to deleted fields, so files too.
    mapfile -t missed < <(
        sed 's/:.*//; s/^/--file=/' mutants.out.quick/missed.txt | sort -u
        sed 's/[][(){}.*+?^$|\\]/\\&/g; s/.*/--re=^&$/' mutants.out.quick/missed.txt
    )
    status=0
    mutants "${missed[@]}" -- "${slow[@]}" || status=$?
fi
exit $status
