#!/usr/bin/env bash
# From a fresh clone to generated text: installs what is missing, builds, converts the small model
# of the tests and lets it continue a prompt.
#
#   platforms/linux/demo.sh
#   platforms/linux/demo.sh Once upon a time
set -euo pipefail
cd "$(dirname "$0")/../.."

prompt=${*:-The people of the United States}

platforms/linux/install.sh
mkdir -p build/demo
cmake --preset release >build/demo-configure.log || { cat build/demo-configure.log; exit 1; }
cmake --build --preset release --target linnet

configs=(tests/models/*/config.json)
checkpoint=$(dirname "${configs[0]}")
model=build/demo/$(basename "$checkpoint").linnet
linnet=build/release/linnet

if [[ ! -f $model || $linnet -nt $model || -n $(find "$checkpoint" -newer "$model") ]]; then
  "$linnet" convert "$checkpoint" -o "$model"
fi
printf '%s' "$prompt"
"$linnet" run "$model" --prompt "$prompt" -n 128 --temperature 0.8 --top-p 0.9 --seed 1
