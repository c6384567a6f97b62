#!/usr/bin/env bash
# Breaks the library in one place after the other and tells which breaks no test notices: each is tried with the quick
# tests, and what these miss with the thorough ones as well. Installs cargo-mutants if it is missing. Some seconds a
# place by the quick tests and, if nothing below makes them sooner done, minutes by the thorough ones: hours for src/.
#
#   ci/mutants.sh                                     everything
#   ci/mutants.sh -f src/topic.rs -f 'src/packet/*'   arguments of `cargo mutants`
#   JUDGES='vectors connect_flags' ci/mutants.sh      judged by these files of tests/ alone, in one round
#   JOBS=1 ci/mutants.sh                              one at a time, and not two
#   CASES=50 ci/mutants.sh                            property tests try so many values, and not their own number
#   CARGO_PROFILE_MUTANTS_OPT_LEVEL=1 ci/mutants.sh   optimized: what makes thousands of packets is sooner done
#
# The lists of what was caught and missed are in mutants.out/; the first round's are in mutants.out.quick/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A folder for all would be one for both jobs, each of which would test what the other has broken.
unset CARGO_TARGET_DIR
quick=${JUDGES-vectors connect_flags waivers properties exceptions encoder monitor framing forward fit will topics \
    conveniences getters names tokio_codec embedded}
thorough="lib defmt round_trip conversations generators strategies model_json stream coverage"
[ -z "${JUDGES+set}" ] || thorough=
cases=${CASES:+cases($CASES)}
cases=${cases:-&} # in sed: as it was

cargo mutants --version 2>/dev/null || cargo install cargo-mutants --locked
work=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-mutants.XXXXXX")
trap 'rm -r "$work"' EXIT
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$work"
out=$PWD
cd "$work"

# Small test programs: building what the others and the benches need takes most of the time otherwise.
sed -i '/^criterion/d; /^jsonschema/d; /^\[\[bench/,$d; s/^\[package\]$/&\nautotests = false/' Cargo.toml
printf '\n[profile.mutants]\ninherits = "test"\ndebug = "none"\n' >>Cargo.toml

# program NAME JUDGES: one of these files of tests/; in `tests` how to run it, in `timeout` what is far too long for it
program() {
    local judge started
    tests=(--test "$1")
    printf '\n[[test]]\nname = "%s"\n' "$1" >>Cargo.toml
    touch "tests/$1.rs"
    for judge in $2; do
        if [ "$judge" = lib ]; then
            tests+=(--lib)
        else
            sed -i "s,^#!\[cfg,//&,; s/cases([0-9_]*)/$cases/" "tests/$judge.rs"
            printf '#[path = "%s.rs"]\nmod %s;\n' "$judge" "$judge" >>"tests/$1.rs"
        fi
    done
    local run=(cargo test --quiet --profile mutants --all-features --package mqtt-wire "${tests[@]}")
    "${run[@]}" --no-run
    started=$SECONDS
    "${run[@]}"
    timeout=$((20 + 4 * (SECONDS - started)))
}

# Its status is that of cargo-mutants: not 0 if some were missed or took too long.
mutants() {
    cargo mutants --package mqtt-wire --all-features --profile mutants --baseline skip --timeout "$timeout" \
        --jobs "${JOBS:-2}" --no-shuffle --output "$out" "$@" -- "${tests[@]}"
}

rm -rf "$out/mutants.out.quick"
program quick "$quick"
status=0
mutants "$@" || status=$?
if [ -n "$thorough" ] && [ -s "$out/mutants.out/missed.txt" ]; then
    mv "$out/mutants.out" "$out/mutants.out.quick"
    program thorough "$thorough"
    # the name of a mutant, as a regular expression, which cargo-mutants 27.1 does not ask about deleted fields
    mapfile -t missed < <(
        sed 's/:.*//; s/^/--file=/' "$out/mutants.out.quick/missed.txt" | sort -u
        sed 's/[][(){}.*+?^$|\\]/\\&/g; s/.*/--re=^&$/' "$out/mutants.out.quick/missed.txt"
    )
    status=0
    mutants "${missed[@]}" || status=$?
fi
exit $status
