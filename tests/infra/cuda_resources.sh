#!/usr/bin/env bash
# Registers, shared memory and spills of every CUDA kernel, as ptxas reports them for one architecture. Prints the table, and
# fails when a hot kernel spills registers or keeps an array in local memory: either is device memory where the code says
# register. Hot are the families in which a training step on a GPU spends its time, in float and not naive. Elsewhere a stack is
# no fault: the sine of a large number needs one.
#
#   tests/infra/cuda_resources.sh                     every family, for sm_90
#   tests/infra/cuda_resources.sh conv gemm           these
#   NVCC=/path/to/nvcc ARCH=sm_80 tests/infra/cuda_resources.sh
#   tests/infra/cuda_resources.sh --built OBJECT...   what a build kept of these (keep_ptxas.sh), without compiling anew
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$project"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export NVCC=${NVCC:-nvcc} ARCH=${ARCH:-sm_90} work
compile() {
  local name=${1//\//_}
  "$NVCC" -std=c++20 -O3 -arch="$ARCH" -cubin --expt-relaxed-constexpr --extended-lambda --diag-suppress=1675 -I. -Ilib -Xptxas -v \
    -o "$work/$name.cubin" "$1" > "$work/$name.log" 2>&1 || { cat "$work/$name.log"; return 255; }
}
export -f compile

if [ "${1:-}" = --built ]; then
  ARCH="as built"
  shift
  for object in "$@"; do
    case $object in
      *_cuda.cu.o) cp "$object.ptxas" "$work/kernels_$(basename "$(dirname "$object")")_$(basename "$object").log" ;;
    esac
  done
else
  families=("$@")
  [ ${#families[@]} -gt 0 ] || families=('*')
  files=()
  for family in "${families[@]}"; do
    for file in kernels/$family/*_cuda.cu; do
      [ "$file" = kernels/simt/runtime_cuda.cu ] || files+=("$file")
    done
  done
  [ ${#files[@]} -gt 0 ] && [ -e "${files[0]}" ] || { echo "no kernels in ${families[*]}"; exit 1; }
  printf '%s\n' "${files[@]}" | xargs -P "${JOBS:-2}" -I{} bash -c 'compile {}'
fi

hot=" conv depthwise gemm norm pool activation augment "

# One kernel is four lines: its name, stack and spills, registers and shared memory. Names lose what all have in common, and
# their parameters.
for log in "$work"/*.log; do
  family=${log##*/kernels_}
  c++filt < "$log" | awk -v family="${family%%_*}" '
  /Compiling entry function/ {
    name = $0
    sub(/^[^\x27]*\x27(void )?/, "", name)
    sub(/\x27 for .*$/, "", name)
    gsub(/heddle::kernels::|\(anonymous namespace\)::/, "", name)
    depth = 0  # cut at the parenthesis that opens the parameters, outside any template argument
    for (i = 1; i <= length(name); ++i) {
      c = substr(name, i, 1)
      if (c == "<") ++depth
      if (c == ">") --depth
      if (c == "(" && depth == 0) { name = substr(name, 1, i - 1); break }
    }
    gsub(/\(Precision\)1/, "tf32", name)
    gsub(/\(Precision\)2/, "bf16", name)
  }
  /bytes stack frame/ { stack = $1; spills = $5 + $9 }
  /Used [0-9]+ registers/ {
    registers = shared = 0
    for (i = 2; i <= NF; ++i) {
      if ($i ~ /^registers/) registers = $(i - 1)
      if ($i == "smem" || $i == "smem,") shared = $(i - 2)
    }
    printf "%s\t%d\t%d\t%d\t%d\t%s\n", name, registers, shared, stack, spills, family
  }'
done | sort -t "$(printf '\t')" -k 6,6 -k 1,1 > "$work/table"

printf '%-100s %9s %7s %6s %6s\n' "kernel ($ARCH)" registers shared stack spills
awk -F'\t' '{ printf "%-100s %9d %7d %6d %6d\n", $1, $2, $3, $4, $5 }' "$work/table"
bad=$(awk -F'\t' -v hot="$hot" '$1 !~ /naive|double/ && index(hot, " " $6 " ") && ($4 > 0 || $5 > 0) { print $1 }' "$work/table")
if [ -n "$bad" ]; then
  printf 'These kernels spill registers, or keep arrays in local memory:\n%s\n' "$bad"
  exit 1
fi
[ -s "$work/table" ] || { echo "expected ptxas's reports of kernels, found none"; exit 1; }
echo "$(wc -l < "$work/table") kernels, and no hot one spills (shared memory is what is declared; launches ask for more)"
