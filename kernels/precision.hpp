// In what the products of a matrix product or convolution are computed.
#pragma once

namespace heddle::kernels {

/// What the factors of each product are rounded to before they are multiplied; tensors are stored, and sums are kept, in
/// their own type all the same. tf32 has float32's range and 10 bits of mantissa, bf16 has 7 of them. These two are the
/// tensor cores' formats: only the fast CUDA kernels for float heed them, every other kernel computes as with float32.
enum class Precision { float32, tf32, bf16 };

}  // namespace heddle::kernels
