#!/usr/bin/env bash
# Fuzzes all targets, one on each processor, each for its share of the time. Then minimizes their corpora and prints a
# table of the results. Fails if a target crashed; the inputs that crashed it are in
# fuzz/artifacts/TARGET.
#
#   fuzz/overnight.sh SECONDS            all targets, SECONDS in total
#   fuzz/overnight.sh SECONDS TARGET...  these targets
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?the number of seconds is missing}
shift
[ $# != 0 ] || mapfile -t targets < <(cargo fuzz list)
[ $# = 0 ] || targets=("$@")
jobs=$(nproc)
rounds=$(((${#targets[@]} + jobs - 1) / jobs))
share=$((seconds / rounds))

bash fuzz/seed.sh
cargo fuzz build -s none
logs=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-fuzz.XXXXXX")
trap 'rm -r "$logs"' EXIT

fuzz() {
    local target=$1 corpus=fuzz/corpus/$1
    mkdir -p "$corpus" "fuzz/artifacts/$target"
    printf 'fuzz: %s, %d s\n' "$target" "$share"
    cargo fuzz run -s none "$target" "$corpus" -- -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 \
        -max_total_time="$share" -timeout=10 -dict=fuzz/mqtt.dict >"$logs/$target" 2>&1 || true # see the log
    cargo fuzz cmin -s none "$target" >"$logs/$target.cmin" 2>&1 || { tail -n 20 "$logs/$target.cmin"; return 1; }
}

touch "$logs/begin"
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    fuzz "$target" &
done
while [ -n "$(jobs -rp)" ]; do wait -n; done

crashed=0
rows=()
for target in "${targets[@]}"; do
    # "#EXECUTIONS: cov: EDGES ft: FEATURES corp: FILES ... exec/s N oom/timeout/crash: A/B/C time: ..."
    last=$(grep -E '^#[0-9]+: cov:' "$logs/$target" | tail -n 1)
    if [ -z "$last" ]; then
        tail -n 20 "$logs/$target"
        echo "error: $target did not run" >&2
        exit 1
    fi
    found=$(find "fuzz/artifacts/$target" -type f -newer "$logs/begin" | wc -l)
    crashed=$((crashed + found))
    rows+=("$(awk -v target="$target" -v seconds="$share" -v found="$found" \
        -v after="$(find "fuzz/corpus/$target" -type f | wc -l)" '{
            executions = $1; gsub(/[#:]/, "", executions)
            for (i = 2; i < NF; i++) if ($i == "cov:") edges = $(i + 1); else if ($i == "ft:") features = $(i + 1)
            printf "| %s | %d | %d | %d | %d | %d | %d | %d |", target, seconds, executions, executions / seconds, edges, features, after, found
        }' <<<"$last")")
done

printf '\n| target | seconds | executions | per second | edges | features | corpus after cmin | crashes |\n'
printf '|---|---:|---:|---:|---:|---:|---:|---:|\n'
printf '%s\n' "${rows[@]}"
if [ $crashed != 0 ]; then
    find fuzz/artifacts -type f
    exit 1
fi
