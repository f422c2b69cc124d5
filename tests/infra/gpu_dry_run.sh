#!/usr/bin/env bash
# tests/gpu.sh without a GPU: what it would run is there to be run.
#
# usage: gpu_dry_run.sh PROJECT
set -euo pipefail
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$*"
  cat "$work/said"
  exit 1
}

"$project/tests/gpu.sh" "$work/out" --build /built --data /data --peer "$project/bench/compare.py" --dry-run > "$work/said" ||
  fail "The dry run failed"
stages=$(sed -n 's/^# Stages: //p' "$project/tests/gpu.sh")
[ -n "$stages" ] || fail "The help names no stages"
for stage in $stages; do
  grep -A 1 -x "$stage:" "$work/said" | grep -q '^  \[' || fail "Stage $stage runs nothing"
done

# Every program that is run is one that is built.
targets=" $(sed -n 's/.*--target //p' "$work/said") "
programs=$(grep -o '/built/[a-z_0-9/]*' "$work/said" | xargs -n 1 basename | sort -u)
for program in $programs; do
  case $program in built) continue ;; esac
  [[ $targets == *" $program "* ]] || fail "$program is run, but not built"
done
for source in "$project"/bench/*_bench.cpp; do
  name=$(basename "$source" .cpp)
  grep -q "/built/bench/$name --device cuda .*bench/$name.json" "$work/said" || fail "$name is not run"
done
for target in $targets; do
  [ -e "$project/bench/$target.cpp" ] || grep -rq "add_executable($target " "$project"/{tests,examples} --include=CMakeLists.txt ||
    fail "There is no target $target"
done

# What was tuned is compiled in.
grep -q '^  \[conv_tune\] .*/built/bench/conv_tune --device cuda .*--write [^ ]*/conv_tuned.inc ' "$work/said" || fail "Nothing is tuned"
grep -q '^  \[tuned-configure\] .*-DHEDDLE_CONV_TUNED=[^ ]*/conv_tuned.inc$' "$work/said" || fail "What was tuned is not compiled in"
grep -q '^  \[configure\] .*-DHEDDLE_CONV_TUNED=$' "$work/said" || fail "The first build has a table"
grep -q '^  \[tuned-build\]' "$work/said" || fail "What was tuned is not built"

# A word that is no stage is refused, as is a missing folder.
! "$project/tests/gpu.sh" "$work/out" nonsense --dry-run > "$work/said" 2>&1 || fail "A stage that there is not was taken"
! "$project/tests/gpu.sh" --dry-run > "$work/said" 2>&1 || fail "A call without a folder was taken"
echo "gpu.sh: $(wc -w <<< "$stages") stages, $(wc -w <<< "$programs") programs"
