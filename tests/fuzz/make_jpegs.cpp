// Writes the JPEG files of the fuzz target "picture": each kind once, as small as it gets.
//
//   g++ -std=c++20 make_jpegs.cpp -ljpeg -o /tmp/make_jpegs && /tmp/make_jpegs corpus/picture
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// clang-format off: it takes FILE and size_t from what stands before it.
#include <jpeglib.h>
// clang-format on

namespace {

struct Kind {
  const char* name;
  int channels = 3;
  J_COLOR_SPACE colours = JCS_RGB;
  bool progressive = false, arithmetic = false;
  int restart = 0, orientation = 0, subsampling = 2;
};

std::string encode(const Kind& kind) {
  constexpr int width = 17, height = 10;
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = width;
  jpeg.image_height = height;
  jpeg.input_components = kind.channels;
  jpeg.in_color_space = kind.colours;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 50, TRUE);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = kind.channels == 3 ? kind.subsampling : 1;
  jpeg.restart_interval = static_cast<unsigned>(kind.restart);
  jpeg.arith_code = kind.arithmetic;
  if (kind.progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  if (kind.orientation) {
    // TIFF, big-endian, with one entry: Orientation (0x0112), one short.
    std::string exif("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0", 32);
    exif[25] = static_cast<char>(kind.orientation);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()), static_cast<unsigned>(exif.size()));
  }
  std::vector<unsigned char> row(static_cast<std::size_t>(width * kind.channels));
  for (int y = 0; y < height; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<unsigned char>(20 * y + 9 * static_cast<int>(i));
    JSAMPROW start = row.data();
    jpeg_write_scanlines(&jpeg, &start, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string text(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  const auto put = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  const Kind kinds[] = {{.name = "rgb"},
                        {.name = "rgb-444", .subsampling = 1},
                        {.name = "grey", .channels = 1, .colours = JCS_GRAYSCALE},
                        {.name = "cmyk", .channels = 4, .colours = JCS_CMYK},
                        {.name = "progressive", .progressive = true},
                        {.name = "arithmetic", .arithmetic = true},
                        {.name = "restart", .restart = 1},
                        {.name = "turned", .orientation = 6},
                        {.name = "turned-nowhere", .orientation = 9}};
  for (const auto& kind : kinds) put(std::string(kind.name) + ".jpg", encode(kind));
  const std::string whole = encode(kinds[0]);
  put("cut.jpg", whole.substr(0, whole.size() - 40));
  put("head.jpg", whole.substr(0, 200));
  std::string large = whole;
  large.replace(large.find("\xff\xc0") + 5, 4, "\xff\xff\xff\xff");  // 65535 x 65535 pixels
  put("large.jpg", large);
}
