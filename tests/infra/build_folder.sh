#!/usr/bin/env bash
# Where the two commands build: in the project, in HEDDLE_BUILD_DIR, and, since a tree that could not be written could not be
# built either, in the user's cache. Each in a path with spaces.
#
# usage: build_folder.sh PROJECT
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
mkdir -p "$work/a place/examples"
cp "$1/examples/setup.sh" "$work/a place/examples/"
chmod -R a+rX "$work"
as=()
# Root may write everywhere, so that this must be somebody else.
if [ "$(id -u)" -eq 0 ]; then
  chown -R 65534:65534 "$work"
  as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
expect() {
  local got
  got=$(cd "$work" && ${as[@]+"${as[@]}"} env -u HEDDLE_BUILD_DIR -u XDG_CACHE_HOME HOME="$work/my home" "${@:2}" bash -c '. "$0"; heddle_build_folder quick' \
    "$work/a place/examples/setup.sh")
  case $got in $1) ;; *) echo "Expected $1, got $got"; exit 1 ;; esac
}
expect "$work/a place/build/quick"
expect "$work/else where/quick" HEDDLE_BUILD_DIR="$work/else where"
expect "$work/relative/quick" HEDDLE_BUILD_DIR=relative
chmod a-w "$work/a place"
expect "$work/my home/.cache/heddle/*/quick"
expect "$work/cache/heddle/*/quick" XDG_CACHE_HOME="$work/cache"
expect "$work/relative/quick" HEDDLE_BUILD_DIR=relative
echo "builds find their place"
