// PNG by libpng, row by row: 8 or 16 bits, grey, palettes, transparency, interlaced.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/pictures/decoders.hpp"

namespace heddle::pictures::detail {
namespace {

// Everything that a step works on. Nothing in it has a destructor: see decoders.hpp.
struct PngState {
  png_structp png;
  png_infop info;
  const unsigned char* next;
  std::size_t left;
  char message[256];
  png_uint_32 width, height;
  int depth, channels, passes;
};

PngState& state_of(png_structp png) {
  return *static_cast<PngState*>(png_get_io_ptr(png));
}

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto& state = *static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state.message, sizeof state.message, "%s", message);
  png_longjmp(png, 1);
}

// What is odd about the pixels' own chunks is damage; what is odd elsewhere does not change a pixel.
void on_warning(png_structp png, png_const_charp message) {
  if (std::strncmp(message, "IDAT", 4) == 0) png_error(png, message);
}

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  PngState& state = state_of(png);
  if (count > state.left) png_error(png, "the file ends early");
  std::memcpy(to, state.next, count);
  state.next += count;
  state.left -= count;
}

// Chunks that no pixel depends on are skipped, once their checksums are right: profiles and texts may be compressed bombs.
void skip_the_rest(png_structp png) {
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
  static const png_byte chunks[] =
      "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, chunks, static_cast<int>(sizeof chunks / 5));
#else
  static_cast<void>(png);
#endif
}

bool read_header(PngState& s) {
  if (setjmp(png_jmpbuf(s.png))) return false;
  png_set_read_fn(s.png, &s, read_bytes);
  png_set_crc_action(s.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_benign_errors(s.png, 0);
  png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_pixels decides
  skip_the_rest(s.png);
  png_read_info(s.png, s.info);
  s.width = png_get_image_width(s.png, s.info);
  s.height = png_get_image_height(s.png, s.info);
  s.depth = png_get_bit_depth(s.png, s.info);
  s.channels = png_get_channels(s.png, s.info);
  return true;
}

// From here on rows are 8 bits, RGB or RGBA.
bool begin_rows(PngState& s) {
  if (setjmp(png_jmpbuf(s.png))) return false;
  png_set_expand(s.png);
  png_set_scale_16(s.png);
  png_set_gray_to_rgb(s.png);
  s.passes = png_set_interlace_handling(s.png);
  png_read_update_info(s.png, s.info);
  s.channels = png_get_channels(s.png, s.info);
  return true;
}

// One row into the three planes, over white.
void place_row(const unsigned char* row, int channels, std::size_t width, std::uint8_t* out, std::size_t area) {
  for (std::size_t x = 0; x < width; ++x) {
    const unsigned char* const pixel = row + x * static_cast<std::size_t>(channels);
    const int alpha = channels == 4 ? pixel[3] : 255;
    for (std::size_t c = 0; c < 3; ++c)
      out[c * area + x] = static_cast<std::uint8_t>((pixel[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

// rows: one row, or all of them where the picture is interlaced.
bool read_rows(PngState& s, unsigned char* rows, std::uint8_t* planes) {
  if (setjmp(png_jmpbuf(s.png))) return false;
  const std::size_t stride = std::size_t{s.width} * static_cast<std::size_t>(s.channels);
  const std::size_t area = std::size_t{s.width} * s.height;
  for (int pass = 0; pass < s.passes; ++pass)
    for (std::size_t y = 0; y < s.height; ++y) {
      unsigned char* const row = s.passes == 1 ? rows : rows + y * stride;
      png_read_row(s.png, row, nullptr);
      if (pass == s.passes - 1) place_row(row, s.channels, s.width, planes + y * s.width, area);
    }
  return true;
}

// The end of the compressed stream, with its checksum, and the chunks behind it.
bool finish(PngState& s) {
  if (setjmp(png_jmpbuf(s.png))) return false;
  png_read_end(s.png, s.info);
  return true;
}

// What the first eXIf chunk says; libpng, of some versions, writes it twice and refuses to read that. The chunks are known to
// be whole: each is a length, a type, its data and a checksum.
int orientation_of(std::string_view bytes) {
  constexpr std::size_t signature = 8, around = 12;
  for (std::size_t at = signature; bytes.size() - at >= around;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[at + i]);
    if (length > bytes.size() - at - around) break;
    const std::string_view type = bytes.substr(at + 4, 4);
    if (type == "eXIf") return exif_orientation(bytes.substr(at + 8, length));
    if (type == "IEND") break;
    at += around + length;
  }
  return 1;
}

class PngReader {
 public:
  explicit PngReader(std::string_view bytes) {
    state = {};
    state.next = reinterpret_cast<const unsigned char*>(bytes.data());
    state.left = bytes.size();
    state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (state.png) state.info = png_create_info_struct(state.png);
  }
  ~PngReader() { png_destroy_read_struct(&state.png, &state.info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  PngState state;
};

// DEFLATE makes at most 1032 bytes of one (a match of 258 bytes takes two bits): a picture whose rows are longer than that is
// not whole, and nothing is allocated for it.
bool can_hold(std::size_t bytes, const PngState& s) {
  constexpr double most = 1032;
  const double bits = static_cast<double>(s.width) * s.channels * s.depth;
  return static_cast<double>(s.height) * (bits / 8) <= most * static_cast<double>(bytes);
}

}  // namespace

Decoded decode_png(std::string_view bytes, std::string_view name, const ReadOptions& options) {
  PngReader reader(bytes);
  PngState& s = reader.state;
  check(s.info != nullptr, where, "expected memory for libpng's state to read '{}', got none", name);
  const auto whole = [&](bool ok) {
    check(ok, where, "expected a whole picture in '{}', got a PNG file that cannot be read: {}", name, s.message);
  };
  whole(read_header(s));
  check_pixels(s.width, s.height, name, options);
  check(can_hold(bytes.size(), s), where, "expected a whole picture of {} x {} pixels in '{}', got a PNG file of {} bytes",
        s.width, s.height, name, bytes.size());
  whole(begin_rows(s));
  Tensor image = empty({1, 3, std::int64_t{s.height}, std::int64_t{s.width}}, {.dtype = uint8});
  const std::size_t row = std::size_t{s.width} * static_cast<std::size_t>(s.channels);
  std::vector<unsigned char> rows(s.passes == 1 ? row : row * s.height);
  whole(read_rows(s, rows.data(), image.data<std::uint8_t>()));
  whole(finish(s));
  return {image, orientation_of(bytes)};
}

}  // namespace heddle::pictures::detail
