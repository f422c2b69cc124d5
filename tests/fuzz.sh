#!/usr/bin/env bash
# Fuzzes everything that reads outside bytes, by libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   tests/fuzz.sh                       each target for a minute
#   tests/fuzz.sh 900                   each for fifteen minutes
#   tests/fuzz.sh 900 --runs 1000000    each for a million inputs, or fifteen minutes where that comes first
#   tests/fuzz.sh 60 picture metrics    these two alone
#
# Prints a table: inputs that were tried, inputs a second, edges of the program that they reached, inputs that reached new
# ones, findings. A finding is an input that crashes, hangs (ten seconds), breaks a promise of the target's, or takes more
# memory than four times its size and a constant of the target's; it ends the target's run, its report is printed, and it is
# kept in build/fuzz/findings/TARGET. Status 1 where there is one. Inputs that reach new edges stay in build/fuzz/corpus/TARGET
# for the next run; those of tests/fuzz/corpus run first.
#
# What is missing (clang and its runtime among it) is installed first (Debian, Ubuntu).
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$project/examples/setup.sh"

seconds=60 runs=-1 wanted=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=${2:?--runs wants a number}; shift ;;
    *[!0-9]*) wanted+=("$1") ;;
    *) seconds=$1 ;;
  esac
  shift
done
for name in "${wanted[@]}"; do
  [ -f "$project/tests/fuzz/targets/$name.cpp" ] && continue
  echo "Expected a target ($(cd "$project/tests/fuzz/targets" && printf '%s ' *.cpp | sed 's/\.cpp//g')), got '$name'" >&2
  exit 2
done

heddle_require cmake ninja-build g++ ccache libfmt-dev libcli11-dev nlohmann-json3-dev libstb-dev clang
heddle_want libjpeg-dev libpng-dev libarchive-dev
heddle_require "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"
build=$(heddle_build_folder fuzz)
jobs=$(heddle_jobs)
mkdir -p "$build"
{
  cmake -G Ninja -S "$project" -B "$build/library" -DCMAKE_BUILD_TYPE=Release -DHEDDLE_CUDA=OFF -DHEDDLE_BUILD_TESTS=OFF \
    -DHEDDLE_PICTURES=OFF -DHEDDLE_DOWNLOAD=OFF  # these the targets bring themselves
  cmake --build "$build/library" -j "$jobs" --target heddle cifar10_program
  cmake -G Ninja -S "$project/tests/fuzz/libfuzzer" -B "$build/targets" -DCMAKE_CXX_COMPILER=clang++ -DHEDDLE_BUILD="$build/library"
  cmake --build "$build/targets" -j "$jobs"
} >"$build/build.log" 2>&1 || { tail -n 40 "$build/build.log"; echo "The targets do not build: see $build/build.log" >&2; exit 1; }

export UBSAN_OPTIONS=print_stacktrace=1
printf '%-14s %12s %10s %8s %8s %9s\n' target inputs inputs/s edges new findings
status=0
for source in "$project"/tests/fuzz/targets/*.cpp; do
  name=$(basename "$source" .cpp)
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then continue; fi
  [ -x "$build/targets/fuzz_$name" ] || { printf '%-14s not built here\n' "$name"; continue; }
  seeds=$project/tests/fuzz/corpus/$name corpus=$build/corpus/$name findings=$build/findings/$name log=$build/$name.log
  mkdir -p "$corpus" "$findings"
  dictionary=()
  [ -f "$project/tests/fuzz/dictionaries/$name" ] && dictionary=("-dict=$project/tests/fuzz/dictionaries/$name")
  found=0
  "$build/targets/fuzz_$name" -max_total_time="$seconds" -runs="$runs" -timeout=10 -max_len=16384 -rss_limit_mb=2048 \
    -malloc_limit_mb=512 -print_final_stats=1 -artifact_prefix="$findings/" "${dictionary[@]}" "$corpus" "$seeds" \
    >"$log" 2>&1 || found=1
  statistic() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
  edges=$(grep -o ' cov: [0-9]*' "$log" | tail -n 1 | tr -dc 0-9 || true)
  printf '%-14s %12s %10s %8s %8s %9s\n' "$name" "$(statistic number_of_executed_units)" "$(statistic average_exec_per_sec)" \
    "${edges:-0}" "$(statistic new_units_added)" "$found"
  if [ $found = 1 ]; then
    status=1
    # The report, without the stack of an input's own bytes and what came before it.
    grep -nE -m 1 -A 30 '^fuzz: |ERROR: |runtime error:|terminate called' "$log" || tail -n 30 "$log"
    grep -E 'Test unit written to' "$log" || true
  fi
done
exit $status
