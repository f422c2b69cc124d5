#!/usr/bin/env bash
# conv_tune on the emulator: every pass and precision of a layer is checked and timed with every tile, the table it writes compiles
# and keeps what was not measured anew, and what is compiled in is taken unless HEDDLE_CONV_TILES says otherwise.
#
# usage: tune.sh PROJECT COMPILER FOLDER CONV_TUNE CONV_TUNE_OF_TABLE
# (the second with tests/bench/conv_tuned.inc compiled in; the JSON stays in FOLDER, for table.sh)
set -euo pipefail
project=$1 compiler=$2 folder=$3 tune=$4 tune_of_table=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  exit 1
}
lines() { grep -c "$2" "$1" || true; }

# One layer: twelve lines in every form.
"$tune" --device cuda --layers "compact 10->10@32" --note "a test" --write "$work/one.inc" --json "$work/one.json" --markdown "$work/one.md" \
  > "$work/said"
for precision in float32 tf32 bf16 "bf16 activations"; do
  for pass in forward grad_input grad_weight; do
    grep -q "^compact 10->10@32, batch 2, $pass, $precision: .* takes .* us, the estimate's choice" "$work/said" || fail "$pass in $precision was not timed"
    grep -q "| compact 10->10@32 | 2 | $pass | $precision |" "$work/one.md" || fail "$pass in $precision is not in the table to read"
  done
done
[ "$(lines "$work/one.inc" '^{{90, 8}, ')" = 12 ] || fail "The table to compile in has not twelve lines"
for text in "$work/one.inc" "$work/one.md"; do
  grep -q "emulated GPU.*, a test. The emulator's times mean nothing" "$text" || fail "$text does not say what it is of"
done
grep -q '"emulated": true' "$work/one.json"
[ "$(lines "$work/one.json" '"kept": ')" = 12 ] || fail "The JSON has not twelve passes"
[ "$(lines "$work/one.json" '"tile": ')" -gt 40 ] || fail "The JSON has few tiles"
cp "$work/one.json" "$folder/conv_tune.json"
"$compiler" -std=c++20 -xc++ -fsyntax-only -Wall -Wextra -Werror -I"$project" -I"$project/lib" -DHEDDLE_CONV_TUNED="\"$work/one.inc\"" \
  "$project/kernels/conv/conv_tuned_cuda.cu" || fail "The table does not compile"

# Lines of other devices, and of shapes that were not measured, stay; those that were are written anew.
"$tune_of_table" --device cuda --layers "compact 32->10@1" --write "$work/more.inc" > "$work/said"
grep '^{{' "$project/tests/bench/conv_tuned.inc" > "$work/before"
[ "$(lines "$work/more.inc" '^{{')" = 16 ] || fail "The table has not twelve lines more than before"
[ "$(grep -cxFf "$work/before" "$work/more.inc")" = 4 ] || fail "Lines that were there are gone"
"$tune_of_table" --device cuda --layers "compact 10->10@32" --write "$work/anew.inc" > "$work/said"
[ "$(lines "$work/anew.inc" '^{{90, 8}')" = 14 ] || fail "Lines that were measured anew are there twice"
[ "$(lines "$work/anew.inc" '^{{80, 108}')" = 1 ] || fail "The other device's line is gone"

# Other batches are other shapes.
"$tune" --device cuda --layers "compact 32->10@1" --batch 1,2 --write "$work/batches.inc" > "$work/said"
for batch in 1 2; do
  [ "$(grep -c "^compact 32->10@1 1x1, batch $batch, " "$work/said")" = 12 ] || fail "Batch $batch was not measured"
done
[ "$(lines "$work/batches.inc" '^{{90, 8}')" = 24 ] || fail "The table has not both batches"

# What is compiled in is taken, unless the environment says otherwise.
list() { "$1" --device cuda --layers "compact 10->10@32" --list; }
list "$tune_of_table" > "$work/said"
[ "$(lines "$work/said" '(kept, of ')" = 2 ] || fail "Not the two lines for this device are taken"
grep -q "^compact 10->10@32, batch 512, forward, float32: pixels 512x4 (kept, of [0-9]*)$" "$work/said"
grep -q "^compact 10->10@32, batch 512, grad_weight, tf32: matrix 16x16x1 for 528 blocks (kept, of [0-9]*)$" "$work/said"
HEDDLE_CONV_TILES=auto list "$tune_of_table" | cmp - "$work/said"
HEDDLE_CONV_TILES=estimate list "$tune_of_table" > "$work/said"
[ "$(lines "$work/said" '(by the estimate, of ')" = 12 ] || fail "HEDDLE_CONV_TILES=estimate takes what is kept"
! HEDDLE_CONV_TILES=fastest list "$tune_of_table" > "$work/said" 2>&1 || fail "A word that means nothing was taken"
grep -qF "[HEDDLE_CONV_TILES] expected estimate or auto, got 'fastest'" "$work/said"

# What cannot be done is refused in words.
! "$tune" --device cpu > "$work/said" 2>&1 || fail "A CPU was tuned"
grep -qF "[--device] expected cuda" "$work/said"
! "$tune" --layers nonsense > "$work/said" 2>&1 || fail "No layers were tuned"
grep -qF "[--layers] expected part of a layer's name" "$work/said"
echo "conv_tune: in order"
