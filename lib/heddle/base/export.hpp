// What a shared library shows: what stands between HD_API_BEGIN and HD_API_END, in the public headers.
//
// Everything is compiled with hidden symbols, and a function keeps the visibility it was first declared with, so that a
// definition needs no mark. Kernels, helpers, fmt and JSON stay hidden, and with them every template of theirs that the
// compiler writes out. Includes stand outside of the marks.
#pragma once

#define HD_API_BEGIN _Pragma("GCC visibility push(default)")
#define HD_API_END _Pragma("GCC visibility pop")
