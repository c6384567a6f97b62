#!/usr/bin/env bash
# Breaks the library in one place after the other and tells which breaks no test notices.
# Installs cargo-mutants if it is missing. A few seconds a place, so some hours for all of src/.
#
#   ci/mutants.sh                                     everything
#   ci/mutants.sh -f src/topic.rs -f 'src/packet/*'   arguments of `cargo mutants`
#   JUDGES='vectors connect_flags' ci/mutants.sh      judged by these files of tests/ alone
#
# The lists of what was caught and missed are in mutants.out/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A folder for all would be one for both jobs, each of which would test what the other has broken.
unset CARGO_TARGET_DIR
judges=${JUDGES-lib vectors connect_flags waivers properties exceptions encoder monitor framing}

cargo mutants --version 2>/dev/null || cargo install cargo-mutants --locked
work=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-mutants.XXXXXX")
trap 'rm -r "$work"' EXIT
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$work"

# One small test program: building what the others and the benches need takes most of the time otherwise.
sed -i '/^criterion/d; /^jsonschema/d; /^\[\[bench/,$d; s/^\[package\]$/&\nautotests = false/' "$work/Cargo.toml"
printf '\n[[test]]\nname = "judges"\n\n[profile.mutants]\ninherits = "test"\ndebug = "none"\n' >>"$work/Cargo.toml"
tests=(--test judges)
for judge in $judges; do
    if [ "$judge" = lib ]; then
        tests+=(--lib)
    else
        sed -i '/^#!\[cfg/d' "$work/tests/$judge.rs"
        printf '#[path = "%s.rs"]\nmod %s;\n' "$judge" "$judge" >>"$work/tests/judges.rs"
    fi
done

out=$PWD
cd "$work"
cargo test --profile mutants --all-features --package mqtt-wire "${tests[@]}"
cargo mutants --package mqtt-wire --all-features --profile mutants --baseline skip --timeout 30 --jobs 2 \
    --no-shuffle --output "$out" "$@" -- "${tests[@]}"
