// A program of somebody else's that reads a picture, by the component heddle::pictures.
#include <cstdio>

#include "heddle/heddle.hpp"
#include "heddle/pictures/read_image.hpp"

int main() {
  const std::string png = heddle::report::encode_png({2, 1, 3, {1, 2, 3, 4, 5, 6}});
  const heddle::Tensor image = heddle::pictures::decode_image(png, "two.png");
  try {
    heddle::pictures::decode_image(png.substr(0, 40), "cut.png");
  } catch (const heddle::Error& error) {
    std::printf("as expected: %s\n", error.what());
    return image.shape() == heddle::Shape{1, 3, 1, 2} ? 0 : 1;
  }
  return 1;
}
