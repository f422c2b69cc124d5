// The random draws and the per-pixel arithmetic of the augmentations, written once for every backend.
//
// Draws. Word j of step s of image i in epoch e is word j % 4 of the Philox block with key `seed` and counter
//     { i,  augment << 24 | s << 16 | j / 4,  e's low word,  e's high word },
// s being the step's place in AugmentShape::step and i the image's index in the data set (its low 32 bits). Word 0 decides
// whether the step is applied: uniform01(word 0) < p. The others:
//     shift_scale_rotate   1 angle  2 scale  3 shift along x  4 shift along y
//     coarse_dropout       1 + 2 h top and 2 + 2 h left of hole h
//     brightness_contrast  1 contrast  2 brightness
//     color_jitter         1 brightness  2 contrast  3 saturation  4 hue  5 order
//     rotation             1 angle
//     rgb_shift            1 red  2 green  3 blue
//     random_crop          1 top  2 left
// A limit l is drawn as l * (2 u - 1), u = uniform01(word), except for color_jitter's three factors, which are drawn from
// [max(0, 1 - l), 1 + l); a whole number below n as word * n / 2^32.
//
// Pixels keep their unit, bytes as numbers from 0 to 255, until the last step, value * scale + offset, normalises them: so that
// an augmentation that changes nothing changes no bit.
#pragma once

#include <cmath>
#include <cstdint>

#include "heddle/base/inline.hpp"
#include "kernels/augment/augment.hpp"
#include "kernels/random/philox.hpp"

namespace heddle::kernels {

/// The random words of one step on one image.
struct AugmentDraws {
  std::uint64_t seed, epoch;
  std::uint32_t image, step;

  HD_INLINE std::uint32_t word(int j) const {
    const std::uint32_t use =
        static_cast<std::uint32_t>(Purpose::augment) << 24 | step << 16 | static_cast<std::uint32_t>(j / 4);
    const PhiloxBlock words =
        philox(seed, image, use, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32));
    const int w = j % 4;  // chosen, not indexed: on a GPU an array that is indexed lies in local memory
    return w == 0 ? words.word[0] : w == 1 ? words.word[1] : w == 2 ? words.word[2] : words.word[3];
  }
  HD_INLINE bool applies(float p) const { return uniform01(word(0)) < p; }
  HD_INLINE float within(int j, float limit) const { return limit * (2 * uniform01(word(j)) - 1); }
  /// A factor around 1, never below 0.
  HD_INLINE float factor(int j, float limit) const {
    const float low = limit < 1 ? 1 - limit : 0;
    return low + (1 + limit - low) * uniform01(word(j));
  }
  HD_INLINE int below(int j, int n) const {
    return static_cast<int>(static_cast<std::uint64_t>(word(j)) * static_cast<std::uint64_t>(n) >> 32);
  }
};

