#!/usr/bin/env bash
# Fuzzes all targets, each for its share of the time; then makes their corpora small again, and says in a table what
# was done and found. Fails if a target crashed; what crashed it is in fuzz/artifacts/TARGET.
#
#   fuzz/overnight.sh SECONDS            all targets, SECONDS together
#   fuzz/overnight.sh SECONDS TARGET...  these
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?how many seconds?}
shift
[ $# != 0 ] || mapfile -t targets < <(cargo fuzz list)
[ $# = 0 ] || targets=("$@")
share=$((seconds / ${#targets[@]}))
jobs=$(nproc)

bash fuzz/seed.sh
cargo fuzz build -s none
logs=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-fuzz.XXXXXX")
trap 'rm -r "$logs"' EXIT

run() {
    local target=$1
    shift
    cargo fuzz "$@" -s none "$target"
}

crashed=0
rows=()
for target in "${targets[@]}"; do
    corpus=fuzz/corpus/$target artifacts=fuzz/artifacts/$target
    mkdir -p "$corpus" "$artifacts"
    touch "$logs/begin"
    printf 'fuzz: %s, %d s\n' "$target" "$share"
    status=0
    cargo fuzz run -s none "$target" "$corpus" -- -fork="$jobs" -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 \
        -max_total_time="$share" -timeout=10 -dict=fuzz/mqtt.dict >"$logs/$target" 2>&1 || status=$?
    # "#EXECUTIONS: cov: EDGES ft: FEATURES corp: FILES ... exec/s N oom/timeout/crash: A/B/C time: ..."
    last=$(grep -E '^#[0-9]+: cov:' "$logs/$target" | tail -n 1)
    if [ -z "$last" ]; then
        tail -n 20 "$logs/$target"
        echo "error: $target did not run (exit status $status)" >&2
        exit 1
    fi
    before=$(find "$corpus" -type f | wc -l)
    cargo fuzz cmin -s none "$target" >"$logs/cmin" 2>&1 || { tail -n 20 "$logs/cmin"; exit 1; }
    found=$(find "$artifacts" -type f -newer "$logs/begin" | wc -l)
    crashed=$((crashed + found))
    rows+=("$(awk -v target="$target" -v seconds="$share" -v before="$before" -v found="$found" \
        -v after="$(find "$corpus" -type f | wc -l)" '{
            executions = $1; gsub(/[#:]/, "", executions)
            for (i = 2; i < NF; i++) if ($i == "cov:") edges = $(i + 1); else if ($i == "ft:") features = $(i + 1)
            printf "| %s | %d | %d | %d | %d | %d | %d | %d |", target, seconds, executions, executions / seconds, edges, features, after, found
        }' <<<"$last")")
done

printf '\n| target | seconds | executions | a second | edges | features | corpus after cmin | crashes |\n'
printf '|---|---:|---:|---:|---:|---:|---:|---:|\n'
printf '%s\n' "${rows[@]}"
if [ $crashed != 0 ]; then
    find fuzz/artifacts -type f
    exit 1
fi
