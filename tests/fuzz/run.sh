#!/usr/bin/env bash
# Fuzzes one target for so many seconds, in one niced process: tests/fuzz/run.sh TARGET SECONDS [BUILD].
# Needs the preset "sanitize" built (BUILD: its folder), and its seeds made (ctest --preset sanitize
# -R fuzz/seeds).
set -euo pipefail
cd "$(dirname "$0")/../.."

[[ $# -eq 2 || $# -eq 3 ]] || { echo "usage: tests/fuzz/run.sh TARGET SECONDS [BUILD]" >&2; exit 2; }
target=$1
build=${3:-build/sanitize}/tests/fuzz
[[ -d $build/seeds/$target || -d tests/fuzz/seeds/$target ]] || { echo "run.sh: no seeds for $target" >&2; exit 1; }
inputs=()
for folder in "$build/seeds/$target" "tests/fuzz/seeds/$target" "tests/fuzz/findings/$target"; do
  [[ ! -d $folder ]] || inputs+=("$folder")
done
mkdir -p "$build/corpus/$target"
exec nice -n 15 "$build/linnet_fuzz_$target" -max_total_time="$2" -timeout=300 -rss_limit_mb=2048 \
  -malloc_limit_mb=512 -max_len=65536 -print_final_stats=1 "-artifact_prefix=$build/$target-" \
  "$build/corpus/$target" "${inputs[@]}"
