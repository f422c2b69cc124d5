// What batch and group normalization do to a piece of one channel plane (at most piece_size elements, so that everything a
// second look needs is still in the first cache), with the neighbours of NormFusion folded in. With z what the neighbours
// before the norm make of x, and g what the neighbours after it make of dy:
//     moments:  sums of z - shift and of its square
//     apply:    y = after(relu((z - mean) * scale + bias))
//     sums:     sums of g and of g * (z - mean)
//     gradient: dx = (g * k1 - k2 - (z - mean) * k3) through the neighbours before
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <type_traits>

#include "kernels/norm/dropout_cpu.hpp"
#include "kernels/norm/norm.hpp"
#include "kernels/norm/pair_sums.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

/// NormFusion as the kernels use it: relu raises to `low`, which is minus infinity where there is none.
template <class T> struct Neighbours {
  DropoutFactors<T> before, after;
  std::uint8_t* kept;  // what forward leaves for backward, or null
  T low_before, low_after;

  explicit Neighbours(const NormFusion& fusion)
      : before(fusion.before),
        after(fusion.after),
        kept(fusion.kept),
        low_before(fusion.relu_before ? T(0) : -std::numeric_limits<T>::infinity()),
        low_after(fusion.relu_after ? T(0) : -std::numeric_limits<T>::infinity()) {}
};

/// Factors and bounds of one piece; the arrays are read only where the template says so.
template <class T> struct Piece {
  T low_before, low_after;
  T before = 1, after = 1;                                  // a plane's factors
  const T* before_factors = nullptr;                        // single elements' factors
  const T* after_factors = nullptr;
};

/// The affine map: scale and bias for the whole piece, or rstd and one gamma and beta for each element.
template <class T> struct AffineMap {
  T mean = 0, scale = 1, bias = 0;
  const T* gamma = nullptr;
  const T* beta = nullptr;
};

/// element: gamma and beta are arrays; drop: single elements are dropped, before the norm or after it.
template <class T, bool element, bool drop> struct Lines {
  using V = Vec<T>;

  // Planes are read in the order of memory. The hardware's own prefetching stops at every page: it keeps up with one tensor, not
  // with two, whose gradients take half as long again without this.
  static HD_INLINE void fetch_page_ahead(const T* p) { __builtin_prefetch(reinterpret_cast<const char*>(p) + 4096); }

  template <class Part> static HD_INLINE V input(const Piece<T>& piece, const T* x, int i, Part part) {
    V z = at_least(load_part(x + i, part), broadcast(piece.low_before)) * piece.before;
    if constexpr (drop) z *= load_part(piece.before_factors + i, part);
    return z;
  }
  template <class Part> static HD_INLINE V mapped(const AffineMap<T>& map, V centred, int i, Part part) {
    if constexpr (element) return centred * (load_part(map.gamma + i, part) * map.scale) + load_part(map.beta + i, part);
    return centred * map.scale + map.bias;
  }
  template <class Part>
  static HD_INLINE V output_gradient(const Piece<T>& piece, const AffineMap<T>& map, V centred, const T* dy, int i, Part part) {
    V g = load_part(dy + i, part) * piece.after;
    if constexpr (drop) g *= load_part(piece.after_factors + i, part);
    return mapped(map, centred, i, part) > broadcast(piece.low_after) ? g : V{};
  }

  static HD_INLINE void moments(const Piece<T>& piece, int count, const T* x, T shift, PairSums<T>& sums) {
    sums.add_distances(count, shift, [&](int i, auto part) HD_INLINE_LAMBDA { return input(piece, x, i, part); });
  }

  static HD_INLINE void apply(const Piece<T>& piece, const AffineMap<T>& map, int count, const T* x, T* y) {
    each_vector<T>(count, [&](int i, auto part, auto) HD_INLINE_LAMBDA {
      V v = mapped(map, input(piece, x, i, part) - map.mean, i, part);
      v = at_least(v, broadcast(piece.low_after)) * piece.after;
      if constexpr (drop) v *= load_part(piece.after_factors + i, part);
      store_part<T>(y + i, v, part);
    });
  }

  /// With arrays, the sums are of g * gamma, and dbeta += g, dgamma += g * (z - mean) * rstd element by element.
  static HD_INLINE void gradient_sums(const Piece<T>& piece, const AffineMap<T>& map, int count, const T* x, const T* dy,
                                      PairSums<T>& sums, T* dgamma, T* dbeta) {
    V a[4] = {}, b[4] = {};
    each_vector<T, 4>(count, [&](int i, auto part, auto u) HD_INLINE_LAMBDA {
      fetch_page_ahead(x + i), fetch_page_ahead(dy + i);
      const V centred = input(piece, x, i, part) - map.mean;
      V g = output_gradient(piece, map, centred, dy, i, part);
      if constexpr (element) {
        store_part<T>(dbeta + i, load_part(dbeta + i, part) + g, part);
        store_part<T>(dgamma + i, load_part(dgamma + i, part) + g * centred * map.scale, part);
        g *= load_part(map.gamma + i, part);
      }
      a[u] += g;
      b[u] += g * centred;
    });
    sums.add(a, b, count);
  }

  static HD_INLINE void gradient(const Piece<T>& piece, const AffineMap<T>& map, T k1, T k2, T k3, int count, const T* x,
                                 const T* dy, T* dx) {
    each_vector<T>(count, [&](int i, auto part, auto) HD_INLINE_LAMBDA {
      fetch_page_ahead(x + i), fetch_page_ahead(dy + i);
      const V centred = input(piece, x, i, part) - map.mean;
      V g = output_gradient(piece, map, centred, dy, i, part);
      if constexpr (element) g *= load_part(map.gamma + i, part);
      V d = (g * k1 - k2 - centred * k3) * piece.before;
      if constexpr (drop) d *= load_part(piece.before_factors + i, part);
      store_part<T>(dx + i, load_part(x + i, part) > broadcast(piece.low_before) ? d : V{}, part);
    });
  }
};

