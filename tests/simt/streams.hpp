// Emulated streams: work runs when it is put in, except while a stream is captured, when it is kept to be replayed.
#pragma once

#include <functional>
#include <string_view>

#include "heddle/base/stream.hpp"

namespace heddle::simt::emulator {

/// Runs the work or, while the stream is captured, records it as one node. Bytes that a copy reads are read at the replay.
void enqueue(std::string_view what, Stream stream, std::function<void()> work);

/// Throws if the calling thread captures a stream: what CUDA forbids meanwhile.
void refuse_while_capturing(std::string_view what);

}  // namespace heddle::simt::emulator
