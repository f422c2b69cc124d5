// exports/all.hpp for kernel files, which see nothing but base: what they call of it must stay visible there too, since a
// symbol that one object file takes for hidden is hidden in the whole library.
#pragma GCC visibility push(default)
#include "heddle/base/device.hpp"
#include "heddle/base/dtype.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/parallel.hpp"
#include "heddle/base/stream.hpp"
#pragma GCC visibility pop
