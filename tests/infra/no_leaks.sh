#!/usr/bin/env bash
# What heddle/heddle.hpp pulls in, through however many headers: nothing but itself and the standard library. And a program
# that includes it compiles in less than five seconds (of processor time, so that a busy machine does not matter).
#
# usage: no_leaks.sh PROJECT COMPILER
set -euo pipefail
project=$1 compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/program.cpp" <<'PROGRAM'
#include "heddle/heddle.hpp"
int main() {
  const heddle::Tensor x = heddle::ones({2, 3});
  return heddle::sum(x + x).item<int>() == 12 ? 0 : 1;
}
PROGRAM
flags=(-std=c++20 -O2 -I "$project/lib")
leaks=$("$compiler" "${flags[@]}" -M "$work/program.cpp" | tr -d '\\' | tr ' ' '\n' |
  grep -E '(^|/)(fmt|nlohmann|CLI|stb|kernels|curl|openssl|cuda[^/]*)/|cuda_runtime|jpeglib|/png\.h|/archive\.h' || true)
[ -z "$leaks" ] || { echo "heddle.hpp pulls in: $leaks"; exit 1; }

TIMEFORMAT='%U %S'
best=1000
for attempt in 1 2 3; do
  seconds=$({ time "$compiler" "${flags[@]}" -c "$work/program.cpp" -o "$work/program.o" >&2; } 2>&1 | tail -n 1)
  best=$(echo "$seconds $best" | awk '{ s = $1 + $2; print (s < $3 ? s : $3) }')
done
echo "A program that includes heddle.hpp compiles in $best s of processor time"
[ -s "$work/program.o" ] && awk -v s="$best" 'BEGIN { exit !(s > 0 && s < 5) }'
