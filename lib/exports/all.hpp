// What a shared library shows: the declarations of the public headers, and nothing else.
//
// Everything is compiled with hidden symbols. CMake includes this file in front of every source of lib/heddle, and a
// function keeps the visibility it was first declared with: no declaration needs a mark. Kernels, helpers, fmt and JSON
// stay hidden, and with them every template of theirs that the compiler writes out.
#pragma GCC visibility push(default)
#include "heddle/heddle.hpp"
#pragma GCC visibility pop
