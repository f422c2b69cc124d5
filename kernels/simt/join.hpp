// Joining the values of a block's threads, in a fixed order: a tree in shared memory.
#pragma once

#include "kernels/simt/simt.hpp"

namespace heddle::simt {

/// What threads t, t + group, t + 2 group, ... of a block have, joined by Value::join(const Value&), for all of them. A block
/// has `Threads`; that and `group` are powers of two, and `shared` holds a Value for each thread. All threads of the block
/// call it; `shared` may be written again after the next barrier.
template <int Threads, class Value>
HD_DEVICE Value join_block(Value mine, Value* shared, int group = 1) {
  const int t = static_cast<int>(threadIdx.x);
  shared[t] = mine;
  __syncthreads();
  for (int half = Threads / 2; half >= group; half /= 2) {
    if (t < half) shared[t].join(shared[t + half]);
    __syncthreads();
  }
  return shared[t % group];
}

/// A value that joins by addition.
template <class T>
struct Sum {
  T value;
  HD_DEVICE void join(const Sum& other) { value += other.value; }
};

}  // namespace heddle::simt
