// Questions about the windows of a PoolShape, for every backend.
#pragma once

#include "heddle/base/inline.hpp"
#include "kernels/pool/pool.hpp"

namespace heddle::kernels {

/// 2 x 2 windows with stride 2 that halve a plane of even height and width.
HD_INLINE bool halves_planes(const PoolShape& s) {
  return s.kh == 2 && s.kw == 2 && s.stride_h == 2 && s.stride_w == 2 && s.pad_h == 0 && s.pad_w == 0 && s.dilation_h == 1 &&
         s.dilation_w == 1 && 2 * s.out_h == s.h && 2 * s.out_w == s.w;
}

/// One window that is the whole plane.
HD_INLINE bool is_whole_plane(const PoolShape& s) {
  return s.out_h == 1 && s.out_w == 1 && s.kh == s.h && s.kw == s.w && s.pad_h == 0 && s.pad_w == 0 && s.dilation_h == 1 &&
         s.dilation_w == 1;
}

/// How many of k taps at first, first + dilation, ... lie in [low, high).
HD_INLINE int taps_within(int first, int k, int dilation, int low, int high) {
  const int begin = first >= low ? 0 : (low - first + dilation - 1) / dilation;
  const int end = first >= high ? 0 : (high - 1 - first) / dilation + 1;
  const int last = end < k ? end : k;
  return last > begin ? last - begin : 0;
}

/// The taps of output row p (column q) that an average counts. With padding, as in PyTorch, a window that was rounded up ends
/// where the padding ends.
HD_INLINE int counted_rows(const PoolShape& s, int p) {
  const int pad = s.count_include_pad ? s.pad_h : 0;
  return taps_within(p * s.stride_h - s.pad_h, s.kh, s.dilation_h, -pad, s.h + pad);
}
HD_INLINE int counted_columns(const PoolShape& s, int q) {
  const int pad = s.count_include_pad ? s.pad_w : 0;
  return taps_within(q * s.stride_w - s.pad_w, s.kw, s.dilation_w, -pad, s.w + pad);
}

}  // namespace heddle::kernels
