#!/usr/bin/env bash
# How the benchmark programs talk. conv_bench, built with CUDA, aborted on a machine without a GPU, even for --help; and the
# table had "% roofline=33.9/s" and "GB/s=30/s".
#
# usage: manners.sh BENCHMARK... (built with the emulator for a GPU)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  cat "$work/said"
  exit 1
}

export HD_SIMT_DEVICES=0
for bench in "$@"; do
  name=$(basename "$bench")
  "$bench" --help > "$work/said" 2>&1 || fail "$name --help failed"
  for option in --device --naive --benchmark_filter; do
    grep -q -e "$option" "$work/said" || fail "$name --help does not name $option"
  done
  status=0
  "$bench" --device cuda > "$work/said" 2>&1 || status=$?
  [ "$status" = 1 ] || fail "$name --device cuda ended with $status where there is no GPU"
  grep -q "^\[--device\] expected a GPU that this program can use: " "$work/said" || fail "$name --device cuda does not say what it lacks"
  status=0
  "$bench" --device gpu > "$work/said" 2>&1 || status=$?
  [ "$status" = 1 ] && grep -qF "[--device] expected cpu or cuda, got gpu" "$work/said" || fail "$name --device gpu is not refused"
done

# One benchmark on the processor, where there is no GPU: rates are written once, and the roofline's share is no rate.
for bench in "$@"; do
  if [ "$(basename "$bench")" = conv_bench_emulated ]; then conv=$bench; fi
done
"$conv" --benchmark_filter='^forward/compact 3->10@32/auto/threads:1' --benchmark_min_time=0.01 > "$work/said" 2> "$work/machine" ||
  fail "conv_bench did not run without a GPU"
grep -q "^forward/compact 3->10@32.*% roofline=" "$work/said" || fail "No share of the roofline is in the table"
grep -q "^forward/compact 3->10@32.*GB/s=" "$work/said" || fail "No bandwidth is in the table"
! grep -E "=[0-9.]+[a-zA-Z]?/s" "$work/said" || fail "A figure has its unit twice"
echo "benchmarks: in order"
