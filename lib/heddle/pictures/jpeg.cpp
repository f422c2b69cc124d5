// JPEG by libjpeg-turbo (or another library with libjpeg's interface), row by row: grey, YCbCr, RGB, CMYK and YCCK, baseline
// and progressive.
#include <cstddef>
#include <cstdio>
// jpeglib.h wants the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/pictures/decoders.hpp"

namespace heddle::pictures::detail {
namespace {

// A progressive picture has about ten scans, at most some dozens; each costs a walk over all pixels, however short it is.
constexpr int most_scans = 100;

// Everything that a step works on. Nothing in it has a destructor: see decoders.hpp.
struct JpegState {
  jpeg_error_mgr errors;  // first, so that cinfo.err is this
  jpeg_decompress_struct info;
  jpeg_progress_mgr progress;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  int orientation;
};

JpegState& state_of(j_common_ptr info) {
  return *reinterpret_cast<JpegState*>(info->err);
}

[[noreturn]] void on_error(j_common_ptr info) {
  JpegState& state = state_of(info);
  info->err->format_message(info, state.message);
  std::longjmp(state.jump, 1);
}

// libjpeg warns of damage and decodes what it can. Here a warning is an error where pixels may be others than were stored.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  constexpr int end_of_image = 0xd9;
  const auto* const decompress = reinterpret_cast<j_decompress_ptr>(info);
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:  // numbers that a baseline scan does not use
      return;
    case JWRN_EXTRANEOUS_DATA:
      // Padding between the headers, or behind the last pixel, as some cameras write it.
      if (decompress->input_scan_number == 0 || info->err->msg_parm.i[1] == end_of_image) return;
      break;
    default:
      break;
  }
  on_error(info);
}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= most_scans) return;
  JpegState& state = state_of(info);
  std::snprintf(state.message, sizeof state.message, "it has more than %d scans", most_scans);
  std::longjmp(state.jump, 1);
}

bool read_header(JpegState& s, const unsigned char* bytes, std::size_t count) {
  if (setjmp(s.jump)) return false;
  jpeg_create_decompress(&s.info);
  s.info.progress = &s.progress;
  jpeg_mem_src(&s.info, const_cast<unsigned char*>(bytes), count);
  jpeg_save_markers(&s.info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&s.info, TRUE);
  constexpr std::size_t prefix = 6;  // "Exif\0\0"
  for (jpeg_saved_marker_ptr marker = s.info.marker_list; marker; marker = marker->next)
    if (marker->data_length > prefix && std::memcmp(marker->data, "Exif\0", prefix) == 0) {
      s.orientation = exif_orientation({reinterpret_cast<const char*>(marker->data) + prefix, marker->data_length - prefix});
      break;
    }
  return true;
}

// A progressive file is read here, as a whole.
bool begin_rows(JpegState& s) {
  if (setjmp(s.jump)) return false;
  jpeg_start_decompress(&s.info);
  return true;
}

// One row of 1, 3 or 4 samples a pixel into the three planes.
void place_row(const unsigned char* row, int channels, std::size_t width, std::uint8_t* out, std::size_t area) {
  for (std::size_t x = 0; x < width; ++x) {
    const unsigned char* const pixel = row + x * static_cast<std::size_t>(channels);
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = pixel[channels == 1 ? 0 : c];
      // Adobe's CMYK is stored inverted: 255 is no ink.
      out[c * area + x] = static_cast<std::uint8_t>(channels == 4 ? (value * pixel[3] + 127) / 255 : value);
    }
  }
}

bool read_rows(JpegState& s, unsigned char* row, std::uint8_t* planes) {
  if (setjmp(s.jump)) return false;
  const std::size_t width = s.info.output_width, area = width * s.info.output_height;
  while (s.info.output_scanline < s.info.output_height) {
    const std::size_t y = s.info.output_scanline;
    jpeg_read_scanlines(&s.info, &row, 1);
    place_row(row, s.info.output_components, width, planes + y * width, area);
  }
  jpeg_finish_decompress(&s.info);
  return true;
}

class JpegReader {
 public:
  JpegReader() {
    std::memset(&state, 0, sizeof state);
    state.info.err = jpeg_std_error(&state.errors);
    state.errors.error_exit = on_error;
    state.errors.emit_message = on_message;
    state.progress.progress_monitor = on_progress;
    state.orientation = 1;
  }
  ~JpegReader() { jpeg_destroy_decompress(&state.info); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  JpegState state;
};

// Each block of 8 x 8 samples has a code of one bit at least (arithmetic coding apart): with fewer bits the picture is not
// whole, and nothing is allocated for it.
bool can_hold(std::size_t bytes, const jpeg_decompress_struct& info) {
  double blocks = 0;
  for (int i = 0; i < info.num_components; ++i)
    blocks += static_cast<double>(info.comp_info[i].width_in_blocks) * info.comp_info[i].height_in_blocks;
  return info.arith_code || blocks <= 8.0 * static_cast<double>(bytes);
}

// Whether a progressive file had the first scan of every component; a baseline one without would have ended early.
bool has_every_component(const jpeg_decompress_struct& info) {
  for (int i = 0; info.coef_bits && i < info.num_components; ++i)
    if (info.coef_bits[i][0] < 0) return false;
  return true;
}

// What to ask of the decoder: grey, RGB or CMYK. Error where libjpeg cannot tell what the components are.
J_COLOR_SPACE output_of(const jpeg_decompress_struct& info, std::string_view name) {
  switch (info.jpeg_color_space) {
    case JCS_GRAYSCALE:
      return JCS_GRAYSCALE;
    case JCS_YCbCr:
    case JCS_RGB:
      return JCS_RGB;
    case JCS_CMYK:
    case JCS_YCCK:
      return JCS_CMYK;
    default:
      fail(where, strings::format("expected a grey, RGB or CMYK picture in '{}', got a JPEG file of {} components", name,
                                  info.num_components));
  }
}

}  // namespace

Decoded decode_jpeg(std::string_view bytes, std::string_view name, const ReadOptions& options) {
  JpegReader reader;
  JpegState& s = reader.state;
  const auto whole = [&](bool ok) {
    check(ok, where, "expected a whole picture in '{}', got a JPEG file that cannot be read: {}", name, s.message);
  };
  whole(read_header(s, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  const std::int64_t width = s.info.image_width, height = s.info.image_height;
  check_pixels(width, height, name, options);
  s.info.out_color_space = output_of(s.info, name);
  check(can_hold(bytes.size(), s.info), where,
        "expected a whole picture of {} x {} pixels in '{}', got a JPEG file of {} bytes", width, height, name, bytes.size());
  whole(begin_rows(s));
  check(has_every_component(s.info), where, "expected a whole picture in '{}', got a JPEG file without all of its components",
        name);
  Tensor image = empty({1, 3, height, width}, {.dtype = uint8});
  std::vector<unsigned char> row(static_cast<std::size_t>(width) * static_cast<std::size_t>(s.info.output_components));
  whole(read_rows(s, row.data(), image.data<std::uint8_t>()));
  return {image, s.orientation};
}

}  // namespace heddle::pictures::detail
