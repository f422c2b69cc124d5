// The emulator, as kernels see it: kernels/simt/simt.hpp includes this where no nvcc is at work, and every name that a
// kernel uses is then an ordinary C++ function. What runs the threads is in block.hpp.
#pragma once

#include "tests/simt/async.hpp"
#include "tests/simt/builtins.hpp"
#include "tests/simt/fragments.hpp"
#include "tests/simt/launch.hpp"
#include "tests/simt/shared.hpp"
