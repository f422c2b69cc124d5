#!/usr/bin/env bash
# Sets up, builds everything with warnings as errors, and runs all tests.
#
#   tests/run.sh               everything
#   tests/run.sh -R kernels    what is given goes to ctest
#
# What is missing to build is installed first (Debian, Ubuntu).
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$project/examples/setup.sh"

heddle_require cmake ninja-build g++ ccache libfmt-dev libcli11-dev nlohmann-json3-dev libstb-dev ca-certificates \
  catch2 libbenchmark-dev git
heddle_want libjpeg-dev libpng-dev libcurl4-openssl-dev libarchive-dev libssl-dev
heddle_cuda_architecture
build=$project/build/release
jobs=$(heddle_jobs)
cmake -S "$project" --preset release -DHEDDLE_WERROR=ON -DHEDDLE_BUILD_TESTS=ON -DHEDDLE_BUILD_BENCH=ON
cmake --build "$build" -j "$jobs"
ctest --test-dir "$build" --output-on-failure -j "$jobs" "$@"
