#!/usr/bin/env bash
# Sets up, builds everything with warnings as errors, and runs all tests.
#
#   tests/run.sh               everything
#   tests/run.sh --quick       what one edits against: the library's rooms, the kernels of two instruction sets, the example
#                              program and the house rules; no GPU's kernels, no sanitizers, no other project's builds
#   tests/run.sh -R kernels    what is given goes to ctest
#
# What is missing to build is installed first (Debian, Ubuntu).
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$project/examples/setup.sh"

kind=release
if [ "${1:-}" = --quick ]; then
  kind=quick
  shift
fi
packages=(cmake ninja-build g++ ccache libfmt-dev libcli11-dev nlohmann-json3-dev libstb-dev ca-certificates catch2)
options=(-DHEDDLE_WERROR=ON -DHEDDLE_BUILD_TESTS=ON)
if [ "$kind" = quick ]; then
  options+=(-DHEDDLE_CUDA=OFF -DHEDDLE_BUILD_BENCH=OFF)
  if [ "$(uname -m)" = x86_64 ]; then options+=("-DHEDDLE_ISAS=base;v3"); fi
  target=(--target quick_tests)
  set -- -L quick "$@"
else
  packages+=(libbenchmark-dev git)
  options+=(-DHEDDLE_BUILD_BENCH=ON)
  target=()
fi
heddle_require "${packages[@]}"
heddle_want libjpeg-dev libpng-dev libcurl4-openssl-dev libarchive-dev libssl-dev
heddle_cuda_architecture
build=$(heddle_build_folder "$kind")
jobs=$(heddle_jobs)
cmake -S "$project" -B "$build" --preset release "${options[@]}"
cmake --build "$build" -j "$jobs" ${target[@]+"${target[@]}"}
ctest --test-dir "$build" --output-on-failure -j "$jobs" "$@"