/// Whether factors of single elements are drawn, drawn and kept as bits, or made from the bits.
enum class Draws { fresh, kept, again };

/// Bytes to keep the bits of both sides of the norm for so many planes.
template <class T> HD_INLINE std::int64_t bits_for(std::int64_t planes, std::int64_t inner) {
  return std::is_same_v<T, float> ? kept_bytes(planes, inner) : 0;
}

/// Calls f(piece, offset, count) for the pieces of planes of `inner` elements each.
template <class T> class PlaneWalker {
 public:
  /// scratch: bits_for() the planes from begin_at() on, for kernels that go through their elements twice.
  PlaneWalker(const Neighbours<T>& neighbours, std::int64_t inner, std::uint8_t* scratch = nullptr)
      : bits_(neighbours.kept ? neighbours.kept : scratch), neighbours_(neighbours), inner_(inner) {
    // A side without dropout of elements has factors too, where the other one does.
    const bool before = neighbours.before.elements(), after = neighbours.after.elements();
    if (after && !before) std::fill(std::begin(before_.data), std::end(before_.data), T(1));
    if (before && !after) std::fill(std::begin(after_.data), std::end(after_.data), T(1));
  }

  Draws before_draws = Draws::fresh, after_draws = Draws::fresh;

  /// The plane that the scratch's bits begin with.
  void begin_at(std::int64_t plane) { first_plane_ = neighbours_.kept ? 0 : plane; }
  /// The sums of the forward pass, which look at what precedes the norm, and its results.
  void forward_sums() { before_draws = Draws::kept; }
  void forward_result() {
    before_draws = Draws::again;
    after_draws = neighbours_.kept ? Draws::kept : Draws::fresh;
  }
  void backward_sums() { before_draws = after_draws = neighbours_.kept ? Draws::again : Draws::kept; }
  void backward_result() { before_draws = after_draws = Draws::again; }

  /// drop: whether single elements are dropped; after: whether f looks at what follows the norm.
  template <bool drop, bool after = true> HD_INLINE void walk(std::int64_t plane, auto&& f) {
    Piece<T> piece{neighbours_.low_before, neighbours_.low_after, before_planes_[plane], after ? after_planes_[plane] : T(1),
                   before_.data, after_.data};
    for (std::int64_t offset = 0; offset < inner_; offset += piece_size) {
      const int count = static_cast<int>(inner_ - offset < piece_size ? inner_ - offset : piece_size);
      if (drop && neighbours_.before.elements()) piece.before_factors = factors(neighbours_.before, before_draws, 0, plane, offset, count, before_);
      if (drop && after && neighbours_.after.elements())
        piece.after_factors = factors(neighbours_.after, after_draws, 1, plane, offset, count, after_);
      f(piece, offset, count);
    }
  }

  /// The mean of a plane's first elements, as shift for moments. x is the whole tensor.
  template <bool drop> __attribute__((noinline)) T estimate(std::int64_t plane, const T* x) {
    const int count = static_cast<int>(inner_ < 128 ? inner_ : 128);
    Piece<T> piece{neighbours_.low_before, neighbours_.low_after, before_planes_[plane], 1, before_.data, nullptr};
    if (drop && neighbours_.before.elements()) piece.before_factors = neighbours_.before.piece(plane * inner_, count, before_);
    PairSums<T> sums;
    Lines<T, false, drop>::moments(piece, count, x + plane * inner_, T(0), sums);
    sums.flush();
    return static_cast<T>(sums.total_a / count);
  }

 private:
  const T* factors(const DropoutFactors<T>& drop, Draws draws, int side, std::int64_t plane, std::int64_t offset, int count,
                   typename DropoutFactors<T>::Buffer& buffer) {
    if constexpr (std::is_same_v<T, float>) {
      std::uint8_t* bits = bits_ + kept_bytes(plane - first_plane_, inner_) + side * kept_bytes(1, inner_) / 2 + offset / 8;
      if (draws == Draws::again) {
        unpack_kept(bits, count, drop.scale(), buffer.data);
        return buffer.data;
      }
      const T* drawn = drop.draw(plane * inner_ + offset, count, buffer);
      if (draws == Draws::kept) pack_kept(drawn, count, bits);
      return drawn;
    }
    return drop.draw(plane * inner_ + offset, count, buffer);
  }

  std::uint8_t* bits_;
  const Neighbours<T>& neighbours_;
  std::int64_t inner_, first_plane_ = 0;
  PlaneFactors<T> before_planes_{neighbours_.before}, after_planes_{neighbours_.after};
  typename DropoutFactors<T>::Buffer before_, after_;
};

/// Calls f.operator()<bool>() with whether single elements are dropped on either side of the norm.
template <class T> HD_INLINE void with_drop(const Neighbours<T>& neighbours, auto&& f) {
  if (neighbours.before.elements() || neighbours.after.elements()) return f.template operator()<true>();
  f.template operator()<false>();
}

}  // namespace
}  // namespace heddle::kernels
