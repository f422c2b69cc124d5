#!/usr/bin/env bash
# What a shared library shows: heddle's public functions, and nothing of its kernels, fmt or JSON.
#
# usage: exports.sh LIBRARY
set -euo pipefail
symbols=$(nm --dynamic --defined-only --demangle "$1" | sed -E 's/^[0-9a-f]* +[A-Za-z] //')
# By the functions' own names: arguments and results may well be named kernels::.
hidden=$(echo "$symbols" | sed -E 's/\[abi:[a-z0-9]+\]//g; s/^(typeinfo name for|typeinfo for|vtable for|guard variable for) //; s/\(.*//' |
  grep -E '^((void|bool|int|auto) )?(heddle::(kernels|simt)|fmt|nlohmann|CLI)::' | grep -vE ' (heddle|std)::' || true)
if [ -n "$hidden" ]; then
  echo "Exported, and should not be:"
  echo "$hidden" | head -n 20
  exit 1
fi
for name in 'heddle::conv2d(' 'heddle::Tensor::backward(' 'heddle::nn::Conv2d::forward(' 'heddle::fail(' 'heddle::detail::run_chunks('; do
  [[ $symbols == *"$name"* ]] || { echo "Not exported: $name"; exit 1; }
done
echo "$(echo "$symbols" | grep -c heddle::) symbols of heddle's exported"
