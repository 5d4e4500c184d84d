#!/usr/bin/env bash
# Fuzzes one target for so many seconds, in one niced process: tests/fuzz/run.sh TARGET SECONDS.
# Needs the preset "sanitize" built, and its seeds made (ctest --preset sanitize -R fuzz/seeds).
set -euo pipefail
cd "$(dirname "$0")/../.."

[[ $# -eq 2 ]] || { echo "usage: tests/fuzz/run.sh TARGET SECONDS" >&2; exit 2; }
target=$1
build=build/sanitize/tests/fuzz
inputs=()
for folder in "$build/seeds/$target" "tests/fuzz/seeds/$target" "tests/fuzz/findings/$target"; do
  [[ ! -d $folder ]] || inputs+=("$folder")
done
mkdir -p "$build/corpus/$target"
exec nice -n 15 "$build/linnet_fuzz_$target" -max_total_time="$2" -timeout=300 -rss_limit_mb=2048 \
  -malloc_limit_mb=512 -max_len=65536 -print_final_stats=1 "-artifact_prefix=$build/$target-" \
  "$build/corpus/$target" "${inputs[@]}"