/// Sine and cosine of an angle in degrees, taken in double: every backend rounds to the same floats. Of the angle's distance
/// from a multiple of 90 degrees, which is exact, by their series, whose first term left out is below 1e-17. CUDA's sin takes a
/// call and a stack for angles too large for its quick reduction, and spills registers around that call.
HD_INLINE void sine_cosine(float degrees, double& sine, double& cosine) {
  const double quarters = std::floor(static_cast<double>(degrees) * (1.0 / 90) + 0.5);
  const double angle = (static_cast<double>(degrees) - 90 * quarters) * (3.14159265358979323846 / 180), square = angle * angle;
  double s = 1, c = 1;
  for (int n = 18; n > 0; n -= 2) {
    s = 1 - square * (1.0 / (n * (n + 1))) * s;
    c = 1 - square * (1.0 / (n * (n - 1))) * c;
  }
  s *= angle;
  const int quarter = static_cast<int>(quarters) & 3;
  sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
  cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

/// Where pixel (x, y) of the output comes from: a turn (counter-clockwise as seen, positive degrees) and a zoom about the
/// image's centre, then a shift. source = centre + turn^-1 (pixel - centre - shift) / zoom.
struct Affine {
  float cosine, sine;  ///< over the zoom
  float centre_x, centre_y, from_x, from_y;

  HD_INLINE Affine(const AugmentDraws& draws, const AugmentStep& step, int width, int height) {
    const float zoom = 1 + draws.within(2, step.b);
    double s, c;
    sine_cosine(draws.within(1, step.c), s, c);
    cosine = static_cast<float>(c / static_cast<double>(zoom));
    sine = static_cast<float>(s / static_cast<double>(zoom));
    centre_x = 0.5f * static_cast<float>(width - 1);
    centre_y = 0.5f * static_cast<float>(height - 1);
    from_x = centre_x + draws.within(3, step.a) * static_cast<float>(width);
    from_y = centre_y + draws.within(4, step.a) * static_cast<float>(height);
  }
  HD_INLINE float source_x(int x, int y) const {
    return centre_x + (cosine * (static_cast<float>(x) - from_x) - sine * (static_cast<float>(y) - from_y));
  }
  HD_INLINE float source_y(int x, int y) const {
    return centre_y + (sine * (static_cast<float>(x) - from_x) + cosine * (static_cast<float>(y) - from_y));
  }
};

/// A coordinate brought into [0, last] by reflection at 0 and at last, which repeats neither pixel: an image continued by
/// its mirror images is the same at both. inverse_period = 1 / (2 last), or 0 where last is 0.
HD_INLINE float reflect(float u, float last, float inverse_period) {
  u = u < 0 ? -u : u;
  u -= 2 * last * std::floor(u * inverse_period);
  const float back = 2 * last - u;
  u = u < back ? u : back;
  u = u > 0 ? u : 0;
  return inverse_period == 0 ? 0 : u;
}
HD_INLINE float inverse_period(int side) {
  return side > 1 ? 0.5f / static_cast<float>(side - 1) : 0;
}

/// Between four neighbours.
HD_INLINE float bilinear(float v00, float v01, float v10, float v11, float fx, float fy) {
  const float top = v00 + fx * (v01 - v00), bottom = v10 + fx * (v11 - v10);
  return top + fy * (bottom - top);
}

/// A turn about the centre to the nearest pixel, in whole numbers (2^16 to a pixel), so that every backend picks the
/// same one. Sides up to 8,192 pixels.
struct NearestTurn {
  std::int32_t cosine, sine;

  HD_INLINE explicit NearestTurn(float degrees) {
    double s, c;
    sine_cosine(degrees, s, c);
    cosine = static_cast<std::int32_t>(std::floor(c * 65536 + 0.5));
    sine = static_cast<std::int32_t>(std::floor(s * 65536 + 0.5));
  }
  /// dx2, dy2: twice the distance from the centre, 2 x - (side - 1).
  HD_INLINE std::int32_t source_x(std::int32_t dx2, std::int32_t dy2, std::int32_t width) const {
    return (cosine * dx2 - sine * dy2 + width * 65536) >> 17;
  }
  HD_INLINE std::int32_t source_y(std::int32_t dx2, std::int32_t dy2, std::int32_t height) const {
    return (sine * dx2 + cosine * dy2 + height * 65536) >> 17;
  }
};

HD_INLINE float clip_byte(float v) {
  return v < 0 ? 0 : v > 255 ? 255 : v;
}
HD_INLINE float grey(float r, float g, float b) {
  return 0.2989f * r + 0.587f * g + 0.114f * b;
}

/// Turns a pixel's hue by `turns` of a whole turn, through HSV.
HD_INLINE void turn_hue(float& r, float& g, float& b, float turns) {
  const float most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);
  const float chroma = most - least, inverse = chroma > 0 ? 1 / chroma : 0;
  float h = most == r ? (g - b) * inverse : most == g ? 2 + (b - r) * inverse : 4 + (r - g) * inverse;  // in sixths
  h += 6 * turns;
  // Back: each channel is the maximum less chroma times a trapezoid of its distance in hue, red shifted by 5 sixths,
  // green by 3, blue by 1.
  const float shift[3] = {5, 3, 1};
  float out[3];
  for (int c = 0; c < 3; ++c) {
    float k = h + shift[c];
    k -= 6 * std::floor(k * (1.0f / 6));
    float part = k < 4 - k ? k : 4 - k;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    out[c] = most - chroma * part;
  }
  r = out[0];
  g = out[1];
  b = out[2];
}

/// Permutation number `code` (0 to 23) of 0, 1, 2, 3, two bits each, the first lowest.
HD_INLINE unsigned permutation_of_four(unsigned code) {
  unsigned left = 0b11100100, result = 0;  // what is left to pick from, in order
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned pick = code % (4 - i) * 2;
    code /= 4 - i;
    result |= (left >> pick & 3) << (2 * i);
    left = (left & ((1u << pick) - 1)) | (left >> (pick + 2) << pick);
  }
  return result;
}

}  // namespace heddle::kernels
