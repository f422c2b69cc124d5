#!/usr/bin/env bash
# A compiler launcher: what ptxas reports of each kernel (-Xptxas -v) is kept beside the object, for cuda_resources.sh, and what
# else is printed is shown.
#
# usage: keep_ptxas.sh COMPILER ... -o OBJECT ...
set -uo pipefail
object=/dev/null
previous=""
for word in "$@"; do
  [ "$previous" != -o ] || object=$word
  previous=$word
done
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
"$@" 2> "$printed"
status=$?
ours='^ptxas info|bytes stack frame|^[[:space:]]*$'
grep -vE "$ours" "$printed" >&2
if [ $status = 0 ] && [ "$object" != /dev/null ]; then grep -E "$ours" "$printed" > "$object.ptxas"; fi
exit $status
