#!/usr/bin/env bash
# Sets up, builds and runs the CIFAR-10 program.
#
#   examples/run.sh                            trains bottleneck-batch by its recipe
#   examples/run.sh train --arch compact --norm group --epochs 1
#   examples/run.sh --help                     whatever is given goes to the program
#
# What is missing to build is installed first (Debian, Ubuntu), the data set is downloaded to data/ unless --data or
# CIFAR10_DIR says where it is. Paths are relative to where the script is started.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$project/examples/setup.sh"

build=$(heddle_build_folder release)

build_program() {
  cmake -S "$project" -B "$build" --preset release -DHEDDLE_BUILD_TESTS=OFF &&
    cmake --build "$build" --target cifar10 -j "$(heddle_jobs)"
}

# Copies its input to the log; on a terminal it counts the steps done, since a first build takes some minutes.
keep_log() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    if [ -t 1 ] && [[ $line =~ ^\[[0-9]+/[0-9]+\] ]]; then printf '\r%s ' "${BASH_REMATCH[0]}"; fi
  done 3>"$build/build.log"
  if [ -t 1 ]; then printf '\r'; fi
}

# What the set-up and the build say goes to stderr: stdout is the program's.
{
  heddle_require cmake ninja-build g++ ccache libfmt-dev libcli11-dev nlohmann-json3-dev libstb-dev ca-certificates
  # For predict, and for the download of the data set.
  heddle_want libjpeg-dev libpng-dev libcurl4-openssl-dev libarchive-dev libssl-dev
  mkdir -p "$build"
  heddle_cuda_architecture
  echo "Building examples/cifar10 (its log is $build/build.log) ..."
  if ! build_program 2>&1 | keep_log; then
    tail -n 40 "$build/build.log"
    exit 1
  fi
} >&2

# The program calls itself what the user typed: its hints can be pasted.
if [ $# -gt 0 ]; then exec -a "$0" "$build/examples/cifar10/cifar10" "$@"; fi
results=$PWD/runs/bottleneck-batch
echo "Training bottleneck-batch by its recipe."
(exec -a "$0" "$build/examples/cifar10/cifar10" train --arch bottleneck --norm batch --out "$results")
echo "The results are in $results"
