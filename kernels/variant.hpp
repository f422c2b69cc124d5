// Which of a family's implementations to use.
#pragma once

namespace heddle::kernels {

/// Each family has one fast implementation per backend, and beside it a naive one that is read and trusted more easily:
/// tests compare the two, and benchmarks show what the fast one gains.
enum class Variant : int { fast, naive };

}  // namespace heddle::kernels
