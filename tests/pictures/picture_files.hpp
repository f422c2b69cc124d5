// Pictures for tests, written by libpng and libjpeg, of every kind that they write; and single chunks of PNG.
#pragma once

#include <cstdint>
#include <cstdio>
// jpeglib.h wants cstdio.
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::test {

struct PngPicture {
  int width = 1, height = 1;
  int depth = 8, color = PNG_COLOR_TYPE_RGB;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<png_byte> palette_alpha = {};
};

/// rows: `height` of them, packed as PNG packs them (16 bits: the high byte first). `more` may add chunks before the pixels.
inline std::string write_png(const PngPicture& picture, std::vector<std::uint8_t> rows,
                             const std::function<void(png_structp, png_infop)>& more = {}) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, std::size_t count) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<const char*>(data), count);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), picture.depth,
               picture.color, picture.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!picture.palette.empty()) png_set_PLTE(png, info, picture.palette.data(), static_cast<int>(picture.palette.size()));
  if (!picture.palette_alpha.empty())
    png_set_tRNS(png, info, picture.palette_alpha.data(), static_cast<int>(picture.palette_alpha.size()), nullptr);
  if (more) more(png, info);
  png_write_info(png, info);
  const std::size_t stride = rows.size() / static_cast<std::size_t>(picture.height);
  std::vector<png_bytep> pointers;
  for (int y = 0; y < picture.height; ++y) pointers.push_back(rows.data() + static_cast<std::size_t>(y) * stride);
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

/// One chunk, with a checksum that is right.
inline std::string png_chunk(std::string_view type, std::string_view data) {
  const auto number = [](std::uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255);
    return text;
  };
  const std::string body = std::string(type) + std::string(data);
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return number(static_cast<std::uint32_t>(data.size())) + body + number(static_cast<std::uint32_t>(sum));
}

struct JpegPicture {
  int width = 1, height = 1;
  int components = 3;
  J_COLOR_SPACE color = JCS_RGB;  ///< of the pixels
  J_COLOR_SPACE stored = JCS_YCbCr;
  bool progressive = false, subsampled = false;
  int quality = 95;
  std::string exif = {};  ///< an APP1 segment's bytes
  std::vector<jpeg_scan_info> scans = {};
};

inline std::string write_jpeg(const JpegPicture& picture, std::vector<std::uint8_t> pixels) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(picture.width);
  info.image_height = static_cast<JDIMENSION>(picture.height);
  info.input_components = picture.components;
  info.in_color_space = picture.color;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, picture.stored);
  jpeg_set_quality(&info, picture.quality, TRUE);
  if (!picture.subsampled)
    for (int i = 0; i < info.num_components; ++i) info.comp_info[i].h_samp_factor = info.comp_info[i].v_samp_factor = 1;
  if (picture.progressive) jpeg_simple_progression(&info);
  if (!picture.scans.empty()) {
    info.scan_info = picture.scans.data();
    info.num_scans = static_cast<int>(picture.scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  if (!picture.exif.empty())
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(picture.exif.data()),
                      static_cast<unsigned int>(picture.exif.size()));
  while (info.next_scanline < info.image_height) {
    JSAMPROW row =
        pixels.data() + std::size_t{info.next_scanline} * static_cast<std::size_t>(picture.width * picture.components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return bytes;
}

/// A TIFF structure that says nothing but the orientation.
inline std::string orientation_tiff(int orientation, bool big_endian) {
  const auto low = static_cast<char>(orientation);
  if (big_endian) return std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + low + std::string(6, '\0');
  return std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + low + std::string(7, '\0');
}

}  // namespace heddle::test
