// Running a network a few images at a time. Internal.
//
// A batch of 128 images of 32 x 32 with 32 channels is 17 MB a layer: every op reads it from memory and writes it back. Where
// images do not depend on each other (group and layer norm, evaluation with batch norm), a block of eight can go through the
// whole network at once, forward and later backward, with its tensors in cache; and blocks are dealt to threads whole, so that
// threads meet once a pass, not once an op. What autograd sees is one op, whose way back walks the graphs that the blocks
// recorded. Values are those of the whole batch to the bit, dropout's masks included; a parameter's gradient is the sum of the
// blocks' gradients in order, whatever the number of threads.
#pragma once

#include <functional>

#include "heddle/nn/module.hpp"

namespace heddle::nn {

/// Whether `module` has parts, all by_rows() and without hooks, x is worth dividing, and nobody traces what runs.
bool runs_in_blocks(Module& module, const Tensor& x);

/// The module's forward on blocks of x's rows, joined. Where an op fails, the whole batch is run, for its error's sake.
Tensor forward_in_blocks(Module& module, const Tensor& x, const std::function<Tensor(const Tensor&)>& forward);

}  // namespace heddle::nn
