#!/usr/bin/env bash
# Nothing is left for later, and no finished program, nor the shared library, is larger than 10 MB; with the CUDA kernels of one
# architecture beside the CPU's, 16 MB.
#
# usage: tidy.sh PROJECT MEGABYTES PROGRAM...
set -euo pipefail
cd "$1"
megabytes=$2
shift 2
pattern='TO''DO|FIX''ME|XX''X|HA''CK'
found=$(grep -rnwE "$pattern" CMakeLists.txt lib kernels examples bench tests docs README.md 2>/dev/null || true)
[ -z "$found" ] || { echo "Left for later:"; echo "$found"; exit 1; }
for program in "$@"; do
  bytes=$(stat -c %s "$program")
  echo "$(basename "$program"): $bytes bytes"
  [ "$bytes" -lt $((megabytes * 1000000)) ] || { echo "$program is larger than $megabytes MB"; exit 1; }
done
