#!/usr/bin/env bash
# Builds Linnet and runs every check.
#
#   platforms/linux/test.sh                 tests, tests under sanitizers, format, clang-tidy
#   platforms/linux/test.sh --quick         only the tests
#   platforms/linux/test.sh --arch arm64    the tests, built for 64-bit Arm and run in an emulator: as
#                                           a processor with all instructions and one with few
#   platforms/linux/test.sh --arch all      everything above
#   platforms/linux/test.sh --arch armv7    the tests, built for 32-bit Arm and run in an emulator
set -euo pipefail
cd "$(dirname "$0")/../.."

arch=x86
quick=false
while [[ $# -gt 0 ]]; do
  case $1 in
    --quick) quick=true ;;
    --arch)
      arch=${2:-}
      shift
      ;;
    *) arch= ;;
  esac
  [[ $arch =~ ^(x86|arm64|armv7|all)$ ]] || {
    echo "usage: platforms/linux/test.sh [--quick] [--arch x86|arm64|armv7|all]" >&2
    exit 2
  }
  shift
done

# A miss of the compiler cache costs no preprocessing then: most builds of a fresh machine are misses.
export CCACHE_DEPEND=1
# Compilers ask for a third of the pages then, which takes a tenth of Clang's time.
huge_pages=glibc.malloc.hugetlb=1
jobs=$(nproc)
results=()
failed_logs=()
mkdir -p build

# check NAME COMMAND...: runs a command, and remembers for the summary how it went.
check() {
  local name=$1 start=$SECONDS outcome=passed
  shift
  printf '\n== %s\n' "$name"
  local log="build/check-${name//[^[:alnum:]]/-}.log"
  # A function called in a condition ignores "set -e", so each runs in a shell of its own.
  (set -e; "$@") > >(tee "$log") 2>&1 & wait $! || outcome=FAILED
  [[ $outcome == passed ]] || failed_logs+=("$log")
  results+=("$(printf '%-28s %s in %d s' "$name" "$outcome" $((SECONDS - start)))")
  printf '%s\n' "${results[-1]}"
}

# build_and_test PRESET
build_and_test() {
  cmake --preset "$1" >"build/$1.log" 2>&1 || { cat "build/$1.log"; return 1; }
  GLIBC_TUNABLES=$huge_pages cmake --build --preset "$1"
  test_built "$1"
}

# test PRESET, of what is built already
test_built() {
  ctest --preset "$1" --parallel "$jobs"
}

# Our own sources, without the generated header.
sources() {
  find runtime tools tests platforms -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c' \
    -o -name '*.java'
}

# Other versions format and warn differently; a machine without this one leaves these checks out.
clang_version=14
has_clang_tool() {
  "$1" --version 2>/dev/null | grep -q "version $clang_version\." && return
  echo "left out: this machine's $1 is not version $clang_version"
  return 1
}

check_format() {
  has_clang_tool clang-format || return 0
  sources | xargs clang-format --dry-run -Werror
}

check_scripts() {
  shellcheck platforms/linux/*.sh tests/fuzz/*.sh .ci/run
}

# Every source once, though several targets may have it, and without options that only GCC knows.
commands_for_clang() {
  python3 -c '
import json, sys
commands = {entry["file"]: entry for entry in reversed(json.load(sys.stdin))}
for entry in commands.values():
    for option in " -fno-gnu-unique", " -fno-gcse":
        entry["command"] = entry["command"].replace(option, "")
json.dump(list(commands.values()), sys.stdout)'
}

check_tidy() {
  has_clang_tool clang-tidy || return 0
  mkdir -p build/clang-tidy
  commands_for_clang <build/release/compile_commands.json >build/clang-tidy/compile_commands.json
  # It names every file and counts the warnings that it keeps to itself: only findings are shown.
  GLIBC_TUNABLES=$huge_pages run-clang-tidy -quiet -p build/clang-tidy -j "$jobs" \
    -extra-arg=-Wno-unknown-warning-option \
    "^$PWD/(runtime|tools|tests|platforms)/" >build/clang-tidy.log 2>&1 && return
  grep -vE '^clang-tidy|warnings? generated\.$' build/clang-tidy.log
  return 1
}

options=(--java)
[[ $quick == false && $arch =~ ^(x86|all)$ ]] && options+=(--checks)
[[ $arch =~ ^(arm64|all)$ ]] && options+=(--arm64)
[[ $arch == armv7 ]] && options+=(--armv7)
platforms/linux/install.sh "${options[@]}"

if [[ $arch =~ ^(x86|all)$ ]]; then
  check 'tests' build_and_test release
  if [[ $quick == false ]]; then
    check 'tests under sanitizers' build_and_test sanitize
    check 'threads under ThreadSanitizer' build_and_test tsan
    check 'format' check_format
    check 'scripts' check_scripts
    check 'clang-tidy' check_tidy
  fi
fi
# What is packed on x86 runs on Arm.
[[ $arch == all ]] && export LINNET_HOST_PROGRAM=$PWD/build/release/linnet
if [[ $arch =~ ^(arm64|all)$ ]]; then
  check 'tests on 64-bit Arm' build_and_test arm64
  check 'tests on plain NEON' test_built arm64-plain
fi
[[ $arch == armv7 ]] && check 'tests on 32-bit Arm' build_and_test armv7

# What failed is said again at the end, where people look.
for log in "${failed_logs[@]}"; do
  printf '\n== The last lines of %s\n' "$log"
  tail -n 40 "$log"
done
printf '\n== Summary\n'
printf '%s\n' "${results[@]}"
[[ ${#failed_logs[@]} == 0 ]]
