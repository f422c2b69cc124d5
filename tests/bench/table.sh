#!/usr/bin/env bash
# The tables that gpu_table.py makes of benchmarks' results hold every family, and every kernel once.
#
# usage: table.sh PYTHON PROJECT FOLDER BENCHMARK...
set -euo pipefail
python=$1 project=$2 folder=$3
shift 3
rm -f "$folder"/*.md
"$python" "$project/tests/gpu_table.py" "$folder"
for bench in "$@"; do
  family=${bench%_bench}
  timed=$(grep -c '"name": "cuda/' "$folder/bench/$bench.json")
  rows=$(grep -cE "^\| $family( tf32| bf16)? \|" "$folder/kernels.md")
  [ "$timed" = "$rows" ] || { echo "$family: $timed kernels were timed, $rows are in kernels.md"; exit 1; }
  summed=$(awk -F'|' -v family=" $family( tf32| bf16)? " '$2 ~ "^" family "$" { sum += $3 } END { print sum + 0 }' "$folder/table.md")
  [ "$timed" = "$summed" ] || { echo "$family: $timed kernels were timed, table.md speaks of $summed"; exit 1; }
done
grep -q "^Measured roofline:.*GB/s of the device's copies.*bf16" "$folder/table.md"
grep -q "^Convolutions' tiles: of 12 passes [0-9]* keep another one .*emulator's times, which mean nothing" "$folder/table.md"

# A folder of nothing says so, and one that was cut short is no error.
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"$python" "$project/tests/gpu_table.py" "$empty"
grep -qx "Nothing was measured." "$empty/table.md"
mkdir "$empty/bench"
head -c 1000 "$folder/bench/$1.json" > "$empty/bench/$1.json"
"$python" "$project/tests/gpu_table.py" "$empty"
grep -qx "Nothing was measured." "$empty/table.md"
echo "$# families"
