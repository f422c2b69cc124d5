#!/usr/bin/env bash
# A build with CUDA on a machine without a GPU: the program links none of CUDA's libraries but the static runtime, works on
# the CPU, says in one line which device it chose and why, and refuses to be asked for a GPU. A machine that has one hides it.
#
# usage: cuda_build.sh CIFAR10_PROGRAM
set -euo pipefail
program=$1
export CUDA_VISIBLE_DEVICES=""
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ldd "$program" | grep -E 'libcuda|libcudart|libcudnn|libcublas'; then
  echo "$program links these"
  exit 1
fi

train=("$program" train --arch compact --data synthetic --epochs 1 --limit 128 --out)
"${train[@]}" "$work/cpu" >"$work/log"
[ "$(grep -c '^Device: ' "$work/log")" = 1 ]
grep -E '^Device: cpu, since no (usable )?GPU' "$work/log"
[ -s "$work/cpu/model.safetensors" ]

if "${train[@]}" "$work/cuda" --device cuda >"$work/log" 2>&1; then
  echo "asked for a GPU that is not there, it trained all the same"
  exit 1
fi
grep -F "[device] expected a GPU for 'cuda', got none: " "$work/log"
