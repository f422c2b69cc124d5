#!/usr/bin/env bash
# The reference documentation of the public headers builds without a warning.
#
# usage: doxygen.sh PROJECT OUTPUT DOXYGEN HEADER...    headers relative to lib/
set -euo pipefail
project=$1 output=$2 doxygen=$3
shift 3
cd "$project"
mkdir -p "$output"
{
  cat docs/Doxyfile
  echo "OUTPUT_DIRECTORY = \"$output\""
  echo "INPUT ="
  printf 'INPUT += "lib/%s"\n' "$@"
} | "$doxygen" -
[ -s "$output/html/index.html" ]
