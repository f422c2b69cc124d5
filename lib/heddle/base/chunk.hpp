// Where a thread is in parallel work. Internal.
#pragma once

namespace heddle::detail {

/// Whether this thread runs a chunk of parallel_chunks(), beside others that run theirs in whatever order.
bool in_chunk();

}  // namespace heddle::detail
