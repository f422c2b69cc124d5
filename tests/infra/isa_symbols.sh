#!/usr/bin/env bash
# Kernel files are compiled once for each instruction set. A symbol that two of these compilations share is kept once by the
# linker, from whichever it likes: a plain machine would meet an AVX-512 instruction. So objects compiled for more than
# the plain machine define no weak or unique symbol at all (but DW.ref., a pointer for exceptions that has no code).
#
# usage: isa_symbols.sh OBJECT...
set -euo pipefail
[ $# -gt 0 ] || { echo "no objects"; exit 1; }
shared=$(nm --print-file-name --defined-only --demangle "$@" | sed 's|^.*/||' | grep -E '^[^:]*:[0-9a-f]+ [WVvu] ' | grep -v ' DW[.]ref[.]' || true)
if [ -n "$shared" ]; then
  echo "Symbols that compilations for several instruction sets share:"
  echo "$shared" | sort -u | head -n 40
  exit 1
fi
echo "$# objects, none shares a symbol"
