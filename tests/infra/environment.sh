#!/usr/bin/env bash
# docs/environment.md lists every environment variable that the sources and scripts read, and no other.
#
# usage: environment.sh PROJECT
set -euo pipefail
cd "$1"
documented=$(sed -n 's/^| \(`[A-Z0-9_`, ]*`\) |.*/\1/p' docs/environment.md | grep -oE '[A-Z0-9_]+' | sort -u)
sources=$(find lib kernels examples bench tests -name '*.cpp' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh')
scripts=$(find lib kernels examples bench tests -name '*.sh')
# In sources: getenv, or a helper of the same kind. In scripts: expansions of upper-case names with a default, which is how
# these read what is from outside; what a script sets itself is in lower case.
read=$({
  echo "$sources" | xargs grep -hoE '(getenv|is_set)\("[A-Z0-9_]+"' | grep -oE '[A-Z0-9_]{2,}'
  echo "$scripts" | xargs grep -hoE '\$\{[A-Z][A-Z0-9_]+:?[-+=?]' | grep -oE '[A-Z0-9_]{2,}'
} | sort -u)
[ "$(echo "$read" | wc -l)" -ge 10 ] || { echo "Found too few variables in the sources: $read"; exit 1; }

missing=$(comm -23 <(echo "$read") <(echo "$documented"))
[ -z "$missing" ] || { echo "Read, but not in docs/environment.md:"; echo "$missing"; exit 1; }
unread=$(comm -13 <(echo "$read") <(echo "$documented"))
[ -z "$unread" ] || { echo "In docs/environment.md, but not read:"; echo "$unread"; exit 1; }
echo "$(echo "$read" | wc -l) environment variables, all documented"
